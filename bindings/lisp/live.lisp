;;;; Announcements, and orders on who has the air.

(in-package #:longwave)

(defgeneric pipeline-announce (pipeline file)
  (:documentation "Plays a file above everything else, which comes back after it. Returns its number.")
  (:method ((pipeline pipeline) file)
    (with-texts ((file (native file)))
      (get-number :uint64 "lw_pipeline_announce" :uint64 (handle pipeline) :pointer file))))

(defgeneric pipeline-stop-announcement (pipeline announcement)
  (:method ((pipeline pipeline) announcement)
    (call "lw_pipeline_stop_announcement" :uint64 (handle pipeline) :uint64 (natural announcement))
    (values)))

(defgeneric pipeline-stop-announcements (pipeline)
  (:documentation "Stops the announcement that sounds, and those that wait.")
  (:method ((pipeline pipeline))
    (call "lw_pipeline_stop_announcements" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-announcements (pipeline)
  (:documentation "The announcements that sound or wait: :ID, :FILE, :SOUNDING, :POSITION, :DURATION.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_announcements" :uint64 (handle pipeline))))

(defclass source ()
  ((handle :initarg :handle :reader handle))
  (:documentation "Encoded audio for a live input, which Lisp writes as it comes."))

(defgeneric pipeline-go-live (pipeline path &rest info)
  (:documentation "A source at the live input PATH. INFO may have :USER, :PROGRAM, :NAME, :GENRE, :DESCRIPTION,
:URL and :CONTENT-TYPE.")
  (:method ((pipeline pipeline) path &rest info)
    (with-texts (path (info (write-object-json info)))
      (make-instance 'source :handle (get-number :uint64 "lw_pipeline_go_live" :uint64 (handle pipeline)
                                                 :pointer path :pointer info)))))

(defgeneric source-write (source octets &key start end)
  (:documentation "Writes a part of a vector of octets. Returns how many were taken; offer the others again
later. Signals NOT-RUNNING when the source has ended.")
  (:method ((source source) octets &key (start 0) (end (length octets)))
    (with-octets (bytes count) (octets start end)
      (get-number :size "lw_source_write" :uint64 (handle source) :pointer bytes :size count))))

(defgeneric source-set-title (source title)
  (:documentation "Sets the title of what is written from now on.")
  (:method ((source source) title)
    (with-texts (title)
      (call "lw_source_set_title" :uint64 (handle source) :pointer title))
    (values)))

(defgeneric source-state (source)
  (:documentation "What is known of it, as in STATION-SOURCES.")
  (:method ((source source))
    (get-json "lw_source_state" :uint64 (handle source))))

(defgeneric source-close (source)
  (:documentation "Ends it: it fades out. Closing it twice is harmless.")
  (:method ((source source))
    (call "lw_source_close" :uint64 (handle source))
    (values)))

(defgeneric pipeline-live (pipeline)
  (:documentation "The live input that has the air; NIL if the programme has it.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_live" :uint64 (handle pipeline))))

(defgeneric pipeline-live-inputs (pipeline)
  (:documentation "All live inputs: :PATH, :STATE, :MUTED, :FORCED, :SOURCE, :TITLE and more.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_live_inputs" :uint64 (handle pipeline))))

(defgeneric pipeline-force-live (pipeline path)
  (:documentation "Gives a live input the air as soon as it has sound, whatever the priorities say.")
  (:method ((pipeline pipeline) path)
    (with-texts (path)
      (call "lw_pipeline_force_live" :uint64 (handle pipeline) :pointer path))
    (values)))

(defgeneric pipeline-force-programme (pipeline)
  (:documentation "Gives the programme the air, although a live input has sound.")
  (:method ((pipeline pipeline))
    (call "lw_pipeline_force_programme" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-release-live (pipeline)
  (:documentation "Priorities decide again who has the air.")
  (:method ((pipeline pipeline))
    (call "lw_pipeline_release_live" :uint64 (handle pipeline))
    (values)))

(defgeneric pipeline-forced-air (pipeline)
  (:documentation "Who has the air by an order: \"programme\", the path of a live input, or NIL.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_forced_air" :uint64 (handle pipeline))))

(defgeneric pipeline-mute-live (pipeline path)
  (:documentation "Keeps a live input off the air. Something else sounds instead.")
  (:method ((pipeline pipeline) path)
    (with-texts (path)
      (call "lw_pipeline_mute_live" :uint64 (handle pipeline) :pointer path))
    (values)))

(defgeneric pipeline-unmute-live (pipeline path)
  (:method ((pipeline pipeline) path)
    (with-texts (path)
      (call "lw_pipeline_unmute_live" :uint64 (handle pipeline) :pointer path))
    (values)))
