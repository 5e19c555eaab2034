//! What the thread of a live MP3 input costs beside the bare calls for decoding and resampling:
//! `cargo bench --bench live`.
//!
//! A source sends noise, packet by packet, to a pipeline on a stepped clock. The processor time of its thread
//! is compared with that of the same calls for the same packets, in rounds that take turns. Needs Linux.

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("live: needs Linux");
}

#[cfg(target_os = "linux")]
fn main() {
    // `cargo test --benches` only checks that the bench compiles and starts.
    if std::env::args().any(|argument| argument == "--bench") {
        linux::main();
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use longwave::{
        BLOCK_FRAMES, EncoderSettings, LiveSession, LiveSettings, Mp3Settings, Packet, PcmSpec, SourceInfo,
        SourceStream, loops,
    };
    use longwave_testing::studio::Studio;
    use longwave_testing::tap::Tap;
    use nix::time::ClockId;

    const ROUNDS: usize = 11;
    /// The packets of a round: twenty seconds.
    const PACKETS: usize = 766;
    const PACKET_FRAMES: f64 = 1152.0;

    pub fn main() {
        let packets = packets();
        let tap = Tap::counting();
        let live = LiveSettings { buffer: Duration::from_secs(1), ..LiveSettings::at("/live") };
        let studio = Studio::with(|settings| {
            settings.spec = PcmSpec::CD;
            settings.live = vec![live];
            settings.outputs = vec![tap.output("/tap")];
        });
        let (mut socket, stream) = UnixStream::pair().expect("a pair of sockets");
        let info = SourceInfo { user: "anna".into(), ..SourceInfo::new("audio/mpeg") };
        let session = studio.pipeline.go_live("/live", info, SourceStream::new(stream)).expect("it is free");
        let mut bare = loops::live_calls();
        let (mut sent, mut ratios) = (0, Vec::new());
        // The thread that is measured has begun when it has read something.
        let mut send = |packet: &Packet| {
            sent += packet.bytes.len() as u64;
            socket.write_all(&packet.bytes).expect("it is read");
            until_received(&session, sent);
            studio.run(Duration::from_secs_f64(PACKET_FRAMES / 44_100.0));
        };
        send(&packets[0]);
        for round in 0..=ROUNDS {
            let ours = cost(thread_time, || packets.iter().for_each(&mut send));
            let calls = cost(own_time, || packets.iter().for_each(|packet| _ = bare(&packet.bytes)));
            // Tables are made, and the buffer is filled, in the first round.
            if round > 0 {
                ratios.push((ours / calls, ours, calls));
            }
        }
        // Ends the read of the thread, so that the stop need not leave it behind.
        drop(socket);
        session.end();
        studio.stop();
        ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ratio, ours, calls) = ratios[ROUNDS / 2];
        let (least, most) = (ratios[ROUNDS / 4].0, ratios[ROUNDS - 1 - ROUNDS / 4].0);
        println!("processor, in hundredths of a core: the median of {ROUNDS} rounds");
        println!("  the thread of a live MP3 input     {:6.3}", 100.0 * ours);
        println!("  decoding and resampling alone      {:6.3}", 100.0 * calls);
        println!("  ratio (and its quartiles)          {ratio:6.2}  ({least:.2} to {most:.2})  goal: 1.3");
    }

    /// Noise, encoded: silence would cost a decoder less.
    fn packets() -> Vec<Packet> {
        let mut random = fastrand::Rng::with_seed(1);
        let mut encoder = Mp3Settings::default().open(PcmSpec::CD).expect("it opens");
        let mut packets = Vec::new();
        while packets.len() < PACKETS {
            let block: Vec<f32> = (0..2 * BLOCK_FRAMES).map(|_| (random.f32() - 0.5) * 0.4).collect();
            encoder.encode(&block, &mut packets).expect("it encodes");
        }
        packets.truncate(PACKETS);
        packets
    }

    fn until_received(session: &LiveSession, bytes: u64) {
        while session.state().received_bytes < bytes {
            assert_eq!(session.ended(), None);
            std::thread::yield_now();
        }
    }

    /// Processor seconds per second of audio.
    fn cost(time: impl Fn() -> Duration, work: impl FnOnce()) -> f64 {
        let before = time();
        work();
        (time() - before).as_secs_f64() / (PACKETS as f64 * PACKET_FRAMES / 44_100.0)
    }

    fn own_time() -> Duration {
        ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("a clock").into()
    }

    /// What the source's thread has used.
    fn thread_time() -> Duration {
        let tasks = fs::read_dir("/proc/self/task").expect("there are threads");
        for task in tasks.flatten().map(|task| task.path()) {
            if fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "src:/live") {
                let times = fs::read_to_string(task.join("schedstat")).expect("the kernel counts");
                let nanoseconds = times.split(' ').next().and_then(|first| first.parse().ok());
                return Duration::from_nanos(nanoseconds.expect("a number"));
            }
        }
        panic!("the source has no thread");
    }
}
