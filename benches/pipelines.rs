//! The cost of pipelines: `cargo bench --bench pipelines`.
//!
//! The pipelines run on one server, each with an MP3 and an AAC output, and play the same music. Each
//! measurement is a process of its own, so that the memory of one does not count for another. First one
//! pipeline and four take turns: other work on the machine affects both. Then come 1, 4, 16 and 50, with their
//! threads and memory. Needs Linux.
//!
//! `LONGWAVE_ROUNDS` sets how many rounds of fifteen seconds one and four have; the default is 4.
//! `LONGWAVE_PIPELINES="1 16"` measures these numbers alone. `LONGWAVE_BESIDE=FILE` names the same bench of
//! another build, which takes turns with this one.

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("pipelines: needs Linux");
}

#[cfg(target_os = "linux")]
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [measure, pipelines, files @ ..] if measure == "--measure" => linux::measure(pipelines, files),
        // `cargo test --benches` only checks that the bench compiles and starts.
        rest if rest.iter().any(|argument| argument == "--bench") => linux::main(),
        _ => {}
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::env;
    use std::fs;
    use std::path::PathBuf;
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use longwave::{AacSettings, Mp3Settings, Pipeline, Server, ServerSettings};
    use nix::time::ClockId;

    const ROUND: Duration = Duration::from_secs(15);
    /// In the first seconds files are opened and decoded ahead.
    const SETTLES: Duration = Duration::from_secs(4);

    pub fn main() {
        let music = longwave_demo::Music::compose().expect("music");
        let files = music.files();
        let own = env::current_exe().expect("its own file");
        let given = env::var("LONGWAVE_PIPELINES").ok();
        if given.is_none() {
            compare_one_and_four(&own, &files);
        }
        let numbers = given.as_deref().unwrap_or("1 4 16 50").split_whitespace();
        let beside = env::var_os("LONGWAVE_BESIDE").map(PathBuf::from);
        for number in numbers.map(|number| number.parse().expect("a number of pipelines")) {
            for (build, name) in [(Some(&own), "this build"), (beside.as_ref(), "beside")] {
                let Some(build) = build else { continue };
                let (_, report) = run(build, number, &files);
                println!("\n{number} pipelines, {name}: {report}");
            }
        }
    }

    fn compare_one_and_four(own: &PathBuf, files: &[PathBuf]) {
        let rounds = env::var("LONGWAVE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
        let (mut one, mut four) = (0.0, 0.0);
        println!("processor, in hundredths of a core");
        for round in 1..=rounds {
            // Each of them is first equally often.
            let order = if round % 2 == 1 { [1, 4] } else { [4, 1] };
            let costs = order.map(|number| (number, run(own, number, files).0));
            let of = |number| costs.iter().find(|cost| cost.0 == number).expect("it was measured").1;
            let (cost_of_one, cost_of_four): (f64, f64) = (of(1), of(4));
            let ratio = cost_of_four / (4.0 * cost_of_one);
            println!("  round {round}: one {cost_of_one:6.2}, four {cost_of_four:6.2}, ratio {ratio:.3}");
            (one, four) = (one + cost_of_one, four + cost_of_four);
        }
        println!("four pipelines beside four times one: {:.3}  goal: 1.05", four / (4.0 * one));
    }

    /// Measures in a process of its own. The result is the processor time and the report.
    fn run(build: &PathBuf, pipelines: usize, files: &[PathBuf]) -> (f64, String) {
        let mut measure = Command::new(build);
        let output =
            measure.arg("--measure").arg(pipelines.to_string()).args(files).output().expect("it runs");
        let report = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let cost = report.split_whitespace().next().and_then(|cost| cost.parse().ok()).expect("its cost");
        (cost, report)
    }

    /// Prints what these pipelines cost, in hundredths of a core and in MiB, and how often each kind of
    /// thread wakes.
    pub fn measure(pipelines: &str, files: &[String]) {
        let pipelines: usize = pipelines.parse().expect("a number");
        let listen = vec![([127, 0, 0, 1], 0).into()];
        let server = Server::start(ServerSettings { listen, ..ServerSettings::default() }).expect("a server");
        let pipelines: Vec<_> = (0..pipelines).map(|number| start(number, files, &server)).collect();
        thread::sleep(SETTLES);
        let (before, kinds_before, began) = (cpu_time(), threads(), Instant::now());
        thread::sleep(ROUND);
        let hundredths = |time: Duration| 100.0 * time.as_secs_f64() / began.elapsed().as_secs_f64();
        println!(
            "{:.2} of a core, {} threads, {:.1} MiB resident, of which {:.1} not of files",
            hundredths(cpu_time() - before),
            status("Threads:"),
            status("VmRSS:") as f64 / 1024.0,
            status("RssAnon:") as f64 / 1024.0
        );
        for (kind, now) in threads() {
            let before = kinds_before.get(&kind).copied().unwrap_or_default();
            let a_second = now.wakes.saturating_sub(before.wakes) as f64 / began.elapsed().as_secs_f64();
            println!("  {kind:10} {:4} threads  {a_second:6.0} wakes a second", now.threads);
        }
        for pipeline in pipelines {
            assert!(pipeline.health().is_ok(), "{:?}", pipeline.health().problems);
            pipeline.stop();
        }
        server.stop();
    }

    fn start(number: usize, files: &[String], server: &Server) -> Pipeline {
        let mut builder = Pipeline::builder(&format!("p{number}")).repeat(true).server(server);
        for file in files {
            builder = builder.playlist(file);
        }
        builder
            .output(&format!("/{number}.mp3"), Mp3Settings::default())
            .output(&format!("/{number}.aac"), AacSettings::default())
            .start()
            .expect("a pipeline")
    }

    fn cpu_time() -> Duration {
        ClockId::CLOCK_PROCESS_CPUTIME_ID.now().expect("a clock").into()
    }

    fn status(key: &str) -> u64 {
        let status = fs::read_to_string("/proc/self/status").expect("/proc");
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("it is there");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// What the threads of a kind have done.
    #[derive(Clone, Copy, Default)]
    struct Kind {
        threads: usize,
        /// How often one of them went to sleep.
        wakes: u64,
    }

    /// By their names, without what follows a colon or a dash.
    fn threads() -> BTreeMap<String, Kind> {
        let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task").expect("/proc").flatten() {
            // A thread may end meanwhile.
            let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let (name, status) = (read("comm"), read("status"));
            let kind = name.trim_end().split([':', '-']).next().unwrap_or_default();
            let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let kind = kinds.entry(kind.to_owned()).or_default();
            kind.threads += 1;
            kind.wakes += switches.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
        }
        kinds
    }
}
