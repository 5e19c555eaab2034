//! A declared length is never believed over the decoder: too small, too large, missing, or of the first part.

use std::path::Path;

use super::fixture::{Folder, Pcm, channel, convert, decode, read_all, run, stereo};
use crate::codec::file::{AudioFile, read_metadata};
use crate::units::FrameCount;

const FRAMES: usize = 60_000;

fn write(folder: &Folder, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn place(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).position(|window| window == word).expect("it is there")
}

/// How many frames have which of two pitches: the periods of a sine between its zeros.
fn pitches(pcm: &[f32], low: f64, high: f64) -> [usize; 2] {
    let mut counts = [0, 0];
    let left = channel(pcm, 2, 0);
    let zeros: Vec<usize> = (1..left.len()).filter(|&at| left[at - 1] < 0.0 && left[at] >= 0.0).collect();
    for pair in zeros.windows(2) {
        let period = (pair[1] - pair[0]) as f64;
        for (count, hz) in counts.iter_mut().zip([low, high]) {
            if (period - 44_100.0 / hz).abs() < 2.0 {
                *count += pair[1] - pair[0];
            }
        }
    }
    counts
}

/// Two sines, each in a file of its own.
fn two_parts(folder: &Folder, name: &str, options: [&str; 2]) -> [Vec<u8>; 2] {
    [(440.0, options[0]), (880.0, options[1])].map(|(hz, options)| {
        let wav = folder.wav("part.wav", &Pcm::sine(44_100, 2, hz, 0, FRAMES));
        std::fs::read(convert(&wav, folder, &[(name, options)]).remove(0)).unwrap()
    })
}

/// All of both parts is heard, and a seek to the second finds it.
fn check_two_parts(path: &Path, lost: usize, off_at_most: f32) {
    let name = path.display();
    let mut file = AudioFile::open(path, stereo(44_100)).unwrap();
    let got = read_all(&mut file);
    let heard = pitches(&got, 440.0, 880.0);
    assert!(
        heard.iter().all(|frames| *frames + lost >= FRAMES && *frames <= FRAMES + lost),
        "{name}: {heard:?}"
    );
    file.seek(FrameCount(FRAMES as u64 + 20_000)).unwrap();
    let rest = read_all(&mut file);
    let wanted = &got[(FRAMES + 20_000) * 2..];
    assert!(
        rest.len().abs_diff(wanted.len()) <= 4,
        "{name} after a seek: {} of {}",
        rest.len(),
        wanted.len()
    );
    let off = rest.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < off_at_most, "{name} is off by {off} after a seek");
}

#[test]
fn joined_mp3_files_are_heard_to_the_end_of_the_last() {
    let folder = Folder::new();
    let no_tags = "-id3v2_version 0 -write_id3v1 0";
    let id3v1 = [&b"TAG"[..], &[b' '; 125]].concat();
    let id3v2 = [&b"ID3\x04\0\0\0\0\x07\x68"[..], &[0; 1000]].concat();
    for (kind, codec) in [("cbr", "-b:a 128k"), ("vbr", "-q:a 4"), ("plain", "-b:a 128k -write_xing 0")] {
        let options = format!("-c:a libmp3lame {codec} {no_tags}");
        let parts = two_parts(&folder, "part.mp3", [&options, &options]);
        for (how, between) in [("", vec![]), ("tags", [&id3v1[..], &id3v2].concat())] {
            let joined = [&parts[0][..], &between, &parts[1]].concat();
            let path = write(&folder, &format!("{kind}{how}.mp3"), &joined);
            let file = AudioFile::open(&path, stereo(44_100)).unwrap();
            assert_eq!(file.duration(), None, "{kind}: the end is not known before it is decoded");
            let told = file.tags().duration.unwrap().as_secs_f64();
            let slack = if kind == "vbr" { 1.0 } else { 0.2 };
            assert!((told - 2.0 * FRAMES as f64 / 44_100.0).abs() < slack, "{kind}{how}: {told} s");
            check_two_parts(&path, 3_000, 0.01);
        }
    }
}

/// A picture may hold a whole piece of music.
#[test]
fn music_in_the_tags_between_joined_parts_is_not_heard() {
    let folder = Folder::new();
    let mp3 = "-c:a libmp3lame -b:a 128k -id3v2_version 0 -write_id3v1 0";
    let plain = format!("{mp3} -write_xing 0");
    // The noise that a decoder puts in the place of noise (PNS) is another one after a seek.
    let aac = "-c:a aac -b:a 128k -aac_pns 0";
    for (name, options) in [("x.mp3", mp3), ("plain.mp3", &plain), ("x.aac", aac)] {
        let parts = two_parts(&folder, name, [options, options]);
        let other = folder.wav("other.wav", &Pcm::sine(44_100, 2, 3_000.0, 0, FRAMES));
        let other = std::fs::read(convert(&other, &folder, &[(name, options)]).remove(0)).unwrap();
        let picture = [b"APIC".to_vec(), seven_bits(other.len()), vec![0, 0], other.clone()].concat();
        let id3 = [b"ID3\x04\0\0".to_vec(), seven_bits(picture.len()), picture].concat();
        let numbers = [2000, other.len() as u32, 1, 1 << 31 | 1 << 29, 0, 0].map(u32::to_le_bytes);
        let ape = [b"APETAGEX", numbers.as_flattened(), &other].concat();
        let without = decode(&write(&folder, name, &parts.concat()), stereo(44_100)).len();
        for between in [id3.clone(), ape.clone(), [&ape[..], &id3].concat(), [&id3[..], &[0; 2_000]].concat()]
        {
            let path = write(&folder, name, &[&parts[0][..], &between, &parts[1]].concat());
            let with = decode(&path, stereo(44_100)).len();
            assert!(with.abs_diff(without) <= 2 * 2_304, "{name}: {with} and {without}");
            check_two_parts(&path, 3_000, 0.01);
            if name == "x.mp3" {
                let told = read_metadata(&path).unwrap().duration.unwrap().as_secs_f64();
                assert!((told - 2.0 * FRAMES as f64 / 44_100.0).abs() < 0.2, "{name}: {told} s");
            }
        }
    }
}

/// A size as ID3v2.4 writes it.
fn seven_bits(size: usize) -> Vec<u8> {
    (0..4).rev().map(|at| (size >> (7 * at) & 0x7f) as u8).collect()
}

#[test]
fn joined_mp3_files_with_checksums_are_known_as_such() {
    let folder = Folder::new();
    let parts = [440.0, 880.0].map(|hz| {
        let wav = folder.wav("part.wav", &Pcm::sine(44_100, 2, hz, 0, FRAMES));
        let mp3 = folder.path("part.mp3");
        let options = ["--quiet", "-p", "-b", "128"].map(Path::new);
        run("lame", "lame", options.into_iter().chain([&*wav, &*mp3]));
        std::fs::read(mp3).unwrap()
    });
    assert_eq!(parts[0][1] & 1, 0, "there are checksums");
    let path = write(&folder, "joined.mp3", &parts.concat());
    let file = AudioFile::open(&path, stereo(44_100)).unwrap();
    assert_eq!(file.duration(), None, "the end is not known before it is decoded");
    check_two_parts(&path, 3_000, 0.01);
}

#[test]
fn the_padding_of_the_first_of_two_joined_files_is_cut_where_it_lies() {
    let folder = Folder::new();
    let options = "-c:a libmp3lame -b:a 128k -id3v2_version 0 -write_id3v1 0";
    let parts = two_parts(&folder, "part.mp3", [options, options]);
    let joined = write(&folder, "joined.mp3", &parts.concat());
    let (first, both) = (write(&folder, "first.mp3", &parts[0]), decode(&joined, stereo(44_100)));
    let first = decode(&first, stereo(44_100));
    assert_eq!(first.len(), FRAMES * 2);
    let off = first.iter().zip(&both).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-3, "{off}");
}

#[test]
fn wrong_counts_in_an_mp3_file_cost_nothing() {
    let folder = Folder::new();
    for codec in ["-b:a 128k", "-q:a 4"] {
        let options = format!("-c:a libmp3lame {codec} -id3v2_version 0 -write_id3v1 0");
        let plain = two_parts(&folder, "part.mp3", [&options, &options]).into_iter().next().unwrap();
        let right = decode(&write(&folder, "right.mp3", &plain), stereo(44_100));
        let tag = plain.windows(4).position(|four| four == b"Xing" || four == b"Info").unwrap();
        let (packets, bytes) = (tag + 8, tag + 12);
        for (wrong_packets, wrong_bytes) in [
            (Some(3u32), None),
            (Some(0), None),
            (Some(100_000_000), None),
            (None, Some(1_000u32)),
            (None, Some(u32::MAX)),
            (Some(5), Some(2_000)),
            (Some(10_000), Some(4_000_000)),
        ] {
            let mut wrong = plain.clone();
            for (at, value) in [(packets, wrong_packets), (bytes, wrong_bytes)] {
                if let Some(value) = value {
                    wrong[at..at + 4].copy_from_slice(&value.to_be_bytes());
                }
            }
            let path = write(&folder, "wrong.mp3", &wrong);
            let got = decode(&path, stereo(44_100));
            let case = format!("{codec}: {wrong_packets:?} {wrong_bytes:?}");
            // The checksum of LAME's tag is wrong, too, so the delay is not known.
            assert!(got.len() >= right.len() && got.len() < right.len() + 8_000, "{case}: {}", got.len());
            let told = read_metadata(&path).unwrap().duration.unwrap().as_secs_f64();
            let slack = if codec.contains('q') { 1.0 } else { 0.2 };
            assert!((told - FRAMES as f64 / 44_100.0).abs() < slack, "{case}: {told} s");
        }
    }
}

#[test]
fn a_wrong_count_of_the_kind_vbri_costs_nothing() {
    let folder = Folder::new();
    let options = "-c:a libmp3lame -b:a 128k -id3v2_version 0 -write_id3v1 0";
    let [mut mp3, _] = two_parts(&folder, "part.mp3", [options, options]);
    let right = decode(&write(&folder, "right.mp3", &mp3), stereo(44_100)).len();
    for (packets, bytes) in [(4u32, 2_000u32), (90_000, 40_000_000)] {
        mp3[36..54].fill(0);
        mp3[36..42].copy_from_slice(b"VBRI\0\x01");
        mp3[46..50].copy_from_slice(&bytes.to_be_bytes());
        mp3[50..54].copy_from_slice(&packets.to_be_bytes());
        let path = write(&folder, "vbri.mp3", &mp3);
        let got = decode(&path, stereo(44_100)).len();
        assert!((right..right + 8_000).contains(&got), "{packets}: {got} of {right}");
        let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
        file.seek(FrameCount(40_000)).unwrap();
        assert_eq!(read_all(&mut file).len(), got - 80_000, "{packets}");
    }
}

#[test]
fn a_wrong_total_in_a_flac_file_costs_nothing() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let wav = folder.wav("a.wav", &pcm);
    let flac = std::fs::read(convert(&wav, &folder, &[("a.flac", "")]).remove(0)).unwrap();
    for total in [0u32, 1, 10_000, 59_999, 60_001, 4_000_000] {
        let mut wrong = flac.clone();
        wrong[22..26].copy_from_slice(&total.to_be_bytes());
        let path = write(&folder, "wrong.flac", &wrong);
        let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
        assert!(read_all(&mut file) == pcm.as_floats(), "{total}");
        file.seek(FrameCount(30_000)).unwrap();
        assert!(read_all(&mut file) == pcm.as_floats()[60_000..], "{total} after a seek");
    }
}

/// Changes the position that the last page of an Ogg file tells, and its checksum.
fn with_last_position(ogg: &[u8], position: u64) -> Vec<u8> {
    let mut ogg = ogg.to_vec();
    let at = ogg.windows(4).rposition(|four| four == b"OggS").unwrap();
    ogg[at + 6..at + 14].copy_from_slice(&position.to_le_bytes());
    let sum = crate::codec::packets::ogg::checksum(&ogg[at..]);
    ogg[at + 22..at + 26].copy_from_slice(&sum);
    ogg
}

#[test]
fn an_odd_position_at_the_end_of_an_ogg_file_costs_nothing() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(48_000, 2, FRAMES));
    let files = [("a.ogg", "-c:a libvorbis -ar 48000"), ("a.opus", "-c:a libopus"), ("a.oga", "-c:a flac")];
    for path in convert(&wav, &folder, &files) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let right = decode(&path, stereo(48_000));
        let ogg = std::fs::read(&path).unwrap();
        for position in [0, 1, FRAMES as u64 * 20, u64::MAX] {
            let path = write(&folder, &format!("odd.{name}"), &with_last_position(&ogg, position));
            let got = decode(&path, stereo(48_000));
            // The end of a stream cuts its last packets at most.
            assert!(got.len() + 2 * 2_000 >= right.len(), "{name}, {position}: {} frames", got.len() / 2);
        }
    }
}

#[test]
fn wrong_durations_in_an_mp4_file_cost_nothing() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    for (name, codec) in [("aac.m4a", "-c:a aac"), ("alac.m4a", "-c:a alac")] {
        let path = convert(&wav, &folder, &[(name, codec)]).remove(0);
        let right = decode(&path, stereo(44_100)).len();
        let m4a = std::fs::read(&path).unwrap();
        for (atom, at) in [(b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)] {
            for duration in [0u32, 1_000, 4_000_000] {
                let mut wrong = m4a.clone();
                let at = place(&wrong, atom) + at;
                wrong[at..at + 4].copy_from_slice(&duration.to_be_bytes());
                let path = write(&folder, "wrong.m4a", &wrong);
                let got = decode(&path, stereo(44_100)).len();
                let case = format!("{name}, {}: {duration}", String::from_utf8_lossy(atom));
                assert!(got >= right && got <= right + 6_000, "{case}: {got} of {right}");
            }
        }
    }
}

#[test]
fn aac_that_changes_midway_is_heard_at_its_pitch() {
    let folder = Folder::new();
    let aac = |more: &str| format!("-c:a aac -b:a 96k {more}");
    for (name, first, second) in [
        ("rate", "", "-ar 48000"),
        ("half", "", "-ar 22050 -ac 1"),
        ("stereo", "-ac 1", ""),
        ("mono", "", "-ac 1"),
        ("low", "-ar 16000", "-ar 44100"),
    ] {
        let parts = two_parts(&folder, "part.aac", [&aac(first), &aac(second)]);
        let path = write(&folder, &format!("{name}.aac"), &parts.concat());
        // After a change of rate, a seek is exact to two frames.
        check_two_parts(&path, 6_000, 0.13);
        let told = read_metadata(&path).unwrap().duration.unwrap().as_secs_f64();
        assert!((told - 2.0 * FRAMES as f64 / 44_100.0).abs() < 0.3, "{name}: {told} s");
    }
    // Timed tags between the segments of a stream, and rubbish.
    let parts = two_parts(&folder, "part.aac", [&aac(""), &aac("-ar 32000")]);
    for between in [&b"ID3\x04\0\0\0\0\0\x04\0\0\0\0"[..], &[0xff; 3_000], &[0x55; 20_000]] {
        let path = write(&folder, "between.aac", &[&parts[0], between, &parts[1]].concat());
        check_two_parts(&path, 6_000, 0.13);
    }
}

#[test]
fn chained_ogg_files_of_any_shape_are_heard_whole() {
    let folder = Folder::new();
    for (name, codec, second) in [
        ("a.opus", "-c:a libopus", "-ac 1"),
        ("b.opus", "-c:a libopus", "-b:a 64k"),
        ("a.ogg", "-c:a libvorbis", "-ar 32000"),
        ("b.ogg", "-c:a libvorbis", "-ac 1"),
        ("a.oga", "-c:a flac", "-ar 22050 -ac 1"),
    ] {
        let parts = two_parts(&folder, &format!("part.{name}"), [codec, &format!("{codec} {second}")]);
        let path = write(&folder, &format!("both.{name}"), &parts.concat());
        let got = decode(&path, stereo(44_100));
        let heard = pitches(&got, 440.0, 880.0);
        assert!(heard.iter().all(|frames| frames.abs_diff(FRAMES) < 1_500), "{name} {second}: {heard:?}");
        assert!((got.len() / 2).abs_diff(2 * FRAMES) < 1_500, "{name} {second}: {}", got.len() / 2);
    }
}

#[test]
fn mpeg_audio_may_change_its_layer_midway() {
    let folder = Folder::new();
    let layers = ["-c:a libmp3lame -b:a 128k -id3v2_version 0 -f mp3", "-c:a mp2 -b:a 192k -f mp2"];
    for order in [[0, 1], [1, 0]] {
        let parts = two_parts(&folder, "part.mp3", order.map(|layer| layers[layer]));
        let path = write(&folder, "layers.mp3", &parts.concat());
        let heard = pitches(&decode(&path, stereo(44_100)), 440.0, 880.0);
        assert!(heard.iter().all(|frames| frames.abs_diff(FRAMES) <= 4_000), "{order:?}: {heard:?}");
    }
}

#[test]
fn megabytes_of_noise_between_two_parts_cost_no_part() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(14);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(2_000_000).collect();
    for (name, options) in [
        ("x.mp3", "-c:a libmp3lame -b:a 128k -id3v2_version 0 -write_id3v1 0"),
        ("x.aac", "-c:a aac -b:a 128k"),
    ] {
        let parts = two_parts(&folder, name, [options, options]);
        for between in [&noise[..], &[0; 2_000_000], &[0xff; 200_000]] {
            let path = write(&folder, name, &[&parts[0][..], between, &parts[1]].concat());
            let heard = pitches(&decode(&path, stereo(44_100)), 440.0, 880.0);
            let is_whole = heard.iter().all(|frames| frames.abs_diff(FRAMES) <= 6_000);
            assert!(is_whole, "{name}, {} bytes of {:?}…: {heard:?}", between.len(), &between[..4]);
        }
    }
}

#[test]
fn megabytes_of_zeros_in_front_cost_nothing() {
    let folder = Folder::new();
    for (name, options) in [
        ("x.mp3", "-c:a libmp3lame -b:a 128k -id3v2_version 0 -write_id3v1 0"),
        ("x.mp2", "-c:a mp2 -b:a 192k"),
        ("x.aac", "-c:a aac -b:a 128k"),
    ] {
        let [part, _] = two_parts(&folder, name, [options, options]);
        let right = decode(&write(&folder, name, &part), stereo(44_100));
        for zeros in [100_000, 3_000_000, 30_000_000] {
            let path = write(&folder, name, &[vec![0; zeros], part.clone()].concat());
            assert!(decode(&path, stereo(44_100)) == right, "{name}: {zeros} zeros");
        }
    }
}

#[test]
fn what_lies_behind_a_chunk_whose_size_is_confirmed_is_not_heard() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let wav = folder.wav("a.wav", &pcm);
    let files = [("a.aiff", ""), ("rf64.wav", "-rf64 always"), ("24.wav", "-c:a pcm_s24le")];
    let mut paths = convert(&wav, &folder, &files);
    paths.push(wav);
    let mut random = fastrand::Rng::with_seed(15);
    for path in paths {
        let plain = std::fs::read(&path).unwrap();
        for more in [1_000, 70_000, 1_000_000] {
            let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(128..)).take(more).collect();
            let path = write(&folder, "noise.wav", &[&plain[..], &noise].concat());
            assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "{}: {more}", path.display());
        }
    }
}

/// Sizes that confirm each other, but are known to mean nothing.
#[test]
fn sound_behind_a_size_that_no_program_means_is_heard() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let mut wav = pcm.wav();
    wav[4..8].copy_from_slice(&36u32.to_le_bytes());
    wav[40..44].fill(0);
    assert!(decode(&write(&folder, "empty.wav", &wav), stereo(44_100)) == pcm.as_floats());
    // Half of it was written down, and the rest of the file does not say so.
    let half = ((wav.len() / 2) & !3) as u32;
    wav[4..8].copy_from_slice(&0u32.to_le_bytes());
    wav[40..44].copy_from_slice(&half.to_le_bytes());
    assert!(decode(&write(&folder, "half.wav", &wav), stereo(44_100)) == pcm.as_floats());
}

#[test]
fn a_chunk_without_the_byte_that_makes_it_even_costs_nothing() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let wav = pcm.wav();
    for pad in [&b""[..], b"\0"] {
        for odd in [&b"odd \x03\0\0\0abc"[..], b"LIST\x0d\0\0\0INFOINAM\x01\0\0\0x"] {
            let file = [&wav[..36], odd, pad, &wav[36..]].concat();
            assert!(decode(&write(&folder, "odd.wav", &file), stereo(44_100)) == pcm.as_floats(), "{pad:?}");
        }
    }
}

#[test]
fn anything_behind_the_last_page_of_an_ogg_file_costs_nothing() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(48_000, 2, 4 * FRAMES));
    let mut random = fastrand::Rng::with_seed(1);
    let files = [("a.ogg", "-c:a libvorbis -ar 48000"), ("a.opus", "-c:a libopus"), ("a.oga", "-c:a flac")];
    for path in convert(&wav, &folder, &files) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (ogg, right) = (std::fs::read(&path).unwrap(), decode(&path, stereo(48_000)));
        for behind in [10, 70_000, 6_000_000] {
            let zeros = vec![0; behind];
            let noise: Vec<u8> = (0..behind).map(|_| random.u8(..)).collect();
            for (what, rest) in [("zeros", zeros), ("noise", noise)] {
                let path = write(&folder, &format!("odd.{name}"), &[&ogg[..], &rest].concat());
                assert!(decode(&path, stereo(48_000)) == right, "{name}, {behind} bytes of {what}");
            }
        }
        // A download that reserved its size and never came to its end, and one with a hole.
        let half = ogg.len() / 2;
        let hole = half..ogg.len() * 3 / 4;
        for (what, missing) in [("the second half", half..ogg.len()), ("a hole", hole)] {
            let mut odd = ogg.clone();
            odd[missing].fill(0);
            let got = decode(&write(&folder, &format!("odd.{name}"), &odd), stereo(48_000));
            assert!(got.len() > right.len() / 6, "{name}, {what}: {} of {}", got.len(), right.len());
        }
    }
}
