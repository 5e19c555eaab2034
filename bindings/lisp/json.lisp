;;;; JSON to property lists and back, as far as liblongwave uses it.

(in-package #:longwave)

(defun key-of (name)
  "\"began_at\" as :BEGAN-AT."
  (intern (substitute #\- #\_ (string-upcase name)) :keyword))

(defun name-of (key)
  (substitute #\_ #\- (string-downcase key)))

;;; Reading

(defun read-json (text)
  "Objects are property lists, arrays are lists; null and false are NIL."
  (with-input-from-string (in text)
    (read-value in)))

(defun read-value (in)
  (case (peek-char t in)
    (#\{ (read-items in #\} (lambda ()
                              (list (key-of (read-text in)) (progn (expect in #\:) (read-value in))))))
    (#\[ (read-items in #\] (lambda () (list (read-value in)))))
    (#\" (read-text in))
    (t (let ((word (read-word in)))
         (cond ((string= word "true") t)
               ((or (string= word "false") (string= word "null")) nil)
               (t (parse-number word)))))))

(defun read-items (in end read-item)
  (read-char in)
  (if (char= (peek-char t in) end)
      (progn (read-char in) '())
      (loop append (funcall read-item)
            until (char= (expect in #\, end) end))))

(defun expect (in &rest wanted)
  (peek-char t in)
  (let ((char (read-char in)))
    (assert (member char wanted) () "~S in JSON, where one of ~S should be" char wanted)
    char))

(defun read-text (in)
  (expect in #\")
  (with-output-to-string (out)
    (loop for char = (read-char in)
          until (char= char #\")
          do (write-char (if (char= char #\\) (read-escaped in) char) out))))

(defun read-escaped (in)
  (let ((char (read-char in)))
    (case char
      (#\n #\Newline)
      (#\t #\Tab)
      (#\r #\Return)
      (#\b #\Backspace)
      (#\f #\Page)
      ;; Only control characters are escaped like this; the rest is UTF-8.
      (#\u (code-char (parse-integer (map-into (make-string 4) (lambda () (read-char in))) :radix 16)))
      (t char))))

(defun read-word (in)
  (with-output-to-string (out)
    (loop for char = (peek-char nil in nil)
          while (and char (or (alphanumericp char) (find char "+-.")))
          do (write-char (read-char in) out))))

(defun parse-number (word)
  (if (every (lambda (char) (or (digit-char-p char) (char= char #\-))) word)
      (parse-integer word)
      (let ((*read-default-float-format* 'double-float) (*read-eval* nil))
        (let ((number (read-from-string word)))
          (check-type number real)
          number))))

;;; Writing

(defun write-json (value)
  "Property lists are objects, other lists are arrays, keywords are their names in lower case. A property that
is NIL is left out; :FALSE is false."
  (with-output-to-string (out)
    (write-value value out)))

(defun write-object-json (properties)
  "An object, also if it has no properties."
  (with-output-to-string (out)
    (write-object properties out)))

(defun write-value (value out)
  (cond ((eq value t) (write-string "true" out))
        ((eq value :false) (write-string "false" out))
        ((keywordp value) (write-text (string-downcase value) out))
        ((null value) (write-string "[]" out))
        ((stringp value) (write-text value out))
        ((pathnamep value) (write-text (native value) out))
        ((integerp value) (format out "~D" value))
        ((realp value) (format out "~,6F" value))
        ((and (consp value) (keywordp (first value))) (write-object value out))
        (t (write-char #\[ out)
           (loop for (item . more) on (coerce value 'list)
                 do (write-value item out)
                 when more do (write-char #\, out))
           (write-char #\] out))))

(defun write-object (properties out)
  (write-char #\{ out)
  (loop with first = t
        for (key value) on properties by #'cddr
        when value
          do (if first (setf first nil) (write-char #\, out))
             (write-text (name-of key) out)
             (write-char #\: out)
             (write-value value out))
  (write-char #\} out))

(defun write-text (text out)
  (write-char #\" out)
  (loop for char across text
        do (cond ((find char "\"\\") (write-char #\\ out) (write-char char out))
                 ((< (char-code char) 32) (format out "\\u~4,'0x" (char-code char)))
                 (t (write-char char out))))
  (write-char #\" out))

(defun native (path)
  "A path as the system writes it."
  (if (pathnamep path) (uiop:native-namestring path) path))
