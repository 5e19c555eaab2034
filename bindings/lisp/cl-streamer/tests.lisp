;;;; What the interface promises, row by row, with files and listeners. `(asdf:test-system "cl-streamer")`
;;;; runs it.

(defpackage #:cl-streamer-tests
  (:use #:common-lisp #:cl-streamer #:longwave-testing)
  (:local-nicknames (#:harmony #:cl-streamer/harmony) (#:mixed #:org.shirakumo.fraf.mixed))
  (:export #:run))

(in-package #:cl-streamer-tests)

(defun run ()
  (run-tests '#:cl-streamer-tests))

;;; Files and stations

(defvar *tones* '())

(defun file (index)
  "One of six tones of twenty seconds."
  (unless *tones*
    (setf *tones* (loop for n below 6
                        collect (tone (format nil "~D [FLAC] Björk  tone.wav" n) (+ 300 (* 100 n)) 20))))
  (nth index *tones*))

(defvar *told* '() "What the hooks of the station were told, last first.")

(defun station (&rest more)
  (apply #'harmony:make-pipeline :listen "127.0.0.1:0" :sample-rate 22050 :channels 1
         (append more (list :outputs '((:format :mp3 :mount "/a.mp3" :bitrate 32 :name "A" :genre "Tones")
                                       (:format :aac :mount "/a.aac" :bitrate 32))))))

(defmacro with-station ((pipeline &rest more) &body body)
  `(let ((,pipeline (station ,@more)))
     (setf *told* '())
     (pipeline-add-hook ,pipeline :track-change
                        (lambda (pipeline track)
                          (assert (eq pipeline ,pipeline))
                          (push (list :track (getf track :file)) *told*)))
     (pipeline-add-hook ,pipeline :playlist-change
                        (lambda (pipeline path)
                          (assert (eq pipeline ,pipeline))
                          (push (list :list path) *told*)))
     (pipeline-start ,pipeline)
     (unwind-protect (progn ,@body)
       (pipeline-stop ,pipeline))))

(defun now-playing (pipeline)
  (getf (pipeline-current-track pipeline) :file))

(defun await-track (pipeline file)
  (await (format nil "~A is on the air" file) (lambda () (equal (now-playing pipeline) file)))
  (await "a hook hears of it" (lambda () (find (list :track file) *told* :test #'equal))))

(defun shown (server mount)
  (getf (longwave:server-mount-info (cl-streamer::engine server) mount) :title))

(defun await-title (pipeline mount title)
  (await (format nil "~A shows ~A" mount title)
         (lambda () (equal title (shown (harmony:pipeline-server pipeline) mount)))))

;;; The programme

(define-test a-list-plays-and-what-is-queued-replaces-what-is-left-of-it
  (with-station (pipeline)
    (harmony:play-list pipeline (list (file 0) (list :file (file 1) :title "One")) :loop-queue t)
    (await-track pipeline (file 0))
    (let ((path (list "any object")) (entries (list (list :file (file 2) :title "Two") (file 3))))
      (setf (harmony:pipeline-pending-playlist-path pipeline) path)
      (pipeline-queue-files pipeline entries)
      (assert (every #'eq entries (pipeline-get-queue pipeline)))
      (assert (equal (file 0) (now-playing pipeline)))
      (pipeline-skip pipeline)
      (await-track pipeline (file 2))
      (await-title pipeline "/a.mp3" "Two")
      (assert (null (pipeline-get-queue pipeline)))
      (assert (null (harmony:pipeline-pending-playlist-path pipeline)))
      ;; The list is told, by this very object, before its first track.
      (assert (eq path (second (find :list *told* :key #'first))))
      (assert (equal (subseq (reverse *told*) 0 3)
                     (list (list :track (file 0)) (list :list path) (list :track (file 2)))))
      ;; It is the list that repeats: the old one does not go on.
      (pipeline-skip pipeline)
      (await-track pipeline (file 3))
      (setf *told* '())
      (pipeline-skip pipeline)
      (await-track pipeline (file 2)))))

(define-test entries-are-queued-at-the-end-or-next-and-can-be-queued-again
  (with-station (pipeline)
    (pipeline-play-list pipeline (list (file 0) (file 1)))
    (await-track pipeline (file 0))
    (pipeline-queue-files pipeline (list (file 2)))
    (pipeline-queue-files pipeline (list (file 3) (file 4)) :position :next)
    (assert (equal (pipeline-get-queue pipeline) (list (file 3) (file 4) (file 2))))
    (let ((saved (pipeline-get-queue pipeline)))
      (pipeline-clear-queue pipeline)
      (assert (null (pipeline-get-queue pipeline)))
      (pipeline-queue-files pipeline saved))
    (loop for index in '(3 4 2)
          do (pipeline-skip pipeline)
             (await-track pipeline (file index)))))

(define-test a-cleared-queue-leaves-the-list-as-it-was
  (with-station (pipeline)
    (pipeline-play-list pipeline (list (file 0) (file 1) (file 2)))
    (await-track pipeline (file 0))
    (setf (harmony:pipeline-pending-playlist-path pipeline) "never")
    (pipeline-queue-files pipeline (list (file 3)))
    (pipeline-queue-files pipeline (list (file 4)))
    (pipeline-clear-queue pipeline)
    (loop for index in '(1 2)
          do (pipeline-skip pipeline)
             (await-track pipeline (file index)))
    (assert (not (find :list *told* :key #'first)))))

(define-test what-was-queued-before-a-list-waits-for-its-first-boundary
  (with-station (pipeline)
    (pipeline-play-file pipeline (file 5))
    (await-track pipeline (file 5))
    (pipeline-queue-files pipeline (list (file 3)))
    (pipeline-play-list pipeline (list (file 0) (file 1)))
    (assert (equal (pipeline-get-queue pipeline) (list (file 3))))
    (await-track pipeline (file 0))
    ;; The watching thread then gives the queue to the engine, before it calls this hook.
    (pipeline-skip pipeline)
    (await-track pipeline (file 3))))

(define-test a-skip-is-a-boundary-of-a-list-that-has-not-begun
  (loop for call in (list #'pipeline-skip #'pipeline-stop-all-voices)
        do (loop for wait in '(0 0.1 0.4 1.2)
                 do (with-station (pipeline)
                      (pipeline-play-file pipeline (file 5))
                      (await-track pipeline (file 5))
                      ;; It is told in the middle of its crossfade, after 1.5 s.
                      (pipeline-play-list pipeline (list (file 0) (file 1)) :loop-queue t)
                      (pipeline-queue-files pipeline (list (file 2) (file 3)))
                      (setf (harmony:pipeline-pending-playlist-path pipeline) wait)
                      (sleep wait)
                      (funcall call pipeline)
                      (await-track pipeline (file 2))
                      (assert (null (pipeline-get-queue pipeline)))
                      (assert (equal (second (find :list *told* :key #'first)) wait))
                      (pipeline-skip pipeline)
                      (await-track pipeline (file 3))
                      (assert (not (find (list :track (file 1)) *told* :test #'equal)))))))

;;; Orders take effect in their order, however quickly they follow each other.
(define-test what-follows-a-skip-at-once-finds-it-done
  (flet ((check (orders &rest tracks)
           (loop for begun in '(nil t)
                 do (with-station (pipeline)
                      (pipeline-play-file pipeline (file 5))
                      (await-track pipeline (file 5))
                      (loop for (order . arguments) in orders
                            do (apply order pipeline arguments)
                               (when (and begun (eq order #'pipeline-play-list))
                                 (await-track pipeline (file 0))))
                      (loop for (track . more) on tracks
                            do (await-track pipeline (file track))
                               (when more (pipeline-skip pipeline)))))))
    (let ((play (list #'pipeline-play-list (list (file 0) (file 1)) :crossfade-duration 1/2))
          (queue (list #'pipeline-queue-files (list (file 2) (file 3))))
          (more (list #'pipeline-queue-files (list (file 4))))
          (clear (list #'pipeline-clear-queue))
          (skip (list #'pipeline-skip)))
      (check (list queue play skip) 2 3)
      (check (list play queue clear skip) 1)
      ;; What took the air goes on, and is queued no more.
      (check (list play queue skip clear) 2 3)
      (check (list play queue skip more) 2 4)
      (check (list play queue skip skip) 3)
      ;; Nothing of a list is lost where its rest is loaded more than once.
      (check (list play queue skip more clear) 2 3)
      (check (list play queue clear queue clear skip) 1))))

(define-test no-path-no-playlist-change
  (with-station (pipeline)
    (pipeline-queue-files pipeline (list (file 0)))
    (await-track pipeline (file 0))
    (assert (equal *told* (list (list :track (file 0)))))))

(define-test the-dj-takes-the-air-and-gives-it-back
  (with-station (pipeline)
    (pipeline-play-list pipeline (list (file 0) (file 1) (file 2)) :loop-queue t)
    (await-track pipeline (file 0))
    (pipeline-queue-files pipeline (list (file 3)))
    (pipeline-clear-queue pipeline)
    (pipeline-skip pipeline)
    (pipeline-stop-all-voices pipeline)
    (await "nothing plays" (lambda () (null (pipeline-current-track pipeline))))
    (let ((left (pipeline-play-voice pipeline (file 4) :mixer :music :on-end :disconnect))
          (right (pipeline-play-voice pipeline (file 5))))
      (setf (mixed:volume left) 0.25)
      (assert (= 0.25 (mixed:volume left)))
      (assert (= 22050 (mixed:samplerate left)))
      (assert (< (* 19 22050) (mixed:frame-count left) (* 21 22050)))
      (mixed:seek left (* 10 22050))
      (await "it plays from there"
             (lambda () (<= (* 10 22050) (mixed:frame-position left) (* 15 22050))))
      (pipeline-update-metadata pipeline "DJ Lisp")
      (await-title pipeline "/a.aac" "DJ Lisp")
      (let ((start (get-internal-real-time)))
        (pipeline-volume-ramp pipeline left 1.0 1/2 :steps 20)
        (assert (<= 1/2 (/ (- (get-internal-real-time) start) internal-time-units-per-second))))
      (harmony:volume-ramp right 0.0 1/10)
      (pipeline-stop-voice pipeline right)
      (pipeline-stop-voice pipeline left)
      ;; What is asked of a voice that has ended has no effect.
      (await "they have ended" (lambda () (null (longwave:pipeline-voices (cl-streamer::engine pipeline)))))
      (setf (mixed:volume left) 0.5)
      (pipeline-stop-voice pipeline left)
      (assert (realp (mixed:frame-position left))))
    (assert (null (pipeline-current-track pipeline)))
    (setf (harmony:pipeline-pending-playlist-path pipeline) #p"/back.m3u")
    (pipeline-queue-files pipeline (list (list :file (file 1) :title "Back")))
    (await-track pipeline (file 1))
    (await-title pipeline "/a.mp3" "Back")
    (assert (find '(:list #p"/back.m3u") *told* :test #'equal))))

(define-test a-file-plays-now-and-tells-of-its-end
  (with-station (pipeline)
    (pipeline-play-list pipeline (list (file 0) (file 1)))
    (await-track pipeline (file 0))
    (let ((ended '()))
      (multiple-value-bind (voice title track)
          (harmony:play-file pipeline (uiop:parse-native-namestring (file 2)) :title "Now"
                             :on-end (lambda (voice) (push voice ended)))
        (assert (string= title "Now"))
        (assert (equal (getf track :file) (file 2)))
        (await-track pipeline (file 2))
        (await-title pipeline "/a.mp3" "Now")
        (assert (<= 0 (mixed:frame-position voice) (mixed:frame-count voice)))
        (assert (< 0 (harmony:pipeline-track-remaining pipeline) 21))
        (pipeline-skip pipeline)
        (await-track pipeline (file 1))
        (await "its end is told" (lambda () (equal ended (list voice))))))))

(define-test a-shuffle-channel-whose-hook-fills-its-queue-shares-the-server
  (with-station (pipeline)
    (let ((channel (harmony:make-pipeline :server (harmony:pipeline-server pipeline)
                                          :sample-rate 22050 :channels 1
                                          :outputs '((:format :mp3 :mount "/shuffle.mp3" :bitrate 32))))
          (played 0))
      (pipeline-add-hook channel :track-change
                         (lambda (channel track)
                           (declare (ignore track))
                           (incf played)
                           (when (< (length (pipeline-get-queue channel)) 3)
                             (pipeline-queue-files channel (loop for index below 6 collect (file index))))))
      (assert (not (harmony:pipeline-owns-server-p channel)))
      (pipeline-start channel)
      (pipeline-queue-files channel (list (file 5)))
      (loop for count from 1 to 4
            do (await "the next is on the air" (lambda () (>= played count)))
               (await "the hook has filled up" (lambda () (>= (length (pipeline-get-queue channel)) 3)))
               (pipeline-skip channel))
      (pipeline-stop channel)
      (assert (server-running-p (harmony:pipeline-server pipeline)))
      (assert (pipeline-running-p pipeline)))))

;;; Hooks

(define-test hooks-go-by-the-function-and-an-error-is-a-line-of-the-log
  (let ((calls '()) (log (make-string-output-stream)) (pipeline (station)))
    (flet ((begins (pipeline) (declare (ignore pipeline)) (push :start calls))
           (ends (pipeline) (declare (ignore pipeline)) (push :stop calls))
           (fails (pipeline path) (declare (ignore pipeline path)) (error "on purpose"))
           (goes-on (pipeline path) (declare (ignore pipeline)) (push path calls)))
      (pipeline-add-hook pipeline :pipeline-start #'begins)
      (pipeline-add-hook pipeline :pipeline-stop #'ends)
      (pipeline-add-hook pipeline :playlist-change #'fails)
      (pipeline-add-hook pipeline :playlist-change #'goes-on)
      (setf (harmony:pipeline-on-playlist-change pipeline) #'goes-on)
      (pipeline-start pipeline)
      (let ((*error-output* log)) (pipeline-fire-hook pipeline :playlist-change "x"))
      (assert (search "on purpose" (get-output-stream-string log)))
      (assert (equal calls '("x" "x" :start)))
      (pipeline-remove-hook pipeline :playlist-change #'goes-on)
      (pipeline-remove-hook pipeline :playlist-change #'fails)
      (pipeline-fire-hook pipeline :playlist-change "y")
      (pipeline-stop pipeline)
      (assert (equal calls '(:stop "y" "x" "x" :start)))
      (signals streamer-error (pipeline-add-hook pipeline :no-such-event #'ends)))))

(define-test a-hook-may-stop-its-pipeline-and-it-starts-again
  (let ((pipeline (station)))
    (pipeline-add-hook pipeline :track-change (lambda (pipeline track) (declare (ignore track)) (pipeline-stop pipeline)))
    (pipeline-start pipeline)
    (pipeline-queue-files pipeline (list (file 0)))
    (await "it has stopped" (lambda () (not (pipeline-running-p pipeline))))
    (await "the server too" (lambda () (not (server-running-p (harmony:pipeline-server pipeline)))))
    (assert (null (pipeline-current-track pipeline)))
    (signals streamer-error (pipeline-skip pipeline))
    (harmony:start-pipeline pipeline)
    (assert (pipeline-running-p pipeline))
    (harmony:stop-pipeline pipeline)))

;;; Titles, listeners, servers

(define-test titles-by-mount-and-the-time-of-their-change
  (with-station (pipeline)
    (let ((server (harmony:pipeline-server pipeline)))
      (pipeline-update-metadata pipeline "/a.mp3" "One mount" "http://radio.example/")
      (await-title pipeline "/a.mp3" "One mount")
      (assert (not (equal "One mount" (shown server "/a.aac"))))
      (pipeline-update-metadata pipeline nil "All mounts")
      (await-title pipeline "/a.aac" "All mounts")
      (harmony:update-all-mounts-metadata pipeline "All again")
      (await-title pipeline "/a.aac" "All again")
      (set-now-playing server "/a.mp3" "By the server")
      (await-title pipeline "/a.mp3" "By the server")
      (assert (null (rest (multiple-value-list (get-metadata-changed-at server "/a.mp3")))))
      (let ((at (get-metadata-changed-at server "/a.mp3"))
            (now (* 1000 (- (get-universal-time) #.(encode-universal-time 0 0 0 1 1 1970 0)))))
        (assert (typep at 'integer))
        (assert (< (abs (- at now)) 60000)))
      (assert (null (get-metadata-changed-at server "/typo"))))))

(define-test listeners-of-a-mount-or-of-the-server
  (with-station (pipeline)
    (let ((server (harmony:pipeline-server pipeline)))
      (assert (equal (list 0 0 0 0 0)
                     (list (pipeline-listener-count pipeline) (pipeline-listener-count pipeline "/a.mp3")
                           (pipeline-listener-count pipeline "/typo")
                           (listener-count server) (get-listener-count server "/typo"))))
      (pipeline-queue-files pipeline (list (file 0)))
      (let ((player (listener server "/a.mp3")))
        (await "it counts" (lambda () (= 1 (pipeline-listener-count pipeline "/a.mp3"))))
        (assert (= 1 (pipeline-listener-count pipeline) (server-listener-count server)))
        (assert (= 0 (pipeline-listener-count pipeline "/a.aac")))
        (uiop:terminate-process player)))))

(defun listener (server path)
  (uiop:launch-program (list "curl" "-s" "-o" "/dev/null"
                             (format nil "http://127.0.0.1:~D~A" (longwave:server-port server) path))))

(define-test a-server-and-encoders-of-ones-own
  (let ((server (make-stream-server :listen "127.0.0.1:0"))
        (pcm (make-array 44100 :element-type '(signed-byte 16) :initial-element 1000)))
    (add-mount server "/live.mp3" :content-type "audio/mpeg" :bitrate 32 :name "Live" :genre "Any" :buffer-size 100000)
    (assert (not (server-running-p server)))
    (dotimes (time 2)
      (start-server server)
      (assert (server-running-p server))
      (let* ((encoder (make-mp3-encoder :sample-rate 44100 :channels 2 :bitrate 128 :quality 5))
             (packets (concatenate '(vector (unsigned-byte 8)) (encode-pcm-interleaved encoder pcm 22050)
                                   (encoder-encode encoder pcm :start 0 :end 22050) (encode-flush encoder))))
        (assert (= #xFF (aref packets 0)))
        (assert (< 10000 (length packets) 14000))
        (assert (= (length packets) (write-audio-data server "/live.mp3" packets)))
        (update-metadata server "/live.mp3" :title "Live title")
        (close-encoder encoder))
      (stop-server server))
    (let ((encoder (make-aac-encoder :bitrate 64000)))
      (assert (typep (encode-aac-pcm encoder pcm 22050) '(vector (unsigned-byte 8))))
      (close-aac-encoder encoder)
      (signals encoding-error (encode-aac-pcm encoder pcm 22050)))
    (signals encoding-error (harmony:make-encoder-for-format :mp3 :bitrate 65))
    (assert (search "LAME" (lame-version)))))

(define-test what-cannot-work-is-said-at-once
  (signals streamer-error (harmony:make-pipeline :listen "127.0.0.1:0" :outputs '((:format :mp3 :mount "/a.mp3" :bitrate 65))))
  (signals streamer-error (harmony:make-pipeline :listen "127.0.0.1:0" :outputs '((:format :mp3 :mont "/a.mp3"))))
  (signals streamer-error (harmony:add-pipeline-output 1))
  (signals streamer-error (make-ring-buffer))
  (with-station (pipeline)
    (signals streamer-error (pipeline-queue-files pipeline '((:fil "x"))))
    (signals streamer-error (pipeline-play-file pipeline "/nowhere.wav"))
    (signals streamer-error (pipeline-play-voice pipeline "/nowhere.wav")))
  (let ((server (make-stream-server :listen "127.0.0.1:0")))
    (start-server server)
    (let ((port (longwave:server-port server)))
      (signals connection-error (start-server (make-stream-server :listen (format nil "127.0.0.1:~D" port)))))
    (stop-server server)))

(define-test the-declarative-form-means-the-same
  (let ((pipeline (harmony:make-pipeline '(:input (:harmony :channels 1 :samplerate 22050)
                                           :outputs ((:mp3 :mount "/d.mp3" :bitrate 32 :name "D"))
                                           :server (:listen "127.0.0.1:0")))))
    (pipeline-start pipeline)
    (assert (equal '("/d.mp3") (mapcar #'cdr (harmony:pipeline-encoders pipeline))))
    (assert (harmony:pipeline-owns-server-p pipeline))
    (pipeline-stop pipeline)))

(define-test tags-and-titles
  (assert (string= "0 [FLAC] Björk  tone" (pipeline-format-title nil (file 0))))
  (assert (string= "Given" (harmony:format-display-title (file 0) "Given")))
  (assert (null (harmony:read-audio-metadata (file 0))))
  (assert (null (pipeline-read-metadata nil "/nowhere.wav"))))
