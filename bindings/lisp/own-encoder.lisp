;;;; Encoders that are written in Lisp.

(in-package #:longwave)

(defclass own-encoder ()
  ()
  (:documentation "The class to inherit from."))

(defgeneric own-encoder-encode (encoder pcm)
  (:documentation "Encodes interleaved frames, a simple vector of single-floats, about ten times a second.
Returns the packets that are complete: a list of lists of octets and the number of frames for which they
sound."))

(defgeneric own-encoder-flush (encoder)
  (:documentation "Returns the packets that are left. Nothing is encoded afterwards.")
  (:method (encoder) (declare (ignore encoder)) '()))

(defgeneric own-encoder-header (encoder)
  (:documentation "The octets that a listener needs before the first packet.")
  (:method (encoder) (declare (ignore encoder)) nil))

(defgeneric own-encoder-delay (encoder)
  (:documentation "How many frames late its packets are, the decoder's delay included.")
  (:method (encoder) (declare (ignore encoder)) 0))

(defgeneric own-encoder-close (encoder)
  (:documentation "The last call.")
  (:method (encoder) (declare (ignore encoder)) (values)))

(defvar *own-encoders* (make-hash-table #+(or sbcl ecl) :synchronized #+(or sbcl ecl) t)
  "By number: functions that open, for good, and what they have opened, with its channels.")

(defun keep-encoder (value)
  (let ((number (next-number)))
    (setf (gethash number *own-encoders*) value)
    number))

(defmacro within-packets (packets &body body)
  "Tells an error to the library, because it must not unwind into it. The encoder's thread keeps its
floating-point modes."
  `(with-their-floats
     (handler-case (progn ,@body)
       (error (condition)
         (let ((reason (remove (code-char 0) (format nil "~A" condition))))
           (cffi:foreign-funcall "lw_packets_fail" :uint64 ,packets :string reason :int32)
           nil)))))

(defmacro with-their-floats (&body body)
  #+sbcl `(let ((modes (sb-int:get-floating-point-modes)))
            (unwind-protect (with-lisp-floats ,@body)
              (apply #'sb-int:set-floating-point-modes modes)))
  #-sbcl `(progn ,@body))

(defun give-packets (packets given)
  (loop for (octets frames) in given
        do (with-octets (bytes count) (octets 0 (length octets))
             (call "lw_packets_add" :uint64 packets :pointer bytes :size count :uint32 (natural frames 32)))))

(cffi:defcallback on-open :pointer ((rate :uint32) (channels :uint32) (packets :uint64) (key :pointer))
  (cffi:make-pointer
   (or (within-packets packets
         (let* ((encoder (funcall (gethash (cffi:pointer-address key) *own-encoders*) rate channels))
                (header (own-encoder-header encoder)))
           (when header
             (with-octets (bytes count) (header 0 (length header))
               (call "lw_packets_header" :uint64 packets :pointer bytes :size count)))
           (call "lw_packets_delay" :uint64 packets :uint64 (natural (own-encoder-delay encoder)))
           (keep-encoder (list encoder channels))))
       0)))

(cffi:defcallback on-encode :void ((state :pointer) (pcm :pointer) (frames :size) (packets :uint64))
  (within-packets packets
    (destructuring-bind (encoder channels) (gethash (cffi:pointer-address state) *own-encoders*)
      (let ((samples (make-array (* frames channels) :element-type 'single-float)))
        (dotimes (index (length samples))
          (setf (aref samples index) (cffi:mem-aref pcm :float index)))
        (give-packets packets (own-encoder-encode encoder samples))))))

(cffi:defcallback on-flush :void ((state :pointer) (packets :uint64))
  (within-packets packets
    (give-packets packets (own-encoder-flush (first (gethash (cffi:pointer-address state) *own-encoders*))))))

(cffi:defcallback on-close :void ((state :pointer))
  (with-their-floats
    (reporting-errors ("The close of an encoder")
      (own-encoder-close (first (gethash (cffi:pointer-address state) *own-encoders*))))
    (remhash (cffi:pointer-address state) *own-encoders*)))

(defgeneric pipeline-add-own-output (pipeline output open)
  (:documentation "Adds an output that Lisp encodes. OUTPUT is a property list with :MOUNT, :CONTENT-TYPE, and
whatever else is known. OPEN is called with the sample rate and the channels, and returns an OWN-ENCODER. If
that fails later, it is closed, and a second later another is opened.")
  (:method ((pipeline pipeline) output open)
    #+ecl (refuse-callback "encode on a thread of Lisp, by PIPELINE-TAP and SERVER-WRITE-AUDIO")
    (check-function open 2 "an encoder is opened with a sample rate and channels")
    (with-texts ((output (write-json output)))
      (call "lw_pipeline_add_own_output" :uint64 (handle pipeline) :pointer output
            :pointer (cffi:callback on-open) :pointer (cffi:callback on-encode)
            :pointer (cffi:callback on-flush) :pointer (cffi:callback on-close)
            :pointer (cffi:make-pointer (keep-encoder open)))
      (values))))
