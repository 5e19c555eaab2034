;;;; What the binding promises. `(asdf:test-system "longwave")` runs it; no sound card, no file of music is needed.

(defpackage #:longwave-tests
  (:use #:common-lisp #:longwave)
  (:export #:run))

(in-package #:longwave-tests)

(defvar *tests* '())

(defmacro define-test (name &body body)
  `(progn (defun ,name () ,@body)
          (pushnew ',name *tests*)))

(defun run ()
  "Whether all tests have passed."
  (let ((failed 0))
    (dolist (test (reverse *tests*))
      (handler-case (progn (funcall test) (format t "~&ok      ~(~A~)~%" test))
        (error (condition)
          (incf failed)
          (format t "~&FAILED  ~(~A~): ~A~%" test condition))))
    (format t "~&~D passed, ~D failed~%" (- (length *tests*) failed) failed)
    (zerop failed)))

(defmacro signals (type &body body)
  `(assert (typep (nth-value 1 (ignore-errors ,@body)) ',type)))

(defun tone (name hz seconds)
  "A WAV file, 22,050 Hz, mono."
  (let* ((file (merge-pathnames name (uiop:temporary-directory)))
         (frames (* 22050 seconds)))
    (with-open-file (out file :direction :output :if-exists :supersede :element-type '(unsigned-byte 8))
      (flet ((text (text) (loop for char across text do (write-byte (char-code char) out)))
             (number (number octets)
               (dotimes (index octets) (write-byte (ldb (byte 8 (* 8 index)) number) out))))
        (text "RIFF") (number (+ 36 (* 2 frames)) 4) (text "WAVEfmt ")
        (number 16 4) (number 1 2) (number 1 2) (number 22050 4) (number 44100 4) (number 2 2) (number 16 2)
        (text "data") (number (* 2 frames) 4)
        (dotimes (frame frames)
          (number (round (* 8000 (sin (* 2 pi hz (/ frame 22050))))) 2))))
    file))

(defun small-pipeline (&rest more)
  (apply #'make-pipeline :listen "127.0.0.1:0" :sample-rate 22050 :channels 1
                         :outputs '((:format :mp3 :mount "/a.mp3" :bitrate 32)) more))

(defun await (pipeline kind)
  (loop for event = (pipeline-next-event pipeline 10)
        do (assert event () "waited in vain for ~A" kind)
        until (string= (getf event :kind) kind)
        finally (return event)))

(define-test json-comes-and-goes
  (let ((text (format nil "a \"quoted\" \\ line~%Björk ~A" (code-char 1))))
    (assert (equal (longwave::read-json (longwave::write-json (list :title text :n 7 :yes t :list (list "a" "b"))))
                   (list :title text :n 7 :yes t :list (list "a" "b")))))
  (assert (equal (longwave::read-json " { \"a_b\" : [ 1 , -2.5e1, true, false, null, {}, [] ] } ")
                 '(:a-b (1 -25d0 t nil nil nil nil)))))

(define-test errors-are-conditions-that-say-what-is-wrong
  (signals setting-error (make-pipeline :outputs '((:format :mp3 :bitrate 65))))
  (signals setting-error (make-server :lisen "no such key"))
  (signals unplayable-file (pipeline-read-metadata "/nowhere.mp3"))
  (let ((pipeline (small-pipeline)))
    (signals not-running (pipeline-skip pipeline))
    (pipeline-start pipeline)
    (signals exists-already (pipeline-start pipeline))
    (signals not-found (pipeline-remove pipeline 99))
    ;; ECL cannot be called on threads that it did not create.
    #-ecl
    (progn
      (signals not-found (pipeline-add-hook pipeline :no-such-event #'identity))
      (signals invalid-argument (pipeline-add-hook pipeline :track-change (lambda (pipeline track) (list pipeline track))))
      (signals invalid-argument (pipeline-add-hook pipeline :track-change (lambda () nil)))
      (pipeline-add-hook pipeline :track-change (lambda (&rest event) event))
      (pipeline-add-hook pipeline :track-change (lambda (event &key) event)))
    (signals invalid-argument (pipeline-queue-files pipeline '((:file "a.wav" :titel "A"))))
    (signals invalid-argument (pipeline-queue-files pipeline '(("a.wav" "A" :crossfade 3))))
    (signals invalid-argument (pipeline-queue-files pipeline '((:title "A"))))
    (signals invalid-argument (pipeline-play-list pipeline '(42)))
    (pipeline-close pipeline)
    (pipeline-close pipeline)
    (signals bad-handle (pipeline-skip pipeline))))

(define-test titles
  (assert (string= (pipeline-format-title "x/03 Jóga.mp3") "03 Jóga"))
  (assert (string= (pipeline-format-title "x" :tags '(:artist "Björk" :name "Jóga")) "Björk - Jóga"))
  (assert (string= (pipeline-format-title "x" :given "Given" :tags '(:name "Jóga")) "Given")))

#-ecl
(define-test a-pipeline-plays-queues-and-tells
  (let* ((a (tone "a.wav" 440 3)) (b (tone "b.wav" 660 3)) (titles '())
         (pipeline (small-pipeline)))
    (pipeline-add-hook pipeline :track-change
                       (lambda (event) (push (getf (getf event :track) :title) titles)))
    (pipeline-start pipeline)
    (assert (pipeline-running-p pipeline))
    (let ((ids (pipeline-queue-files pipeline (list (list a "First") b (list a "Last")))))
      (assert (= 3 (length ids)))
      (await pipeline "track-change")
      (assert (string= (getf (pipeline-current-track pipeline) :title) "First"))
      (assert (< 0 (pipeline-remaining pipeline) 3))
      (pipeline-move-to pipeline (third ids) 0)
      (pipeline-skip pipeline)
      (await pipeline "track-change")
      (assert (equal (mapcar (lambda (entry) (getf entry :id)) (pipeline-get-queue pipeline)) (list (second ids)))))
    (pipeline-play-list pipeline (list a b) :name "evening" :loop t :now t)
    (assert (string= (getf (await pipeline "playlist-change") :name) "evening"))
    (assert (string= (getf (pipeline-playlist pipeline) :name) "evening"))
    (pipeline-update-metadata pipeline "Björk's hour" :until-cleared t)
    (loop repeat 200
          until (string= "Björk's hour"
                         (getf (server-mount-info (pipeline-server pipeline) "/a.mp3") :title))
          do (sleep 1/50)
          finally (assert (plusp (get-metadata-changed-at (pipeline-server pipeline) "/a.mp3"))))
    (assert (equal (pipeline-stop pipeline) '()))
    (await pipeline "pipeline-stop")
    (signals not-running (pipeline-next-event pipeline))
    (assert (equal (subseq (reverse titles) 0 2) '("First" "Last")))
    (pipeline-close pipeline)))

(define-test a-ramp-has-ended-when-it-returns
  (let ((b (tone "b.wav" 660 3)))
    (with-pipeline (pipeline :listen "127.0.0.1:0" :sample-rate 22050 :channels 1
                             :outputs '((:format :mp3 :mount "/a.mp3" :bitrate 32)))
      (let ((deck (pipeline-play-voice pipeline b :volume 0)))
        (pipeline-volume-ramp pipeline deck 0.5d0 1/5)
        (assert (< 0.4999 (pipeline-volume pipeline deck) 0.5001))
        (pipeline-seek-voice pipeline deck 1)
        (pipeline-volume-ramp pipeline deck 0 1/5 :curve :decibels :then-stop t)
        (assert (null (pipeline-volume pipeline deck)))))))

(define-test an-encoder-and-a-mount-of-ones-own
  (let ((server (make-server :listen "127.0.0.1:0"))
        (encoder (make-encoder :format :mp3 :bitrate 32 :sample-rate 22050 :channels 1))
        (pcm (make-array 22050 :element-type '(signed-byte 16) :initial-element 1000)))
    (server-start server)
    (server-add-mount server "/live.mp3" :content-type "audio/mpeg" :bitrate 32)
    (server-update-metadata server "/live.mp3" "Live")
    (let* ((packets (concatenate '(vector (unsigned-byte 8)) (encoder-encode encoder pcm) (encoder-flush encoder)))
           (taken (server-write-audio server "/live.mp3" packets)))
      (assert (= (aref packets 0) #xFF))
      (assert (= taken (length packets)))
      (assert (< 3500 taken 5500))
      (signals not-found (server-write-audio server "/other.mp3" packets)))
    (encoder-close encoder)
    (signals bad-handle (encoder-encode encoder pcm))
    (server-stop server)
    (server-close server)))

#-ecl
(define-test a-hook-that-fails-is-reported-and-goes-on
  (let* ((calls 0) (said (make-string-output-stream)) (pipeline (small-pipeline)))
    (pipeline-add-hook pipeline nil
                       (lambda (event) (declare (ignore event))
                         (incf calls)
                         (let ((*error-output* said)) (error "on purpose"))))
    (pipeline-start pipeline)
    (pipeline-stop pipeline)
    (assert (= calls 2))
    (pipeline-close pipeline)))
