;;;; Conditions and defaults.

(in-package #:cl-streamer)

(defvar *default-port* 8000 "The port of a server that names none; read when the server is made.")
(defvar *default-metaint* 16000 "The bytes between titles on a mount; read when the mount is made.")

(define-condition streamer-error (error)
  ((message :initarg :message :initform "an error of the stream" :reader streamer-error-message))
  (:documentation "A failed call. It says what was wrong, where, and what to do.")
  (:report (lambda (condition out) (write-string (streamer-error-message condition) out))))

(define-condition connection-error (streamer-error) () (:documentation "An address that cannot be listened on."))
(define-condition encoding-error (streamer-error) () (:documentation "What an encoder cannot do."))

(defun refuse (format &rest arguments)
  (error 'streamer-error :message (apply #'format nil format arguments)))

(defmacro as-streamer-errors ((&optional (type ''streamer-error)) &body body)
  "Runs BODY, and signals errors of longwave as errors of TYPE."
  `(handler-case (progn ,@body)
     (longwave:cannot-listen (condition) (error 'connection-error :message (princ-to-string condition)))
     (longwave:longwave-error (condition) (error ,type :message (princ-to-string condition)))))
