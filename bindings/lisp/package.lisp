(defpackage #:longwave
  (:use #:common-lisp)
  (:documentation "A radio station in a Lisp image.

What a function does stands in longwave.h: PIPELINE-SKIP is lw_pipeline_skip. Times are seconds, as Lisp has them
elsewhere (integers or ratios are exact). State comes as property lists; what is not there is NIL. A call that fails
signals a condition of type LONGWAVE-ERROR.")
  (:export
   ;; Conditions
   #:longwave-error #:error-status #:error-message
   #:invalid-argument #:bad-handle #:setting-error #:unplayable-file #:cannot-listen #:exists-already #:not-found
   #:not-running #:encoder-failed #:system-refused #:bug-in-longwave
   ;; Servers
   #:server #:make-server #:server-start #:server-stop #:server-running-p #:server-close #:server-port
   #:server-add-mount #:server-remove-mount #:server-update-metadata #:server-write-audio #:server-listener-count
   #:server-mount-info #:server-mounts #:get-metadata-changed-at
   ;; Pipelines
   #:pipeline #:make-pipeline #:with-pipeline #:pipeline-start #:pipeline-stop #:pipeline-running-p #:pipeline-close
   #:pipeline-server #:pipeline-mounts
   #:pipeline-play-file #:pipeline-play-list #:pipeline-skip #:pipeline-seek #:pipeline-queue-files
   #:pipeline-get-queue #:pipeline-clear-queue #:pipeline-remove #:pipeline-move-to #:pipeline-hold #:pipeline-resume
   #:pipeline-update-metadata #:pipeline-clear-metadata
   #:pipeline-current-track #:pipeline-remaining #:pipeline-up-next #:pipeline-history #:pipeline-playlist
   #:pipeline-listener-count #:pipeline-levels #:pipeline-health #:pipeline-held-p
   #:pipeline-snapshot #:pipeline-restore
   #:pipeline-add-hook #:pipeline-remove-hook #:pipeline-next-event #:pipeline-event-fd
   #:pipeline-play-voice #:pipeline-stop-voice #:pipeline-stop-all-voices #:pipeline-pause-voice
   #:pipeline-resume-voice #:pipeline-seek-voice #:pipeline-volume #:pipeline-volume-ramp #:pipeline-voices
   #:pipeline-read-metadata #:pipeline-format-title
   ;; Encoders
   #:encoder #:make-encoder #:encoder-encode #:encoder-flush #:encoder-close
   #:version))
