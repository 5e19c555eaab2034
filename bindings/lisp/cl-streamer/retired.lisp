;;;; Names that are exported for the reader, and what to use instead.

(in-package #:cl-streamer)

(defmacro define-retired (&rest names-and-advice)
  `(progn
     ,@(loop for (names advice) on names-and-advice by #'cddr
             append (loop for name in names
                          collect `(defun ,name (&rest arguments)
                                     (declare (ignore arguments))
                                     (refuse "~(~A~) has no counterpart in Longwave: ~A" ',name ,advice))))))

(define-retired
  (make-audio-pipeline add-pipeline-output) "give all :outputs to MAKE-PIPELINE"
  (pipeline-harmony-server) "PIPELINE-PLAY-VOICE plays beside the programme"
  (make-icy-metadata encode-icy-metadata icy-metadata-title icy-metadata-url icy-metaint)
  "the server sends titles itself; set them by SET-NOW-PLAYING"
  (metadata-at-position) "a title belongs to a position by itself; ask GET-METADATA-CHANGED-AT"
  (make-ring-buffer broadcast-buffer buffer-write buffer-read-from buffer-wait-for-data buffer-current-pos
   buffer-burst-start buffer-clear)
  "each mount has its buffer; write to it by SERVER-WRITE-AUDIO")

;;; Nothing reads these: an encoder that fails is opened again, and dead air is noticed and filled.
(defvar *watchdog-interval* nil)
(defvar *audio-stall-threshold* nil)
(defvar *track-stall-threshold* nil)
(defvar *encoder-error-threshold* nil)
