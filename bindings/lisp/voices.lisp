;;;; Live mixing: decks over the programme. They set no title.

(in-package #:longwave)

(defgeneric pipeline-play-voice (pipeline file &key volume paused)
  (:documentation "Plays a file over the programme. Returns the voice's number.")
  (:method ((pipeline pipeline) file &key (volume 1) paused)
    (with-texts ((file (native file)))
      (get-number :uint64 "lw_pipeline_play_voice" :uint64 (handle pipeline) :pointer file
                  :double (volume volume) :int32 (flag paused)))))

(defgeneric pipeline-stop-voice (pipeline voice &key fade)
  (:method ((pipeline pipeline) voice &key (fade 0))
    (call "lw_pipeline_stop_voice" :uint64 (handle pipeline) :uint64 (natural voice)
          :uint64 (milliseconds fade))
    (values)))

(defgeneric pipeline-stop-all-voices (pipeline &key fade)
  (:documentation "Stops decks and the current track. The next track follows, unless the programme is held.")
  (:method ((pipeline pipeline) &key (fade 0))
    (call "lw_pipeline_stop_all_voices" :uint64 (handle pipeline) :uint64 (milliseconds fade))
    (values)))

(defgeneric pipeline-pause-voice (pipeline voice)
  (:method ((pipeline pipeline) voice)
    (call "lw_pipeline_pause_voice" :uint64 (handle pipeline) :uint64 (natural voice))
    (values)))

(defgeneric pipeline-resume-voice (pipeline voice)
  (:method ((pipeline pipeline) voice)
    (call "lw_pipeline_resume_voice" :uint64 (handle pipeline) :uint64 (natural voice))
    (values)))

(defgeneric pipeline-seek-voice (pipeline voice seconds)
  (:method ((pipeline pipeline) voice seconds)
    (call "lw_pipeline_seek_voice" :uint64 (handle pipeline) :uint64 (natural voice)
          :uint64 (milliseconds seconds))
    (values)))

(defgeneric pipeline-voices (pipeline)
  (:documentation "All voices but the programme's: :ID, :FILE, :PAUSED, :VOLUME, :POSITION, :DURATION.")
  (:method ((pipeline pipeline))
    (get-json "lw_pipeline_voices" :uint64 (handle pipeline))))

(defgeneric pipeline-volume (pipeline voice)
  (:documentation "A voice's volume, as of the mixer's last job; NIL if it has ended. SETF sets it.")
  (:method ((pipeline pipeline) voice)
    (getf (find voice (pipeline-voices pipeline) :key (lambda (state) (getf state :id))) :volume)))

(defgeneric (setf pipeline-volume) (volume pipeline voice)
  (:method (volume (pipeline pipeline) voice)
    (call "lw_pipeline_set_volume" :uint64 (handle pipeline) :uint64 (natural voice) :double (volume volume))
    volume))

(defgeneric pipeline-volume-ramp (pipeline voice to seconds &key curve then-stop wait)
  (:documentation "Changes a voice's volume sample by sample, and waits until the ramp is over; if WAIT is
NIL, it returns at once. CURVE is :EQUAL-POWER, :SMOOTH, :LINEAR or :DECIBELS. With THEN-STOP the voice ends
with the ramp.")
  (:method ((pipeline pipeline) voice to seconds &key (curve :equal-power) then-stop (wait t))
    (with-texts ((curve (string-downcase curve)))
      (call "lw_pipeline_ramp_volume" :uint64 (handle pipeline) :uint64 (natural voice)
            :double (volume to) :uint64 (milliseconds seconds)
            :pointer curve :int32 (flag then-stop)))
    (when wait
      (sleep seconds)
      ;; The mixer has its own clock, and may be a job late.
      (loop for volume = (pipeline-volume pipeline voice)
            repeat 100
            until (or (null volume) (and (not then-stop) (< (abs (- volume to)) 1d-4)))
            do (sleep 1/50)))
    (values)))
