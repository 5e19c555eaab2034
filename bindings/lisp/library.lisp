;;;; Finds and calls liblongwave, and turns its errors into conditions.

(in-package #:longwave)

(cffi:define-foreign-library liblongwave
  (:darwin (:or "liblongwave.dylib"))
  (:unix (:or "liblongwave.so.0" "liblongwave.so")))

;; LONGWAVE_LIBRARY is its path, if the system does not find it.
(let ((file (uiop:getenv "LONGWAVE_LIBRARY")))
  (if file
      (cffi:load-foreign-library file)
      (cffi:use-foreign-library liblongwave)))

;;; Conditions

(define-condition longwave-error (error)
  ((status :initarg :status :reader error-status :documentation "The lw_status.")
   (message :initarg :message :reader error-message))
  (:documentation "A failed call. It says what was wrong, where, and what to do.")
  (:report (lambda (condition out) (write-string (error-message condition) out))))

(defun error-name (condition)
  "The name of its status in longwave.h, \"LW_SETTING\"."
  (values (cffi:foreign-funcall "lw_status_name" :int (error-status condition) :string)))

(defmacro define-conditions (&rest conditions)
  "Each with its status and what it means."
  `(progn
     ,@(loop for (status name meaning) in conditions
             collect `(define-condition ,name (longwave-error) () (:documentation ,meaning)))
     (defun condition-of (status)
       (case status
         ,@(loop for (status name) in conditions collect `(,status ',name))
         (t 'longwave-error)))))

(define-conditions
  (-1 invalid-argument "An argument that cannot be one.")
  (-2 bad-handle "What was called has been closed.")
  (-3 setting-error "A declaration or a value that cannot work.")
  (-4 unplayable-file "A file that cannot be read or played.")
  (-5 cannot-listen "An address that cannot be listened on.")
  (-6 exists-already "Something by that name exists already.")
  (-7 not-found "Nothing has that name or number.")
  (-8 not-running "It is not started yet, or has stopped.")
  (-9 encoder-failed "An encoder failed: close it and make another.")
  (-10 system-refused "The system refused something.")
  (-11 bug-in-longwave "A bug in Longwave, caught at its border.")
  (-13 limit-reached "As many as a limit allows: make room, or raise it.")
  (-14 too-busy "Too many orders wait: try again in a moment.")
  (-15 no-answer "A file whose disk does not answer: try again when it does."))

(defun check (status)
  "Whether the call returned a value. Signals an error if it failed."
  (when (minusp status)
    (error (condition-of status)
           :status status
           :message (cffi:foreign-funcall "lw_last_error" :string)))
  (zerop status))

(defun refuse-argument (format &rest arguments)
  "Signals what is wrong before the library is asked."
  (error 'invalid-argument :status -1 :message (apply #'format nil format arguments)))

;;; Calls

(defmacro call (function &rest arguments)
  "Calls a function that returns a status. Arguments are types and values, as for CFFI:FOREIGN-FUNCALL."
  `(check (cffi:foreign-funcall ,function ,@arguments :int32)))

(defmacro get-number (type function &rest arguments)
  "The number that a call writes to its last argument."
  (let ((out (gensym "OUT")))
    `(cffi:with-foreign-object (,out ,type)
       (when (call ,function ,@arguments :pointer ,out)
         (cffi:mem-ref ,out ,type)))))

(defmacro get-seconds (function &rest arguments)
  "The time that a call writes in milliseconds to its last argument."
  (let ((ms (gensym "MS")))
    `(let ((,ms (get-number :uint64 ,function ,@arguments)))
       (and ,ms (/ ,ms 1000)))))

(defmacro get-text (function &rest arguments)
  "The text that a call writes to its last argument."
  (let ((out (gensym "OUT")))
    `(cffi:with-foreign-object (,out :pointer)
       (when (call ,function ,@arguments :pointer ,out)
         (take-text (cffi:mem-ref ,out :pointer))))))

(defmacro get-json (function &rest arguments)
  (let ((text (gensym "TEXT")))
    `(let ((,text (get-text ,function ,@arguments)))
       (and ,text (read-json ,text)))))

(defun take-text (pointer)
  (unwind-protect (values (cffi:foreign-string-to-lisp pointer))
    (cffi:foreign-funcall "lw_free" :pointer pointer :void)))

(defmacro with-texts (texts &body body)
  "Binds names to pointers, one after the other as LET* does. Each is (name string), or the name alone of a
variable with a string. Instead of a string there may be NIL."
  (if (null texts)
      `(progn ,@body)
      (destructuring-bind (name &optional (text name)) (uiop:ensure-list (first texts))
        `(call-with-text ,text (lambda (,name)
                                 (with-texts ,(rest texts) ,@body))))))

(defun call-with-text (text function)
  (cond ((null text) (funcall function (cffi:null-pointer)))
        ((not (stringp text)) (refuse-argument "~S is no string" text))
        ;; The library would not see what follows it.
        ((find (code-char 0) text) (refuse-argument "~S has a NUL in it" text))
        (t (cffi:with-foreign-string (pointer text) (funcall function pointer)))))

(defun natural (number &optional (bits 64))
  "Refuses numbers that would wrap around in C."
  (if (typep number (list 'unsigned-byte bits))
      number
      (refuse-argument "~S is not a whole number from 0 to 2^~D - 1" number bits)))

(defun milliseconds (seconds)
  (if (and (realp seconds) (<= 0 seconds 1000000000000))
      (round (* 1000 (rational seconds)))
      (refuse-argument "~S is no number of seconds" seconds)))

(defun volume (volume)
  (if (realp volume)
      (coerce volume 'double-float)
      (refuse-argument "~S is no volume: 1 is as it is in the file" volume)))

(defun flag (value)
  (if value 1 0))

(defun version ()
  "The version of the library in use."
  (values (cffi:foreign-funcall "lw_version" :string)))

(defun abi-version ()
  "The version of its interface."
  (values (cffi:foreign-funcall "lw_abi_version" :uint32)))

(defun codecs ()
  "The codec libraries in it: :NAME, :VERSION, :ROLE, :LICENCE."
  (get-json "lw_codecs"))
