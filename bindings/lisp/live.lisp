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
