;;;; Sources: who may send, and who does.

(in-package #:longwave)

(define-condition source-refused (error)
  ((reason :initarg :reason :reader reason))
  (:documentation "What the function of STATION-ADMIT-SOURCES signals to refuse a source.")
  (:report (lambda (condition out) (write-string (reason condition) out))))

(defun refuse-source (format &rest arguments)
  "Refuses the source about which the function of STATION-ADMIT-SOURCES decides. Its DJ reads the reason."
  (error 'source-refused :reason (apply #'format nil format arguments)))

(cffi:defcallback on-admit :void ((station :uint64) (request :uint64) (description :string) (key :pointer))
  (declare (ignore station))
  (with-lisp-floats
    (let ((function (gethash (cffi:pointer-address key) *functions*)))
      (when function
        (reporting-errors ("The function that decides who may send")
          (decide function request (read-json description)))))))

(defun decide (function request description)
  "Answers the library. Any error but SOURCE-REFUSED refuses, too, and goes on."
  (flet ((answer (how text)
           (with-texts ((text (remove (code-char 0) text)))
             (ecase how
               (:admit (call "lw_source_request_admit" :uint64 request :pointer text))
               (:refuse (call "lw_source_request_refuse" :uint64 request :pointer text))
               (:fail (call "lw_source_request_fail" :uint64 request :pointer text))))))
    (handler-bind ((source-refused (lambda (refused)
                                     (answer :refuse (reason refused))
                                     (return-from decide)))
                   (error (lambda (condition)
                            (answer :fail (format nil "~A" condition)))))
      (let ((name (funcall function description)))
        (unless (stringp name)
          (refuse-argument "~S is no name: return a string, or call REFUSE-SOURCE" name))
        (answer :admit name)))))

(defgeneric station-admit-sources (station function)
  (:documentation "Calls FUNCTION for each source that wants to send, with a property list: :PATH, :USER,
:PASSWORD, :ADDRESS, :PROGRAM, :CONTENT-TYPE, :NAME and more. It returns the name by which the source is known
from then on, a string, or calls REFUSE-SOURCE. Any other error is reported, and refuses, too. FUNCTION runs on
a thread of its own, and has five seconds. To be called before STATION-START; later another function, or NIL,
can take its place. NIL refuses every source.")
  (:method ((station station) function)
    (let ((key nil))
      (when function
        #+ecl (refuse-callback "declare a users file")
        (check-function function 1 "the function that decides is called with one argument, the source")
        (setf key (next-number)
              (gethash key *functions*) function))
      (call "lw_station_admit_sources" :uint64 (handle station)
            :pointer (if function (cffi:callback on-admit) (cffi:null-pointer))
            :pointer (cffi:make-pointer (or key 0)))
      (remhash (shiftf (admission station) key) *functions*))
    (values)))

(defgeneric station-sources (station)
  (:documentation "Those that are connected: :ID, :PATH, :USER, :PROGRAM, :ADDRESS, :CONTENT-TYPE, :NAME, :SINCE,
:RECEIVED-BYTES, :LOST-BYTES, :SILENT-FOR, :LIVE.")
  (:method ((station station))
    (get-json "lw_station_sources" :uint64 (handle station))))

(defgeneric station-kick-source (station source)
  (:documentation "Removes a source, by its :ID.")
  (:method ((station station) source)
    (call "lw_station_kick_source" :uint64 (handle station) :uint64 (natural source))
    (values)))

(defgeneric station-update-source-metadata (station path title &key url)
  (:documentation "Sets the title of what the source at PATH sends from now on.")
  (:method ((station station) path title &key url)
    (with-texts (path title url)
      (call "lw_station_update_source_metadata" :uint64 (handle station)
            :pointer path :pointer title :pointer url))
    (values)))
