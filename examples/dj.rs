//! A DJ holds the programme, plays two records with an equal-power crossfader, and resumes the programme
//! where it was.
//!
//!     cargo run --example dj -- ~/Music first.flac second.flac [seconds]

use std::error::Error;
use std::f32::consts::FRAC_PI_2;
use std::thread::sleep;
use std::time::Duration;

use longwave::{Curve, Mp3Settings, Pipeline, Result, Title, TitleHolds, VoiceId, VoiceOptions};

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |what: &str| arguments.next().ok_or(format!("which {what}?"));
    let (music, first, second) = (argument("music")?, argument("first record")?, argument("second record")?);
    let seconds = argument("length").map_or(Ok(60.0), |seconds| seconds.parse())?;
    let listen = std::env::var("LISTEN").unwrap_or("[::]:8000".into()).parse()?;
    // The set has six parts of equal length.
    let part = Duration::from_secs_f64(seconds) / 6;

    let station = Pipeline::builder("main")
        .playlist(music)
        .repeat(true)
        .listen(listen)
        .output("/radio.mp3", Mp3Settings::default())
        .start()?;
    println!("on air  http://127.0.0.1:{}/radio.mp3", station.server()?.local_addrs()[0].port());
    sleep(part);

    println!("the programme waits; the first record");
    station.hold(part)?;
    station.update_metadata(Title::new("The DJ's hour"), None, TitleHolds::UntilCleared)?;
    let left = station.play_voice(first, VoiceOptions::default())?;
    // A paused deck is opened and decoded ahead, so it starts at once.
    let right =
        station.play_voice(second, VoiceOptions { volume: 0.0, paused: true, ..VoiceOptions::default() })?;
    sleep(part);

    println!("over to the second");
    station.resume_voice(right)?;
    crossfader(&station, left, right, 1.0, part)?;
    sleep(part);
    station.stop_voice(left, Duration::ZERO)?;
    sleep(part);

    println!("the programme goes on where it was");
    station.stop_voice(right, part)?;
    station.resume(part)?;
    station.clear_metadata(None)?;
    sleep(part * 2);
    station.stop();
    Ok(())
}

/// Moves a crossfader to `place`, from 0 (left deck only) to 1 (right deck only). In every place, both decks
/// together are as loud as one alone.
fn crossfader(station: &Pipeline, left: VoiceId, right: VoiceId, place: f32, over: Duration) -> Result<()> {
    let (right_volume, left_volume) = (place * FRAC_PI_2).sin_cos();
    station.ramp_volume(left, left_volume, over, Curve::EqualPower, false)?;
    station.ramp_volume(right, right_volume, over, Curve::EqualPower, false)
}
