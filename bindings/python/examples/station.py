"""A station in Python: plays a folder for so many seconds, with events by select and the voice of this program over it.

    PYTHONPATH=/usr/local/share/longwave/python python3 station.py ~/Music 60
"""

import os
import select
import sys
import time

import longwave


def say(line):
    """Prints a line in one piece: hooks are called on another thread, and `print` writes its end by itself."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(music, seconds):
    station = longwave.Station({
        "server": {"listen": os.environ.get("LISTEN", "127.0.0.1:8000")},
        "pipeline": [{"name": "python", "output": [
            {"format": "mp3", "mount": "/radio.mp3", "name": "Radio Python"},
            {"format": "aac", "mount": "/radio.aac"},
        ]}],
    })
    pipeline = station.pipeline("python")
    pipeline.add_hook("track-change", lambda event: say("now: " + event["track"]["title"]))
    station.start()
    pipeline.play_path(music, loop=True, crossfade=1)
    port = station.server().port
    for mount in ["/radio.mp3", "/radio.aac"]:
        say(f"on air  http://127.0.0.1:{port}{mount}")

    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([pipeline], [], [], left)[0]:
            event = pipeline.next_event(0)
            say("event: " + event["kind"])
            if event["kind"] == "track-change":
                pipeline.update_metadata(event["track"]["title"] + " on Radio Python")
    say(f"{pipeline.listener_count()} listeners; {', '.join(pipeline.health()['problems']) or 'all is well'}")
    pipeline.close()
    station.close()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
