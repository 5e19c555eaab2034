//! The cost of a station: `cargo bench --bench cost`.
//!
//! Runs `longwave play` with both outputs and one listener. In the same minute it makes only the decoder and
//! encoder calls of such a station, in jobs of the same size: once at the pace of the clock, and once without
//! a pause. Then it measures the time from the start of the program to the first audio at a client. Needs
//! Linux, ffmpeg and lame. On a busy machine all figures are higher.
//!
//! `LONGWAVE_ROUNDS` sets the number of rounds of five seconds; the default is 12. With
//! `LONGWAVE_PIPELINES=16` the bench runs `longwave serve` with 16 pipelines of both outputs, and 16 times
//! the calls.

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("cost: needs Linux");
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
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use longwave::{
        AacSettings, BLOCK_FRAMES, Encoder, EncoderSettings, Mp3Settings, Packet, PcmSpec, decode,
    };
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::signal::{Signal, kill};
    use nix::sys::time::TimeVal;
    use nix::time::{ClockId, clock_getcpuclockid};
    use nix::unistd::Pid;

    /// The length of a round.
    const ROUND: Duration = Duration::from_secs(5);
    /// The size of the mixer's jobs for an encoder at 44.1 kHz.
    const JOB_BLOCKS: usize = 4;
    const STARTS: usize = 10;

    pub fn main() {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let rounds = number("LONGWAVE_ROUNDS").unwrap_or(12);
        let pipelines = number("LONGWAVE_PIPELINES").unwrap_or(1);
        let folder = tempfile::tempdir().expect("a folder");
        let (files, wav) = music(folder.path());

        let station = match pipelines {
            1 => Playing::start(folder.path()),
            _ => Playing::start_several(folder.path(), pipelines),
        };
        station.listen();
        // The cost of starting does not count.
        thread::sleep(Duration::from_secs(2));
        let calls = || (0..pipelines).map(|_| Calls::new(&files)).collect::<Vec<_>>();
        let (mut paced, mut at_once) = (calls(), calls());
        let mut costs: [Vec<f64>; 3] = Default::default();
        for _ in 0..rounds {
            let (before, began) = (station.cpu_time(), Instant::now());
            costs[1].push(cost(|| Calls::run(&mut paced, Some(began))));
            costs[0].push((station.cpu_time() - before).as_secs_f64() / began.elapsed().as_secs_f64());
            costs[2].push(cost(|| Calls::run(&mut at_once, None)));
        }
        let memory = station.memory();
        station.stop();
        let lame = lame(&wav);
        let starts: Vec<f64> = (0..STARTS).map(|_| first_audio(folder.path()).as_secs_f64() * 1e3).collect();

        let [ours, paced, at_once] = costs.map(|costs| Spread::of(&costs));
        let starts = Spread::of(&starts);
        println!("processor, in hundredths of a core: median of {rounds} rounds (and its quartiles)");
        match pipelines {
            1 => println!("  longwave play, both outputs, one listener  {}", ours.percent()),
            _ => println!("  longwave serve, {pipelines:3} pipelines of both    {}", ours.percent()),
        }
        println!("  the same calls at the pace of the clock    {}", paced.percent());
        println!("  the same calls at once                     {}", at_once.percent());
        println!("  lame -q 5, which is MP3 alone, at once     {:6.2}", 100.0 * lame);
        println!(
            "  ratio to the calls at the clock's pace     {:6.2}  goal: 1.25",
            ours.median / paced.median
        );
        println!("  ratio to the calls at once                 {:6.2}", ours.median / at_once.median);
        println!("memory, MiB                                  {memory}  goal: 24");
        println!(
            "from exec to the first audio, ms             {:6.1}, {:.1} at worst of {STARTS}  goal: 300",
            starts.median, starts.most
        );
    }

    /// Ten files: five pieces, each as MP3 and as FLAC. The first piece is also beside the folder as WAV.
    fn music(folder: &Path) -> (Vec<PathBuf>, PathBuf) {
        let music = longwave_demo::Music::compose().expect("music");
        let wav = folder.with_extension("wav");
        std::fs::copy(&music.files()[0], &wav).expect("room for a file");
        let mut files = Vec::new();
        for (n, piece) in music.files().iter().enumerate() {
            for (extension, options) in [("mp3", &["-b:a", "192k"][..]), ("flac", &[])] {
                let file = folder.join(format!("{}.{extension}", n + 1));
                let mut ffmpeg = Command::new("ffmpeg");
                ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(piece).args(options).arg(&file);
                assert!(ffmpeg.status().expect("ffmpeg").success());
                files.push(file);
            }
        }
        // As a folder is played.
        files.sort();
        (files, wav)
    }

    /// Processor seconds per second of audio.
    fn cost(work: impl FnOnce()) -> f64 {
        let now = || Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("a clock"));
        let before = now();
        work();
        (now() - before).as_secs_f64() / ROUND.as_secs_f64()
    }

    type Decoder = Box<dyn FnMut(&mut Vec<f32>) -> longwave::Result<bool>>;

    /// Only the decoder and encoder calls of a pipeline.
    struct Calls {
        files: Vec<PathBuf>,
        /// The number of files that have been opened.
        opened: usize,
        decoder: Decoder,
        encoders: [Box<dyn Encoder>; 2],
        pcm: Vec<f32>,
        packets: Vec<Packet>,
        /// The jobs done, and the frames due by the end of the round. Of several pipelines the first one
        /// counts.
        done: u64,
        due: u64,
    }

    impl Calls {
        fn new(files: &[PathBuf]) -> Calls {
            let open = |encoder: &dyn EncoderSettings| encoder.open(PcmSpec::CD).expect("it opens");
            Calls {
                files: files.to_vec(),
                opened: 1,
                decoder: decoder(&files[0]),
                encoders: [open(&Mp3Settings::default()), open(&AacSettings::default())],
                pcm: Vec::new(),
                packets: Vec::new(),
                done: 0,
                due: 0,
            }
        }

        /// One round of several pipelines. With `began` each job starts when it is due, otherwise jobs follow
        /// without a pause.
        fn run(all: &mut [Calls], began: Option<Instant>) {
            let (first, job) = (all[0].done, (JOB_BLOCKS * BLOCK_FRAMES) as u64);
            all[0].due += PcmSpec::CD.rate.frames_in(ROUND).0;
            while (all[0].done + 1) * job <= all[0].due {
                all.iter_mut().for_each(Calls::job);
                if let Some(began) = began {
                    let due = Duration::from_secs_f64(((all[0].done - first) * job) as f64 / 44_100.0);
                    thread::sleep((began + due).saturating_duration_since(Instant::now()));
                }
            }
        }

        fn job(&mut self) {
            let samples = 2 * JOB_BLOCKS * BLOCK_FRAMES;
            while self.pcm.len() < samples {
                if !(self.decoder)(&mut self.pcm).expect("it decodes") {
                    self.decoder = decoder(&self.files[self.opened % self.files.len()]);
                    self.opened += 1;
                }
            }
            for encoder in &mut self.encoders {
                for block in self.pcm[..samples].chunks_exact(2 * BLOCK_FRAMES) {
                    encoder.encode(block, &mut self.packets).expect("it encodes");
                }
            }
            self.packets.clear();
            self.pcm.drain(..samples);
            self.done += 1;
        }
    }

    fn decoder(file: &Path) -> Decoder {
        Box::new(decode(file, PcmSpec::CD).expect("it opens"))
    }

    /// A running `longwave play` or `serve`.
    struct Playing {
        process: Child,
        pid: Pid,
        /// `ADDR:PORT/stream.mp3`
        url: String,
    }

    impl Playing {
        fn start(folder: &Path) -> Playing {
            let mut play = Command::new(env!("CARGO_BIN_EXE_longwave"));
            play.args(["play", "--loop", "--listen", "127.0.0.1:0"]).arg(folder);
            Playing::spawn(play)
        }

        /// Starts this many pipelines, each with both outputs.
        fn start_several(folder: &Path, pipelines: usize) -> Playing {
            let mut toml = String::from("[server]\nlisten = [\"127.0.0.1:0\"]\n");
            for n in 1..=pipelines {
                toml += &format!("[[pipeline]]\nname = \"{n}\"\nplaylist = {folder:?}\nloop = true\n");
                for format in ["mp3", "aac"] {
                    toml +=
                        &format!("[[pipeline.output]]\nformat = \"{format}\"\nmount = \"/{n}.{format}\"\n");
                }
            }
            let file = folder.with_extension("toml");
            std::fs::write(&file, toml).expect("room for a file");
            let mut serve = Command::new(env!("CARGO_BIN_EXE_longwave"));
            serve.arg("serve").arg(&file);
            let playing = Playing::spawn(serve);
            std::fs::remove_file(&file).expect("it is there");
            playing
        }

        fn spawn(mut command: Command) -> Playing {
            let mut process =
                command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("longwave runs");
            let mut line = String::new();
            BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
            let url = line.trim_end().split_once("http://").expect("where it is").1.to_owned();
            let pid = Pid::from_raw(process.id() as i32);
            Playing { process, pid, url }
        }

        /// Requests the stream, and reads the head of the answer.
        fn connect(&self) -> BufReader<TcpStream> {
            let (address, path) = self.url.split_at(self.url.find('/').expect("a path"));
            let mut socket = TcpStream::connect(address).expect("a connection");
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nIcy-MetaData: 1\r\n\r\n");
            socket.write_all(request.as_bytes()).expect("it is asked");
            let mut socket = BufReader::new(socket);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                assert!(socket.read_line(&mut line).expect("a head") > 0, "closed");
            }
            socket
        }

        /// Adds a listener, which stays until the station stops.
        fn listen(&self) {
            let mut socket = self.connect();
            thread::spawn(move || std::io::copy(&mut socket, &mut std::io::sink()));
        }

        /// The processor time of all its threads, including those that have ended.
        fn cpu_time(&self) -> Duration {
            clock_getcpuclockid(self.pid).and_then(ClockId::now).expect("it runs").into()
        }

        /// The resident memory now, and its peak.
        fn memory(&self) -> String {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it runs");
            let mib = |key: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("it is there");
                line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
            };
            format!("{:6.1}, {:.1} at most", mib("VmRSS:"), mib("VmHWM:"))
        }

        fn stop(mut self) {
            kill(self.pid, Signal::SIGTERM).expect("it runs");
            assert!(self.process.wait().expect("it ends").success());
        }
    }

    /// The time from exec to the first byte of audio at a client.
    fn first_audio(folder: &Path) -> Duration {
        let began = Instant::now();
        let station = Playing::start(folder);
        station.connect().read_exact(&mut [0]).expect("audio");
        let took = began.elapsed();
        station.stop();
        took
    }

    /// The cost of the program `lame` for a whole file, in processor seconds per second of audio.
    fn lame(wav: &Path) -> f64 {
        let used = || {
            let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage");
            let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
            seconds(usage.user_time()) + seconds(usage.system_time())
        };
        let before = used();
        let mut lame = Command::new("lame");
        let done = lame.args(["--quiet", "-q", "5", "-b", "128"]).arg(wav).arg("/dev/null").status();
        assert!(done.is_ok_and(|status| status.success()), "lame does its work");
        let cost = used() - before;
        let bytes = std::fs::metadata(wav).expect("it is there").len();
        std::fs::remove_file(wav).expect("it is there");
        cost / (bytes as f64 / 176_400.0)
    }

    struct Spread {
        quarter: f64,
        median: f64,
        three_quarters: f64,
        most: f64,
    }

    impl Spread {
        fn of(values: &[f64]) -> Spread {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
            Spread { quarter: at(0.25), median: at(0.5), three_quarters: at(0.75), most: at(1.0) }
        }

        fn percent(&self) -> String {
            let [quarter, median, three_quarters] =
                [self.quarter, self.median, self.three_quarters].map(|value| value * 100.0);
            format!("{median:6.2}  ({quarter:.2} to {three_quarters:.2})")
        }
    }
}
