"""What is Python's own in longwave.py: threads of the library and the interpreter's end, signals, texts and numbers. And each
call once.

    PYTHONPATH=/usr/local/share/longwave/python python3 tests.py
"""

import array
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
import wave

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


def tone(folder, name, seconds):
    """A file of 440 Hz."""
    file = os.path.join(folder, name)
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 22050, 0, "NONE", ""))
        second = [round(8000 * math.sin(2 * math.pi * 440 * frame / 22050)) for frame in range(22050)]
        out.writeframes(array.array("h", second).tobytes() * seconds)
    return file


class OnStation(unittest.TestCase):
    output = {"format": "mp3", "mount": "/a.mp3"}

    def setUp(self):
        declaration = {"server": {"listen": "127.0.0.1:0"}, "pipeline": [{"dead_air_after": "off", "output": [self.output]}]}
        self.station = longwave.Station(declaration)
        self.addCleanup(self.station.close)
        self.pipeline = self.station.pipeline()
        self.addCleanup(self.pipeline.close)

    def until(self, condition, what):
        for _ in range(500):
            if condition():
                return
            time.sleep(0.02)
        self.fail("waited in vain until " + what)

    def fails(self, name, function, *arguments, **options):
        with self.assertRaises(longwave.Error) as failure:
            function(*arguments, **options)
        self.assertEqual(failure.exception.name, name, failure.exception)
        self.assertNotEqual(str(failure.exception), "")


class Calls(OnStation):
    def test_what_nobody_has_is_an_error(self):
        self.station.start()
        server = self.station.server()
        for call in [self.pipeline.listener_count, server.listener_count, server.mount_info, server.changed_at,
                     server.remove_mount, self.pipeline.remove_output, self.pipeline.clear_metadata]:
            self.fails("LW_NOT_FOUND", call, "/typo")
        self.assertEqual(self.pipeline.listener_count("/a.mp3"), 0)
        self.assertEqual(server.listener_count(), 0)
        self.fails("LW_NOT_FOUND", self.pipeline.update_metadata, "A", mount="/typo")
        self.fails("LW_NOT_FOUND", self.pipeline.replace_encoder, "/typo", self.output)
        self.fails("LW_NOT_FOUND", self.station.pipeline, "typo")
        self.fails("LW_NOT_FOUND", self.pipeline.remove, 99)
        self.fails("LW_NOT_FOUND", self.pipeline.add_hook, "track-chance", print)
        self.pipeline.stop()
        self.fails("LW_STOPPED", self.pipeline.listener_count, "/typo")

    def test_unknown_keys_are_refused(self):
        self.station.start()
        self.fails("LW_SETTING", longwave.Server, {"lisen": "127.0.0.1:0"})
        self.fails("LW_SETTING", self.pipeline.add_output, {"format": "mp3", "mont": "/b.mp3"})
        self.fails("LW_SETTING", longwave.Encoder, {"format": "mp3", "bitrat": 128})
        for wrong in [
            lambda: self.pipeline.play_list("a", [], crosfade=3),
            lambda: self.pipeline.play_path("a", lop=True),
            lambda: self.pipeline.queue_files([{"file": "a.mp3", "titel": "A"}]),
        ]:
            self.fails("LW_INVALID", wrong)

    def test_the_state_is_told(self):
        self.assertEqual(self.pipeline.name, "main")
        self.assertEqual(self.pipeline.spec(), (44100, 2))
        self.station.start()
        self.assertEqual(self.pipeline.mounts(), ["/a.mp3"])
        server = self.pipeline.server()
        self.assertEqual(server.addresses(), ["127.0.0.1:%d" % server.port])
        self.assertIsNone(self.pipeline.current_title())
        self.assertIsNone(self.pipeline.played())
        with tempfile.TemporaryDirectory() as folder:
            first, second = self.pipeline.queue_file(tone(folder, "a.wav", 10), "First"), None
            self.until(lambda: self.pipeline.current_title() == "First", "the first is on the air")
            # What the queue tells can be queued again.
            self.assertEqual(len(self.pipeline.queue_files(self.pipeline.queue() + [{"file": "x.wav", "title": None}])), 1)
            self.pipeline.clear_queue()
            second = self.pipeline.queue_file(tone(folder, "b.wav", 10))
            third = self.pipeline.queue_file(tone(folder, "c.wav", 10), next=True)
            self.assertNotIn(first, (second, third))
            self.assertEqual([entry["id"] for entry in self.pipeline.queue()], [third, second])
            self.until(lambda: self.pipeline.played() > 0, "it has been played")
            self.assertLess(8, self.pipeline.played() + self.pipeline.remaining())
            self.assertGreater(self.pipeline.time_on_air(), 0)
            voice = self.pipeline.play_voice(os.path.join(folder, "b.wav"))
            self.pipeline.set_volume(voice, 0.25)
            self.until(lambda: [state["volume"] for state in self.pipeline.voices()] == [0.25], "it is quieter")
            self.assertFalse(self.pipeline.is_held)
            self.pipeline.hold()
            self.until(lambda: self.pipeline.is_held, "it is held")

    def test_a_station_is_read_from_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "station.toml")
            with open(file, "w") as out:
                out.write("server.listen = '127.0.0.1:0'\n[[pipeline]]\nname = 'read'")
            with longwave.Station.read(file) as station:
                self.assertEqual(station.pipeline().name, "read")
            self.fails("LW_SETTING", longwave.Station.read, file + ".not")

    def test_the_library_says_what_it_is(self):
        self.assertRegex(longwave.version(), r"^\d+\.\d+\.\d+")
        self.assertGreaterEqual(longwave.abi_version(), 1)
        self.assertIn("licence", longwave.codecs()[0])
        encoder = longwave.Encoder(self.output)
        self.addCleanup(encoder.close)
        self.assertEqual(encoder.content_type, "audio/mpeg")
        self.assertGreater(encoder.delay, 0)

    def test_a_header_comes_before_the_audio(self):
        self.station.start()
        server = self.station.server()
        server.add_mount({"mount": "/raw", "content_type": "audio/x-raw"})
        server.set_header("/raw", b"the header")
        server.write_audio("/raw", bytes(1000))
        with urllib.request.urlopen("http://127.0.0.1:%d/raw" % server.port, timeout=10) as stream:
            self.assertEqual(stream.read(10), b"the header")
        self.fails("LW_NOT_FOUND", server.set_header, "/typo", b"")

    def test_ctrl_c_ends_every_wait(self):
        self.station.start()
        while self.pipeline.next_event(0) is not None:
            pass
        full = self.pipeline.play_input(paused=True)
        silence = array.array("f", bytes(8 * 44100))
        while full.push(silence) > 0:
            pass
        # (A background job of a shell begins with the signal ignored.)
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        for wait in [self.pipeline.next_event, lambda: full.push_within(silence)]:
            timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                while True:
                    wait()
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
            lambda: self.pipeline.set_volume(-1, 1),
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


class Pcm(OnStation):
    def setUp(self):
        super().setUp()
        self.station.start()
        self.tap = self.pipeline.tap()
        self.addCleanup(self.tap.close)

    def heard(self, level):
        """Reads the mix until all of it is at this level; the positions follow each other."""
        due = None
        for _ in range(200):
            pcm, position = self.tap.read(4410, 5)
            self.assertTrue(due is None or position == due or self.tap.lost)
            due = position + len(pcm) // 2
            if pcm and all(abs(sample - level) < 0.01 for sample in pcm):
                return
        self.fail("%s was not heard" % level)

    def test_what_is_pushed_is_in_the_mix(self):
        source = self.pipeline.play_input(volume=0.5)
        self.addCleanup(source.close)
        second = array.array("f", [0.5, -0.5] * 44100)
        for index in range(1, len(second), 2):
            second[index] = 0.5
        self.assertGreater(source.push(second), 0)
        self.heard(0.25)
        self.assertEqual([state["id"] for state in self.pipeline.voices()], [source.voice])
        # A write waits for the mixer: four seconds last two, because two are ahead.
        began = time.monotonic()
        for _ in range(4):
            self.assertEqual(source.push_within(second), 44100)
        self.assertGreater(time.monotonic() - began, 1)
        # It does not wait longer than it should.
        began = time.monotonic()
        taken = source.push_within(second, 0.2) + source.push_within(second, 0.2)
        self.assertLess(taken, 2 * 44100)
        self.assertGreaterEqual(time.monotonic() - began, 0.2)
        self.assertRaises(TypeError, source.push, array.array("h", [1, 2]))
        self.assertRaises(ValueError, source.push, array.array("f", [1, 2, 3]))
        self.pipeline.stop_voice(source.voice)
        self.until(lambda: not self.pipeline.voices(), "it has stopped")
        self.fails("LW_STOPPED", source.push, second)
        source.close()
        self.fails("LW_BAD_HANDLE", source.push, second)

    def test_what_is_written_into_a_pipe_is_in_the_mix(self):
        for format, code, level in [("s16le", "h", 8192), ("f32le", "f", 0.25)]:
            pipe, voice = self.pipeline.play_pipe(format)
            while self.tap.read(44100, 0)[0]:  # what sounded before
                pass
            with pipe:
                pipe.write(array.array(code, [level] * 88200).tobytes())
                self.heard(0.25)
                self.assertEqual([state["id"] for state in self.pipeline.voices()], [voice])
            self.until(lambda: not self.pipeline.voices(), "it has sounded and ended")
        self.fails("LW_INVALID", self.pipeline.play_pipe, "f64le")

    def test_a_pipe_is_full_and_writable_again(self):
        pipe, voice = self.pipeline.play_pipe("s16le")
        self.addCleanup(pipe.close)
        os.set_blocking(pipe.fileno(), False)
        while pipe.write(bytes(65536)) is not None:
            pass
        began = time.monotonic()
        self.assertEqual(select.select([], [pipe], [], 5)[1], [pipe])
        self.assertLess(time.monotonic() - began, 5)
        self.pipeline.stop_voice(voice)
        with self.assertRaises(BrokenPipeError):
            for _ in range(100):
                time.sleep(0.02)
                pipe.write(bytes(65536))

    def test_another_program_writes_into_a_pipe(self):
        pipe, _ = self.pipeline.play_pipe("s16le")
        quarter = "import sys; sys.stdout.buffer.write(b'\\x00\\x20' * 88200)"
        with pipe, subprocess.Popen([sys.executable, "-c", quarter], stdout=pipe):
            pipe.close()
            self.heard(0.25)

    def test_a_tap_waits_loses_and_ends(self):
        self.assertEqual(select.select([self.tap], [], [], 5)[0], [self.tap])
        while self.tap.read(44100, 0)[0]:
            pass
        self.assertEqual(select.select([self.tap], [], [], 0)[0], [])
        self.assertEqual(self.tap.lost, 0)
        self.until(lambda: self.tap.lost > 0, "something is lost")
        self.pipeline.stop()
        with self.assertRaises(longwave.Error) as ended:
            while True:
                self.tap.read(44100)
        self.assertEqual(ended.exception.name, "LW_STOPPED")
        self.fails("LW_STOPPED", self.pipeline.tap)
        self.tap.close()
        self.fails("LW_BAD_HANDLE", self.tap.read, 1)


if __name__ == "__main__":
    unittest.main()
