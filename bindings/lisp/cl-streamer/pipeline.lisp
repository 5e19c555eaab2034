;;;; Pipelines: their parts, start and stop. A pipeline can be started again after a stop.

(in-package #:cl-streamer)

(defclass audio-pipeline ()
  ((server :initarg :server :reader pipeline-server)
   (owns-server :initarg :owns-server :reader pipeline-owns-server-p)
   (outputs :initarg :outputs :reader outputs)
   (sample-rate :initarg :sample-rate :reader sample-rate)
   (channels :initarg :channels :reader channel-count)
   (engine :initform nil :accessor engine :documentation "The pipeline of longwave.")
   (running :initform nil :accessor running)
   (watcher :initform nil :accessor watcher :documentation "The thread that reads its events.")
   (lock :initform (make-lock) :reader lock :documentation "Held for the slots below; never while a hook runs.")
   (queue :initform '() :accessor queue :documentation "Entries as they were given.")
   (loop-queue :initform nil :accessor loop-queue)
   (rotation :initform nil :accessor rotation :documentation "The load whose entries are played.")
   (waiting :initform nil :accessor waiting :documentation "The load of what is queued, until it begins.")
   (replaced :initform '() :accessor replaced :documentation "Loads of what was queued that another load has replaced.")
   (remains :initform '() :accessor remains :documentation "What was left of the rotation when something was queued.")
   (changes :initform '() :accessor changes :documentation "Paths of playlists that have begun, and are to be told.")
   (given :initform (make-hash-table :test 'equal) :reader given :documentation "File names as they were given.")
   (voices :initform '() :accessor voices :documentation "The voices that sound.")
   (hooks :initform '() :accessor hooks :documentation "Lists of an event and a function.")
   (pending-path :initform nil :accessor pipeline-pending-playlist-path)
   (on-track-change :initform nil :accessor pipeline-on-track-change)
   (on-playlist-change :initform nil :accessor pipeline-on-playlist-change))
  (:documentation "One programme, its mixer, and its outputs."))

(defun make-pipeline (&rest declaration)
  "A pipeline that PIPELINE-START puts on the air: :PORT, :SAMPLE-RATE, :CHANNELS, :OUTPUTS, :SERVER; or, as
one list, :INPUT, :OUTPUTS, :SERVER. An output is a property list, or a list of its format and properties."
  (if (and (null (rest declaration)) (listp (first declaration)))
      (declared-pipeline (first declaration))
      (apply #'wired-pipeline declaration)))

(defun declared-pipeline (declaration)
  (destructuring-bind (&key input outputs server) declaration
    (destructuring-bind (&key (channels 2) (samplerate 44100)) (rest input)
      (apply #'wired-pipeline :outputs outputs :channels channels :sample-rate samplerate
                              (if (listp server) server (list :server server))))))

(defun wired-pipeline (&key (port *default-port*) listen (sample-rate 44100) (channels 2) outputs server)
  (let* ((on (or server (make-stream-server :port port :listen listen)))
         (outputs (mapcar #'output-declaration outputs))
         (pipeline (make-instance 'audio-pipeline :server on :owns-server (null server) :outputs outputs
                                                  :sample-rate sample-rate :channels channels)))
    (server-start on)
    (open-engine pipeline)
    (push pipeline (pipelines on))
    pipeline))

(defparameter *output-keys* '(:format :mount :bitrate :name :genre :content-type))

(defun output-declaration (given)
  "GIVEN is (:FORMAT :MP3 :MOUNT …) or (:MP3 :MOUNT …)."
  (let ((output (if (member (first given) *output-keys*) given (list* :format given))))
    (loop for key in output by #'cddr
          unless (member key *output-keys*)
            do (refuse "an output has no ~S; there are ~{~S~^, ~}" key *output-keys*))
    (complete-output output)))

(defun complete-output (output)
  (destructuring-bind (&key (format :mp3) mount (bitrate 128) name genre content-type) output
    (append (list :format format :mount mount :bitrate bitrate :metaint *default-metaint*)
            (and name (list :name name))
            (and genre (list :genre genre))
            (and content-type (list :content-type content-type)))))

(defun mount-paths (pipeline)
  (mapcar (lambda (output) (getf output :mount)) (outputs pipeline)))

(defun name-of (pipeline)
  "What stands in the log: the first mount, as far as a name can."
  (substitute-if #\_ (lambda (char) (not (or (alphanumericp char) (find char "-_."))))
                 (string-left-trim "/" (or (first (mount-paths pipeline)) "pipeline"))))

(defun open-engine (pipeline)
  "Checks the declaration; listeners who come before the start are told to wait."
  (let ((server (running-engine (pipeline-server pipeline))))
    (as-streamer-errors ()
      (setf (engine pipeline)
            (longwave:make-pipeline :name (name-of pipeline)
                                    :server server :outputs (outputs pipeline)
                                    :sample-rate (sample-rate pipeline) :channels (channel-count pipeline)))
      (dolist (path (mount-paths pipeline))
        (longwave:server-expect server path)))))

(defgeneric pipeline-start (pipeline)
  (:documentation "Puts the pipeline on the air. Nothing happens if it is.")
  (:method ((pipeline audio-pipeline))
    (unless (running pipeline)
      (server-start (pipeline-server pipeline))
      (unless (engine pipeline) (open-engine pipeline))
      (as-streamer-errors () (longwave:pipeline-start (engine pipeline)))
      (setf (running pipeline) t
            (watcher pipeline) (watch pipeline))
      (pipeline-fire-hook pipeline :pipeline-start)
      (with-lock ((lock pipeline)) (load-queue pipeline)))
    pipeline))

(defgeneric pipeline-stop (pipeline)
  (:documentation "Takes the pipeline off the air. What is queued is kept.")
  (:method ((pipeline audio-pipeline))
    (when (shiftf (running pipeline) nil)
      (let ((engine (shiftf (engine pipeline) nil)))
        (longwave:pipeline-stop engine)
        (unless (eq (watcher pipeline) (this-thread))
          (join-thread (watcher pipeline)))
        (longwave:pipeline-close engine))
      (with-lock ((lock pipeline))
        (setf (rotation pipeline) nil (waiting pipeline) nil (replaced pipeline) '() (remains pipeline) '()
              (voices pipeline) '()))
      (when (pipeline-owns-server-p pipeline)
        (server-stop (pipeline-server pipeline)))
      (pipeline-fire-hook pipeline :pipeline-stop))
    (values)))

(defgeneric pipeline-running-p (pipeline)
  (:method ((pipeline audio-pipeline))
    (running pipeline)))

(defun start-pipeline (pipeline) (pipeline-start pipeline))
(defun stop-pipeline (pipeline) (pipeline-stop pipeline))

(defun on-air (pipeline)
  "The pipeline of longwave, if it is on the air."
  (if (running pipeline)
      (engine pipeline)
      (refuse "the pipeline is not running: call PIPELINE-START first")))

(defgeneric pipeline-listener-count (pipeline &optional mount)
  (:documentation "The listeners of a mount, or of the whole server.")
  (:method ((pipeline audio-pipeline) &optional mount)
    (server-listener-count (pipeline-server pipeline) mount)))

(defstruct output "What encodes for a mount. It belongs to the pipeline." format bitrate)

(defun pipeline-encoders (pipeline)
  "A list of (encoder . mount)."
  (loop for output in (outputs pipeline)
        collect (cons (make-output :format (getf output :format) :bitrate (getf output :bitrate))
                      (getf output :mount))))
