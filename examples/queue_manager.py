#!/usr/bin/env python3
"""Keeps ten tracks queued at a Longwave station, in random order, from a folder below its media roots.

    queue_manager.py FOLDER [--name NAME] [--server URL] [--token-file FILE] [--ahead 10]

FOLDER is the path of the files on this machine. NAME is the folder's name at the station, relative to its media root
(without it, FOLDER is the media root). The program follows the station's events and fills the queue whenever a track
begins. The program and the station can be restarted at any time, because the queue is read from the station. It needs the
standard library only.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import time
import urllib.error
import urllib.request

AUDIO = {".mp3", ".flac", ".wav", ".ogg", ".opus", ".m4a", ".aac", ".aiff"}


class Station:
    """The part of the API that is needed here."""

    def __init__(self, server, token, pipeline):
        self.server = server.rstrip("/")
        self.token = token
        self.queue_path = f"/api/v1/pipelines/{pipeline}/queue"

    def open(self, method, path, body=None, headers=(), timeout=30):
        request = urllib.request.Request(self.server + path, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        for name, value in headers:
            request.add_header(name, value)
        return urllib.request.urlopen(request, timeout=timeout)

    def queue(self):
        with self.open("GET", self.queue_path) as answer:
            return json.load(answer)

    def add(self, files):
        with self.open("POST", self.queue_path, {"files": files}) as answer:
            return json.load(answer)

    def events(self, last_id):
        """Yields (id, name, data). Ends when the station stops, or when nothing arrives for too long."""
        headers = [("Accept", "text/event-stream")]
        if last_id:
            headers.append(("Last-Event-ID", last_id))
        # The station sends a comment every 15 seconds.
        with self.open("GET", "/api/v1/events", headers=headers, timeout=40) as stream:
            event = {}
            for line in stream:
                line = line.decode().rstrip("\n")
                if line:
                    key, _, value = line.partition(": ")
                    event[key] = value
                else:
                    if "event" in event:
                        yield event.get("id"), event["event"], json.loads(event["data"])
                    event = {}


def files_in(folder, name):
    """The audio files in a folder, by their names at the station."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO and path.is_file())
    return [str(pathlib.PurePosixPath(name) / path.relative_to(folder).as_posix()) for path in found]


def choose(files, queued, recent):
    """A file that is neither queued nor was played lately, if there is one."""
    fresh = [file for file in files if file not in queued and file not in recent]
    return random.choice(fresh or files)


def fill(station, folder, name, ahead, recent):
    queued = [entry["file"] for entry in station.queue()]
    files = files_in(folder, name)
    if not files:
        print(f"no audio in {folder}", file=sys.stderr)
        return
    wanted = []
    while len(queued) + len(wanted) < ahead:
        file = choose(files, queued + wanted, recent)
        wanted.append(file)
        recent.append(file)
        del recent[: -len(files) // 2]
    if wanted:
        station.add(wanted)
        print("queued " + ", ".join(wanted), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--name", default="", help="the folder's name at the station")
    parser.add_argument("--server", default=os.environ.get("LONGWAVE_SERVER", "http://127.0.0.1:8000"))
    parser.add_argument("--token-file", type=pathlib.Path, help="file with the token (default: the token in LONGWAVE_TOKEN)")
    parser.add_argument("--pipeline", default="main")
    parser.add_argument("--ahead", type=int, default=10)
    args = parser.parse_args()
    recent, last_id = [], None
    while True:
        try:
            # Read again each time, because a station may have another token after a restart.
            token = args.token_file.read_text().strip() if args.token_file else os.environ["LONGWAVE_TOKEN"]
            station = Station(args.server, token, args.pipeline)
            for last_id, event, data in station.events(last_id):
                if event in ("snapshot", "missed") or (
                    event in ("track-change", "nothing-to-play") and data["pipeline"] == args.pipeline
                ):
                    fill(station, args.folder, args.name, args.ahead, recent)
        except urllib.error.HTTPError as error:
            print(f"the station refuses: {error.read().decode(errors='replace')}", file=sys.stderr, flush=True)
        except (OSError, ValueError) as error:
            print(f"no station: {error}", file=sys.stderr, flush=True)
        time.sleep(2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
