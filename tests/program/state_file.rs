//! A daemon that is killed and continues at the same position.
#![cfg(feature = "mp3")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use longwave::PipelineSnapshot;
use longwave_testing::studio::constant;
use longwave_testing::{ms, seconds, until};
use serde_json::Value;

/// A running `longwave serve`. It is killed without a warning.
struct Daemon(Child);

impl Daemon {
    fn start(folder: &Path) -> Daemon {
        let serve = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .args(["serve", "station.toml"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Daemon(serve.unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap(); // SIGKILL
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A station that repeats these tracks in this order.
fn station(folder: &Path, tracks: &[(&str, Duration)]) {
    let list: String = tracks.iter().map(|(name, _)| format!("{name}.wav\n")).collect();
    for (name, length) in tracks {
        constant(&folder.join(format!("{name}.wav")), 0.1, (length.as_secs_f64() * 8000.0) as usize);
    }
    fs::write(folder.join("list.m3u"), list).unwrap();
    let text = "[server]\nlisten = [\"127.0.0.1:0\"]\n\
                [[pipeline]]\nplaylist = \"list.m3u\"\nloop = true\nstate_file = \"state.json\"\n\
                channels = 1\nsample_rate = 8000\n\
                [[pipeline.output]]\nformat = \"mp3\"\nmount = \"/radio.mp3\"\nbitrate = 32\n";
    fs::write(folder.join("station.toml"), text).unwrap();
}

/// The stored state. `None` if there is none; it is never incomplete.
fn kept(folder: &Path) -> Option<Value> {
    let file = folder.join("state.json");
    let state = file.exists().then(|| PipelineSnapshot::read(&file).expect("a whole state"))?;
    serde_json::to_value(&state).ok()
}

/// The name of the current track in a stored state, and how far it had been played.
fn current(state: &Value) -> Option<(String, Duration)> {
    let current = state.get("current").filter(|current| !current.is_null())?;
    let name = Path::new(current["path"].as_str().unwrap()).file_stem()?.to_str()?.to_owned();
    let played = &current["played"];
    let played = Duration::new(played["secs"].as_u64()?, played["nanos"].as_u64()? as u32);
    Some((name, played))
}

fn history(state: &Value) -> usize {
    state["history"].as_array().unwrap().len()
}

#[test]
fn a_daemon_that_is_killed_goes_on_within_the_track() {
    let folder = tempfile::tempdir().unwrap();
    station(folder.path(), &[("short", seconds(0.5)), ("long", seconds(60.0)), ("last", seconds(60.0))]);
    let daemon = Daemon::start(folder.path());
    // The state is stored every five seconds.
    let mut was = Duration::ZERO;
    until("it has been kept within the long track", || {
        let now = kept(folder.path()).and_then(|state| current(&state));
        was = now.filter(|(name, _)| name == "long").map_or(Duration::ZERO, |(_, played)| played);
        was > seconds(3.0)
    });
    daemon.kill();

    let before = fs::metadata(folder.path().join("state.json")).unwrap().modified().unwrap();
    let _daemon = Daemon::start(folder.path());
    until("it keeps its state again", || {
        fs::metadata(folder.path().join("state.json")).unwrap().modified().unwrap() > before
    });
    let state = kept(folder.path()).unwrap();
    let (name, played) = current(&state).unwrap();
    assert_eq!(name, "long");
    assert!(played >= was && played < was + seconds(3.0), "{was:?}, and then {played:?}");
    assert_eq!(history(&state), 2, "what goes on is in the history once");
}

#[test]
fn killed_at_any_moment_it_leaves_a_whole_state() {
    let folder = tempfile::tempdir().unwrap();
    let tracks = ["0", "1", "2", "3", "4"].map(|name| (name, ms(300)));
    station(folder.path(), &tracks);
    let seed = longwave_testing::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut heard = 0;
    for _ in 0..6 {
        let daemon = Daemon::start(folder.path());
        until("it goes on", || kept(folder.path()).is_some_and(|state| history(&state) > heard));
        std::thread::sleep(ms(random.u64(0..700)));
        daemon.kill();
        let state = kept(folder.path()).expect("there is a state");
        // In the same order as without the kill.
        let names = state["history"].as_array().unwrap().iter();
        let names: Vec<u64> =
            names.map(|played| played["track"]["title"].as_str().unwrap().parse().unwrap()).collect();
        let in_order = names.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 5);
        assert!(in_order && names[0] == 0, "{names:?}");
        heard = names.len();
    }
}
