;;;; Pipelines: playlist, queue, titles and state.

(in-package #:longwave)

(defclass pipeline ()
  ((handle :initarg :handle :reader handle)
   (server :initarg :server :reader pipeline-server :documentation "The server that its mounts are on.")
   (station :initarg :station :initform nil :reader station
           :documentation "The station that it belongs to, if any.")
   (own-server :initarg :own-server :reader own-server-p
              :documentation "Whether the server ends with the pipeline.")
   (next-track :initform nil :accessor next-track
              :documentation "The key in *FUNCTIONS* of what chooses its tracks.")
   (hooks :initform '() :accessor hooks
         :documentation "The numbers of its hooks, with their keys in *FUNCTIONS*."))
  (:documentation "One programme, its mixer, and its outputs."))

(defun make-pipeline (&rest declaration &key server port listen outputs &allow-other-keys)
  "Makes a pipeline, which PIPELINE-START puts on the air. Its mounts are on SERVER, or on its own server on
PORT or the address LISTEN. OUTPUTS is a list of property lists, (:FORMAT :MP3 :MOUNT \"/radio.mp3\" :BITRATE
128), with the keys of [[pipeline.output]]. Other arguments are keys of [[pipeline]] in docs/CONFIGURATION.md:
:NAME, :PLAYLIST, :LOOP, :SHUFFLE, :CROSSFADE \"3s\", :STATE-FILE."
  (let* ((rest (uiop:remove-plist-keys '(:server :port :listen :outputs) declaration))
         (declaration (write-json (list* :output outputs rest)))
         (on (or server (make-server :port port :listen listen))))
    (with-texts (declaration)
      (make-instance 'pipeline
                     :handle (get-number :uint64 "lw_pipeline_open" :pointer declaration :uint64 (handle on))
                     :server on
                     :own-server (null server)))))

(defmacro with-pipeline ((variable &rest arguments) &body body)
  "Makes and starts a pipeline, runs BODY, and closes the pipeline."
  `(let ((,variable (make-pipeline ,@arguments)))
     (unwind-protect (progn (pipeline-start ,variable) ,@body)
       (pipeline-close ,variable))))

(defgeneric pipeline-start (pipeline)
  (:documentation "Puts the pipeline on the air. A pipeline can be started once.")
  (:method ((pipeline pipeline))
    (when (own-server-p pipeline)
      (server-start (pipeline-server pipeline)))
    (call "lw_pipeline_start" :uint64 (handle pipeline))
    pipeline))

(defgeneric pipeline-stop (pipeline)
  (:documentation "Stops the pipeline and its parts. Returns the names of threads that were left behind.")
  (:method ((pipeline pipeline))
    (append (get-json "lw_pipeline_stop" :uint64 (handle pipeline))
            (when (own-server-p pipeline)
              (server-stop (pipeline-server pipeline))))))

(defgeneric pipeline-close (pipeline)
  (:documentation "Stops and frees the pipeline. Closing it twice is harmless.")
  (:method ((pipeline pipeline))
    (handler-case (cond ((not (station pipeline)) (pipeline-stop pipeline))
                        (t (when (next-track pipeline) (pipeline-on-next-track pipeline nil))
                           (loop for (hook) in (hooks pipeline)
                                 do (pipeline-remove-hook pipeline hook))))
      (bad-handle () nil))
    (forget-hooks pipeline)
    (call "lw_pipeline_close" :uint64 (handle pipeline))
    (when (or (own-server-p pipeline) (station pipeline))
      (server-close (pipeline-server pipeline)))
    (values)))

(defgeneric pipeline-running-p (pipeline)
  (:method ((pipeline pipeline))
    (plusp (get-number :int32 "lw_pipeline_is_running" :uint64 (handle pipeline)))))

(defgeneric pipeline-name (pipeline)
  (:method ((pipeline pipeline))
    (get-text "lw_pipeline_name" :uint64 (handle pipeline))))

(defgeneric pipeline-spec (pipeline)
  (:documentation "The shape of its PCM: frames per second, and samples per frame.")
  (:method ((pipeline pipeline))
    (cffi:with-foreign-objects ((rate :uint32) (channels :uint32))
      (call "lw_pipeline_spec" :uint64 (handle pipeline) :pointer rate :pointer channels)
      (values (cffi:mem-ref rate :uint32) (cffi:mem-ref channels :uint32)))))

;;; Outputs

(defgeneric pipeline-add-output (pipeline output)
  (:documentation "Adds an output, a property list as for MAKE-PIPELINE. The others notice nothing.")
  (:method ((pipeline pipeline) output)
    (with-texts ((output (write-json output)))
      (call "lw_pipeline_add_output" :uint64 (handle pipeline) :pointer output)
      (values))))

(defgeneric pipeline-update-output (pipeline output)
  (:documentation "Gives an output other settings, by its :MOUNT. Its listeners stay.")
  (:method ((pipeline pipeline) output)
    (with-texts ((output (write-json output)))
      (call "lw_pipeline_update_output" :uint64 (handle pipeline) :pointer output)
      (values))))

(defgeneric pipeline-remove-output (pipeline mount)
  (:documentation "Ends an output and its mount. Its listeners get the audio that is due.")
  (:method ((pipeline pipeline) mount)
    (with-texts (mount)
      (call "lw_pipeline_remove_output" :uint64 (handle pipeline) :pointer mount)
      (values))))

(defgeneric pipeline-replace-encoder (pipeline mount output)
  (:documentation "Encodes an output in another way from now on: :FORMAT, :BITRATE and so on of OUTPUT. Its
listeners stay.")
  (:method ((pipeline pipeline) mount output)
    (with-texts (mount (output (write-json output)))
      (call "lw_pipeline_replace_encoder" :uint64 (handle pipeline) :pointer mount :pointer output)
      (values))))

;;; The clock of tests

(defgeneric pipeline-use-stepped-clock (pipeline)
  (:documentation "Lets the pipeline run by PIPELINE-STEP-CLOCK only, as fast as the machine can. Before
PIPELINE-START.")
  (:method ((pipeline pipeline))
    (call "lw_pipeline_use_stepped_clock" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-step-clock (pipeline seconds)
  (:documentation "Returns when so many seconds more have been mixed.")
  (:method ((pipeline pipeline) seconds)
    (call "lw_pipeline_step_clock" :uint64 (handle pipeline) :uint64 (milliseconds seconds))
    (values)))

;;; What plays

(defun files-json (files)
  "Paths, lists of a path and a title, or (:FILE path :TITLE title)."
  (write-json (map 'vector #'file-json files)))

(defun file-json (entry)
  (flet ((is-path (file) (or (stringp file) (pathnamep file))))
    (cond ((is-path entry) (native entry))
          ((and (consp entry) (is-path (first entry))
                (null (cddr entry)) (typep (second entry) '(or null string)))
           (list :file (native (first entry)) :title (second entry)))
          ((and (consp entry) (listp (cdr entry)) (is-path (getf entry :file))
                ;; An entry of PIPELINE-GET-QUEUE may be queued again.
                (loop for key in entry by #'cddr always (member key '(:file :title :id :reason))))
           (list :file (native (getf entry :file)) :title (getf entry :title)))
          (t (refuse-argument "an entry is a path, (path title) or (:file path :title title), not ~S"
                              entry)))))

(defun list-options (now loop shuffle crossfade fade-in fade-out)
  (write-json (list :now (or now :false) :loop loop :shuffle shuffle
                    :crossfade crossfade :fade-in fade-in :fade-out fade-out)))

(defgeneric pipeline-play-file (pipeline file &key title)
  (:documentation "Plays a file now; then what was up next goes on. Returns the entry's number.")
  (:method ((pipeline pipeline) file &key title)
    (with-texts ((file (native file)) title)
      (get-number :uint64 "lw_pipeline_play_file" :uint64 (handle pipeline) :pointer file :pointer title))))

(defgeneric pipeline-play-list (pipeline what &key name now loop shuffle crossfade fade-in fade-out)
  (:documentation "Replaces the playlist by WHAT, after the current track or NOW. WHAT is a path (of a folder,
a playlist or a file), or a list of files: each a path, a list of a path and a title, or (:FILE path :TITLE
title). Returns at once. The event :PLAYLIST-CHANGE is sent when the first track begins.")
  (:method ((pipeline pipeline) (path pathname) &rest options)
    (apply #'pipeline-play-list pipeline (native path) options))
  (:method ((pipeline pipeline) (path string) &key name now loop shuffle crossfade fade-in fade-out)
    (when name
      (refuse-argument "a playlist that is read from a path is named as its path: ~S has no other name" path))
    (with-texts (path (options (list-options now loop shuffle crossfade fade-in fade-out)))
      (call "lw_pipeline_play_path" :uint64 (handle pipeline) :pointer path :pointer options)
      (values)))
  (:method ((pipeline pipeline) (files list)
            &key (name "list") now loop shuffle crossfade fade-in fade-out)
    (with-texts (name (files (files-json files))
                 (options (list-options now loop shuffle crossfade fade-in fade-out)))
      (call "lw_pipeline_play_list" :uint64 (handle pipeline) :pointer name :pointer files :pointer options)
      (values))))

(defgeneric pipeline-skip (pipeline)
  (:documentation "Skips to what is up next.")
  (:method ((pipeline pipeline))
    (call "lw_pipeline_skip" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-seek (pipeline seconds)
  (:documentation "Seeks in the current track, to SECONDS from its beginning.")
  (:method ((pipeline pipeline) seconds)
    (call "lw_pipeline_seek" :uint64 (handle pipeline) :uint64 (milliseconds seconds))
    (values)))

(defgeneric pipeline-set-loop (pipeline repeat)
  (:documentation "Whether the playlist begins again at its end.")
  (:method ((pipeline pipeline) repeat)
    (call "lw_pipeline_set_loop" :uint64 (handle pipeline) :int32 (flag repeat))
    (values)))

(defgeneric pipeline-set-shuffle (pipeline shuffle)
  (:documentation "Whether the playlist is shuffled: what is left of it, and each pass.")
  (:method ((pipeline pipeline) shuffle)
    (call "lw_pipeline_set_shuffle" :uint64 (handle pipeline) :int32 (flag shuffle))
    (values)))

(defun next-flag (position)
  (case position
    (:end 0)
    (:next 1)
    (t (refuse-argument "a position is :END or :NEXT, not ~S" position))))

(defgeneric pipeline-queue-file (pipeline file &key title position)
  (:documentation "Adds a file to the queue, at :END or :NEXT. Returns its number.")
  (:method ((pipeline pipeline) file &key title (position :end))
    (with-texts ((file (native file)) title)
      (get-number :uint64 "lw_pipeline_queue_file" :uint64 (handle pipeline) :pointer file :pointer title
                  :int32 (next-flag position)))))

(defgeneric pipeline-queue-files (pipeline files &key position)
  (:documentation "Adds files to the queue, at :END or :NEXT. Each is played once. Returns their numbers.")
  (:method ((pipeline pipeline) files &key (position :end))
    (with-texts ((files (files-json files)))
      (get-json "lw_pipeline_queue_files"
                :uint64 (handle pipeline) :pointer files :int32 (next-flag position)))))

(defgeneric pipeline-get-queue (pipeline)
  (:documentation "The queue, in the order of playing: property lists with :ID, :FILE, :TITLE.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_queue" :uint64 (handle pipeline))))

(defgeneric pipeline-entry (pipeline id)
  (:documentation "An entry of the queue or of the playlist, by its number.")
  (:method ((pipeline pipeline) id)
    (get-json "lw_pipeline_entry" :uint64 (handle pipeline) :uint64 (natural id))))

(defgeneric pipeline-set-fades (pipeline &key crossfade fade-in fade-out)
  (:documentation "Sets the fades between tracks from now on, in seconds. What is left out is as before.")
  (:method ((pipeline pipeline) &key crossfade fade-in fade-out)
    (flet ((fade (seconds) (if seconds (milliseconds seconds) -1)))
      (call "lw_pipeline_set_fades" :uint64 (handle pipeline)
            :int64 (fade crossfade) :int64 (fade fade-in) :int64 (fade fade-out))
      (values))))

(defgeneric pipeline-clear-queue (pipeline)
  (:method ((pipeline pipeline))
    (call "lw_pipeline_clear_queue" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-remove (pipeline id)
  (:documentation "Removes an entry from the queue.")
  (:method ((pipeline pipeline) id)
    (call "lw_pipeline_remove" :uint64 (handle pipeline) :uint64 (natural id))
    (values)))

(defgeneric pipeline-move-to (pipeline id index)
  (:documentation "Moves an entry of the queue to an index; 0 is the next.")
  (:method ((pipeline pipeline) id index)
    (call "lw_pipeline_move_to" :uint64 (handle pipeline) :uint64 (natural id) :size (natural index))
    (values)))

(defgeneric pipeline-hold (pipeline &key fade)
  (:documentation "Fades the programme out and holds it where it is. Decks go on.")
  (:method ((pipeline pipeline) &key (fade 0))
    (call "lw_pipeline_hold" :uint64 (handle pipeline) :uint64 (milliseconds fade))
    (values)))

(defgeneric pipeline-hold-after-current (pipeline)
  (:documentation "Holds the programme when the current track has come to its end; PIPELINE-RESUME takes it back.")
  (:method ((pipeline pipeline))
    (call "lw_pipeline_hold_after_current" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-resume (pipeline &key fade)
  (:documentation "Fades a held programme in again, where it was.")
  (:method ((pipeline pipeline) &key (fade 0))
    (call "lw_pipeline_resume" :uint64 (handle pipeline) :uint64 (milliseconds fade))
    (values)))

;;; Titles

(defgeneric pipeline-update-metadata (pipeline title &key mount url until-cleared)
  (:documentation "Sets the title of the mounts, until the next track begins or until it is cleared.")
  (:method ((pipeline pipeline) title &key mount url until-cleared)
    (with-texts (title url mount)
      (call "lw_pipeline_update_metadata" :uint64 (handle pipeline)
            :pointer title :pointer url :pointer mount :int32 (flag until-cleared))
      (values))))

(defgeneric pipeline-clear-metadata (pipeline &key mount)
  (:documentation "Restores the title of the current track.")
  (:method ((pipeline pipeline) &key mount)
    (with-texts (mount)
      (call "lw_pipeline_clear_metadata" :uint64 (handle pipeline) :pointer mount)
      (values))))

(defgeneric pipeline-set-title-format (pipeline format)
  (:documentation "How titles are made from now on, \"Radio X: {title}\"; NIL: as usual.")
  (:method ((pipeline pipeline) format)
    (with-texts (format)
      (call "lw_pipeline_set_title_format" :uint64 (handle pipeline) :pointer format)
      (values))))

(defgeneric pipeline-title-format (pipeline)
  (:method ((pipeline pipeline))
    (get-text "lw_pipeline_title_format" :uint64 (handle pipeline))))

(defun pipeline-read-metadata (file)
  "A file's tags, a property list with :ARTIST, :NAME, :ALBUM and more; :TITLE is the line that a station
shows."
  (with-texts ((file (native file)))
    (get-json "lw_read_metadata" :pointer file)))

(defun pipeline-format-title (file &key tags given extinf)
  "The line that a station shows for a track."
  (with-texts ((file (native file)) (tags (and tags (write-json tags))) given extinf)
    (get-text "lw_format_title" :pointer file :pointer tags :pointer given :pointer extinf)))

;;; State

(defgeneric pipeline-current-track (pipeline)
  (:documentation "The current track, a property list with :TITLE, :FILE, :PLAYED, :REMAINING and more; or
NIL.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_current_track" :uint64 (handle pipeline))))

(defgeneric pipeline-current-title (pipeline)
  (:documentation "The title of the current track, or NIL.")
  (:method ((pipeline pipeline))
    (get-text "lw_pipeline_current_title" :uint64 (handle pipeline))))

(defgeneric pipeline-played (pipeline)
  (:documentation "The seconds of the current track that have been mixed; NIL if there is none.")
  (:method ((pipeline pipeline))
    (get-seconds "lw_pipeline_played_ms" :uint64 (handle pipeline))))

(defgeneric pipeline-remaining (pipeline)
  (:documentation "The seconds that remain of the current track; NIL if unknown.")
  (:method ((pipeline pipeline))
    (get-seconds "lw_pipeline_remaining_ms" :uint64 (handle pipeline))))

(defgeneric pipeline-time-on-air (pipeline)
  (:documentation "The seconds that have been mixed since the start.")
  (:method ((pipeline pipeline))
    (get-seconds "lw_pipeline_time_on_air_ms" :uint64 (handle pipeline))))

(defgeneric pipeline-up-next (pipeline most)
  (:documentation "The next entries: first the queue, then the playlist.")
  (:method ((pipeline pipeline) most)
    (get-json "lw_pipeline_up_next" :uint64 (handle pipeline) :size (natural most))))

(defgeneric pipeline-set-ingredient (pipeline kind ingredient)
  (:documentation "Adds a \"daypart\", an \"insert\" or a \"slot\" to the schedule that is declared: a
property list with its keys and a :NAME. It takes the place of what was added under this name. The library
keeps it.")
  (:method ((pipeline pipeline) kind ingredient)
    (with-texts ((kind kind) (ingredient (write-json ingredient)))
      (call "lw_pipeline_set_ingredient" :uint64 (handle pipeline) :pointer kind :pointer ingredient)
      (values))))

(defgeneric pipeline-remove-ingredient (pipeline kind name)
  (:documentation "Removes what was added to the schedule under this name.")
  (:method ((pipeline pipeline) kind name)
    (with-texts ((kind kind) (name name))
      (call "lw_pipeline_remove_ingredient" :uint64 (handle pipeline) :pointer kind :pointer name)
      (values))))

(defgeneric pipeline-preview (pipeline hours)
  (:documentation "What the schedule plays in the next hours, if nothing intervenes.")
  (:method ((pipeline pipeline) hours)
    (get-json "lw_pipeline_preview" :uint64 (handle pipeline) :size (natural hours))))

(defgeneric pipeline-history (pipeline)
  (:documentation "The last hundred tracks, oldest first.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_history" :uint64 (handle pipeline))))

(defgeneric pipeline-playlist (pipeline)
  (:documentation "The current playlist and its position.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_playlist" :uint64 (handle pipeline))))

(defgeneric pipeline-listener-count (pipeline &optional mount)
  (:documentation "The number of listeners of one mount, or of all its mounts.")
  (:method ((pipeline pipeline) &optional mount)
    (with-texts (mount)
      (get-number :uint64 "lw_pipeline_listener_count" :uint64 (handle pipeline) :pointer mount))))

(defgeneric pipeline-mounts (pipeline)
  (:documentation "The paths of its mounts.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_mounts" :uint64 (handle pipeline))))

(defgeneric pipeline-hls (pipeline)
  (:documentation "The outputs that are served as HLS: :PATH, :PLAYLIST, :VARIANTS, :LISTENERS and more.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_hls" :uint64 (handle pipeline))))

(defgeneric pipeline-levels (pipeline)
  (:documentation "The levels of the mix: :PEAK-DB and :POWER-DB, left and right, :MOMENTARY-LUFS,
:SHORT-TERM-LUFS.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_levels" :uint64 (handle pipeline))))

(defgeneric pipeline-fill (pipeline)
  (:documentation "How much there is of what is limited: :VOICES, :MAX-VOICES, :QUEUED, :MAX-QUEUE, and
:AUDIO-LEFT-OUT in seconds.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_fill" :uint64 (handle pipeline))))

(defgeneric pipeline-health (pipeline)
  (:documentation "Whether the pipeline is well: :OK, and its :PROBLEMS in sentences.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_health" :uint64 (handle pipeline))))

(defgeneric pipeline-held-p (pipeline)
  (:method ((pipeline pipeline))
    (plusp (get-number :int32 "lw_pipeline_is_held" :uint64 (handle pipeline)))))

(defgeneric pipeline-hold-state (pipeline)
  (:documentation "How far an order is that holds the programme: released, after-current, fading or held.")
  (:method ((pipeline pipeline))
    (get-text "lw_pipeline_hold_state" :uint64 (handle pipeline))))

(defgeneric pipeline-snapshot (pipeline)
  (:documentation "The state of the pipeline, a string for PIPELINE-RESTORE.")
  (:method ((pipeline pipeline))
    (get-text "lw_pipeline_snapshot" :uint64 (handle pipeline))))

(defgeneric pipeline-restore (pipeline snapshot)
  (:method ((pipeline pipeline) snapshot)
    (with-texts (snapshot)
      (call "lw_pipeline_restore" :uint64 (handle pipeline) :pointer snapshot)
      (values))))
