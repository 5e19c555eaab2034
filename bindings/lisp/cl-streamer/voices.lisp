;;;; Voices beside the programme, and the five names by which applications reach into them.

(in-package #:cl-streamer)

(defclass voice ()
  ((pipeline :initarg :pipeline :reader pipeline)
   (id :initarg :id :reader id)
   (on-end :initarg :on-end :initform nil :reader on-end)
   (tags :initarg :tags :initform '() :reader tags)
   (loudness :initform 1.0 :accessor loudness)
   (position :initform 0 :accessor last-position :documentation "In seconds, when it was last seen."))
  (:documentation "A file that sounds beside the programme."))

(defclass track-voice (voice) ()
  (:documentation "The current track of the programme, as PLAY-FILE returns it."))

(defun note-voice (pipeline voice)
  (with-lock ((lock pipeline)) (push voice (voices pipeline)))
  voice)

(defun end-voice (voice)
  "Its file has ended. An end that is no function (:DISCONNECT) asks for what is done anyway."
  (let ((on-end (on-end voice)))
    (when (functionp on-end)
      (run-safely "a voice's end" (lambda () (funcall on-end voice))))))

(defgeneric pipeline-play-voice (pipeline file &key mixer on-end)
  (:documentation "Plays a file beside the programme, without a title or an event. Returns a voice.")
  (:method ((pipeline audio-pipeline) file &key mixer on-end)
    (declare (ignore mixer))
    (note-voice pipeline
                (make-instance 'voice :pipeline pipeline :on-end on-end :tags (file-tags file)
                                      :id (as-streamer-errors ()
                                            (longwave:pipeline-play-voice (on-air pipeline)
                                                                          (whole-path pipeline file)))))))

(defmacro while-it-sounds (&body body)
  "What is asked of a voice that has ended has no effect."
  `(handler-case (progn ,@body)
     (longwave:not-found () nil)
     (longwave:longwave-error (condition) (refuse "~A" condition))))

(defgeneric pipeline-stop-voice (pipeline voice)
  (:method ((pipeline audio-pipeline) (voice voice))
    (while-it-sounds (longwave:pipeline-stop-voice (on-air pipeline) (id voice)))
    (values))
  (:method ((pipeline audio-pipeline) (voice track-voice))
    (when (current-p voice) (pipeline-skip pipeline))
    (values)))

(defgeneric pipeline-stop-all-voices (pipeline)
  (:documentation "Stops all that sounds. If nothing is queued, nothing plays until something is queued or
played.")
  (:method ((pipeline audio-pipeline))
    (with-lock ((lock pipeline))
      (let ((engine (on-air pipeline)))
        (settle pipeline)
        (unless (queue pipeline)
          (setf (rotation pipeline) (load-list pipeline '() :now t)
                (load-begun (rotation pipeline)) t
                (remains pipeline) '()
                (waiting pipeline) nil
                (replaced pipeline) '()))
        (skip-by pipeline (lambda () (longwave:pipeline-stop-all-voices engine)))))
    (values)))

(defgeneric pipeline-volume-ramp (pipeline voice target duration &key steps)
  (:documentation "Changes a voice's volume sample by sample, and returns when the ramp is over.")
  (:method ((pipeline audio-pipeline) (voice voice) target duration &key steps)
    (declare (ignore steps))
    (while-it-sounds (longwave:pipeline-volume-ramp (on-air pipeline) (id voice) target duration))
    (setf (loudness voice) target)
    (values)))

(defun volume-ramp (voice target duration &rest more)
  (apply #'pipeline-volume-ramp (pipeline voice) voice target duration more))

;;; State

(defgeneric state (voice)
  (:documentation "What longwave says of it, while it sounds: :POSITION or :PLAYED.")
  (:method ((voice voice))
    (and (running (pipeline voice))
         (find (id voice) (longwave:pipeline-voices (engine (pipeline voice)))
               :key (lambda (state) (getf state :id)))))
  (:method ((voice track-voice))
    (let ((track (and (running (pipeline voice))
                      (longwave:pipeline-current-track (engine (pipeline voice))))))
      (and (eql (getf track :id) (id voice)) track))))

(defun current-p (voice)
  (and (state voice) t))

(defun seconds-played (voice)
  (let ((state (state voice)))
    (when state
      (setf (last-position voice) (or (getf state :position) (getf state :played) 0)))
    (last-position voice)))

(defun frames (voice seconds)
  (values (round (* (rational seconds) (sample-rate (pipeline voice))))))

(defgeneric set-volume (voice volume)
  (:method ((voice voice) volume)
    (while-it-sounds
      (setf (longwave:pipeline-volume (on-air (pipeline voice)) (id voice)) volume)))
  (:method ((voice track-voice) volume)
    (declare (ignore volume))
    (refuse "the programme has no volume of its own: play the file by PIPELINE-PLAY-VOICE")))

(defgeneric move (voice seconds)
  (:method ((voice voice) seconds)
    (while-it-sounds (longwave:pipeline-seek-voice (on-air (pipeline voice)) (id voice) seconds)))
  (:method ((voice track-voice) seconds)
    (when (current-p voice) (longwave:pipeline-seek (on-air (pipeline voice)) seconds))))

;;; The names of cl-mixed: generic functions there, and here if it is not loaded.

(defmethod org.shirakumo.fraf.mixed:volume ((voice voice))
  (loudness voice))

(defmethod (setf org.shirakumo.fraf.mixed:volume) (volume (voice voice))
  (set-volume voice volume)
  (setf (loudness voice) volume))

(defmethod org.shirakumo.fraf.mixed:samplerate ((voice voice))
  (sample-rate (pipeline voice)))

(defmethod org.shirakumo.fraf.mixed:frame-position ((voice voice))
  (frames voice (seconds-played voice)))

(defmethod org.shirakumo.fraf.mixed:frame-count ((voice voice))
  (frames voice (or (getf (tags voice) :duration) 0)))

(defmethod org.shirakumo.fraf.mixed:seek ((voice voice) frame &key &allow-other-keys)
  (move voice (/ (max 0 frame) (sample-rate (pipeline voice))))
  frame)
