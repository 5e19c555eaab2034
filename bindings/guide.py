"""Runs the programs in Python and Lisp of docs/EMBEDDING.md as they stand, but for the port.

    PYTHONPATH=… CL_SOURCE_REGISTRY=… python3 guide.py EMBEDDING.md FOLDER

FOLDER has `music`, a folder, and `jingle.wav`. Each program must print something and end well, with nothing
on its standard error. One that prints an address is on the air there, with MP3 or AAC, until Enter.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def audio_of(url):
    with urllib.request.urlopen(url, timeout=20) as stream:
        first = stream.read(4096)
        return stream.headers["Content-Type"] in ("audio/mpeg", "audio/aac") and b"\xff" in first


def run(language, text, folder):
    """What a program has printed, or an AssertionError."""
    suffix, command = {"python": (".py", [sys.executable]), "lisp": (".lisp", ["sbcl", "--script"])}[language]
    file = os.path.join(folder, "snippet" + suffix)
    with open(file, "w") as out:
        out.write(text.replace("8000", str(free_port())))
    pipe = subprocess.PIPE
    program = subprocess.Popen(command + [file], cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    patience = threading.Timer(120, program.kill)
    patience.start()
    printed, complaints = [], []
    complains = threading.Thread(target=lambda: complaints.extend(program.stderr))
    complains.start()
    for line in program.stdout:
        printed.append(line)
        if url := re.search(r"http://\S+", line):
            assert audio_of(url.group()), f"no audio at {url.group()}"
            program.stdin.write("\n")
            program.stdin.flush()
    status = program.wait()
    complains.join()
    patience.cancel()
    said = "".join(printed)
    assert status == 0 and not complaints, f"status {status}\n{said}{''.join(complaints)}"
    return said


def main(guide, folder):
    with open(guide) as file:
        programs = re.findall(r"^```(python|lisp)\n(.*?)^```", file.read(), re.M | re.S)
    for language, text in programs:
        try:
            said = run(language, text, folder)
            assert said or "asdf:*central-registry*" in text, "it says nothing"
        except AssertionError as failure:
            sys.exit(f"a program of {guide} fails: {failure}\n{text}")
    counts = {language: sum(found == language for found, _ in programs) for language in ("python", "lisp")}
    assert all(counts.values()), counts
    print(f"the guide's programs run: {counts['python']} in Python, {counts['lisp']} in Lisp")


if __name__ == "__main__":
    main(*sys.argv[1:])
