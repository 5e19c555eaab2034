;;;; Events: by functions that the pipeline's hook thread calls, or by polling.

(in-package #:longwave)

(defvar *functions* (make-hash-table #+(or sbcl ecl) :synchronized #+(or sbcl ecl) t)
  "The functions of all hooks, by the number that the library passes back.")

(defvar *numbers* (list 0))

(defun next-number ()
  "Another for each call, on whatever thread."
  #+sbcl (1+ (sb-ext:atomic-incf (car *numbers*)))
  #-sbcl (incf (car *numbers*)))

(defmacro reporting-errors ((what &rest arguments) &body body)
  "Writes an error to *ERROR-OUTPUT*, because it must not unwind into the library. WHAT has failed, a format
with ARGUMENTS."
  `(handler-case (progn ,@body)
     (error (condition)
       (ignore-errors (format *error-output* "~&~? failed: ~A~%" ,what (list ,@arguments) condition)))))

(defmacro with-lisp-floats (&body body)
  "Enables floating-point traps, as everywhere in Lisp. The library masks them in its own threads, and
restores that."
  #+sbcl `(progn
            (sb-int:set-floating-point-modes :traps '(:overflow :invalid :divide-by-zero))
            ,@body)
  #-sbcl `(progn ,@body))

(cffi:defcallback on-event :void ((pipeline :uint64) (event :string) (key :pointer))
  (declare (ignore pipeline))
  (with-lisp-floats
    (let ((function (gethash (cffi:pointer-address key) *functions*)) (event (read-json event)))
      (when function
        (reporting-errors ("A hook for ~A" (getf event :kind))
          (funcall function event))))))

(defun refuse-callback (instead)
  "ECL cannot be called on threads that it did not create."
  (error 'longwave-error
         :status -12
         :message (format nil "ECL cannot be called on threads that it did not create: ~A" instead)))

(defun check-function (function count called)
  "CALLED says that a function is called with COUNT arguments. What takes another number is said now, not when
it is called."
  (unless (or (functionp function) (and (symbolp function) (fboundp function)))
    (refuse-argument "~A, but ~S is no function" called function))
  (let* ((function (if (symbolp function) (fdefinition function) function))
         (parameters #+sbcl (sb-kernel:%fun-lambda-list function)
                     #+ecl (ext:function-lambda-list function)
                     #-(or sbcl ecl) '(event))
         (required (or (position-if (lambda (name) (member name lambda-list-keywords)) parameters)
                       (and (listp parameters) (length parameters)))))
    (when (and required (listp parameters)
               (or (> required count)
                   (and (not (member '&rest parameters))
                        (< (+ required (optional-count parameters)) count))))
      (refuse-argument "~A, but this function takes ~S" called parameters))))

(defun optional-count (parameters)
  (length (loop for parameter in (rest (member '&optional parameters))
                until (member parameter lambda-list-keywords)
                collect parameter)))

(defgeneric pipeline-add-hook (pipeline kind function)
  (:documentation "Calls FUNCTION with each event of KIND, such as :TRACK-CHANGE, or of all kinds if KIND is
NIL. An event is a property list with :KIND, a string, and more. FUNCTION runs on the pipeline's hook thread.
It may be slow, and may call everything; it may even stop its pipeline. Returns the hook's number. A hook that
is added before PIPELINE-START receives the start event.")
  (:method ((pipeline pipeline) kind function)
    #+ecl (refuse-callback "use PIPELINE-NEXT-EVENT")
    (check-function function 1 "a hook is called with one argument, the event")
    (let ((key (next-number)) (name (and kind (string-downcase kind))))
      (setf (gethash key *functions*) function)
      (with-texts (name)
        (let ((hook (get-number :uint64 "lw_pipeline_add_hook" :uint64 (handle pipeline) :pointer name
                                :pointer (cffi:callback on-event) :pointer (cffi:make-pointer key))))
          (push (cons hook key) (hooks pipeline))
          hook)))))

(defgeneric pipeline-remove-hook (pipeline hook)
  (:documentation "Removes a hook. It no longer runs when this returns, unless a hook removes itself.")
  (:method ((pipeline pipeline) hook)
    (call "lw_pipeline_remove_hook" :uint64 (handle pipeline) :uint64 (natural hook))
    (let ((added (assoc hook (hooks pipeline))))
      (remhash (cdr added) *functions*)
      (setf (hooks pipeline) (remove added (hooks pipeline))))
    (values)))

(defun forget-hooks (pipeline)
  "Forgets what a pipeline that has stopped would call."
  (loop for (nil . key) in (shiftf (hooks pipeline) '())
        do (remhash key *functions*))
  (remhash (shiftf (next-track pipeline) nil) *functions*))

;;; What next?

(cffi:defcallback on-next-track :void ((pipeline :uint64) (key :pointer))
  (with-lisp-floats
    (let ((function (gethash (cffi:pointer-address key) *functions*)))
      (when function
        (reporting-errors ("The function for the next track")
          (let ((entry (funcall function)))
            (when entry (queue-entry pipeline entry))))))))

(defun queue-entry (handle entry)
  (with-texts ((files (files-json (list entry))))
    (call "lw_pipeline_queue_files" :uint64 handle :pointer files :int32 0 :pointer (cffi:null-pointer))))

(defgeneric pipeline-on-next-track (pipeline function &key within)
  (:documentation "Calls FUNCTION without arguments when a track begins and the queue is empty, and before the
first track, on a thread of its own. It returns what is to play next, an entry as for PIPELINE-QUEUE-FILES, or
NIL, and then the playlist goes on. It has WITHIN seconds, five if it is 0. To be called before
PIPELINE-START; later another function, or NIL, can take its place.")
  (:method ((pipeline pipeline) function &key (within 0))
    (let ((key nil))
      (when function
        #+ecl (refuse-callback "queue a file when PIPELINE-NEXT-EVENT tells of a track")
        (check-function function 0 "the function for the next track is called without arguments")
        (setf key (next-number)
              (gethash key *functions*) function))
      (call "lw_pipeline_on_next_track" :uint64 (handle pipeline)
            :pointer (if function (cffi:callback on-next-track) (cffi:null-pointer))
            :pointer (cffi:make-pointer (or key 0)) :uint64 (milliseconds within))
      (remhash (shiftf (next-track pipeline) key) *functions*))
    (values)))

(defgeneric pipeline-next-event (pipeline &optional timeout)
  (:documentation "Returns the next event, a property list, or NIL after TIMEOUT seconds. Without TIMEOUT it
waits without a limit. Signals NOT-RUNNING when the pipeline has stopped and all events were read.")
  (:method ((pipeline pipeline) &optional timeout)
    (get-json "lw_pipeline_next_event"
              :uint64 (handle pipeline) :int64 (wait-of timeout))))

(defgeneric pipeline-event-fd (pipeline)
  (:documentation "A file descriptor that is readable while events wait, and when the pipeline has stopped.
Wait for it, but do not read from it.")
  (:method ((pipeline pipeline))
    (get-number :int "lw_pipeline_event_fd" :uint64 (handle pipeline))))
