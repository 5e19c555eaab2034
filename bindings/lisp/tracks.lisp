;;;; The library of a station, what a station has played, and what listeners request.

(in-package #:longwave)

(defgeneric library-state (station)
  (:documentation "How the station's library is doing.")
  (:method ((station station))
    (get-json "lw_library_state" :uint64 (handle station))))

(defgeneric library-search (station words &key most offset)
  (:documentation "Tracks with all these words, the best first: :TRACKS, :TOTAL, :MORE.")
  (:method ((station station) words &key (most 100) (offset 0))
    (with-texts (words)
      (get-json "lw_library_search" :uint64 (handle station) :pointer words
                                    :size (natural most) :size (natural offset)))))

(defgeneric library-track (station track)
  (:documentation "All that is known of the track with this id.")
  (:method ((station station) track)
    (get-json "lw_library_track" :uint64 (handle station) :int64 (natural track 63))))

(defgeneric library-edit (station track &rest changes)
  (:documentation "Changes what a person says of a track: :KIND :JINGLE :RATING 5, or one string of JSON, in
which null takes back what was said. Returns the track.")
  (:method ((station station) track &rest changes)
    (with-texts ((changes (declared changes)))
      (get-json "lw_library_edit" :uint64 (handle station) :int64 (natural track 63) :pointer changes))))

(defgeneric library-start-scan (station)
  (:documentation "Looks through all folders now.")
  (:method ((station station))
    (call "lw_library_start_scan" :uint64 (handle station))
    (values)))

(defgeneric library-pause (station)
  (:documentation "Lets scanning and listening rest.")
  (:method ((station station))
    (call "lw_library_pause" :uint64 (handle station))
    (values)))

(defgeneric library-resume (station)
  (:documentation "Lets scanning and listening go on.")
  (:method ((station station))
    (call "lw_library_resume" :uint64 (handle station))
    (values)))

(defgeneric library-playlists (station)
  (:documentation "The playlists of the library.")
  (:method ((station station))
    (get-json "lw_library_playlists" :uint64 (handle station))))

(defgeneric library-playlist (station name)
  (:documentation "The playlist of this name.")
  (:method ((station station) name)
    (with-texts (name)
      (get-json "lw_library_playlist" :uint64 (handle station) :pointer name))))

(defgeneric library-set-playlist (station name &rest playlist)
  (:documentation "Makes a playlist, or replaces it: :ORDERED '(17 4), or one string of JSON.")
  (:method ((station station) name &rest playlist)
    (with-texts (name (playlist (declared playlist)))
      (call "lw_library_set_playlist" :uint64 (handle station) :pointer name :pointer playlist)
      (values))))

(defgeneric library-remove-playlist (station name)
  (:documentation "Removes a playlist. Its tracks stay.")
  (:method ((station station) name)
    (with-texts (name)
      (call "lw_library_remove_playlist" :uint64 (handle station) :pointer name)
      (values))))

(defgeneric station-history (station &key from to pipeline most)
  (:documentation "What the station has played. :FROM and :TO are days, \"2026-01-31\", or points of time.")
  (:method ((station station) &key from to pipeline (most 1000))
    (with-texts (from to pipeline)
      (get-json "lw_station_history" :uint64 (handle station) :pointer from :pointer to :pointer pipeline
                                     :size (natural most)))))

(defgeneric station-report (station &key from to pipeline by format)
  (:documentation "The text of a report for licensing societies. :BY is \"track\" or \"play\", :FORMAT \"csv\"
or \"json\".")
  (:method ((station station) &key from to pipeline (by "track") (format "csv"))
    (with-texts (from to pipeline by format)
      (get-text "lw_station_report" :uint64 (handle station) :pointer from :pointer to :pointer pipeline
                                    :pointer by :pointer format))))

(defgeneric station-statistics (station &key from to mount step)
  (:documentation "How many listened over time. :STEP is from \"1m\" to \"1d\".")
  (:method ((station station) &key from to mount step)
    (with-texts (from to mount step)
      (get-json "lw_station_statistics" :uint64 (handle station) :pointer from :pointer to :pointer mount
                                        :pointer step))))

(defgeneric pipeline-search-requests (pipeline words &key most)
  (:documentation "Tracks that listeners may request.")
  (:method ((pipeline pipeline) words &key (most 20))
    (with-texts (words)
      (get-json "lw_pipeline_search_requests" :uint64 (handle pipeline) :pointer words
                                              :size (natural most)))))

(defgeneric pipeline-request (pipeline track address)
  (:documentation "Takes the request of a listener at this IP address. Signals LIMIT-REACHED if a limit is.")
  (:method ((pipeline pipeline) track address)
    (with-texts (address)
      (get-json "lw_pipeline_request" :uint64 (handle pipeline) :int64 (natural track 63)
                                      :pointer address))))
