;;;; Being told: by functions that are called on the pipeline's hook thread, or by asking.

(in-package #:longwave)

(defvar *functions* (make-hash-table #+(or sbcl ecl) :synchronized #+(or sbcl ecl) t)
  "The functions of all hooks, by the number that the library hands back.")

(defvar *next-function* 0)

(defun call-hook (key event)
  "A hook that fails must not unwind into the library: it is reported."
  (let ((function (gethash key *functions*)))
    (when function
      (handler-case (funcall function event)
        (error (condition)
          (ignore-errors
           (format *error-output* "~&A hook for ~A failed: ~A~%" (getf event :kind) condition)))))))

(defmacro with-lisp-floats (&body body)
  "Lets floating-point errors signal, as everywhere in Lisp. The library masks them in its own threads, and restores that."
  #+sbcl `(progn
            (sb-int:set-floating-point-modes :traps '(:overflow :invalid :divide-by-zero))
            ,@body)
  #-sbcl `(progn ,@body))

(cffi:defcallback on-event :void ((pipeline :uint64) (event :string) (key :pointer))
  (declare (ignore pipeline))
  (with-lisp-floats
    (call-hook (cffi:pointer-address key) (read-json event))))

(defgeneric pipeline-add-hook (pipeline kind function)
  (:documentation "Calls FUNCTION with each event of this kind, :TRACK-CHANGE, say, or of all kinds, for NIL: a property list with
:KIND, a string, and what there is to know. It is called on the pipeline's hook thread; it may take its time and call
everything, also stop its pipeline. The hook's number. Added before PIPELINE-START, it hears of the start.")
  (:method ((pipeline pipeline) kind function)
    #+ecl (error 'longwave-error
                 :status -12
                 :message "ECL cannot be called on threads that it did not make: use PIPELINE-NEXT-EVENT")
    (let ((key (incf *next-function*)) (name (and kind (string-downcase kind))))
      (setf (gethash key *functions*) function)
      (with-texts (name)
        (let ((hook (get-number :uint64 "lw_pipeline_add_hook" :uint64 (handle pipeline) :pointer name
                                :pointer (cffi:callback on-event) :pointer (cffi:make-pointer key))))
          (push (cons hook key) (hooks pipeline))
          hook)))))

(defgeneric pipeline-remove-hook (pipeline hook)
  (:documentation "Removes a hook. When this returns it does not run any more, except a hook that removes itself.")
  (:method ((pipeline pipeline) hook)
    (call "lw_pipeline_remove_hook" :uint64 (handle pipeline) :uint64 hook)
    (let ((added (assoc hook (hooks pipeline))))
      (remhash (cdr added) *functions*)
      (setf (hooks pipeline) (remove added (hooks pipeline))))
    (values)))

(defun forget-hooks (pipeline)
  "For a pipeline that has stopped."
  (loop for (nil . key) in (shiftf (hooks pipeline) '())
        do (remhash key *functions*)))

(defgeneric pipeline-next-event (pipeline &optional timeout)
  (:documentation "The next event, a property list; NIL after TIMEOUT seconds. Without TIMEOUT it waits as long as it takes.
Signals NOT-RUNNING when the pipeline has stopped and all was read.")
  (:method ((pipeline pipeline) &optional timeout)
    (get-json "lw_pipeline_next_event"
              :uint64 (handle pipeline) :int64 (if timeout (milliseconds timeout) -1))))

(defgeneric pipeline-event-fd (pipeline)
  (:documentation "A file descriptor that is readable as long as events wait, and once the pipeline has stopped. To be waited for,
never read.")
  (:method ((pipeline pipeline))
    (get-number :int "lw_pipeline_event_fd" :uint64 (handle pipeline))))
