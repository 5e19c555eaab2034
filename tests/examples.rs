//! Runs the examples as a reader would: each goes on the air, has a listener, and ends in order.
#![cfg(feature = "mp3")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use longwave::{EncoderSettings, PcmSpec};
use longwave_testing::sound::{sine, wav};
use tempfile::TempDir;

/// Three tracks of four seconds.
static MUSIC: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    for (name, hz) in [("a", 440.0), ("b", 550.0), ("c", 660.0)] {
        wav(
            &folder.path().join(name).with_extension("wav"),
            PcmSpec::CD,
            &sine(PcmSpec::CD, hz, 0.3, 176_400),
        );
    }
    folder
});

fn music(name: &str) -> PathBuf {
    MUSIC.path().join(name)
}

/// A running example and its output.
struct Example {
    process: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Example {
    fn start(name: &str, arguments: &[&Path]) -> Example {
        // `cargo test` builds the examples into the folder beside that of the tests.
        let tests = std::env::current_exe().unwrap();
        let program = tests.parent().unwrap().with_file_name("examples").join(name);
        assert!(program.exists(), "{}: cargo build --examples", program.display());
        let mut process = Command::new(program)
            .args(arguments)
            .env("LISTEN", "127.0.0.1:0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Example { process, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads until the example reports that a mount is on the air. Returns the mount's path and its first
    /// bytes.
    fn listen(&mut self) -> (String, Vec<u8>) {
        let line = std::iter::repeat_with(|| self.line()).find(|line| line.starts_with("on air")).unwrap();
        let (address, path) = line.split_once("http://").unwrap().1.split_once('/').unwrap();
        let mut player = TcpStream::connect(address).unwrap();
        write!(player, "GET /{path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = vec![0; 4000];
        player.read_exact(&mut answer).unwrap();
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        (path.into(), answer.split_off(head))
    }

    /// Waits for its end, and returns the rest of its output.
    fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let mut said = String::new();
        self.lines.read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success(), "{said}");
        said
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_mp3(bytes: &[u8]) -> bool {
    bytes[0] == 0xFF && bytes[1] & 0xE0 == 0xE0
}

#[test]
fn station_in_ten_lines() {
    let mut example = Example::start("station_in_ten_lines", &[MUSIC.path(), "2".as_ref()]);
    assert!(is_mp3(&example.listen().1));
    example.end();
}

#[test]
fn two_channels() {
    let mut example = Example::start("two_channels", &[MUSIC.path(), "3".as_ref()]);
    let [main, shuffle] = [0, 1].map(|_| example.listen());
    assert_eq!([main.0, shuffle.0], ["main.mp3", "shuffle.mp3"]);
    assert!(is_mp3(&main.1) && is_mp3(&shuffle.1));
    example.end();
}

#[test]
fn requests() {
    let mut example = Example::start("requests", &[&music("a.wav")]);
    assert!(is_mp3(&example.listen().1));
    let stdin = example.process.stdin.as_mut().unwrap();
    let lines = ["missing.mp3", music("b.wav").to_str().unwrap(), "skip"].join("\n");
    stdin.write_all(lines.as_bytes()).unwrap();
    stdin.write_all(b"\n").unwrap();
    let lines = std::iter::repeat_with(|| example.line());
    let said: Vec<_> = lines.take_while(|line| line != "now: b").take(10).collect();
    assert!(
        said.len() < 10 && said.iter().any(|line| line.starts_with("not played: missing.mp3: ")),
        "{said:?}"
    );
    example.end();
}

#[test]
fn dj() {
    let paths = [MUSIC.path().to_owned(), music("a.wav"), music("b.wav"), "3".into()];
    let mut example = Example::start("dj", &paths.each_ref().map(PathBuf::as_path));
    assert!(is_mp3(&example.listen().1));
    let said = example.end();
    assert_eq!(said.lines().last(), Some("the programme goes on where it was"));
}

#[test]
fn own_encoder() {
    for bits in [16, 24] {
        let arguments = [MUSIC.path(), "2".as_ref(), bits.to_string().as_ref()].map(Path::to_owned);
        let mut example = Example::start("own_encoder", &arguments.each_ref().map(PathBuf::as_path));
        let (_, bytes) = example.listen();
        let header = bytes[..44].to_vec();
        assert!(header.starts_with(b"RIFF") && header[36..40] == *b"data", "{header:?}");
        assert_eq!(header[34], bits);
        // The music is stereo with the same tone in both channels.
        let sample = usize::from(bits / 8);
        let mut frames = bytes[44..].chunks_exact(2 * sample);
        assert!(frames.all(|frame| frame[..sample] == frame[sample..]), "{bits} bits");
        example.end();
    }
    // The example refuses an unusable setting when it starts.
    let arguments = [MUSIC.path(), "2".as_ref(), "12".as_ref()];
    let mut example = Example::start("own_encoder", &arguments);
    assert_eq!(example.line(), "");
    assert!(!example.process.wait().unwrap().success());
}

#[test]
fn write_audio() {
    // A file such as an external encoder writes.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("live.mp3");
    let mut encoder = longwave::Mp3Settings::default().open(PcmSpec::CD).unwrap();
    let mut packets = Vec::new();
    encoder.encode(&sine(PcmSpec::CD, 440.0, 0.3, 88_200), &mut packets).unwrap();
    encoder.flush(&mut packets).unwrap();
    let encoded: Vec<u8> = packets.iter().flat_map(|packet| packet.bytes.iter().copied()).collect();
    std::fs::write(&file, encoded).unwrap();
    let mut example = Example::start("write_audio", &[&file, "2".as_ref()]);
    let (path, bytes) = example.listen();
    assert!(path == "live.mp3" && is_mp3(&bytes));
    example.end();
}
