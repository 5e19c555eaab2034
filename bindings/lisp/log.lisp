;;;; Log lines, by a function of Lisp.

(in-package #:longwave)

(defvar *log-function* nil)

(cffi:defcallback on-log-line :void ((level :int32) (target :string) (message :string) (user :pointer))
  (declare (ignore user))
  (with-lisp-floats
    (reporting-errors ("The function for log lines")
      (funcall *log-function* (nth level '(nil :error :warn :info :debug :trace)) target message))))

(defun log-to (function &key (level :info))
  "Calls FUNCTION with each log line from now on, on a thread of its own: with its level (:ERROR, :WARN,
:INFO, :DEBUG or :TRACE), where it comes from (a string), and the line. LEVEL and graver ones are sent. NIL
ends that."
  (when function
    #+ecl (refuse-callback "there are no log lines")
    (check-function function 3 "a function for log lines is called with a level, a target and a message"))
  (let ((level (string-downcase level)) (before *log-function*))
    (when function (setf *log-function* function))
    (handler-bind ((longwave-error (lambda (condition)
                                     (declare (ignore condition))
                                     (setf *log-function* before))))
      (with-texts (level)
        (call "lw_log_to" :pointer (if function (cffi:callback on-log-line) (cffi:null-pointer))
              :pointer (cffi:null-pointer) :pointer level)))
    (unless function (setf *log-function* nil)))
  (values))

;; Lisp ends while the library has lines: none may come when its threads are gone.
#+sbcl (push (lambda () (log-to nil)) sb-ext:*exit-hooks*)
