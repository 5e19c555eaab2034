//! Strangers at a station: what they do must not fill its memory.
#![cfg(all(feature = "mp3", target_os = "linux"))]

use longwave::{Role, Users};
use longwave_testing::client::{Client, basic};

use crate::reload::Served;

const CONFIG: &str = "[server]
listen = '127.0.0.1:0'
users_file = 'users'
[[pipeline]]
playlist = ['one.wav']
loop = true
[[pipeline.output]]
format = 'mp3'
mount = '/a.mp3'
";

#[test]
fn wrong_logins_leave_no_memory_behind() {
    let station = Served::start_with(CONFIG, &["--credentials", "users.first"]);
    let mut users = Users::default();
    users.add("alice", Role::Admin, "correct horse").unwrap();
    users.write(&station.path().join("users")).unwrap();
    station.reload();
    let status = |password: &str| {
        let login = basic("alice", password);
        Client::new(station.connect()).ask("GET", "/api/v1/server", &login, "").status
    };
    station.until("the user is known", || station.log().contains("changed: users"));
    assert_eq!(status("correct horse"), 200);
    let before = station.memory();
    let statuses: Vec<_> = (0..12).map(|guess| status(&format!("wrong {guess}"))).collect();
    assert!(statuses.iter().filter(|status| **status == 401).count() >= 5, "{statuses:?}");
    let more = station.memory().saturating_sub(before);
    assert!(more < 8_000, "{more} KiB more, when one hash takes 19 MiB");
}
