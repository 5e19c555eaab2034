//! What sources send, as it is heard: HE-AAC, and titles with the audio that they belong to.

use std::process::Command;
use std::time::Duration;

use longwave::{AacProfile, AacSettings, EncoderSettings, Event, Mp3Settings, SourceInfo, SourceStream};
use longwave_testing::ms;
use longwave_testing::sound::{sine, wav};
use longwave_testing::studio::Studio;
use longwave_testing::tools::run;

use crate::djs::Pipe;
use crate::live_inputs::{AMPLITUDE, LIVE, OTHER, RATE, STEREO, heard, levels, settings, studio};

/// Sends these bytes at an even pace, for so many seconds.
fn send(studio: &Studio, pipe: &Pipe, bytes: &[u8], seconds: f64) {
    const STEP: Duration = Duration::from_millis(50);
    let steps = (seconds / STEP.as_secs_f64()) as usize;
    for part in bytes.chunks(bytes.len().div_ceil(steps)) {
        pipe.send(part);
        studio.run(STEP);
    }
}

/// A tone of six seconds, as an encoder of ours sends it.
fn tone(settings: &dyn EncoderSettings, hz: f64) -> Vec<u8> {
    let mut encoder = settings.open(STEREO).unwrap();
    let mut packets = Vec::new();
    encoder.encode(&sine(STEREO, hz, AMPLITUDE, 44_100 * 6), &mut packets).unwrap();
    packets.into_iter().flat_map(|packet| packet.bytes.into_vec()).collect()
}

#[test]
fn he_aac_is_heard_at_its_pitch_and_level() {
    for profile in [AacProfile::He, AacProfile::HeV2] {
        let studio = studio(vec![settings("/live")]);
        let pipe = Pipe::default();
        let stream = SourceStream::new(pipe.clone());
        let session = studio.pipeline.go_live("/live", SourceInfo::new("audio/aacp"), stream).unwrap();
        let sent = tone(&AacSettings { profile, ..AacSettings::default() }, LIVE);
        send(&studio, &pipe, &sent, 6.0);
        let end = studio.position() as f64 / RATE;
        let format = session.state().live.unwrap().format.expect("a format");
        session.end();
        let heard = heard(studio);
        let range = heard.at(end - 2.0)..heard.at(end - 0.5);
        for channel in 0..2 {
            let pitch = heard.pitch(channel, range.clone());
            assert!((pitch / LIVE - 1.0).abs() < 0.006, "{profile:?}, {format:?}: {pitch} Hz");
            let off = heard.rms_db(channel, range.clone()) - 20.0 * (AMPLITUDE / 2_f64.sqrt()).log10();
            assert!(off.abs() < 0.5, "{profile:?}, {format:?}: {off} dB");
        }
        assert_eq!((format.name, format.rate), ("AAC", 44_100), "{profile:?}: the upper half is there");
    }
}

/// A tone of four seconds in Ogg, with this title.
fn link(studio: &Studio, hz: f64, title: &str, codec: &str) -> Vec<u8> {
    let tone = wav(&studio.path("link.wav"), STEREO, &sine(STEREO, hz, AMPLITUDE, 44_100 * 4));
    let file = studio.path("link.ogg");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(&tone);
    ffmpeg.args([
        "-c:a",
        codec,
        "-b:a",
        "128k",
        "-page_duration",
        "100000",
        "-metadata",
        &format!("title={title}"),
    ]);
    run(ffmpeg.arg("-f").arg("ogg").arg(&file), &[]);
    std::fs::read(&file).unwrap()
}

/// How much later this title is told than the tone that came with it is heard.
fn lateness(studio: Studio, title: &str) -> f64 {
    let told = studio.events().into_iter().find_map(|event| match event {
        Event::LiveTitle { title: told, at, .. } if told == title => Some(at.0 as f64 / RATE),
        _ => None,
    });
    let told = told.expect("the title is told");
    let heard = heard(studio);
    let tenths = (1..).map(|n| 0.1 + f64::from(n) / 20.0);
    let mut tenths = tenths.take_while(|end| heard.at(*end) < heard.frames());
    let sounds = tenths.find(|end| levels(&heard, *end, &[OTHER])[0] >= -2).expect("the tone is heard");
    told - (sounds - 0.1)
}

#[test]
fn titles_come_within_a_second_of_the_audio_that_they_belong_to() {
    const TITLE: &str = "Björk — Jóga (при)";
    let by_request = studio(vec![settings("/live")]);
    let pipe = Pipe::default();
    let info = || SourceInfo { user: "anna".into(), ..SourceInfo::new("") };
    let stream = SourceStream::new(pipe.clone());
    let session = by_request.pipeline.go_live("/live", info(), stream).unwrap();
    send(&by_request, &pipe, &tone(&Mp3Settings::default(), LIVE), 6.0);
    session.set_title(TITLE);
    send(&by_request, &pipe, &tone(&Mp3Settings::default(), OTHER), 6.0);
    let late = lateness(by_request, TITLE);
    assert!(late.abs() < 0.5, "by a request: {late} s");

    for codec in ["libvorbis", "libopus", "flac"] {
        let studio = studio(vec![settings("/live")]);
        let pipe = Pipe::default();
        studio.pipeline.go_live("/live", info(), SourceStream::new(pipe.clone())).unwrap();
        let (first, second) = (link(&studio, LIVE, "first", codec), link(&studio, OTHER, TITLE, codec));
        send(&studio, &pipe, &first, 4.0);
        send(&studio, &pipe, &second, 4.0);
        studio.run(ms(1500));
        let late = lateness(studio, TITLE);
        assert!(late.abs() < 0.5, "{codec}: {late} s");
    }
}
