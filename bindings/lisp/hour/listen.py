"""Runs the station in small under a collector that runs every ten milliseconds, and judges it by ear.

    python3 listen.py SECONDS SECONDS-BETWEEN-SESSIONS SCRATCH-FOLDER

Every track is a tone of its own on the left, and another on the right. Each mount has a listener, which keeps
the titles and has ffmpeg decode the audio. In each tenth of a second, what sounds must be what the title
says: both tones at their level, nothing else, and each in the phase of the tenth before, so that a lost block
or a repeated one is noticed. Where the title changes, the tracks before and after may sound. Only a DJ's
session may begin and end with a moment of silence; before it, the tracks that are skipped may be heard. The
audio is in real time, and the memory of the process stays as it is.

It prints a report, and the moments that were wrong. Its status is 1 if there is one.
"""

import cmath
import math
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import wave
from array import array

HERE = os.path.dirname(os.path.abspath(__file__))
TRACKS = 6
DECKS = {0, 1}  # the files that the DJ plays
# Multiples of ten: a tenth of a second has whole periods, so tones do not leak into each other.
TONES = [(400 + 100 * n, 1000 + 100 * n) for n in range(TRACKS)]
LEVEL = 0.4
RATE = 8000  # of what is judged
WINDOW = RATE // 10
STEP = 0.1

# A track that begins or ends within a tenth leaks into the others, by a twentieth at most.
AUDIBLE = 0.1 * LEVEL
LEVEL_TOLERANCE_DB = 1.0
# What is neither tone, against the whole: codecs have some noise, a lost block much more.
IMPURE_DB = -26.0
PHASE_TOLERANCE = 0.3  # radians
# A title comes once a second at most, and belongs to what began before: half a crossfade of a second, the
# delay of a decoder.
EARLY = 1.7
LATE = 0.7
# Before a session, what is skipped may be heard; after it, the programme fades in.
SKIPPED = 4.0
FADE_IN = 2.0
# A session begins when the programme has gone, and ends when a file was opened. The machine may be slow.
SILENCE = 6.0
STALL = 3.0
# From this length on, in seconds, memory is judged: by this much, in MB, it may be more in the end than after
# a sixth.
LONG = 600
GROWTH = 6


def make_music(folder, seconds):
    """Files of different lengths."""
    for number, (left, right) in enumerate(TONES):
        with wave.open(os.path.join(folder, f"song{number}.wav"), "wb") as file:
            file.setparams((2, 2, 44100, 0, "NONE", ""))
            pcm = array("h")
            for frame in range(4410):
                for hz in (left, right):
                    pcm.append(round(32767 * LEVEL * math.sin(2 * math.pi * hz * frame / 44100)))
            file.writeframes(pcm.tobytes() * round(10 * seconds * (1 + number / 10)))


class Listener:
    """One mount: its titles, and what sounds in each tenth of a second."""

    def __init__(self, url):
        self.host, self.port, self.mount = re.match(r"http://([^:/]+):(\d+)(/.*)", url).groups()
        self.titles = []  # (seconds of audio, title)
        self.windows = []  # (audible tracks; level and phase of the loudest, left and right; impurity)
        self.began = self.ended = self.last = time.monotonic()
        self.stall = 0.0
        self.gaps = []  # (time of day, seconds of audio before it, how long nothing came)
        self.seconds = 0.0  # of audio, as its packets say
        self.faults = []
        codec, pipe = self.mount.rsplit(".", 1)[1], subprocess.PIPE
        decode = ["ffmpeg", "-v", "warning", "-probesize", "4096", "-f", codec, "-i", "-"]
        decode += ["-ac", "2", "-ar", str(RATE), "-f", "s16le", "-"]
        self.decoder = subprocess.Popen(decode, stdin=pipe, stdout=pipe, stderr=pipe)
        self.threads = [threading.Thread(target=work) for work in (self.receive, self.hear, self.complain)]
        for thread in self.threads:
            thread.start()

    def receive(self):
        address = (self.host, int(self.port))
        with socket.create_connection(address, 20) as connection, self.decoder.stdin as out:
            connection.sendall(f"GET {self.mount} HTTP/1.0\r\nIcy-MetaData: 1\r\n\r\n".encode())
            stream = connection.makefile("rb")
            metaint = 0
            while line := stream.readline().strip():
                name, _, value = line.decode().lower().partition(":")
                metaint = int(value) if name == "icy-metaint" else metaint
            audio, left = b"", metaint
            while chunk := stream.read(min(left, 2000)):
                now = time.monotonic()
                gap, self.last = now - self.last, now
                self.stall = max(self.stall, gap)
                if gap > 1:
                    self.gaps.append((time.strftime("%H:%M:%S"), self.seconds, gap))
                audio = self.count(audio + chunk)
                out.write(chunk)
                left -= len(chunk)
                if left == 0:
                    left = metaint
                    if size := 16 * ord(stream.read(1) or b"\0"):
                        title = re.search(rb"StreamTitle='(.*?)';", stream.read(size)).group(1).decode()
                        self.titles.append((self.seconds, title))
        self.ended = self.last

    def count(self, audio):
        """Adds the length of whole packets; returns the rest."""
        if self.mount.endswith(".mp3"):
            self.seconds += len(audio) / 16000  # 128 kbit/s
            return b""
        at = 0
        while at + 7 <= len(audio):
            size = (audio[at + 3] & 3) << 11 | audio[at + 4] << 3 | audio[at + 5] >> 5
            if at + size > len(audio):
                break
            at += size
            self.seconds += 1024 / 44100
        return audio[at:]

    def hear(self):
        turns = [[cmath.exp(-2j * math.pi * hz * frame / RATE) for frame in range(WINDOW)]
                 for pair in TONES for hz in pair]
        while len(raw := self.decoder.stdout.read(4 * WINDOW)) == 4 * WINDOW:
            pcm = array("h", raw)
            sides = pcm[0::2], pcm[1::2]
            found = [2 / 32768 / WINDOW * sum(map(complex.__mul__, turn, map(complex, sides[index % 2])))
                     for index, turn in enumerate(turns)]
            power = sum(sample * sample for sample in pcm) / WINDOW / 32768**2
            tones = sum(abs(tone) ** 2 / 2 for tone in found)
            impurity = 10 * math.log10(max(power - tones, 1e-12) / max(power, 1e-9))
            levels = [(abs(found[2 * n]), abs(found[2 * n + 1])) for n in range(TRACKS)]
            phases = [(cmath.phase(found[2 * n]), cmath.phase(found[2 * n + 1])) for n in range(TRACKS)]
            loudest = max(range(TRACKS), key=lambda n: max(levels[n]))
            audible = frozenset(n for n in range(TRACKS) if max(levels[n]) > AUDIBLE)
            self.windows.append((audible, levels[loudest], phases[loudest], impurity))

    def complain(self):
        for line in self.decoder.stderr:
            # It says how it guesses the length of a stream, and where it was cut at the end.
            if not re.search(rb"Estimating duration|invalid new backstep|Could not update timestamps", line):
                self.faults.append("the decoder: " + line.decode().strip())

    def close(self):
        for thread in self.threads:
            thread.join()
        self.decoder.wait()

    def keep(self, file):
        """Writes what was heard, for a look at what was wrong."""
        with open(file, "w") as out:
            out.writelines(f"gap of {gap:.1f} s until {at} after {seconds:.1f} s of audio\n"
                           for at, seconds, gap in self.gaps)
            out.writelines(f"title {title!r} at {since:.2f}\n" for since, title in self.titles)
            for index, (audible, level, phase, impurity) in enumerate(self.windows):
                numbers = " ".join(f"{number:.3f}" for number in (*level, *phase, impurity))
                out.write(f"{index * STEP:.1f} {sorted(audible)} {numbers}\n")

    def judge(self):
        """Counts of tenths of a second, by kind."""
        self.counts = dict.fromkeys(("right", "changing", "session", "silent", "wrong"), 0)
        self.noise, self.longest_silence, silence, before = -99.0, 0, 0, None
        # The first title is that of the burst, which may hold the end of another track.
        first = int((self.titles[0][0] + LATE) / STEP) if self.titles else len(self.windows)
        for index, (audible, level, phase, impurity) in list(enumerate(self.windows))[first:-10]:
            at = index * STEP
            near = self.titles_near(at)
            silence = 0 if audible else silence + 1
            self.longest_silence = max(self.longest_silence, silence)
            if audible - set().union(*map(self.tracks_of, near)):
                kind = f"tracks {sorted(audible)} sound, and the title is {' or '.join(near)}"
            elif not audible:
                allowed = near & {"DJ Lisp", "skipped"} and silence * STEP < SILENCE
                kind = "silent" if allowed else f"silence, and the title is {' or '.join(near)}"
            elif near & {"DJ Lisp", "skipped"}:
                kind = "session"
            elif len(near) > 1:
                kind = "changing"
            else:
                follows = before and before[0] == index - 1
                kind = self.steadily(level, phase, impurity, before[1] if follows else phase)
                before = (index, phase)
            if kind not in self.counts:
                self.faults.append(f"{at:.1f} s: {kind}")
                kind = "wrong"
            self.counts[kind] += 1

    def steadily(self, level, phase, impurity, before):
        """What is to be said of one track that has this level, phase and impurity, and the phase before."""
        off = max(abs(20 * math.log10(max(side, 1e-6) / LEVEL)) for side in level)
        jump = max(abs(cmath.phase(cmath.exp(1j * (now - then)))) for now, then in zip(phase, before))
        if off > LEVEL_TOLERANCE_DB:
            return f"the track is {off:.1f} dB from its level"
        if impurity > IMPURE_DB:
            return f"there is something else, of {impurity:.0f} dB"
        if jump > PHASE_TOLERANCE:
            return f"the track jumps by {jump:.2f} radians"
        self.noise = max(self.noise, impurity)
        return "right"

    def titles_near(self, at):
        """The titles that may be heard at this moment; "skipped" shortly before a session."""
        near = set()
        for (since, title), (until, _) in zip(self.titles, self.titles[1:] + [(math.inf, "")]):
            if since - EARLY <= at <= until + LATE + (FADE_IN if title == "DJ Lisp" else 0):
                near.add(title)
            if title == "DJ Lisp" and since - SKIPPED <= at <= since + LATE:
                near.add("skipped")
        return near

    @staticmethod
    def tracks_of(title):
        song = re.fullmatch(r"song(\d)", title)
        if song:
            return {int(song.group(1))}
        return DECKS if title == "DJ Lisp" else set(range(TRACKS))


def memory(pid):
    """Resident, in MB; the number of threads; open files."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmRSS"].split()[0]) / 1024, int(fields["Threads"]), len(os.listdir(f"/proc/{pid}/fd"))


def main(seconds, pause, scratch):
    music = os.path.join(scratch, "tones")
    os.makedirs(music, exist_ok=True)
    make_music(music, 4 if seconds < LONG else 17)
    environment = {**os.environ, "PAUSE": str(pause), "LISTEN": "127.0.0.1:0", "TMPDIR": scratch}
    command = ["sbcl", "--script", os.path.join(HERE, "station.lisp"), music + "/", str(seconds)]
    station = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=environment)
    said, listeners, samples = [], [], []

    def watch():
        while station.poll() is None:
            try:
                samples.append((time.monotonic(), *memory(station.pid)))
            except (OSError, KeyError):  # it has just ended
                break
            time.sleep(1 if seconds < LONG else 10)

    watcher = threading.Thread(target=watch)
    watcher.start()
    log = open(os.path.join(scratch, "said.txt"), "w")
    for line in station.stdout:
        said.append(line.strip())
        log.write(time.strftime("%H:%M:%S ") + line)
        log.flush()
        if line.startswith("on air"):
            listeners.append(Listener(line.split()[-1]))
    status = station.wait()
    watcher.join()
    with open(os.path.join(scratch, "memory.csv"), "w") as file:
        for at, resident, threads, files in samples:
            file.write(f"{at - samples[0][0]:.0f},{resident:.2f},{threads},{files}\n")
    for listener in listeners:
        listener.close()
        listener.keep(os.path.join(scratch, listener.mount[1:] + ".heard"))
    good = report(said, listeners, samples, seconds) and status == 0
    if status != 0:
        print("\n".join(said[-40:]))
    sys.exit(0 if good else 1)


def report(said, listeners, samples, seconds):
    """Prints what was heard. Whether all is right."""
    sessions = sum(line.startswith("the DJ is at") for line in said)
    collections = sum(int(line.split()[0]) for line in said if line.endswith(" collections"))
    tracks = sum(line.startswith("now: ") for line in said)
    print(f"{tracks} tracks on the main channel, {sessions} sessions, {collections} collections")
    faults = [] if sessions and "a good day" in said else ["it was not a good day"]
    for listener in listeners:
        listener.judge()
        heard, length = len(listener.windows) * STEP, listener.ended - listener.began
        counts = ", ".join(f"{count} {kind}" for kind, count in listener.counts.items())
        print(f"{listener.mount}: {heard:.1f} s heard in {length:.1f} s, {len(listener.titles)} titles; "
              f"tenths of a second: {counts}; silent for {listener.longest_silence * STEP:.1f} s at most, "
              f"no audio for {listener.stall:.1f} s at most, noise {listener.noise:.0f} dB at most")
        # A burst of about four seconds comes first, and what is due at the end.
        if abs(heard - length) > 6:
            listener.faults.append("the audio is not in real time")
        if listener.stall > STALL:
            listener.faults.append("it was not steady")
        if listener.counts["right"] < len(listener.windows) / 20:
            listener.faults.append("too little is right")
        faults += [f"{listener.mount}: {fault}" for fault in listener.faults]
    resident = [sample[1] for sample in samples]
    sixth = len(resident) // 6
    early, late = statistics.median(resident[sixth:2 * sixth]), statistics.median(resident[-sixth:])
    print(f"memory: {early:.1f} MB early, {late:.1f} MB late, {max(resident):.1f} MB at most; "
          f"{max(sample[2] for sample in samples)} threads, "
          f"{max(sample[3] for sample in samples)} files at most")
    if seconds >= LONG and late > early + GROWTH:
        faults.append("memory grows")
    for fault in faults[:60]:
        print(f"WRONG {fault}")
    print(f"{len(faults)} wrong" if faults else "all is right")
    return not faults


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
