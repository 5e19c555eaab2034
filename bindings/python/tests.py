"""What is Python's own in longwave.py: threads of the library and the interpreter's end, signals, texts and numbers.

    PYTHONPATH=/usr/local/share/longwave/python python3 tests.py
"""

import array
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import longwave

STATION = """
import longwave, os, sys, threading, time
station = longwave.Station({"server": {"listen": "127.0.0.1:0"}, "pipeline": [{"dead_air_after": "off"}]})
pipeline = station.pipeline()
"""


def run(script, **options):
    """A program of its own, to its end."""
    # (From Python 3.12 on, os.fork warns of every thread there is.)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", STATION + script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


class Ending(unittest.TestCase):
    def ends_well(self, script):
        ended = run(script)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return ended.stdout

    def test_a_program_ends_while_its_hooks_hear_everything(self):
        self.ends_well("""
longwave.log_to(lambda *line: None, "debug")
pipeline.add_hook(None, lambda event: None)
station.start()
""")

    def test_a_program_ends_while_a_hook_is_at_work(self):
        self.ends_well("""
began = threading.Event()
def hook(event):
    began.set()
    time.sleep(0.3)
pipeline.add_hook("pipeline-start", hook)
station.start()
began.wait()
""")

    def test_a_child_after_a_fork_ends_in_silence(self):
        self.ends_well("""
pipeline.add_hook(None, lambda event: None)
station.start()
child = os.fork()
if child == 0:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert station.pipeline().is_running
""")

    def test_a_pipeline_keeps_its_station(self):
        said = self.ends_well("""
def made():
    station = longwave.Station({"server": {"listen": "127.0.0.1:0"}, "pipeline": [{"dead_air_after": "off"}]})
    station.start()
    return station.pipeline()
print(made().is_running)
""")
        self.assertEqual(said, "True\n")


class Calls(unittest.TestCase):
    def setUp(self):
        declaration = {"server": {"listen": "127.0.0.1:0"}, "pipeline": [{"dead_air_after": "off"}]}
        self.station = longwave.Station(declaration)
        self.addCleanup(self.station.close)
        self.pipeline = self.station.pipeline()
        self.addCleanup(self.pipeline.close)

    def test_ctrl_c_ends_a_wait_for_events(self):
        self.station.start()
        while self.pipeline.next_event(0) is not None:
            pass
        # (A background job of a shell begins with the signal ignored.)
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            while True:
                self.pipeline.next_event()
        timer.join()

    def test_a_wait_for_events_has_its_time(self):
        self.station.start()
        while self.pipeline.next_event(1) is not None:
            pass
        began = time.monotonic()
        self.assertIsNone(self.pipeline.next_event(0.5))
        self.assertGreaterEqual(time.monotonic() - began, 0.49)

    def test_what_would_be_cut_or_wrapped_is_refused(self):
        for wrong in [
            lambda: self.pipeline.play_file("a.mp3\0b"),
            lambda: self.pipeline.update_metadata("a\0b"),
            lambda: self.pipeline.queue_files(["a\0b"]),
            lambda: self.pipeline.seek(-1),
            lambda: self.pipeline.seek(2**64 + 5),
            lambda: self.pipeline.up_next(-1),
        ]:
            self.assertRaises(ValueError, wrong)
        for wrong in [
            lambda: longwave.Server(b"listen = '127.0.0.1:0'"),
            lambda: self.pipeline.queue_files("abc"),
            lambda: longwave.Encoder({"format": "mp3"}).encode(b"1234"),
        ]:
            self.assertRaises(TypeError, wrong)

    def test_audio_is_counted_in_bytes(self):
        server = longwave.Server({"listen": "127.0.0.1:0"})
        self.addCleanup(server.close)
        server.start()
        server.add_mount({"mount": "/raw", "content_type": "audio/x-raw"})
        self.assertEqual(server.write_audio("/raw", array.array("h", range(100))), 200)
        server.remove_mount("/raw")
        self.assertRaises(longwave.Error, server.remove_mount, "/raw")


if __name__ == "__main__":
    unittest.main()
