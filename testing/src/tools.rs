//! Programs that make audio and judge it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// Runs a program that must succeed; returns its standard output. A line on standard error must contain one
/// of `may_say`.
pub fn run(command: &mut Command, may_say: &[&str]) -> Vec<u8> {
    run_with(command, &[], may_say)
}

/// As [`run`], with this standard input.
pub fn run_with(command: &mut Command, input: &[u8], may_say: &[&str]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|cause| panic!("{command:?}: {cause}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let output = thread::scope(|scope| {
        // A program that does not read it all says why on standard error.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let unexpected = |line: &&str| !may_say.iter().any(|may| line.contains(may));
    assert!(output.status.success() && said.lines().find(unexpected).is_none(), "{command:?}: {said}");
    output.stdout
}

/// Has ffmpeg write a file that holds some seconds of a tone; returns its bytes. Example: `-c:a libvorbis`,
/// `ogg`.
pub fn tone_file(seconds: u32, rate: u32, options: &[&str], extension: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tone").with_extension(extension);
    let tone = format!("sine=frequency=440:duration={seconds}:sample_rate={rate}");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", &tone, "-ac", "2"]).args(options).arg(&file);
    run(&mut ffmpeg, &[]);
    fs::read(file).unwrap()
}

/// Gives `input` to a program as a file, the last argument but one; returns the file that it writes, the last
/// argument.
pub fn convert<A: AsRef<OsStr>>(program: &str, options: &[A], input: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    fs::write(&from, input).unwrap();
    run(Command::new(program).args(options).args([&from, &to]), &[]);
    fs::read(to).unwrap()
}

/// Has ffmpeg write a file in another format, which the extension of `path` names.
pub fn converted(from: &Path, path: &Path, options: &[&str], title: Option<&str>) -> PathBuf {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(from).args(options);
    if let Some(title) = title {
        ffmpeg.arg("-metadata").arg(format!("title={title}"));
    }
    run(ffmpeg.arg(path), &[]);
    path.to_owned()
}

/// Panics unless a listener who joined a stream late heard all of it from some packet on, byte for byte,
/// after the header pages of an Ogg stream. The last packets may be missing: their ends are not known.
pub fn is_heard_from_some_packet_on(sent: &[u8], heard: &[u8], what: &str) {
    const LAST_PACKETS: usize = 3_000;
    let headers = sent.iter().zip(heard).take_while(|(sent, heard)| sent == heard).count();
    let rest = &heard[headers..];
    assert!(!heard.is_empty(), "{what}: nothing was heard");
    if rest.is_empty() {
        assert!(headers + LAST_PACKETS > sent.len(), "{what}: {headers} bytes of {}", sent.len());
        return;
    }
    let at = sent.windows(rest.len()).position(|part| part == rest);
    let at = at.unwrap_or_else(|| panic!("{what}: its {} bytes are not in a row", rest.len()));
    assert!(at + rest.len() + LAST_PACKETS > sent.len(), "{what}: it breaks off");
}

/// The number of frames that ffmpeg decodes from a stream. It must find nothing wrong.
pub fn decoded_frames(stream: &[u8], rate: u32) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stream");
    fs::write(&file, stream).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "warning", "-nostdin", "-i"]).arg(&file);
    ffmpeg.args(["-f", "s16le", "-ac", "1", "-ar", &rate.to_string(), "-"]);
    run(&mut ffmpeg, &["Estimating duration"]).len() / 2
}
