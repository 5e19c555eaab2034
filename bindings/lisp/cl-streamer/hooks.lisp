;;;; Functions of the application that hear of events. An error in one of them is a line of the log.

(in-package #:cl-streamer)

(defgeneric pipeline-add-hook (pipeline event function)
  (:documentation "Calls FUNCTION with the pipeline at :PIPELINE-START and :PIPELINE-STOP, and with the track
as well at :TRACK-CHANGE, or the path at :PLAYLIST-CHANGE.")
  (:method ((pipeline audio-pipeline) event function)
    (unless (member event '(:track-change :playlist-change :pipeline-start :pipeline-stop))
      (refuse "there is no event ~S" event))
    (with-lock ((lock pipeline))
      (setf (hooks pipeline) (append (hooks pipeline) (list (list event function)))))
    function))

(defgeneric pipeline-remove-hook (pipeline event function)
  (:method ((pipeline audio-pipeline) event function)
    (with-lock ((lock pipeline))
      (setf (hooks pipeline) (remove (list event function) (hooks pipeline) :test #'equal :count 1)))
    (values)))

(defgeneric pipeline-fire-hook (pipeline event &rest arguments)
  (:documentation "Calls the functions that were added for EVENT, on this thread.")
  (:method ((pipeline audio-pipeline) event &rest arguments)
    (dolist (function (functions-for pipeline event))
      (run-safely event (lambda () (apply function pipeline arguments))))
    (values)))

(defun functions-for (pipeline event)
  (let ((older (case event
                 (:track-change (pipeline-on-track-change pipeline))
                 (:playlist-change (pipeline-on-playlist-change pipeline)))))
    (append (and older (list older))
            (loop for (kind function) in (hooks pipeline)
                  when (eq kind event) collect function))))

(defun run-safely (what function)
  (handler-case (funcall function)
    (error (condition)
      (ignore-errors
       (format *error-output* "~&A hook for ~(~A~) failed: ~A~%" what condition)
       (finish-output *error-output*)))))
