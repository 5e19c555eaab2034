;;;; A day at a radio station in a Lisp image, in a given number of seconds:
;;;;
;;;;     sbcl --script day.lisp hooks|events SECONDS MUSIC-FOLDER PLAYLIST.m3u SCRATCH-FOLDER
;;;;
;;;; The station starts with MP3 and AAC, and goes on where it was after a restart. A playlist is loaded after
;;;; the current track. A second channel shuffles, and its hook fills its queue. A DJ takes over with two
;;;; decks, and gives back. Meanwhile one thread allocates and collects garbage as fast as it can, another
;;;; encodes and writes to a mount, and floating-point traps are enabled everywhere. Events are received by
;;;; functions on the hook threads ("hooks"), or by file descriptors that Lisp threads wait for ("events").
;;;; Every step is asserted. It prints a report, and "a good day" at the end.

(require :asdf)
(asdf:load-system "longwave")

(defpackage #:day (:use #:common-lisp #:longwave))
(in-package #:day)

(destructuring-bind (mode seconds music playlist scratch) (last sb-ext:*posix-argv* 5)
  (defparameter *by-hooks* (string= mode "hooks"))
  (defparameter *seconds* (parse-integer seconds))
  (defparameter *music* music)
  (defparameter *playlist* playlist)
  (defparameter *scratch* scratch))

(defparameter *start* (get-internal-real-time))
(defvar *done* nil)
(defvar *collections* 0)
(defvar *encoded* 0)
(defvar *hook-calls* 0)

(defvar *saying* (sb-thread:make-mutex :name "saying"))

(defun say (format &rest arguments)
  "Prints a line in one piece, because hooks are called on another thread."
  (sb-thread:with-mutex (*saying*)
    (format t "~&~6,2F  ~?~%" (elapsed) format arguments)
    (finish-output)))

(defun elapsed ()
  (/ (- (get-internal-real-time) *start*) internal-time-units-per-second))

(defun await (what predicate &optional (patience 15))
  (loop with end = (+ (elapsed) patience)
        for value = (funcall predicate)
        when value return value
        do (assert (< (elapsed) end) () "waited in vain until ~A" what)
           (sleep 1/50)))

(defun traps-are-enabled ()
  (let ((traps (getf (sb-int:get-floating-point-modes) :traps)))
    (assert (subsetp '(:overflow :invalid :divide-by-zero) traps) () "the traps are ~S" traps)))

(defun trap-once ()
  "Checks that division by zero still signals, as Lisp promises."
  (assert (eq :trapped (handler-case (/ 1d0 (- (elapsed) (elapsed) -0d0 0d0 (* 0 *hook-calls*)))
                         (arithmetic-error () :trapped)))))

;;; Pressure

(defun thread (name function)
  (sb-thread:make-thread
   (lambda ()
     (handler-bind ((error (lambda (condition)
                             (say "the thread ~A failed: ~A" name condition)
                             (sb-debug:print-backtrace :count 30)
                             (sb-ext:exit :code 1 :abort t))))
       (traps-are-enabled)
       (funcall function)))
   :name name))

(defun collect-garbage ()
  (loop until *done*
        for kept = (loop repeat 20000 collect (make-array (random 40)))
        do (sb-ext:gc :full (zerop (mod (incf *collections*) 20)))
           (assert (= 20000 (length kept)))
           ;; Each collection stops the world; it must go on between two of them.
           (sleep 1/100)))

(defun feed (server)
  "Encodes noise and writes it to a mount: foreign code that computes, on a Lisp thread."
  (server-add-mount server "/noise.aac" :content-type "audio/aac" :bitrate 64 :sample-rate 44100 :channels 2)
  (loop with encoder = (make-encoder :format :aac :bitrate 64)
        with integers = (make-encoder :format :mp3 :bitrate 128)
        for pcm = (make-array 8820 :element-type 'single-float)
        for short = (make-array 8820 :element-type '(signed-byte 16))
        for due from 0 by 1/10
        until *done*
        do (dotimes (index 8820)
             (setf (aref pcm index) (- (random 0.2) 0.1)
                   (aref short index) (- (random 2000) 1000)))
           (let ((packets (encoder-encode encoder pcm)))
             (server-write-audio server "/noise.aac" packets)
             (incf *encoded* (+ (length packets) (length (encoder-encode integers short)))))
           (traps-are-enabled)
           (sleep 1/11)
        finally (encoder-close encoder)
                (encoder-close integers)))

;;; Events

(defun watch (pipeline function)
  "Calls FUNCTION with every event, by a hook or by polling."
  (flet ((told (event)
           (incf *hook-calls*)
           (traps-are-enabled)
           (funcall function event)))
    (if *by-hooks*
        (pipeline-add-hook pipeline nil #'told)
        (thread "events"
                (lambda ()
                  (handler-case
                      (loop
                        ;; Not for ever: if the pipeline is closed meanwhile, its descriptor may soon be
                        ;; someone else's. And without serving events, whose handlers all threads share.
                        (sb-sys:wait-until-fd-usable (pipeline-event-fd pipeline) :input 1 nil)
                        (let ((event (pipeline-next-event pipeline 0)))
                          (when event (told event))))
                    ;; The pipeline was stopped, and perhaps closed.
                    (not-running ())
                    (bad-handle ())))))))

;;; The programme

(defparameter *files*
  (mapcar #'sb-ext:native-namestring (directory (format nil "~A/*.wav" *music*))))

(defvar *log* '() "Kinds of events of the main channel, with what they are about.")

(defun note-event (event)
  (push (cons (getf event :kind)
              (or (getf event :name) (getf (getf event :track) :title)))
        *log*))

(defun heard (kind &optional about)
  (find-if (lambda (entry)
             (and (string= (car entry) kind) (or (null about) (equal (cdr entry) about))))
           *log*))

(defun main-channel (server)
  (let ((pipeline (make-pipeline :name "main" :server server :loop t :crossfade "300ms"
                                 :state-file (format nil "~A/state.json" *scratch*)
                                 :outputs '((:format :mp3 :mount "/radio.mp3" :bitrate 128 :name "A day")
                                            (:format :aac :mount "/radio.aac" :bitrate 96)))))
    (when *by-hooks* (watch pipeline #'note-event))
    (pipeline-start pipeline)
    (unless *by-hooks* (watch pipeline #'note-event))
    pipeline))

(defun title (pipeline)
  (getf (pipeline-current-track pipeline) :title))

(defun on-air (server)
  (dolist (mount '("/radio.mp3" "/radio.aac" "/shuffle.mp3"))
    (when (find mount (server-mounts server) :key (lambda (state) (getf state :mount)) :test #'string=)
      (say "on air  http://127.0.0.1:~D~A" (server-port server) mount))))

(defun restart-of (pipeline server)
  "Stops the pipeline and goes on in a new one where it was."
  (pipeline-play-list pipeline (mapcar (lambda (file) (list file (pathname-name file))) *files*) :name "day" :loop t)
  (await "a track is on the air" (lambda () (title pipeline)))
  (pipeline-skip pipeline)
  (await "the second is" (lambda () (>= (or (getf (pipeline-playlist pipeline) :played) 0) 2)))
  (sleep (max 1 (/ *seconds* 10)))
  (let ((before (pipeline-current-track pipeline)))
    (pipeline-close pipeline)
    (setf *log* '())
    (let* ((again (main-channel server))
           (now (await "it goes on" (lambda () (pipeline-current-track again)))))
      (assert (string= (getf now :title) (getf before :title)))
      (assert (>= (+ 1/2 (getf now :played)) (getf before :played)))
      (say "resumed ~A at ~,1F s, as it was" (getf now :title) (getf now :played))
      again)))

(defun second-channel (server)
  "A channel whose hook keeps twenty files in its queue."
  (let ((pipeline (make-pipeline :name "shuffle" :server server :outputs '((:format :mp3 :mount "/shuffle.mp3")))))
    (labels ((fill-up ()
               (loop while (< (length (pipeline-get-queue pipeline)) 20)
                     do (pipeline-queue-files pipeline (list (elt *files* (random (length *files*)))))))
             (told (event)
               (when (string= (getf event :kind) "track-change") (fill-up))))
      (when *by-hooks* (watch pipeline #'told))
      (pipeline-start pipeline)
      (unless *by-hooks* (watch pipeline #'told))
      (pipeline-queue-files pipeline (list (first *files*)))
      (await "the hook has filled the queue" (lambda () (= 20 (length (pipeline-get-queue pipeline)))))
      (say "the second channel has twenty files queued"))
    pipeline))

(defun load-playlist (pipeline)
  "Loads a playlist after the current track, skips, and checks the events."
  (let ((before (title pipeline)))
    (pipeline-play-list pipeline *playlist* :loop t)
    (await "it is loaded" (lambda () (string= *playlist* (getf (pipeline-playlist pipeline) :name))))
    (assert (string= before (title pipeline)) () "the current track goes on")
    (assert (not (heard "playlist-change" *playlist*)) () "it has not begun")
    (pipeline-skip pipeline)
    (await "it begins" (lambda () (heard "playlist-change" *playlist*)))
    (say "the playlist ~A has begun with ~A" *playlist* (title pipeline))
    (let ((first (title pipeline)))
      (pipeline-skip pipeline)
      (await "the next track" (lambda () (not (equal first (title pipeline))))))
    (say "skipped to ~A" (title pipeline))))

(defun dj (pipeline server)
  "A DJ takes over with two decks and a crossfader, and gives back."
  (let ((programme (title pipeline)) (step (max 1/2 (/ *seconds* 40))))
    (pipeline-hold pipeline :fade step)
    (let ((left (pipeline-play-voice pipeline (first *files*) :volume 0))
          (right (pipeline-play-voice pipeline (second *files*) :volume 0 :paused t)))
      (pipeline-update-metadata pipeline "DJ Lisp" :until-cleared t)
      (pipeline-volume-ramp pipeline left 1 step)
      (assert (< 0.99 (pipeline-volume pipeline left) 1.01))
      (pipeline-seek-voice pipeline right 2)
      (pipeline-resume-voice pipeline right)
      ;; The crossfader.
      (pipeline-volume-ramp pipeline left 0 step :wait nil)
      (pipeline-volume-ramp pipeline right 1 step)
      (await "the title is the DJ's"
             (lambda () (string= "DJ Lisp" (getf (server-mount-info server "/radio.aac") :title))))
      (assert (pipeline-held-p pipeline))
      (assert (>= (getf (second (pipeline-voices pipeline)) :position) 2) () "it was sought")
      (pipeline-stop-voice pipeline left)
      (pipeline-volume-ramp pipeline right 0 step :curve :decibels :then-stop t))
    (await "both decks have ended" (lambda () (null (pipeline-voices pipeline))))
    (pipeline-clear-metadata pipeline)
    (pipeline-resume pipeline :fade step)
    (await "the programme goes on" (lambda () (not (pipeline-held-p pipeline))))
    (assert (string= programme (title pipeline)))
    (say "the DJ has been on the air, and ~A goes on" programme)))

(defun report (pipeline server)
  (say "~D listeners, ~,1F s of ~A remain" (pipeline-listener-count pipeline)
       (pipeline-remaining pipeline) (title pipeline))
  (dolist (mount (server-mounts server))
    (say "~A: ~D listeners, ~S since ~,3F" (getf mount :mount) (getf mount :listeners)
         (getf mount :title) (get-metadata-changed-at server (getf mount :mount)))))

(defun day ()
  (traps-are-enabled)
  (let* ((server (server-start (make-server :listen "127.0.0.1:0")))
         (threads (list (thread "garbage" #'collect-garbage) (thread "feed" (lambda () (feed server)))))
         (main (restart-of (main-channel server) server))
         (shuffle (second-channel server)))
    (on-air server)
    (load-playlist main)
    (dj main server)
    (loop while (< (elapsed) *seconds*)
          do (report main server)
             (pipeline-skip main)
             (pipeline-skip shuffle)
             (sleep (max 1 (/ *seconds* 20)))
             (await "the queue is full again" (lambda () (= 20 (length (pipeline-get-queue shuffle)))))
             (traps-are-enabled))
    (assert (getf (pipeline-health main) :ok))
    (assert (notany (lambda (entry) (string= (car entry) "track-failed")) *log*))
    (setf *done* t)
    (mapc #'sb-thread:join-thread threads)
    (assert (equal (pipeline-stop main) '()))
    (assert (equal (pipeline-stop shuffle) '()))
    (await "the end is told" (lambda () (heard "pipeline-stop")))
    (mapc #'pipeline-close (list main shuffle))
    (server-stop server)
    (server-close server))
  (say "~D collections, ~D events by ~:[descriptors~;hooks~], ~D bytes encoded by Lisp threads"
       *collections* *hook-calls* *by-hooks* *encoded*)
  (assert (and (> *collections* 20) (> *encoded* 10000)))
  (say "a good day"))

(handler-bind ((error (lambda (condition)
                        (say "failed: ~A" condition)
                        (sb-debug:print-backtrace :count 30)
                        (sb-ext:exit :code 1 :abort t))))
  (day))
