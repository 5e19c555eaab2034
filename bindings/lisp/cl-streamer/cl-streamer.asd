;;;; The interface of cl-streamer over longwave: an application loads these systems instead, and changes nothing else.

(defsystem "cl-streamer"
  :description "The packages cl-streamer and cl-streamer/harmony, over longwave"
  :version "0.1.0"
  :license "MIT OR Apache-2.0"
  :depends-on ("longwave")
  :serial t
  :components ((:file "package")
               (:file "threads")
               (:file "conditions")
               (:file "server")
               (:file "encoder")
               (:file "pipeline")
               (:file "hooks")
               (:file "programme")
               (:file "titles")
               (:file "voices")
               (:file "events")
               (:file "retired"))
  :in-order-to ((test-op (test-op "cl-streamer/tests"))))

;;; The parts that applications name are all in the one system.
(defsystem "cl-streamer/encoder" :depends-on ("cl-streamer"))
(defsystem "cl-streamer/aac-encoder" :depends-on ("cl-streamer"))
(defsystem "cl-streamer/harmony" :depends-on ("cl-streamer"))

(defsystem "cl-streamer/tests"
  :description "What the interface promises"
  :depends-on ("cl-streamer" "longwave/testing")
  :components ((:file "tests"))
  :perform (test-op (operation system)
             (unless (uiop:symbol-call '#:cl-streamer-tests '#:run)
               (error "a test of cl-streamer has failed"))))
