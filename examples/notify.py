#!/usr/bin/env python3
"""Tells somebody when a Longwave station is in trouble, and when the trouble is over: by mail, or by a webhook
of a chat program.

    notify.py --webhook URL [--server URL] [--token-file FILE] [--after 10] [--live]
    notify.py --mail TO [--from FROM] [--smtp HOST[:PORT]] …

Trouble is what the station's /health calls a problem (dead air, an encoder that fails, a mixer that is
behind), and a station that does not answer. What is over within --after seconds is not told. With a token of
the role viewer, events make it quicker, and more is told: files that cannot be played (together, once an hour
at most), recordings that fail and go on, DJs who are refused, and DJs whose line or program breaks. With
--live, all DJs are told of: who goes on the air, who was on the air, and whose time is nearly over. A webhook
gets {"text": …, "content": …}, which Slack, Mattermost, Rocket.Chat and Discord understand; with --plain it
gets the text alone, as ntfy wants it. Needs the standard library only.
"""

import argparse
import email.message
import http.client
import json
import os
import pathlib
import queue
import smtplib
import sys
import threading
import time
import urllib.error
import urllib.request

# The station is looked at as often as this anyway, in seconds.
LOOK_EVERY = 15
# These events make it sooner.
SOONER = set(
    "snapshot pipeline-start pipeline-stop track-failed nothing-to-play dead-air-begins dead-air-ends "
    "encoder-failed encoder-recovered audio-unreadable audio-readable mixer-behind mixer-recovered".split()
)
# Files that could not be played are told together.
FILES_EVERY = 3600
MOST_FILES = 20
# What is told of DJs and recordings waits if it cannot be told, up to so much of it.
MOST_NEWS = 100
# A DJ who leaves like this did not mean to.
BROKEN = {
    "broken": "the line or the program broke",
    "silent": "nothing came any more",
    "useless": "what came could not be played",
}
# What a network or the other side may do.
FAULTS = (OSError, ValueError, KeyError, TypeError, http.client.HTTPException, smtplib.SMTPException)


class Station:
    """The part of the API that is needed here."""

    def __init__(self, server, token_file):
        self.server = server.rstrip("/")
        self.token_file = token_file

    def open(self, path, timeout):
        request = urllib.request.Request(self.server + path)
        if self.token_file:
            # Read again each time, because a station may have another token after a restart.
            request.add_header("Authorization", f"Bearer {self.token_file.read_text().strip()}")
        return urllib.request.urlopen(request, timeout=timeout)

    def problems(self):
        """What is wrong now, in sentences."""
        try:
            with self.open("/api/v1/health" if self.token_file else "/health", timeout=10) as answer:
                return sentences(json.load(answer))
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return [f"it refuses to say how it is: {error}"]
            # With problems, or because it starts or stops.
            try:
                return sentences(json.load(error)) or ["it starts or stops"]
            except FAULTS:
                return ["it starts or stops"]
        except FAULTS as error:
            return [f"it does not answer: {error}"]

    def events(self):
        """Yields (name, data). Ends when the station stops, or when nothing arrives for too long."""
        # The station sends a comment every 15 seconds.
        with self.open("/api/v1/events", timeout=40) as stream:
            event = {}
            for line in stream:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key:
                    event[key] = value
                else:
                    if "event" in event:
                        yield event["event"], json.loads(event["data"])
                    event = {}


def sentences(health):
    def name(finding):
        return f"{finding['pipeline']}: " if finding["pipeline"] else ""

    return [name(finding) + finding["problem"] for finding in health["problems"]]


def news(event, data, live):
    """What an event tells of DJs and recordings, or None. `live`: also what is as it should be."""
    source = data.get("source", data)
    who = f"{source.get('user') or 'somebody'} at {source.get('path')}"
    if event == "recording-failed":
        return f"{data['path']} is not recorded: {data['reason']}"
    if event == "recording-began" and data["lost"]:
        return f"{data['path']} is recorded again, into {data['file']}; {data['lost']} packets are missing"
    if event == "source-refused":
        return f"{who} was refused: {data['reason']}"
    if event == "live-ended" and (live or data["reason"] in BROKEN):
        why = BROKEN.get(data["reason"], data["reason"])
        return f"{who} was on the air for {round(data['lasted'])} s: {why}"
    if event == "live-began" and live:
        return f"{who} is on the air"
    if event == "live-ends-soon" and live:
        return f"{who} has time until {data['until']}"
    return None


def follow(station, events, live):
    """Passes on what happens, for ever. The stream's beginning is an event, and so is its end."""
    while True:
        try:
            for event, data in station.events():
                if event in SOONER or news(event, data, live):
                    events.put((event, data))
        except FAULTS as error:
            print(f"no events: {error}", file=sys.stderr, flush=True)
        events.put(("end", {}))
        time.sleep(2)


class Trouble:
    """What is wrong, since when, and whether that was told."""

    def __init__(self, since):
        self.since = since
        self.problems = []
        self.told = False


class Watch:
    """Decides what is told, and when."""

    def __init__(self, tell, after, live, now):
        self.tell = tell
        self.after = after
        self.live = live
        self.news = []
        self.trouble = None
        self.files, self.files_told = [], now - FILES_EVERY

    def look(self, problems, now):
        if problems:
            self.is_wrong(problems, now)
        elif self.trouble:
            self.is_well(now)
        while self.news and self.tell(self.news[0]):
            del self.news[0]
        if self.files and now - self.files_told >= FILES_EVERY:
            more = len(self.files) - MOST_FILES
            listed = self.files[:MOST_FILES] + ([f"and {more} more"] if more > 0 else [])
            if self.tell("Files that could not be played:\n" + "\n".join(listed)):
                self.files, self.files_told = [], now

    def is_wrong(self, problems, now):
        trouble = self.trouble = self.trouble or Trouble(now)
        trouble.problems = problems
        if not trouble.told and now - trouble.since >= self.after:
            trouble.told = self.tell("The station is in trouble: " + "; ".join(problems))

    def is_well(self, now):
        lasted, problems = round(now - self.trouble.since), "; ".join(self.trouble.problems)
        # If that cannot be told, it is tried again.
        if not self.trouble.told or self.tell(f"The station is well again, after {lasted} s: {problems}"):
            self.trouble = None

    def due(self, now):
        """When to look again although nothing happens."""
        if self.trouble and now < self.trouble.since + self.after:
            return min(self.trouble.since + self.after, now + LOOK_EVERY)
        return now + LOOK_EVERY

    def hear(self, event, data):
        if event == "track-failed":
            self.files.append(f"{data['file']}: {data['reason']}")
        told = news(event, data, self.live)
        if told and len(self.news) < MOST_NEWS:
            self.news.append(told)


def by_webhook(url, plain):
    def tell(text):
        body = text.encode() if plain else json.dumps({"text": text, "content": text}).encode()
        request = urllib.request.Request(url, data=body, method="POST")
        request.add_header("Content-Type", "text/plain; charset=utf-8" if plain else "application/json")
        urllib.request.urlopen(request, timeout=20).close()

    return tell


def by_mail(to, sender, smtp):
    host, _, port = smtp.partition(":")

    def tell(text):
        mail = email.message.EmailMessage()
        mail["To"], mail["From"], mail["Subject"] = to, sender, "Longwave: " + text.partition("\n")[0][:150]
        mail.set_content(text)
        with smtplib.SMTP(host, int(port or 25), timeout=20) as server:
            server.send_message(mail)

    return tell


def tells(ways):
    """Tells by each way. True if one of them works."""

    def tell(text):
        print(text, flush=True)
        worked = False
        for way in ways:
            try:
                way(text)
                worked = True
            except FAULTS as error:
                print(f"cannot tell it: {error}", file=sys.stderr, flush=True)
        return worked

    return tell


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--server", default=os.environ.get("LONGWAVE_SERVER", "http://127.0.0.1:8000"))
    parser.add_argument("--token-file", type=pathlib.Path, help="file with a token of the role viewer")
    parser.add_argument("--after", type=float, default=10, metavar="S", help="shorter trouble is not told")
    parser.add_argument("--live", action="store_true", help="all DJs who come and go are told, too")
    parser.add_argument("--webhook", metavar="URL")
    parser.add_argument("--plain", action="store_true", help="the webhook takes text, not JSON")
    parser.add_argument("--mail", metavar="TO")
    parser.add_argument("--from", dest="sender", default="longwave@localhost")
    parser.add_argument("--smtp", default="localhost", metavar="HOST[:PORT]")
    args = parser.parse_args()
    ways = [by_webhook(args.webhook, args.plain)] if args.webhook else []
    ways += [by_mail(args.mail, args.sender, args.smtp)] if args.mail else []
    if not ways:
        parser.error("say whom to tell: --webhook URL or --mail TO")
    station, events = Station(args.server, args.token_file), queue.Queue()
    if args.token_file:
        threading.Thread(target=follow, args=(station, events, args.live), daemon=True).start()
    watch = Watch(tells(ways), args.after, args.live, time.monotonic())
    while True:
        watch.look(station.problems(), time.monotonic())
        now = time.monotonic()
        try:
            watch.hear(*events.get(timeout=watch.due(now) - now))
            # What else happens at this moment is heard before the next look.
            time.sleep(0.5)
            while True:
                watch.hear(*events.get_nowait())
        except queue.Empty:
            pass


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
