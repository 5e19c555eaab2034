;;;; HTTP requests that Lisp answers.

(in-package #:longwave)

(defclass requests ()
  ((handle :initarg :handle :reader handle))
  (:documentation "The requests for paths that Lisp has taken over."))

(defclass request ()
  ((handle :initarg :handle :reader handle))
  (:documentation "A request that waits for an answer."))

(defgeneric server-take-requests (server paths &key waiting)
  (:documentation "Takes over the requests for these paths, a list of strings, and for everything below those
that end with a slash. At most WAITING of them wait to be read.")
  (:method ((server server) paths &key (waiting 32))
    (with-texts ((paths (write-json (coerce paths 'vector))))
      (make-instance 'requests :handle (get-number :uint64 "lw_server_take_requests" :uint64 (handle server)
                                                   :pointer paths :size (natural waiting))))))

(defgeneric requests-next (requests &optional timeout)
  (:documentation "The next request, or NIL after TIMEOUT seconds. REQUEST-ANSWER or REQUEST-CLOSE ends it.
Signals NOT-RUNNING when the server has stopped.")
  (:method ((requests requests) &optional timeout)
    (let ((request (get-number :uint64 "lw_requests_next"
                               :uint64 (handle requests) :int64 (wait-of timeout))))
      (and request (make-instance 'request :handle request)))))

(defgeneric requests-close (requests)
  (:documentation "Gives the paths back to the server. Closing them twice is harmless.")
  (:method ((requests requests))
    (call "lw_requests_close" :uint64 (handle requests))
    (values)))

(defgeneric request-info (request)
  (:documentation ":METHOD, :PATH, :SEGMENTS (each decoded), :ADDRESS, :BASE-URL.")
  (:method ((request request))
    (get-json "lw_request_info" :uint64 (handle request))))

(defgeneric request-parameter (request name)
  (:documentation "The value of a parameter of the query, or NIL.")
  (:method ((request request) name)
    (with-texts (name)
      (get-text "lw_request_parameter" :uint64 (handle request) :pointer name))))

(defgeneric request-header (request name)
  (:documentation "The value of a header, or NIL.")
  (:method ((request request) name)
    (with-texts (name)
      (get-text "lw_request_header" :uint64 (handle request) :pointer name))))

(defgeneric request-body (request)
  (:documentation "Its body, a vector of octets.")
  (:method ((request request))
    (get-octets "lw_request_body" :uint64 (handle request))))

(defgeneric request-answer (request status body &key headers)
  (:documentation "Answers with a status from 200 to 599, and a string or octets. HEADERS is a list of conses,
(\"Content-Type\" . \"text/html\"); without it, the body is plain text.")
  (:method ((request request) status body &key headers)
    (let ((headers (and headers (headers-json headers)))
          (octets (if (stringp body) (cffi-octets body) body)))
      (with-octets (bytes count) (octets 0 (length octets))
        (with-texts (headers)
          (call "lw_request_answer" :uint64 (handle request) :uint32 (natural status 32) :pointer headers
                :pointer bytes :size count)
          (values))))))

(defun cffi-octets (text)
  "Its UTF-8."
  (cffi:with-foreign-string ((bytes count) text :null-terminated-p nil)
    (copy-octets bytes count)))

(defun headers-json (headers)
  (with-output-to-string (out)
    (write-char #\{ out)
    (loop for (header . more) on headers
          do (unless (and (consp header) (stringp (car header)) (stringp (cdr header)))
               (refuse-argument "a header is a cons of two strings, not ~S" header))
             (write-text (car header) out)
             (write-char #\: out)
             (write-text (cdr header) out)
             (when more (write-char #\, out)))
    (write-char #\} out)))

(defgeneric request-close (request)
  (:documentation "Ends a request without an answer: its client gets 500. Closing it twice, or after the
answer, is harmless.")
  (:method ((request request))
    (call "lw_request_close" :uint64 (handle request))
    (values)))
