;;;; Longwave in Common Lisp: a CLOS protocol over liblongwave.

(defsystem "longwave"
  :description "An internet radio station in a Lisp image: files in, MP3 and AAC out, to listeners over HTTP/ICY"
  :version "0.1.0"
  :license "MIT OR Apache-2.0"
  :depends-on ("cffi")
  :serial t
  :components ((:file "package")
               (:file "json")
               (:file "library")
               (:file "server")
               (:file "pipeline")
               (:file "hooks")
               (:file "station")
               (:file "tracks")
               (:file "sources")
               (:file "voices")
               (:file "live")
               (:file "pcm")
               (:file "encoder")
               (:file "own-encoder")
               (:file "requests")
               (:file "log")
               (:file "keys"))
  :in-order-to ((test-op (test-op "longwave/tests"))))

(defsystem "longwave/testing"
  :description "What tests of this and of cl-streamer share"
  :components ((:file "testing")))

(defsystem "longwave/tests"
  :description "What the binding promises"
  :depends-on ("longwave" "longwave/testing")
  :components ((:file "tests"))
  :perform (test-op (operation system)
             (unless (uiop:symbol-call '#:longwave-tests '#:run)
               (error "a test of longwave has failed"))))
