//! Two channels on one server: music in order, and the same music shuffled. After half of the time the first
//! channel stops; the listeners of the other notice nothing.
//!
//!     cargo run --example two_channels -- ~/Music [seconds]

use std::error::Error;
use std::time::Duration;

use longwave::{Event, EventKind, Mp3Settings, Pipeline, PipelineBuilder, Server, ServerSettings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let music = arguments.next().ok_or("which music?")?;
    let seconds = arguments.next().map_or(Ok(3600.0), |seconds| seconds.parse())?;
    let listen = std::env::var("LISTEN").unwrap_or("[::]:8000".into()).parse()?;
    let half = Duration::from_secs_f64(seconds) / 2;

    let server = Server::start(ServerSettings { listen: vec![listen], ..ServerSettings::default() })?;
    let main = channel("main", &music).server(&server).start()?;
    let shuffle = channel("shuffle", &music).shuffle(true).server(&server).start()?;
    for mount in server.mounts() {
        println!("on air  http://127.0.0.1:{}{}", server.local_addrs()[0].port(), mount.settings.path);
    }

    std::thread::sleep(half);
    println!("{} listen to main, {} in all", main.listener_count(None)?, server.listener_count(None)?);
    main.stop();
    std::thread::sleep(half);
    shuffle.stop();
    server.stop();
    Ok(())
}

/// A channel that prints what it plays.
fn channel(name: &str, music: &str) -> PipelineBuilder {
    Pipeline::builder(name)
        .playlist(music)
        .repeat(true)
        .crossfade(Duration::from_secs(3))
        .output(&format!("/{name}.mp3"), Mp3Settings::default())
        .on(EventKind::TrackChange, |pipeline, event| {
            if let Event::TrackChange { track, .. } = event {
                println!("{}: {}", pipeline.name(), track.title);
            }
        })
}
