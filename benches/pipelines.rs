//! The cost of four pipelines beside four times the cost of one: `cargo bench --bench pipelines`.
//!
//! The pipelines run in one process and on one server, each with an MP3 and an AAC output, and play the same
//! music. Rounds of one pipeline and rounds of four take turns, so other work on the machine affects both.
//! Needs Linux.
//!
//! `LONGWAVE_ROUNDS` sets how many rounds of fifteen seconds each of them has; the default is 4.

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("pipelines: needs Linux");
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
    use std::path::PathBuf;
    use std::thread;
    use std::time::{Duration, Instant};

    use longwave::{AacSettings, Mp3Settings, Pipeline, Server, ServerSettings};
    use nix::time::ClockId;

    const ROUND: Duration = Duration::from_secs(15);
    /// In the first seconds files are opened and decoded ahead.
    const SETTLES: Duration = Duration::from_secs(3);

    pub fn main() {
        let rounds = std::env::var("LONGWAVE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
        let music = longwave_demo::Music::compose().expect("music");
        let (mut one, mut four) = (Vec::new(), Vec::new());
        println!("processor, in hundredths of a core");
        for round in 1..=rounds {
            // Each of them is first equally often.
            let order = if round % 2 == 1 { [1, 4] } else { [4, 1] };
            for count in order {
                let cost = cost(count, &music.files());
                if count == 1 { one.push(cost) } else { four.push(cost) }
            }
            let ratio = four[four.len() - 1] / (4.0 * one[one.len() - 1]);
            println!(
                "  round {round}: one {:6.2}, four {:6.2}, ratio {ratio:.3}",
                100.0 * one[one.len() - 1],
                100.0 * four[four.len() - 1]
            );
        }
        let (one, four) = (one.iter().sum::<f64>(), four.iter().sum::<f64>());
        println!("four pipelines beside four times one: {:.3}  goal: 1.05", four / (4.0 * one));
    }

    /// Processor seconds per second, of all threads of this process.
    fn cost(pipelines: usize, files: &[PathBuf]) -> f64 {
        let listen = vec![([127, 0, 0, 1], 0).into()];
        let server = Server::start(ServerSettings { listen, ..ServerSettings::default() }).expect("a server");
        let pipelines: Vec<_> = (0..pipelines).map(|number| start(number, files, &server)).collect();
        thread::sleep(SETTLES);
        let (before, began) = (cpu_time(), Instant::now());
        thread::sleep(ROUND);
        let cost = (cpu_time() - before).as_secs_f64() / began.elapsed().as_secs_f64();
        for pipeline in pipelines {
            assert!(pipeline.health().is_ok(), "{:?}", pipeline.health().problems);
            pipeline.stop();
        }
        server.stop();
        cost
    }

    fn start(number: usize, files: &[PathBuf], server: &Server) -> Pipeline {
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
}
