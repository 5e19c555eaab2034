;;;; PCM that Lisp pushes into the mix, and the mixed PCM that it reads.

(in-package #:longwave)

(deftype samples (type)
  `(simple-array ,type (*)))

(defun frames-of (pcm channels)
  "How many frames a vector has."
  (multiple-value-bind (frames left) (floor (length pcm) channels)
    (unless (zerop left)
      (refuse-argument "~D samples are not whole frames of ~D" (length pcm) channels))
    frames))

(defun check-floats (pcm)
  (unless (typep pcm '(samples single-float))
    (refuse-argument "PCM is a simple vector of single-floats, not of type ~S" (type-of pcm))))

(defun wait-of (timeout)
  "Seconds as milliseconds; without a limit if NIL."
  (if timeout (min (milliseconds timeout) most-positive-fixnum) -1))

;;; Inputs

(defclass input ()
  ((handle :initarg :handle :reader handle)
   (voice :initarg :voice :reader input-voice :documentation "Its number, as for PIPELINE-VOLUME.")
   (channels :initarg :channels :reader channels))
  (:documentation "A voice of PCM that Lisp pushes."))

(defgeneric pipeline-play-input (pipeline &key volume paused)
  (:documentation "Plays what INPUT-PUSH pushes, at the rate and channels of PIPELINE-SPEC. It is silent while
nothing is there.")
  (:method ((pipeline pipeline) &key (volume 1) paused)
    (cffi:with-foreign-objects ((handle :uint64) (voice :uint64))
      (call "lw_pipeline_play_input" :uint64 (handle pipeline) :double (volume volume) :int32 (flag paused)
            :pointer handle :pointer voice)
      (make-instance 'input
                     :handle (cffi:mem-ref handle :uint64) :voice (cffi:mem-ref voice :uint64)
                     :channels (nth-value 1 (pipeline-spec pipeline))))))

(defmacro with-frames-from ((bytes frames) (input pcm start) &body body)
  "Points BYTES to the frame START of PCM, after which there are so many FRAMES."
  (let ((all (gensym "ALL")) (pointer (gensym "POINTER")))
    `(let ((,all (progn (check-floats ,pcm) (frames-of ,pcm (channels ,input)))))
       (unless (typep ,start `(integer 0 ,,all))
         (refuse-argument "there is no frame ~S in ~D frames" ,start ,all))
       (cffi:with-pointer-to-vector-data (,pointer ,pcm)
         (let ((,bytes (cffi:inc-pointer ,pointer (* 4 (channels ,input) ,start)))
               (,frames (- ,all ,start)))
           ,@body)))))

(defgeneric input-push (input pcm &key start)
  (:documentation "Pushes interleaved frames, a simple vector of single-floats from -1 to 1, from the frame
START on. Returns how many frames were taken; offer the others again later. Signals NOT-RUNNING when the voice
was stopped.")
  (:method ((input input) pcm &key (start 0))
    (with-frames-from (bytes frames) (input pcm start)
      (get-number :size "lw_input_push" :uint64 (handle input) :pointer bytes :size frames))))

(defgeneric input-push-within (input pcm &key start timeout)
  (:documentation "Like INPUT-PUSH, but waits for room until all frames were taken, for TIMEOUT seconds at
most if it is given.")
  (:method ((input input) pcm &key (start 0) timeout)
    (with-frames-from (bytes frames) (input pcm start)
      (get-number :size "lw_input_push_within"
                  :uint64 (handle input) :pointer bytes :size frames :int64 (wait-of timeout)))))

(defgeneric input-close (input)
  (:documentation "Ends the voice when all that was pushed has sounded. Closing it twice is harmless.")
  (:method ((input input))
    (call "lw_input_close" :uint64 (handle input))
    (values)))

(defgeneric pipeline-play-pipe (pipeline &key format volume paused)
  (:documentation "Plays what is written into a pipe, in FORMAT, :F32LE or :S16LE. Returns the file descriptor
of its writing end, which is yours to close, and the voice's number. A write waits while two seconds are
ahead.")
  (:method ((pipeline pipeline) &key (format :f32le) (volume 1) paused)
    (with-texts ((format (string-downcase format)))
      (cffi:with-foreign-objects ((fd :int) (voice :uint64))
        (call "lw_pipeline_play_pipe" :uint64 (handle pipeline) :pointer format :double (volume volume)
              :int32 (flag paused) :pointer fd :pointer voice)
        (values (cffi:mem-ref fd :int) (cffi:mem-ref voice :uint64))))))

;;; Taps

(defclass tap ()
  ((handle :initarg :handle :reader handle)
   (channels :initarg :channels :reader channels))
  (:documentation "A reader of the mixed PCM."))

(defgeneric pipeline-tap (pipeline)
  (:documentation "Opens a tap: the mixed PCM, just as the encoders get it. About two seconds wait to be
read.")
  (:method ((pipeline pipeline))
    (make-instance 'tap :handle (get-number :uint64 "lw_pipeline_tap" :uint64 (handle pipeline))
                        :channels (nth-value 1 (pipeline-spec pipeline)))))

(defgeneric tap-read (tap pcm &key timeout)
  (:documentation "Reads interleaved frames into PCM, a simple vector of single-floats: as many as there are.
If there are none, it waits for the first, for TIMEOUT seconds at most if it is given. Returns how many it has
read, and where the first lies on the pipeline's clock, in frames. Signals NOT-RUNNING when the pipeline has
stopped and all was read.")
  (:method ((tap tap) pcm &key timeout)
    (check-floats pcm)
    (cffi:with-pointer-to-vector-data (samples pcm)
      (cffi:with-foreign-objects ((count :size) (position :uint64))
        (call "lw_tap_read" :uint64 (handle tap) :pointer samples :size (floor (length pcm) (channels tap))
              :int64 (wait-of timeout) :pointer count :pointer position)
        (let ((count (cffi:mem-ref count :size)))
          (values count (and (plusp count) (cffi:mem-ref position :uint64))))))))

(defgeneric tap-lost (tap)
  (:documentation "How many frames were lost because they were not read in time.")
  (:method ((tap tap))
    (get-number :uint64 "lw_tap_lost" :uint64 (handle tap))))

(defgeneric tap-fd (tap)
  (:documentation "A file descriptor that is readable while there is PCM. Wait for it, then read with a
timeout of 0 until nothing comes.")
  (:method ((tap tap))
    (get-number :int "lw_tap_fd" :uint64 (handle tap))))

(defgeneric tap-close (tap)
  (:documentation "Frees the tap. Closing it twice is harmless.")
  (:method ((tap tap))
    (call "lw_tap_close" :uint64 (handle tap))
    (values)))
