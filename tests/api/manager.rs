//! The queue manager of the examples.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::client::Radio;
use longwave_testing::until;

const QUEUE: &str = "/api/v1/pipelines/main/queue";

/// Killed when dropped.
struct Manager(Child);

impl Manager {
    fn start(radio: &Radio) -> Manager {
        let token = radio.folder.path().join("token");
        fs::write(&token, format!("{}\n", radio.admin)).unwrap();
        let process = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/queue_manager.py"))
            .arg(radio.folder.path().join("music"))
            .args(["--server", &format!("http://{}", radio.address), "--token-file"])
            .arg(&token)
            .stdout(Stdio::null())
            .spawn()
            .expect("python3 is there");
        Manager(process)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn queued(radio: &Radio) -> usize {
    radio.look(QUEUE).as_array().map_or(0, Vec::len)
}

#[test]
fn it_keeps_ten_tracks_queued_across_restarts() {
    let mut radio = Radio::start();
    fs::remove_file(radio.music("noise.mp3")).unwrap();
    let manager = Manager::start(&radio);
    until("ten are queued", || queued(&radio) == 10);
    let ids = |radio: &Radio| -> Vec<Value> {
        radio.look(QUEUE).as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect()
    };
    let before = ids(&radio);
    radio.pipeline().skip().unwrap();
    until("the next is queued when one begins", || {
        ids(&radio).last() != before.last() && queued(&radio) == 10
    });

    drop(manager);
    radio.pipeline().skip().unwrap();
    until("nobody fills it up", || queued(&radio) == 9);
    let _manager = Manager::start(&radio);
    until("it is filled up, and no more than that", || queued(&radio) == 10);

    // The API stops and starts, and its events begin anew.
    radio.api.take();
    radio.pipeline().skip().unwrap();
    radio.start_api();
    until("it is there again", || queued(&radio) == 10);

    // The whole station stops and starts with an empty queue. For a while there is no station.
    radio.stop();
    std::thread::sleep(Duration::from_millis(300));
    radio.start_again();
    until("it is filled up anew", || queued(&radio) == 10);
    let before = ids(&radio);
    radio.pipeline().skip().unwrap();
    until("it goes on", || ids(&radio).last() != before.last() && queued(&radio) == 10);
}
