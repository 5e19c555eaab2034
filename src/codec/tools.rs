//! For tests: programs that create and check audio.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

/// Runs a program that must succeed without unexpected messages. Returns its standard output.
pub(crate) fn run(command: &mut Command, may_say: &[&str]) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|cause| panic!("{command:?}: {cause}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let unexpected = |line: &&str| !may_say.iter().any(|may| line.contains(may));
    assert!(output.status.success() && said.lines().find(unexpected).is_none(), "{command:?}: {said}");
    output.stdout
}

/// A file with a tone of the given length in seconds, encoded by ffmpeg (such as `-c:a libvorbis` to `ogg`).
pub(crate) fn tone_file(seconds: u32, rate: u32, options: &[&str], extension: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tone").with_extension(extension);
    let tone = format!("sine=frequency=440:duration={seconds}:sample_rate={rate}");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", &tone, "-ac", "2"]).args(options).arg(&file);
    run(&mut ffmpeg, &[]);
    fs::read(file).unwrap()
}

/// Runs a program that converts one file to another. Returns the bytes of the second.
pub(crate) fn convert<A: AsRef<OsStr>>(program: &str, options: &[A], input: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    fs::write(&from, input).unwrap();
    run(Command::new(program).args(options).args([&from, &to]), &[]);
    fs::read(to).unwrap()
}

/// The number of frames that ffmpeg decodes from a stream, and whether it found no error.
pub(crate) fn decoded_frames(stream: &[u8], rate: u32) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stream");
    fs::write(&file, stream).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "warning", "-nostdin", "-i"]).arg(&file);
    ffmpeg.args(["-f", "s16le", "-ac", "1", "-ar", &rate.to_string(), "-"]);
    run(&mut ffmpeg, &["Estimating duration"]).len() / 2
}
