//! A recorder on disks that fail, at any time of the day.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use jiff::civil::date;
use jiff::tz::TimeZone;
use longwave_testing::tools::{decoded_frames, tone_file};
use tempfile::TempDir;

use super::disk::{Disk, RecordFile};
use super::recorder::Recorder;
use super::shared::Shared;
use super::{RecordSettings, Recordings};
use crate::codec::{PacketReader, Parsed};
use crate::event::{Emitter, Event};
use crate::filework::FileWork;
use crate::packet::Packet;
use crate::ring::{RecordPoint, RecordTap};

/// A disk that does as it is told.
#[derive(Clone)]
struct FakeDisk(Arc<Mutex<Health>>);

struct Health {
    free: u64,
    /// What it refuses files with.
    refuses: Option<ErrorKind>,
    /// How many bytes may still be written.
    room: usize,
    recorded: Arc<Shared>,
    /// What was being written each time that a file was complete.
    written_at_sync: Vec<PathBuf>,
}

struct FakeFile(File, FakeDisk);

impl FakeDisk {
    fn is(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.0.lock().unwrap());
    }
}

impl Disk for FakeDisk {
    fn free(&mut self, _: &Path) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().free)
    }

    fn create(&mut self, file: &Path) -> io::Result<Box<dyn RecordFile>> {
        if let Some(kind) = self.0.lock().unwrap().refuses {
            return Err(kind.into());
        }
        fs::create_dir_all(file.parent().unwrap())?;
        let open = OpenOptions::new().write(true).create_new(true).open(file)?;
        Ok(Box::new(FakeFile(open, self.clone())))
    }
}

impl Write for FakeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1.0.lock().unwrap().room.min(bytes.len());
        self.1.is(|disk| disk.room -= room);
        match room {
            0 => Err(ErrorKind::StorageFull.into()),
            _ => self.0.write(&bytes[..room]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl RecordFile for FakeFile {
    fn shorten(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.is(|disk| disk.written_at_sync.extend(disk.recorded.written_now()));
        Ok(())
    }
}

const GIB: u64 = 1 << 30;

/// The list of what was recorded at the rig's place.
const LIST: &str = ".longwave-recordings-guest.mp3";

/// A recorder without its thread.
struct Rig {
    folder: TempDir,
    point: Arc<RecordPoint>,
    shared: Arc<Shared>,
    recorder: Recorder,
    disk: FakeDisk,
    told: Arc<Mutex<Vec<String>>>,
}

/// What happened, in words, with files below this folder.
fn note(told: &Arc<Mutex<Vec<String>>>, folder: &Path) -> Emitter {
    let (told, folder) = (told.clone(), folder.to_owned());
    Emitter::unheard().after(move |event| {
        let name = |file: &PathBuf| file.strip_prefix(&folder).unwrap_or(file).display().to_string();
        told.lock().unwrap().push(match event {
            Event::RecordingBegan { file, lost: 0, .. } => format!("began {}", name(file)),
            Event::RecordingBegan { file, lost, .. } => format!("began {} after {lost}", name(file)),
            Event::RecordingEnded { file, bytes, .. } => format!("ended {} {bytes}", name(file)),
            Event::RecordingFailed { reason, .. } => {
                format!("failed {}", reason.replace(&format!("{}/", folder.display()), ""))
            }
            other => format!("{other:?}"),
        });
    })
}

impl Rig {
    fn new(record: &str, change: impl FnOnce(&mut RecordSettings)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_owned();
        let mut settings = RecordSettings { base, ..RecordSettings::into_files(record) };
        change(&mut settings);
        settings.check().unwrap();
        let told = Arc::default();
        let shared = Arc::new(Shared::new("/guest.mp3", settings, note(&told, folder.path())));
        let point = Arc::<RecordPoint>::default();
        let of_point = shared.clone();
        let queue = point.switch_on(move || of_point.fail("slow"));
        let disk = FakeDisk(Arc::new(Mutex::new(Health {
            free: 9 * GIB,
            refuses: None,
            room: usize::MAX,
            recorded: shared.clone(),
            written_at_sync: Vec::new(),
        })));
        let (of_thread, own) = (shared.clone(), Box::new(disk.clone()));
        let recorder = Recorder::new(of_thread, queue, own, TimeZone::UTC, FileWork::new());
        Rig { folder, point, shared, recorder, disk, told }
    }

    fn tap(&self) -> RecordTap {
        self.point.tap("anna", "audio/mpeg")
    }

    /// Records what waits.
    fn pump(&mut self) {
        while let Ok(batch) = self.recorder.queue.recv_timeout(Duration::ZERO) {
            self.recorder.take(batch);
        }
    }

    /// Sends packets that come together, and records them.
    fn send(&mut self, tap: &mut RecordTap, at: SystemTime, packets: &[&str]) {
        packets.iter().for_each(|text| tap.take(&packet(text), None));
        tap.send(at);
        self.pump();
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn change(&self, change: impl FnOnce(&mut RecordSettings)) {
        let mut settings = (*self.shared.settings.load_full()).clone();
        change(&mut settings);
        self.shared.settings.store(Arc::new(settings));
    }
}

fn packet(text: &str) -> Packet {
    Packet { bytes: text.as_bytes().into(), frames: 1 }
}

fn at(day: i8, hour: i8, minute: i8, second: i8) -> SystemTime {
    date(2026, 3, day).at(hour, minute, second, 0).to_zoned(TimeZone::UTC).unwrap().timestamp().into()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_packet_of_two_days_is_in_the_file_of_its_hour() {
    let hour = |settings: &mut RecordSettings| settings.record_every = Some(seconds(3600));
    let mut rig = Rig::new("a/%Y-%m-%d/%H%M-{mount}-{user}", hour);
    let mut tap = rig.tap();
    let mut sent = String::new();
    // From half past ten in the evening to half past one, by packets that straddle no boundary.
    for minute in 0..180 {
        let now = at(1, 22, 30, 0) + seconds(minute * 60);
        let texts = [format!("<{minute}a>"), format!("<{minute}b>")];
        texts.iter().for_each(|text| sent += text);
        rig.send(&mut tap, now, &texts.each_ref().map(String::as_str));
    }
    drop(tap);
    rig.pump();
    let files =
        ["01/2230", "01/2300", "02/0000", "02/0100"].map(|at| format!("a/2026-03-{at}-guest-anna.mp3"));
    let texts: Vec<_> = files.iter().map(|file| rig.read(file)).collect();
    assert_eq!(texts.concat(), sent);
    let firsts: Vec<_> = texts.iter().map(|text| text.split('>').next().unwrap()).collect();
    assert_eq!(firsts, ["<0a", "<30a", "<90a", "<150a"]);
    let told = files.iter().zip(&texts);
    let told: Vec<_> = told
        .flat_map(|(file, text)| [format!("began {file}"), format!("ended {file} {}", text.len())])
        .collect();
    assert_eq!(rig.told(), told);
}

/// Twelve seconds over midnight, with hourly cuts, of each format: both files can be played, and nothing is
/// missing between them.
#[test]
fn a_show_over_midnight_is_two_files_that_play_whole() {
    for (options, extension, content_type, ending) in [
        (["-b:a", "128k"], "mp3", "audio/mpeg", "mp3"),
        (["-b:a", "128k"], "aac", "audio/aac", "aac"),
        (["-c:a", "libvorbis"], "ogg", "application/ogg", "ogg"),
        (["-c:a", "libopus"], "ogg", "audio/ogg", "opus"),
        (["-c:a", "flac"], "ogg", "audio/ogg", "ogg"),
    ] {
        let mut rig = Rig::new("%d-%H%M", |settings| settings.record_every = Some(seconds(3600)));
        let mut tap = rig.point.tap("anna", content_type);
        let mut reader = PacketReader::for_content_type(content_type);
        let (mut found, mut frames) = (Vec::new(), 0_u64);
        reader.push(&tone_file(12, 48_000, &options, extension), &mut found);
        for Parsed { packet, header } in &found {
            frames += u64::from(packet.frames);
            tap.take(packet, header.as_ref());
            // The time at which the packet has come is behind its sound.
            tap.send(at(1, 23, 59, 54) + Duration::from_micros(frames * 1_000_000 / 48_000));
            rig.pump();
        }
        drop(tap);
        rig.pump();
        let files = ["01-2359", "02-0000"].map(|name| format!("{name}.{ending}"));
        let names: Vec<_> =
            rig.told().iter().map(|line| line.split(' ').take(2).collect::<String>()).collect();
        let told = files.iter().flat_map(|file| [format!("began{file}"), format!("ended{file}")]);
        assert_eq!(names, told.collect::<Vec<_>>());
        let files = files.map(|file| fs::read(rig.folder.path().join(file)).unwrap());
        let sent: Vec<u8> = found.iter().flat_map(|parsed| parsed.packet.bytes.iter().copied()).collect();
        let rest = &sent[files[0].len()..];
        assert!(sent.starts_with(&files[0]) && files[1].ends_with(rest), "{content_type}: all is there");
        let lengths = files.each_ref().map(|file| decoded_frames(file, 48_000));
        // Pages of Ogg are up to a second long.
        assert!(lengths.iter().all(|frames| frames.abs_diff(6 * 48_000) < 50_000), "{ending}: {lengths:?}");
        let all: usize = lengths.iter().sum();
        assert!(all.abs_diff(12 * 48_000) < 5_000, "{ending}: {lengths:?}");
    }
}

/// The list of recordings is a pipe at first: whoever writes a line waits until somebody reads it.
#[test]
fn a_file_is_being_written_from_before_it_is_listed_until_it_is_finished() {
    let mut rig = Rig::new("{user}", |_| ());
    let (path, list) = (rig.folder.path().join("anna.mp3"), rig.folder.path().join(LIST));
    nix::unistd::mkfifo(&list, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let shared = Arc::clone(&rig.shared);
    let begins = std::thread::spawn(move || {
        let mut tap = rig.tap();
        rig.send(&mut tap, at(1, 0, 0, 0), &["x"]);
        (rig, tap)
    });
    let line = File::open(&list).unwrap();
    assert_eq!(shared.written_now().as_deref(), Some(&*path), "its line is about to be written");
    assert_eq!(io::read_to_string(line).unwrap(), "anna.mp3\n");
    let (mut rig, tap) = begins.join().unwrap();
    fs::remove_file(&list).unwrap();
    drop(tap);
    rig.pump();
    assert_eq!(rig.disk.0.lock().unwrap().written_at_sync, [path]);
    assert!(rig.read(LIST).starts_with("anna.mp3 1 "));
    assert_eq!(shared.written_now(), None);
}

#[test]
fn a_name_that_is_taken_gets_a_number_and_its_file_stays() {
    let mut rig = Rig::new("{user}", |_| ());
    fs::write(rig.folder.path().join("anna.mp3"), "somebody's").unwrap();
    std::os::unix::fs::symlink("/nowhere", rig.folder.path().join("anna-3.mp3")).unwrap();
    for _ in 0..2 {
        let mut tap = rig.tap();
        rig.send(&mut tap, at(1, 0, 0, 0), &["x"]);
        drop(tap);
        rig.pump();
    }
    assert_eq!(rig.read("anna.mp3"), "somebody's");
    assert_eq!([rig.read("anna-2.mp3"), rig.read("anna-4.mp3")], ["x", "x"]);
}

#[test]
fn on_a_full_disk_the_file_ends_with_a_whole_packet_and_the_next_one_begins_when_there_is_room() {
    let mut rig = Rig::new("%H%M%S", |_| ());
    let mut tap = rig.tap();
    rig.send(&mut tap, at(1, 0, 0, 0), &["<one>", "<two>"]);
    rig.disk.is(|disk| disk.room = 3);
    rig.send(&mut tap, at(1, 0, 0, 1), &["<three>"]);
    let failed = "failed 000000.mp3: no storage space".to_owned();
    assert_eq!(rig.told(), ["began 000000.mp3".into(), "ended 000000.mp3 10".into(), failed]);
    assert_eq!(rig.read("000000.mp3"), "<one><two>");
    let fault = rig.shared.fault().unwrap();
    assert!(
        fault.starts_with("/guest.mp3 is not recorded: ") && fault.ends_with("no storage space"),
        "{fault}"
    );
    // It is tried again every ten seconds, and told once.
    for second in 2..32 {
        rig.send(&mut tap, at(1, 0, 0, second), &["<lost>"]);
    }
    assert_eq!(rig.told(), [""; 0]);
    assert_eq!(fs::read_dir(rig.folder.path()).unwrap().count(), 2, "the file and the list");
    rig.disk.is(|disk| disk.room = usize::MAX);
    for second in 32..50 {
        rig.send(&mut tap, at(1, 0, 0, second), &["<x>"]);
    }
    let told = rig.told();
    assert!(told.len() == 1 && told[0].starts_with("began 0000"), "{told:?}");
    let (_, lost) = told[0].split_once(" after ").unwrap();
    let written = rig.read(&told[0][6..16]).len() / 3;
    assert_eq!(
        lost.parse::<usize>().unwrap() + written,
        1 + 30 + 18,
        "every packet is in the file or counted"
    );
    assert_eq!(rig.shared.fault(), None);
}

#[test]
fn it_pauses_below_the_reserve_and_goes_on_by_itself() {
    let mut rig = Rig::new("%H%M%S", |settings| settings.record_reserve = 16 << 20);
    let mut tap = rig.tap();
    let mut run = |rig: &mut Rig, from: i8| {
        (from..from + 12).for_each(|second| rig.send(&mut tap, at(1, 0, 0, second), &["<x>"]));
        rig.told()
    };
    assert_eq!(run(&mut rig, 0), ["began 000000.mp3"]);
    rig.disk.is(|disk| disk.free = (16 << 20) - 1);
    let told = run(&mut rig, 12);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("ended 000000.mp3 "), "{told:?}");
    assert_eq!(told[1], "failed less than 16 MiB are free on its disk (record_reserve)");
    rig.disk.is(|disk| disk.free = 16 << 20);
    assert_eq!(run(&mut rig, 24), [""; 0], "it would pause again at once");
    rig.disk.is(|disk| disk.free = 17 << 20);
    let told = run(&mut rig, 36);
    assert!(told.len() == 1 && told[0].starts_with("began 0000"), "{told:?}");
    assert_eq!(rig.shared.fault(), None);
}

#[test]
fn a_folder_that_refuses_is_told_once_until_nothing_is_sent_any_more() {
    let mut rig = Rig::new("a/b", |_| ());
    rig.disk.is(|disk| disk.refuses = Some(ErrorKind::PermissionDenied));
    let mut tap = rig.tap();
    for second in 0..59 {
        rig.send(&mut tap, at(1, 0, 0, second), &["<x>"]);
    }
    assert_eq!(rig.told(), ["failed a/b.mp3: permission denied"]);
    assert!(rig.shared.fault().is_some());
    drop(tap);
    rig.pump();
    assert_eq!((rig.shared.fault(), rig.told()), (None, Vec::new()));
    let mut tap = rig.tap();
    rig.disk.is(|disk| disk.refuses = None);
    rig.send(&mut tap, at(1, 0, 1, 0), &["<x>"]);
    assert_eq!(rig.told(), ["began a/b.mp3"], "the next source does not wait");
}

#[test]
fn where_a_packet_is_missing_the_next_file_begins() {
    let mut rig = Rig::new("x", |_| ());
    let mut tap = rig.tap();
    rig.send(&mut tap, at(1, 0, 0, 0), &["<a>"]);
    // The disk is away, and the queue overflows.
    let large = "y".repeat(65_536);
    let mut fits = 0;
    while rig.told.lock().unwrap().len() < 2 {
        tap.take(&packet(&large), None);
        tap.send(at(1, 0, 0, 1));
        fits += 1;
    }
    assert_eq!(rig.told(), ["began x.mp3", "failed slow"]);
    rig.pump();
    rig.send(&mut tap, at(1, 0, 0, 2), &["<b>"]);
    let size = 3 + (fits - 1) * 65_536;
    assert_eq!(rig.told(), [format!("ended x.mp3 {size}"), "began x-2.mp3 after 1".into()]);
    assert_eq!((rig.read("x.mp3").len(), rig.read("x-2.mp3").as_str()), (size, "<b>"));
    assert_eq!(rig.shared.fault(), None);
}

#[test]
fn what_is_missing_at_the_end_is_no_fault_afterwards() {
    let mut rig = Rig::new("x", |_| ());
    let mut tap = rig.tap();
    let large = "y".repeat(65_536);
    while rig.told.lock().unwrap().is_empty() {
        tap.take(&packet(&large), None);
        tap.send(at(1, 0, 0, 1));
    }
    assert!(rig.shared.fault().is_some());
    drop(tap);
    rig.pump();
    assert_eq!(rig.shared.fault(), None);
    let told = rig.told();
    assert_eq!(
        (told.len(), told[0].as_str(), told[1].as_str()),
        (3, "failed slow", "began x.mp3"),
        "{told:?}"
    );
}

#[test]
fn a_session_that_lasts_has_one_file_until_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::default();
    let recordings = Recordings::new(note(&told, folder.path()));
    let base = folder.path().into();
    let settings = RecordSettings { base, record_reserve: 0, ..RecordSettings::into_files("{user}") };
    recordings.set("/live", &settings).unwrap();
    for (number, text) in [(7, "<1>"), (7, "<2>"), (8, "<3>")] {
        let mut tap = recordings.tap_of_source("/live", number, "anna", "audio/mpeg");
        tap.take(&packet(text), None);
        tap.send(SystemTime::now());
    }
    recordings.end_session(7);
    recordings.end_session(8);
    recordings.finish();
    assert_eq!(recordings.join(Instant::now() + seconds(30)), [""; 0]);
    let expected = ["began anna.mp3", "ended anna.mp3 6", "began anna-2.mp3", "ended anna-2.mp3 3"];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn another_name_begins_another_file_and_other_settings_do_not() {
    let mut rig = Rig::new("one", |_| ());
    let mut tap = rig.tap();
    rig.send(&mut tap, at(1, 0, 0, 0), &["<1>"]);
    rig.change(|settings| settings.record_keep = Some(seconds(3600)));
    rig.send(&mut tap, at(1, 0, 0, 1), &["<2>"]);
    rig.change(|settings| settings.record = Some("two".into()));
    rig.send(&mut tap, at(1, 0, 0, 2), &["<3>"]);
    assert_eq!((rig.read("one.mp3").as_str(), rig.read("two.mp3").as_str()), ("<1><2>", "<3>"));
}

#[test]
fn a_clock_that_is_set_back_a_little_makes_no_file() {
    let mut rig = Rig::new("%H", |settings| settings.record_every = Some(seconds(3600)));
    let mut tap = rig.tap();
    let now = at(1, 10, 0, 0);
    for (later, earlier) in [(0, 1), (1, 0), (0, 2), (3, 0), (0, 50)] {
        rig.send(&mut tap, now + seconds(later) - seconds(earlier), &["x"]);
    }
    assert_eq!(rig.told(), ["began 09.mp3", "ended 09.mp3 1", "began 10.mp3"]);
    rig.send(&mut tap, now - seconds(3600), &["x"]);
    assert_eq!(rig.told(), ["ended 10.mp3 4", "began 09-2.mp3"]);
}

#[test]
fn each_file_of_an_ogg_stream_begins_with_its_header() {
    let mut rig = Rig::new("%M", |settings| settings.record_every = Some(seconds(60)));
    let mut tap = rig.point.tap("anna", "application/ogg");
    let page = |body: &str| format!("OggS{}\u{1}\u{1}{body}", "\0".repeat(22));
    let (vorbis, opus) = (page("\u{1}vorbis"), page("OpusHead"));
    let mut send = |rig: &mut Rig, minute: i8, text: &str, header: Option<&str>| {
        tap.take(&packet(text), header.map(|header| header.as_bytes().into()).as_ref());
        tap.send(at(1, 0, minute, 0));
        rig.pump();
    };
    send(&mut rig, 0, &vorbis, None);
    send(&mut rig, 0, "<a>", Some(&vorbis));
    send(&mut rig, 1, "<b>", Some(&vorbis));
    send(&mut rig, 1, "<c>", Some(&vorbis));
    // A new link of the same kind goes on in the same file. One that players know by another name does not.
    send(&mut rig, 1, &vorbis, None);
    send(&mut rig, 1, &opus, None);
    send(&mut rig, 2, "<d>", Some(&opus));
    assert_eq!(rig.read("00.ogg"), format!("{vorbis}<a>"));
    assert_eq!(rig.read("01.ogg"), format!("{vorbis}<b><c>{vorbis}"));
    assert_eq!(rig.read("01.opus"), opus);
    assert_eq!(rig.read("02.opus"), format!("{opus}<d>"));
}

#[test]
fn old_recordings_go_and_the_one_that_is_written_stays() {
    let mut rig = Rig::new("%d", |settings| settings.record_keep = Some(seconds(30 * 86_400)));
    let foreign = rig.folder.path().join("00.mp3");
    fs::write(&foreign, "somebody's").unwrap();
    for day in [1, 2] {
        let mut tap = rig.tap();
        rig.send(&mut tap, at(day, 0, 0, 0), &["x"]);
        drop(tap);
        rig.pump();
    }
    let mut tap = rig.tap();
    rig.send(&mut tap, at(3, 0, 0, 0), &["x"]);
    rig.send(&mut tap, at(31, 12, 0, 0), &["x"]);
    let there =
        |rig: &Rig| ["00", "01", "02", "03"].map(|day| rig.folder.path().join(format!("{day}.mp3")).exists());
    assert_eq!(there(&rig), [true, false, true, true]);
    // It goes on although it is older than that.
    rig.send(&mut tap, at(31, 12, 0, 0) + seconds(40 * 86_400), &["x"]);
    assert_eq!(there(&rig), [true, false, false, true]);
}

/// The disk of the test below answers when this is open.
static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

struct HangingDisk;

impl Disk for HangingDisk {
    fn free(&mut self, _: &Path) -> io::Result<u64> {
        drop(GATE.1.wait_while(GATE.0.lock().unwrap(), |is_open| !*is_open).unwrap());
        Ok(9 * GIB)
    }

    fn create(&mut self, _: &Path) -> io::Result<Box<dyn RecordFile>> {
        Err(ErrorKind::Other.into())
    }
}

#[test]
fn a_disk_that_hangs_holds_nobody_up_and_its_thread_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::default();
    let recordings =
        Recordings { disk: || Box::new(HangingDisk), ..Recordings::new(note(&told, folder.path())) };
    let settings = RecordSettings { base: folder.path().into(), ..RecordSettings::into_files("x") };
    let mut tap = recordings.tap("/a", "main", "audio/mpeg");
    recordings.set("/a", &settings).unwrap();
    let large = "y".repeat(65_536);
    for _ in 0..1000 {
        tap.take(&packet(&large), None);
        tap.send(SystemTime::now());
    }
    let failed = "failed its disk does not keep up, and what does not fit is lost";
    assert_eq!(*told.lock().unwrap(), [failed], "it is told once");
    assert_eq!(recordings.warnings()[0].public, "/a is not recorded");
    recordings.finish();
    assert_eq!(recordings.join(Instant::now() + Duration::from_millis(50)), ["rec:/a"]);
    *GATE.0.lock().unwrap() = true;
    GATE.1.notify_all();
}

#[test]
fn it_is_switched_on_and_off_while_packets_pass() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = Recordings::new(Emitter::unheard());
    let on = RecordSettings {
        base: folder.path().into(),
        record_reserve: 0,
        ..RecordSettings::into_files("{mount}-{user}")
    };
    let mut tap = recordings.tap("/a", "main", "audio/mpeg");
    let mut send = |text: &str| {
        tap.take(&packet(text), None);
        tap.send(SystemTime::now());
    };
    send("<off>");
    recordings.set("/a", &on).unwrap();
    send("<1>");
    recordings.set("/a", &RecordSettings::default()).unwrap();
    send("<off>");
    recordings.set("/a", &on).unwrap();
    send("<2>");
    recordings.remove("/a");
    // The last tap is recorded to its end.
    send("<3>");
    drop(tap);
    recordings.finish();
    assert_eq!(recordings.join(Instant::now() + seconds(30)), [""; 0]);
    let mut texts: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "mp3"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    texts.sort();
    assert_eq!(texts, ["<1>", "<2><3>"]);
    assert!(folder.path().join("a-main.mp3").exists() && folder.path().join("a-main-2.mp3").exists());
}
