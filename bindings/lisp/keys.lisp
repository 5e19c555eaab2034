;;;; Unknown keywords are refused. Common Lisp promises that of generic functions; ECL does not keep it.

(in-package #:longwave)

(defun check-keys (function keys given)
  (loop for (key . more) on given by #'cddr
        unless (and more (member key keys))
          do (refuse-argument "~A takes ~{~S~^, ~}, not ~S" function keys key)))

(defun keys-of (parameters)
  "The keywords that a lambda list names; NIL if others are allowed."
  (unless (member '&allow-other-keys parameters)
    (loop for parameter in (rest (member '&key parameters))
          collect (intern (string (if (consp parameter) (first parameter) parameter)) :keyword))))

#+ecl
(do-external-symbols (name '#:longwave)
  (when (and (fboundp name) (typep (fdefinition name) 'generic-function))
    (let* ((parameters (clos:generic-function-lambda-list (fdefinition name)))
           (required (loop for name in parameters until (member name lambda-list-keywords) collect name))
           (keys (keys-of parameters)))
      (when keys
        (eval `(defmethod ,name :around (,@required &rest more)
                 (check-keys ',name ',keys more)
                 (call-next-method)))))))
