//! The example that tells somebody of trouble.

use std::fs;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use longwave::{
    DeadAir, Entry, LiveSession, LiveSettings, LiveState, Place, RecordSettings, Role, SourceInfo,
    SourceStream, Users,
};
use longwave_testing::client::{Client, basic};
use longwave_testing::studio::constant;
use longwave_testing::tools::tone_file;
use longwave_testing::{PATIENCE, until};
use serde_json::Value;

use crate::client::Radio;

/// Killed when dropped.
struct Notifier(Child);

impl Notifier {
    fn start(radio: &Radio, ways: &[&str]) -> Notifier {
        let token = radio.folder.path().join("token");
        fs::write(&token, format!("{}\n", radio.viewer)).unwrap();
        let process = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/notify.py"))
            .args(["--server", &format!("http://{}", radio.address), "--after", "0", "--token-file"])
            .arg(&token)
            .args(ways)
            .stdout(Stdio::null())
            .spawn()
            .expect("python3 is there");
        until("it follows the events", || radio.look("/api/v1/server")["event_clients"] == 1);
        Notifier(process)
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server whose connections this function answers, each of which tells a message. Returns its address.
fn receives(answer: fn(TcpStream, &Sender<String>)) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, messages) = channel();
    thread::spawn(move || listener.incoming().flatten().for_each(|socket| answer(socket, &told)));
    (address, messages)
}

fn webhook(socket: TcpStream, told: &Sender<String>) {
    let mut reader = BufReader::new(socket);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(message["text"], message["content"]);
    let _ = told.send(message["text"].as_str().unwrap().to_owned());
}

fn mail_server(socket: TcpStream, told: &Sender<String>) {
    let mut reader = BufReader::new(socket);
    let mut mail = None::<String>;
    reader.get_mut().write_all(b"220 here\r\n").unwrap();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        let answer = match &mut mail {
            Some(text) if line == ".\r\n" => {
                let _ = told.send(std::mem::take(text));
                mail = None;
                "250 taken\r\n"
            }
            Some(text) => {
                text.push_str(&line);
                ""
            }
            None if line.to_ascii_lowercase().starts_with("data") => {
                mail = Some(String::new());
                "354 go on\r\n"
            }
            None if line.to_ascii_lowercase().starts_with("quit") => "221 bye\r\n",
            None => "250 well\r\n",
        };
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        line.clear();
    }
}

fn next(messages: &Receiver<String>) -> String {
    messages.recv_timeout(PATIENCE).expect("somebody is told")
}

#[test]
fn dead_air_and_files_that_fail_are_told_and_that_it_is_over() {
    let dead_air = DeadAir { after: Some(Duration::from_secs(1)), ..DeadAir::default() };
    let radio = Radio::with(|_| {}, |main| main.dead_air = dead_air);
    constant(&radio.music("silence.wav"), 0.0, 8_000 * 600);
    let (address, messages) = receives(webhook);
    let _notifier = Notifier::start(&radio, &["--webhook", &format!("http://{address}/hook")]);

    radio.pipeline().queue_files([Entry::new(radio.music("noise.mp3"))], Place::Next).unwrap();
    let said = next(&messages);
    assert!(said.starts_with("Files that could not be played:\n") && said.contains("noise.mp3: "), "{said}");
    // The guard skips silence, so the list has nothing else.
    for sounding in ["one.wav", "two.wav"] {
        constant(&radio.music(sounding), 0.0, 8_000 * 600);
    }
    radio.pipeline().play_file(radio.music("silence.wav"), None).unwrap();
    let said = next(&messages);
    assert!(said.starts_with("The station is in trouble: ") && said.contains("main"), "{said}");
    radio.pipeline().play_file(radio.music("three.wav"), None).unwrap();
    let said = next(&messages);
    assert!(said.starts_with("The station is well again, after "), "{said}");
}

/// Half a minute of a tone, and then what a line does that breaks, or a program that is closed.
fn dj(radio: &Radio, end: Option<ErrorKind>) -> (LiveSession, Sender<()>) {
    struct Line(Cursor<Vec<u8>>, Receiver<()>, Option<ErrorKind>);
    impl Read for Line {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            // A second at once, and then at the pace of the sound.
            if self.0.position() > 16_000
                && self.1.recv_timeout(Duration::from_millis(50)) != Err(RecvTimeoutError::Timeout)
            {
                return self.2.map_or(Ok(0), |kind| Err(kind.into()));
            }
            let most = out.len().min(800);
            self.0.read(&mut out[..most])
        }
    }
    let (hang_up, hung_up) = channel();
    let line = Line(Cursor::new(tone_file(30, 44_100, &["-b:a", "128k"], "mp3")), hung_up, end);
    let anna = SourceInfo { user: "anna".into(), ..SourceInfo::new("audio/mpeg") };
    (radio.pipeline().go_live("/live", anna, SourceStream::new(line)).unwrap(), hang_up)
}

#[test]
fn djs_and_recordings_are_told() {
    let record = RecordSettings { base: "/dev/null".into(), ..RecordSettings::into_files("x/{user}") };
    let (buffer, fade_in, grace) = (Duration::from_millis(300), Duration::from_millis(100), Duration::ZERO);
    let input = LiveSettings { buffer, fade_in, grace, record, ..LiveSettings::at("/live") };
    let mut radio = Radio::with(|_| {}, |main| main.live = vec![input]);
    let mut users = Users::read(&radio.folder.path().join("users")).unwrap();
    users.add("ben", Role::Source, "correct horse").unwrap();
    users.write(&radio.folder.path().join("users")).unwrap();
    radio.api.take();
    radio.start_api();
    let (address, messages) = receives(webhook);
    let url = format!("http://{address}/hook");
    let refused = |radio: &Radio| {
        let login = basic("ben", "correct horse");
        let mut client = Client::new(radio.connect());
        client.send("SOURCE", "/live", &format!("{login}Content-Type: audio/mpeg\r\n"), "");
        assert_eq!(client.answer(false).status, 403);
    };

    // Who must know what is wrong.
    let notifier = Notifier::start(&radio, &["--webhook", &url]);
    let (_session, hang_up) = dj(&radio, Some(ErrorKind::ConnectionReset));
    assert_eq!(next(&messages), "/live is not recorded: /dev/null/x/anna.mp3: Not a directory (os error 20)");
    until("she is heard", || radio.pipeline().live_inputs()[0].state == LiveState::OnAir);
    refused(&radio);
    let said = next(&messages);
    assert!(said.starts_with("ben at /live was refused: ") && said.contains("anna"), "{said}");
    drop(hang_up);
    let said = next(&messages);
    assert!(said.starts_with("anna at /live was on the air for "), "{said}");
    assert!(said.ends_with(" s: the line or the program broke"), "{said}");
    drop(notifier);
    until("it is gone", || radio.look("/api/v1/server")["event_clients"] == 0);

    // Who wants to know of everybody.
    let _notifier = Notifier::start(&radio, &["--live", "--webhook", &url]);
    let (_session, hang_up) = dj(&radio, None);
    assert!(next(&messages).starts_with("/live is not recorded: "));
    assert_eq!(next(&messages), "anna at /live is on the air");
    drop(hang_up);
    let said = next(&messages);
    assert!(said.starts_with("anna at /live was on the air for ") && said.ends_with(" s: left"), "{said}");
}

#[test]
fn a_station_that_does_not_answer_is_told_by_mail() {
    let mut radio = Radio::start();
    let (smtp, mails) = receives(mail_server);
    let _notifier = Notifier::start(&radio, &["--mail", "night@example.org", "--smtp", &smtp]);
    radio.stop();
    let mail = next(&mails);
    assert!(mail.contains("Subject: Longwave: The station is in trouble") && mail.contains("To: "), "{mail}");
    radio.start_again();
    let mail = next(&mails);
    assert!(mail.contains("Subject: Longwave: The station is well again"), "{mail}");
}
