;;;; The names that applications use. The symbols of CL-STREAMER/HARMONY are those of CL-STREAMER.

(defpackage #:cl-streamer
  (:use #:common-lisp)
  (:documentation "A radio station in a Lisp image: the interface of cl-streamer, over longwave. Times are
seconds.")
  (:export
   ;; Conditions and defaults
   #:streamer-error #:connection-error #:encoding-error #:*default-port* #:*default-metaint*
   ;; Servers
   #:stream-server #:make-stream-server #:start-server #:stop-server #:server-start #:server-stop #:server-running-p
   #:add-mount #:remove-mount #:server-add-mount #:server-remove-mount #:update-metadata #:server-update-metadata
   #:set-now-playing #:write-audio-data #:server-write-audio #:get-metadata-changed-at
   #:listener-count #:get-listener-count #:server-listener-count
   ;; Encoders
   #:make-mp3-encoder #:encode-pcm-interleaved #:encode-flush #:close-encoder #:lame-version
   #:make-aac-encoder #:encode-aac-pcm #:flush-aac-encoder #:close-aac-encoder
   #:encoder-encode #:encoder-flush #:encoder-close
   ;; Pipelines
   #:make-pipeline #:pipeline-start #:pipeline-stop #:pipeline-running-p
   #:pipeline-play-file #:pipeline-play-list #:pipeline-skip
   #:pipeline-queue-files #:pipeline-get-queue #:pipeline-clear-queue
   #:pipeline-current-track #:pipeline-listener-count #:pipeline-update-metadata
   #:pipeline-play-voice #:pipeline-stop-voice #:pipeline-stop-all-voices #:pipeline-volume-ramp
   #:pipeline-read-metadata #:pipeline-format-title
   #:pipeline-add-hook #:pipeline-remove-hook #:pipeline-fire-hook
   ;; Without a counterpart
   #:broadcast-buffer #:make-ring-buffer #:buffer-write #:buffer-read-from #:buffer-wait-for-data
   #:buffer-current-pos #:buffer-burst-start #:buffer-clear
   #:icy-metadata #:make-icy-metadata #:icy-metadata-title #:icy-metadata-url #:encode-icy-metadata #:icy-metaint
   #:metadata-at-position
   #:*watchdog-interval* #:*audio-stall-threshold* #:*track-stall-threshold* #:*encoder-error-threshold*))

(macrolet ((define (&rest names)
             `(progn
                (eval-when (:compile-toplevel :load-toplevel :execute)
                  (dolist (name ',(mapcar #'symbol-name names))
                    (intern name '#:cl-streamer)))
                (defpackage #:cl-streamer/harmony
                  (:use)
                  (:import-from #:cl-streamer ,@names)
                  (:export ,@names)))))
  (define #:audio-pipeline #:make-audio-pipeline #:make-pipeline #:make-encoder-for-format #:add-pipeline-output
    #:pipeline-start #:pipeline-stop #:pipeline-running-p #:start-pipeline #:stop-pipeline
    #:pipeline-play-file #:pipeline-play-list #:play-file #:play-list #:pipeline-skip
    #:pipeline-queue-files #:pipeline-get-queue #:pipeline-clear-queue #:pipeline-pending-playlist-path
    #:pipeline-current-track #:pipeline-track-remaining #:pipeline-listener-count
    #:pipeline-update-metadata #:update-all-mounts-metadata #:read-audio-metadata #:format-display-title
    #:pipeline-read-metadata #:pipeline-format-title
    #:pipeline-play-voice #:pipeline-stop-voice #:pipeline-stop-all-voices #:pipeline-volume-ramp #:volume-ramp
    #:pipeline-add-hook #:pipeline-remove-hook #:pipeline-fire-hook
    #:pipeline-on-track-change #:pipeline-on-playlist-change
    #:pipeline-server #:make-streaming-server #:pipeline-encoders #:pipeline-owns-server-p
    #:pipeline-harmony-server))

;;; Applications name these on voices. Where cl-mixed is not loaded, they are here.
(eval-when (:compile-toplevel :load-toplevel :execute)
  (unless (find-package '#:org.shirakumo.fraf.mixed)
    (let ((package (make-package '#:org.shirakumo.fraf.mixed :use '())))
      (dolist (name '("VOLUME" "SEEK" "SAMPLERATE" "FRAME-POSITION" "FRAME-COUNT"))
        (export (intern name package) package)))))
