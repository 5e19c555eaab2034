;;;; Servers, and mounts whose audio comes from Lisp. A server can be started again after a stop.

(in-package #:cl-streamer)

(defclass stream-server ()
  ((port :initarg :port :reader stream-server-port)
   (listen :initarg :listen :reader stream-server-listen :documentation "Its address, instead of a port of all addresses.")
   (engine :initform nil :accessor engine :documentation "The server of longwave, while it runs.")
   (mounts :initform '() :accessor mounts :documentation "The declarations of its mounts, by path.")
   (pipelines :initform '() :accessor pipelines :documentation "The pipelines whose mounts it has.")))

(defun make-stream-server (&key (port *default-port*) listen)
  "A server that START-SERVER starts: on PORT of all addresses, or where LISTEN says (\"127.0.0.1:8000\")."
  (make-instance 'stream-server :port port :listen listen))

(defun make-streaming-server (&rest arguments)
  (apply #'make-stream-server arguments))

(defun running-engine (server)
  (or (engine server) (refuse "the server is not running: call START-SERVER first")))

(defgeneric server-start (server)
  (:documentation "Starts listening. Nothing happens if it listens already.")
  (:method ((server stream-server))
    (unless (engine server)
      (as-streamer-errors ()
        (let ((engine (if (stream-server-listen server)
                          (longwave:make-server :listen (stream-server-listen server))
                          (longwave:make-server :port (stream-server-port server)))))
          (longwave:server-start engine)
          (setf (engine server) engine)
          (loop for (path . declaration) in (mounts server)
                do (apply #'longwave:server-add-mount engine path declaration)))))
    server))

(defgeneric server-stop (server)
  (:documentation "Stops listening. Listeners get the audio that is due.")
  (:method ((server stream-server))
    (let ((engine (shiftf (engine server) nil)))
      (when engine
        (as-streamer-errors ()
          (longwave:server-stop engine)
          (longwave:server-close engine))))
    (values)))

(defgeneric server-running-p (server)
  (:method ((server stream-server))
    (and (engine server) (longwave:server-running-p (engine server)))))

(defmethod longwave:server-port ((server stream-server))
  (longwave:server-port (running-engine server)))

(defun start-server (server) (server-start server))
(defun stop-server (server) (server-stop server))

;;; Mounts

(defgeneric server-add-mount (server path &key content-type bitrate name genre buffer-size)
  (:documentation "Adds a mount for SERVER-WRITE-AUDIO. Buffers need no size: they hold what a bitrate
needs.")
  (:method ((server stream-server) path &key (content-type "audio/mpeg") (bitrate 128) name genre buffer-size)
    (declare (ignore buffer-size))
    (let ((declaration (list :content-type content-type :bitrate bitrate :name name :genre genre
                             :metaint *default-metaint*)))
      (when (engine server)
        (as-streamer-errors ()
          (apply #'longwave:server-add-mount (engine server) path declaration)))
      (push (cons path declaration) (mounts server))
      path)))

(defgeneric server-remove-mount (server path)
  (:method ((server stream-server) path)
    (setf (mounts server) (remove path (mounts server) :key #'car :test #'string=))
    (when (engine server)
      (as-streamer-errors () (longwave:server-remove-mount (engine server) path)))
    (values)))

(defgeneric server-write-audio (server path data &key start end)
  (:documentation "Writes encoded audio to a mount. It waits while the mount is full, which is after ten
seconds in advance. Returns how many octets were written.")
  (:method ((server stream-server) path data &key (start 0) (end (length data)))
    (as-streamer-errors ()
      (loop with at = start
            do (incf at (longwave:server-write-audio (running-engine server) path data :start at :end end))
            while (< at end)
            do (sleep 1/20))
      (- end start))))

(defun add-mount (server path &rest more) (apply #'server-add-mount server path more))
(defun remove-mount (server path) (server-remove-mount server path))
(defun write-audio-data (server path data &rest more) (apply #'server-write-audio server path data more))

;;; Titles and listeners

(defgeneric server-update-metadata (server path &key title url)
  (:documentation "Sets the title of a mount, a pipeline's or one's own.")
  (:method ((server stream-server) path &key (title "") url)
    (let ((pipeline (find-if (lambda (pipeline) (find path (mount-paths pipeline) :test #'string=))
                             (pipelines server))))
      (if pipeline
          (pipeline-update-metadata pipeline path title url)
          (as-streamer-errors ()
            (longwave:server-update-metadata (running-engine server) path title :url url)))
      (values))))

(defun update-metadata (server path &rest more) (apply #'server-update-metadata server path more))

(defun set-now-playing (server path title &optional url)
  (server-update-metadata server path :title title :url url))

(defun get-metadata-changed-at (server path)
  "When the title of a mount last changed, in milliseconds since 1970; NIL if it has none yet."
  (handler-case
      (let ((at (and (engine server) (longwave:get-metadata-changed-at (engine server) path))))
        (and at (plusp at) (values (round (* 1000 at)))))
    (longwave:longwave-error () nil)))

(defgeneric server-listener-count (server &optional path)
  (:documentation "The listeners of a mount, or of all; 0 if there is no such mount.")
  (:method ((server stream-server) &optional path)
    (handler-case (if (engine server) (longwave:server-listener-count (engine server) path) 0)
      (longwave:longwave-error () 0))))

(defun listener-count (server &optional path) (server-listener-count server path))
(defun get-listener-count (server &optional path) (server-listener-count server path))
