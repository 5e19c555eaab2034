//! Titles: each appears where its track begins, in the form that players read.

use std::time::Duration;

use longwave::{Entry, PacketReader, PcmSpec, PipelineSettings, Place};
use longwave_testing::ear::{Heard, ffmpeg, unweave};
use longwave_testing::radio::Radio;
use longwave_testing::sound;

use crate::both;

const METAINT: usize = 16_000;

/// Titles as they are given, and as they must arrive.
fn titles() -> [(String, String); 5] {
    let long: String = "Ünendliche Mélodie ".chars().cycle().take(6000).collect();
    // A long title is cut between two characters.
    let room = 2_000;
    let cut = (room - 1..=room).rev().find(|at| long.is_char_boundary(*at)).unwrap();
    let fits = long[..cut].to_owned();
    [
        ("Björk – Jóga".into(), "Björk – Jóga".into()),
        ("It's; over'; drop".into(), "It's; over\u{2019}; drop".into()),
        ("日本語".into(), "日本語".into()),
        (long, fits),
        ("a\u{1}b\r\nc".into(), "ab c".into()),
    ]
}

#[test]
fn a_title_is_there_within_one_metaint_of_where_its_track_begins() {
    let folder = tempfile::tempdir().unwrap();
    let pitch = |n: usize| 500.0 + 250.0 * n as f64;
    let files: Vec<_> = titles()
        .into_iter()
        .enumerate()
        .map(|(n, (title, _))| {
            let tone = sound::sines(PcmSpec::CD, &[(pitch(n), 0.4), (pitch(n), 0.4)], 3 * 44_100);
            let path = sound::wav(&folder.path().join(format!("{n}.wav")), PcmSpec::CD, &tone);
            Entry::titled(path, title)
        })
        .collect();
    let mut radio = Radio::stepped(PipelineSettings {
        crossfade: Duration::from_secs(1).into(),
        outputs: both(),
        ..PipelineSettings::default()
    });
    let listeners = ["/stream.mp3", "/stream.aac"].map(|mount| radio.listen(mount, true));
    radio.pipeline().queue_files(files, Place::End).unwrap();
    radio.run(11.5);
    radio.stop();

    for (listener, content_type) in listeners.into_iter().zip(["audio/mpeg", "audio/aac"]) {
        assert!(listener.head.contains(&format!("icy-metaint: {METAINT}\r\n")), "{}", listener.head);
        let (audio, mut shown) = unweave(&listener.into_stream(), METAINT);
        // There is an empty title before the first track begins.
        shown.retain(|(_, text)| !text.is_empty());
        let texts: Vec<_> = shown.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, titles().each_ref().map(|(_, arrives)| arrives.as_str()));

        let heard = ffmpeg(content_type, &audio, PcmSpec::CD);
        let packets = packet_starts(content_type, &audio);
        for (n, (shown_at, _)) in shown.iter().enumerate().skip(1) {
            let begins = louder_from(&heard, pitch(n - 1), pitch(n));
            let packet = packets.partition_point(|(frame, _)| *frame <= begins as u64) - 1;
            println!("{content_type}: a track at byte {}, its title at {shown_at}", packets[packet].1);
            // The measured begin may be wrong by a packet.
            let earliest = packets[packet - 1].1;
            assert!(
                (earliest..=packets[packet + 1].1 + METAINT).contains(shown_at),
                "{content_type}: title {n} is at byte {shown_at}, its track begins at {earliest}"
            );
        }
    }
}

/// The first frame and the first byte of each packet.
fn packet_starts(content_type: &str, audio: &[u8]) -> Vec<(u64, usize)> {
    let (mut reader, mut packets) = (PacketReader::for_content_type(content_type), Vec::new());
    reader.push(audio, &mut packets);
    assert_eq!(reader.garbage_bytes(), 0);
    let (mut frame, mut byte) = (0, 0);
    packets
        .iter()
        .map(|parsed| {
            let start = (frame, byte);
            frame += u64::from(parsed.packet.frames);
            byte += parsed.packet.bytes.len();
            start
        })
        .collect()
}

/// The first frame at which the new tone is louder than the old one.
fn louder_from(heard: &Heard, old: f64, new: f64) -> usize {
    let window = 2048;
    let louder = |at: usize| {
        let [old, new] = [old, new].map(|hz| heard.level_db(0, at..at + window, hz));
        new > old && new > -20.0
    };
    let at = (0..heard.frames() - window).step_by(1024).find(|at| louder(*at)).expect("the tone comes");
    at + window / 2
}
