;;;; Servers, and mounts whose audio comes from Lisp.

(in-package #:longwave)

(defclass server ()
  ((handle :initarg :handle :reader handle))
  (:documentation "A server: its addresses and its mounts."))

(defun make-server (&rest declaration &key port listen &allow-other-keys)
  "A server that SERVER-START lets listen: on PORT of every address, or where LISTEN says. Other arguments are
keys of [server] in docs/CONFIGURATION.md, :MAX-LISTENERS 500 or :BURST \"4s\"."
  (with-texts ((declaration (write-json (list* :listen (or listen (and port (format nil ":~D" port)))
                                               (uiop:remove-plist-keys '(:port :listen) declaration)))))
    (make-instance 'server :handle (get-number :uint64 "lw_server_open" :pointer declaration))))

(defmethod print-object ((server server) out)
  (print-unreadable-object (server out :type t)
    (format out "~:[not listening~;on port ~:*~D~]" (ignore-errors (server-port server)))))

(defgeneric server-start (server)
  (:documentation "Starts listening. A server can be started once.")
  (:method ((server server))
    (call "lw_server_start" :uint64 (handle server))
    server))

(defgeneric server-expect (server path)
  (:documentation "Answers PATH with 503 instead of 404 until a mount is there. It can be called before
SERVER-START.")
  (:method ((server server) path)
    (with-texts (path)
      (call "lw_server_expect" :uint64 (handle server) :pointer path))
    (values)))

(defgeneric server-expect-no-more (server path)
  (:documentation "Ends what SERVER-EXPECT began.")
  (:method ((server server) path)
    (with-texts (path)
      (call "lw_server_expect_no_more" :uint64 (handle server) :pointer path))
    (values)))

(defgeneric server-reconfigure (server &rest declaration)
  (:documentation "Gives the server other settings while it runs, with keys of [server]. What is left out is
the default.")
  (:method ((server server) &rest declaration)
    (with-texts ((declaration (write-object-json declaration)))
      (call "lw_server_reconfigure" :uint64 (handle server) :pointer declaration)
      (values))))

(defgeneric server-stop (server)
  (:documentation "Stops the server. Ports are free at once, and listeners get the audio that is due. Returns
the names of threads that were left behind.")
  (:method ((server server))
    (get-json "lw_server_stop" :uint64 (handle server))))

(defgeneric server-close (server)
  (:documentation "Frees the server. Closing it twice is harmless.")
  (:method ((server server))
    (call "lw_server_close" :uint64 (handle server))
    (values)))

(defgeneric server-running-p (server)
  (:method ((server server))
    (plusp (get-number :int32 "lw_server_is_running" :uint64 (handle server)))))

(defgeneric server-port (server)
  (:documentation "The port of the server. If port 0 was requested, this is the one that was assigned.")
  (:method ((server server))
    (get-number :uint16 "lw_server_port" :uint64 (handle server))))

(defgeneric server-addresses (server)
  (:documentation "All addresses that the server listens on, \"127.0.0.1:8000\".")
  (:method ((server server))
    (get-json "lw_server_addresses" :uint64 (handle server))))

(defgeneric server-stats (server)
  (:documentation "What the server has done since it started.")
  (:method ((server server))
    (get-json "lw_server_stats" :uint64 (handle server))))

(defgeneric server-health (server)
  (:documentation "Whether the server is well: :OK, and its :PROBLEMS in sentences.")
  (:method ((server server))
    (get-json "lw_server_health" :uint64 (handle server))))

(defgeneric server-next-event (server &optional timeout)
  (:documentation "The next event of the server and of all pipelines on it, like that of PIPELINE-NEXT-EVENT,
with :PIPELINE.")
  (:method ((server server) &optional timeout)
    (get-json "lw_server_next_event" :uint64 (handle server) :int64 (wait-of timeout))))

(defgeneric server-event-fd (server)
  (:documentation "A file descriptor that is readable while events of SERVER-NEXT-EVENT wait.")
  (:method ((server server))
    (get-number :int "lw_server_event_fd" :uint64 (handle server))))

(defgeneric server-reopen-logs (server)
  (:documentation "Opens the file of the access log anew, as after its rotation.")
  (:method ((server server))
    (call "lw_server_reopen_logs" :uint64 (handle server))
    (values)))

(defmacro with-octets ((bytes count) (vector start end) &body body)
  "Points BYTES to a copy of this part of a vector."
  (let ((octets (gensym "OCTETS")))
    `(let* ((,count (- ,end ,start))
            (,octets (cffi:make-shareable-byte-vector ,count)))
       (replace ,octets ,vector :start2 ,start :end2 ,end)
       (cffi:with-pointer-to-vector-data (,bytes ,octets)
         ,@body))))

(defgeneric server-add-mount (server path &key content-type &allow-other-keys)
  (:documentation "Adds a mount, whose audio comes from SERVER-WRITE-AUDIO. Other arguments: :BITRATE,
:SAMPLE-RATE, :CHANNELS, :NAME, :GENRE, :DESCRIPTION, :URL, :PUBLIC, :MAX-LISTENERS, :METAINT.")
  (:method ((server server) path &rest declaration &key content-type &allow-other-keys)
    (declare (ignore content-type))
    (with-texts ((declaration (write-json (list* :mount path declaration))))
      (call "lw_server_add_mount" :uint64 (handle server) :pointer declaration)
      (values))))

(defgeneric server-update-mount (server path &key content-type &allow-other-keys)
  (:documentation "Gives a mount of SERVER-ADD-MOUNT other settings, with the same content type. Its listeners
stay.")
  (:method ((server server) path &rest declaration &key content-type &allow-other-keys)
    (declare (ignore content-type))
    (with-texts ((declaration (write-json (list* :mount path declaration))))
      (call "lw_server_update_mount" :uint64 (handle server) :pointer declaration)
      (values))))

(defgeneric server-remove-mount (server path)
  (:documentation "Removes a mount. Its listeners get the audio that is due before they are closed.")
  (:method ((server server) path)
    (with-texts (path)
      (call "lw_server_remove_mount" :uint64 (handle server) :pointer path)
      (values))))

(defgeneric server-write-audio (server path audio &key start end)
  (:documentation "Writes encoded audio to a mount: a vector of octets that may be cut anywhere. Returns how
many octets were accepted; offer the others again later.")
  (:method ((server server) path audio &key (start 0) (end (length audio)))
    (with-octets (bytes count) (audio start end)
      (with-texts (path)
        (get-number :size "lw_server_write_audio"
                    :uint64 (handle server) :pointer path :pointer bytes :size count)))))

(defgeneric server-set-header (server path header)
  (:documentation "The octets that a listener who joins gets before any audio, on a mount whose content type
is not parsed.")
  (:method ((server server) path header)
    (with-octets (bytes count) (header 0 (length header))
      (with-texts (path)
        (call "lw_server_set_header" :uint64 (handle server) :pointer path :pointer bytes :size count)
        (values)))))

(defgeneric server-update-metadata (server path title &key url)
  (:documentation "Sets the title of the audio that is written from now on.")
  (:method ((server server) path title &key url)
    (with-texts (path title url)
      (call "lw_server_update_metadata" :uint64 (handle server) :pointer path :pointer title :pointer url)
      (values))))

(defgeneric server-listener-count (server &optional path)
  (:documentation "The number of listeners of one mount, or of all.")
  (:method ((server server) &optional path)
    (with-texts (path)
      (get-number :uint64 "lw_server_listener_count" :uint64 (handle server) :pointer path))))

(defgeneric server-listeners (server &optional path)
  (:documentation "The listeners of one mount, or of all: :ID, :MOUNT, :ADDRESS, :AGENT, :DURATION, :BYTES,
:IS-BEHIND.")
  (:method ((server server) &optional path)
    (with-texts (path)
      (get-json "lw_server_listeners" :uint64 (handle server) :pointer path))))

(defgeneric server-kick (server id)
  (:documentation "Closes the connection of a listener, by its :ID.")
  (:method ((server server) id)
    (call "lw_server_kick" :uint64 (handle server) :uint64 (natural id))
    (values)))

(defgeneric server-mount-info (server path)
  (:documentation "A mount's state, a property list.")
  (:method ((server server) path)
    (with-texts (path)
      (get-json "lw_server_mount_info" :uint64 (handle server) :pointer path))))

(defgeneric server-mounts (server)
  (:documentation "The states of all mounts.")
  (:method ((server server))
    (get-json "lw_server_mounts" :uint64 (handle server))))

(defgeneric get-metadata-changed-at (server path)
  (:documentation "Since when a mount has its title, in seconds since 1970.")
  (:method ((server server) path)
    (with-texts (path)
      (get-seconds "lw_server_changed_at" :uint64 (handle server) :pointer path))))
