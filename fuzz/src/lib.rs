//! What is fuzzed: each target takes any bytes, and panics where Longwave does not keep what it promises.
//! libFuzzer calls them (`fuzz_targets/`), and so does `tests/fuzz_smoke.rs`, which includes this file.

use std::io::Write;
use std::path::Path;

use longwave::{
    Config, ConfigError, MAX_PACKET_BYTES, OggRead, PacketReader, Parsed, PcmSpec, PipelineSettings,
    SourceEnd,
};

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

/// All that a source says to its connection: questions, heads, its stream. The first byte chooses whether it
/// speaks ICY.
pub fn source(data: &[u8]) {
    let [kind, data @ ..] = data else { return };
    // A source has room for so much before anybody reads it.
    let (data, is_icy) = (&data[..data.len().min(200_000)], kind % 2 == 1);
    let whole = longwave::read_source(data, data.len(), is_icy);
    for piece in [1, 7] {
        assert_eq!(longwave::read_source(data, piece, is_icy), whole, "how it is cut makes no difference");
    }
    assert!(whole.output.len() <= 1_000 * (whole.requests.len() + 1), "{} bytes", whole.output.len());
    let Some(at) = whole.stream_at else {
        assert!(whole.stream.is_empty() && whole.end.is_none(), "there is no stream before a login");
        return;
    };
    let (sent, end) = (&data[at..], whole.end.expect("the stream has ended"));
    let (stream, complete) = match whole.body.as_str() {
        "UntilClose" => (sent.to_vec(), SourceEnd::Left),
        "Chunked" => {
            let (stream, outcome) = longwave::read_chunks(sent, 3);
            let end = match outcome.as_str() {
                "no chunks" => SourceEnd::Broken,
                "more is to come" => SourceEnd::Left,
                _ => SourceEnd::Complete,
            };
            (stream, end)
        }
        length => {
            let digits: String = length.chars().filter(char::is_ascii_digit).collect();
            let length: u64 = digits.parse().expect("a length");
            let has_all = sent.len() as u64 >= length;
            let end = if has_all { SourceEnd::Complete } else { SourceEnd::Left };
            (if has_all { &sent[..length as usize] } else { sent }.to_vec(), end)
        }
    };
    assert_eq!((whole.stream, end), (stream, complete), "the stream is what its head says");
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

/// The pages of an Ogg stream. The first byte chooses whether they come as they are, or with checksums that
/// are right; or whether the other bytes are a recipe of a good stream: how long its packets and pages are,
/// and which pages are lost.
pub fn ogg(data: &[u8]) {
    let [kind, data @ ..] = data else { return };
    match kind % 3 {
        0 => any_pages(data),
        1 => any_pages(&with_checksums(data)),
        _ => good_pages(data),
    }
}

fn any_pages(stream: &[u8]) {
    let whole = longwave::read_ogg(stream, stream.len());
    for piece in [1, 1_000] {
        assert_eq!(longwave::read_ogg(stream, piece), whole, "how it is cut makes no difference");
    }
    let mut behind = stream.iter();
    for read in &whole {
        match read {
            OggRead::Packet(packet) => {
                assert!((1..=512 << 10).contains(&packet.len()), "a packet of {} bytes", packet.len());
                let is_next = packet.iter().all(|byte| behind.any(|sent| sent == byte));
                assert!(is_next, "what is in packets was sent, in this order");
            }
            OggRead::Title(title) => {
                assert!(!title.trim().is_empty() && !title.contains(char::is_control), "{title:?}");
            }
            OggRead::Begins(_) | OggRead::Lost => {}
        }
    }
}

/// Each packet whose pages have all come is there once, as it was, and nothing else is.
fn good_pages(recipe: &[u8]) {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0";
    let tags = b"OpusTags\x04\0\0\0test\x01\0\0\0\x09\0\0\0TITLE=Ana";
    let mut stream = [page(2, 0, &[19], head), page(0, 1, &[tags.len() as u8], tags)].concat();
    let mut expected = vec![OggRead::Begins("Opus"), OggRead::Title("Ana".into())];
    let (mut table, mut body, mut number, mut continues) = (Vec::new(), Vec::new(), 2, false);
    // The packet that is being written: what of it is on pages, and whether all of them come.
    let (mut packet, mut is_whole, mut last_came) = (Vec::new(), true, true);
    let mut ended: Vec<(Vec<u8>, bool)> = Vec::new();
    for steps in recipe.chunks_exact(2).take(60) {
        let [length, then] = [usize::from(steps[0]) * usize::from(steps[1] >> 4), usize::from(steps[1] & 15)];
        let mut left = length;
        loop {
            let lace = left.min(255);
            let bytes = vec![number as u8 ^ lace as u8; lace];
            table.push(lace as u8);
            body.extend_from_slice(&bytes);
            packet.extend_from_slice(&bytes);
            left -= lace;
            let has_ended = lace < 255;
            if has_ended {
                ended.push((std::mem::take(&mut packet), std::mem::replace(&mut is_whole, true)));
            }
            if table.len() == 255 || (then > 9 && table.len() >= then) {
                let comes = then != 15;
                let page = page(u8::from(continues), number, &table, &body);
                if comes {
                    stream.extend_from_slice(&page);
                    expected.extend((!last_came).then_some(OggRead::Lost));
                    let whole = ended.drain(..).filter(|(packet, whole)| *whole && !packet.is_empty());
                    expected.extend(whole.map(|(packet, _)| OggRead::Packet(packet)));
                } else {
                    ended.clear();
                }
                (last_came, continues, number) = (comes, !has_ended, number + 1);
                // What goes on with the next page has its beginning here.
                is_whole &= comes || has_ended;
                (table, body) = (Vec::new(), Vec::new());
            }
            if has_ended {
                break;
            }
        }
    }
    for piece in [stream.len(), 7, 333] {
        assert_eq!(longwave::read_ogg(&stream, piece), expected, "in pieces of {piece}");
    }
}

fn page(flags: u8, number: u32, table: &[u8], body: &[u8]) -> Vec<u8> {
    let number = number.to_le_bytes();
    let head = [b"OggS\0", &[flags][..], &[0; 8], b"\x07\0\0\0", &number, &[0; 4], &[table.len() as u8]];
    with_checksums(&[&head.concat(), table, body].concat())
}

/// The same bytes, but all that looks like a page has the checksum of one.
fn with_checksums(stream: &[u8]) -> Vec<u8> {
    let (mut stream, mut at) = (stream.to_vec(), 0);
    while at + 27 <= stream.len() {
        if !stream[at..].starts_with(b"OggS") {
            at += 1;
            continue;
        }
        let segments = usize::from(stream[at + 26]);
        let table = stream.get(at + 27..at + 27 + segments).unwrap_or_default();
        let end = at + 27 + segments + table.iter().map(|lace| usize::from(*lace)).sum::<usize>();
        if end > stream.len() {
            at += 1;
            continue;
        }
        stream[at + 22..at + 26].fill(0);
        let sum = stream[at..end].iter().fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
                sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
            })
        });
        stream[at + 22..at + 26].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
    stream
}

/// What a source sends to a live input. The first byte chooses the content type, and whether checksums of Ogg
/// are right.
pub fn live(data: &[u8]) {
    let [kind, stream @ ..] = data else { return };
    let types = ["audio/mpeg", "audio/aac", "audio/ogg", "audio/x-own"];
    let mended = if kind & 4 == 0 { with_checksums(stream) } else { stream.to_vec() };
    let read = longwave::read_live(types[usize::from(*kind) % 4], &mended, 1_000);
    assert!(read.skipped_bytes <= mended.len() as u64, "a byte is skipped once");
    assert!(read.pcm.iter().all(|sample| sample.is_finite()), "what a mixer can bear");
    for title in read.titles {
        assert!(!title.trim().is_empty() && !title.contains(char::is_control), "{title:?}");
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
    let details = tags.details.as_deref().cloned().unwrap_or_default();
    for text in [details.composer, details.genre, details.label, details.album_artist].into_iter().flatten() {
        assert!(!text.contains(char::is_control) && text.chars().count() <= 200, "{text:?} is short");
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
