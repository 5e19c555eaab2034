//! FLAC files that lie: what is behind their last packet, what their heads say, where they end.

use std::os::unix::fs::FileExt;

use super::super::fixture::{Folder, Pcm, by_ffmpeg, decode, read_all, stereo};
use super::{FRAMES, HEAD, check_seeks, flac, info, write};
use crate::codec::file::{AudioFile, Status};
use crate::units::FrameCount;

#[test]
fn anything_behind_the_last_packet_costs_nothing() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let flac = flac(&folder, &pcm, "");
    let mut random = fastrand::Rng::with_seed(5);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(2_000_000).collect();
    let old_tag = [&b"TAG"[..], &[b' '; 125]].concat();
    let cut_packet = &flac[HEAD..HEAD + 2_000];
    let text = "Downloaded from somewhere. ".repeat(3_000);
    for (what, behind) in [
        ("a byte", &b"x"[..]),
        ("little noise", &noise[..10]),
        ("noise", &noise[..]),
        ("zeros", &[0; 300_000]),
        ("ones", &[0xff; 100_000]),
        ("syncs", &[0xff, 0xf8].repeat(50_000)),
        ("text", text.as_bytes()),
        ("half a header", &flac[HEAD..HEAD + 3]),
        ("a header", &flac[HEAD..HEAD + 8]),
        ("a cut packet", cut_packet),
        ("a marker", b"fLaC"),
        ("a head", &flac[..HEAD]),
        ("noise and a tag", &[&noise[..5_000], &old_tag].concat()),
    ] {
        let path = write(&folder, "odd.flac", &[&flac[..], behind].concat());
        assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "{what}");
        check_seeks(&path, &pcm.as_floats(), 0.0);
    }
}

#[test]
fn joined_flac_files_of_any_shapes_are_heard_whole() {
    let folder = Folder::new();
    let first = flac(&folder, &Pcm::sweeps(44_100, 2, FRAMES), "");
    let picture = [&[6, 0, 0, 200][..], &[0xff, 0xf8].repeat(100)].concat();
    let id3 = [&b"ID3\x04\0\0\0\0\x07\x68"[..], &[0x55; 1000]].concat();
    let old_tag = [&b"TAG"[..], &[b' '; 125]].concat();
    for (rate, channels, options) in [
        (44_100, 2, ""),
        (44_100, 2, "-b 1024"),
        (44_100, 1, "-0"),
        (48_000, 2, ""),
        (22_050, 1, "-b 576"),
        (96_000, 2, "-8"),
    ] {
        // As long at any rate.
        let pcm = Pcm::sweeps(rate, channels, 50_000 * rate as usize / 44_100);
        let second = flac(&folder, &pcm, options);
        let with_picture = [b"fLaC\0", &second[5..HEAD], &[0x80 | picture[0]], &picture[1..]].concat();
        let with_picture = [&with_picture, &second[HEAD..]].concat();
        let parts = [&first, &second].map(|part| decode(&write(&folder, "part.flac", part), stereo(44_100)));
        for (what, joined) in [
            ("as they are", [&first[..], &second].concat()),
            ("tags between", [&first[..], &old_tag, &id3, &second].concat()),
            ("a picture between", [&first[..], &with_picture].concat()),
            ("rubbish between", [&first[..], &[0x55; 9_000], &second].concat()),
        ] {
            let path = write(&folder, "joined.flac", &joined);
            let whole = decode(&path, stereo(44_100));
            assert!(whole == parts.concat(), "{rate} Hz, {channels} channels, {options}, {what}");
            // A place is a whole number of frames at either rate.
            check_seeks(&path, &whole, if rate == 44_100 { 0.0 } else { 0.13 });
        }
    }
}

/// Parts of one length: the last packet's number and the first part's head confirm each other.
#[test]
fn a_flac_file_joined_to_itself_is_heard_as_often() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let flac = flac(&folder, &pcm, "");
    for times in [2, 3] {
        let path = write(&folder, "joined.flac", &flac.repeat(times));
        let whole = decode(&path, stereo(44_100));
        assert!(whole == pcm.as_floats().repeat(times), "{times} times");
        check_seeks(&path, &whole, 0.0);
    }
}

#[test]
fn no_lie_in_the_head_costs_anything() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let made = flac(&folder, &pcm, "");
    let right = (44_100, 2, 16);
    let with = |info: Vec<u8>| [b"fLaC\x80\0\0\x22", &info[..], &made[HEAD..]].concat();
    for (what, file, is_for_ffmpeg) in [
        ("no blocks", with(info([0, 0], [0, 0], right, 60_000)), false),
        ("short blocks", with(info([16, 16], [0, 0], right, 60_000)), false),
        ("long blocks", with(info([65_535, 65_535], [0, 0], right, 60_000)), true),
        ("blocks the wrong way round", with(info([4_096, 16], [0, 0], right, 60_000)), false),
        ("short packets", with(info([4_096, 4_096], [1, 2], right, 60_000)), true),
        ("packets the wrong way round", with(info([4_096, 4_096], [9_000, 2], right, 60_000)), true),
        ("no total", with(info([4_096, 4_096], [0, 0], right, 0)), true),
        ("a small total", with(info([4_096, 4_096], [0, 0], right, 9_999)), true),
        ("a large total", with(info([4_096, 4_096], [0, 0], right, 9_999_999)), true),
        ("another rate", with(info([4_096, 4_096], [0, 0], (48_000, 2, 16), 60_000)), false),
        ("one channel", with(info([4_096, 4_096], [0, 0], (44_100, 1, 16), 60_000)), false),
        ("eight channels", with(info([4_096, 4_096], [0, 0], (44_100, 8, 16), 60_000)), false),
        ("24 bits", with(info([4_096, 4_096], [0, 0], (44_100, 2, 24), 60_000)), false),
        ("32 bits", with(info([4_096, 4_096], [0, 0], (44_100, 2, 32), 60_000)), false),
        ("nothing but zeros", with(vec![0; 34]), false),
        ("nothing but ones", with(vec![0xff; 34]), false),
        ("no STREAMINFO", [b"fLaC\x81\0\0\x04abcd", &made[HEAD..]].concat(), false),
        ("no head", made[HEAD..].to_vec(), true),
        ("no head, but rubbish", [&[0x55; 3_000], &made[HEAD..]].concat(), false),
    ] {
        let path = write(&folder, "odd.flac", &file);
        assert!(decode(&path, stereo(44_100)) == pcm.as_floats(), "{what}");
        check_seeks(&path, &pcm.as_floats(), 0.0);
        if is_for_ffmpeg {
            assert!(by_ffmpeg(&path) == pcm.as_floats(), "{what}: ffmpeg");
        }
    }
}

/// Where the packets of 4,096 frames begin in what `flac` made of one.
fn begins(made: &[u8]) -> Vec<usize> {
    let mut begins = vec![HEAD];
    let is_next = |at: &usize, number| made[*at..*at + 3] == made[HEAD..HEAD + 3] && made[*at + 4] == number;
    while let Some(next) =
        (begins[begins.len() - 1] + 1..made.len() - 5).find(|at| is_next(at, begins.len() as u8))
    {
        begins.push(next);
    }
    begins
}

/// A recording that begins somewhere in a stream.
#[test]
fn packets_from_the_midst_of_a_stream_are_a_file() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, 15 * 4_096);
    let made = flac(&folder, &pcm, "-b 4096");
    let fourth = begins(&made)[4];
    for from in [fourth, fourth - 700] {
        let path = write(&folder, "midst.flac", &made[from..]);
        let wanted = &pcm.as_floats()[4 * 4_096 * 2..];
        assert!(decode(&path, stereo(44_100)) == wanted, "{from}");
        check_seeks(&path, wanted, 0.0);
    }
}

#[test]
fn a_damaged_packet_costs_only_itself() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, 15 * 4_096);
    let made = flac(&folder, &pcm, "-b 4096");
    let whole = pcm.as_floats();
    let begins = begins(&made);
    assert_eq!(begins.len(), 15);
    let mut random = fastrand::Rng::with_seed(8);
    for damaged in 0..begins.len() {
        let end = begins.get(damaged + 1).copied().unwrap_or(made.len());
        for _ in 0..6 {
            let mut file = made.clone();
            file[random.usize(begins[damaged]..end)] ^= 1 << random.u8(..8);
            let path = write(&folder, "damaged.flac", &file);
            let lost = damaged * 4_096 * 2..((damaged + 1) * 4_096 * 2).min(whole.len());
            let wanted = [&whole[..lost.start], &whole[lost.end..]].concat();
            assert!(decode(&path, stereo(44_100)) == wanted, "packet {damaged}");
            // What is behind the damage keeps its place in time. What is missing in front has none.
            let to = lost.end.max(20_000) / 2;
            let place = if damaged == 0 { to - 4_096 } else { to };
            let mut opened = AudioFile::open(&path, stereo(44_100)).unwrap();
            opened.seek(FrameCount(place as u64)).unwrap();
            if lost.end / 2 <= to {
                assert!(read_all(&mut opened) == whole[to * 2..], "packet {damaged}: after a seek");
            }
        }
    }
}

/// Another file is added to one while it plays.
#[test]
fn a_flac_file_to_which_another_is_added_goes_on_with_it() {
    let folder = Folder::new();
    let pcm = [2, 1].map(|channels| Pcm::sweeps(44_100, channels, 3 * FRAMES));
    let files = pcm.each_ref().map(|pcm| flac(&folder, pcm, ""));
    let whole = files.each_ref().map(|file| decode(&write(&folder, "part.flac", file), stereo(44_100)));
    let path = write(&folder, "growing.flac", &files[0]);
    let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
    let mut heard = Vec::new();
    while heard.len() < FRAMES {
        assert_eq!(file.read(&mut heard).unwrap(), Status::More);
    }
    let open = std::fs::File::options().write(true).open(&path).unwrap();
    open.write_all_at(&files[1], files[0].len() as u64).unwrap();
    while file.read(&mut heard).unwrap() == Status::More {}
    assert!(heard == whole.concat());
    check_seeks(&path, &heard, 0.0);
}
