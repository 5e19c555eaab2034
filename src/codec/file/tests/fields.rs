//! Fields that no player needs, damaged: the file plays as without them. And which of several tags counts.

use super::fixture::{Folder, Pcm, convert, decode, stereo};
use crate::codec::file::read_metadata;
use crate::codec::packets::ogg::checksum;

fn block(kind: u8, length: usize, content: &[u8]) -> Vec<u8> {
    [&[kind], &(length as u32).to_be_bytes()[1..], content].concat()
}

/// A header of Vorbis comments.
fn comments(fields: &[&str]) -> Vec<u8> {
    let mut comments = [&[4, 0, 0, 0][..], b"test", &(fields.len() as u32).to_le_bytes()].concat();
    for field in fields {
        comments.extend((field.len() as u32).to_le_bytes());
        comments.extend(field.as_bytes());
    }
    comments
}

#[test]
fn no_block_of_flac_but_the_first_can_cost_the_file() {
    const BEFORE: usize = 4 + 4 + 34;
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 60_000));
    let flac = convert(&wav, &folder, &[("plain.flac", "")]).remove(0);
    let whole = std::fs::read(&flac).unwrap();
    let pcm = decode(&flac, stereo(44_100));
    let audio = whole.windows(2).position(|pair| pair == [0xff, 0xf8]).unwrap();
    let (info, audio) = (&whole[..BEFORE], &whole[audio..]);
    let (first, second) = (comments(&["ARTIST=Ana", "TITLE=Jingle"]), comments(&["ARTIST=other", "ALBUM=B"]));
    let tags = block(4, first.len(), &first);
    let padding = block(0x81, 40, &[0; 40]);
    let cut = comments(&["ARTIST=Ana", "TITLE=Jingle"]);
    let picture = [b"\0\0\0\x03\0\0\0\x0aimage/jpeg".to_vec(), vec![0xff; 300]].concat();
    for (what, blocks) in [
        ("a cue sheet that is none", vec![block(5, 100, &[0xff; 100]), tags.clone(), padding.clone()]),
        ("a short cue sheet", vec![tags.clone(), block(5, 3, b"cue"), padding.clone()]),
        ("two blocks of comments", vec![tags.clone(), block(4, second.len(), &second), padding.clone()]),
        ("an application", vec![block(2, 2, b"xx"), tags.clone(), padding.clone()]),
        ("a table for seeking with nonsense", vec![block(3, 18, &[0x77; 18]), tags.clone(), padding.clone()]),
        (
            "two tables for seeking",
            vec![block(3, 0, b""), block(3, 5, b"table"), tags.clone(), padding.clone()],
        ),
        (
            "a picture with wrong sizes",
            vec![block(6, picture.len(), &picture), tags.clone(), padding.clone()],
        ),
        ("a second description", vec![tags.clone(), info[4..].to_vec(), padding.clone()]),
        ("padding that is too long", vec![tags.clone(), block(0x81, 5_000, &[0; 40])]),
        ("padding beyond the file", vec![tags.clone(), block(0x81, 0xff_ffff, &[0; 40])]),
        ("padding that is too short", vec![tags.clone(), block(0x81, 20, &[0; 40])]),
        ("a picture that is too long", vec![tags.clone(), block(6, 4_000, &picture), padding.clone()]),
        ("no last block", vec![tags.clone(), block(1, 40, &[0; 40])]),
        ("comments that go beyond the file", vec![block(0x84, 0xf0_0000, &cut)]),
        ("a wrong length in the comments", {
            let mut wrong = first.clone();
            wrong[0] = 200;
            vec![block(4, wrong.len(), &wrong), padding.clone()]
        }),
    ] {
        let path = folder.path("odd.flac");
        std::fs::write(&path, [info, &blocks.concat(), audio].concat()).unwrap();
        let got = read_metadata(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(decode(&path, stereo(44_100)) == pcm, "{what}");
        if what != "comments that go beyond the file" {
            assert_eq!(
                (got.artist.as_deref(), got.title.as_deref()),
                (Some("Ana"), Some("Jingle")),
                "{what}"
            );
        }
        assert!(got.duration.is_some(), "{what}");
    }
}

#[test]
fn broken_comments_do_not_cost_an_ogg_file() {
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(48_000, 2, 60_000));
    let options = "-metadata artist=Ana -metadata title=Jingle";
    let kinds = [("a.opus", "-c:a libopus"), ("a.ogg", "-c:a libvorbis"), ("a.oga", "-c:a flac")];
    let options = kinds.map(|(_, codec)| format!("{codec} {options}"));
    let files: Vec<_> =
        kinds.iter().zip(&options).map(|(kind, options)| (kind.0, options.as_str())).collect();
    for path in convert(&wav, &folder, &files) {
        let (whole, pcm) = (std::fs::read(&path).unwrap(), decode(&path, stereo(48_000)));
        let second = whole.windows(4).enumerate().filter(|(_, bytes)| bytes == b"OggS").nth(1).unwrap().0;
        let page = {
            let table = usize::from(whole[second + 26]);
            let body: usize = whole[second + 27..][..table].iter().map(|&lace| usize::from(lace)).sum();
            second..second + 27 + table + body
        };
        let artist = whole.windows(7).position(|bytes| bytes.eq_ignore_ascii_case(b"artist=")).unwrap();
        let vendor = whole.windows(4).position(|bytes| bytes == b"Lavf").unwrap();
        for (what, at, bytes) in [
            ("the encoder's name is too long", vendor - 4, [0xff, 0xff, 0xff, 0x7f]),
            ("a comment is too long", artist - 4, [0, 0xff, 0, 0]),
            ("a comment has an odd name", artist, [0xff, 0, 1, 2]),
        ] {
            let mut broken = whole.clone();
            broken[at..at + 4].copy_from_slice(&bytes);
            let sum = checksum(&broken[page.clone()]);
            broken[second + 22..second + 26].copy_from_slice(&sum);
            let odd = folder.path("odd").with_extension(path.extension().unwrap());
            std::fs::write(&odd, broken).unwrap();
            let got = read_metadata(&odd).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(got.title.as_deref(), Some("Jingle"), "{}: {what}", path.display());
            assert!(decode(&odd, stereo(48_000)) == pcm, "{}: {what}", path.display());
        }
    }
}

#[test]
fn a_damaged_box_that_nobody_needs_does_not_cost_an_mp4_file() {
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 60_000));
    let m4a = convert(&wav, &folder, &[("a.m4a", "-c:a alac -metadata artist=Ana -metadata title=Jingle")])
        .remove(0);
    let (whole, pcm) = (std::fs::read(&m4a).unwrap(), decode(&m4a, stereo(44_100)));
    for (what, kind) in [("user data", b"udta"), ("meta", b"meta"), ("the list", b"ilst")] {
        for size in [0x7f00_0000_u32, 20, 3] {
            let mut broken = whole.clone();
            let at = whole.windows(4).rposition(|bytes| bytes == kind).unwrap() - 4;
            broken[at..at + 4].copy_from_slice(&size.to_be_bytes());
            let path = folder.path("odd.m4a");
            std::fs::write(&path, broken).unwrap();
            let got = read_metadata(&path);
            if size > 100 {
                let got = got.unwrap_or_else(|error| panic!("{what} of {size}: {error}"));
                assert_eq!(got.title.as_deref(), Some("Jingle"), "{what} of {size}");
                assert!(decode(&path, stereo(44_100)) == pcm, "{what} of {size}");
            }
        }
    }
}

#[test]
fn each_field_is_of_the_first_tag_that_has_it() {
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 40_000));
    let id3 = |text: &[u8]| {
        [
            &b"ID3\x04\0\0\0\0\0"[..],
            &[text.len() as u8 + 11],
            b"TIT2\0\0\0",
            &[text.len() as u8 + 1, 0, 0, 3],
            text,
        ]
        .concat()
    };
    let ape = |title: &str, album: &str| {
        let item = |name: &str, value: &str| {
            [&(value.len() as u32).to_le_bytes()[..], &[0; 4], name.as_bytes(), b"\0", value.as_bytes()]
                .concat()
        };
        let items = [item("Title", title), item("Album", album)].concat();
        // Neither a header nor the right number of items.
        let numbers = [2_000, items.len() as u32 + 32, 99, 0, 0, 0].map(u32::to_le_bytes).concat();
        [&items[..], b"APETAGEX", &numbers].concat()
    };
    let mut old = b"TAG".to_vec();
    for text in ["v1 title", "v1 artist", "v1 album"] {
        old.extend(format!("{text:\0<30}").into_bytes());
    }
    old.resize(128, 0);
    let lyrics = b"LYRICSBEGININD0000200000021LYRICS200".to_vec();
    let files =
        [("a.mp3", "-id3v2_version 0 -map_metadata -1"), ("a.flac", "-metadata artist=own -map_metadata -1")];
    let [mp3, flac] = convert(&wav, &folder, &files).try_into().unwrap();
    let (mp3, flac) = (std::fs::read(mp3).unwrap(), std::fs::read(flac).unwrap());
    let with_title = {
        let comments = comments(&["TITLE=own title"]);
        [&flac[..42], &block(4, comments.len(), &comments), &flac[42..]].concat()
    };
    let (v2, second, ape) = (id3(b"v2"), id3(b"second"), ape("ape", "ape album"));
    for (what, name, parts, expected) in [
        ("all four", "x.mp3", vec![&v2, &second, &mp3, &ape, &old], ["v1 artist", "v2", "ape album"]),
        ("without the first", "x.mp3", vec![&mp3, &ape, &old], ["v1 artist", "ape", "ape album"]),
        ("lyrics between", "x.mp3", vec![&mp3, &ape, &lyrics, &old], ["v1 artist", "ape", "ape album"]),
        ("only the oldest", "x.mp3", vec![&mp3, &old], ["v1 artist", "v1 title", "v1 album"]),
        ("around FLAC", "x.flac", vec![&v2, &with_title, &ape, &old], ["own", "own title", "ape album"]),
        ("around FLAC without a title", "x.flac", vec![&v2, &flac, &old], ["own", "v2", "v1 album"]),
    ] {
        let path = folder.path(name);
        std::fs::write(&path, parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>())
            .unwrap();
        let got = read_metadata(&path).unwrap();
        let got = [&got.artist, &got.title, &got.album].map(|text| text.as_deref().unwrap_or_default());
        assert_eq!(got, expected, "{what}");
    }
}

#[test]
fn the_texts_of_an_old_mac_are_read_as_it_wrote_them() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, 10_000));
    let aiff = std::fs::read(convert(&wav, &folder, &[("a.aiff", "")]).remove(0)).unwrap();
    let tags = |title: &[u8], artist: &[u8]| {
        let chunk = |name: &[u8], text: &[u8]| {
            let pad = vec![0; text.len() % 2];
            [name, &(text.len() as u32).to_be_bytes(), text, &pad].concat()
        };
        let path = folder.path("texts.aiff");
        std::fs::write(&path, [&aiff[..], &chunk(b"NAME", title), &chunk(b"AUTH", artist)].concat()).unwrap();
        let tags = read_metadata(&path).unwrap();
        (tags.title.unwrap(), tags.artist.unwrap())
    };
    assert_eq!(tags(b"J\x97ga \xd0 Caf\x8e", b"Bj\x9ark"), ("Jóga – Café".into(), "Björk".into()));
    assert_eq!(tags("Jóga – Café".as_bytes(), b"Bjork"), ("Jóga – Café".into(), "Bjork".into()));
}
