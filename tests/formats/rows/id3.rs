//! The tags of MP3: ID3v2 as its many writers write it, APE, ID3v1.

use std::path::PathBuf;

use crate::make::{Bench, bytes};
use crate::row::Row;

pub fn rows(bench: &Bench) -> Vec<Row> {
    let sound = bytes(&bench.tool("lame", "--quiet -b 128 --noreplaygain", "mp3"));
    let file = |before: Vec<u8>, behind: Vec<u8>| -> PathBuf {
        bench.file("mp3", &[before, sound.clone(), behind].concat())
    };
    let before = |tag: Vec<u8>| file(tag, Vec::new());
    let behind = |tag: Vec<u8>| file(Vec::new(), tag);
    let mut rows = versions(&before);
    rows.extend(slips(&before));
    rows.extend(texts(&before));
    rows.extend(gains(&before, &behind));
    rows.extend(several(&file));
    rows
}

type Makes<'a> = &'a dyn Fn(Vec<u8>) -> PathBuf;

fn versions(before: Makes) -> Vec<Row> {
    let both = |version| tag(version, &[text(b"TIT2", "A title"), text(b"TPE1", "An artist")]);
    let v22 = {
        let frames = [&b"TT2\0\0\x08\0A title"[..], b"TP1\0\0\x0a\0An artist"].concat();
        [b"ID3\x02\0\0", &synchsafe(frames.len())[..], &frames].concat()
    };
    let named = |row: Row| row.title("A title").artist("An artist");
    vec![
        named(Row::new("MP3, ID3v2.2", "none", before(v22))),
        named(Row::new("MP3, ID3v2.3", "none", before(both(3)))),
        named(Row::new("MP3, ID3v2.4", "none", before(both(4)))),
        named(Row::new("MP3, ID3v2.3", "an extended header", {
            let mut tag = both(3);
            tag[5] = 0x40;
            tag.splice(10..10, [0, 0, 0, 6, 0, 0, 0, 0, 0, 0]);
            before(with_size(tag))
        })),
        named(Row::new("MP3, ID3v2.4", "an extended header", {
            let mut tag = both(4);
            tag[5] = 0x40;
            tag.splice(10..10, [0, 0, 0, 6, 1, 0]);
            before(with_size(tag))
        })),
        named(Row::new("MP3, ID3v2.4", "a footer", {
            let mut tag = both(4);
            tag[5] = 0x10;
            let footer = [b"3DI", &tag[3..10]].concat();
            before([tag, footer].concat())
        })),
    ]
}

/// What tag writers got wrong.
fn slips(before: Makes) -> Vec<Row> {
    let long = "Long ".repeat(40);
    let long = long.trim_end();
    let itunes = {
        // Sizes of 128 and more are where plain and synchsafe numbers differ.
        let picture = frame(b"APIC", &[&b"\0image/png\0\x03\0"[..], &[0x55; 3_000]].concat());
        let title = frame(b"TIT2", &[&[3][..], long.as_bytes()].concat());
        let artist = frame(b"TPE1", b"\x03An artist");
        tag_of(4, &[picture, title, artist].concat())
    };
    let synchsafe_in_23 = {
        let body = [&[0][..], long.as_bytes()].concat();
        let title = [&b"TIT2"[..], &synchsafe(body.len()), &[0, 0], &body].concat();
        tag_of(3, &[title, frame(b"TPE1", b"\0An artist")].concat())
    };
    let too_long = {
        let mut frames = [frame(b"TIT2", b"\0A title"), frame(b"TPE1", b"\0An artist")].concat();
        frames.extend(b"COMM\x7f\xff\xff\xff\0\0");
        frames.extend(b"\0engnothing");
        tag_of(3, &frames)
    };
    let no_encoding = tag_of(3, &[frame(b"TIT2", b"\x09A title"), frame(b"TPE1", b"\0An artist")].concat());
    let empty = tag_of(3, &[frame(b"TIT2", b""), frame(b"TPE1", b"\0An artist")].concat());
    let unsynchronised = {
        // A picture of 1.5 MB, and a zero behind each 0xff.
        let picture = frame(b"APIC", &[&b"\0image/png\0\x03\0"[..], &[0xff, 0xe0].repeat(750_000)].concat());
        let frames = [frame(b"TIT2", b"\0A title"), frame(b"TPE1", b"\0An artist"), picture].concat();
        let mut stuffed = Vec::new();
        for byte in frames {
            stuffed.push(byte);
            if byte == 0xff {
                stuffed.push(0);
            }
        }
        let mut tag = tag_of(3, &stuffed);
        tag[5] = 0x80;
        tag
    };
    vec![
        Row::new("MP3, ID3v2.4", "plain frame sizes, as iTunes wrote them", before(itunes))
            .title(long)
            .artist("An artist")
            .why("ffmpeg loses what is behind the picture"),
        Row::new("MP3, ID3v2.3", "synchsafe frame sizes", before(synchsafe_in_23))
            .title(long)
            .artist("An artist")
            .why("the others believe the size"),
        Row::new("MP3, ID3v2.3", "a frame's size beyond the tag", before(too_long))
            .title("A title")
            .artist("An artist"),
        Row::new("MP3, ID3v2.3", "an unknown encoding", before(no_encoding))
            .title("A title")
            .artist("An artist")
            .why("the others leave the frame out"),
        Row::new("MP3, ID3v2.3", "an empty frame", before(empty)).artist("An artist"),
        Row::new("MP3, ID3v2.3", "unsynchronised, with a cover of 1.5 MB", before(unsynchronised))
            .title("A title")
            .artist("An artist"),
        Row::new("MP3, ID3v2.3", "padding of 100,000 bytes", {
            before(tag_of(3, &[frame(b"TIT2", b"\0A title"), vec![0; 100_000]].concat()))
        })
        .title("A title"),
        Row::new("MP3, ID3v2.4", "two tags in a row: the first counts", {
            before([tag(4, &[text(b"TIT2", "First")]), tag(3, &[text(b"TIT2", "Second")])].concat())
        })
        .title("First"),
    ]
}

fn texts(before: Makes) -> Vec<Row> {
    let utf16 = |bom: &[u8], big: bool, title: &str| {
        let units =
            title.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
        [&[1][..], bom, &Vec::from_iter(units)].concat()
    };
    let with = |version: u8, body: &[u8]| before(tag(version, &[(*b"TIT2", body.to_vec())]));
    vec![
        Row::new("MP3, ID3v2.3", "UTF-16, little-endian", with(3, &utf16(b"\xff\xfe", false, "Jóga 前奏")))
            .title("Jóga 前奏"),
        Row::new("MP3, ID3v2.3", "UTF-16, big-endian", with(3, &utf16(b"\xfe\xff", true, "Jóga 前奏")))
            .title("Jóga 前奏"),
        Row::new(
            "MP3, ID3v2.3",
            "UTF-16 with a zero behind",
            with(3, &[utf16(b"\xff\xfe", false, "Jóga"), vec![0, 0]].concat()),
        )
        .title("Jóga"),
        Row::new("MP3, ID3v2.4", "UTF-8", with(4, "\x03Jóga 前奏".as_bytes())).title("Jóga 前奏"),
        Row::new("MP3, ID3v2.3", "Latin-1", with(3, b"\0J\xf3ga")).title("Jóga"),
        Row::new("MP3, ID3v2.4", "two artists", before(tag(4, &[(*b"TPE1", b"\x03One\0Two".to_vec())])))
            .artist("One / Two")
            .why("ffprobe shows the first value"),
        Row::new("MP3, ID3v2.4", "CR LF in the title", with(4, b"\x03Prelude\r\nAllegro"))
            .title("Prelude Allegro")
            .why("the others show the line break"),
    ]
}

fn gains(before: Makes, behind: Makes) -> Vec<Row> {
    let txxx = |value: &str| {
        let body = [b"\x03replaygain_track_gain\0", value.as_bytes()].concat();
        before(tag(4, &[text(b"TIT2", "x"), (*b"TXXX", body)]))
    };
    let rva2 = [&b"track\0\x01"[..], &(-3_i16 * 512).to_be_bytes(), &[0]].concat();
    vec![
        Row::new("MP3, ID3v2.4", "ReplayGain", txxx("-6.50 dB")).title("x").gain(-6.5),
        Row::new("MP3, ID3v2.4", "ReplayGain in LU", txxx("-6.50 LU")).title("x").gain(-6.5),
        Row::new("MP3, ID3v2.4", "ReplayGain without a unit", txxx("-6.50")).title("x").gain(-6.5),
        Row::new("MP3, ID3v2.4", "RVA2", before(tag(4, &[text(b"TIT2", "x"), (*b"RVA2", rva2)])))
            .title("x")
            .gain(-3.0),
        Row::new("MP3, APE", "title, artist, gain", {
            behind(ape(&[
                ("Title", "A title"),
                ("Artist", "An artist"),
                ("REPLAYGAIN_TRACK_GAIN", "-6.50 dB"),
            ]))
        })
        .title("A title")
        .artist("An artist")
        .gain(-6.5)
        .why("mutagen reads only ID3 in what is called .mp3"),
    ]
}

/// Several kinds of tags in one file: for each field, the first that has it.
fn several(file: &dyn Fn(Vec<u8>, Vec<u8>) -> PathBuf) -> Vec<Row> {
    let id3 = || tag(3, &[text(b"TIT2", "Of ID3v2")]);
    vec![
        Row::new("MP3, ID3v1", "none", file(Vec::new(), v1("Of ID3v1", "An artist")))
            .title("Of ID3v1")
            .artist("An artist"),
        Row::new("MP3, ID3v2 and v1", "the title is in both", file(id3(), v1("Of ID3v1", "An artist")))
            .title("Of ID3v2")
            .artist("An artist")
            .why("the others take all from ID3v2"),
        Row::new("MP3, ID3v2, APE and ID3v1", "each has a title", {
            let behind =
                [ape(&[("Title", "Of APE"), ("Artist", "An artist")]), v1("Of ID3v1", "Another")].concat();
            file(id3(), behind)
        })
        .title("Of ID3v2")
        .artist("An artist")
        .why("the others take all from ID3v2"),
    ]
}

/// An ID3v2 tag of these frames: names and bodies.
pub fn tag(version: u8, frames: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let frames: Vec<u8> = frames.iter().flat_map(|(name, body)| frame_of(version, name, body)).collect();
    tag_of(version, &frames)
}

/// A frame with a text in Latin-1, or in UTF-8 if it must be.
pub fn text(name: &[u8; 4], text: &str) -> ([u8; 4], Vec<u8>) {
    let encoding = if text.is_ascii() { 0 } else { 3 };
    (*name, [&[encoding], text.as_bytes()].concat())
}

/// ID3v1.
pub fn v1(title: &str, artist: &str) -> Vec<u8> {
    let mut tag = b"TAG".to_vec();
    for (text, size) in [(title, 30), (artist, 30), ("", 30), ("", 4), ("", 30)] {
        let mut field = text.as_bytes().to_vec();
        field.resize(size, 0);
        tag.extend(field);
    }
    tag.push(255);
    tag
}

/// APEv2 with a header and a footer.
fn ape(items: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in items {
        body.extend((value.len() as u32).to_le_bytes());
        body.extend([0; 4]);
        body.extend(key.as_bytes());
        body.push(0);
        body.extend(value.as_bytes());
    }
    let edge = |flags: u32| {
        let mut edge = b"APETAGEX".to_vec();
        edge.extend(
            [2_000, body.len() as u32 + 32, items.len() as u32, flags].map(u32::to_le_bytes).concat(),
        );
        edge.extend([0; 8]);
        edge
    };
    [edge(0xa000_0000), body.clone(), edge(0x8000_0000)].concat()
}

fn tag_of(version: u8, frames: &[u8]) -> Vec<u8> {
    [b"ID3", &[version, 0, 0][..], &synchsafe(frames.len()), frames].concat()
}

/// The tag with its size put right.
fn with_size(mut tag: Vec<u8>) -> Vec<u8> {
    let size = synchsafe(tag.len() - 10);
    tag[6..10].copy_from_slice(&size);
    tag
}

/// A frame with a plain size.
fn frame(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    frame_of(3, name, body)
}

fn frame_of(version: u8, name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = if version == 4 { synchsafe(body.len()) } else { (body.len() as u32).to_be_bytes() };
    [name, &size[..], &[0, 0], body].concat()
}

fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)
}
