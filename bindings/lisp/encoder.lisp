;;;; Encoders for use by Lisp itself, on any thread.

(in-package #:longwave)

(defclass encoder ()
  ((handle :initarg :handle :reader handle)
   (channels :initarg :channels :reader channels))
  (:documentation "Encodes PCM to whole packets. One thread at a time may use it."))

(defun make-encoder (&rest declaration &key (sample-rate 44100) (channels 2) &allow-other-keys)
  "Makes an encoder with :FORMAT :MP3 or :AAC, and optionally :BITRATE (kbit/s), :QUALITY, :PROFILE."
  (with-texts ((declaration (write-json (uiop:remove-plist-keys '(:sample-rate :channels) declaration))))
    (make-instance 'encoder
                   :channels channels
                   :handle (get-number :uint64 "lw_encoder_open"
                                       :pointer declaration :uint32 (natural sample-rate 32)
                                       :uint32 (natural channels 32)))))

(defmacro get-octets (function &rest arguments)
  (let ((bytes (gensym "BYTES")) (count (gensym "COUNT")))
    `(cffi:with-foreign-objects ((,bytes :pointer) (,count :size))
       (call ,function ,@arguments :pointer ,bytes :pointer ,count)
       (copy-octets (cffi:mem-ref ,bytes :pointer) (cffi:mem-ref ,count :size)))))

(defun copy-octets (bytes count)
  (let ((octets (make-array count :element-type '(unsigned-byte 8))))
    (dotimes (index count octets)
      (setf (aref octets index) (cffi:mem-aref bytes :uint8 index)))))

(defgeneric encoder-encode (encoder pcm)
  (:documentation "Encodes any number of interleaved frames: a simple vector of single-floats from -1 to 1, or
of (SIGNED-BYTE 16). Returns the packets that are complete, a vector of octets.")
  (:method ((encoder encoder) pcm)
    (let ((frames (frames-of pcm (channels encoder))))
      (etypecase pcm
        ((samples single-float)
         (cffi:with-pointer-to-vector-data (samples pcm)
           (get-octets "lw_encoder_encode" :uint64 (handle encoder) :pointer samples :size frames)))
        ((samples (signed-byte 16))
         (cffi:with-pointer-to-vector-data (samples pcm)
           (get-octets "lw_encoder_encode_s16" :uint64 (handle encoder) :pointer samples :size frames)))))))

(defgeneric encoder-flush (encoder)
  (:documentation "Returns the rest of the packets. Nothing may be encoded afterwards.")
  (:method ((encoder encoder))
    (get-octets "lw_encoder_flush" :uint64 (handle encoder))))

(defgeneric encoder-content-type (encoder)
  (:documentation "The content type of its packets, \"audio/mpeg\".")
  (:method ((encoder encoder))
    (get-text "lw_encoder_content_type" :uint64 (handle encoder))))

(defgeneric encoder-delay (encoder)
  (:documentation "How many frames late its packets are.")
  (:method ((encoder encoder))
    (get-number :uint64 "lw_encoder_delay" :uint64 (handle encoder))))

(defgeneric encoder-close (encoder)
  (:documentation "Frees the encoder. Closing it twice is harmless.")
  (:method ((encoder encoder))
    (call "lw_encoder_close" :uint64 (handle encoder))
    (values)))
