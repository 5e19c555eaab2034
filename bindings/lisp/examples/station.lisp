;;;; A station in small, by the interface of cl-streamer: two channels, a scheduler, DJ sessions, a saved
;;;; state.
;;;;
;;;;     sbcl --script station.lisp MUSIC-FOLDER SECONDS
;;;;     ecl --shell station.lisp MUSIC-FOLDER SECONDS
;;;;
;;;; LISTEN is its address, 127.0.0.1:8000 if it is not set, and PAUSE the seconds from one DJ session to the
;;;; next, 2 if it is not set. It prints what happens, and "a good day" at the end. Run again, it goes on
;;;; after the file that was on the air.

(require :asdf)
(let ((*standard-output* (make-broadcast-stream)))
  (asdf:load-system "cl-streamer/harmony"))

(defpackage #:station
  (:use #:common-lisp)
  (:local-nicknames (#:radio #:cl-streamer/harmony) (#:mixed #:org.shirakumo.fraf.mixed)))
(in-package #:station)

(defvar *folder* (uiop:ensure-directory-pathname (first (last (uiop:raw-command-line-arguments) 2))))
(defvar *seconds* (parse-integer (first (last (uiop:raw-command-line-arguments)))))
(defvar *pause* (parse-integer (or (uiop:getenv "PAUSE") "2")))
(defvar *files* (sort (mapcar #'uiop:native-namestring (uiop:directory-files *folder*)) #'string<))
(defvar *state-file* (merge-pathnames "station-state.sexp" (uiop:temporary-directory)))
(defvar *main*)
(defvar *shuffle*)

(defun say (format &rest arguments)
  (format t "~&~?~%" format arguments)
  (finish-output))

(defun await (what predicate)
  (loop repeat 500
        until (funcall predicate)
        do (sleep 1/20)
        finally (or (funcall predicate) (error "waited in vain until ~A" what))))

;;; The saved state: the file that is on the air.

(defun save-state (track)
  (with-open-file (out *state-file* :direction :output :if-exists :supersede :external-format :utf-8)
    (prin1 (getf track :file) out)))

(defun saved-file ()
  (ignore-errors
   (with-open-file (in *state-file* :external-format :utf-8)
     (let ((*read-eval* nil)) (read in)))))

(defun files-after (file)
  "All files, from the one after FILE on."
  (let ((position (position file *files* :test #'equal)))
    (if position
        (append (nthcdr (1+ position) *files*) (subseq *files* 0 (1+ position)))
        *files*)))

;;; The channels

(defun start-main-channel ()
  (setf *main* (radio:make-pipeline :listen (or (uiop:getenv "LISTEN") "127.0.0.1:8000")
                                    :outputs '((:format :mp3 :mount "/main.mp3" :bitrate 128 :name "A station")
                                               (:format :aac :mount "/main.aac" :bitrate 128 :name "A station"))))
  (radio:pipeline-add-hook *main* :track-change
                           (lambda (pipeline track)
                             (say "now: ~A, for ~D listeners" (getf track :display-title)
                                  (radio:pipeline-listener-count pipeline))
                             (save-state track)))
  (radio:pipeline-add-hook *main* :playlist-change
                           (lambda (pipeline path)
                             (declare (ignore pipeline))
                             (say "the list ~A is on the air" path)))
  (radio:pipeline-start *main*)
  (radio:play-list *main* (files-after (saved-file)) :crossfade-duration 1.0 :loop-queue t))

(defun any-file-but (file)
  "A file by chance, and not the same twice in a row."
  (let ((others (remove file *files* :test #'equal)))
    (elt (or others *files*) (random (length (or others *files*))))))

(defun last-file (pipeline queue)
  "What comes before a file that is queued now. A queue that has begun is empty."
  (if queue
      (first (last queue))
      (getf (radio:pipeline-current-track pipeline) :file)))

(defun fill-up (pipeline &optional track)
  (declare (ignore track))
  (let ((queue (radio:pipeline-get-queue pipeline)))
    (when (< (length queue) 10)
      (radio:pipeline-queue-files pipeline (loop repeat 20
                                                 for file = (any-file-but (last-file pipeline queue)) then (any-file-but file)
                                                 collect file)))))

(defun start-shuffle-channel ()
  (setf *shuffle* (radio:make-pipeline :server (radio:pipeline-server *main*)
                                       :outputs '((:format :mp3 :mount "/shuffle.mp3" :bitrate 128))))
  (radio:pipeline-add-hook *shuffle* :track-change #'fill-up)
  (radio:pipeline-start *shuffle*)
  (fill-up *shuffle*))

;;; The scheduler

(defun load-list (name files &key skip)
  "A list that begins after the current track, or at once."
  (setf (radio:pipeline-pending-playlist-path *main*) name)
  (radio:pipeline-clear-queue *main*)
  (radio:pipeline-queue-files *main* (loop for file in files collect (list :file file)))
  (when skip (radio:pipeline-skip *main*)))

;;; A DJ, who fades from one deck to the other, and gives back

(defun dj-session ()
  (radio:pipeline-clear-queue *main*)
  (radio:pipeline-skip *main*)
  (radio:pipeline-stop-all-voices *main*)
  (await "the DJ has the air" (lambda () (null (radio:pipeline-current-track *main*))))
  (let ((left (radio:pipeline-play-voice *main* (first *files*)))
        (right (radio:pipeline-play-voice *main* (second *files*))))
    (radio:pipeline-update-metadata *main* "DJ Lisp")
    (setf (mixed:volume right) 0.0)
    (mixed:seek left (* 2 (mixed:samplerate left)))
    (sleep 1)
    ;; The crossfader.
    (loop for step from 0 to 10
          do (setf (mixed:volume left) (cos (* pi 1/20 step))
                   (mixed:volume right) (sin (* pi 1/20 step)))
             (sleep 1/20))
    (sleep 1)
    (say "the DJ is at ~,1F of ~,1F seconds" (/ (mixed:frame-position left) (mixed:samplerate left))
         (/ (mixed:frame-count left) (mixed:samplerate left)))
    (radio:pipeline-volume-ramp *main* right 0.0 1)
    (radio:pipeline-stop-voice *main* left)
    (radio:pipeline-stop-voice *main* right))
  (load-list "after the DJ" (reverse *files*))
  (await "the programme is back" (lambda () (radio:pipeline-current-track *main*))))

(defun day ()
  (start-main-channel)
  (start-shuffle-channel)
  (await "both channels play" (lambda () (and (radio:pipeline-current-track *main*)
                                              (radio:pipeline-current-track *shuffle*))))
  (let ((port (longwave:server-port (radio:pipeline-server *main*))))
    (dolist (mount '("/main.mp3" "/main.aac" "/shuffle.mp3"))
      (say "on air  http://127.0.0.1:~D~A" port mount)))
  (loop with end = (+ (get-universal-time) *seconds*)
        for hour from 1
        do (load-list (format nil "hour ~D" hour) (files-after (getf (radio:pipeline-current-track *main*) :file)) :skip t)
           (radio:pipeline-skip *shuffle*)
           (sleep *pause*)
           (dj-session)
           (sleep 1)
        while (< (get-universal-time) end))
  (radio:stop-pipeline *shuffle*)
  (radio:stop-pipeline *main*)
  (say "a good day"))

(day)
