"""What is Python's own in longwave.py: threads of the library and the interpreter's end, signals, texts and
numbers. And each call once.

    PYTHONPATH=/usr/local/share/longwave/python python3 tests.py
"""

import array
import base64
import contextlib
import io
import math
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
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


class Hls(unittest.TestCase):
    def test_outputs_are_served_as_hls(self):
        output, hls = {"format": "aac", "mount": "/a.aac"}, {"path": "/radio", "segment": "2s"}
        declaration = {"server": {"listen": "127.0.0.1:0"}, "pipeline": [{"output": [output], "hls": [hls]}]}
        with longwave.Station(declaration) as station:
            station.start()
            with station.pipeline() as pipeline:
                (told,) = pipeline.hls()
            self.assertEqual((told["playlist"], told["variants"]), ("/radio/hls.m3u8", ["/a.aac"]))
            url = "http://127.0.0.1:%d/radio/hls.m3u8" % station.server().port
            for _ in range(100):
                with contextlib.suppress(urllib.error.HTTPError):
                    self.assertIn(b"hls/a.aac/live.m3u8?s=", urllib.request.urlopen(url, timeout=20).read())
                    break
                time.sleep(0.1)
            else:
                self.fail("there is no playlist")


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


class Live(OnStation):
    """A DJ wants to go on the air, and the program decides."""

    live = {"path": "/dj", "buffer": "300ms", "fade_in": "100ms", "fade_out": "100ms", "grace": "0s"}

    def setUp(self):
        server = {"listen": "127.0.0.1:0"}
        pipeline = {"dead_air_after": "off", "output": [self.output], "live": [self.live]}
        self.station = longwave.Station({"server": server, "pipeline": [pipeline]})
        self.addCleanup(self.station.close)
        self.pipeline = self.station.pipeline()
        self.addCleanup(self.pipeline.close)

    def connect(self, user, password):
        """A connection of a DJ's program, and the first line of the answer."""
        login = base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
        address = ("127.0.0.1", self.station.server().port)
        source = socket.create_connection(address, timeout=20)
        self.addCleanup(source.close)
        head = "SOURCE /dj HTTP/1.0\r\nAuthorization: Basic %s\r\nContent-Type: audio/mpeg\r\n\r\n" % login
        source.sendall(head.encode())
        return source, source.recv(12)

    def sends(self, source, is_over):
        """Sends a tone, a second of MP3 every second."""
        encoder = longwave.Encoder("format = 'mp3'")
        pcm = array.array("h", [round(9000 * math.sin(n // 2 * 0.1)) for n in range(2 * 44100)])
        while not is_over.is_set():
            try:
                source.sendall(encoder.encode(pcm))
            except OSError:  # it was sent away
                return
            is_over.wait(0.97)

    def test_the_program_decides_who_may_go_live_and_hears_who_is(self):
        asked, events = [], []

        def admit(request):
            asked.append(request)
            if request["user"] == "crash":
                raise KeyError("no more schedules")
            if request["user"] == "nobody":
                return None
            if request["password"] != "right":
                raise longwave.Refused("another password, Änna")
            return "Änna"

        self.pipeline.add_hook(None, events.append)
        self.station.admit_sources(admit)
        self.station.start()

        def refusal(*login):
            source, head = self.connect(*login)
            text = head + source.makefile("rb").read()
            self.assertIn(b" 403", head)
            self.assertNotIn(b"schedules", text)
            return text.decode()

        self.assertIn("another password, Änna", refusal("anna", "wrong"))
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertIn("own code has failed", refusal("crash", "x"))
            self.assertIn("own code has failed", refusal("nobody", "x"))
        self.assertIn("no more schedules", said.getvalue())
        self.assertEqual([asked[0][key] for key in ("path", "user", "password", "address", "content_type")],
                         ["/dj", "anna", "wrong", "127.0.0.1", "audio/mpeg"])
        self.assertEqual(self.station.sources(), [])

        def kinds():
            return [event["kind"] for event in list(events)]

        source, head = self.connect("anna", "right")
        self.assertIn(b" 200", head)
        is_over = threading.Event()
        dj = threading.Thread(target=self.sends, args=(source, is_over))
        dj.start()
        self.addCleanup(is_over.set)
        self.until(lambda: "live-began" in kinds(), "she is on the air")
        self.assertEqual(self.pipeline.live()["source"]["user"], "Änna")
        self.assertEqual([source["user"] for source in self.station.sources()], ["Änna"])
        self.station.update_source_metadata("/dj", "Ein Lied – 歌")
        self.until(lambda: "Ein Lied – 歌" in [live["title"] for live in self.pipeline.live_inputs()], "it has a title")
        self.pipeline.mute_live("/dj")
        self.until(lambda: self.pipeline.live() is None, "she is muted")
        self.pipeline.unmute_live("/dj")
        self.until(lambda: self.pipeline.live(), "she is on again")
        self.assertNotIn("live-ended", kinds())
        self.station.kick_source(self.station.sources()[0]["id"])
        self.until(lambda: "live-ended" in kinds(), "she was sent away")
        is_over.set()
        dj.join()
        self.fails("LW_NOT_FOUND", self.station.kick_source, 99)
        self.fails("LW_NOT_FOUND", self.station.update_source_metadata, "/dj", "Nothing")

        with self.pipeline.go_live("/dj", user="Bób", content_type="audio/mpeg") as brought:
            tone = longwave.Encoder("format = 'mp3'").encode(array.array("h", [0, 0] * 44100))
            self.assertEqual(brought.write(tone), len(tone))
            brought.set_title("Ein Lied")
            self.assertEqual(brought.state()["user"], "Bób")
            self.fails("LW_EXISTS", self.pipeline.go_live, "/dj")
        self.fails("LW_INVALID", self.pipeline.go_live, "/dj", usr="bob")
        self.until(lambda: self.station.sources() == [], "he has gone")

        self.station.admit_sources(lambda request: "another")
        self.assertIn(b" 200", self.connect("bob", "x")[1])
        self.station.admit_sources(None)
        self.assertIn(b" 403", self.connect("anna", "right")[1])

    def test_a_station_ends_while_its_function_decides(self):
        entered, left = threading.Event(), threading.Event()

        def admit(request):
            entered.set()
            time.sleep(0.5)
            left.set()
            return "anna"

        self.station.admit_sources(admit)
        self.station.start()
        client = threading.Thread(target=lambda: self.connect("anna", "right"))
        client.start()
        self.assertTrue(entered.wait(20))
        self.station.close()
        self.assertTrue(left.is_set())
        client.join()

    def test_it_is_too_late_to_decide(self):
        self.station.start()
        self.fails("LW_INVALID", self.station.admit_sources, lambda request: "anna")


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
            self.pipeline.hold_after_current()
            self.until(lambda: self.pipeline.hold_state() == "after-current", "it will be held")
            self.pipeline.hold()
            self.until(lambda: self.pipeline.is_held, "it is held")
            announcement = self.pipeline.announce(os.path.join(folder, "b.wav"))
            sounding = lambda: [(state["id"], state["sounding"]) for state in self.pipeline.announcements()]
            self.until(lambda: sounding() == [(announcement, True)], "it is announced")
            self.pipeline.stop_announcement(announcement)
            self.until(lambda: sounding() == [], "it is over")
            self.fails("LW_NOT_FOUND", self.pipeline.stop_announcement, announcement)
            self.pipeline.stop_announcements()

    def test_orders_say_who_has_the_air(self):
        self.station.start()
        self.assertEqual((self.pipeline.live_inputs(), self.pipeline.forced_air()), ([], None))
        self.pipeline.force_programme()
        self.until(lambda: self.pipeline.forced_air() == "programme", "the programme has the air")
        self.pipeline.release_live()
        self.until(lambda: self.pipeline.forced_air() is None, "priorities decide")
        for order in (self.pipeline.force_live, self.pipeline.mute_live, self.pipeline.unmute_live):
            self.fails("LW_NOT_FOUND", order, "/live")

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

    def test_the_program_is_asked_what_is_next(self):
        with tempfile.TemporaryDirectory() as folder:
            answers = [tone(folder, "a.wav", 10), None, {"file": tone(folder, "b.wav", 10), "title": "Asked"}]
            asked = []

            def choose():
                asked.append(threading.current_thread())
                return answers.pop(0) if answers else 1 / 0  # which is printed, and the playlist goes on

            self.pipeline.on_next_track(choose, within=20)
            self.station.start()
            self.until(lambda: self.pipeline.current_title() == "a", "the first answer is on the air")
            self.until(lambda: len(asked) == 2, "it is asked one track ahead")
            self.pipeline.queue_file(os.path.join(folder, "a.wav"), "Queued")
            self.pipeline.skip()
            self.until(lambda: self.pipeline.current_title() == "Queued", "None is an answer")
            self.pipeline.skip()
            self.until(lambda: self.pipeline.current_title() == "Asked", "an entry is an answer")
            self.pipeline.on_next_track(None)
            count = len(asked)
            self.pipeline.skip()
            self.until(lambda: self.pipeline.current_title() is None, "nothing is next")
            self.assertEqual(len(asked), count)
            self.pipeline.on_next_track(choose)
            self.pipeline.close()
            self.assertFalse(any(thread is threading.main_thread() for thread in asked))

    def test_the_clock_can_be_stepped(self):
        with tempfile.TemporaryDirectory() as folder:
            self.fails("LW_INVALID", self.pipeline.step_clock, 1)
            self.pipeline.use_stepped_clock()
            self.station.start()
            self.pipeline.play_list("all", [tone(folder, "a.wav", 2), tone(folder, "b.wav", 2)], loop=True)
            self.pipeline.step_clock(7)
            self.assertAlmostEqual(self.pipeline.time_on_air(), 7, delta=1)
            self.assertEqual([track["title"] for track in self.pipeline.history()], ["a", "b", "a", "b"])

    def test_settings_change_on_the_air(self):
        self.station.start()
        server = self.station.server()
        self.assertEqual(self.station.pipelines(), ["main"])
        self.pipeline.set_title_format("Radio X: {title}")
        self.assertEqual(self.pipeline.title_format(), "Radio X: {title}")
        self.fails("LW_SETTING", self.pipeline.set_title_format, "{typo}")
        with tempfile.TemporaryDirectory() as folder:
            self.pipeline.set_fades(crossfade=0, fade_in=0.5)
            first, second = self.pipeline.queue_files([tone(folder, "a.wav", 10), tone(folder, "b.wav", 10)])
            self.until(lambda: self.pipeline.current_title() == "Radio X: a", "the title has its format")
            self.assertEqual(self.pipeline.entry(second)["id"], second)
            self.fails("LW_NOT_FOUND", self.pipeline.entry, second + 100)
        self.pipeline.set_title_format(None)
        self.assertIsNone(self.pipeline.title_format())
        self.pipeline.update_output({**self.output, "bitrate": 64, "name": "Other"})
        self.assertEqual(server.mount_info("/a.mp3")["bitrate"], 64)
        server.add_mount({"mount": "/b.mp3", "content_type": "audio/mpeg"})
        server.update_mount({"mount": "/b.mp3", "content_type": "audio/mpeg", "name": "B"})
        self.assertEqual(server.mount_info("/b.mp3")["name"], "B")
        server.reconfigure({"max_listeners": 7})
        self.fails("LW_SETTING", server.reconfigure, {"max_listener": 7})
        self.assertTrue(server.health()["ok"])
        server.expect("/c.mp3")
        server.expect_no_more("/c.mp3")
        other = {"crossfade": "2s", "output": [self.output]}
        report = self.station.reload({"server": {"listen": "127.0.0.1:0"}, "pipeline": [other]})
        self.assertEqual(set(report), {"changed", "restart", "failed"})
        self.fails("LW_SETTING", self.station.reload, {"pipelin": []})
        # It serves no API.
        self.fails("LW_INVALID", self.station.ask, "GET", "/health")

    def test_all_of_the_api_without_a_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            server = {"listen": "127.0.0.1:0", "media_roots": folder}
            station = longwave.Station({"server": server, "pipeline": [{"output": [self.output]}]})
            station.start()
            status, denied = station.ask("POST", "/api/v1/denied", {"address": "192.0.2.1"})
            self.assertEqual((status, denied["address"]), (201, "192.0.2.1"))
            self.assertEqual(station.ask("DELETE", "/api/v1/denied/%d" % denied["id"]), (204, None))
            self.assertEqual(station.ask("GET", "/api/v1/denied"), (200, []))
            self.assertEqual(station.ask("GET", "/nowhere")[1]["code"], "not-found")
            status, metrics = station.ask("GET", "/metrics")
            self.assertTrue(status == 200 and metrics.startswith("# "), metrics[:100])
            station.close()

    def test_a_listener_is_told_of_and_sent_away(self):
        self.station.start()
        server = self.station.server()
        self.assertGreaterEqual(server.fileno(), 0)
        with urllib.request.urlopen("http://127.0.0.1:%d/a.mp3" % server.port, timeout=10) as stream:
            stream.read(1)
            self.until(lambda: server.listeners("/a.mp3"), "it is there")
            listener = server.listeners()[0]
            self.assertEqual(listener["mount"], "/a.mp3")
            self.until(lambda: server.next_event(10)["kind"] == "listener-joined", "it is told")
            server.kick(listener["id"])
            self.until(lambda: server.next_event(10)["kind"] == "listener-left", "its end is told")
        self.fails("LW_NOT_FOUND", server.kick, listener["id"])
        self.fails("LW_NOT_FOUND", server.listeners, "/typo")

    def test_requests_are_answered(self):
        self.station.start()
        server = self.station.server()
        requests = server.take_requests(["/hello", "/shop/"])
        self.addCleanup(requests.close)
        self.assertIsNone(requests.next(0))

        def serve():
            first = requests.next(20)
            first.answer(200, "Hello %s, %s" % (first.parameter("name"), first.header("X-From")), {"X-Own": "yes"})
            second = requests.next(20)
            second.answer(201, second.body + b"|%s %s" % (second.method.encode(), second.segments[1].encode()))
            requests.next(20).close()

        server_thread = threading.Thread(target=serve)
        server_thread.start()
        base = "http://127.0.0.1:%d" % server.port
        with urllib.request.urlopen(urllib.request.Request(base + "/hello?name=Bj%C3%B6rk", headers={"X-From": "Ada"})) as answer:
            self.assertEqual((answer.read().decode(), answer.headers["X-Own"]), ("Hello Björk, Ada", "yes"))
        with urllib.request.urlopen(base + "/shop/a%2Fb", data=b"body") as answer:
            self.assertEqual((answer.status, answer.read()), (201, b"body|POST a/b"))
        with self.assertRaises(urllib.error.HTTPError) as unanswered:
            urllib.request.urlopen(base + "/hello")
        self.assertEqual(unanswered.exception.code, 500)
        unanswered.exception.close()
        server_thread.join()

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
        requests = self.station.server().take_requests("/hello")
        for wait in [self.pipeline.next_event, lambda: full.push_within(silence), requests.next]:
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

    def test_listeners_request_tracks_of_the_library(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "music"))
            for name in ("J\u00f3ga", "Hunter"):
                file = os.path.join(folder, "music", name + ".wav")
                with wave.open(file, "wb") as out:
                    out.setnchannels(1)
                    out.setsampwidth(2)
                    out.setframerate(8000)
                    out.writeframes(bytes(2 * 8000 * 60))
                os.utime(file, (1e9, 1e9))
            declaration = {
                "server": {"listen": "127.0.0.1:0", "history_file": os.path.join(folder, "history")},
                "library": {"folders": os.path.join(folder, "music"), "analyse": False,
                            "database": os.path.join(folder, "library.db")},
                "pipeline": [{"playlist": os.path.join(folder, "music", "Hunter.wav"),
                              "requests": {"per_address": 1, "per_track": "0s"}}],
            }
            with longwave.Station(declaration) as station:
                station.start()
                pipeline = station.pipeline()
                self.until(lambda: pipeline.current_track(), "it is on the air")
                self.until(lambda: station.library_state()["scan"]["state"] == "ended", "it was scanned")
                found = station.library_search("joga")
                self.assertEqual(found["total"], 1)
                track = found["tracks"][0]["id"]
                self.assertEqual(station.library_edit(track, rating=5)["edits"], {"rating": 5})
                self.assertEqual(station.library_edit(track, rating=None)["edits"], {})
                self.assertEqual(station.library_track(track)["file"], found["tracks"][0]["file"])
                station.library_set_playlist("mine", {"ordered": [track]})
                self.assertEqual(station.library_playlist("mine")["ordered"], [track])
                self.assertEqual([one["name"] for one in station.library_playlists()], ["mine"])
                station.library_remove_playlist("mine")
                self.assertEqual(station.library_playlists(), [])
                station.library_pause()
                station.library_resume()
                station.library_start_scan()
                slot = {"name": "News", "at": "daily *:00", "play": found["tracks"][0]["file"]}
                pipeline.set_ingredient("slot", slot)
                self.assertIn("slot News", [one["reason"][:9] for one in pipeline.preview(2)])
                pipeline.remove_ingredient("slot", "News")
                self.assertNotIn("slot News", [one["reason"][:9] for one in pipeline.preview(2)])
                self.fails("LW_NOT_FOUND", pipeline.remove_ingredient, "slot", "News")
                self.fails("LW_SETTING", pipeline.set_ingredient, "slot", {"name": "News"})
                self.fails("LW_INVALID", pipeline.set_ingredient, "show", slot)
                self.assertEqual([one["track"] for one in pipeline.search_requests("jog")], [track])
                taken = pipeline.request(track, "192.0.2.1")
                self.assertEqual((taken["track"], taken["title"]), (track, "J\u00f3ga"))
                self.assertEqual([entry["id"] for entry in pipeline.queue()], [taken["id"]])
                with self.assertRaises(longwave.Error) as refused:
                    pipeline.request(station.library_search("hunter")["tracks"][0]["id"], "192.0.2.1")
                self.assertEqual(refused.exception.name, "LW_LIMIT")
                self.assertIn("try again in", str(refused.exception))
                for wrong in (lambda: pipeline.request(track, "nowhere"), lambda: station.library_track(99)):
                    self.assertRaises(longwave.Error, wrong)
                pipeline.skip()
                self.until(lambda: station.history(), "the first is written down")
                self.assertEqual(station.history(from_="2000-01-01", to="2000-01-31"), [])
                self.assertIn("Hunter.wav", station.report(by="play"))
                then = station.statistics(from_="2000-01-01", to="2000-01-02", step="1h")
                self.assertEqual((then["step"], then["streams"]), (3600, []))

    def test_what_would_be_cut_or_wrapped_is_refused(self):
        for wrong in [
            lambda: self.pipeline.play_file("a.mp3\0b"),
            lambda: self.pipeline.update_metadata("a\0b"),
            lambda: self.pipeline.queue_files(["a\0b"]),
            lambda: self.pipeline.seek(-1),
            lambda: self.pipeline.seek(2**64 + 5),
            lambda: self.pipeline.up_next(-1),
            lambda: self.pipeline.request(2**64 + 5, "192.0.2.1"),
            lambda: self.pipeline.set_volume(-1, 1),
            lambda: longwave.Encoder({"format": "mp3"}, 2**32 + 44100),
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

    def test_the_program_encodes(self):
        made = []

        class Raw:
            header, delay = b"RAW!", 0

            def __init__(self, rate, channels):
                self.channels, self.closed, self.calls = channels, False, 0
                made.append(self)

            def encode(self, pcm):
                self.calls += 1
                if len(made) == 1 and self.calls == 5:
                    raise RuntimeError("on purpose")
                return [(pcm.tobytes(), len(pcm) // self.channels)]

            def close(self):
                self.closed = True

        declaration = {"mount": "/raw", "content_type": "audio/x-float"}
        self.pipeline.add_own_output(declaration, Raw)
        source = self.pipeline.play_input()
        self.addCleanup(source.close)
        source.push(array.array("f", [0.25] * 88200))
        with urllib.request.urlopen("http://127.0.0.1:%d/raw" % self.station.server().port, timeout=10) as stream:
            self.assertEqual(stream.read(4), b"RAW!")
            self.until(lambda: array.array("f", stream.read(4000))[0] == 0.25, "what is mixed is what is sent")
        self.until(lambda: len(made) == 2, "another is opened after a failure")
        self.assertTrue(made[0].closed)
        self.pipeline.remove_output("/raw")
        self.assertTrue(made[1].closed)

        def refuses(rate, channels):
            raise ValueError("no such rate")

        with self.assertRaisesRegex(longwave.Error, "no such rate"):
            self.pipeline.add_own_output(declaration, refuses)
        # With the pipeline, its encoder ends.
        self.pipeline.add_own_output(declaration, Raw)
        self.pipeline.close()
        self.assertTrue(made[-1].closed)

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
