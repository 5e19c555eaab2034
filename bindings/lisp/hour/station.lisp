;;;; The station in small (../examples/station.lisp), under a collector that runs every ten milliseconds.
;;;; listen.py runs it, and hears whether it minds.

(require :asdf)

(defvar *done* nil)
(defvar *collections* 0)

(defun collect-garbage ()
  "Each collection stops all threads of Lisp; every hundredth looks at everything."
  (loop until *done*
        for kept = (loop repeat 2000 collect (make-array (random 40)))
        do (sb-ext:gc :full (zerop (mod (incf *collections*) 100)))
           (assert (= 2000 (length kept)))
           (sleep 1/100)))

(defvar *collector* (sb-thread:make-thread #'collect-garbage :name "garbage"))

(handler-bind ((error (lambda (condition)
                        (format t "~&failed: ~A~%" condition)
                        (sb-debug:print-backtrace :count 30)
                        (finish-output)
                        (sb-ext:exit :code 1 :abort t))))
  (load (merge-pathnames "../examples/station.lisp" *load-truename*)))

(setf *done* t)
(sb-thread:join-thread *collector*)
(format t "~&~D collections~%" *collections*)
