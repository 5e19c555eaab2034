//! Events that an application gets, and what it may do in a hook.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use longwave::{
    CloseReason, Encoder, EncoderSettings, Entry, EntryId, Error, Event, EventKind, EventReceiver,
    FrameCount, Hooks, ListOptions, Packet, PcmSpec, Pipeline, Place, Result, VoiceOptions,
};
use longwave_testing::radio::output;
use longwave_testing::studio::{JOB, MOUNT, Studio};
use longwave_testing::tap::Tap;
use longwave_testing::{ms, seconds, until};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

fn looped() -> ListOptions {
    ListOptions { repeat: true, ..ListOptions::default() }
}

/// A pipeline that repeats two tracks of a second each.
fn on_air() -> Studio {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries(&["a", "b"]), &looped()).unwrap();
    studio
}

/// The events that a hook gets.
fn listen_for(pipeline: &Pipeline, kind: EventKind) -> Receiver<Event> {
    let (told, calls) = channel();
    pipeline.add_hook(kind, move |_, event| told.send(event.clone()).unwrap()).unwrap();
    calls
}

fn next(calls: &Receiver<Event>) -> Event {
    calls.recv_timeout(Duration::from_secs(20)).expect("the hook is called")
}

#[test]
fn add_hook_for_pipeline_start_and_pipeline_stop() {
    let (told, calls) = channel();
    let hook = move |pipeline: &Pipeline, event: &Event| {
        told.send((event.kind().as_str(), pipeline.name().to_owned(), pipeline.is_running())).unwrap();
    };
    let studio = Studio::with(|settings| {
        settings.hooks =
            Hooks::new().on(EventKind::PipelineStart, hook.clone()).on(EventKind::PipelineStop, hook);
    });
    let started = calls.recv_timeout(Duration::from_secs(20)).expect("the hook is called");
    assert_eq!(started, ("pipeline-start", "main".into(), true));
    studio.stop();
    let calls: Vec<_> = calls.try_iter().collect();
    assert_eq!(calls, [("pipeline-stop", "main".to_owned(), false)], "stop waits for the last hook");
}

#[test]
fn events_of_the_builder_begin_with_the_start() {
    let mut builder =
        Pipeline::builder("main").sample_rate(8000).channels(1).output("/main", Tap::counting());
    let events = builder.events(10);
    let pipeline = builder.listen("127.0.0.1:0".parse().unwrap()).start().unwrap();
    assert!(matches!(events.recv_timeout(seconds(20.0)), Some(Event::PipelineStart)));
    pipeline.stop();
}

#[test]
fn add_hook_for_track_change_and_playlist_change() {
    let studio = Studio::new();
    let tracks = listen_for(&studio.pipeline, EventKind::TrackChange);
    let lists = listen_for(&studio.pipeline, EventKind::PlaylistChange);
    studio.pipeline.play_list("the list", studio.entries(&["a", "b"]), &looped()).unwrap();
    studio.run(seconds(1.5));
    let Event::TrackChange { track, at } = next(&tracks) else { panic!() };
    assert_eq!((track.title.as_str(), at.0), ("a", 1024));
    let Event::TrackChange { track, at } = next(&tracks) else { panic!() };
    assert_eq!((track.title.as_str(), at.0), ("b", 1024 + 8000));
    let Event::PlaylistChange { name, length } = next(&lists) else { panic!() };
    assert_eq!((name.as_str(), length), ("the list", 2));
    assert!(lists.try_recv().is_err(), "once a list");
}

#[test]
fn add_hook_for_track_failed_and_nothing_to_play() {
    let studio = Studio::new();
    let failed = listen_for(&studio.pipeline, EventKind::TrackFailed);
    let nothing = listen_for(&studio.pipeline, EventKind::NothingToPlay);
    let text = studio.path("text.flac");
    std::fs::write(&text, "no music").unwrap();
    let mut entries = studio.entries(&["a"]);
    entries.push(Entry::new(&text));
    studio.pipeline.queue_files(entries, Place::End).unwrap();
    studio.run(seconds(2.0));
    let Event::TrackFailed { file, reason } = next(&failed) else { panic!() };
    assert!(file == text && !reason.is_empty(), "{reason}");
    assert!(matches!(next(&nothing), Event::NothingToPlay));
}

#[test]
fn add_hook_for_voice_began_and_ended_and_ramp_done() {
    let studio = Studio::new();
    let began = listen_for(&studio.pipeline, EventKind::VoiceBegan);
    let ended = listen_for(&studio.pipeline, EventKind::VoiceEnded);
    let ramps = listen_for(&studio.pipeline, EventKind::RampDone);
    let path = studio.track("deck.wav", 0.1, seconds(5.0));
    let waits = VoiceOptions { paused: true, ..VoiceOptions::default() };
    let deck = studio.pipeline.play_voice(path, waits).unwrap();
    studio.run(seconds(1.0));
    assert!(began.try_recv().is_err(), "it waits");
    studio.pipeline.resume_voice(deck).unwrap();
    studio.pipeline.ramp_volume(deck, 0.5, seconds(1.0), longwave::Curve::Decibels, true).unwrap();
    studio.run(seconds(2.0));
    let Event::VoiceBegan { voice, track: Some(track) } = next(&began) else { panic!() };
    assert_eq!((voice, &*track.title, track.id), (deck, "deck", EntryId(0)));
    assert!(matches!(next(&ramps), Event::RampDone { voice, volume: 0.5 } if voice == deck));
    assert!(matches!(next(&ended), Event::VoiceEnded { voice, stopped: true } if voice == deck));
}

#[test]
fn add_hook_for_dead_air_begins_and_ends() {
    let studio = Studio::new();
    let begins = listen_for(&studio.pipeline, EventKind::DeadAirBegins);
    let ends = listen_for(&studio.pipeline, EventKind::DeadAirEnds);
    let silent = Entry::new(studio.track("silent.wav", 0.0, seconds(60.0)));
    studio.pipeline.queue_files(studio.entries(&["sound"]), Place::End).unwrap();
    studio.pipeline.play_list("list", [silent], &ListOptions::default()).unwrap();
    studio.run(seconds(22.0));
    let Event::DeadAirBegins { reason } = next(&begins) else { panic!() };
    assert_eq!(reason, "the mix is silent");
    assert!(studio.pipeline.health().problems.iter().any(|problem| problem.starts_with("dead air")));
    studio.run(seconds(20.0));
    studio.pipeline.queue_files(studio.entries(&["more"]), Place::End).unwrap();
    studio.run(seconds(1.0));
    let Event::DeadAirEnds { lasted } = next(&ends) else { panic!() };
    assert!(lasted > seconds(20.0), "{lasted:?}");
    until("all is well", || studio.pipeline.health().is_ok());
}

/// An encoder that fails once, at a certain sample.
#[derive(Debug)]
struct Choosy;

impl EncoderSettings for Choosy {
    fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Choosy))
    }
    fn content_type(&self) -> &str {
        "audio/x-choosy"
    }
    fn bitrate(&self) -> Option<u32> {
        None
    }
}

impl Encoder for Choosy {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        if pcm.contains(&0.666) {
            return Err(Error::Encoder("it does not like 0.666".into()));
        }
        packets.push(Packet { bytes: Box::new([0; 16]), frames: pcm.len() as u32 });
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
fn add_hook_for_encoder_failed_and_recovered() {
    let studio = Studio::with(|settings| settings.outputs.push(output("/choosy", Choosy)));
    let failed = listen_for(&studio.pipeline, EventKind::EncoderFailed);
    let recovered = listen_for(&studio.pipeline, EventKind::EncoderRecovered);
    let bad = Entry::new(studio.track("bad.wav", 0.666, seconds(0.5)));
    studio.pipeline.queue_files([bad], Place::End).unwrap();
    studio.run(seconds(0.256));
    let Event::EncoderFailed { mount, reason } = next(&failed) else { panic!() };
    assert!(mount == "/choosy" && reason.contains("0.666"), "{mount}: {reason}");
    let says = "/choosy: the encoder has failed and is being rebuilt";
    assert!(studio.pipeline.health().problems.iter().any(|problem| problem == says));
    studio.run(seconds(3.0));
    assert!(matches!(next(&recovered), Event::EncoderRecovered { mount } if mount == "/choosy"));
    let frames = studio.pipeline.time_on_air().as_millis() as usize * 8;
    assert!(studio.stop().len() >= frames, "the other output missed nothing");
}

/// The server's next event. It arrives with one of the mixer's next jobs.
fn next_by_job(studio: &Studio, events: &Receiver<Event>) -> Event {
    let mut event = None;
    studio.run_until("the server has told", || {
        event = events.recv_timeout(ms(1)).ok();
        event.is_some()
    });
    event.unwrap()
}

#[test]
fn add_hook_for_listener_joined_and_left() {
    let studio = Studio::with(|settings| settings.outputs.push(Tap::counting().output("/other")));
    let joined = listen_for(&studio.pipeline, EventKind::ListenerJoined);
    let left = listen_for(&studio.pipeline, EventKind::ListenerLeft);
    studio.run(seconds(60.0));
    let mut player = TcpStream::connect(studio.server.local_addrs()[0]).unwrap();
    write!(player, "GET {MOUNT} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ear/1\r\n\r\n").unwrap();
    player.read_exact(&mut [0; 512]).unwrap();
    until("it is counted", || studio.pipeline.listener_count(None).unwrap() == 1);
    let Event::ListenerJoined { mount, address, agent, .. } = next_by_job(&studio, &joined) else { panic!() };
    assert_eq!((mount.as_str(), agent.as_str(), address.unwrap().is_loopback()), (MOUNT, "ear/1", true));
    player.shutdown(Shutdown::Both).unwrap();
    drop(player);
    let left = next_by_job(&studio, &left);
    assert_eq!(studio.pipeline.listener_count(None).unwrap(), 0);
    let Event::ListenerLeft { mount, duration, bytes, .. } = left else { panic!() };
    assert!(mount == MOUNT && duration > seconds(1.0) && bytes > 0, "{duration:?} {bytes}");
}

#[test]
fn every_join_has_a_leave_when_its_output_or_its_pipeline_ends() {
    let studio = Studio::with(|settings| settings.outputs.push(Tap::counting().output("/second")));
    let events = studio.pipeline.events(100).unwrap();
    studio.run(seconds(60.0));
    let players = [MOUNT, "/second"].map(|mount| {
        let mut player = TcpStream::connect(studio.server.local_addrs()[0]).unwrap();
        write!(player, "GET {mount} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {mount}\r\n\r\n").unwrap();
        player.read_exact(&mut [0; 512]).unwrap();
        player
    });
    until("they are counted", || studio.pipeline.listener_count(None).unwrap() == 2);
    studio.run(JOB);
    let joined = |event: &Event| matches!(event, Event::ListenerJoined { .. });
    until("both are told", || studio.told(joined) == 2);
    let left = || {
        let next = events.recv_timeout(Duration::from_secs(20)).expect("an event");
        match next {
            Event::ListenerLeft { mount, agent, duration, bytes, reason, .. } => {
                assert!(mount == agent && duration > seconds(1.0) && bytes > 512, "{duration:?} {bytes}");
                Some((mount, reason))
            }
            Event::PipelineStop => Some(("pipeline-stop".into(), CloseReason::Left)),
            _ => None,
        }
    };
    let next = || std::iter::repeat_with(left).flatten().next().unwrap();
    studio.pipeline.remove_output("/second").unwrap();
    studio.run_until("it is told", || studio.told(|event| matches!(event, Event::ListenerLeft { .. })) == 1);
    assert_eq!(next(), ("/second".into(), CloseReason::MountEnded));
    studio.stop();
    assert_eq!(next(), (MOUNT.into(), CloseReason::MountEnded));
    assert_eq!(next().0, "pipeline-stop", "after everybody was seen off");
    assert!(events.recv().is_none());
    drop(players);
}

#[test]
fn remove_hook() {
    let studio = on_air();
    let calls = Arc::new(Mutex::new(0));
    let hook = studio
        .pipeline
        .add_hook(EventKind::TrackChange, {
            let calls = calls.clone();
            move |_, _| *calls.lock().unwrap() += 1
        })
        .unwrap();
    let marker = listen_for(&studio.pipeline, EventKind::TrackChange);
    studio.run(seconds(1.0));
    next(&marker);
    assert!(studio.pipeline.remove_hook(hook));
    assert!(!studio.pipeline.remove_hook(hook), "once");
    studio.run(seconds(1.0));
    next(&marker);
    assert_eq!(*calls.lock().unwrap(), 1);
}

#[test]
fn a_hook_may_skip_and_queue() {
    let studio = on_air();
    let jingle = studio.track("jingle.wav", 0.3, seconds(1.0));
    studio
        .pipeline
        .add_hook(EventKind::TrackChange, move |pipeline, event| {
            let Event::TrackChange { track, .. } = event else { panic!() };
            match track.title.as_str() {
                "a" => drop(pipeline.queue_files([Entry::new(&jingle)], Place::Next).unwrap()),
                "b" => pipeline.skip().unwrap(),
                _ => {}
            }
        })
        .unwrap();
    let handled = listen_for(&studio.pipeline, EventKind::TrackChange);
    for expected in ["a", "jingle", "b", "a", "jingle", "b"] {
        studio.run_until(expected, || studio.played().last().is_some_and(|title| title == expected));
        next(&handled);
    }
    // b was skipped each time, so the next track begins with the next block.
    let began = studio.began_at();
    assert!(began[3] - began[2] <= 2 * 1024 && began[1] - began[0] == 8000, "{began:?}");
}

#[test]
fn a_hook_may_remove_itself() {
    let studio = on_air();
    let own = Arc::new(Mutex::new(None));
    let (told, calls) = channel();
    let hook = studio
        .pipeline
        .add_hook(EventKind::TrackChange, {
            let own = own.clone();
            move |pipeline, _| {
                assert!(pipeline.remove_hook(own.lock().unwrap().take().expect("it is called once")));
                told.send(()).unwrap();
            }
        })
        .unwrap();
    *own.lock().unwrap() = Some(hook);
    let after = listen_for(&studio.pipeline, EventKind::TrackChange);
    studio.run(seconds(2.5));
    for _ in 0..3 {
        next(&after);
    }
    assert_eq!(calls.iter().count(), 1, "and its closure is gone");
}

#[test]
fn a_hook_may_stop_its_own_pipeline() {
    let studio = on_air();
    let pipeline = studio.pipeline.clone();
    pipeline
        .add_hook(EventKind::TrackChange, |pipeline, event| {
            if let Event::TrackChange { track, .. } = event
                && track.title == "b"
            {
                assert_eq!(pipeline.stop().abandoned, Vec::<String>::new());
            }
        })
        .unwrap();
    let stopped = listen_for(&pipeline, EventKind::PipelineStop);
    studio.run(seconds(1.1));
    let before = Instant::now();
    assert!(matches!(next(&stopped), Event::PipelineStop));
    assert!(before.elapsed() < Duration::from_secs(4), "it does not wait for itself");
    assert!(studio.server.mount_info(MOUNT).is_none());
    assert_eq!(pipeline.stop().abandoned, Vec::<String>::new());
}

#[test]
fn a_hook_may_stop_a_pipeline_that_is_being_stopped() {
    let studio = on_air();
    studio
        .pipeline
        .add_hook(EventKind::PipelineStop, |pipeline, _| {
            assert_eq!(pipeline.stop().abandoned, Vec::<String>::new());
        })
        .unwrap();
    let after = listen_for(&studio.pipeline, EventKind::PipelineStop);
    let before = Instant::now();
    studio.stop();
    assert!(before.elapsed() < Duration::from_secs(4), "neither waits for the other");
    assert!(matches!(after.try_recv(), Ok(Event::PipelineStop)));
}

#[test]
fn a_hook_that_panics_stays_and_hooks_go_on() {
    let studio = on_air();
    studio.pipeline.add_hook(EventKind::TrackChange, |_, _| panic!("a hook's own fault")).unwrap();
    let after = listen_for(&studio.pipeline, EventKind::TrackChange);
    studio.run(seconds(1.5));
    next(&after);
    next(&after);
    assert_eq!(studio.played(), ["a", "b"]);
    assert!(studio.pipeline.is_running());
    studio.stop();
}

#[test]
fn a_hook_that_hangs_delays_only_later_hooks_and_is_reported() {
    let studio = on_air();
    let (release, hangs) = channel::<()>();
    studio.pipeline.add_hook(EventKind::PlaylistChange, move |_, _| _ = hangs.recv()).unwrap();
    let later = listen_for(&studio.pipeline, EventKind::TrackChange);
    studio.run(seconds(1.5));
    next(&later); // the event of the first track comes before that of its playlist
    // The audio continues, receivers get their events, and later hooks wait.
    studio.run(seconds(60.0));
    assert_eq!(studio.played().len(), 62);
    assert!(later.try_recv().is_err());
    let reported = "a hook for playlist-change does not end; later hooks wait";
    studio.run_until("it is reported", || {
        std::thread::sleep(ms(10));
        studio.pipeline.health().problems.iter().any(|problem| problem == reported)
    });
    release.send(()).unwrap();
    for _ in 1..62 {
        assert!(matches!(next(&later), Event::TrackChange { .. }), "none is lost");
    }
    until("all is well again", || studio.pipeline.health().is_ok());
}

#[test]
fn a_hook_that_never_ends_is_left_behind_and_named_when_its_pipeline_stops() {
    let studio = on_air();
    let (_never, hangs) = channel::<()>();
    let (told, entered) = channel();
    studio
        .pipeline
        .add_hook(EventKind::TrackChange, move |_, _| {
            told.send(()).unwrap();
            _ = hangs.recv();
        })
        .unwrap();
    studio.run(seconds(1.0));
    entered.recv_timeout(Duration::from_secs(20)).unwrap();
    let before = Instant::now();
    assert_eq!(studio.pipeline.stop().abandoned, ["hooks"]);
    let took = before.elapsed();
    assert!(took > seconds(4.5) && took < seconds(7.0), "within five seconds: {took:?}");
    assert_eq!(studio.pipeline.stop().abandoned, ["hooks"]);
}

#[test]
fn receivers_that_overflow_say_how_many_they_missed() {
    let studio = Studio::new();
    let small = studio.pipeline.events(3).unwrap();
    let large = studio.pipeline.events(1000).unwrap();
    studio.pipeline.play_list("list", studio.entries(&["a", "b"]), &looped()).unwrap();
    studio.run(seconds(9.9));
    let titles = |events: &EventReceiver| {
        let all = std::iter::from_fn(|| events.try_recv());
        all.map(|event| match event {
            Event::TrackChange { track, .. } => track.title.clone(),
            Event::Missed { count } => format!("missed {count}"),
            other => other.kind().as_str().into(),
        })
        .collect::<Vec<_>>()
    };
    let all = titles(&large);
    assert_eq!((all.len(), &all[..4]), (11, &["a", "playlist-change", "b", "a"].map(String::from)[..]));
    assert_eq!(titles(&small), ["a", "playlist-change", "b", "missed 8"]);
    // After the missed events the receiver gets the later ones.
    studio.run(seconds(1.0));
    assert_eq!(titles(&small), ["a"]);
    assert_eq!(small.recv_timeout(ms(1)).map(|event| event.kind()), None);
    studio.pipeline.stop();
    assert_eq!(titles(&small), ["pipeline-stop"]);
    assert!(small.recv().is_none(), "nothing follows");
}

/// Whether an event loop would report the descriptor as readable.
fn is_readable(events: &EventReceiver) -> bool {
    let mut waited_for = [PollFd::new(events.descriptor().unwrap(), PollFlags::POLLIN)];
    poll(&mut waited_for, PollTimeout::ZERO).unwrap() == 1
}

#[test]
fn the_descriptor_of_a_receiver_is_readable_as_long_as_events_wait_and_once_all_is_over() {
    let mut early = None;
    let studio = Studio::with(|settings| early = Some(settings.hooks.events(1)));
    let early = early.unwrap();
    assert!(is_readable(&early), "it has heard of the start");
    studio.pipeline.play_list("list", studio.entries(&["a"]), &looped()).unwrap();
    let late = studio.pipeline.events(10).unwrap();
    assert!(!is_readable(&late), "nothing has happened since");
    studio.run(seconds(0.5));
    assert!(is_readable(&late));
    while late.try_recv().is_some() {
        assert_eq!(is_readable(&late), format!("{late:?}") != "EventReceiver { waiting: 0 }");
    }
    assert!(matches!(early.try_recv(), Some(Event::PipelineStart)));
    assert!(is_readable(&early), "it has missed the track");
    assert!(matches!(early.try_recv(), Some(Event::Missed { .. })));
    assert!(!is_readable(&early));
    studio.stop();
    assert!(matches!(late.try_recv(), Some(Event::PipelineStop)));
    assert!(late.try_recv().is_none() && is_readable(&late), "and stays so, for nothing else will come");
}
