;;;; The thread that reads the events of a pipeline, and calls the hooks. No foreign thread calls Lisp.

(in-package #:cl-streamer)

(defun watch (pipeline)
  (let ((engine (engine pipeline)))
    (start-thread "cl-streamer events"
                  (lambda ()
                    (handler-case
                        (loop (let ((event (longwave:pipeline-next-event engine)))
                                (when event
                                  (run-safely (getf event :kind) (lambda () (hear pipeline engine event))))))
                      (longwave:not-running () nil)
                      (longwave:bad-handle () nil))))))

(defun hear (pipeline engine event)
  (destructuring-bind (&key kind name track voice stopped &allow-other-keys) event
    (with-lock ((lock pipeline))
      ;; Not if the pipeline has been stopped meanwhile.
      (when (eq engine (engine pipeline))
        (settle pipeline)
        (when (string= kind "playlist-change") (note-beginning pipeline name))
        (when (string= kind "nothing-to-play") (give-up-list pipeline))))
    (tell-changes pipeline)
    (cond ((string= kind "track-change")
           (end-tracks pipeline (getf track :id))
           (pipeline-fire-hook pipeline :track-change (track-info pipeline track)))
          ((string= kind "nothing-to-play") (end-tracks pipeline nil))
          ((string= kind "voice-ended") (end-voices pipeline voice stopped)))))

(defun note-beginning (pipeline name)
  "A load that was replaced by another may have begun just before."
  (let ((load (find name (replaced pipeline) :key #'load-name :test #'equal)))
    (when load
      (begin pipeline load)
      (setf (remains pipeline) (rest (load-entries load)))
      (load-queue pipeline))))

(defun give-up-list (pipeline)
  "Nothing of a list can be played: what is queued need not wait for it."
  (let ((rotation (rotation pipeline)))
    (when (and rotation (not (load-begun rotation)))
      (setf (load-begun rotation) t)
      (load-queue pipeline))))

(defun tell-changes (pipeline)
  "Before the first track of a list, its path is told."
  (dolist (path (with-lock ((lock pipeline)) (shiftf (changes pipeline) '())))
    (pipeline-fire-hook pipeline :playlist-change path)))

(defun end-tracks (pipeline now)
  (end-those pipeline (lambda (voice) (and (typep voice 'track-voice) (not (eql (id voice) now)))) t))

(defun end-voices (pipeline ended stopped)
  (end-those pipeline (lambda (voice) (and (not (typep voice 'track-voice)) (eql (id voice) ended))) (not stopped)))

(defun end-those (pipeline those told)
  (let ((ended (with-lock ((lock pipeline))
                 (prog1 (remove-if-not those (voices pipeline))
                   (setf (voices pipeline) (remove-if those (voices pipeline)))))))
    (when told (mapc #'end-voice ended))))
