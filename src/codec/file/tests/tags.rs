//! Tags, in every container and every alphabet; and how loud a file says it is.

use std::path::Path;

use super::fixture::{Folder, Pcm, channel, convert, decode, run, stereo};
use crate::codec::file::read_metadata;
use crate::metadata::Tags;

const ARTIST: &str = "Björk";
const TITLE: &str = "日本語–Jóga";
const ALBUM: &str = "Ĥomogenīc";

fn wav(folder: &Folder) -> std::path::PathBuf {
    folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 20_000))
}

fn texts(tags: &Tags) -> [Option<&str>; 3] {
    [&tags.artist, &tags.title, &tags.album].map(|text| text.as_deref())
}

fn gains(tags: &Tags) -> [Option<f32>; 4] {
    [tags.track_gain_db, tags.album_gain_db, tags.track_peak, tags.album_peak]
}

const GAINS: [Option<f32>; 4] = [Some(-7.03), Some(2.5), Some(0.98), Some(1.01)];

#[test]
fn every_container_tells_artist_title_and_album() {
    let folder = Folder::new();
    let tags = [
        ("artist", ARTIST),
        ("title", TITLE),
        ("album", ALBUM),
        ("REPLAYGAIN_TRACK_GAIN", "-7.03dB"),
        ("REPLAYGAIN_ALBUM_GAIN", "+2.50dB"),
        ("REPLAYGAIN_TRACK_PEAK", "0.980000"),
        ("REPLAYGAIN_ALBUM_PEAK", "1.01"),
    ];
    let tags: Vec<_> = tags.iter().map(|(key, value)| format!("-metadata {key}={value}")).collect();
    let kinds = [
        ("id3v2.3.mp3", true, "-id3v2_version 3"),
        ("id3v2.4.mp3", true, "-id3v2_version 4"),
        ("a.flac", true, ""),
        ("a.ogg", true, "-c:a libvorbis"),
        ("a.opus", true, "-c:a libopus -ar 48000"),
        ("flac.oga", true, "-c:a flac"),
        ("a.m4a", false, "-c:a aac"),
        ("alac.m4a", false, "-c:a alac"),
        ("a.aiff", true, "-write_id3v2 1"),
        ("a.aac", true, "-write_id3v2 1"),
        ("info.wav", false, ""),
    ];
    let options = kinds.map(|(_, _, options)| format!("{options} {}", tags.join(" ")));
    let files: Vec<_> =
        kinds.iter().zip(&options).map(|(kind, options)| (kind.0, options.as_str())).collect();
    for (path, (name, has_gains, _)) in convert(&wav(&folder), &folder, &files).iter().zip(kinds) {
        let got = read_metadata(path).unwrap();
        assert_eq!(texts(&got), [Some(ARTIST), Some(TITLE), Some(ALBUM)], "{name}");
        assert!(got.duration.is_some(), "{name}");
        if has_gains {
            assert_eq!(gains(&got), GAINS, "{name}");
        }
    }
}

#[test]
fn every_container_tells_what_catalogues_and_reports_want_to_know() {
    let folder = Folder::new();
    let tags = [
        ("album_artist", "Ella"),
        ("composer", "Antônio Jobim"),
        ("genre", "Bossa Nova"),
        ("date", "1964-03-01"),
        ("track", "3/12"),
        ("publisher", "Verve"),
        ("LABELCODE", "LC-0383"),
        ("ISRC", "US-PR3-62-00013"),
        ("liq_cue_in", "0.25"),
        ("CUE_OUT", "0.4 s"),
        ("liq_cross_duration", "0.1"),
        ("liq_amplify", "-5.16 dB"),
    ];
    let dir = folder.path("");
    let options: Vec<String> =
        tags.iter().flat_map(|(key, value)| ["-metadata".to_owned(), format!("{key}={value}")]).collect();
    for (name, has_all, more) in [
        ("id3v2.3.mp3", true, &["-id3v2_version", "3"][..]),
        ("id3v2.4.mp3", true, &["-id3v2_version", "4"]),
        ("a.flac", true, &[]),
        ("a.ogg", true, &["-c:a", "libvorbis"]),
        ("a.opus", true, &["-c:a", "libopus", "-ar", "48000"]),
        ("a.aiff", true, &["-write_id3v2", "1"]),
        ("a.m4a", false, &["-c:a", "aac"]),
        ("info.wav", false, &[]),
    ] {
        let options: Vec<&str> = options.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let path = longwave_testing::tools::converted(&wav(&folder), &dir.join(name), &options, None);
        let got = read_metadata(&path).unwrap();
        let details = got.details.clone().unwrap_or_default();
        assert_eq!((details.genre.as_deref(), details.year), (Some("Bossa Nova"), Some(1964)), "{name}");
        assert_eq!(details.track_number, Some(3), "{name}");
        if !name.ends_with(".wav") {
            assert_eq!(details.composer.as_deref(), Some("Antônio Jobim"), "{name}");
            assert_eq!(details.album_artist.as_deref(), Some("Ella"), "{name}");
        }
        if has_all {
            assert_eq!(details.label.as_deref(), Some("Verve"), "{name}");
            assert_eq!(details.label_code.as_deref(), Some("LC 00383"), "{name}");
            assert_eq!(details.isrc.as_deref(), Some("USPR36200013"), "{name}");
            let cues = got.cues.clone().unwrap();
            let times = [cues.cue_in, cues.cue_out, cues.start_next, cues.cross];
            assert_eq!(
                times.map(|time| time.map(|time| time.as_millis())),
                [Some(250), Some(400), None, Some(100)]
            );
            assert_eq!(got.track_gain_db, Some(-5.16), "{name}");
        }
    }
}

#[test]
fn tags_that_only_other_programs_write_are_read_too() {
    let folder = Folder::new();
    let wav = wav(&folder);
    let flac = folder.path("many.flac");
    let (from, to) = (wav.to_str().unwrap(), flac.to_str().unwrap());
    let several = ["-T", "ARTIST=Ella", "-T", "ARTIST=Louis", "-T", "title=Ò", "-T", "R128_TRACK_GAIN=-1280"];
    run("flac", "flac", ["-s", "-o", to, from].iter().chain(&several));
    let got = read_metadata(&flac).unwrap();
    assert_eq!(texts(&got), [Some("Ella / Louis"), Some("Ò"), None]);
    assert_eq!(got.track_gain_db, Some(0.0));

    let m4a = convert(&wav, &folder, &[("plain.m4a", "-c:a aac -metadata artist=Ö")]);
    let with_notes = with_itunes_notes(
        std::fs::read(&m4a[0]).unwrap(),
        &[("replaygain_track_gain", "-3.50 dB"), ("REPLAYGAIN_ALBUM_PEAK", "0.5"), ("ISRC", "USPR36200013")],
    );
    let m4a = folder.path("itunes.m4a");
    std::fs::write(&m4a, with_notes).unwrap();
    let got = read_metadata(&m4a).unwrap();
    assert_eq!(got.artist.as_deref(), Some("Ö"));
    assert_eq!(gains(&got), [Some(-3.5), None, None, Some(0.5)]);
    assert_eq!(got.details.unwrap().isrc.as_deref(), Some("USPR36200013"));

    // The number of a genre in ID3, and one more. 0 is no genre, and no track's number.
    for (genre, track, wanted) in [(9_u8, 3_u8, Some((Some("Jazz"), Some(3)))), (0, 0, None)] {
        let data = |content: &[u8]| boxed(b"data", &[&[0; 8], content].concat());
        let numbers =
            [boxed(b"gnre", &data(&[0, genre])), boxed(b"trkn", &data(&[0, 0, 0, track, 0, 12, 0, 0]))];
        let plain = std::fs::read(folder.path("plain.m4a")).unwrap();
        let path = folder.path("numbers.m4a");
        std::fs::write(&path, with_mp4_tags(plain, numbers.concat())).unwrap();
        let details = read_metadata(&path).unwrap().details;
        let numbers = details.as_deref().map(|details| (details.genre.as_deref(), details.track_number));
        assert_eq!(numbers, wanted);
    }

    let mut mp3 = std::fs::read(plain_mp3(&folder, &wav)).unwrap();
    mp3.extend(ape_tag(&[("Artist", "Ænima"), ("Title", "Ø"), ("REPLAYGAIN_TRACK_GAIN", "-1.25 dB")]));
    let path = folder.path("ape.mp3");
    std::fs::write(&path, &mp3).unwrap();
    let got = read_metadata(&path).unwrap();
    assert_eq!(texts(&got), [Some("Ænima"), Some("Ø"), None]);
    assert_eq!(got.track_gain_db, Some(-1.25));
}

#[test]
fn wav_has_tags_in_chunks_of_two_kinds() {
    let folder = Folder::new();
    let plain = Pcm::sweeps(44_100, 2, 20_000);
    let chunk = |name: &[u8], content: &[u8]| {
        let padding = vec![0; content.len() % 2];
        [name, &(content.len() as u32).to_le_bytes(), content, &padding].concat()
    };
    let info = [
        b"INFO".to_vec(),
        chunk(b"IART", b"Bj\xf6rk\0"),
        chunk(b"INAM", b"J\xf3ga \x96 live"),
        chunk(b"ICMT", &[b'x'; 1001]),
        chunk(b"IPRD", "Ĥomogenīc".as_bytes()),
    ];
    let list = chunk(b"LIST", &info.concat());
    let title = id3_frame(b"TIT2", 1, &utf16("日本語"));
    let id3 = chunk(b"id3 ", &id3_tag(&[title, id3_frame(b"APIC", 0, &[7; 5_000])]));
    for (name, chunks, wanted) in [
        ("list.wav", vec![list.clone()], [Some("Björk"), Some("Jóga – live"), Some("Ĥomogenīc")]),
        ("both.wav", vec![list, id3], [Some("Björk"), Some("日本語"), Some("Ĥomogenīc")]),
    ] {
        let mut wav = plain.wav();
        wav.extend(chunks.concat());
        let size = wav.len() as u32 - 8;
        wav[4..8].copy_from_slice(&size.to_le_bytes());
        let path = folder.path(name);
        std::fs::write(&path, wav).unwrap();
        assert_eq!(texts(&read_metadata(&path).unwrap()), wanted, "{name}");
        assert!(decode(&path, stereo(44_100)) == plain.as_floats(), "{name}");
    }
}

#[test]
fn id3v2_in_all_its_forms() {
    let folder = Folder::new();
    let wav = wav(&folder);
    let mp3 = std::fs::read(plain_mp3(&folder, &wav)).unwrap();
    let whole = decode(&plain_mp3(&folder, &wav), stereo(44_100));
    // Every 0xff in UTF-16 has a zero after it, when a tag is unsynchronised.
    let title = id3_frame(b"TIT2", 1, &utf16("ÿ"));
    let mut unsynchronised = id3_tag(&[title]);
    let frames = unsynchronised.split_off(10);
    let inserted: Vec<u8> =
        frames.iter().flat_map(|&byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect();
    unsynchronised[5] = 0x80;
    unsynchronised[9] = inserted.len() as u8;
    unsynchronised.extend(inserted);
    let of_version_2 = b"ID3\x02\0\0\0\0\0\x12TT2\0\0\x03\0\xfc\0TP1\0\0\x03\0o\0".to_vec();
    let extended = b"ID3\x03\0\x40\0\0\0\x17\0\0\0\x06\0\0\0\0\0\0TIT2\0\0\0\x03\0\0\0\xe9\0".to_vec();
    let several = b"ID3\x04\0\0\0\0\0\x10TPE1\0\0\0\x06\0\0\x03A\0B\0C".to_vec();
    for (tag, artist, title) in [
        (unsynchronised, None, Some("ÿ")),
        (of_version_2, Some("o"), Some("ü")),
        (extended, None, Some("é")),
        (several.clone(), Some("A / B / C"), None),
        ([several, id3_tag(&[id3_frame(b"TIT2", 3, b"second")])].concat(), Some("A / B / C"), Some("second")),
    ] {
        let path = folder.path("tagged.mp3");
        std::fs::write(&path, [&tag[..], &mp3].concat()).unwrap();
        assert_eq!(texts(&read_metadata(&path).unwrap())[..2], [artist, title], "{tag:x?}");
        assert!(decode(&path, stereo(44_100)) == whole, "{tag:x?}");
    }
}

/// An ID3v2.3 tag of these frames.
fn id3_tag(frames: &[Vec<u8>]) -> Vec<u8> {
    let frames = frames.concat();
    let size = frames.len();
    let size = [size >> 21, size >> 14 & 0x7f, size >> 7 & 0x7f, size & 0x7f].map(|part| part as u8);
    [&b"ID3\x03\0\0"[..], &size, &frames].concat()
}

fn id3_frame(id: &[u8], alphabet: u8, content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32 + 1).to_be_bytes();
    [id, &size, &[0, 0, alphabet], content].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    [0xfeffu16].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn id3v1_is_latin_1_and_counts_least() {
    let folder = Folder::new();
    let wav = wav(&folder);
    let mp3 = std::fs::read(plain_mp3(&folder, &wav)).unwrap();
    let old = id3v1(b"Bj\xf6rk", b"J\xf3ga", b"Homogenic                     ");
    let path = folder.path("old.mp3");
    std::fs::write(&path, [mp3, old.clone()].concat()).unwrap();
    assert_eq!(texts(&read_metadata(&path).unwrap()), [Some("Björk"), Some("Jóga"), Some("Homogenic")]);

    let title = "A_title_of_more_than_thirty_characters";
    let options = format!("-metadata title={title}");
    let both = convert(&wav, &folder, &[("both.mp3", &options)]).remove(0);
    let mut bytes = std::fs::read(&both).unwrap();
    bytes.extend(old);
    std::fs::write(&both, bytes).unwrap();
    let got = read_metadata(&both).unwrap();
    assert_eq!(texts(&got), [Some("Björk"), Some(title), Some("Homogenic")]);
}

#[test]
fn opus_is_as_loud_as_its_header_says_and_its_gain_is_relative_to_that() {
    let folder = Folder::new();
    let wav = folder.wav("48.wav", &Pcm::sweeps(48_000, 2, 40_000));
    let opus = folder.path("a.opus");
    let files = [wav.to_str().unwrap(), opus.to_str().unwrap()];
    run("opusenc", "opus-tools", ["--quiet", "--comment", "R128_TRACK_GAIN=-512"].iter().chain(&files));
    let plain = decode(&opus, stereo(48_000));
    let mut bytes = std::fs::read(&opus).unwrap();
    set_opus_gain(&mut bytes, -6 * 256);
    let path = folder.path("quiet.opus");
    std::fs::write(&path, bytes).unwrap();
    let quiet = decode(&path, stereo(48_000));
    assert_eq!(plain.len(), quiet.len());
    let power = |pcm: &[f32]| channel(pcm, 2, 0).iter().map(|s| f64::from(s * s)).sum::<f64>();
    let change = 10.0 * (power(&quiet) / power(&plain)).log10();
    assert!((change + 6.0).abs() < 0.01, "{change} dB");
    // -512 / 256 from R128's reference level, which is 5 dB below ReplayGain's.
    assert_eq!(read_metadata(&path).unwrap().track_gain_db, Some(3.0));
}

#[test]
fn a_file_without_tags_has_none() {
    let folder = Folder::new();
    let got = read_metadata(wav(&folder)).unwrap();
    assert_eq!(Tags { duration: None, ..got.clone() }, Tags::default());
    assert_eq!(got.duration.unwrap().as_millis(), 453);
}

/// An MP3 without any tags.
fn plain_mp3(folder: &Folder, wav: &Path) -> std::path::PathBuf {
    convert(wav, folder, &[("plain.mp3", "-id3v2_version 0 -map_metadata -1")]).remove(0)
}

fn id3v1(artist: &[u8], title: &[u8], album: &[u8]) -> Vec<u8> {
    let mut tag = b"TAG".to_vec();
    for text in [title, artist, album] {
        let mut field = text.to_vec();
        field.resize(30, 0);
        tag.extend(field);
    }
    tag.resize(128, 0);
    tag
}

fn ape_tag(items: &[(&str, &str)]) -> Vec<u8> {
    let body: Vec<u8> = items
        .iter()
        .flat_map(|(key, value)| {
            let length = (value.len() as u32).to_le_bytes();
            [&length[..], &[0; 4], key.as_bytes(), b"\0", value.as_bytes()].concat()
        })
        .collect();
    let edge = |flags: u32| {
        let mut edge = b"APETAGEX".to_vec();
        for number in [2_000, body.len() as u32 + 32, items.len() as u32, flags, 0, 0] {
            edge.extend(number.to_le_bytes());
        }
        edge
    };
    [edge(0xa000_0000), body.clone(), edge(0x8000_0000)].concat()
}

/// Adds notes of iTunes' own kind to an MP4 file whose index is its last box.
fn with_itunes_notes(file: Vec<u8>, notes: &[(&str, &str)]) -> Vec<u8> {
    let added = notes.iter().flat_map(|(name, value)| {
        let mean = boxed(b"mean", b"\0\0\0\0com.apple.iTunes");
        let name = boxed(b"name", &[&[0; 4], name.as_bytes()].concat());
        let data = boxed(b"data", &[b"\0\0\0\x01\0\0\0\0", value.as_bytes()].concat());
        boxed(b"----", &[mean, name, data].concat())
    });
    with_mp4_tags(file, added.collect())
}

fn boxed(kind: &[u8], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

/// Adds these boxes of tags to an MP4 file whose index is its last box.
fn with_mp4_tags(mut file: Vec<u8>, added: Vec<u8>) -> Vec<u8> {
    for kind in [b"moov", b"udta", b"meta", b"ilst"] {
        let at = file.windows(4).rposition(|window| window == kind).unwrap() - 4;
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!(at + size as usize, file.len(), "the box ends with the file");
        file[at..at + 4].copy_from_slice(&(size + added.len() as u32).to_be_bytes());
    }
    file.extend(added);
    file
}

/// Writes another output gain into the first page of an Opus file.
fn set_opus_gain(file: &mut [u8], gain: i16) {
    let head = file.windows(8).position(|window| window == b"OpusHead").unwrap();
    file[head + 16..head + 18].copy_from_slice(&gain.to_le_bytes());
    let end = head + 19;
    file[22..26].fill(0);
    let sum = ogg_checksum(&file[..end]);
    file[22..26].copy_from_slice(&sum.to_le_bytes());
}

fn ogg_checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum: u32, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}
