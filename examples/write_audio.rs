//! Serves an MP3 or ADTS file as a live mount, as an application with its own encoder would.
//!
//!     cargo run --example write_audio -- music.mp3 [seconds]
//!
//! Then listen to <http://127.0.0.1:8000/live.mp3>.

use std::time::{Duration, Instant};

use longwave::{MountSettings, Server, ServerSettings, Title};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which file?")?;
    let seconds = arguments.next().map_or(Ok(3600), |seconds| seconds.parse())?;
    let bytes = std::fs::read(&file)?;

    let listen = std::env::var("LISTEN").unwrap_or("[::]:8000".into()).parse()?;
    let server = Server::start(ServerSettings { listen: vec![listen], ..ServerSettings::default() })?;
    let mount = MountSettings {
        path: "/live.mp3".into(),
        content_type: "audio/mpeg".into(),
        ..MountSettings::default()
    };
    let mut audio = server.add_mount(mount)?.into_audio();
    audio.update_metadata(Title::new(file));
    println!("on air  http://127.0.0.1:{}/live.mp3", server.local_addrs()[0].port());

    let start = Instant::now();
    let mut rest = &bytes[..];
    while start.elapsed() < Duration::from_secs(seconds) {
        rest = if rest.is_empty() { &bytes } else { rest };
        rest = &rest[audio.write_audio(rest)?..];
        // The mount accepts about ten seconds in advance, and then as fast as the audio plays.
        std::thread::sleep(Duration::from_millis(50));
    }
    server.stop();
    Ok(())
}
