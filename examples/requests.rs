//! A station that takes requests from standard input, one per line: the path of a file, `next` and a path,
//! `skip`, `queue` or `clear`. It ends at the end of the input.
//!
//!     cargo run --example requests -- ~/Music

use std::error::Error;
use std::io::stdin;
use std::time::Duration;

use longwave::{Entry, Event, EventKind, Mp3Settings, Pipeline, Place};

fn main() -> Result<(), Box<dyn Error>> {
    let music = std::env::args().nth(1).ok_or("which music?")?;
    let listen = std::env::var("LISTEN").unwrap_or("[::]:8000".into()).parse()?;

    let station = Pipeline::builder("requests")
        .playlist(music)
        .repeat(true)
        .crossfade(Duration::from_secs(3))
        .listen(listen)
        .output("/radio.mp3", Mp3Settings::default())
        .on(EventKind::TrackChange, |_, event| {
            if let Event::TrackChange { track, .. } = event {
                println!("now: {}", track.title);
            }
        })
        .on(EventKind::TrackFailed, |_, event| {
            if let Event::TrackFailed { file, reason } = event {
                println!("not played: {}: {reason}", file.display());
            }
        })
        .start()?;
    println!("on air  http://127.0.0.1:{}/radio.mp3", station.server()?.local_addrs()[0].port());

    for line in stdin().lines() {
        let line = line?;
        match line.split_once(' ') {
            _ if line.is_empty() => {}
            None if line == "skip" => station.skip()?,
            None if line == "clear" => station.clear_queue()?,
            None if line == "queue" => {
                for (id, entry) in station.queue() {
                    println!("{id:>4}  {}", entry.path.display());
                }
            }
            Some(("next", path)) => drop(station.queue_files([Entry::new(path)], Place::Next)?),
            _ => drop(station.queue_files([Entry::new(line)], Place::End)?),
        }
    }
    station.stop();
    Ok(())
}
