//! What is fuzzed: each target takes any bytes, and panics where Longwave does not keep what it promises.
//! libFuzzer calls them (`fuzz_targets/`), and so does `tests/fuzz_smoke.rs`, which includes this file.

use std::io::Write;
use std::path::Path;

use longwave::{Config, ConfigError, MAX_PACKET_BYTES, PacketReader, Parsed, PcmSpec, PipelineSettings};

/// More than any stream's header pages may take.
const MAX_HEADER_BYTES: usize = 1 << 20;

/// A stream that arrives cut anywhere, as `write_audio` takes it. The first byte chooses the content type,
/// the second how it is cut.
pub fn packets(data: &[u8]) {
    let [kind, cut, stream @ ..] = data else { return };
    let types = ["audio/mpeg", "audio/aac", "audio/ogg", "audio/x-own"];
    let content_type = types[usize::from(*kind) % types.len()];

    let mut whole = PacketReader::for_content_type(content_type);
    let mut found = Vec::new();
    whole.push(stream, &mut found);

    // Pieces of a length that goes up and down, from a single byte on.
    let mut pieces = PacketReader::for_content_type(content_type);
    let (mut found_in_pieces, mut rest, mut length) = (Vec::new(), stream, usize::from(*cut));
    while !rest.is_empty() {
        length = (length * 7 + 3) % (usize::from(*cut) * 8 + 1);
        let (piece, later) = rest.split_at((length + 1).min(rest.len()));
        pieces.push(piece, &mut found_in_pieces);
        rest = later;
    }

    if content_type == "audio/x-own" {
        for found in [&found, &found_in_pieces] {
            assert_eq!(
                bytes_of(found).concat(),
                stream,
                "piece by piece nothing is lost and nothing invented"
            );
        }
    } else {
        assert_eq!(found, found_in_pieces, "how it is cut makes no difference");
        assert_eq!(whole.garbage_bytes(), pieces.garbage_bytes());
        assert_eq!(whole.format(), pieces.format());
    }

    let mut behind = stream;
    for parsed in &found {
        let bytes = &*parsed.packet.bytes;
        assert!(!bytes.is_empty() && bytes.len() <= MAX_PACKET_BYTES, "{} bytes", bytes.len());
        let at = behind.windows(bytes.len()).position(|window| window == bytes);
        behind = &behind[at.expect("every packet is of the stream, in its order") + bytes.len()..];
        assert!(is_whole(content_type, bytes), "a packet of {content_type} is not whole");
        assert!(parsed.header.as_ref().is_none_or(|header| header.len() <= MAX_HEADER_BYTES));
    }
    let taken = found.iter().map(|parsed| parsed.packet.bytes.len() as u64).sum::<u64>();
    assert!(taken + whole.garbage_bytes() <= stream.len() as u64, "a byte counts once");
}

fn bytes_of(found: &[Parsed]) -> Vec<&[u8]> {
    found.iter().map(|parsed| &*parsed.packet.bytes).collect()
}

/// By the length that the packet itself tells, read in another way than Longwave does.
fn is_whole(content_type: &str, packet: &[u8]) -> bool {
    match content_type {
        "audio/mpeg" => packet.len() >= 4 && packet[0] == 0xFF && packet[1] >> 5 == 0b111,
        "audio/aac" => {
            let length = packet[3..6].iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) >> 5;
            packet[0] == 0xFF && packet[1] >> 4 == 0xF && (length & 0x1FFF) as usize == packet.len()
        }
        "audio/ogg" => {
            let segments = usize::from(packet[26]);
            let body: usize = packet[27..27 + segments].iter().map(|lace| usize::from(*lace)).sum();
            packet.starts_with(b"OggS") && packet.len() == 27 + segments + body
        }
        _ => true,
    }
}

/// A station's declaration, as TOML and as JSON.
pub fn declaration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (origin, base) = (Path::new("station.toml"), Path::new("/nowhere"));
    judge(&text, Config::from_toml(&text, origin), true);
    judge(&text, PipelineSettings::from_toml(&text, origin), true);
    judge(&text, Config::from_json(&text, base), false);
    judge(&text, PipelineSettings::from_json(&text, base), false);
}

fn judge<T>(text: &str, outcome: Result<T, ConfigError>, has_lines: bool) {
    let Err(error) = outcome else { return };
    assert!(!error.problems.is_empty(), "a refusal has a reason");
    let lines = text.lines().count().max(1) as u32;
    for problem in &error.problems {
        let shown = problem.to_string();
        assert!(!shown.contains('\n') && !problem.reason.is_empty(), "one line: {shown:?}");
        match problem.line {
            Some(line) => assert!((1..=lines + 1).contains(&line), "{shown:?}, of {lines} lines"),
            // What is not there at all has none, and what is wrong with nothing in particular.
            None if has_lines => assert!(["", "pipeline"].contains(&problem.key.as_str()), "{shown:?}"),
            None => (),
        }
    }
}

/// A request head, as it comes from a socket: cut anywhere, then read.
pub fn request(data: &[u8]) {
    let whole = longwave::read_request(data, data.len().max(1));
    for piece in [1, 7] {
        assert_eq!(longwave::read_request(data, piece), whole, "how it is cut makes no difference");
    }
}

/// A chunked body, cut anywhere.
pub fn chunks(data: &[u8]) {
    let whole = longwave::read_chunks(data, data.len());
    for piece in [1, 7] {
        assert_eq!(longwave::read_chunks(data, piece), whole, "how it is cut makes no difference");
    }
    let (body, outcome) = whole;
    assert!(body.len() <= data.len());
    // A body that is written in chunks anew is the same body.
    if outcome.ends_with("follow") {
        let mut again: Vec<u8> = body
            .chunks(100)
            .flat_map(|chunk| [format!("{:X}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
            .collect();
        again.extend(b"0\r\n\r\n");
        assert_eq!(longwave::read_chunks(&again, 3), (body, "0 follow".to_owned()));
    }
}

/// What a source says that speaks ICY, until its stream: cut anywhere, then read.
pub fn icy_login(data: &[u8]) {
    let whole = longwave::read_icy_login(data, data.len());
    for piece in [1, 7] {
        assert_eq!(longwave::read_icy_login(data, piece), whole, "how it is cut makes no difference");
    }
    // Nobody logs in without a line.
    if !data.contains(&b'\n') {
        assert!(["more is to come", "NoLogin"].contains(&whole.as_str()), "{whole}");
    }
    // The ends of lines make no difference either, if nothing else has one.
    if whole.ends_with("[]") && !data.contains(&b'\r') && data.len() < 400 {
        let other: Vec<u8> = data
            .iter()
            .flat_map(|byte| {
                match byte {
                    b'\n' => &b"\r\r\n"[..],
                    byte => std::slice::from_ref(byte),
                }
                .iter()
                .copied()
            })
            .collect();
        assert_eq!(longwave::read_icy_login(&other, 3), whole);
    }
}

/// A file that is to be played. The first byte chooses the ending of its name.
pub fn file(data: &[u8]) {
    let [kind, contents @ ..] = data else { return };
    let endings = [".mp3", ".wav", ".flac", ".ogg", ".m4a", ".aac", ".aiff", ""];
    let ending = endings[usize::from(*kind) % endings.len()];
    let mut file = tempfile::Builder::new().suffix(ending).tempfile().expect("a file");
    file.write_all(contents).expect("it is written");
    let _ = longwave::read_metadata(file.path());
    let Ok(mut decode) = longwave::decode(file.path(), PcmSpec::CD) else { return };
    let mut pcm = Vec::new();
    // A small file may declare hours of silence.
    for _ in 0..500 {
        pcm.clear();
        let more = decode(&mut pcm);
        assert!(pcm.len() < 1 << 20 && pcm.len().is_multiple_of(2), "{} samples at once", pcm.len());
        assert!(pcm.iter().all(|sample| sample.is_finite() && sample.abs() < 100.0), "what a mixer can bear");
        if !matches!(more, Ok(true)) {
            break;
        }
    }
}

/// The tags of a file. The first byte chooses their kind; the others are the tag: of ID3 and APE with its own
/// header, of the others what is in it.
pub fn tags(data: &[u8]) {
    let [kind, tag @ ..] = data else { return };
    let packet = [&[0xFF, 0xFB, 0x90, 0x64][..], &[0x55; 413]].concat();
    let file = match kind % 5 {
        0 => [tag, &packet].concat(),
        1 => [&packet, tag].concat(),
        2 => flac_with(tag),
        3 => opus_with(tag),
        _ => mp4_with(tag),
    };
    let Some(tags) = longwave::read_tags_in(&file) else { return };
    for text in [tags.artist, tags.title, tags.album].into_iter().flatten() {
        assert!(!text.trim().is_empty() && !text.contains(char::is_control), "{text:?} is one line");
        assert!(text.len() <= 16 * (16 * 1024 + 3), "{} bytes", text.len());
    }
    for gain in [tags.track_gain_db, tags.album_gain_db].into_iter().flatten() {
        assert!(gain.abs() <= 60.0, "{gain} dB");
    }
    for peak in [tags.track_peak, tags.album_peak].into_iter().flatten() {
        assert!(peak > 0.0 && peak <= 8.0, "a peak of {peak}");
    }
}

/// A FLAC file with this block of comments.
fn flac_with(comments: &[u8]) -> Vec<u8> {
    let length = (comments.len() as u32).to_be_bytes();
    let info = [&b"\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\0"[..], &[0; 16]].concat();
    [b"fLaC\0\0\0\x22", &info[..], &[0x84], &length[1..], comments].concat()
}

/// An Opus file with these comments.
fn opus_with(comments: &[u8]) -> Vec<u8> {
    let page = |flags: u8, table: &[u8], body: &[u8]| {
        [b"OggS\0", &[flags][..], &[7; 20], &[table.len() as u8], table, body].concat()
    };
    let packet = [b"OpusTags", comments].concat();
    let mut file = page(2, &[19], b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0");
    let mut pieces = packet.chunks(255 * 255).peekable();
    while let Some(piece) = pieces.next() {
        let mut table = vec![255; piece.len() / 255];
        if pieces.peek().is_none() && table.len() < 255 {
            table.push((piece.len() % 255) as u8);
        }
        file.extend(page(0, &table, piece));
    }
    file
}

/// An MP4 file whose index is these boxes.
fn mp4_with(boxes: &[u8]) -> Vec<u8> {
    let size = (boxes.len() as u32 + 8).to_be_bytes();
    [b"\0\0\0\x10ftypM4A \0\0\0\0", &size[..], b"moov", boxes].concat()
}
