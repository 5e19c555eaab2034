//! The example that tells somebody of trouble.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use longwave::{DeadAir, Entry, Place};
use longwave_testing::studio::constant;
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
