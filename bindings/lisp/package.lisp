(defpackage #:longwave
  (:use #:common-lisp)
  (:documentation "A radio station in a Lisp image.

longwave.h documents each function: PIPELINE-SKIP is lw_pipeline_skip. Times are seconds, as elsewhere in Lisp
(integers and ratios are exact). State is returned as property lists, and missing values are NIL. A call that
fails signals a condition of type LONGWAVE-ERROR.")
  (:export
   ;; Conditions
   #:longwave-error #:error-status #:error-name #:error-message
   #:invalid-argument #:bad-handle #:setting-error #:unplayable-file #:cannot-listen #:exists-already
   #:not-found
   #:not-running #:encoder-failed #:system-refused #:bug-in-longwave #:limit-reached #:too-busy #:no-answer
   ;; Servers
   #:server #:make-server #:server-start #:server-expect #:server-stop #:server-running-p #:server-close
   #:server-port
   #:server-expect-no-more #:server-reconfigure #:server-health #:server-next-event #:server-event-fd
   #:server-listeners #:server-kick #:server-update-mount
   #:server-addresses #:server-stats #:server-set-header
   #:server-add-mount #:server-remove-mount #:server-reopen-logs #:server-update-metadata
   #:server-write-audio #:server-listener-count
   #:server-mount-info #:server-mounts #:get-metadata-changed-at
   ;; Stations
   #:station #:make-station #:read-station #:station-start #:station-stop #:station-close #:station-server
   #:station-pipeline #:station-pipelines #:station-reload #:station-ask
   #:station-history #:station-report #:station-statistics
   ;; The library of a station, and requests of listeners
   #:library-state #:library-search #:library-track #:library-edit #:library-start-scan #:library-pause
   #:library-resume #:library-playlists #:library-playlist #:library-set-playlist #:library-remove-playlist
   #:pipeline-search-requests #:pipeline-request
   ;; Sources
   #:station-admit-sources #:refuse-source #:source-refused #:station-sources #:station-kick-source
   #:station-update-source-metadata
   ;; Pipelines
   #:pipeline #:make-pipeline #:with-pipeline #:pipeline-start #:pipeline-stop #:pipeline-running-p
   #:pipeline-close
   #:pipeline-server #:pipeline-mounts #:pipeline-hls #:pipeline-name #:pipeline-spec
   #:pipeline-add-output #:pipeline-remove-output #:pipeline-replace-encoder #:pipeline-update-output
   #:pipeline-use-stepped-clock #:pipeline-step-clock #:pipeline-on-next-track #:pipeline-entry
   #:pipeline-set-fades
   #:pipeline-set-title-format #:pipeline-title-format
   #:pipeline-play-file #:pipeline-play-list #:pipeline-skip #:pipeline-seek #:pipeline-queue-file
   #:pipeline-queue-files
   #:pipeline-set-loop #:pipeline-set-shuffle
   #:pipeline-get-queue #:pipeline-clear-queue #:pipeline-remove #:pipeline-move-to #:pipeline-hold
   #:pipeline-hold-after-current #:pipeline-hold-state
   #:pipeline-resume
   #:pipeline-update-metadata #:pipeline-clear-metadata
   #:pipeline-current-track #:pipeline-current-title #:pipeline-played #:pipeline-remaining
   #:pipeline-time-on-air
   #:pipeline-up-next #:pipeline-preview #:pipeline-history #:pipeline-playlist
   #:pipeline-set-ingredient #:pipeline-remove-ingredient
   #:pipeline-listener-count #:pipeline-levels #:pipeline-fill #:pipeline-health #:pipeline-held-p
   #:pipeline-snapshot #:pipeline-restore
   #:pipeline-add-hook #:pipeline-remove-hook #:pipeline-next-event #:pipeline-event-fd
   #:pipeline-play-voice #:pipeline-stop-voice #:pipeline-stop-all-voices #:pipeline-pause-voice
   #:pipeline-resume-voice #:pipeline-seek-voice #:pipeline-volume #:pipeline-volume-ramp #:pipeline-voices
   #:pipeline-announce #:pipeline-stop-announcement #:pipeline-stop-announcements #:pipeline-announcements
   #:source #:pipeline-go-live #:source-write #:source-set-title #:source-state #:source-close
   #:pipeline-live #:pipeline-live-inputs #:pipeline-force-live #:pipeline-force-programme #:pipeline-release-live
   #:pipeline-forced-air #:pipeline-mute-live #:pipeline-unmute-live
   #:pipeline-read-metadata #:pipeline-format-title
   ;; PCM
   #:input #:pipeline-play-input #:input-push #:input-push-within #:input-close #:input-voice
   #:pipeline-play-pipe
   #:tap #:pipeline-tap #:tap-read #:tap-lost #:tap-fd #:tap-close
   ;; Encoders
   #:encoder #:make-encoder #:encoder-encode #:encoder-flush #:encoder-close #:encoder-content-type
   #:encoder-delay
   #:own-encoder #:own-encoder-encode #:own-encoder-flush #:own-encoder-header #:own-encoder-delay
   #:own-encoder-close
   #:pipeline-add-own-output
   ;; Requests
   #:requests #:request #:server-take-requests #:requests-next #:requests-close #:request-info
   #:request-parameter
   #:request-header #:request-body #:request-answer #:request-close
   #:log-to #:version #:abi-version #:codecs))
