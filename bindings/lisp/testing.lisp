;;;; What tests of both systems need: a list of tests, files to play, and patience.

(defpackage #:longwave-testing
  (:use #:common-lisp)
  (:export #:define-test #:run-tests #:signals #:await #:tone))

(in-package #:longwave-testing)

(defvar *tests* '() "Their names, last first.")

(defmacro define-test (name &body body)
  `(progn (defun ,name () ,@body)
          (pushnew ',name *tests*)))

(defun run-tests (package)
  "Whether all tests of a package have passed."
  (let ((tests (reverse (remove (find-package package) *tests* :key #'symbol-package :test-not #'eq)))
        (failed 0))
    (dolist (test tests)
      (handler-case (progn (funcall test) (format t "~&ok      ~(~A~)~%" test))
        (error (condition)
          (incf failed)
          (format t "~&FAILED  ~(~A~): ~A~%" test condition)))
      (finish-output))
    (format t "~&~D passed, ~D failed~%" (- (length tests) failed) failed)
    (zerop failed)))

(defmacro signals (type &body body)
  "Asserts that BODY fails by a condition of this type."
  `(let ((condition (nth-value 1 (ignore-errors ,@body))))
     (assert (typep condition ',type) () "~S: ~A, where ~A was due" ',(first body) condition ',type)))

(defun await (what predicate)
  (loop repeat 1000
        for value = (funcall predicate)
        when value return value
        do (sleep 1/50)
        finally (error "waited in vain until ~A" what)))

(defun tone (name hz seconds)
  "A WAV file, 22,050 Hz, mono. Its name may have brackets, which are no wildcards. Returns its path as a
string."
  (let ((file (concatenate 'string (uiop:native-namestring (uiop:temporary-directory)) name))
        (frames (* 22050 seconds)))
    (with-open-file (out (uiop:parse-native-namestring file)
                         :direction :output :if-exists :supersede :element-type '(unsigned-byte 8))
      (flet ((text (text) (loop for char across text do (write-byte (char-code char) out)))
             (number (number octets)
               (dotimes (index octets) (write-byte (ldb (byte 8 (* 8 index)) number) out))))
        (text "RIFF") (number (+ 36 (* 2 frames)) 4) (text "WAVEfmt ")
        (number 16 4) (number 1 2) (number 1 2) (number 22050 4) (number 44100 4) (number 2 2) (number 16 2)
        (text "data") (number (* 2 frames) 4)
        (dotimes (frame frames)
          (number (round (* 8000 (sin (* 2 pi hz (/ frame 22050))))) 2))))
    file))
