//! Tags as the writers of tags write them, with each one's slip.

use std::io::Write as _;

use super::*;

fn seven(n: usize) -> [u8; 4] {
    [n >> 21, n >> 14 & 0x7f, n >> 7 & 0x7f, n & 0x7f].map(|part| part as u8)
}

fn plain(n: usize) -> [u8; 4] {
    (n as u32).to_be_bytes()
}

/// A frame with flags and a size in some form.
fn frame_of(id: &str, size: [u8; 4], flags: u8, content: &[u8]) -> Vec<u8> {
    [id.as_bytes(), &size, &[0, flags], content].concat()
}

fn frame(version: u8, id: &str, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    match version {
        2 => [id.as_bytes(), &plain(length)[1..], content].concat(),
        3 => frame_of(id, plain(length), 0, content),
        _ => frame_of(id, seven(length), 0, content),
    }
}

fn text(version: u8, id: &str, text: &str) -> Vec<u8> {
    frame(version, id, &[&[if version == 4 { 3 } else { 0 }], text.as_bytes()].concat())
}

fn tag(version: u8, flags: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let frames = frames.concat();
    [&[b'I', b'D', b'3', version, 0, flags][..], &seven(frames.len()), &frames].concat()
}

fn picture(bytes: usize) -> Vec<u8> {
    let data = (0..bytes).map(|n| if n % 5 == 0 { 0xff } else { (n * 7 % 251) as u8 });
    b"\0image/jpeg\0\x03\0\xff\xd8".iter().copied().chain(data).collect()
}

/// Unsynchronises.
fn unsynchronised(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect()
}

fn found_in(file: &[u8]) -> (Found, u64) {
    let file = [file, &[0xff, 0xfb, 0x90, 0x64], &[0x55; 400]].concat();
    let end = file.len() as u64;
    let mut bytes = Bytes::new(Box::new(io::Cursor::new(file))).unwrap();
    let mut found = Found::default();
    let after = read_v2(&mut bytes, 0, end, &mut found).unwrap();
    (found, after.unwrap_or(0))
}

fn read(file: &[u8]) -> [Option<String>; 2] {
    let tags = found_in(file).0.finish(false).tags;
    [tags.artist, tags.title]
}

/// Asserts that artist and title are read, and where the tag ends.
fn reads(what: &str, tag: &[u8]) {
    let (found, after) = found_in(tag);
    let notes = found.notes().to_vec();
    let tags = found.finish(false).tags;
    assert_eq!(
        (tags.artist.as_deref(), tags.title.as_deref()),
        (Some("Ana"), Some("Jingle")),
        "{what}: {notes:?}"
    );
    assert_eq!(after, tag.len() as u64, "{what}");
}

fn both(version: u8) -> [Vec<u8>; 2] {
    let [artist, title] = if version == 2 { ["TP1", "TT2"] } else { ["TPE1", "TIT2"] };
    [text(version, artist, "Ana"), text(version, title, "Jingle")]
}

#[test]
fn a_size_in_the_form_of_another_version_is_recognised() {
    for bytes in [128, 300, 5_000, 16_384, 70_000, 200_000] {
        for version in [3, 4] {
            let [artist, title] = both(version);
            let content = picture(bytes);
            let other = if version == 3 { seven(content.len()) } else { plain(content.len()) };
            let large = frame_of("APIC", other, 0, &content);
            reads("first", &tag(version, 0, &[large.clone(), artist.clone(), title.clone()]));
            reads("between", &tag(version, 0, &[artist.clone(), large.clone(), title.clone()]));
            reads("last", &tag(version, 0, &[artist.clone(), title.clone(), large.clone()]));
            reads("before padding", &tag(version, 0, &[artist, large.clone(), title, large, vec![0; 99]]));
        }
    }
    let long = "T".repeat(200);
    let plain_sizes = [
        frame_of("TIT2", plain(201), 0, &[b"\x03", long.as_bytes()].concat()),
        frame_of("TPE1", plain(4), 0, b"\x03Ana"),
    ];
    assert_eq!(read(&tag(4, 0, &plain_sizes)), [Some("Ana".into()), Some(long)]);
}

#[test]
fn a_frame_with_a_wrong_size_costs_only_itself() {
    for version in [3, 4] {
        let [artist, title] = both(version);
        for (what, size) in
            [("too large", 900), ("beyond the tag", 90_000), ("absurd", 0x7f7f_7f7f), ("too small", 3)]
        {
            let wrong = frame_of("COMM", plain(size), 0, &[b"\0eng\0", &[b'x'; 60][..]].concat());
            reads(what, &tag(version, 0, &[wrong.clone(), artist.clone(), title.clone()]));
            reads(what, &tag(version, 0, &[artist.clone(), wrong.clone(), title.clone()]));
            reads(what, &tag(version, 0, &[artist.clone(), title.clone(), wrong]));
        }
        let cut = frame_of("TIT2", plain(99), 0, b"\0Jingle");
        reads("the last one goes beyond the tag", &tag(version, 0, &[artist.clone(), cut]));
        reads(
            "nothing in it",
            &tag(version, 0, &[frame(version, "COMM", b""), artist.clone(), title.clone()]),
        );
        reads("junk between", &tag(version, 0, &[artist.clone(), b"\x01\x02junk".to_vec(), title.clone()]));
        reads("a name in small letters", &tag(version, 0, &[artist, frame(version, "priv", b"x"), title]));
    }
}

#[test]
fn an_extended_header_is_passed_over_in_any_form() {
    for (what, version, extended) in [
        ("version 3", 3, b"\0\0\0\x06\0\0\0\0\0\0".to_vec()),
        ("version 3 with a checksum", 3, b"\0\0\0\x0a\x80\0\0\0\0\0\x12\x34\x56\x78".to_vec()),
        ("version 3 that counts itself", 3, b"\0\0\0\x0a\0\0\0\0\0\0".to_vec()),
        ("version 4", 4, b"\0\0\0\x06\x01\0".to_vec()),
        ("version 4 with a checksum", 4, b"\0\0\0\x0c\x01\x20\x05\x01\x02\x03\x04\x05".to_vec()),
        ("version 4 that does not count itself", 4, b"\0\0\0\x02\x01\0".to_vec()),
        ("version 4 as in version 3", 4, b"\0\0\0\x06\0\0\0\0\0\0".to_vec()),
        ("none at all", 3, vec![]),
        ("none at all", 4, vec![]),
    ] {
        let [artist, title] = both(version);
        reads(what, &tag(version, 0x40, &[extended, artist, title]));
    }
}

#[test]
fn unsynchronisation_is_undone_at_any_size() {
    let big = |bytes, version| {
        let [artist, title] = both(version);
        let id = if version == 2 { "PIC" } else { "APIC" };
        vec![title, frame(version, id, &picture(bytes)), artist]
    };
    for version in [2, 3] {
        for bytes in [50, 70_000, 2_000_000] {
            let frames = unsynchronised(&big(bytes, version).concat());
            reads("as a whole", &tag(version, 0x80, &[frames]));
            reads("only the flag", &tag(version, 0x80, &big(bytes, version)));
        }
    }
    let wide: Vec<u8> =
        [1, 0xff, 0xfe].into_iter().chain("ÿÿ".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let inserted = unsynchronised(&wide);
    for (what, flags, frame) in [
        ("version 3", 0x80, unsynchronised(&frame(3, "TIT2", &wide))),
        ("the tag's flag", 0x80, frame_of("TIT2", seven(inserted.len()), 0, &inserted)),
        ("the frame's flag", 0, frame_of("TIT2", seven(inserted.len()), 2, &inserted)),
        ("both flags", 0x80, frame_of("TIT2", seven(inserted.len()), 2, &inserted)),
        ("the flag only", 0x80, frame_of("TIT2", seven(wide.len()), 0, &wide)),
        (
            "with the length of its data",
            0x80,
            frame_of("TIT2", seven(inserted.len() + 4), 3, &[&seven(wide.len())[..], &inserted].concat()),
        ),
    ] {
        let version = if what == "version 3" { 3 } else { 4 };
        assert_eq!(read(&tag(version, flags, &[frame]))[1].as_deref(), Some("ÿÿ"), "{what}");
    }
}

#[test]
fn what_flags_put_before_a_text_is_passed_over() {
    let mut zip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(b"\0Jingle").unwrap();
    let zip = zip.finish().unwrap();
    let length = [0, 0, 0, 7];
    for (what, version, flags, content) in [
        ("a group, version 3", 3, 0x20, [&[9][..], b"\0Jingle"].concat()),
        ("compressed, version 3", 3, 0x80, [&length[..], &zip].concat()),
        ("compressed and in a group, version 3", 3, 0xa0, [&length[..], &[9], &zip].concat()),
        ("a group", 4, 0x40, [&[9][..], b"\0Jingle"].concat()),
        ("a length", 4, 0x01, [&length[..], b"\0Jingle"].concat()),
        ("a length that is not there", 4, 0x01, b"\x03Jingle".to_vec()),
        ("compressed", 4, 0x09, [&length[..], &zip].concat()),
        ("compressed without a length", 4, 0x08, zip.clone()),
        ("compressed and in a group", 4, 0x49, [&[9][..], &length, &zip].concat()),
    ] {
        let size = if version == 3 { plain(content.len()) } else { seven(content.len()) };
        reads(
            what,
            &tag(version, 0, &[frame_of("TIT2", size, flags, &content), text(version, "TPE1", "Ana")]),
        );
    }
    for (what, version, flags) in [("encrypted", 3, 0x40), ("encrypted", 4, 0x04), ("not zlib", 4, 0x08)] {
        let closed = frame_of("TALB", plain(9), flags, b"secret...");
        let [artist, title] = both(version);
        reads(what, &tag(version, 0, &[closed, artist, title]));
    }
}

#[test]
fn names_of_version_2_are_read_in_later_ones() {
    reads("version 2", &tag(2, 0, &both(2)));
    for end in [' ', '\0'] {
        let [artist, title] = ["TP1", "TT2"].map(|id| format!("{id}{end}"));
        reads("version 3", &tag(3, 0, &[text(3, &artist, "Ana"), text(3, &title, "Jingle")]));
    }
}

#[test]
fn a_tag_may_say_where_the_next_one_is() {
    let second = tag(4, 0, &[text(4, "TIT2", "Jingle"), text(4, "TPE1", "other")]);
    let seek = |far: u32| frame(4, "SEEK", &far.to_be_bytes());
    let first = tag(4, 0, &[text(4, "TPE1", "Ana"), seek(5)]);
    let file = [&first[..], b"audio", &second].concat();
    assert_eq!(read(&file), [Some("Ana".into()), Some("Jingle".into())]);
    for far in [0, 1, 90_000, u32::MAX] {
        assert_eq!(read(&tag(4, 0, &[text(4, "TPE1", "Ana"), seek(far)]))[0].as_deref(), Some("Ana"));
    }
    let mut chain = Vec::new();
    (0..100).for_each(|_| chain.extend(tag(4, 0, &[seek(0)])));
    assert_eq!(read(&chain), [None, None], "a long chain is not followed to its end");
}

#[test]
fn a_tag_with_a_footer_is_found_from_behind() {
    let [artist, title] = both(4);
    let tag = tag(4, 0x10, &[artist, title]);
    let footer = [b"3DI", &tag[3..10]].concat();
    reads("in front", &[&tag[..], &footer].concat());
    let file = [b"audio", &tag[..], &footer].concat();
    let end = file.len() as u64;
    let mut bytes = Bytes::new(Box::new(io::Cursor::new(file))).unwrap();
    let mut found = Found::default();
    assert_eq!(read_appended(&mut bytes, end, &mut found).unwrap(), Some(5));
    assert_eq!(found.finish(false).tags.artist.as_deref(), Some("Ana"));
    assert_eq!(read_appended(&mut bytes, end - 1, &mut Found::default()).unwrap(), None);
}

#[test]
fn the_volume_is_read_where_no_gain_is() {
    let volume = |name: &[u8], steps: i16, peak: &[u8]| {
        let peak = [&[peak.len() as u8 * 8], peak].concat();
        [name, &[0, 1], &steps.to_be_bytes(), &peak].concat()
    };
    let track = frame(4, "RVA2", &volume(b"track", -1024, &[0x40, 0]));
    let album = frame(4, "RVA2", &volume(b"Album", 512, &[]));
    let gain = frame(4, "TXXX", b"\x03replaygain_track_gain\0\xe2\x88\x926.00 LU");
    let gains = |frames: &[Vec<u8>]| {
        let tags = found_in(&tag(4, 0, frames)).0.finish(false).tags;
        (tags.track_gain_db, tags.album_gain_db, tags.track_peak)
    };
    assert_eq!(gains(&[track.clone(), album]), (Some(-2.0), Some(1.0), Some(0.5)));
    assert_eq!(gains(&[track, gain]).0, Some(-6.0), "a gain is more exact");
    let other_channel = [b"x\0\x02\x04\0\0", &volume(b"", 512, &[])[1..]].concat();
    assert_eq!(gains(&[frame(4, "RVA2", &other_channel)]).0, Some(1.0));
    for content in [
        &b""[..],
        b"track",
        b"track\0",
        b"track\0\x01\x04",
        b"track\0\x01\x04\0\xff\0",
        b"track\0\x01\x7f\xff\0",
    ] {
        assert_eq!(gains(&[frame(4, "RVA2", content)]).0, None, "{content:x?}");
    }
}

#[test]
fn whatever_the_bytes_are_reading_ends() {
    let mut random = fastrand::Rng::with_seed(7);
    let [artist, title] = both(4);
    let whole = tag(4, 0x80, &[artist, frame(4, "APIC", &picture(900)), title]);
    for length in 0..whole.len() {
        found_in(&whole[..length]);
    }
    for _ in 0..3_000 {
        let mut changed = whole.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..changed.len());
            changed[at] = random.u8(..);
        }
        found_in(&changed);
    }
}

/// A picture has many bytes that look like a frame. None of them is worth reading the whole tag for.
#[test]
fn an_unsynchronised_tag_that_is_too_large_to_be_read_costs_little() {
    use crate::codec::file::budget::{Budget, Limited};
    for megabytes in [30, 45] {
        let frames = [text(3, "TPE1", "An artist"), frame(3, "APIC", &picture(megabytes << 20))].concat();
        let tag = tag(3, 0x80, &[unsynchronised(&frames)]);
        let end = tag.len() as u64;
        let source = Limited::new(Box::new(io::Cursor::new(tag)), Budget::new());
        let mut found = Found::default();
        let after = read_v2(&mut Bytes::new(Box::new(source)).unwrap(), 0, end, &mut found).unwrap();
        assert_eq!(after, Some(end), "{megabytes} MiB");
        assert_eq!(found.finish(false).tags.artist.as_deref(), Some("An artist"), "{megabytes} MiB");
    }
}

#[test]
fn frames_of_another_version_than_the_tags_are_read() {
    let texts = |version, [artist, title]: [&str; 2]| {
        [text(version, artist, "An artist"), text(version, title, "A title"), vec![0; 300]]
    };
    let (short, long) = (["TP1", "TT2"], ["TPE1", "TIT2"]);
    for (told, version, names) in
        [(3, 2, short), (4, 2, short), (2, 3, long), (2, 4, long), (2, 2, short), (3, 3, long)]
    {
        let got = read(&tag(told, 0, &texts(version, names)));
        assert_eq!(got, [Some("An artist".to_owned()), Some("A title".to_owned())], "{version} in {told}");
    }
}
