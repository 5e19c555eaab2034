//! How loud the loudest is.

use super::{Rig, look_ahead};

/// Frames before and behind the step from full scale to full scale below zero.
const HALF: usize = 8_000;

/// As a WAV file: so many channels, all of them the same square.
fn square(channels: u16) -> Vec<u8> {
    let frames = [[i16::MAX; HALF], [i16::MIN; HALF]].concat();
    let samples = frames.iter().flat_map(|frame| std::iter::repeat_n(*frame, channels.into()));
    let sound: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0".to_vec();
    wav.extend(channels.to_le_bytes());
    wav.extend(8_000u32.to_le_bytes());
    wav.extend((16_000 * u32::from(channels)).to_le_bytes());
    wav.extend((2 * channels).to_le_bytes());
    wav.extend(b"\x10\0data");
    wav.extend((sound.len() as u32).to_le_bytes());
    wav.extend(sound);
    wav
}

#[test]
fn channels_that_are_alike_at_full_scale_stay_within_it() {
    for channels in [1, 2, 3, 6, 8] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("square.wav");
        std::fs::write(&path, square(channels)).unwrap();
        let rig = Rig::new(&[path.to_str().unwrap()], false, 0);
        rig.run(4.0);
        let pcm = rig.stop();
        assert!(pcm.iter().all(|sample| sample.abs() <= 1.0), "{channels} channels exceed full scale");
        let heard = &pcm[look_ahead()..];
        // Just before its look-ahead sees the step, and just behind it, the limiter holds the ceiling.
        assert!(heard[..HALF].iter().all(|sample| *sample > 0.5), "{channels} channels: the upper half");
        assert!(
            heard[HALF..2 * HALF].iter().all(|sample| *sample < -0.5),
            "{channels} channels: the lower half"
        );
    }
}
