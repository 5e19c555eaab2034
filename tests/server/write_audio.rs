//! Encoded audio that an application writes to a mount in arbitrary pieces.
#![cfg(all(feature = "mp3", feature = "aac"))]

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use longwave::{
    AacProfile, AacSettings, AudioWriter, Channels, EncoderSettings, Event, MountSettings, Mp3Settings,
    PcmSpec, SampleRate, Title,
};
use longwave_testing::server::{Station, mount_settings, settings};
use longwave_testing::until;

/// Two seconds of a tone as MP3.
fn mp3() -> Vec<u8> {
    let spec = PcmSpec { rate: SampleRate::CD, channels: Channels::Stereo };
    let mut encoder = Mp3Settings::default().open(spec).unwrap();
    let tone = |frame: usize| (frame as f32 * 0.06).sin() * 0.5;
    let pcm: Vec<f32> = (0..88_200).flat_map(|frame| [tone(frame); 2]).collect();
    let mut packets = Vec::new();
    encoder.encode(&pcm, &mut packets).unwrap();
    encoder.flush(&mut packets).unwrap();
    packets.into_iter().flat_map(|packet| packet.bytes).collect()
}

fn live(station: &Station, content_type: &str) -> AudioWriter {
    let settings =
        MountSettings { path: "/live".into(), content_type: content_type.into(), ..mount_settings() };
    station.server.add_mount(settings).unwrap().into_audio()
}

/// Everything that a listener gets after the head, until the mount ends.
fn listen(station: &Station, audio: AudioWriter) -> Vec<u8> {
    let mut socket = station.connect();
    socket.write_all(b"GET /live HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = vec![0; 1];
    socket.read_exact(&mut answer).unwrap();
    drop(audio);
    socket.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    answer.split_off(head)
}

#[test]
fn bytes_cut_anywhere_become_whole_packets() {
    let encoded = mp3();
    for cut in [1, 7, 417, 1000, 100_000] {
        let station = Station::start(settings());
        let mut audio = live(&station, "audio/mpeg");
        audio.update_metadata(Title::new("Live"));
        // It begins and ends within a packet.
        for piece in encoded[100..encoded.len() - 100].chunks(cut) {
            assert_eq!(audio.write_audio(piece).unwrap(), piece.len());
        }
        assert!(audio.garbage_bytes() > 0);
        until("the packets have arrived", || audio.info().packets > 70);
        let heard = listen(&station, audio);
        let from = encoded.windows(16).position(|bytes| bytes == &heard[..16]).unwrap();
        assert_eq!(heard, encoded[from..from + heard.len()], "cut every {cut} bytes");
    }
}

#[test]
fn a_file_offered_as_a_whole_goes_as_fast_as_it_sounds_and_nothing_is_lost() {
    // Nobody tells the rate or the bitrate: the audio itself does.
    let unknown = MountSettings { bitrate: None, sample_rate: None, channels: None, ..mount_settings() };
    let station = Station::start(settings());
    let settings = MountSettings { path: "/live".into(), ..unknown };
    let mut audio = station.server.add_mount(settings).unwrap().into_audio();
    let file = mp3().repeat(20);
    let start = Instant::now();
    let mut written = audio.write_audio(&file).unwrap();
    // At 128 kbit/s.
    let ten_seconds = 10 * 16_000_usize;
    assert!(written.abs_diff(ten_seconds) < 2_000, "{written} of {}", file.len());
    until("all that it took is there", || audio.info().position.0 as usize >= written - 2 * 1044);
    assert!(audio.info().duration.abs_diff(Duration::from_secs(10)) < Duration::from_millis(100));
    until("it takes more, as time goes by", || {
        written += audio.write_audio(&file[written..]).unwrap();
        written > ten_seconds + 16_000 / 2
    });
    assert!(start.elapsed() > Duration::from_millis(400), "half a second took {:?}", start.elapsed());
    until("all that it took is there", || audio.info().position.0 as usize >= written - 2 * 1044);
    assert_eq!(audio.info().dropped_packets, 0);
    let heard = listen(&station, audio);
    let from = file.windows(16).position(|bytes| bytes == &heard[..16]).unwrap();
    assert!(heard == file[from..from + heard.len()], "{} bytes in a row", heard.len());
}

#[test]
fn audio_of_another_format_is_told_in_state_health_and_events_and_so_is_its_end() {
    let flac = || {
        [b"fLaC".to_vec(), (0..100_000_u32).map(|n| (n.wrapping_mul(n) / 7) as u8 & 0x7f).collect()].concat()
    };
    let adts = || adts_aac();
    let kinds: [(&str, Vec<u8>, &str); 4] = [
        ("audio/mpeg", flac(), "gets what is not audio/mpeg (it looks like FLAC)"),
        ("audio/mpeg", adts(), "gets what is not audio/mpeg (it looks like AAC)"),
        ("audio/aac", mp3().repeat(3), "gets what is not audio/aac (it looks like MP3)"),
        ("audio/mpeg", vec![0x55; 70_000], "gets what is not audio/mpeg"),
    ];
    for (content_type, wrong, reason) in kinds {
        assert!(wrong.len() > 64 * 1024, "{reason}: {}", wrong.len());
        let station = Station::start(settings());
        let events = station.server.subscribe(16).unwrap();
        let mut audio = live(&station, content_type);
        for piece in wrong.chunks(1000) {
            assert_eq!(audio.write_audio(piece).unwrap(), piece.len());
        }
        let info = station.server.mount_info("/live").unwrap();
        assert_eq!(info.unreadable.as_deref().map(String::as_str), Some(reason));
        assert!(info.garbage_bytes > 64 * 1024 && info.garbage_bytes <= wrong.len() as u64);
        let health = station.server.health();
        assert_eq!(health.problems, [format!("/live {reason}: its listeners hear nothing")]);
        match events.recv().unwrap().event {
            Event::AudioUnreadable { mount, reason: told } => {
                assert_eq!((&*mount, &*told), ("/live", reason));
            }
            other => panic!("{other:?}"),
        }

        let right = if content_type == "audio/mpeg" { mp3() } else { adts() };
        audio.write_audio(&right).unwrap();
        assert!(station.server.health().is_ok(), "{:?}", station.server.health());
        assert_eq!(station.server.mount_info("/live").unwrap().unreadable, None);
        match events.recv().unwrap().event {
            Event::AudioReadable { mount } => assert_eq!(mount, "/live"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn damage_between_packets_is_counted_and_is_no_other_format() {
    let encoded = mp3();
    let station = Station::start(settings());
    let mut audio = live(&station, "audio/mpeg");
    audio.write_audio(&encoded[..8_360]).unwrap();
    audio.write_audio(&[0x55; 60_000]).unwrap();
    audio.write_audio(&encoded[8_360..]).unwrap();
    let info = audio.info();
    assert!(info.garbage_bytes >= 60_000, "{}", info.garbage_bytes);
    assert_eq!(info.unreadable, None);
    assert!(station.server.health().is_ok());
}

/// Ten seconds of a tone as AAC.
fn adts_aac() -> Vec<u8> {
    let spec = PcmSpec { rate: SampleRate::CD, channels: Channels::Stereo };
    let mut encoder = AacSettings::default().open(spec).unwrap();
    let mut packets = Vec::new();
    let pcm: Vec<f32> = (0..882_000).map(|sample| ((sample / 2) as f32 * 0.06).sin() * 0.5).collect();
    encoder.encode(&pcm, &mut packets).unwrap();
    packets.into_iter().flat_map(|packet| packet.bytes).collect()
}

#[test]
fn he_aac_lasts_as_long_as_it_sounds_though_its_headers_name_half_its_rate() {
    let spec = PcmSpec { rate: SampleRate::CD, channels: Channels::Stereo };
    let settings_of = AacSettings { profile: AacProfile::He, bitrate: 64, ..AacSettings::default() };
    let mut encoder = settings_of.open(spec).unwrap();
    let mut packets = Vec::new();
    encoder.encode(&vec![0.1; 2 * 5 * 44_100], &mut packets).unwrap();
    let frames: u64 = packets.iter().map(|packet| u64::from(packet.frames)).sum();
    let bytes: Vec<u8> = packets.into_iter().flat_map(|packet| packet.bytes).collect();
    for sample_rate in [Some(44_100), None] {
        let station = Station::start(settings());
        let mount = MountSettings {
            path: "/live".into(),
            content_type: "audio/aac".into(),
            sample_rate,
            ..mount_settings()
        };
        let mut audio = station.server.add_mount(mount).unwrap().into_audio();
        assert_eq!(audio.write_audio(&bytes).unwrap(), bytes.len());
        let whole = Duration::from_secs_f64(frames as f64 / 44_100.0);
        let lasts = || audio.info().duration;
        until("it has arrived", || audio.info().position.0 as usize > bytes.len() - 1000);
        assert!(lasts().abs_diff(whole) < Duration::from_millis(100), "{:?} of {whole:?}", lasts());
    }
}

#[test]
fn a_type_that_is_not_parsed_goes_write_by_write_after_its_header() {
    let station = Station::start(settings());
    let mut audio = live(&station, "audio/x-own");
    audio.set_header(b"HEADER");
    assert_eq!(audio.write_audio(b"first ").unwrap(), 6);
    assert_eq!(audio.write_audio(b"second").unwrap(), 6);
    until("both are there", || audio.info().packets == 2);
    assert_eq!(listen(&station, audio), b"HEADERfirst second");
}

#[test]
fn a_mount_that_is_gone_says_so() {
    let station = Station::start(settings());
    let mut audio = live(&station, "audio/mpeg");
    station.server.remove_mount("/live").unwrap();
    until("the writer has heard of it", || audio.write_audio(&mp3()).is_err());
}
