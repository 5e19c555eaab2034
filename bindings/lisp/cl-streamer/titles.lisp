;;;; Tags, titles, and what is on the air.

(in-package #:cl-streamer)

(defun file-tags (file)
  "All that longwave reads of a file; NIL if it cannot."
  (handler-case (longwave:pipeline-read-metadata (native file))
    (longwave:longwave-error () nil)))

(defun read-audio-metadata (file)
  ":ARTIST, :TITLE and :ALBUM of a file, or NIL if it has no tags."
  (destructuring-bind (&key artist name album &allow-other-keys) (file-tags file)
    (and (or artist name album)
         (list :artist artist :title name :album album))))

(defun format-display-title (file &optional title)
  "The line that a station shows for a file: TITLE, or its tags, or its name."
  (let ((tags (and (null title) (read-audio-metadata file))))
    (longwave:pipeline-format-title
     (native file) :given title
     :tags (and tags (list :artist (getf tags :artist) :name (getf tags :title) :album (getf tags :album))))))

(defgeneric pipeline-read-metadata (pipeline file)
  (:method (pipeline file) (declare (ignore pipeline)) (read-audio-metadata file)))

(defgeneric pipeline-format-title (pipeline file)
  (:method (pipeline file) (declare (ignore pipeline)) (format-display-title file)))

(defun track-info (pipeline track)
  "A track of longwave's, as applications know it."
  (destructuring-bind (&key file title artist name album &allow-other-keys) track
    (list :file (gethash file (given pipeline) file) :display-title title
          :artist artist :title name :album album)))

(defgeneric pipeline-current-track (pipeline)
  (:documentation ":FILE, :DISPLAY-TITLE, :ARTIST, :TITLE, :ALBUM; or NIL.")
  (:method ((pipeline audio-pipeline))
    (let ((track (and (running pipeline)
                      (as-streamer-errors () (longwave:pipeline-current-track (engine pipeline))))))
      (and track (track-info pipeline track)))))

(defun pipeline-track-remaining (pipeline)
  "The seconds that remain of the current track, or NIL."
  (and (running pipeline)
       (as-streamer-errors () (longwave:pipeline-remaining (engine pipeline)))))

(defgeneric pipeline-update-metadata (pipeline what &rest more)
  (:documentation "Sets a title until the next track begins: (PIPELINE TITLE) on all mounts, (PIPELINE MOUNT
TITLE &OPTIONAL URL) on one, or on all if MOUNT is NIL.")
  (:method ((pipeline audio-pipeline) what &rest more)
    (destructuring-bind (mount title &optional url) (if more (cons what more) (list nil what))
      (as-streamer-errors ()
        (longwave:pipeline-update-metadata (on-air pipeline) title :mount mount :url url)))
    (values)))

(defun update-all-mounts-metadata (pipeline title)
  (pipeline-update-metadata pipeline title))

(defun shown-title (pipeline)
  "What listeners see."
  (getf (longwave:server-mount-info (running-engine (pipeline-server pipeline)) (first (mount-paths pipeline))) :title))
