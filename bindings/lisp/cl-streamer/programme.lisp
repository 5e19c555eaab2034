;;;; What plays: a list, and what is queued.
;;;;
;;;; At the next boundary, everything queued takes the place of what is left of the list. So longwave always
;;;; gets the queue as a playlist that begins after the current track (a "load"), and each change of the queue
;;;; is another load. Its state says when a load has begun: it is then the rotation, and the queue is empty.

(in-package #:cl-streamer)

(defstruct (playlist (:conc-name load-))
  "A list of entries that longwave got, under a name of its own. If it is the queue, QUEUED is true. PLAYED is
how many of them are over, or on the air, as long as longwave does not tell."
  name entries begun queued (played 0))

(defvar *loads* 0 "How many there have been.")

;;; Entries

(defun entry-file (entry)
  (if (consp entry) (getf entry :file) entry))

(defun native (file)
  (if (pathnamep file) (uiop:native-namestring file) file))

(defun whole-path (pipeline file)
  "What longwave gets, and remembers the name that was given."
  (let* ((name (native file))
         (whole (if (or (zerop (length name)) (char= (char name 0) #\/))
                    name
                    (concatenate 'string (uiop:native-namestring (uiop:getcwd)) name))))
    (setf (gethash whole (given pipeline)) name)
    whole))

(defun check-entry (entry)
  (let ((file (entry-file entry)))
    (unless (or (stringp file) (pathnamep file))
      (refuse "an entry is a path, or (:file path :title title), not ~S" entry))))

(defun entry-for-longwave (pipeline entry)
  (list (whole-path pipeline (entry-file entry)) (and (consp entry) (getf entry :title))))

;;; Loads; the lock is held

(defun load-list (pipeline entries &rest options &key queued &allow-other-keys)
  "Gives longwave a list in place of the one before."
  (let ((load (make-playlist :name (format nil "list ~D" (incf *loads*)) :entries entries :queued queued)))
    (as-streamer-errors ()
      (apply #'longwave:pipeline-play-list (engine pipeline)
             (mapcar (lambda (entry) (entry-for-longwave pipeline entry)) entries)
             :name (load-name load) :loop (loop-queue pipeline)
             (uiop:remove-plist-key :queued options)))
    load))

(defun load-queue (pipeline)
  "Has what is queued begin at the next boundary; or what was left of the list, if nothing is queued any
more."
  (cond ((not (running pipeline)))
        ;; A list that has just been given to PLAY-LIST begins first; the queue follows when it has.
        ((and (rotation pipeline) (not (load-begun (rotation pipeline)))))
        ((queue pipeline)
         (if (waiting pipeline)
             (push (waiting pipeline) (replaced pipeline))
             (setf (remains pipeline) (rest-of-rotation pipeline)))
         (setf (waiting pipeline) (load-list pipeline (queue pipeline) :queued t)))
        ((waiting pipeline)
         (push (shiftf (waiting pipeline) nil) (replaced pipeline))
         (setf (rotation pipeline) (load-list pipeline (remains pipeline))
               (load-begun (rotation pipeline)) t))))

(defun rest-of-rotation (pipeline)
  "What comes after the current track; with LOOP-QUEUE, then what has been."
  (let ((rotation (rotation pipeline))
        (state (longwave:pipeline-playlist (engine pipeline))))
    (when rotation
      (let* ((entries (load-entries rotation))
             (told (and (getf state :begun) (equal (load-name rotation) (getf state :name))))
             (played (min (if told (or (getf state :played) 0) (load-played rotation)) (length entries))))
        (append (nthcdr played entries)
                (and (loop-queue pipeline) (subseq entries 0 played)))))))

(defun begin (pipeline load)
  "A load has begun: what was queued is the rotation."
  (setf (load-begun load) t)
  (when (load-queued load)
    (setf (rotation pipeline) load
          (queue pipeline) (set-difference-in-order (queue pipeline) (load-entries load)))
    (when (pipeline-pending-playlist-path pipeline)
      (setf (changes pipeline)
            (append (changes pipeline) (list (shiftf (pipeline-pending-playlist-path pipeline) nil)))))
    (setf (waiting pipeline) nil (replaced pipeline) '())))

(defun set-difference-in-order (entries begun)
  "Entries without those that have begun: each conses its own cell, so the same path may be queued twice."
  (loop for entry in begun
        when (eq entry (first entries)) do (pop entries)
        else do (setf entries (remove entry entries :test #'eq :count 1)))
  entries)

(defun settle (pipeline)
  "Takes note of a load that has begun, before its event is read."
  (let ((load (or (waiting pipeline) (rotation pipeline))))
    (when (and load (running pipeline) (not (load-begun load)))
      (let ((state (longwave:pipeline-playlist (engine pipeline))))
        (when (and (getf state :begun) (equal (getf state :name) (load-name load)))
          (begin pipeline load)
          (load-queue pipeline))))))

(defun skip-by (pipeline order)
  "Calls ORDER, which ends the current track. That is a boundary: what is queued is the list from now on, so
that what is called next finds it done, although longwave tells of it later."
  (settle pipeline)
  (let ((rotation (rotation pipeline)))
    ;; It is the first boundary of a list that has just been given, too.
    (when (and rotation (queue pipeline) (not (load-begun rotation)))
      (setf (load-begun rotation) t)
      (load-queue pipeline)))
  (as-streamer-errors () (funcall order))
  (let ((load (waiting pipeline)))
    (when load
      (setf (load-played load) 1)
      (begin pipeline load))))

;;; Calls

(defgeneric pipeline-play-list (pipeline files &key crossfade-duration fade-in fade-out loop-queue
                                                 on-track-change on-playlist-change)
  (:documentation "Plays a list at once, and returns at once. An entry is a path, or (:FILE path :TITLE
title).")
  (:method ((pipeline audio-pipeline) files
            &key (crossfade-duration 3.0) (fade-in 2.0) (fade-out 2.0) loop-queue
              on-track-change on-playlist-change)
    (map nil #'check-entry files)
    (on-air pipeline)
    (when on-track-change (setf (pipeline-on-track-change pipeline) on-track-change))
    (when on-playlist-change (setf (pipeline-on-playlist-change pipeline) on-playlist-change))
    (with-lock ((lock pipeline))
      (settle pipeline)
      (setf (loop-queue pipeline) loop-queue
            (waiting pipeline) nil
            (replaced pipeline) '()
            (rotation pipeline) (load-list pipeline (coerce files 'list) :now t :crossfade crossfade-duration
                                           :fade-in fade-in :fade-out fade-out)
            ;; No event tells of the beginning of nothing.
            (load-begun (rotation pipeline)) (null files)))
    (values)))

(defun play-list (pipeline files &rest options)
  (apply #'pipeline-play-list pipeline files options))

(defgeneric pipeline-queue-files (pipeline entries &key position)
  (:documentation "Queues entries at the :END, or :NEXT: before what is queued. At the next boundary
everything queued takes the place of the list.")
  (:method ((pipeline audio-pipeline) entries &key (position :end))
    (map nil #'check-entry entries)
    (with-lock ((lock pipeline))
      (settle pipeline)
      (setf (queue pipeline) (ecase position
                               (:end (append (queue pipeline) (coerce entries 'list)))
                               (:next (append (coerce entries 'list) (queue pipeline)))))
      (load-queue pipeline))
    (values)))

(defgeneric pipeline-get-queue (pipeline)
  (:documentation "The entries that are queued, as they were given.")
  (:method ((pipeline audio-pipeline))
    (with-lock ((lock pipeline))
      (settle pipeline)
      (copy-list (queue pipeline)))))

(defgeneric pipeline-clear-queue (pipeline)
  (:documentation "Forgets what is queued. The list goes on.")
  (:method ((pipeline audio-pipeline))
    (with-lock ((lock pipeline))
      (settle pipeline)
      (setf (queue pipeline) '())
      (load-queue pipeline))
    (values)))

(defgeneric pipeline-skip (pipeline)
  (:documentation "Plays the next entry at once.")
  (:method ((pipeline audio-pipeline))
    (with-lock ((lock pipeline))
      (let ((engine (on-air pipeline)))
        (skip-by pipeline (lambda () (longwave:pipeline-skip engine)))))
    (values)))

(defgeneric pipeline-play-file (pipeline file &key mixer title on-end update-metadata)
  (:documentation "Plays a file now; then what was up next goes on. Returns a voice, the title that is shown,
and the track.")
  (:method ((pipeline audio-pipeline) file &key mixer title on-end (update-metadata t))
    (declare (ignore mixer))
    (let* ((shown (if update-metadata (format-display-title file title) (shown-title pipeline)))
           (id (as-streamer-errors ()
                 (longwave:pipeline-play-file (on-air pipeline) (whole-path pipeline file) :title shown)))
           (voice (note-voice pipeline (make-instance 'track-voice :pipeline pipeline :id id :on-end on-end
                                                                   :tags (file-tags file)))))
      (values voice shown (track-info pipeline (list* :file (native file) :title shown (tags voice)))))))

(defun play-file (pipeline file &rest options)
  (apply #'pipeline-play-file pipeline file options))
