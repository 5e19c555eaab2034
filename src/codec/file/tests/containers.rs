//! Containers and the codecs in them, compared with what ffmpeg decodes; and sizes that are wrong.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::fixture::{
    Folder, Pcm, by_ffmpeg, channel, convert, decode, error_db, ffmpeg, read_all, run, stereo,
};
use crate::codec::file::AudioFile;
use crate::units::FrameCount;

const FRAMES: usize = 30_000;

/// A file sounds as ffmpeg decodes it: as long within `slack` frames, and as exact.
fn same_as_ffmpeg(path: &Path, slack: usize, error_below_db: f64) {
    let name = path.display();
    let (wanted, got) = (by_ffmpeg(path), decode(path, stereo(44_100)));
    assert!(wanted.len().abs_diff(got.len()) <= 2 * slack, "{name}: {} of {}", got.len(), wanted.len());
    for side in 0..2 {
        let error = error_db(&channel(&wanted, 2, side), &channel(&got, 2, side));
        assert!(error < error_below_db, "{name}, channel {side}: {error} dB");
    }
}

#[test]
fn every_codec_in_wav_aiff_and_caf_is_read_as_ffmpeg_does() {
    let folder = Folder::new();
    let wav = folder.wav("source.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let exact = [
        ("u8.wav", "-c:a pcm_u8"),
        ("s32.wav", "-c:a pcm_s32le"),
        ("f64.wav", "-c:a pcm_f64le"),
        ("alaw.wav", "-c:a pcm_alaw"),
        ("mulaw.wav", "-c:a pcm_mulaw"),
        ("ima.wav", "-c:a adpcm_ima_wav"),
        ("ms.wav", "-c:a adpcm_ms"),
        ("a.w64", "-c:a pcm_s16le"),
        ("24.w64", "-c:a pcm_s24le"),
        ("always.wav", "-rf64 always"),
        ("s8.aiff", "-c:a pcm_s8"),
        ("sowt.aiff", "-c:a pcm_s16le"),
        ("s32.aiff", "-c:a pcm_s32be"),
        ("f32.aiff", "-c:a pcm_f32be"),
        ("f64.aiff", "-c:a pcm_f64be"),
        ("alaw.aiff", "-c:a pcm_alaw"),
        ("mulaw.aiff", "-c:a pcm_mulaw"),
        ("a.caf", "-c:a pcm_s16be"),
        ("le.caf", "-c:a pcm_s24le"),
        ("f32.caf", "-c:a pcm_f32le"),
        ("alac.caf", "-c:a alac"),
        ("alaw.caf", "-c:a pcm_alaw"),
        ("mulaw.caf", "-c:a pcm_mulaw"),
        ("f64.caf", "-c:a pcm_f64be"),
    ];
    for path in convert(&wav, &folder, &exact) {
        same_as_ffmpeg(&path, 0, -80.0);
    }
    // Of the first sample in each of its blocks, IMA ADPCM in AIFF stores nine bits. ffmpeg keeps the others.
    let ima = convert(&wav, &folder, &[("ima4.aiff", "-c:a adpcm_ima_qt")]);
    same_as_ffmpeg(&ima[0], 0, -35.0);
}

#[test]
fn layer_two_and_streams_in_wav_are_read_as_ffmpeg_does() {
    let folder = Folder::new();
    let wav = folder.wav("source.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let files = [
        ("a.mp2", "-c:a mp2 -b:a 256k"),
        ("layer3.wav", "-c:a libmp3lame -b:a 192k"),
        ("layer2.wav", "-c:a mp2 -b:a 256k"),
    ];
    for path in convert(&wav, &folder, &files) {
        // Of what an MP3 encoder adds, ffmpeg takes away nothing here.
        same_as_ffmpeg(&path, 1_152 * 2, -40.0);
    }
    // A rate that only MPEG-2 has.
    let sine = "-f lavfi -i sine=440:r=22050:d=2";
    let low = ffmpeg(sine, &folder, &[("low.mp2", "-c:a mp2 -b:a 64k -ac 1")]).remove(0);
    let (wanted, got) = (by_ffmpeg(&low), channel(&decode(&low, stereo(22_050)), 2, 0));
    assert!(wanted.len().abs_diff(got.len()) <= 2 * 1_152, "{} of {} frames", got.len(), wanted.len());
    assert!(error_db(&wanted, &got) < -40.0, "{} dB", error_db(&wanted, &got));
}

/// A WAV file with this `fmt ` chunk.
fn wav_with(fmt: &[u8], data: &[u8]) -> Vec<u8> {
    let mut wav = Vec::from(*b"RIFF\0\0\0\0WAVEfmt ");
    wav.extend((fmt.len() as u32).to_le_bytes());
    wav.extend(fmt);
    wav.extend(b"data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

#[test]
fn a_description_longer_than_it_must_be_is_read() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, 5_000);
    let plain = pcm.wav();
    let (fmt, data) = (&plain[20..36], &plain[44..]);
    for more in [0, 2, 4, 8, 24, 100] {
        let path = folder.path("long.wav");
        std::fs::write(&path, wav_with(&[fmt, &vec![0; more]].concat(), data)).unwrap();
        assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "{more} bytes more");
    }
}

#[test]
fn samples_of_24_bits_may_have_room_for_32() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, 5_000);
    let data: Vec<u8> =
        pcm.samples.iter().flat_map(|sample| (i32::from(*sample) << 16).to_le_bytes()).collect();
    let mut extensible =
        b"\xfe\xff\x02\0\x44\xac\0\0\x20\x62\x05\0\x08\0\x20\0\x16\0\x18\0\x03\0\0\0\x01\0".to_vec();
    extensible.extend(b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    let plain = b"\x01\0\x02\0\x44\xac\0\0\x20\x62\x05\0\x08\0\x18\0".to_vec();
    for fmt in [extensible, plain] {
        let path = folder.path("room.wav");
        std::fs::write(&path, wav_with(&fmt, &data)).unwrap();
        assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "{} bytes", fmt.len());
    }
}

#[test]
fn what_is_in_a_wav_file_and_cannot_be_played_is_named() {
    let folder = Folder::new();
    let plain = Pcm::sweeps(44_100, 2, 5_000).wav();
    let (fmt, data) = (plain[20..36].to_vec(), &plain[44..]);
    let refusal = |tag: u16, data: &[u8]| {
        let path = folder.path("odd.wav");
        let fmt = [&tag.to_le_bytes()[..], &fmt[2..]].concat();
        std::fs::write(&path, wav_with(&fmt, data)).unwrap();
        AudioFile::open(&path, stereo(44_100)).err().expect("a refusal").to_string()
    };
    assert!(refusal(0x161, data).contains("Windows Media Audio"));
    assert!(refusal(0x2000, data).contains("AC-3"));
    let dts = [&[0; 96][..], b"\xff\x1f\x00\xe8", data].concat();
    assert!(refusal(1, &dts).contains("DTS, although it says PCM"));
}

#[test]
fn a_recording_that_grew_after_its_header_plays_to_its_end() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, 60_000);
    let check = |name: &str, file: Vec<u8>| {
        let path = folder.path(name);
        std::fs::write(&path, file).unwrap();
        let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
        assert_eq!(file.duration(), Some(FrameCount(60_000)), "{name}");
        assert!(read_all(&mut file) == pcm.as_floats(), "{name}");
    };
    let wav = pcm.wav();
    for size in [4u32, 1_000, 100_001, 300_000, u32::MAX - 1] {
        let mut short = wav.clone();
        short[40..44].copy_from_slice(&size.to_le_bytes());
        check("grown.wav", short);
    }
    // RF64 whose large sizes were never written, and some that are wrong.
    for size in [0u64, 1_000, 1 << 40, u64::MAX] {
        let mut rf64 = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
        rf64.extend([0; 8]);
        rf64.extend(size.to_le_bytes());
        rf64.extend([0; 12]);
        rf64.extend(&wav[12..40]);
        rf64.extend(u32::MAX.to_le_bytes());
        rf64.extend(&wav[44..]);
        check("grown.rf64", rf64.clone());
        rf64[..4].copy_from_slice(b"BW64");
        check("grown.bw64", rf64);
    }
    let source = folder.wav("source.wav", &pcm);
    let aiff = std::fs::read(convert(&source, &folder, &[("a.aiff", "")]).remove(0)).unwrap();
    let place = |name: &[u8]| aiff.windows(4).position(|window| window == name).unwrap();
    // The count of frames in an AIFF file, and the size of its sound.
    for (at, wrong) in [(place(b"COMM") + 10, 7u32), (place(b"COMM") + 10, u32::MAX), (place(b"SSND") + 4, 8)]
    {
        let mut wrong_aiff = aiff.clone();
        wrong_aiff[at..at + 4].copy_from_slice(&wrong.to_be_bytes());
        check("wrong.aiff", wrong_aiff);
    }
    let w64 = std::fs::read(convert(&source, &folder, &[("a.w64", "")]).remove(0)).unwrap();
    let data = w64.windows(4).position(|window| window == b"data").unwrap() + 16;
    for size in [0u64, 24, u64::MAX] {
        let mut wrong = w64.clone();
        wrong[data..data + 8].copy_from_slice(&size.to_le_bytes());
        check("wrong.w64", wrong);
    }
}

/// What a WAV file has behind its sound is not played.
#[test]
fn tags_behind_the_sound_are_not_heard() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, 60_000);
    for behind in [&b"LIST\x0c\0\0\0INFOINAM\0\0\0\0"[..], b"TAGtitle", &[0; 500]] {
        let path = folder.path("tagged.wav");
        std::fs::write(&path, [&pcm.wav(), behind].concat()).unwrap();
        assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "{behind:?}");
    }
}

#[test]
fn beyond_4_gib_a_file_plays_to_its_end() {
    const BEYOND: u64 = (4 << 30) + 400_000;
    let folder = Folder::new();
    let tone = Pcm::sine(192_000, 2, 1_000.0, 0, 192_000);
    let head = &tone.wav()[..44];
    let list = b"LIST\x04\0\0\0INFO";
    let begin = BEYOND - tone.samples.len() as u64 * 2;
    for (name, size, behind) in
        [("wrapped.wav", BEYOND as u32, &list[..]), ("unset.wav", 0, b""), ("most.wav", u32::MAX - 1, b"")]
    {
        let path = folder.path(name);
        let mut file = std::fs::File::create(&path).unwrap();
        let mut head = head.to_vec();
        head[40..44].copy_from_slice(&size.to_le_bytes());
        file.write_all(&head).unwrap();
        // Nothing before the tone: it takes no place on the disk.
        file.write_all_at(&tone.wav()[44..], 44 + begin).unwrap();
        file.write_all_at(behind, 44 + BEYOND).unwrap();
        let mut file = AudioFile::open(&path, stereo(192_000)).unwrap();
        assert_eq!(file.duration(), Some(FrameCount(BEYOND / 4)), "{name}");
        file.seek(FrameCount(begin / 4)).unwrap();
        assert!(read_all(&mut file) == tone.as_floats(), "{name}");
    }
}

#[test]
fn a_seek_within_adpcm_is_exact() {
    let folder = Folder::new();
    let wav = folder.wav("source.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let files =
        [("ima.wav", "-c:a adpcm_ima_wav"), ("ms.wav", "-c:a adpcm_ms"), ("a.aiff", "-c:a adpcm_ima_qt")];
    for path in convert(&wav, &folder, &files) {
        let whole = decode(&path, stereo(44_100));
        for to in [0, 1, 777, 12_345, FRAMES as u64 - 1] {
            let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
            file.seek(FrameCount(to)).unwrap();
            assert!(read_all(&mut file) == whole[to as usize * 2..], "{} at {to}", path.display());
        }
    }
}

#[test]
fn sizes_in_a_caf_file_that_are_wrong_cost_nothing() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let wav = folder.wav("source.wav", &pcm);
    let path = convert(&wav, &folder, &[("a.caf", "-c:a pcm_s16be")]).remove(0);
    let caf = std::fs::read(&path).unwrap();
    let data = caf.windows(4).position(|window| window == b"data").unwrap() + 4;
    for size in [0, -1, i64::MAX, i64::MIN, caf.len() as i64] {
        let mut odd = caf.clone();
        odd[data..data + 8].copy_from_slice(&size.to_be_bytes());
        std::fs::write(&path, odd).unwrap();
        assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "{size}");
    }
    std::fs::write(&path, [&caf[..], &[0x55; 100_000]].concat()).unwrap();
    assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "something behind it");
    for (kind, named) in [(b"ac-3", "AC-3"), (b"flac", "FLAC"), (b"aac ", "AAC")] {
        let mut odd = caf.clone();
        odd[28..32].copy_from_slice(kind);
        std::fs::write(&path, odd).unwrap();
        let reason = AudioFile::open(&path, stereo(44_100)).err().expect("a refusal").to_string();
        assert!(reason.contains(named) && reason.contains("ffmpeg -i it"), "{reason}");
    }
}

#[test]
fn flac_of_32_bits_is_refused_with_a_remedy() {
    let folder = Folder::new();
    let wav = folder.wav("source.wav", &Pcm::sweeps(44_100, 2, 5_000));
    let wav = convert(&wav, &folder, &[("32.wav", "-c:a pcm_s32le")]).remove(0);
    let path = folder.path("a.flac");
    run("flac", "flac", ["-s", "-o", path.to_str().unwrap(), wav.to_str().unwrap()]);
    let reason = AudioFile::open(&path, stereo(44_100)).err().expect("a refusal").to_string();
    assert!(reason.contains("FLAC of 32 bits") && reason.contains("ffmpeg -i it new.flac"), "{reason}");
}
