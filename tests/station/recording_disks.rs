//! Recordings on disks that are really full, forbidden or limited: the stream is untouched, the files are
//! whole, all that is told is right, and it goes on by itself.
//!
//! Each test runs itself again, in a process of its own that has such a disk.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use longwave::{Event, Mp3Settings, OutputSettings, PipelineSettings, RecordSettings};
use longwave_testing::radio::{Radio, output};
use longwave_testing::tools::{decoded_frames, run};
use longwave_testing::{log_lines, until};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The folder that a test prepares for the process that has the sick disk.
const FOLDER: &str = "LONGWAVE_TEST_FOLDER";

const KIB: usize = 1024;
/// MP3 at 128 kbit/s, for the length of a frame.
const PACKET_BYTES: usize = 418;

/// Runs an ignored test of this file in a process of its own, by the first of these commands under which a
/// shell can do what the test `needs`. If there is none, it is left out, and that is printed.
fn in_a_process_of_its_own(test: &str, ways: &[&str], needs: &str) {
    let own = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let can = |way: &&&str| {
        let mut words = way.split(' ');
        let mut probe = Command::new(words.next().unwrap());
        let probe = probe.args(words).args(["sh", "-c", needs]).arg("sh").arg(folder.path()).output();
        probe.is_ok_and(|probe| probe.status.success())
    };
    let Some(way) = ways.iter().find(can) else {
        let why = format!("{test} is left out: none of {ways:?} works here\n");
        return std::io::stderr().write_all(why.as_bytes()).unwrap();
    };
    let mut words = way.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(own).args(["--exact", &format!("recording_disks::{test}")]);
    command.args(["--ignored", "--nocapture"]).env(FOLDER, folder.path());
    assert!(command.status().unwrap().success(), "{way}");
}

fn folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("a folder of the test that runs this").into()
}

/// What became of the recordings of a station whose disk was sick for a while.
struct Seen {
    /// The files that are complete, in their order.
    files: Vec<PathBuf>,
    /// Why it failed, each time that it was told.
    failed: Vec<String>,
}

/// Records an output into a folder until the disk refuses, has the disk mended, and waits until it records
/// again. Judges what is the same on all disks.
fn bear(folder: &Path, reason: &str, mend: impl FnOnce()) -> Seen {
    log_lines::keep();
    let record = RecordSettings {
        base: folder.into(),
        record_reserve: 0,
        ..RecordSettings::into_files("rec/{mount}")
    };
    let outputs = vec![OutputSettings { record, ..output("/a", Mp3Settings::default()) }];
    let radio = Radio::start(PipelineSettings { outputs, ..PipelineSettings::default() });
    let events = radio.pipeline().events(10_000).unwrap();
    let listener = radio.listen("/a", false);
    let mut seen = Seen { files: Vec::new(), failed: Vec::new() };
    let mut lost = 0;
    let mut hear = |seen: &mut Seen| {
        let mut has_begun = false;
        while let Some(event) = events.try_recv() {
            match event {
                Event::RecordingBegan { lost: before, .. } => {
                    lost += before;
                    has_begun = true;
                }
                Event::RecordingEnded { file, bytes, .. } => {
                    assert_eq!(file.metadata().unwrap().len(), bytes);
                    seen.files.push(file);
                }
                Event::RecordingFailed { reason, .. } => seen.failed.push(reason),
                _ => {}
            }
        }
        has_begun
    };
    until("the disk refuses", || {
        hear(&mut seen);
        !seen.failed.is_empty()
    });
    assert!(seen.failed[0].contains(reason), "{:?}", seen.failed);
    let warning = format!("/a is not recorded: {}", seen.failed[0]);
    assert_eq!(radio.pipeline().health().warnings, [warning.as_str()]);
    let heard = listener.received();
    until("the stream goes on", || listener.received() > heard + 20_000);
    mend();
    until("it is recorded again", || hear(&mut seen));
    until("all is well", || radio.pipeline().health().warnings.is_empty());
    let before = listener.received();
    until("a second of it is there", || listener.received() > before + 16_000);
    radio.stop();
    hear(&mut seen);
    let heard = listener.into_stream();
    assert!(decoded_frames(&heard, 44_100) > 5 * 44_100, "the stream is whole");
    assert_eq!(log_lines::with(&seen.failed[0]).len(), 1, "it is said once");
    assert_eq!(log_lines::with(&format!("after {lost} packets that were lost")).len(), 1);
    let mut sent = 0;
    for file in &seen.files {
        let recorded = fs::read(file).unwrap();
        sent += recorded.len();
        let frames = decoded_frames(&recorded, 44_100);
        // 418 bytes, or 417.
        let packets = recorded.len().div_ceil(PACKET_BYTES);
        assert!(frames.abs_diff(packets * 1152) <= 2 * 1152, "{}: {frames}", file.display());
        // What was sent before the listener came may be missing there.
        let start = recorded.windows(4_000).position(|part| heard.starts_with(part)).unwrap_or(0);
        let common = &recorded[start..];
        let is_piece = heard.windows(common.len()).any(|part| part == common);
        assert!(is_piece, "{} is a piece of the stream", file.display());
    }
    println!("{reason}: {:?}, {lost} packets lost, {sent} bytes recorded", seen.files);
    seen
}

#[test]
fn a_disk_that_is_full() {
    let ways = ["unshare --user --map-root-user --mount", "unshare --mount"];
    in_a_process_of_its_own("on_a_full_disk", &ways, "mount -t tmpfs tmpfs \"$1\"");
}

#[test]
#[ignore = "run by the test above, with a disk of its own"]
fn on_a_full_disk() {
    let folder = folder();
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(&folder), &[]);
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![1; 192 * KIB]).unwrap();
    let seen = bear(&folder, "No space left on device (os error 28)", || fs::remove_file(&ballast).unwrap());
    assert!(seen.files.len() >= 2, "{:?}", seen.files);
    assert_eq!(seen.failed.len(), 1, "{:?}", seen.failed);
    let first = fs::metadata(&seen.files[0]).unwrap().len() as usize;
    assert!((40 * KIB..64 * KIB).contains(&first), "as much as there was room for: {first}");
}

/// Root may write everywhere, unless it gives that up.
#[test]
fn a_folder_without_permission() {
    let ways = ["env", "setpriv --bounding-set=-dac_override,-dac_read_search"];
    let refuses = "mkdir -p \"$1/no\" && chmod 555 \"$1/no\" && ! mkdir \"$1/no/x\" 2>/dev/null";
    in_a_process_of_its_own("in_a_folder_without_permission", &ways, refuses);
}

#[test]
#[ignore = "run by the test above, without the right to write everywhere"]
fn in_a_folder_without_permission() {
    let folder = folder().join("archive");
    fs::create_dir(&folder).unwrap();
    let may = |mode: u32| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    may(0o555);
    let seen = bear(&folder, "rec/a.mp3: Permission denied (os error 13)", || may(0o755));
    assert_eq!((seen.files.len(), seen.failed.len()), (1, 1));
}

#[test]
fn a_limit_on_the_size_of_files() {
    in_a_process_of_its_own("with_a_limit_on_the_size_of_files", &["env"], "true");
}

/// The system's signal for this, SIGXFSZ, would end the process.
#[test]
#[ignore = "run by the test above, with a limit of its own"]
fn with_a_limit_on_the_size_of_files() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, 64 * KIB as u64, hard).unwrap();
    let mend = || setrlimit(Resource::RLIMIT_FSIZE, soft, hard).unwrap();
    let seen = bear(&folder(), "rec/a.mp3: File too large (os error 27)", mend);
    assert_eq!((seen.files.len(), seen.failed.len()), (2, 1));
    let first = fs::metadata(&seen.files[0]).unwrap().len() as usize;
    assert!((62 * KIB..=64 * KIB).contains(&first), "whole packets up to the limit: {first}");
}
