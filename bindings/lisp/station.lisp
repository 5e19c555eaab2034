;;;; Stations: a server and its pipelines, declared together.

(in-package #:longwave)

(defclass station ()
  ((handle :initarg :handle :reader handle)
   (admission :initform nil :accessor admission
              :documentation "The key in *FUNCTIONS* of what decides who may send."))
  (:documentation "A server and its pipelines, declared together."))

(defun declared (declaration)
  "Property list, or one string of TOML or JSON, as text."
  (if (and (stringp (first declaration)) (null (rest declaration)))
      (first declaration)
      (write-object-json declaration)))

(defun make-station (&rest declaration)
  "A station that STATION-START puts on the air. Arguments are keys of docs/CONFIGURATION.md, :SERVER
'(:LISTEN \":8000\") :PIPELINE '((:NAME \"main\" :OUTPUT ((:FORMAT :MP3 :MOUNT \"/radio.mp3\")))), or one
string of TOML or JSON."
  (with-texts ((declaration (declared declaration)))
    (make-instance 'station :handle (get-number :uint64 "lw_station_open" :pointer declaration))))

(defun read-station (file)
  "A station that is declared in a file: JSON where its name ends in .json, else TOML."
  (with-texts ((file (native file)))
    (make-instance 'station :handle (get-number :uint64 "lw_station_read" :pointer file))))

(defgeneric station-start (station)
  (:documentation "Starts the server, then every pipeline. A station can be started once.")
  (:method ((station station))
    (call "lw_station_start" :uint64 (handle station))
    station))

(defgeneric station-stop (station)
  (:documentation "Stops the pipelines, then the server. Returns the names of threads that were left behind.")
  (:method ((station station))
    (get-json "lw_station_stop" :uint64 (handle station))))

(defgeneric station-close (station)
  (:documentation "Stops and frees the station. Closing it twice is harmless.")
  (:method ((station station))
    (when (admission station)
      ;; In a child after a fork, all handles are invalid.
      (handler-case (station-admit-sources station nil)
        (bad-handle () nil)))
    (call "lw_station_close" :uint64 (handle station))
    (values)))

(defgeneric station-reload (station &rest declaration)
  (:documentation "Applies another declaration, as for MAKE-STATION; without one, the file of READ-STATION as
it is now. Returns lists of sentences: :CHANGED, :RESTART (what needs one) and :FAILED.")
  (:method ((station station) &rest declaration)
    (with-texts ((declaration (and declaration (declared declaration))))
      (get-json "lw_station_reload" :uint64 (handle station) :pointer declaration))))

(defgeneric station-ask (station method target &rest body)
  (:documentation "What a request to the HTTP API does, without a socket: (station-ask station :post
\"/api/v1/denied\" :address \"192.0.2.1\"). BODY is a property list, or one string of JSON. Returns the
answer, of which JSON is read, and the status.")
  (:method ((station station) method target &rest body)
    (with-texts ((method (string method)) target (body (and body (declared body))))
      (cffi:with-foreign-object (status :uint32)
        (let ((text (get-text "lw_station_ask" :uint64 (handle station) :pointer method :pointer target
                              :pointer body :pointer status)))
          (values (cond ((string= text "") nil)
                        ((find (char text 0) "[{") (read-json text))
                        (t text))
                  (cffi:mem-ref status :uint32)))))))

(defgeneric station-pipelines (station)
  (:documentation "The names of its pipelines.")
  (:method ((station station))
    (get-json "lw_station_pipelines" :uint64 (handle station))))

(defgeneric station-server (station)
  (:documentation "The station's server. SERVER-CLOSE frees this handle; the station keeps its own.")
  (:method ((station station))
    (make-instance 'server :handle (get-number :uint64 "lw_station_server" :uint64 (handle station)))))

(defgeneric station-pipeline (station &optional name)
  (:documentation "One of the station's pipelines, by its name, or the first. PIPELINE-CLOSE removes the hooks
that were added to it, and does not stop it.")
  (:method ((station station) &optional name)
    (with-texts (name)
      (let ((pipeline (get-number :uint64 "lw_station_pipeline" :uint64 (handle station) :pointer name)))
        (make-instance 'pipeline
                       :handle pipeline :station station :own-server nil
                       :server (make-instance 'server :handle (get-number :uint64 "lw_pipeline_server"
                                                                          :uint64 pipeline)))))))
