//! A station that plays a folder, a file or a playlist again and again.
//!
//!     cargo run --example station_in_ten_lines -- ~/Music [seconds]
//!
//! Then listen to <http://127.0.0.1:8000/radio.mp3>. `LISTEN=127.0.0.1:9000` sets another address.

use std::error::Error;
use std::time::Duration;

use longwave::{Mp3Settings, Pipeline};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let music = arguments.next().ok_or("which music?")?;
    let seconds = arguments.next().map_or(Ok(3600), |seconds| seconds.parse())?;
    let listen = std::env::var("LISTEN").unwrap_or("[::]:8000".into()).parse()?;

    let station = Pipeline::builder("main")
        .playlist(music)
        .repeat(true)
        .crossfade(Duration::from_secs(3))
        .listen(listen)
        .output("/radio.mp3", Mp3Settings::default())
        .start()?;
    println!("on air  http://127.0.0.1:{}/radio.mp3", station.server()?.local_addrs()[0].port());
    std::thread::sleep(Duration::from_secs(seconds));
    station.stop();
    Ok(())
}
