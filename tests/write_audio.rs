//! An application's own encoded audio on a mount: cut anywhere, it arrives whole.
#![cfg(feature = "mp3")]

mod support;

use std::io::{Read, Write};

use longwave::{
    AudioWriter, Channels, EncoderSettings, MountSettings, Mp3Settings, PcmSpec, SampleRate, Title,
};
use support::{Station, mount_settings, settings, until};

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

/// All that a listener gets until the mount ends, after the head.
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
        // It starts within a packet, and ends within one.
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
fn what_there_is_no_room_for_is_not_taken_and_not_lost() {
    let station = Station::start(settings());
    let mut audio = live(&station, "audio/mpeg");
    let encoded = mp3();
    let mut written = 0;
    // More than the handoff holds, as fast as can be.
    for _ in 0..20 {
        let mut rest = &encoded[..];
        while !rest.is_empty() {
            let taken = audio.write_audio(rest).unwrap();
            rest = &rest[taken..];
            written += taken;
        }
    }
    assert_eq!(written, 20 * encoded.len());
    // One packet may still wait for what follows it.
    until("all has arrived", || audio.info().position.0 as usize >= written - 2 * 1044);
    assert_eq!(audio.info().dropped_packets, 0);
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
