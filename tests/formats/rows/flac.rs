//! FLAC by itself.

use crate::make::{Bench, FRAMES, LOUD, SURROUND, bytes, frames_at};
use crate::row::{Frames, Row};

/// The kinds of metadata blocks.
const PADDING: u8 = 1;
const APPLICATION: u8 = 2;
const SEEKTABLE: u8 = 3;
const COMMENT: u8 = 4;
const CUESHEET: u8 = 5;
const PICTURE: u8 = 6;

pub fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows = encoders(bench);
    rows.extend(blocks(bench));
    rows.extend(comments(bench));
    rows.extend(lies(bench));
    rows
}

fn encoders(bench: &Bench) -> Vec<Row> {
    let rate = |rate: u32| bench.ffmpeg_of(&bench.wav_at(rate), "flac", "");
    let frames = |rate| Frames::Exactly(frames_at(rate) as u64);
    vec![
        Row::new("FLAC, flac -0", "none", bench.tool("flac", "-s -0", "flac")),
        Row::new("FLAC, flac -8", "none", bench.tool("flac", "-s -8", "flac")),
        Row::new(
            "FLAC, flac",
            "no seek table, no padding",
            bench.tool("flac", "-s --no-seektable --no-padding", "flac"),
        ),
        Row::new("FLAC, flac", "blocks of 1,024 frames", bench.tool("flac", "-s -b 1024", "flac")),
        Row::new("FLAC, ffmpeg", "none", bench.ffmpeg("flac", "")),
        Row::new("FLAC, ffmpeg", "24 bits", bench.ffmpeg("flac", "-sample_fmt s32")),
        Row::new("FLAC, ffmpeg", "mono", bench.ffmpeg("flac", "-af pan=mono|c0=c0")),
        Row::new("FLAC, ffmpeg", "5.1", bench.ffmpeg("flac", "-af pan=5.1|FL=FL|FR=FR"))
            .level(SURROUND)
            .why(LOUD),
        Row::new("FLAC, ffmpeg", "96 kHz", rate(96_000)).rate(96_000).frames(frames(96_000)),
        Row::new("FLAC, ffmpeg", "22.05 kHz", rate(22_050)).rate(22_050).frames(frames(22_050)),
    ]
}

/// Blocks that no player needs.
fn blocks(bench: &Bench) -> Vec<Row> {
    let with = |blocks: &[(u8, Vec<u8>)]| bench.file("flac", &with_blocks(&flac(bench), blocks));
    let cuesheet = {
        let mut sheet = vec![0; 128];
        sheet.extend(88_200_u64.to_be_bytes());
        sheet.extend([0; 259]);
        sheet.push(2);
        sheet.extend(track(0, 1));
        // The lead-out is not at a multiple of 588, as in what is no CD.
        sheet.extend(352_823_u64.to_be_bytes());
        sheet.extend([255; 1]);
        sheet.extend([0; 27]);
        sheet
    };
    let comment = |title: &str| comment_block(&[&format!("TITLE={title}")]);
    vec![
        Row::new("FLAC, flac", "a cue sheet that is no CD's", with(&[(CUESHEET, cuesheet)])),
        Row::new("FLAC, flac", "a cue sheet of nonsense", with(&[(CUESHEET, vec![0xff; 500])]))
            .why("ffmpeg and mutagen want a cue sheet to be one"),
        Row::new(
            "FLAC, flac",
            "two comments: the first counts",
            with(&[(COMMENT, comment("First")), (COMMENT, comment("Second"))]),
        )
        .title("First")
        .why("ffprobe joins both"),
        Row::new("FLAC, flac", "an application's block of nonsense", with(&[(APPLICATION, vec![1, 2])])),
        Row::new("FLAC, flac", "a seek table of nonsense", with(&[(SEEKTABLE, vec![7; 18 * 3])])),
        Row::new("FLAC, flac", "a seek table of half a point", with(&[(SEEKTABLE, vec![7; 25])])),
        Row::new("FLAC, flac", "a picture whose sizes lie", with(&[(PICTURE, vec![0xff; 200])]))
            .why("mutagen wants a picture to be one"),
        Row::new("FLAC, flac", "a picture of 2 MB", with(&[(PICTURE, picture(2_000_000))])),
        Row::new("FLAC, flac", "blocks of reserved kinds", with(&[(99, vec![1; 10]), (PADDING, vec![0; 0])])),
        Row::new("FLAC, flac", "ID3v2 in front", {
            let tag = super::id3::tag(4, &[super::id3::text(b"TIT2", "In front")]);
            bench.file("flac", &[tag, flac(bench)].concat())
        })
        .title("In front")
        .why("mutagen reads only FLAC's own comment"),
        Row::new("FLAC, flac", "ID3v1 behind", {
            let mut file = flac(bench);
            file.extend(super::id3::v1("Behind", "An artist"));
            bench.file("flac", &file)
        })
        .title("Behind")
        .artist("An artist")
        .why("mutagen reads only FLAC's own comment"),
        Row::new("FLAC, flac", "the number of frames is not told: a stream", {
            let mut file = flac(bench);
            // 36 bits, behind 108 of sizes, rate and shape.
            file[8 + 13] &= 0xf0;
            file[8 + 14..8 + 18].fill(0);
            bench.file("flac", &file)
        }),
    ]
}

fn comments(bench: &Bench) -> Vec<Row> {
    let with =
        |fields: &[&str]| bench.file("flac", &with_blocks(&flac(bench), &[(COMMENT, comment_block(fields))]));
    vec![
        Row::new("FLAC, comment", "title and artist", with(&["TITLE=Prélude – 前奏", "ARTIST=Björk"]))
            .title("Prélude – 前奏")
            .artist("Björk"),
        Row::new("FLAC, comment", "names in small letters", with(&["title=Small", "artist=Letters"]))
            .title("Small")
            .artist("Letters"),
        Row::new("FLAC, comment", "two artists", with(&["TITLE=Duet", "ARTIST=One", "ARTIST=Two"]))
            .title("Duet")
            .artist("One / Two")
            .why("ffprobe joins values by a semicolon"),
        Row::new("FLAC, comment", "a field without `=`", with(&["nonsense", "TITLE=There"])).title("There"),
        Row::new("FLAC, comment", "a line break in the title", with(&["TITLE=Prelude\nAllegro"]))
            .title("Prelude Allegro")
            .why("the others show the line break"),
        Row::new("FLAC, comment", "ReplayGain", with(&["TITLE=x", "REPLAYGAIN_TRACK_GAIN=-6.50 dB"]))
            .title("x")
            .gain(-6.5),
        Row::new("FLAC, comment", "ReplayGain in LU", with(&["TITLE=x", "REPLAYGAIN_TRACK_GAIN=-6.50 LU"]))
            .title("x")
            .gain(-6.5),
        Row::new(
            "FLAC, comment",
            "ReplayGain with a comma",
            with(&["TITLE=x", "REPLAYGAIN_TRACK_GAIN=-6,50 dB"]),
        )
        .title("x")
        .gain(-6.5)
        .why("mutagen gives the text, which Python does not read as a number"),
        Row::new("FLAC, comment", "a gain that is none", with(&["TITLE=x", "REPLAYGAIN_TRACK_GAIN=loud"]))
            .title("x"),
        Row::new("FLAC, comment", "R128_TRACK_GAIN", with(&["TITLE=x", "R128_TRACK_GAIN=-1280"]))
            .title("x")
            .gain(0.0),
    ]
}

/// Files whose head or end is not what it should be.
fn lies(bench: &Bench) -> Vec<Row> {
    const BEGIN: usize = 4 + 4 + 34;
    let plain = flac(bench);
    let behind = |rest: &[u8]| bench.file("flac", &[&plain[..], rest].concat());
    // 36 bits, behind 108 of sizes, rate and shape.
    let total = |frames: u32| {
        let mut file = plain.clone();
        file[8 + 14..8 + 18].copy_from_slice(&frames.to_be_bytes());
        bench.file("flac", &file)
    };
    let info = |info: &[u8]| bench.file("flac", &[&plain[..8], info, &plain[BEGIN..]].concat());
    let low = bytes(&bench.ffmpeg_of(&bench.wav_at(22_050), "flac", "-af pan=mono|c0=c0"));
    let low = with_blocks(&low, &[]);
    let twice = Frames::Exactly(2 * FRAMES as u64);
    let with_low = Frames::Within(2 * FRAMES as u64 - 1, 2 * FRAMES as u64);
    vec![
        Row::new(
            "FLAC, flac",
            "text behind the last packet",
            behind(&b"Downloaded from there. ".repeat(500)),
        ),
        Row::new("FLAC, flac", "zeros behind the last packet", behind(&[0; 100_000])),
        Row::new("FLAC, flac", "a packet of it that is cut off", behind(&plain[BEGIN..BEGIN + 1_500])),
        Row::new("FLAC, flac", "half as many frames as there are", total(FRAMES as u32 / 2)),
        Row::new("FLAC, flac", "twice as many frames as there are", total(FRAMES as u32 * 2)),
        Row::new("FLAC, flac", "a STREAMINFO of zeros", info(&[0; 34])).why("the others need what it says"),
        Row::new("FLAC, flac", "the STREAMINFO of another file: 22.05 kHz, mono", info(&low[8..BEGIN]))
            .why("ffmpeg believes it"),
        Row::new("FLAC, flac", "no head: a stream's packets", bench.file("flac", &plain[BEGIN..]))
            .why("mutagen wants a head"),
        Row::new("FLAC, flac", "two files joined", behind(&plain))
            .frames(twice)
            .why("ffmpeg loses a packet at the joint"),
        Row::new("FLAC, flac", "another joined to it: 22.05 kHz, mono", behind(&low))
            .frames(with_low)
            .why("ffmpeg loses packets at the joint"),
    ]
}

/// A FLAC file with STREAMINFO as its only block.
fn flac(bench: &Bench) -> Vec<u8> {
    let file = bytes(&bench.tool("flac", "-s --no-padding --no-seektable", "flac"));
    with_blocks(&file, &[])
}

/// The same file with these blocks behind STREAMINFO, and no others.
fn with_blocks(flac: &[u8], blocks: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut at = 4;
    loop {
        let last = flac[at] & 0x80 != 0;
        at += 4
            + usize::from(flac[at + 1]) * 65_536
            + usize::from(flac[at + 2]) * 256
            + usize::from(flac[at + 3]);
        if last {
            break;
        }
    }
    let mut file = flac[..4 + 4 + 34].to_vec();
    file[4] = if blocks.is_empty() { 0x80 } else { 0 };
    for (number, (kind, bytes)) in blocks.iter().enumerate() {
        let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
        file.push(kind | last);
        file.extend(&(bytes.len() as u32).to_be_bytes()[1..]);
        file.extend(bytes);
    }
    file.extend(&flac[at..]);
    file
}

/// A block of Vorbis comments.
pub fn comment_block(fields: &[&str]) -> Vec<u8> {
    let mut block = 4_u32.to_le_bytes().to_vec();
    block.extend(b"test");
    block.extend((fields.len() as u32).to_le_bytes());
    for field in fields {
        block.extend((field.len() as u32).to_le_bytes());
        block.extend(field.as_bytes());
    }
    block
}

fn picture(bytes: usize) -> Vec<u8> {
    let mut block = 3_u32.to_be_bytes().to_vec();
    block.extend(9_u32.to_be_bytes());
    block.extend(b"image/png");
    block.extend([0; 4 * 5]);
    block.extend((bytes as u32).to_be_bytes());
    block.extend(vec![0x55; bytes]);
    block
}

/// A track of a cue sheet, with one index.
fn track(offset: u64, number: u8) -> Vec<u8> {
    let mut track = offset.to_be_bytes().to_vec();
    track.push(number);
    track.extend([0; 12 + 1 + 13]);
    track.push(1);
    track.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    track
}
