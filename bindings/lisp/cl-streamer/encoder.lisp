;;;; Encoders for use by Lisp itself. They are those of longwave.

(in-package #:cl-streamer)

(defun open-encoder (&rest declaration)
  (as-streamer-errors ('encoding-error) (apply #'longwave:make-encoder declaration)))

(defun make-mp3-encoder (&key (sample-rate 44100) (channels 2) (bitrate 128) (quality 5))
  "BITRATE is in kbit/s."
  (open-encoder :format :mp3 :sample-rate sample-rate :channels channels :bitrate bitrate :quality quality))

(defun make-aac-encoder (&key (sample-rate 44100) (channels 2) (bitrate 128000))
  "BITRATE is in bit/s."
  (open-encoder :format :aac :sample-rate sample-rate :channels channels :bitrate (round bitrate 1000)))

(defun make-encoder-for-format (format &key (bitrate 128) (sample-rate 44100) (channels 2))
  "BITRATE is in kbit/s."
  (open-encoder :format format :sample-rate sample-rate :channels channels :bitrate bitrate))

(defun samples (pcm start end)
  "A part of PCM, a vector of (SIGNED-BYTE 16) or of single-floats, as longwave takes it."
  (let ((type (if (typep pcm '(vector single-float)) 'single-float '(signed-byte 16))))
    (if (and (= start 0) (= end (length pcm)) (typep pcm `(simple-array ,type (*))))
        pcm
        (make-array (- end start) :element-type type :initial-contents (subseq pcm start end)))))

(defgeneric encoder-encode (encoder pcm &rest part)
  (:documentation "Encodes PCM, interleaved. PART is the number of frames, or :START and :END as indices of
the vector; or all is encoded. Returns a vector of (UNSIGNED-BYTE 8), the packets that are complete.")
  (:method ((encoder longwave:encoder) pcm &rest part)
    (destructuring-bind (&key (start 0) (end (length pcm)))
        (if (integerp (first part))
            (list :end (* (first part) (longwave::channels encoder)))
            part)
      (as-streamer-errors ('encoding-error)
        (longwave:encoder-encode encoder (samples pcm start end))))))

(defgeneric encoder-flush (encoder)
  (:method ((encoder longwave:encoder))
    (as-streamer-errors ('encoding-error) (longwave:encoder-flush encoder))))

(defgeneric encoder-close (encoder)
  (:method ((encoder longwave:encoder))
    (longwave:encoder-close encoder)))

(defun encode-pcm-interleaved (encoder pcm num-samples) (encoder-encode encoder pcm num-samples))
(defun encode-aac-pcm (encoder pcm num-samples) (encoder-encode encoder pcm num-samples))
(defun encode-flush (encoder) (encoder-flush encoder))
(defun flush-aac-encoder (encoder) (encoder-flush encoder))
(defun close-encoder (encoder) (encoder-close encoder))
(defun close-aac-encoder (encoder) (encoder-close encoder))

(defun lame-version ()
  (format nil "LAME, in Longwave ~A" (longwave:version)))
