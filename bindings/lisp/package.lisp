(defpackage #:longwave
  (:use #:common-lisp)
  (:documentation "A radio station in a Lisp image.

longwave.h documents each function: PIPELINE-SKIP is lw_pipeline_skip. Times are seconds, as elsewhere in Lisp
(integers and ratios are exact). State is returned as property lists, and missing values are NIL. A call that fails
signals a condition of type LONGWAVE-ERROR.")
  (:export
   ;; Conditions
   #:longwave-error #:error-status #:error-message
   #:invalid-argument #:bad-handle #:setting-error #:unplayable-file #:cannot-listen #:exists-already #:not-found
   #:not-running #:encoder-failed #:system-refused #:bug-in-longwave #:limit-reached #:too-busy #:no-answer
   ;; Servers
   #:server #:make-server #:server-start #:server-expect #:server-stop #:server-running-p #:server-close #:server-port
   #:server-add-mount #:server-remove-mount #:server-reopen-logs #:server-update-metadata
   #:server-write-audio #:server-listener-count
   #:server-mount-info #:server-mounts #:get-metadata-changed-at
   ;; Pipelines
   #:pipeline #:make-pipeline #:with-pipeline #:pipeline-start #:pipeline-stop #:pipeline-running-p #:pipeline-close
   #:pipeline-server #:pipeline-mounts
   #:pipeline-play-file #:pipeline-play-list #:pipeline-skip #:pipeline-seek #:pipeline-queue-files
   #:pipeline-get-queue #:pipeline-clear-queue #:pipeline-remove #:pipeline-move-to #:pipeline-hold #:pipeline-resume
   #:pipeline-update-metadata #:pipeline-clear-metadata
   #:pipeline-current-track #:pipeline-remaining #:pipeline-up-next #:pipeline-history #:pipeline-playlist
   #:pipeline-listener-count #:pipeline-levels #:pipeline-fill #:pipeline-health #:pipeline-held-p
   #:pipeline-snapshot #:pipeline-restore
   #:pipeline-add-hook #:pipeline-remove-hook #:pipeline-next-event #:pipeline-event-fd
   #:pipeline-play-voice #:pipeline-stop-voice #:pipeline-stop-all-voices #:pipeline-pause-voice
   #:pipeline-resume-voice #:pipeline-seek-voice #:pipeline-volume #:pipeline-volume-ramp #:pipeline-voices
   #:pipeline-read-metadata #:pipeline-format-title
   ;; Encoders
   #:encoder #:make-encoder #:encoder-encode #:encoder-flush #:encoder-close
   #:version))
