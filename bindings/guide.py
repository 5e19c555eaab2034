"""Compiles and runs the programs of docs/EMBEDDING.md as they stand, but for the port.

    PKG_CONFIG_PATH=… CMAKE_PREFIX_PATH=… LD_LIBRARY_PATH=… PYTHONPATH=… CL_SOURCE_REGISTRY=… \
        python3 guide.py EMBEDDING.md FOLDER

FOLDER has `music`, a folder of tones of 220 and 275 Hz, and `jingle.wav`, one of 900 Hz. C and C++ are
compiled by the guide's own command, the first program in C by its CMakeLists.txt, too, and Rust by Cargo with
the dependencies of the guide, into the repository's target folder. No compiler may complain. Each program
must print something and end well, with nothing on its standard error. One that prints an address is on the
air there until Enter: with a title, and with one of the tones.
"""

import cmath
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(REPOSITORY, "target"))
WARNINGS = " -Wall -Wextra -Werror -pedantic"
RATE = 8000
TONES = (220, 275, 900)
LANGUAGES = {"rust": "Rust", "c": "C", "cpp": "C++", "python": "Python", "lisp": "Lisp"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listen(url):
    """The title of a stream, and how strong each of the tones is in the first second of it that sounds."""
    audio, title = b"", ""
    request = urllib.request.Request(url, headers={"Icy-MetaData": "1"})
    with urllib.request.urlopen(request, timeout=20) as stream:
        while len(audio) < (32_000 if title else 300_000):
            audio += stream.read(int(stream.headers["icy-metaint"]))
            block = stream.read(16 * stream.read(1)[0]).decode()
            if block:
                title = re.match("StreamTitle='(.*?)';", block).group(1)
    decode = ["ffmpeg", "-v", "error", "-i", "-", "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
    pcm = memoryview(subprocess.run(decode, input=audio, stdout=subprocess.PIPE).stdout).cast("f")
    began = next((at for at, sample in enumerate(pcm) if abs(sample) > 0.02), 0)
    pcm = pcm[began:began + RATE]
    return title, {tone: strength(pcm, tone) for tone in TONES}


def strength(pcm, tone):
    turn = cmath.exp(-2j * cmath.pi * tone / RATE)
    return 2 * abs(sum(sample * turn ** at for at, sample in enumerate(pcm))) / len(pcm)


class Guide:
    """The guide's programs, and the folder in which they are compiled and run."""

    def __init__(self, path, folder):
        with open(path) as file:
            self.text = file.read()
        self.folder = folder
        self.programs = re.findall(r"^```(rust|c|cpp|python|lisp)\b.*\n((?s:.*?))^```", self.text, re.M)

    def line(self, pattern):
        return re.search(f"^{pattern}.*$", self.text, re.M).group()

    def block(self, kind, beginning):
        return re.search(rf"^```{kind}\n({beginning}(?s:.*?))^```", self.text, re.M).group(1)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def make(self, command, folder=""):
        """Runs a compiler, which must say nothing."""
        made = subprocess.run(command, shell=True, cwd=os.path.join(self.folder, folder), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert made.returncode == 0 and not made.stdout, f"{command}\n{made.stdout}"

    def command(self, language, program):
        """Compiles a program, and returns how it is run."""
        # A pipe gets the lines of C when they are written, as a terminal does.
        run = ["stdbuf", "-oL", "./station"]
        if language == "python":
            return [sys.executable, self.write("station.py", program)]
        if language == "lisp":
            return ["sbcl", "--script", self.write("station.lisp", program)]
        if language == "c":
            self.write("station.c", program)
            self.make(self.line(r"cc station\.c") + WARNINGS)
        if language == "cpp":
            self.write("station.cpp", program)
            self.make(self.line(r"c\+\+ .*station\.cpp") + WARNINGS)
        if language == "rust":
            self.write("rust/src/main.rs", program)
            self.make("cargo build --quiet --offline", "rust")
            run = [os.path.join(TARGET, "debug", "longwave-guide")]
        return run

    def prepare_rust(self):
        """A package with the guide's dependencies, else like the repository, whose build it shares."""
        with open(os.path.join(REPOSITORY, "Cargo.toml")) as file:
            profiles = re.search(r"^\[profile\.dev\](?s:.*?)(?=^\[profile\.rel)", file.read(), re.M).group()
        dependencies = self.block("toml", r"\[dependencies\]").replace("../longwave", REPOSITORY)
        package = '[package]\nname = "longwave-guide"\nedition = "2024"\n'
        self.write("rust/Cargo.toml", "\n".join([package, dependencies, profiles]))
        with open(os.path.join(REPOSITORY, "Cargo.lock")) as file:
            self.write("rust/Cargo.lock", file.read())
        os.environ["CARGO_TARGET_DIR"] = TARGET

    def prepare_cmake(self):
        """How the program in C that was written last is run after CMake has built it."""
        self.write("CMakeLists.txt", self.block("cmake", ""))
        self.make("cmake -S . -B cmake >cmake.log && cmake --build cmake >>cmake.log")
        return ["stdbuf", "-oL", "cmake/station"]

    def run(self, command):
        """What a program has printed, or an AssertionError."""
        pipe = subprocess.PIPE
        program = subprocess.Popen(command, cwd=self.folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        patience = threading.Timer(120, program.kill)
        patience.start()
        printed, complaints = [], []
        complains = threading.Thread(target=lambda: complaints.extend(program.stderr))
        complains.start()
        for line in program.stdout:
            printed.append(line)
            if url := re.search(r"http://\S+", line):
                title, tones = listen(url.group())
                assert title and max(tones.values()) > 0.03, f"{url.group()} has the title {title!r}, {tones}"
                program.stdin.write("\n")
                program.stdin.flush()
        status = program.wait()
        complains.join()
        patience.cancel()
        said = "".join(printed)
        assert status == 0 and not complaints, f"status {status}\n{said}{''.join(complaints)}"
        return said


def main(path, folder):
    guide = Guide(path, folder)
    guide.prepare_rust()
    counts = dict.fromkeys(LANGUAGES, 0)
    for language, program in guide.programs:
        try:
            said = guide.run(guide.command(language, program.replace("8000", str(free_port()))))
            # That one is a line for the beginning of others.
            assert said or "asdf:*central-registry*" in program, "it says nothing"
            if language == "c" and not counts["c"]:
                guide.run(guide.prepare_cmake())
        except AssertionError as failure:
            sys.exit(f"a program of {path} fails: {failure}\n{program}")
        counts[language] += 1
    assert all(counts.values()), counts
    said = ", ".join(f"{count} in {LANGUAGES[language]}" for language, count in counts.items())
    print(f"the guide's programs run: {said}")


if __name__ == "__main__":
    main(*sys.argv[1:])
