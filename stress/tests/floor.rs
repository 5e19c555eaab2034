//! The tool against itself: what `listeners` and `stall` find at the floor, whose behaviour is known.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use tempfile::{NamedTempFile, TempPath};

/// A floor that runs until it is dropped.
struct Floor {
    child: Child,
    url: String,
}

impl Floor {
    fn start(options: &[&str]) -> Floor {
        let mut child =
            stress().arg("floor").args(options).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        Floor { child, url }
    }

    /// Ends it at once: the kernel breaks all connections whose data has not been read.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stress() -> Command {
    Command::new(env!("CARGO_BIN_EXE_longwave-stress"))
}

/// A run of the tool whose report goes to a file of its own.
struct Run {
    child: Child,
    stderr: BufReader<ChildStderr>,
    json: TempPath,
}

/// How it ended, and its report.
struct Outcome {
    success: bool,
    table: String,
    report: Value,
}

impl Run {
    fn start(command: &str, floor: &Floor, options: &[&str]) -> Run {
        let json = NamedTempFile::new().unwrap().into_temp_path();
        let mut child = stress()
            .args([command, "--url", &floor.url])
            .args(options)
            .arg("--json")
            .arg(&json)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Run { child, stderr, json }
    }

    /// Waits until it says so on standard error.
    fn wait_for(&mut self, said: &str) {
        let mut line = String::new();
        while !line.contains(said) {
            line.clear();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "ended without saying {said}");
        }
    }

    fn finish(self) -> Outcome {
        let output = self.child.wait_with_output().unwrap();
        let report = fs::read_to_string(&self.json).unwrap();
        Outcome {
            success: output.status.success(),
            table: String::from_utf8_lossy(&output.stdout).into_owned(),
            report: serde_json::from_str(&report).unwrap(),
        }
    }
}

fn listeners(floor: &Floor, options: &[&str]) -> Outcome {
    Run::start("listeners", floor, options).finish()
}

#[test]
fn fifty_listeners_find_nothing_wrong_with_the_floor() {
    let floor = Floor::start(&["--every", "100"]);
    let pid = floor.child.id().to_string();
    let options = "--count 50 --ramp 500 --settle 0.3 --seconds 2 --strict --server-pid";
    let Outcome { success, table, report } = listeners(&floor, &[&words(options)[..], &[&pid]].concat());
    assert!(success, "{table}");
    assert_eq!(report["joins"]["ramp"]["began"], 50);
    assert_eq!(report["window"]["rate"]["count"], 50);
    assert_eq!(report["window"]["joined_inside_packet"], 0);
    let segments = report["window"]["segments_per_listener_s"].as_f64().unwrap();
    assert!((7.0..=11.0).contains(&segments), "sent every 100 ms, and {segments} segments a second came");
    let files = |key: &str| report["server"][key].as_u64().unwrap();
    assert_eq!(files("open_files"), files("open_files_before") + 50);
}

#[test]
fn counting_agrees_with_checking() {
    let floor = Floor::start(&["--every", "100"]);
    let options = "--count 20 --ramp 500 --settle 0.3 --seconds 2 --check sample=4 --strict";
    let Outcome { success, table, report } = listeners(&floor, &words(options));
    assert!(success, "{table}");
    assert_eq!(report["window"]["rate"]["count"], 20);
}

#[test]
fn who_leaves_is_replaced_and_no_fault_of_the_server() {
    let floor = Floor::start(&["--every", "100"]);
    let options = "--count 30 --ramp 500 --settle 0.2 --seconds 2 --churn 20 --reset 20 --join-storm 40@0.5 \
                   --stalled-percent 10 --slow-percent 10 --strict";
    let Outcome { success, table, report } = listeners(&floor, &words(options));
    assert!(success, "{table}");
    assert_eq!(report["joins"]["ramp"]["began"], 30);
    assert_eq!(report["joins"]["storm"]["began"], 40);
    let churned = report["joins"]["churn"]["attempted"].as_u64().unwrap();
    assert!(churned > 40, "{churned} came for those who left");
    assert_eq!((&report["stalled"]["began"], &report["slow"]["began"]), (&3.into(), &3.into()));
}

#[test]
fn a_server_that_dies_loses_every_listener() {
    let mut floor = Floor::start(&["--every", "50"]);
    let options = "--count 10 --ramp 500 --settle 0.1 --seconds 1 --strict --progress";
    let mut run = Run::start("listeners", &floor, &words(options));
    run.wait_for("measuring");
    floor.kill();
    let Outcome { success, report, .. } = run.finish();
    assert!(!success);
    let lost = &report["window"]["lost"];
    let count = |why: &str| lost[why].as_u64().unwrap_or(0);
    assert_eq!(count("closed") + count("reset"), 10, "{lost}");
}

#[test]
fn nobody_there_is_a_failure_of_each_to_join() {
    let mut floor = Floor::start(&[]);
    floor.kill();
    let Outcome { success, report, .. } =
        listeners(&floor, &words("--count 3 --settle 0 --seconds 0.2 --strict"));
    assert!(!success);
    assert_eq!(report["joins"]["ramp"]["failures"]["refused"], 3);
}

#[test]
fn an_interrupt_leaves_partial_results() {
    let floor = Floor::start(&["--every", "50"]);
    let options = "--count 10 --ramp 500 --settle 0 --seconds 600 --progress";
    let mut run = Run::start("listeners", &floor, &words(options));
    run.wait_for("measuring");
    let pid = run.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let Outcome { success, report, .. } = run.finish();
    assert!(success);
    assert_eq!(report["interrupted"], true);
    assert_eq!(report["window"]["gap_ms"]["count"], 10);
}

#[test]
fn the_stalled_are_seen_to_be_let_go() {
    let mut floor = Floor::start(&["--every", "50"]);
    let mut run = Run::start("stall", &floor, &words("--count 5 --patience 20"));
    run.wait_for("all 5 have bytes");
    floor.kill();
    let Outcome { report, .. } = run.finish();
    assert_eq!((&report["kept"], &report["lingering"]), (&0.into(), &0.into()));
    assert_eq!(report["let_go_after_s"]["count"], 5);
}

fn words(options: &str) -> Vec<&str> {
    options.split_whitespace().collect()
}
