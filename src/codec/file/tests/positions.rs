//! The positions on the pages of an Ogg file may say anything. What is decoded decides; only the last page's may
//! cut off the end of its own packets.

use std::path::PathBuf;

use super::fixture::{Folder, Pcm, by_ffmpeg, convert, decode, read_all, stereo};
use crate::codec::file::AudioFile;
use crate::codec::packets::ogg::checksum;
use crate::units::FrameCount;

const FRAMES: usize = 250_000;
const HEADER: usize = 27;

/// The pages of a file.
fn pages(ogg: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut pages) = (ogg, Vec::new());
    while !rest.is_empty() {
        let table = &rest[HEADER..HEADER + usize::from(rest[HEADER - 1])];
        let length = HEADER + table.len() + table.iter().map(|lace| usize::from(*lace)).sum::<usize>();
        let (page, behind) = rest.split_at(length);
        pages.push(page.to_vec());
        rest = behind;
    }
    pages
}

/// Whether a page has sound on it: the headers are at zero in what ffmpeg writes.
fn has_sound(page: &[u8]) -> bool {
    page[6..14] != [0; 8]
}

/// The file with other positions: `change` is told the number of the page with sound, from zero on, how many
/// there are, and the right position.
fn with_positions(pages: &[Vec<u8>], change: impl Fn(usize, usize, i64) -> i64) -> Vec<u8> {
    let count = pages.iter().filter(|page| has_sound(page)).count();
    let (mut file, mut number) = (Vec::new(), 0);
    for page in pages {
        let mut page = page.clone();
        if has_sound(&page) {
            let right = i64::from_le_bytes(page[6..14].try_into().unwrap());
            page[6..14].copy_from_slice(&change(number, count, right).to_le_bytes());
            let sum = checksum(&page);
            page[22..26].copy_from_slice(&sum);
            number += 1;
        }
        file.extend(page);
    }
    file
}

/// A file of each codec, and its name.
fn files(folder: &Folder) -> Vec<(String, PathBuf)> {
    let wav = folder.wav("a.wav", &Pcm::sweeps(48_000, 2, FRAMES));
    let files = [
        ("a.ogg", "-c:a libvorbis -ar 48000"),
        ("a.opus", "-c:a libopus"),
        ("small.opus", "-c:a libopus -page_duration 20000"),
        ("a.oga", "-c:a flac"),
    ];
    let paths = convert(&wav, folder, &files);
    files.iter().map(|(name, _)| (*name).to_owned()).zip(paths).collect()
}

#[test]
fn wrong_positions_in_an_ogg_file_cost_no_frame() {
    type Change = fn(usize, usize, i64) -> i64;
    // The last is how many frames of padding are heard where nothing tells of them.
    let cases: [(&str, Change, usize); 10] = [
        ("right", |_, _, right| right, 0),
        ("zero", |_, _, _| 0, 2_000),
        ("none", |_, _, _| -1, 2_000),
        ("from far on", |_, _, right| right + 1_000_000_000, 0),
        ("a jump", |number, count, right| right + if number >= count / 2 { 10_000_000 } else { 0 }, 0),
        ("a jump back", |number, count, right| right - if number >= count / 2 { 150_000 } else { 0 }, 0),
        ("one at zero", |number, count, right| if number == count / 2 { 0 } else { right }, 0),
        ("the first at zero", |number, _, right| if number == 0 { 0 } else { right }, 0),
        ("falling", |number, _, right| right - 100_000 * number as i64, 2_000),
        ("standing still", |_, _, _| 120_000, 2_000),
    ];
    let folder = Folder::new();
    for (name, path) in files(&folder) {
        let ogg = pages(&std::fs::read(&path).unwrap());
        let right = decode(&path, stereo(48_000));
        for (case, change, padding) in &cases {
            let odd = folder.path(&format!("odd.{name}"));
            std::fs::write(&odd, with_positions(&ogg, change)).unwrap();
            let mut file = AudioFile::open(&odd, stereo(48_000)).unwrap();
            let got = read_all(&mut file);
            let (more, told) = (got.len() as i64 - right.len() as i64, file.duration());
            assert!((0..=2 * *padding as i64).contains(&more), "{name}, {case}: {more} more, {told:?}");
            assert!(got.starts_with(&right), "{name}, {case}: other sound");
        }
        for case in [0, 3] {
            let odd = folder.path(&format!("odd.{name}"));
            std::fs::write(&odd, with_positions(&ogg, cases[case].1)).unwrap();
            let mut file = AudioFile::open(&odd, stereo(48_000)).unwrap();
            for to in [0, 3_000, 100_000, 240_000] {
                file.seek(FrameCount(to as u64)).unwrap();
                let got = read_all(&mut file);
                let (wanted, case) = (&right[2 * to..], cases[case].0);
                assert!(got.len() >= wanted.len(), "{name}, {case}, from {to}: {} frames", got.len() / 2);
                let off = got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 0.01, "{name}, {case}, from {to}: off by {off}");
            }
        }
    }
}

#[test]
fn ogg_that_was_cut_out_of_a_stream_begins_at_once() {
    let folder = Folder::new();
    for (name, path) in files(&folder) {
        let ogg = pages(&std::fs::read(&path).unwrap());
        let right = decode(&path, stereo(48_000));
        let headers = ogg.iter().filter(|page| !has_sound(page)).count();
        let rest = ogg.len() - (ogg.len() - headers) / 2;
        let odd = folder.path(&format!("odd.{name}"));
        std::fs::write(&odd, [ogg[..headers].concat(), ogg[rest..].concat()].concat()).unwrap();
        let got = decode(&odd, stereo(48_000));
        // The position of the page before says where the rest begins.
        let before = i64::from_le_bytes(ogg[rest - 1][6..14].try_into().unwrap()) as usize;
        let there = right.len() / 2 - before;
        assert_eq!(got.len(), by_ffmpeg(&odd).len(), "{name}");
        // The first packet of Vorbis gives nothing; Opus drops as much as it does at the beginning.
        assert!(got.len() / 2 <= there + 400 && got.len() / 2 + 3_000 > there, "{name}: {}", got.len() / 2);
        let (a, b) = (&got[got.len() - 40_000..], &right[right.len() - 40_000..]);
        let off = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 0.01, "{name}: off by {off}");
    }
}
