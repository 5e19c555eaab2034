//! Stops with stuck threads: they take a bounded time, keep their order, and report the threads by name.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use longwave::{
    Encoder, EncoderSettings, Entry, Error, EventKind, FrameCount, OutputSettings, Packet, PcmSpec, Pipeline,
    PipelineSettings, Result, ServerSettings, Station, StationSettings, Tags,
};
use longwave_testing::radio::output;
use longwave_testing::studio::{MOUNT, SMALL, Studio, constant, server};
use longwave_testing::tap::Tap;
use longwave_testing::{A_STOP, ms, seconds, until};

/// Makes a `decode` thread of the pipeline wait until the sender is dropped.
fn stick(pipeline: &Pipeline, folder: &std::path::Path) -> Sender<()> {
    let (release, stuck) = channel::<()>();
    let (told, entered) = channel();
    let stuck = Mutex::new(stuck);
    let wait = move |_: &Entry, _: &Tags| {
        // The test may have ended.
        _ = told.send(());
        _ = stuck.lock().unwrap().recv();
        String::new()
    };
    pipeline.set_title_format(wait).unwrap();
    let track = folder.join("track.wav");
    constant(&track, 0.25, 8_000);
    pipeline.play_file(&track, None).unwrap();
    entered.recv_timeout(Duration::from_secs(20)).expect("a decode thread that is stuck");
    release
}

#[test]
fn a_thread_that_is_not_stuck_has_time_to_end_and_is_not_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (told, calls) = channel();
    let pipeline = Pipeline::builder("main")
        .listen(([127, 0, 0, 1], 0).into())
        .output_with(Tap::counting().output(MOUNT))
        .state_file(&state)
        .on(EventKind::PipelineStop, move |_, _| {
            std::thread::sleep(ms(200));
            told.send(()).unwrap();
        })
        .start()
        .unwrap();
    let _release = stick(&pipeline, folder.path());
    std::fs::remove_file(&state).ok();
    let before = Instant::now();
    assert_eq!(pipeline.stop().abandoned, ["decode"]);
    assert!(before.elapsed() < A_STOP, "{:?}", before.elapsed());
    assert!(calls.try_recv().is_ok(), "the hook had the time that it takes");
    assert!(state.exists(), "the last state was written");
}

#[test]
fn a_station_stops_within_five_seconds_however_many_of_its_pipelines_are_stuck() {
    let folder = tempfile::tempdir().unwrap();
    let pipelines = ["a", "b", "c"].map(|name| PipelineSettings {
        name: name.into(),
        spec: SMALL,
        outputs: vec![Tap::counting().output(&format!("/{name}"))],
        ..PipelineSettings::default()
    });
    let server = ServerSettings { listen: vec![([127, 0, 0, 1], 0).into()], ..ServerSettings::default() };
    let station =
        Station::start(StationSettings { server, pipelines: pipelines.into(), ..StationSettings::default() })
            .unwrap();
    let _releases: Vec<_> =
        station.pipelines().iter().map(|pipeline| stick(pipeline, folder.path())).collect();
    let before = Instant::now();
    assert_eq!(station.stop().abandoned, ["decode"; 3]);
    assert!(before.elapsed() < A_STOP, "{:?}", before.elapsed());
}

/// An encoder that does not come back until the sender is dropped.
#[derive(Clone, Debug)]
struct Stuck(Arc<Mutex<Receiver<()>>>);

impl EncoderSettings for Stuck {
    fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(self.clone()))
    }
    fn content_type(&self) -> &str {
        "audio/x-stuck"
    }
    fn bitrate(&self) -> Option<u32> {
        None
    }
}

impl Encoder for Stuck {
    fn encode(&mut self, _: &[f32], _: &mut Vec<Packet>) -> Result<()> {
        let _ = self.0.lock().unwrap().recv();
        Ok(())
    }
    fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
        Ok(())
    }
    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }
}

#[test]
fn encoders_that_hang_hold_up_no_other_pipeline_and_are_named_when_theirs_stops() {
    let server = server();
    let start = |name: &str, output: OutputSettings| {
        let pipeline = Pipeline::builder(name).server(&server).sample_rate(8000).channels(1);
        pipeline.output_with(output).start().unwrap()
    };
    // More of them than there are cores.
    let count = std::thread::available_parallelism().unwrap().get() + 2;
    let (releases, stuck): (Vec<_>, Vec<_>) = (0..count)
        .map(|n| {
            let (release, words) = channel();
            let encoder = Stuck(Arc::new(Mutex::new(words)));
            (release, start(&format!("stuck-{n}"), output(&format!("/stuck-{n}"), encoder)))
        })
        .unzip();
    let tap = Tap::counting();
    let other = start("other", tap.output("/other"));
    let is_slow = |pipeline: &Pipeline| {
        pipeline.health().problems.iter().any(|problem| problem.contains("the encoder makes no progress"))
    };
    until("they are known to hang", || stuck.iter().all(is_slow));
    let before = tap.frames();
    until("the other one goes on", || tap.frames() > before + 16_000);
    assert!(!is_slow(&other), "{:?}", other.health().problems);

    let stops: Vec<_> =
        stuck.into_iter().map(|pipeline| std::thread::spawn(move || pipeline.stop().abandoned)).collect();
    for (n, stop) in stops.into_iter().enumerate() {
        assert_eq!(stop.join().unwrap(), [format!("enc (/stuck-{n})")]);
    }
    let before = tap.frames();
    until("it still does", || tap.frames() > before + 8_000);
    let began = Instant::now();
    assert_eq!(other.stop().abandoned, [""; 0], "what hangs is not its own");
    assert!(began.elapsed() < seconds(3.0), "{:?}", began.elapsed());
    assert_eq!(server.stop().abandoned, [""; 0]);
    drop::<Vec<Sender<()>>>(releases);
}

#[test]
fn a_hook_may_stop_its_station() {
    let server = ServerSettings { listen: vec![([127, 0, 0, 1], 0).into()], ..ServerSettings::default() };
    let pipelines = ["a", "b"].map(|name| PipelineSettings {
        name: name.into(),
        spec: SMALL,
        outputs: vec![Tap::counting().output(&format!("/{name}"))],
        ..PipelineSettings::default()
    });
    let station =
        Station::start(StationSettings { server, pipelines: pipelines.into(), ..StationSettings::default() })
            .unwrap();
    let [a, b] = station.pipelines() else { panic!("two pipelines") };
    let (pipeline, other) = (a.clone(), b.clone());
    let station = Arc::new(station);
    let (told, stopped) = channel();
    let of_hook = station.clone();
    pipeline.add_hook(EventKind::NothingToPlay, move |_, _| told.send(of_hook.stop()).unwrap()).unwrap();
    // Nothing is up next once this has been heard.
    let folder = tempfile::tempdir().unwrap();
    let track = folder.path().join("track.wav");
    constant(&track, 0.25, 800);
    pipeline.play_file(&track, None).unwrap();
    let report = stopped.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(report.abandoned, Vec::<String>::new());
    assert!(!pipeline.is_running() && !other.is_running() && !station.server().is_running());
}

#[test]
fn what_hooks_hold_is_free_when_the_pipeline_has_stopped() {
    let studio = Studio::new();
    let token = Arc::new(());
    let held = Arc::downgrade(&token);
    studio
        .pipeline
        .add_hook(EventKind::TrackChange, {
            // Hooks that drive more than one pipeline hold a handle like this.
            let pipeline = studio.pipeline.clone();
            move |_, _| _ = (pipeline.name(), &token)
        })
        .unwrap();
    studio.pipeline.stop();
    until("its hook is gone", || held.upgrade().is_none());
    let late = Arc::new(());
    let held: Weak<()> = Arc::downgrade(&late);
    let refused = studio.pipeline.add_hook(EventKind::TrackChange, move |_, _| _ = &late);
    assert!(matches!(refused, Err(Error::Stopped(_))));
    assert!(held.upgrade().is_none(), "nor is one kept that comes too late");
}

/// Calls its pipeline when it is dropped.
struct Farewell(Pipeline, Sender<()>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.events(1);
        self.1.send(()).unwrap();
    }
}

#[test]
fn a_removed_hook_may_use_the_pipeline_while_it_is_dropped() {
    let studio = Studio::new();
    let (told, gone) = channel();
    let farewell = Farewell(studio.pipeline.clone(), told);
    let hook = studio.pipeline.add_hook(EventKind::TrackChange, move |_, _| _ = &farewell).unwrap();
    let pipeline = studio.pipeline.clone();
    // On a thread of its own, because it would otherwise wait for itself for ever.
    std::thread::spawn(move || pipeline.remove_hook(hook));
    gone.recv_timeout(Duration::from_secs(20)).expect("the hook is let go of");
}
