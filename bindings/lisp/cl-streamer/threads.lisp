;;;; What is needed of threads, in SBCL and in ECL.

(in-package #:cl-streamer)

(defun start-thread (name function)
  #+sbcl (sb-thread:make-thread function :name name)
  #+ecl (mp:process-run-function name function))

(defun this-thread ()
  #+sbcl sb-thread:*current-thread*
  #+ecl mp:*current-process*)

(defun join-thread (thread)
  #+sbcl (sb-thread:join-thread thread :default nil)
  #+ecl (mp:process-join thread))

(defun make-lock ()
  #+sbcl (sb-thread:make-mutex :name "pipeline")
  #+ecl (mp:make-lock :name "pipeline" :recursive t))

(defmacro with-lock ((lock) &body body)
  "Runs BODY while this thread, and no other, has the lock. It may have it already."
  #+sbcl `(sb-thread:with-recursive-lock (,lock) ,@body)
  #+ecl `(mp:with-lock (,lock) ,@body))

#-(or sbcl ecl) (error "cl-streamer over longwave runs in SBCL and in ECL. Threads of others belong into threads.lisp.")
