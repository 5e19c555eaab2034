//! A DJ's program is killed, its line is cut, the station is reloaded meanwhile: a real program, a real line
//! and the real clock, judged by ear. `live_phases.rs` of the station's tests has what needs none of them.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use longwave::{
    Api, Config, Entry, Event, EventReceiver, LiveState, Mp3Settings, PcmSpec, Place, RelayedMountSettings,
    Role, Station, StationEvent, StationSettings, UserLimits, Users,
};
use longwave_testing::ear::Heard;
use longwave_testing::radio::{mono, output};
use longwave_testing::sound::{sine, wav};
use longwave_testing::tap::Tap;
use longwave_testing::tools::run;
use longwave_testing::{log_lines, long, until};
use tempfile::TempDir;

/// What the pipeline mixes, so that minutes of it are small.
const SPEC: PcmSpec = mono(22_050);
const RATE: f64 = 22_050.0;
const PROGRAMME: f64 = 300.0;
const LIVE: f64 = 700.0;
const AMPLITUDE: f64 = 0.3;
const PASSWORD: &str = "correct horse";

/// Both tones have corners of -52 dB at most.
const SHARPEST_DB: f64 = -42.0;
const LONGEST_GAP: f64 = 0.05;

/// How often each case is played.
fn times() -> u64 {
    if long() { 10 } else { 2 }
}

/// One show at a time reads what is logged. (Each test has a process of its own with nextest, and not with
/// `cargo test`.)
static ALONE: Mutex<()> = Mutex::new(());

/// A station whose programme is a tone, with a live input at `/live` for `anna`, and a tap on what it mixes.
struct Show {
    station: Station,
    api: Api,
    address: SocketAddr,
    settings: StationSettings,
    events: EventReceiver<StationEvent>,
    tap: Tap,
    folder: TempDir,
    /// From here on the programme is heard.
    from: f64,
    /// Who is heard at a time, by their pitch.
    heard: Vec<(f64, f64)>,
    random: fastrand::Rng,
    _alone: MutexGuard<'static, ()>,
}

impl Show {
    fn start(address: IpAddr) -> Show {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        log_lines::keep();
        let folder = tempfile::tempdir().unwrap();
        let mut users = Users::default();
        users.add("anna", Role::Source, PASSWORD).unwrap();
        users.write(&folder.path().join("users")).unwrap();
        let file = folder.path().join("station.toml");
        let text = format!(
            "[server]\nlisten = '{address}:0'\nusers_file = 'users'\n\
             [[pipeline]]\nsample_rate = 22050\nchannels = 1\n\
             [[pipeline.live]]\nbuffer = '1s'\nfade_in = '500ms'\nfade_out = '500ms'\ngrace = '3s'\nafter_live = 'resume'\n\
             [[pipeline.output]]\nformat = 'mp3'\nmount = '/radio.mp3'\n"
        );
        fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let mut settings = StationSettings::from(config.clone());
        let tap = Tap::default();
        settings.pipelines[0].outputs = vec![tap.output("/ear")];
        let station = Station::start(settings.clone()).unwrap();
        let api = Api::start_reloadable(&station, config, &file).unwrap();
        let events = station.server().subscribe(10_000).unwrap();
        let address = station.server().local_addrs()[0];
        let programme = folder.path().join("programme.wav");
        let sound = sine(SPEC, PROGRAMME, AMPLITUDE, 22_050 * if long() { 300 } else { 60 });
        let programme = Entry::new(wav(&programme, SPEC, &sound));
        station.pipelines()[0].queue_files(vec![programme], Place::End).unwrap();
        let random = fastrand::Rng::with_seed(21);
        let (from, heard) = (0.0, Vec::new());
        let mut show =
            Show { _alone: alone, station, api, address, settings, events, tap, folder, from, heard, random };
        until("the programme begins", || show.station.pipelines()[0].current_track().is_some());
        // The encoder may be a job behind what is told.
        show.pass(0.5);
        show.from = show.now();
        show.pass(0.5);
        show
    }

    fn now(&self) -> f64 {
        self.tap.frames() as f64 / RATE
    }

    /// So much sound goes by.
    fn pass(&self, seconds: f64) {
        let end = self.now() + seconds;
        until("sound goes by", || self.now() > end);
    }

    /// Only this tone is heard now.
    fn hears(&mut self, hz: f64) {
        self.heard.push((self.now(), hz));
    }

    fn state(&self) -> LiveState {
        self.station.pipelines()[0].live_inputs()[0].state
    }

    fn until_state(&self, state: LiveState) {
        until(&format!("it is {}", state.as_str()), || self.state() == state);
    }

    /// Starts ffmpeg, which sends a tone at its pace. `prefix`: what runs it.
    fn dj(&self, prefix: &[String]) -> Program {
        let file = tone(self.folder.path());
        let mut words: Vec<String> = prefix.to_vec();
        words.extend("ffmpeg -v error -nostdin -re -i".split(' ').map(str::to_owned));
        words.push(file.to_str().unwrap().into());
        words.extend(
            "-c copy -f mp3 -write_xing 0 -id3v2_version 0 -flush_packets 1".split(' ').map(str::to_owned),
        );
        words.extend("-content_type audio/mpeg".split(' ').map(str::to_owned));
        words.push(format!("icecast://anna:correct%20horse@{}/live", self.address));
        let mut ffmpeg = Command::new(&words[0]);
        Program(ffmpeg.args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// The kinds of the events on live inputs and sources since the last call, once the last one is there.
    #[track_caller]
    fn told(&self, told: &[&str]) {
        assert_eq!(self.kinds(told.len()), told);
    }

    /// The kinds of at least so many events.
    fn kinds(&self, count: usize) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        let since = Instant::now();
        while kinds.len() < count && since.elapsed() < longwave_testing::PATIENCE {
            let Some(event) = self.events.recv_timeout(Duration::from_millis(100)) else { continue };
            let kind = event.event.kind().as_str();
            kinds.extend(Some(kind).filter(|kind| kind.starts_with("live") || kind.starts_with("source")));
        }
        let more = std::iter::from_fn(|| self.events.try_recv());
        kinds.extend(
            more.filter(|event| matches!(event.event, Event::LiveEnded { .. })).map(|_| "live-ended"),
        );
        kinds
    }

    /// A line of the log says so, since the last call.
    #[track_caller]
    fn logged(&self, parts: &[&str]) {
        until("the log tells of it", || parts.iter().all(|part| !log_lines::with(part).is_empty()));
        log_lines::clear();
    }

    fn judge(self, case: &str) {
        let Show { station, api, tap, from, heard: expected, .. } = self;
        api.stop();
        assert_eq!(station.stop().abandoned, Vec::<String>::new());
        let heard = Heard::new(&tap.samples(), SPEC);
        let own = 20.0 * AMPLITUDE.log10();
        for (at, hz) in &expected {
            // The encoder may be a job ahead of what is told.
            let range = heard.at(at - 0.2)..heard.at(at - 0.1);
            for tone in [PROGRAMME, LIVE] {
                let level = heard.level_db(0, range.clone(), tone) - own;
                match tone == *hz {
                    true => assert!(level.abs() < 0.5, "{tone} Hz at {at} s: {level} dB"),
                    false => assert!(level < -40.0, "{tone} Hz at {at} s: {level} dB"),
                }
            }
        }
        let range = heard.at(from)..heard.at(expected.last().unwrap().0);
        let sharpest = heard.sharpest_db(0, range.clone());
        assert!(sharpest < SHARPEST_DB, "something clicks: {sharpest} dB");
        let windows =
            range.clone().step_by(heard.at(0.005)).take_while(|at| at + heard.at(LONGEST_GAP) <= range.end);
        let levels = windows.map(|at| heard.rms_db(0, at..at + heard.at(LONGEST_GAP)));
        let quietest = levels.fold(f64::INFINITY, f64::min);
        assert!(quietest > -30.0, "a gap of 50 ms: {quietest} dB");
        println!("{case}: {} times; quietest 50 ms {quietest:.1} dB, sharpest {sharpest:.1} dB", times());
    }
}

/// A minute of the DJ's tone, in a file of MP3.
fn tone(folder: &Path) -> PathBuf {
    let file = folder.join("tone.mp3");
    if !file.exists() {
        let sound = wav(&folder.join("tone.wav"), SPEC, &sine(SPEC, LIVE, AMPLITUDE, 22_050 * 60));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(&sound).args(["-ar", "44100", "-b:a", "128k"]);
        run(ffmpeg.arg(&file), &[]);
    }
    file
}

/// A program that is killed at the latest when its test is over.
struct Program(Child);

impl Program {
    /// As `kill -9` does.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const ON_AIR: [&str; 3] = ["source-connected", "live-began", "live-title"];
const OVER: [&str; 2] = ["live-ended", "source-left"];

#[test]
fn a_program_that_is_killed_gives_back_the_air() {
    let mut show = Show::start("127.0.0.1".parse().unwrap());
    for _ in 0..times() {
        let mut dj = show.dj(&[]);
        show.until_state(LiveState::OnAir);
        let phase = 1.0 + show.random.f64() * 0.5;
        show.pass(phase);
        show.hears(LIVE);
        show.told(&ON_AIR);
        show.logged(&["/live: anna is on the air"]);
        dj.kill();
        show.until_state(LiveState::Interrupted);
        show.pass(1.2);
        show.hears(PROGRAMME);
        show.told(&OVER);
        show.logged(&["/live: the source anna has gone after", "/live: anna was on the air for"]);
    }
    show.judge("kill -9");
}

#[test]
fn a_reload_meanwhile_changes_nothing_of_what_is_heard() {
    let mut show = Show::start("127.0.0.1".parse().unwrap());
    let mut dj = show.dj(&[]);
    show.until_state(LiveState::OnAir);
    for n in 0..times() {
        show.pass(1.0);
        show.hears(LIVE);
        let phase = show.random.f64() * 0.5;
        show.pass(phase);
        // Something else of the station changes: a mount and an output come, or go.
        let mut settings = show.settings.clone();
        if n % 2 == 0 {
            settings.mounts.push(RelayedMountSettings::new("/guest"));
            settings.pipelines[0].outputs.push(output("/more.mp3", Mp3Settings::default()));
        }
        let report = show.station.reload(&settings);
        assert_eq!(report.failed.len(), 0, "{report:?}");
        assert!(!report.changed.is_empty(), "{report:?}");
    }
    show.pass(1.0);
    show.hears(LIVE);
    show.told(&ON_AIR);
    dj.kill();
    show.pass(1.2);
    show.hears(PROGRAMME);
    show.told(&OVER);
    show.judge("reloaded");
}

/// Slots are times of the clock on the wall, and end at whole seconds of it. The programs of the DJ and the
/// blocks of the mixer know nothing of them, so the phase is another one each time.
#[test]
fn the_end_of_a_slot_gives_back_the_air() {
    const LASTS: u64 = 12;
    let mut show = Show::start("127.0.0.1".parse().unwrap());
    for _ in 0..times() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        // It began at a full minute, about two minutes ago.
        let began = now - 120 - now % 60;
        let (at, length) = (format!("{:02}:{:02}", began / 3600 % 24, began / 60 % 60), now + LASTS - began);
        let slots = vec![format!("daily {at} for {length}s in UTC").parse().unwrap()];
        let mut users = Users::default();
        users.add("anna", Role::Source, PASSWORD).unwrap();
        users.set_limits("anna", UserLimits { slots, ..UserLimits::default() }).unwrap();
        users.write(&show.folder.path().join("users")).unwrap();
        // A reload would take the tap's output away. Another API reads the users, too.
        show.api.stop();
        let file = show.folder.path().join("station.toml");
        show.api = Api::start_reloadable(&show.station, Config::read(&file).unwrap(), &file).unwrap();
        let _dj = show.dj(&[]);
        show.until_state(LiveState::OnAir);
        let phase = 1.0 + show.random.f64() * 0.5;
        show.pass(phase);
        show.hears(LIVE);
        until("the slot is over", || show.state() != LiveState::OnAir);
        let over = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() - (now + LASTS) as f64;
        assert!((0.0..2.0).contains(&over), "{over} s late");
        show.pass(1.2);
        show.hears(PROGRAMME);
        // It is nearly over as soon as it has begun.
        let mut kinds = show.kinds(6);
        let soon = kinds.iter().position(|kind| *kind == "live-ends-soon").expect("it ends soon");
        assert!(soon > 0 && kinds.remove(soon) == "live-ends-soon", "{kinds:?}");
        assert_eq!(kinds, [&ON_AIR[..], &OVER].concat());
        show.logged(&[
            "/live: the source anna has gone after",
            "/live: anna was on the air for",
            "; slot-ended",
        ]);
    }
    show.judge("the slot ends");
}

/// A network of two namespaces: this process is in the one, and a DJ's program in the other, which ends when
/// its standard input does.
struct Line {
    far: Child,
}

impl Line {
    fn lay() -> Line {
        ip("link set lo up");
        let far = Command::new("unshare").args(["--net", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let line = Line { far };
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        until("the far namespace is there", || namespace(&line.far.id().to_string()) != namespace("self"));
        ip(&format!("link add near type veth peer name far netns {}", line.far.id()));
        ip("address add 10.77.0.1/24 dev near");
        for words in ["address add 10.77.0.2/24 dev far", "link set far up"] {
            let mut there = line.there();
            there.push("ip".into());
            run(Command::new(&there[0]).args(&there[1..]).args(words.split(' ')), &[]);
        }
        line.set("up");
        line
    }

    fn set(&self, state: &str) {
        ip(&format!("link set near {state}"));
    }

    /// What runs a program at the far end.
    fn there(&self) -> Vec<String> {
        ["nsenter", "--net", "--target", &self.far.id().to_string()].map(str::to_owned).to_vec()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.far.kill();
        let _ = self.far.wait();
    }
}

fn ip(words: &str) {
    run(Command::new("ip").args(words.split(' ')), &[]);
}

#[test]
fn a_line_that_is_cut_gives_back_the_air_and_the_dj_is_back_by_another_one() {
    let mut unshare = Command::new("unshare");
    let may = unshare.args(["--net", "ip", "link", "set", "lo", "up"]).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        let why = "left out: this needs root, and `unshare` and `ip`, for a network namespace of its own";
        return writeln!(std::io::stderr(), "{why}").unwrap();
    }
    let own = std::env::current_exe().unwrap();
    let test = ["--exact", "live_cut::in_a_namespace_of_its_own", "--ignored", "--nocapture"];
    let status = Command::new("unshare").arg("--net").arg(own).args(test).status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "run by the test above, in a network namespace of its own"]
fn in_a_namespace_of_its_own() {
    let line = Line::lay();
    let mut show = Show::start("10.77.0.1".parse().unwrap());
    for _ in 0..times() {
        let far = show.dj(&line.there());
        show.until_state(LiveState::OnAir);
        let phase = 1.0 + show.random.f64() * 0.5;
        show.pass(phase);
        show.hears(LIVE);
        show.told(&ON_AIR);
        line.set("down");
        let cut = show.now();
        show.until_state(LiveState::Interrupted);
        show.pass(0.8);
        show.hears(PROGRAMME);
        // Within three seconds, by a line that is not cut, while the old connection still stands.
        let back = 2.1 + show.random.f64() * 0.8;
        until("some time has passed", || show.now() - cut > back);
        assert_eq!(show.station.sources().len(), 1, "it still stands");
        let mut near = show.dj(&[]);
        show.until_state(LiveState::OnAir);
        show.pass(1.0);
        show.hears(LIVE);
        show.logged(&["/live: the source anna has gone after", "replaced", "/live: the source anna is back"]);
        near.kill();
        show.pass(1.2);
        show.hears(PROGRAMME);
        // It was one session all the time.
        show.told(&OVER);
        drop(far);
        line.set("up");
    }
    show.judge("its line is cut");
}
