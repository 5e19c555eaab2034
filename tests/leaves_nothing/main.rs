//! Pipelines have only the threads that they need, share those that they can, and leave no thread, no
//! descriptor and no file; nor do sources. Each of these tests has a process of its own, because threads and
//! descriptors belong to the process.

#[cfg(feature = "mp3")]
mod sources;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use longwave::{EventKind, Pipeline, PipelineBuilder, Server, VoiceInput, VoiceOptions};
use longwave_testing::studio::{constant, server};
use longwave_testing::tap::Tap;
use longwave_testing::{ms, until};

#[test]
fn two_servers_and_five_pipelines_leave_no_thread_socket_or_file_behind() {
    alone("stopped_in_any_order");
}

#[test]
fn twelve_pipelines_share_their_threads_and_have_a_hook_thread_only_for_hooks() {
    alone("shared_threads");
}

#[cfg(feature = "mp3")]
#[test]
fn a_crowd_of_sources_half_of_them_bad_leaves_nothing_and_disturbs_no_listener() {
    alone("crowd_of_sources");
}

#[cfg(feature = "mp3")]
#[test]
#[ignore = "run by a test above, in a process and a folder of its own"]
fn crowd_of_sources() {
    sources::come_and_go();
}

/// Runs an ignored test in a process and a folder of its own.
fn alone(test: &str) {
    // Code that asks for temporary files gets them here.
    let folder = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let test = Command::new(own)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("TMPDIR", folder.path())
        .status();
    assert!(test.unwrap().success());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
#[ignore = "run by a test above, in a process and a folder of its own"]
fn shared_threads() {
    const PIPELINES: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.wav", "b.wav"] {
        // Ten minutes, so that no track changes meanwhile.
        constant(&folder.path().join(name), 0.1, 4_800_000);
    }
    let before = Held::now();
    let threads = || {
        let mut kinds = BTreeMap::<String, usize>::new();
        for (thread, count) in Held::now().beyond(&before) {
            let name = thread.strip_prefix("thread ").and_then(|name| name.split([':', '-']).next());
            name.into_iter().for_each(|name| *kinds.entry(name.to_owned()).or_default() += count);
        }
        kinds
    };
    let server = server();
    let pipelines: Vec<Pipeline> = (0..PIPELINES)
        .map(|n| {
            let pipeline = Pipeline::builder(&format!("p{n}")).sample_rate(8000).channels(1).server(&server);
            let pipeline = pipeline.playlist(folder.path()).repeat(true);
            let outputs = ["a", "b"].map(|name| format!("/{name}-{n}"));
            let add = |pipeline: PipelineBuilder, path| pipeline.output(path, Tap::counting());
            outputs.iter().fold(pipeline, |pipeline, path| add(pipeline, path)).start().unwrap()
        })
        .collect();
    let cores = std::thread::available_parallelism().unwrap().get();
    let expected = |hooks: usize| {
        let of_pipelines = [
            ("mix", PIPELINES),
            ("decode", 2 * PIPELINES),
            ("enc", cores.min(2 * PIPELINES)),
            ("hooks", hooks),
        ];
        let of_server = ["events", "journal", "reactor", "rounds"].map(|name| (name, 1));
        let all = of_pipelines.into_iter().chain(of_server).filter(|(_, count)| *count > 0);
        all.map(|(name, count)| (name.to_owned(), count)).collect::<BTreeMap<_, _>>()
    };
    // An encoder that is slow on a busy machine, and a list that is being read, have one more for a moment.
    until("each has its mixer, its track and the next one", || threads() == expected(0));

    for pipeline in &pipelines[..3] {
        for kind in [EventKind::TrackChange, EventKind::PipelineStop] {
            pipeline.add_hook(kind, |_, _| ()).unwrap();
        }
    }
    until("three have hooks", || threads() == expected(3));

    for pipeline in &pipelines {
        assert_eq!(pipeline.stop().abandoned, [""; 0]);
    }
    until("only the server's are left", || threads().keys().eq(["events", "journal", "reactor"]));
    assert_eq!(server.stop().abandoned, [""; 0]);
    until("none is left", || threads().is_empty());
}

#[test]
#[ignore = "run by a test above, in a process and a folder of its own"]
fn stopped_in_any_order() {
    let seed = longwave_testing::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let music: Vec<_> = (0..3).map(|n| folder.path().join(format!("{n}.wav"))).collect();
    for track in &music {
        constant(track, 0.1, 3000);
    }
    let before = Held::now();
    for round in 0..6 {
        let mut all = on_air(&music, folder.path());
        std::thread::sleep(ms(random.u64(0..300)));
        let listeners = listen(&all);
        random.shuffle(&mut all);
        let addresses: Vec<_> = all.iter().flat_map(|part| part.addresses().to_vec()).collect();
        for part in all {
            part.end(random.bool());
        }
        for address in addresses {
            TcpListener::bind(address).expect("its port is free at once");
        }
        drop(listeners);
        // A joined thread may still be in the list of threads for a moment.
        before.comes_back(&format!("round {round}"));
    }
    let mut files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    // Each state has its journal beside it. No lock is left, and nothing that was half written.
    let states = (0..5).map(|n| format!("state-{n}"));
    let kept = states.flat_map(|state| [state.clone(), format!("{state}.journal")]);
    let tracks = (0..3).map(|n| format!("{n}.wav"));
    assert_eq!(files, tracks.chain(kept).map(OsString::from).collect::<Vec<_>>());
}

/// A part of a station. It is stopped by a call, or by dropping it.
enum Part {
    Server(Server),
    Pipeline(Pipeline, #[expect(dead_code, reason = "it is held, not used")] VoiceInput),
}

impl Part {
    fn addresses(&self) -> &[SocketAddr] {
        match self {
            Part::Server(server) => server.local_addrs(),
            Part::Pipeline(..) => &[],
        }
    }

    fn end(self, by_saying_so: bool) {
        let report = match &self {
            Part::Server(server) if by_saying_so => server.stop(),
            Part::Pipeline(pipeline, _) if by_saying_so => pipeline.stop(),
            _ => return,
        };
        assert_eq!(report.abandoned, Vec::<String>::new());
    }
}

/// Two stations with two and three pipelines, with everything that a pipeline can own.
fn on_air(music: &[PathBuf], folder: &Path) -> Vec<Part> {
    let servers = [server(), server()];
    let pipelines = (0..5).map(|n| {
        let mut pipeline = Pipeline::builder(&format!("p{n}"))
            .sample_rate(8000)
            .channels(1)
            .repeat(true)
            .crossfade(ms(100))
            .state_file(folder.join(format!("state-{n}")))
            .output(&format!("/ear-{n}"), Tap::counting())
            .on(EventKind::TrackChange, |pipeline, _| _ = pipeline.snapshot())
            .server(&servers[n % 2]);
        for track in music {
            pipeline = pipeline.playlist(track);
        }
        #[cfg(feature = "mp3")]
        {
            let small = longwave::Mp3Settings { bitrate: 32, ..Default::default() };
            pipeline = pipeline.output(&format!("/small-{n}.mp3"), small);
        }
        let pipeline = pipeline.start().unwrap();
        pipeline.play_voice(&music[0], VoiceOptions::default()).unwrap();
        let input = pipeline.play_input(VoiceOptions::default()).unwrap();
        Part::Pipeline(pipeline, input)
    });
    pipelines.collect::<Vec<_>>().into_iter().chain(servers.clone().map(Part::Server)).collect()
}

/// Two listeners on each server: one reads, and the other never does.
fn listen(all: &[Part]) -> Vec<TcpStream> {
    let address = all.iter().filter_map(|part| match part {
        Part::Server(server) => Some((server.local_addrs()[0], server.mounts()[0].settings.path.clone())),
        Part::Pipeline(..) => None,
    });
    let listeners = address.flat_map(|(address, mount)| {
        [true, false].map(|reads| {
            let mut player = TcpStream::connect(address).unwrap();
            player.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            write!(player, "GET {mount} HTTP/1.0\r\n\r\n").unwrap();
            if reads {
                player.read_exact(&mut [0; 200]).unwrap();
            }
            player
        })
    });
    listeners.collect()
}

/// The names of the process's threads, and the targets of its descriptors.
#[derive(Debug, PartialEq)]
struct Held(BTreeMap<String, usize>);

impl Held {
    fn now() -> Held {
        let mut held = BTreeMap::new();
        for thread in fs::read_dir("/proc/self/task").unwrap() {
            // A thread that ends meanwhile has no name.
            let name = fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default();
            *held.entry(format!("thread {}", name.trim())).or_default() += 1;
        }
        for descriptor in fs::read_dir("/proc/self/fd").unwrap() {
            let is = fs::read_link(descriptor.unwrap().path()).map(|is| is.display().to_string());
            *held.entry(format!("descriptor {}", is.unwrap_or_default())).or_default() += 1;
        }
        Held(held)
    }

    /// Waits until nothing more and nothing less is held. What differs is printed once for each state.
    fn comes_back(&self, after: &str) {
        let mut seen = None;
        until(&format!("threads and descriptors are as before {after}"), || {
            let now = Held::now();
            if now == *self {
                return true;
            }
            if seen.as_ref() != Some(&now) {
                println!("after {after}: more {:?}, less {:?}", now.beyond(self), self.beyond(&now));
                seen = Some(now);
            }
            false
        });
    }

    fn beyond(&self, before: &Held) -> Vec<(&String, usize)> {
        let before = |name| *before.0.get(name).unwrap_or(&0);
        let more = self.0.iter().map(|(name, count)| (name, count.saturating_sub(before(name))));
        more.filter(|(_, count)| *count > 0).collect()
    }
}
