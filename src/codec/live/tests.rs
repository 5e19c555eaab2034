use std::process::Command;

use longwave_testing::tools::{run, tone_file};

use super::*;

/// What came of a stream: for each shape the frames of its first channel, and the titles.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    parts: Vec<(u32, usize, Vec<f32>)>,
    titles: Vec<String>,
    skipped: u64,
    coding: Option<&'static str>,
}

impl Heard {
    fn take(&mut self, sent: Sent<'_>) {
        match sent {
            Sent::Title(title) => self.titles.push(title),
            Sent::Packet(_) | Sent::Seam => {}
            Sent::Pcm(shape, pcm) => {
                let (rate, channels) = (shape.rate.hz(), shape.speakers.len());
                if self.parts.last().is_none_or(|part| (part.0, part.1) != (rate, channels)) {
                    self.parts.push((rate, channels, Vec::new()));
                }
                let part = &mut self.parts.last_mut().expect("there is one now").2;
                part.extend(pcm.iter().step_by(channels));
            }
        }
    }

    fn seconds(&self) -> Vec<f64> {
        self.parts.iter().map(|(rate, _, part)| part.len() as f64 / f64::from(*rate)).collect()
    }
}

/// Decodes a stream that arrives in pieces of this size.
fn hear(content_type: &str, stream: &[u8], piece: usize) -> Heard {
    let (mut decoder, mut heard) = (LiveDecoder::new(content_type), Heard::default());
    for piece in stream.chunks(piece) {
        decoder.push(piece, &mut |sent| heard.take(sent));
    }
    Heard { skipped: decoder.skipped_bytes(), coding: decoder.coding(), ..heard }
}

/// The level of a tone of 440 Hz in the middle of a part, as an amplitude.
fn level(rate: u32, part: &[f32]) -> f64 {
    let step = std::f64::consts::TAU * 440.0 / f64::from(rate);
    let (from, count) = (part.len() / 2, rate as usize / 4);
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in part[from..from + count].iter().enumerate() {
        re += f64::from(*sample) * (step * n as f64).cos();
        im += f64::from(*sample) * (step * n as f64).sin();
    }
    2.0 * re.hypot(im) / count as f64
}

/// Three seconds of a tone in each format, with its content type and what it is called.
fn formats() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let titled = ["-metadata", "artist=Björk", "-metadata", "title=Jóga"];
    let made = |options: &[&str], extension| tone_file(3, 48_000, &[options, &titled].concat(), extension);
    vec![
        ("MP3", "audio/mpeg", made(&["-c:a", "libmp3lame", "-b:a", "128k"], "mp3")),
        ("AAC", "audio/aac", made(&["-c:a", "aac"], "aac")),
        ("Vorbis", "application/ogg", made(&["-c:a", "libvorbis"], "ogg")),
        ("Opus", "audio/ogg", made(&["-c:a", "libopus"], "opus")),
        ("FLAC", "audio/ogg; codecs=flac", made(&["-c:a", "flac", "-f", "ogg"], "oga")),
    ]
}

#[test]
fn each_format_is_decoded_however_it_is_cut_and_whatever_it_says_it_is() {
    for (name, content_type, stream) in formats() {
        let whole = hear(content_type, &stream, usize::MAX);
        assert_eq!(whole.coding, Some(name));
        let [(rate, channels, part)] = &whole.parts[..] else { panic!("{name}: {:?}", whole.seconds()) };
        assert_eq!((*rate, *channels), (48_000, 2), "{name}");
        assert!((whole.seconds()[0] - 3.0).abs() < 0.1, "{name}: {:?}", whole.seconds());
        // The tone of ffmpeg has an amplitude of 1/8 in mono. In each channel of stereo it has 3 dB less.
        let off = 20.0 * (level(*rate, part) * 8.0).log10() + 3.01;
        assert!(off.abs() < 0.5, "{name}: {off} dB");
        if content_type.contains("ogg") {
            assert_eq!(whole.titles, ["Björk - Jóga"], "{name}");
        }
        for piece in [1, 977, 8192] {
            assert!(hear(content_type, &stream, piece) == whole, "{name} in pieces of {piece}");
        }
        for wrong in ["audio/mpeg", "audio/aac", "application/ogg", "application/octet-stream", ""] {
            let heard = hear(wrong, &stream, 4096);
            assert_eq!(heard.coding, Some(name), "{name} as {wrong:?}");
            assert!((heard.seconds()[0] - 3.0).abs() < 0.2, "{name} as {wrong:?}: {:?}", heard.seconds());
        }
    }
}

#[test]
fn garbage_in_the_middle_costs_no_more_than_the_packets_that_it_hits() {
    let random = &mut fastrand::Rng::with_seed(3);
    for (name, content_type, stream) in formats() {
        for length in [1, 100, 5_000, 300_000] {
            let noise: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let (before, behind) = stream.split_at(stream.len() / 2);
            let heard = hear(content_type, &[before, &noise, behind].concat(), 1000);
            assert!(heard.skipped > 0, "{name}");
            let seconds: f64 = heard.seconds().iter().sum();
            // Each of the two or three pages of Ogg is a second long.
            let least = if content_type.contains("ogg") { 0.9 } else { 2.7 };
            assert!((least..3.5).contains(&seconds), "{name}, {length} bytes: {seconds}");
        }
    }
}

/// Frames of MP3 borrow bytes from those before them. Without these they must be silent: what would be
/// decoded from others is noise. Behind them, the sound is as if nothing was missing.
#[test]
fn packets_that_are_missing_make_no_noise_of_those_behind_them() {
    for quality in [["-b:a", "128k"], ["-b:a", "64k"], ["-q:a", "4"]] {
        let changing =
            "aevalsrc=0.3*sin(880*PI*t)*(1+sin(6*PI*t))/2+0.2*sin((600+400*sin(2*PI*t))*PI*t):d=6:s=48000";
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sound.mp3");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args([
            "-v",
            "error",
            "-nostdin",
            "-f",
            "lavfi",
            "-i",
            changing,
            "-ac",
            "2",
            "-write_xing",
            "0",
        ]);
        run(ffmpeg.args(quality).arg(&file), &[]);
        let mut packets = Vec::new();
        PacketReader::for_content_type("audio/mpeg").push(&std::fs::read(&file).unwrap(), &mut packets);
        let packets: Vec<_> = packets.iter().map(|parsed| &*parsed.packet.bytes).collect();
        let clean = frames_of(&packets);
        for (from, count) in [(60, 3), (80, 1), (100, 7), (120, 20)] {
            let torn = [&packets[..from], &[b"garbage"], &packets[from + count..]].concat();
            let behind = frames_of(&torn).split_off(from);
            let mut wrong = 0;
            for (frame, clean) in behind.iter().zip(&clean[from + count..]) {
                let off = frame.iter().zip(clean).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
                let peak = frame.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
                wrong += usize::from(off > 0.02 && peak > 0.001);
                assert!(peak < 0.6, "{quality:?} {from}: nothing is louder than what was sent: {peak}");
            }
            // Of the first frame a part may be missing, and it overlaps with the next one.
            assert!(wrong <= 2, "{quality:?} {from} {count}: {wrong} frames are noise");
        }
    }
}

/// The samples of each packet.
fn frames_of(packets: &[&[u8]]) -> Vec<Vec<f32>> {
    let (mut decoder, mut frames) = (LiveDecoder::new("audio/mpeg"), Vec::new());
    for packet in packets {
        decoder.push(packet, &mut |sent| match sent {
            Sent::Packet(_) => frames.push(Vec::new()),
            Sent::Pcm(_, pcm) => frames.last_mut().expect("a packet").extend_from_slice(pcm),
            _ => {}
        });
    }
    frames
}

#[test]
fn a_stream_may_change_its_rate_its_channels_and_its_format() {
    let formats = formats();
    let small = [
        tone_file(2, 22_050, &["-c:a", "libmp3lame", "-ac", "1"], "mp3"),
        tone_file(2, 22_050, &["-c:a", "aac", "-ac", "1"], "aac"),
        tone_file(2, 22_050, &["-c:a", "libvorbis", "-ac", "1"], "ogg"),
    ];
    for ((name, content_type, first), second) in formats.iter().zip(small) {
        let heard = hear(content_type, &[&first[..], &second].concat(), 1000);
        let shapes: Vec<_> = heard.parts.iter().map(|part| (part.0, part.1)).collect();
        assert_eq!(shapes, [(48_000, 2), (22_050, 1)], "{name}");
        assert!(heard.seconds().iter().zip([3.0, 2.0]).all(|(a, b)| (a - b).abs() < 0.15), "{name}");
    }
    // A link of another codec in the same chain.
    let chain: Vec<u8> = formats[2..].iter().flat_map(|(_, _, stream)| stream.clone()).collect();
    let heard = hear("application/ogg", &chain, 1000);
    assert!((heard.seconds().iter().sum::<f64>() - 9.0).abs() < 0.3, "{:?}", heard.seconds());
    assert_eq!((heard.titles.len(), heard.coding), (3, Some("FLAC")));
}

#[test]
fn whatever_comes_nothing_panics_and_nothing_grows() {
    let random = &mut fastrand::Rng::with_seed(5);
    for (_, content_type, stream) in formats() {
        for _ in 0..20 {
            let mut damaged = stream.clone();
            for _ in 0..random.usize(1..200) {
                let at = random.usize(0..damaged.len());
                damaged[at] = random.u8(..);
            }
            damaged.drain(..random.usize(0..4000));
            hear(content_type, &damaged, 1 + random.usize(0..5000));
        }
    }
    let noise: Vec<u8> = (0..500_000).map(|_| random.u8(..)).collect();
    assert_eq!(hear("audio/mpeg", &noise, 1000).titles, [""; 0]);
}
