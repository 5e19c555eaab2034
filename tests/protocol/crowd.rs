//! Ten threads call everything at random, on pipelines and servers that others stop meanwhile. For
//! ThreadSanitizer (scripts/sanitizers.sh), and for panics and threads that wait for each other.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use longwave::{
    AacSettings, Curve, Entry, EntryId, EventKind, HttpAnswer, ListOptions, MountSettings, Mp3Settings,
    NextTrack, Pipeline, Place, Result, SampleFormat, Server, ServerSettings, Title, TitleHolds, VoiceId,
    VoiceOptions, When,
};
use longwave_testing::server::settings;
use longwave_testing::studio::{SMALL, constant};
use longwave_testing::tap::Tap;
use longwave_testing::{long, ms, seconds};

const THREADS: u64 = 10;
/// What begins or ends a whole is rare beside what is done with it.
const RARE: u32 = 1;
const OFTEN: u32 = 30;

type Call = (&'static str, u32, fn(&Crowd, &mut Rng) -> Result<()>);

const CALLS: &[Call] = &[
    ("Server::start", RARE, |crowd, random| {
        put(&crowd.servers, random, Server::start(settings())?);
        Ok(())
    }),
    ("Server::stop", RARE, |crowd, random| {
        assert_eq!(crowd.server(random).stop().abandoned, [""; 0]);
        Ok(())
    }),
    ("Server::reconfigure", RARE, |crowd, random| {
        let max_listeners = Some(random.u32(1..9) as usize);
        crowd.server(random).reconfigure(&ServerSettings { max_listeners, ..settings() })
    }),
    ("Server::add_mount", OFTEN, |crowd, random| {
        let mount = MountSettings {
            path: "/live".into(),
            content_type: "audio/x-own".into(),
            ..MountSettings::default()
        };
        let mut audio = crowd.server(random).add_mount(mount)?.into_audio();
        audio.set_header(b"header");
        audio.update_metadata(Title::new("Live"));
        audio.write_audio(b"a packet")?;
        ok((audio.info(), audio.garbage_bytes()))
    }),
    ("Server::remove_mount", OFTEN, |crowd, random| crowd.server(random).remove_mount("/live")),
    ("Server::take_requests", OFTEN, |crowd, random| {
        let requests = crowd.server(random).take_requests(&["/asked"], 4)?;
        requests.bell().ring();
        if let Some(request) = requests.next_within(random_ms(random)) {
            request.answer(HttpAnswer::text(200, "answered"));
        }
        Ok(())
    }),
    ("Server::expect", OFTEN, |crowd, random| crowd.server(random).expect(&["/expected"])),
    ("Server::expect_no_more", OFTEN, |crowd, random| crowd.server(random).expect_no_more("/expected")),
    ("Server::reopen_logs", OFTEN, |crowd, random| {
        crowd.server(random).reopen_logs();
        Ok(())
    }),
    ("Server::health", OFTEN, |crowd, random| ok(crowd.server(random).health())),
    ("Server::stats", OFTEN, |crowd, random| ok(crowd.server(random).stats())),
    ("Server::mounts", OFTEN, |crowd, random| ok(crowd.server(random).mounts())),
    ("Server::mount_info", OFTEN, |crowd, random| ok(crowd.server(random).mount_info("/a.mp3"))),
    ("Server::listener_count", OFTEN, |crowd, random| {
        crowd.server(random).listener_count(mount(random)).map(drop)
    }),
    ("Server::listeners", OFTEN, |crowd, random| crowd.server(random).listeners(None).map(drop)),
    ("Server::kick", OFTEN, |crowd, random| {
        let server = crowd.server(random);
        let somebody = server.listeners(None)?.first().map(|listener| listener.id);
        server.kick(somebody.unwrap_or_else(|| random.u64(0..40)))
    }),
    ("Server::subscribe", OFTEN, |crowd, random| {
        let events = crowd.server(random).subscribe(8)?;
        ok((events.recv_timeout(random_ms(random)), events.is_closed()))
    }),
    ("a client", OFTEN, |crowd, random| {
        use std::io::Write;
        let server = crowd.server(random);
        let Some(&address) = server.local_addrs().first() else { return Ok(()) };
        let mounts = server.mounts();
        let mount = random.choice(&mounts).map_or("/", |mount| mount.settings.path.as_str());
        // The server may have ended.
        if let Ok(mut client) = std::net::TcpStream::connect(address) {
            let path = ["/asked", mount][random.usize(0..2)];
            let request = format!("GET {path} HTTP/1.0\r\n\r\n");
            let torn = if random.u8(0..4) == 0 { random.usize(0..request.len()) } else { request.len() };
            _ = client.write_all(&request.as_bytes()[..torn]);
            put(&crowd.clients, random, Some(client));
        }
        Ok(())
    }),
    ("Pipeline::start", RARE, |crowd, random| {
        let started = crowd.start(&crowd.server(random))?;
        take(&crowd.pipelines, random, started).stop();
        Ok(())
    }),
    ("Pipeline::stop", RARE, |crowd, random| {
        assert_eq!(crowd.pipeline(random).stop().abandoned, [""; 0]);
        Ok(())
    }),
    ("Pipeline::add_hook", OFTEN, |crowd, random| {
        let kinds = [EventKind::TrackChange, EventKind::VoiceEnded, EventKind::ListenerJoined];
        let pipeline = crowd.pipeline(random);
        let hook = pipeline.add_hook(kinds[random.usize(0..3)], |pipeline, _| {
            _ = (pipeline.current_track(), pipeline.skip());
        })?;
        if random.u8(0..4) > 0 {
            pipeline.remove_hook(hook);
        }
        Ok(())
    }),
    ("Pipeline::events", OFTEN, |crowd, random| {
        ok(crowd.pipeline(random).events(8)?.recv_timeout(random_ms(random)))
    }),
    ("Pipeline::name", OFTEN, |crowd, random| ok(crowd.pipeline(random).name().len())),
    ("Pipeline::server", OFTEN, |crowd, random| crowd.pipeline(random).server().map(drop)),
    ("Pipeline::mounts", OFTEN, |crowd, random| ok(crowd.pipeline(random).mounts())),
    ("Pipeline::add_output", OFTEN, |crowd, random| {
        crowd.pipeline(random).add_output(Tap::counting().output(mount(random).unwrap_or("/own")))
    }),
    ("Pipeline::remove_output", OFTEN, |crowd, random| {
        crowd.pipeline(random).remove_output(mount(random).unwrap_or("/own"))
    }),
    ("Pipeline::replace_encoder", OFTEN, |crowd, random| {
        let mp3 = Mp3Settings { bitrate: [32, 40][random.usize(0..2)], ..Mp3Settings::default() };
        let pipeline = crowd.pipeline(random);
        match random.bool() {
            true => pipeline.replace_encoder("/a.mp3", mp3),
            false => pipeline.replace_encoder("/a.mp3", AacSettings::default()),
        }
    }),
    ("Pipeline::play_file", OFTEN, |crowd, random| {
        crowd.pipeline(random).play_file(&crowd.track, Some("A title")).map(drop)
    }),
    ("Pipeline::play_entry", OFTEN, |crowd, random| {
        crowd.pipeline(random).play_entry(crowd.entry()).map(drop)
    }),
    ("Pipeline::play_list", OFTEN, |crowd, random| {
        let options = ListOptions { when: When::Now, shuffle: random.bool(), ..ListOptions::default() };
        crowd.pipeline(random).play_list("list", [crowd.entry(), crowd.entry()], &options)
    }),
    ("Pipeline::play_path", OFTEN, |crowd, random| {
        crowd.pipeline(random).play_path(vec![crowd.track.clone()], &ListOptions::default())
    }),
    ("Pipeline::set_fades", OFTEN, |crowd, random| {
        crowd.pipeline(random).set_fades(Some(random_ms(random)), Some(random_ms(random)), None)
    }),
    ("Pipeline::set_repeat", OFTEN, |crowd, random| crowd.pipeline(random).set_repeat(random.bool())),
    ("Pipeline::set_shuffle", OFTEN, |crowd, random| crowd.pipeline(random).set_shuffle(random.bool())),
    ("Pipeline::seek", OFTEN, |crowd, random| crowd.pipeline(random).seek(random_ms(random))),
    ("Pipeline::skip", OFTEN, |crowd, random| crowd.pipeline(random).skip()),
    ("Pipeline::queue_files", OFTEN, |crowd, random| {
        let place = if random.bool() { Place::Next } else { Place::End };
        crowd.pipeline(random).queue_files([crowd.entry()], place).map(drop)
    }),
    ("Pipeline::queue", OFTEN, |crowd, random| ok(crowd.pipeline(random).queue())),
    ("Pipeline::entry", OFTEN, |crowd, random| {
        let pipeline = crowd.pipeline(random);
        ok(pipeline.entry(entry_id(&pipeline, random)))
    }),
    ("Pipeline::clear_queue", OFTEN, |crowd, random| crowd.pipeline(random).clear_queue()),
    ("Pipeline::remove", OFTEN, |crowd, random| {
        let pipeline = crowd.pipeline(random);
        pipeline.remove(entry_id(&pipeline, random)).map(drop)
    }),
    ("Pipeline::move_to", OFTEN, |crowd, random| {
        let pipeline = crowd.pipeline(random);
        pipeline.move_to(entry_id(&pipeline, random), random.usize(0..3))
    }),
    ("Pipeline::restore", OFTEN, |crowd, random| {
        let snapshot = crowd.pipeline(random).snapshot();
        crowd.pipeline(random).restore(snapshot)
    }),
    ("Pipeline::hold", OFTEN, |crowd, random| crowd.pipeline(random).hold(random_ms(random))),
    ("Pipeline::hold_after_current", OFTEN, |crowd, random| crowd.pipeline(random).hold_after_current()),
    ("Pipeline::resume", OFTEN, |crowd, random| crowd.pipeline(random).resume(random_ms(random))),
    ("Pipeline::update_metadata", OFTEN, |crowd, random| {
        let title = Title::new("Ein Titel – 標題");
        crowd.pipeline(random).update_metadata(title, mount(random), TitleHolds::UntilCleared)
    }),
    ("Pipeline::clear_metadata", OFTEN, |crowd, random| crowd.pipeline(random).clear_metadata(mount(random))),
    ("Pipeline::set_media_roots", OFTEN, |crowd, random| {
        crowd.pipeline(random).set_media_roots(vec![crowd.track.parent().unwrap().to_owned()])
    }),
    ("Pipeline::set_title_format", OFTEN, |crowd, random| {
        crowd.pipeline(random).set_title_format(|_, tags| tags.artist.clone().unwrap_or_default())
    }),
    ("Pipeline::current_track", OFTEN, |crowd, random| ok(crowd.pipeline(random).current_track())),
    ("Pipeline::up_next", OFTEN, |crowd, random| ok(crowd.pipeline(random).up_next(5))),
    ("Pipeline::history", OFTEN, |crowd, random| ok(crowd.pipeline(random).history())),
    ("Pipeline::playlist", OFTEN, |crowd, random| ok(crowd.pipeline(random).playlist())),
    ("Pipeline::listener_count", OFTEN, |crowd, random| {
        crowd.pipeline(random).listener_count(mount(random)).map(drop)
    }),
    ("Pipeline::levels", OFTEN, |crowd, random| ok(crowd.pipeline(random).levels())),
    ("Pipeline::health", OFTEN, |crowd, random| ok(crowd.pipeline(random).health())),
    ("Pipeline's numbers", OFTEN, |crowd, random| {
        let pipeline = crowd.pipeline(random);
        ok((pipeline.time_on_air(), pipeline.audio_left_out(), pipeline.max_voices(), pipeline.max_queue()))
    }),
    ("Pipeline::is_running", OFTEN, |crowd, random| {
        let pipeline = crowd.pipeline(random);
        ok((pipeline.is_running(), pipeline.is_held(), pipeline.hold_state(), pipeline.spec()))
    }),
    ("Pipeline::play_voice", OFTEN, |crowd, random| {
        let options = VoiceOptions { paused: random.bool(), ..VoiceOptions::default() };
        crowd.pipeline(random).play_voice(&crowd.track, options).map(drop)
    }),
    ("Pipeline::stop_voice", OFTEN, |crowd, random| {
        crowd.pipeline(random).stop_voice(voice(random), random_ms(random))
    }),
    ("Pipeline::stop_all_voices", OFTEN, |crowd, random| {
        crowd.pipeline(random).stop_all_voices(random_ms(random))
    }),
    ("Pipeline::pause_voice", OFTEN, |crowd, random| crowd.pipeline(random).pause_voice(voice(random))),
    ("Pipeline::resume_voice", OFTEN, |crowd, random| crowd.pipeline(random).resume_voice(voice(random))),
    ("Pipeline::seek_voice", OFTEN, |crowd, random| {
        crowd.pipeline(random).seek_voice(voice(random), random_ms(random))
    }),
    ("Pipeline::set_volume", OFTEN, |crowd, random| {
        crowd.pipeline(random).set_volume(voice(random), random.f32())
    }),
    ("Pipeline::ramp_volume", OFTEN, |crowd, random| {
        let then_stop = random.bool();
        crowd.pipeline(random).ramp_volume(voice(random), 0.5, random_ms(random), Curve::Smooth, then_stop)
    }),
    ("Pipeline::voices", OFTEN, |crowd, random| ok(crowd.pipeline(random).voices())),
    ("Pipeline::play_input", OFTEN, |crowd, random| {
        let mut input = crowd.pipeline(random).play_input(VoiceOptions::default())?;
        input.push(&[0.25; 300])?;
        input.push_within(&[0.25; 300], random_ms(random)).map(drop)
    }),
    ("Pipeline::play_pipe", OFTEN, |crowd, random| {
        crowd.pipeline(random).play_pipe(SampleFormat::S16Le, VoiceOptions::default()).map(drop)
    }),
    ("Pipeline::tap", OFTEN, |crowd, random| {
        let mut tap = crowd.pipeline(random).tap()?;
        tap.read(&mut [0.0; 300], random_ms(random))?;
        ok(tap.lost())
    }),
];

/// What the threads share. Places are filled anew, and what was there goes on as long as somebody uses it.
struct Crowd {
    track: PathBuf,
    servers: Vec<Mutex<Server>>,
    pipelines: Vec<Mutex<Pipeline>>,
    clients: Vec<Mutex<Option<std::net::TcpStream>>>,
    is_over: AtomicBool,
    /// For each of [`CALLS`]: how often it did something.
    done: Vec<AtomicU64>,
}

impl Crowd {
    fn server(&self, random: &mut Rng) -> Server {
        self.servers[random.usize(0..self.servers.len())].lock().unwrap().clone()
    }

    fn pipeline(&self, random: &mut Rng) -> Pipeline {
        self.pipelines[random.usize(0..self.pipelines.len())].lock().unwrap().clone()
    }

    fn entry(&self) -> Entry {
        Entry::new(&self.track)
    }

    /// A pipeline that plays, and asks what is next.
    fn start(&self, server: &Server) -> Result<Pipeline> {
        start(self.track.clone(), server)
    }
}

fn start(track: PathBuf, server: &Server) -> Result<Pipeline> {
    let next = track.clone();
    // Each server has room for a few pipelines.
    let mount = format!("/{}.mp3", ["a", "b", "c"][fastrand::usize(0..3)]);
    Pipeline::builder("main")
        .server(server)
        .sample_rate(SMALL.rate.hz())
        .channels(1)
        .output(&mount, Mp3Settings { bitrate: 32, ..Mp3Settings::default() })
        .next_track(NextTrack::new(move |_| fastrand::bool().then(|| Entry::new(&next))))
        .playlist(track)
        .repeat(true)
        .crossfade(ms(50))
        .start()
}

fn take<T>(places: &[Mutex<T>], random: &mut Rng, value: T) -> T {
    std::mem::replace(&mut *places[random.usize(0..places.len())].lock().unwrap(), value)
}

fn put<T>(places: &[Mutex<T>], random: &mut Rng, value: T) {
    drop(take(places, random, value));
}

fn mount(random: &mut Rng) -> Option<&'static str> {
    [None, Some("/a.mp3"), Some("/b.mp3"), Some("/own")][random.usize(0..4)]
}

fn random_ms(random: &mut Rng) -> Duration {
    ms(random.u64(0..5))
}

/// An entry of the queue, if it has one; else perhaps none at all.
fn entry_id(pipeline: &Pipeline, random: &mut Rng) -> EntryId {
    random.choice(pipeline.queue()).map_or_else(|| EntryId(random.u64(0..200)), |(id, _)| id)
}

fn voice(random: &mut Rng) -> VoiceId {
    VoiceId(random.u64(0..40))
}

/// For what cannot fail.
fn ok<T>(_: T) -> Result<()> {
    Ok(())
}

fn run(crowd: &Crowd, mut random: Rng) {
    let weights: u32 = CALLS.iter().map(|(_, weight, _)| weight).sum();
    while !crowd.is_over.load(Ordering::Relaxed) {
        let mut left = random.u32(0..weights);
        let chosen = CALLS.iter().position(|(_, weight, _)| match left.checked_sub(*weight) {
            Some(less) => {
                left = less;
                false
            }
            None => true,
        });
        let chosen = chosen.expect("less than all weights");
        if CALLS[chosen].2(crowd, &mut random).is_ok() {
            crowd.done[chosen].fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn ten_threads_that_call_everything_at_random_find_no_panic_and_no_end_of_waiting() {
    let seed = longwave_testing::seed();
    println!("LONGWAVE_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let track = folder.path().join("track.wav");
    constant(&track, 0.25, 8000);
    let servers: Vec<Server> = (0..3).map(|_| Server::start(settings()).unwrap()).collect();
    // Those on one server may want the same mount.
    let pipelines = servers.iter().map(|server| start(track.clone(), server).unwrap());
    let crowd = Crowd {
        track: track.clone(),
        pipelines: pipelines.map(Mutex::new).collect(),
        servers: servers.iter().cloned().map(Mutex::new).collect(),
        clients: (0..64).map(|_| Mutex::new(None)).collect(),
        is_over: AtomicBool::new(false),
        done: CALLS.iter().map(|_| AtomicU64::new(0)).collect(),
    };
    let panics = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let random = Rng::with_seed(seed.wrapping_add(n));
                scope.spawn(|| run(&crowd, random))
            })
            .collect();
        thread::sleep(if long() { seconds(600.0) } else { seconds(5.0) });
        crowd.is_over.store(true, Ordering::Relaxed);
        threads.into_iter().filter_map(|thread| thread.join().err()).count()
    });
    assert_eq!(panics, 0);
    for pipeline in &crowd.pipelines {
        assert_eq!(pipeline.lock().unwrap().stop().abandoned, [""; 0]);
    }
    for server in &crowd.servers {
        assert_eq!(server.lock().unwrap().stop().abandoned, [""; 0]);
    }
    let done = crowd.done.iter().map(|count| count.load(Ordering::Relaxed));
    let idle: Vec<_> =
        CALLS.iter().zip(done.clone()).filter(|(_, done)| *done == 0).map(|(call, _)| call.0).collect();
    println!("{} calls of {} functions did something; never: {idle:?}", done.sum::<u64>(), CALLS.len());
    assert!(!long() || idle.is_empty(), "{idle:?}");
}
