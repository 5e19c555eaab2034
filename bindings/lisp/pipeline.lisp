;;;; Pipelines: what plays, when, and what is known of it.

(in-package #:longwave)

(defclass pipeline ()
  ((handle :initarg :handle :reader handle)
   (server :initarg :server :reader pipeline-server :documentation "The server that its mounts are on.")
   (own-server :initarg :own-server :reader own-server-p :documentation "Whether that ends with it.")
   (hooks :initform '() :accessor hooks :documentation "The numbers of its hooks, with their keys in *FUNCTIONS*."))
  (:documentation "One programme, its mixer, and its outputs."))

(defun make-pipeline (&rest declaration &key server port listen outputs &allow-other-keys)
  "A pipeline that PIPELINE-START puts on the air: on SERVER, or on one of its own, on PORT or where LISTEN says. OUTPUTS is a
list of property lists, (:FORMAT :MP3 :MOUNT \"/radio.mp3\" :BITRATE 128), with the keys of [[pipeline.output]]; other
arguments are keys of [[pipeline]] in docs/CONFIGURATION.md: :NAME, :PLAYLIST, :LOOP, :SHUFFLE, :CROSSFADE \"3s\", :STATE-FILE."
  (let* ((rest (uiop:remove-plist-keys '(:server :port :listen :outputs) declaration))
         (declaration (write-json (list* :output outputs rest)))
         (on (or server (make-server :port port :listen listen))))
    (with-texts (declaration)
      (make-instance 'pipeline
                     :handle (get-number :uint64 "lw_pipeline_open" :pointer declaration :uint64 (handle on))
                     :server on
                     :own-server (null server)))))

(defmacro with-pipeline ((variable &rest arguments) &body body)
  "Makes and starts a pipeline for as long as BODY takes."
  `(let ((,variable (make-pipeline ,@arguments)))
     (unwind-protect (progn (pipeline-start ,variable) ,@body)
       (pipeline-close ,variable))))

(defgeneric pipeline-start (pipeline)
  (:documentation "Puts it on the air. A pipeline starts once.")
  (:method ((pipeline pipeline))
    (when (own-server-p pipeline)
      (server-start (pipeline-server pipeline)))
    (call "lw_pipeline_start" :uint64 (handle pipeline))
    pipeline))

(defgeneric pipeline-stop (pipeline)
  (:documentation "Takes it off the air and ends what it owns. Names of threads that had to be left behind.")
  (:method ((pipeline pipeline))
    (append (get-json "lw_pipeline_stop" :uint64 (handle pipeline))
            (when (own-server-p pipeline)
              (server-stop (pipeline-server pipeline))))))

(defgeneric pipeline-close (pipeline)
  (:documentation "Stops it and lets go of it. Once more is harmless.")
  (:method ((pipeline pipeline))
    (handler-case (pipeline-stop pipeline)
      (bad-handle () nil))
    (forget-hooks pipeline)
    (call "lw_pipeline_close" :uint64 (handle pipeline))
    (when (own-server-p pipeline)
      (server-close (pipeline-server pipeline)))
    (values)))

(defgeneric pipeline-running-p (pipeline)
  (:method ((pipeline pipeline))
    (plusp (get-number :int32 "lw_pipeline_is_running" :uint64 (handle pipeline)))))

;;; What plays

(defun files-json (files)
  "Paths, or lists of a path and a title."
  (write-json (coerce (mapcar (lambda (file)
                                (if (consp file)
                                    (list :path (native (first file)) :title (second file))
                                    (native file)))
                              files)
                      'vector)))

(defun list-options (now loop shuffle crossfade fade-in fade-out)
  (flet ((ms (seconds) (and seconds (milliseconds seconds))))
    (write-json (list :now (or now :false) :loop loop :shuffle shuffle
                      :crossfade-ms (ms crossfade) :fade-in-ms (ms fade-in) :fade-out-ms (ms fade-out)))))

(defgeneric pipeline-play-file (pipeline file &key title)
  (:documentation "Makes a file the current track now; then what was up next goes on. The entry's number.")
  (:method ((pipeline pipeline) file &key title)
    (let ((file (native file)))
      (with-texts (file title)
        (get-number :uint64 "lw_pipeline_play_file" :uint64 (handle pipeline) :pointer file :pointer title)))))

(defgeneric pipeline-play-list (pipeline what &key name now loop shuffle crossfade fade-in fade-out)
  (:documentation "Plays WHAT as the playlist, after the current track or NOW: a path (of a folder, an M3U, PLS or XSPF, a file), or
a list of files, each a path or a list of a path and a title. Returns at once. The hook for :PLAYLIST-CHANGE hears when its first
track begins.")
  (:method ((pipeline pipeline) (path pathname) &rest options)
    (apply #'pipeline-play-list pipeline (native path) options))
  (:method ((pipeline pipeline) (path string) &key name now loop shuffle crossfade fade-in fade-out)
    (declare (ignore name))
    (let ((options (list-options now loop shuffle crossfade fade-in fade-out)))
      (with-texts (path options)
        (call "lw_pipeline_play_path" :uint64 (handle pipeline) :pointer path :pointer options)
        (values))))
  (:method ((pipeline pipeline) (files list)
            &key (name "list") now loop shuffle crossfade fade-in fade-out)
    (let ((files (files-json files)) (options (list-options now loop shuffle crossfade fade-in fade-out)))
      (with-texts (name files options)
        (call "lw_pipeline_play_list" :uint64 (handle pipeline) :pointer name :pointer files :pointer options)
        (values)))))

(defgeneric pipeline-skip (pipeline)
  (:documentation "The current track gives way to what is up next.")
  (:method ((pipeline pipeline))
    (call "lw_pipeline_skip" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-seek (pipeline seconds)
  (:documentation "The current track goes on at this time from its beginning.")
  (:method ((pipeline pipeline) seconds)
    (call "lw_pipeline_seek" :uint64 (handle pipeline) :uint64 (milliseconds seconds))
    (values)))

(defgeneric pipeline-queue-files (pipeline files &key position)
  (:documentation "Queues files, each to be played once, at :END or :NEXT. Their numbers.")
  (:method ((pipeline pipeline) files &key (position :end))
    (let ((files (files-json files)))
      (with-texts (files)
        (get-json "lw_pipeline_queue_files"
                  :uint64 (handle pipeline) :pointer files :int32 (flag (eq position :next)))))))

(defgeneric pipeline-get-queue (pipeline)
  (:documentation "The queue, in the order in which it will be played: property lists with :ID, :PATH, :TITLE.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_queue" :uint64 (handle pipeline))))

(defgeneric pipeline-clear-queue (pipeline)
  (:method ((pipeline pipeline))
    (call "lw_pipeline_clear_queue" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-remove (pipeline id)
  (:documentation "Takes an entry out of the queue.")
  (:method ((pipeline pipeline) id)
    (call "lw_pipeline_remove" :uint64 (handle pipeline) :uint64 id)
    (values)))

(defgeneric pipeline-move-to (pipeline id index)
  (:documentation "Moves an entry of the queue to this place, 0 being the next.")
  (:method ((pipeline pipeline) id index)
    (call "lw_pipeline_move_to" :uint64 (handle pipeline) :uint64 id :size index)
    (values)))

(defgeneric pipeline-hold (pipeline &key fade)
  (:documentation "Takes the programme off the air where it is; decks go on.")
  (:method ((pipeline pipeline) &key (fade 0))
    (call "lw_pipeline_hold" :uint64 (handle pipeline) :uint64 (milliseconds fade))
    (values)))

(defgeneric pipeline-resume (pipeline &key fade)
  (:documentation "Puts a held programme back on the air, where it waits.")
  (:method ((pipeline pipeline) &key (fade 0))
    (call "lw_pipeline_resume" :uint64 (handle pipeline) :uint64 (milliseconds fade))
    (values)))

;;; Titles

(defgeneric pipeline-update-metadata (pipeline title &key mount url until-cleared)
  (:documentation "Sets what mounts announce: until the next track begins, or until it is cleared.")
  (:method ((pipeline pipeline) title &key mount url until-cleared)
    (with-texts (title url mount)
      (call "lw_pipeline_update_metadata" :uint64 (handle pipeline)
            :pointer title :pointer url :pointer mount :int32 (flag until-cleared))
      (values))))

(defgeneric pipeline-clear-metadata (pipeline &key mount)
  (:documentation "Returns to the sounding track's title.")
  (:method ((pipeline pipeline) &key mount)
    (with-texts (mount)
      (call "lw_pipeline_clear_metadata" :uint64 (handle pipeline) :pointer mount)
      (values))))

(defun pipeline-read-metadata (file)
  "A file's tags, a property list."
  (let ((file (native file)))
    (with-texts (file)
      (get-json "lw_read_metadata" :pointer file))))

(defun pipeline-format-title (file &key tags given extinf)
  "The line that a station shows for a track."
  (let ((file (native file)) (tags (and tags (write-json tags))))
    (with-texts (file tags given extinf)
      (get-text "lw_format_title" :pointer file :pointer tags :pointer given :pointer extinf))))

;;; State

(defgeneric pipeline-current-track (pipeline)
  (:documentation "The track on the air, a property list with :TITLE, :FILE, :PLAYED-MS, :REMAINING-MS and more; or NIL.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_current_track" :uint64 (handle pipeline))))

(defgeneric pipeline-remaining (pipeline)
  (:documentation "How many seconds of the current track are to come; NIL if that is not known.")
  (:method ((pipeline pipeline))
    (let ((ms (get-number :uint64 "lw_pipeline_remaining_ms" :uint64 (handle pipeline))))
      (and ms (/ ms 1000)))))

(defgeneric pipeline-up-next (pipeline most)
  (:documentation "The next entries: first the queue, then the playlist.")
  (:method ((pipeline pipeline) most)
    (get-json "lw_pipeline_up_next" :uint64 (handle pipeline) :size most)))

(defgeneric pipeline-history (pipeline)
  (:documentation "The last hundred tracks, oldest first.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_history" :uint64 (handle pipeline))))

(defgeneric pipeline-playlist (pipeline)
  (:documentation "The playlist in play, and how far it is.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_playlist" :uint64 (handle pipeline))))

(defgeneric pipeline-listener-count (pipeline &optional mount)
  (:documentation "How many listen: to one of its mounts, or to all.")
  (:method ((pipeline pipeline) &optional mount)
    (with-texts (mount)
      (get-number :uint64 "lw_pipeline_listener_count" :uint64 (handle pipeline) :pointer mount))))

(defgeneric pipeline-mounts (pipeline)
  (:documentation "The paths of its mounts.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_mounts" :uint64 (handle pipeline))))

(defgeneric pipeline-levels (pipeline)
  (:documentation "How loud the mix is: :PEAK-DB and :POWER-DB, left and right.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_levels" :uint64 (handle pipeline))))

(defgeneric pipeline-health (pipeline)
  (:documentation "What is wrong with it, in sentences.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_health" :uint64 (handle pipeline))))

(defgeneric pipeline-held-p (pipeline)
  (:method ((pipeline pipeline))
    (plusp (get-number :int32 "lw_pipeline_is_held" :uint64 (handle pipeline)))))

(defgeneric pipeline-snapshot (pipeline)
  (:documentation "What it needs to go on from here: a string for PIPELINE-RESTORE.")
  (:method ((pipeline pipeline))
    (get-text "lw_pipeline_snapshot" :uint64 (handle pipeline))))

(defgeneric pipeline-restore (pipeline snapshot)
  (:method ((pipeline pipeline) snapshot)
    (with-texts (snapshot)
      (call "lw_pipeline_restore" :uint64 (handle pipeline) :pointer snapshot)
      (values))))
