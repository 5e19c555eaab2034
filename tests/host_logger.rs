//! A host's logger that panics or hangs, and the threads that call it. This test has a process of its own,
//! because a process has one logger.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use longwave::{Clock, EventKind, Pipeline, Server};
use longwave_testing::studio::{MOUNT, SMALL, server};
use longwave_testing::tap::Tap;
use longwave_testing::{A_STOP, ms, seconds, until};

/// The lines that were logged without a panic.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Panics when there is nothing to play, and hangs at the access line of one path.
struct Logger(Mutex<Receiver<()>>);

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = record.args().to_string();
        assert!(!line.contains("nothing to play"), "a host's logger panics");
        if line.contains("/stuck") {
            // Until the test is over.
            _ = self.0.lock().unwrap().recv();
        }
        LINES.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_that_panics_or_hangs_leaves_no_half_of_a_station() {
    let (release, stuck) = channel();
    log::set_boxed_logger(Box::new(Logger(Mutex::new(stuck)))).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    a_mixer_that_panics_takes_its_pipeline_off_the_air_in_order_though_its_logger_panics_too();
    a_thread_of_its_own_server_that_is_stuck_is_named_in_time();
    drop(release);
}

fn a_mixer_that_panics_takes_its_pipeline_off_the_air_in_order_though_its_logger_panics_too() {
    let (clock, stepper) = Clock::stepped();
    let server = server();
    let (told, stops) = channel();
    let pipeline = Pipeline::builder("main")
        .sample_rate(SMALL.rate.hz())
        .channels(1)
        .clock(clock)
        .server(&server)
        .output_with(Tap::counting().output(MOUNT))
        .on(EventKind::PipelineStop, move |_, _| told.send(()).unwrap())
        .start()
        .unwrap();
    until("it has found that there is nothing to play", || {
        stepper.advance(ms(128));
        pipeline.health().problems.iter().any(|problem| problem.contains("nothing"))
    });
    // The mixer does not live until that time.
    stepper.advance(std::time::Duration::from_secs(1 << 63));
    until("it is seen not to run", || !pipeline.is_running());
    stops.recv_timeout(seconds(20.0)).expect("hooks hear of its end");
    assert!(server.mount_info(MOUNT).is_none(), "its mount has ended");
    assert!(pipeline.skip().is_err());
    assert_eq!(pipeline.stop().abandoned, Vec::<String>::new());
    assert!(server.is_running(), "a server that others use stays");
    get(&server, "/later");
    until("the lines after the one that panicked are logged", || {
        LINES.lock().unwrap().iter().any(|line| line.contains("/later"))
    });
}

fn a_thread_of_its_own_server_that_is_stuck_is_named_in_time() {
    let pipeline = Pipeline::builder("main")
        .listen(([127, 0, 0, 1], 0).into())
        .output_with(Tap::counting().output(MOUNT))
        .start()
        .unwrap();
    get(&pipeline.server().unwrap(), "/stuck");
    let before = Instant::now();
    assert_eq!(pipeline.stop().abandoned, ["journal"]);
    assert!(before.elapsed() < A_STOP, "{:?}", before.elapsed());
}

/// Asks for something that is not there.
fn get(server: &Server, path: &str) {
    let mut client = TcpStream::connect(server.local_addrs()[0]).unwrap();
    write!(client, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
}
