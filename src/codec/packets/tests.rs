use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::codec::tools::{convert, decoded_frames, tone_file};

/// A stream as some program wrote it.
struct Fixture {
    content_type: &'static str,
    bytes: Vec<u8>,
    rate: u32,
}

static FIXTURES: LazyLock<Vec<Fixture>> = LazyLock::new(|| {
    let wave = tone_file(2, 44_100, &["-bitexact"], "wav");
    let mp3 = convert("lame", &["--quiet", "--add-id3v2", "--tt", "A title", "-b", "128"], &wave);
    let layer2 = tone_file(2, 48_000, &["-c:a", "mp2"], "mp2");
    let aac = tone_file(2, 44_100, &["-c:a", "aac"], "aac");
    let vorbis = tone_file(2, 44_100, &["-c:a", "libvorbis"], "ogg");
    let opus = tone_file(2, 48_000, &["-c:a", "libopus"], "ogg");
    let flac = tone_file(2, 44_100, &["-c:a", "flac"], "ogg");
    let fixture = |content_type, bytes, rate| Fixture { content_type, bytes, rate };
    vec![
        fixture("audio/mpeg", mp3, 44_100),
        fixture("audio/mpeg", layer2, 48_000),
        fixture("audio/aac", aac, 44_100),
        fixture("audio/ogg", vorbis, 44_100),
        fixture("audio/ogg; codecs=opus", opus, 48_000),
        fixture("Application/OGG", flac, 44_100),
    ]
});

/// All packets of `bytes`, pushed in the given pieces, and the garbage among them.
fn read(content_type: &str, bytes: &[u8], pieces: impl IntoIterator<Item = usize>) -> (Vec<Parsed>, u64) {
    let (mut reader, mut packets, mut rest) =
        (PacketReader::for_content_type(content_type), Vec::new(), bytes);
    for piece in pieces {
        let (piece, behind) = rest.split_at(piece.min(rest.len()));
        reader.push(piece, &mut packets);
        rest = behind;
    }
    reader.push(rest, &mut packets);
    (packets, reader.garbage_bytes())
}

fn joined(packets: &[Parsed]) -> Vec<u8> {
    packets.iter().flat_map(|parsed| parsed.packet.bytes.iter().copied()).collect()
}

fn frames(packets: &[Parsed]) -> u64 {
    packets.iter().map(|parsed| u64::from(parsed.packet.frames)).sum()
}

#[test]
fn every_packet_is_found_with_its_duration() {
    for fixture in &*FIXTURES {
        let (packets, garbage) = read(fixture.content_type, &fixture.bytes, []);
        assert_eq!(garbage, 0, "{}", fixture.content_type);
        assert!(packets.len() > 2, "{}", fixture.content_type);
        // Only tags and the Info packet are left out.
        let joined = joined(&packets);
        let left_out = fixture.bytes.len() - joined.len();
        assert!(left_out == 0 || fixture.bytes.starts_with(b"ID3") && left_out < 1000, "{left_out}");
        // A decoder of files trims up to two packets of delay and padding.
        let (frames, decoded) = (frames(&packets), decoded_frames(&fixture.bytes, fixture.rate) as u64);
        assert!((decoded..decoded + 3000).contains(&frames), "{}: {frames}, {decoded}", fixture.content_type);
    }
}

#[test]
fn a_stream_tells_its_format() {
    for fixture in &*FIXTURES {
        let mut reader = PacketReader::for_content_type(fixture.content_type);
        assert_eq!(reader.format(), None);
        reader.push(&fixture.bytes, &mut Vec::new());
        let format = reader.format().unwrap();
        assert_eq!((format.rate, format.channels), (fixture.rate, 2), "{}", fixture.content_type);
        assert_eq!(format.bitrate.is_some(), fixture.content_type == "audio/mpeg");
    }
}

#[test]
fn info_packets_and_tags_are_left_out() {
    let file = &FIXTURES[0];
    let contains = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    for tag in [&b"ID3"[..], b"Info", b"TAGA title"] {
        assert!(contains(&file.bytes, tag), "the file should have it: {tag:?}");
    }
    let twice = [&file.bytes[..], &file.bytes[..]].concat();
    let (packets, garbage) = read("audio/mpeg", &twice, []);
    assert_eq!(garbage, 0);
    for tag in [&b"ID3"[..], b"Info", b"TAGA title"] {
        assert!(!contains(&joined(&packets), tag), "{tag:?}");
    }
    let (once, _) = read("audio/mpeg", &file.bytes, []);
    assert_eq!(packets, [&once[..], &once[..]].concat());
}

#[test]
fn one_file_after_another_goes_on_where_it_begins() {
    let [first, second] = [44_100, 22_050].map(|rate| tone_file(1, rate, &["-c:a", "libmp3lame"], "mp3"));
    let (packets, garbage) = read("audio/mpeg", &[&first[..], &second[..], &first[..]].concat(), []);
    let parts = [first, second].map(|file| read("audio/mpeg", &file, []).0);
    assert_eq!(garbage, 0);
    assert_eq!(packets, [&parts[0][..], &parts[1][..], &parts[0][..]].concat());
}

#[test]
fn garbage_costs_no_packet_but_those_it_hits() {
    for fixture in FIXTURES.iter().filter(|fixture| !fixture.bytes.starts_with(b"ID3")) {
        let (whole, _) = read(fixture.content_type, &fixture.bytes, []);
        let mut random = fastrand::Rng::with_seed(1);
        // Between two packets in the middle.
        let at = joined(&whole[..whole.len() / 2]).len();
        let garbage: Vec<u8> = (0..5000).map(|_| random.u8(..)).collect();
        let stream = [&fixture.bytes[..at], &garbage, &fixture.bytes[at..]].concat();
        let (packets, counted) = read(fixture.content_type, &stream, []);
        assert_eq!((packets.len(), counted), (whole.len(), 5000), "{}", fixture.content_type);
        assert_eq!(joined(&packets), fixture.bytes);
        // One byte lost from a packet in the middle: that packet, and for MPEG its neighbour whose head it ate.
        let mut stream = fixture.bytes.clone();
        stream.remove(at + 40);
        let (packets, counted) = read(fixture.content_type, &stream, []);
        assert!(counted > 0, "{}", fixture.content_type);
        assert!(whole.len() - packets.len() <= 2, "{}: {}", fixture.content_type, packets.len());
    }
}

#[test]
fn a_stream_joined_anywhere_begins_at_its_next_packet() {
    for fixture in FIXTURES.iter().filter(|fixture| fixture.content_type.starts_with("audio/m")) {
        let (whole, _) = read(fixture.content_type, &fixture.bytes, []);
        for cut in (fixture.bytes.len() / 2..).take(600) {
            let (packets, garbage) = read(fixture.content_type, &fixture.bytes[cut..], []);
            assert_eq!(packets, whole[whole.len() - packets.len()..], "cut at {cut}");
            assert!(garbage < 2000, "cut at {cut}: {garbage}");
        }
    }
}

#[test]
fn a_false_header_waits_for_no_more_than_its_packet() {
    for fixture in &*FIXTURES {
        // Headers of long packets, with nothing like them where they end.
        let false_header: &[u8] = match fixture.content_type {
            "audio/mpeg" => b"\xff\xfb\xe0\x64",
            "audio/aac" => b"\xff\xf1\x50\x83\xff\xff\xfc",
            _ => b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff",
        };
        let mut reader = PacketReader::for_content_type(fixture.content_type);
        let mut packets = Vec::new();
        reader.push(false_header, &mut packets);
        let mut fed = 0;
        for piece in fixture.bytes.iter().cycle().copied().collect_chunks(100) {
            reader.push(&piece, &mut packets);
            fed += piece.len();
            if packets.len() > 1 {
                break;
            }
        }
        assert!(fed < 2 * MAX_PACKET_BYTES + fixture.bytes.len(), "{}: {fed}", fixture.content_type);
        assert!(packets.len() > 1, "{}", fixture.content_type);
    }
}

trait CollectChunks: Iterator<Item = u8> + Sized {
    /// Endless pieces of so many bytes.
    fn collect_chunks(mut self, len: usize) -> impl Iterator<Item = Vec<u8>> {
        std::iter::from_fn(move || Some(self.by_ref().take(len).collect()))
    }
}

impl<I: Iterator<Item = u8>> CollectChunks for I {}

#[test]
fn every_cut_in_two_gives_the_same_packets() {
    for fixture in &*FIXTURES {
        let bytes = &fixture.bytes[..fixture.bytes.len().min(6000)];
        let whole = read(fixture.content_type, bytes, []);
        for cut in 0..bytes.len() {
            assert!(
                read(fixture.content_type, bytes, [cut]) == whole,
                "{} cut at {cut}",
                fixture.content_type
            );
        }
        assert!(read(fixture.content_type, bytes, vec![1; bytes.len()]) == whole, "byte by byte");
    }
}

#[test]
fn of_an_unknown_type_each_piece_is_a_packet() {
    let (packets, garbage) = read("audio/x-whatever", b"one and two", [4, 3, 0]);
    assert_eq!(
        packets.iter().map(|parsed| &*parsed.packet.bytes).collect::<Vec<_>>(),
        [&b"one "[..], b"and", b" two"]
    );
    assert_eq!((frames(&packets), garbage), (0, 0));
    let (packets, _) = read("audio/x-whatever", &[7; 2 * MAX_PACKET_BYTES + 1], []);
    let lengths: Vec<_> = packets.iter().map(|parsed| parsed.packet.bytes.len()).collect();
    assert_eq!(lengths, [MAX_PACKET_BYTES, MAX_PACKET_BYTES, 1], "none is longer than any packet may be");
}

#[test]
fn a_reader_takes_no_byte_beyond_the_packet_it_gives() {
    for fixture in &*FIXTURES {
        let mut reader = PacketReader::for_content_type(fixture.content_type);
        let (mut rest, mut given, mut largest) = (&fixture.bytes[..], 0, 0);
        while let Some(parsed) = reader.next_packet(&mut rest) {
            given += parsed.packet.bytes.len();
            largest = largest.max(parsed.packet.bytes.len());
            let taken = fixture.bytes.len() - rest.len();
            // Beyond what was left out at the beginning, it only looks at the next header.
            assert!(taken - given < 1000 && taken >= given, "{}", fixture.content_type);
        }
        assert!(rest.is_empty() && largest <= MAX_PACKET_BYTES);
    }
}

mod durations {
    use super::*;

    #[test]
    fn he_aac_is_counted_at_the_rate_at_which_it_sounds() {
        let half = tone_file(2, 22_050, &["-c:a", "aac"], "aac");
        let mut reader = PacketReader::for_content_type("audio/aac").at_rate(SampleRate::CD);
        let mut packets = Vec::new();
        reader.push(&half, &mut packets);
        assert!(packets.iter().all(|parsed| parsed.packet.frames == 2048));
    }

    proptest! {
        #[test]
        fn turned_durations_never_drift(
            from in 8_000u32..=192_000,
            to in 8_000u32..=192_000,
            packets in prop::collection::vec(0u32..5000, 1..500),
        ) {
            let mut clock = Clock { rate: Some(to), ..Clock::default() };
            let (mut turned, mut sum) = (0u64, 0u64);
            for frames in packets {
                turned += u64::from(clock.frames(frames, from));
                sum += u64::from(frames);
                prop_assert_eq!(turned, sum * u64::from(to) / u64::from(from));
            }
        }
    }
}

mod ogg {
    use super::*;

    fn fixtures() -> impl Iterator<Item = &'static Fixture> {
        FIXTURES.iter().filter(|fixture| fixture.bytes.starts_with(b"OggS"))
    }

    #[test]
    fn a_joiner_decodes_from_any_page() {
        for fixture in fixtures() {
            let (packets, _) = read(fixture.content_type, &fixture.bytes, []);
            assert_eq!(packets[0].header, None, "the first page needs nothing before it");
            for at in 1..packets.len() {
                let mut heard = packets[at].header.as_ref().unwrap().to_vec();
                heard.extend(joined(&packets[at..]));
                let left = frames(&packets[at..]) as i64;
                let decoded = decoded_frames(&heard, fixture.rate) as i64;
                // A decoder passes over the packet whose beginning it missed.
                assert!(
                    (left - decoded).abs() < 10_000,
                    "{} at {at}: {decoded} of {left}",
                    fixture.content_type
                );
            }
        }
    }

    #[test]
    fn the_next_link_of_a_chain_has_its_own_header() {
        let [vorbis, opus, flac] = [0, 1, 2].map(|at| fixtures().nth(at).unwrap());
        let chain = [&vorbis.bytes[..], &opus.bytes, &flac.bytes, &vorbis.bytes].concat();
        let (packets, garbage) = read("application/ogg", &chain, []);
        assert_eq!(garbage, 0);
        let alone = [vorbis, opus, flac, vorbis].map(|link| read("audio/ogg", &link.bytes, []).0);
        assert_eq!(packets, alone.concat());
    }

    #[test]
    fn pages_without_their_headers_are_garbage() {
        for fixture in fixtures() {
            let (whole, _) = read(fixture.content_type, &fixture.bytes, []);
            let headless = joined(&whole[1..]);
            let (packets, garbage) = read(fixture.content_type, &headless, []);
            assert_eq!((packets.len(), garbage), (0, headless.len() as u64));
            // A whole stream behind it is found.
            let (packets, _) = read(fixture.content_type, &[&headless[..], &fixture.bytes].concat(), []);
            assert_eq!(packets, whole);
        }
    }

    #[test]
    fn a_page_with_a_wrong_checksum_is_garbage() {
        let fixture = fixtures().next().unwrap();
        let (whole, _) = read(fixture.content_type, &fixture.bytes, []);
        let at = joined(&whole[..3]).len();
        let mut stream = fixture.bytes.clone();
        stream[at + 100] ^= 1;
        let (packets, garbage) = read(fixture.content_type, &stream, []);
        assert_eq!(garbage, whole[3].packet.bytes.len() as u64);
        assert_eq!(packets.len(), whole.len() - 1);
    }

    #[test]
    fn headers_without_end_are_given_up() {
        // The same first page under ever new serial numbers, and no page behind it that would end the headers.
        let first = &read("audio/ogg", &fixtures().next().unwrap().bytes, []).0[0].packet.bytes;
        let mut reader = PacketReader::for_content_type("audio/ogg");
        let mut packets = Vec::new();
        for serial in 0..1000u32 {
            let mut page = first.to_vec();
            page[14..18].copy_from_slice(&serial.to_le_bytes());
            super::super::super::ogg::sign(&mut page);
            reader.push(&page, &mut packets);
        }
        assert_eq!(packets.len(), 1000);
        let longest = packets.iter().flat_map(|parsed| &parsed.header).map(|header| header.len()).max();
        assert!(longest.unwrap() < 10 * first.len(), "no more than eight streams side by side");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_of_any_size_give_the_same_packets(
        which in 0usize..6,
        pieces in prop::collection::vec(prop_oneof![0usize..20, 0usize..3000], 0..40),
    ) {
        let fixture = &FIXTURES[which];
        let whole = read(fixture.content_type, &fixture.bytes, []);
        prop_assert!(read(fixture.content_type, &fixture.bytes, pieces) == whole);
    }

    #[test]
    fn whatever_comes_nothing_panics_nothing_grows_and_pieces_do_not_matter(
        which in 0usize..6,
        // Parts of a real stream, and noise between them.
        parts in prop::collection::vec((0usize..20_000, 0usize..3000, prop::collection::vec(any::<u8>(), 0..300)), 0..20),
        piece in 1usize..5000,
    ) {
        let fixture = &FIXTURES[which];
        let mut stream = Vec::new();
        for (from, len, noise) in parts {
            let from = from.min(fixture.bytes.len());
            stream.extend_from_slice(&fixture.bytes[from..(from + len).min(fixture.bytes.len())]);
            stream.extend(noise);
        }
        let mut reader = PacketReader::for_content_type(fixture.content_type);
        let mut packets = Vec::new();
        for piece in stream.chunks(piece) {
            reader.push(piece, &mut packets);
            prop_assert!(reader.buffer.capacity() <= 4 * MAX_PACKET_BYTES);
        }
        let given = joined(&packets).len();
        prop_assert!(given as u64 + reader.garbage_bytes() <= stream.len() as u64);
        prop_assert!(packets.iter().all(|parsed| parsed.packet.bytes.len() <= MAX_PACKET_BYTES));
        prop_assert!((packets, reader.garbage_bytes()) == read(fixture.content_type, &stream, []));
    }

    #[test]
    fn noise_is_no_stream(which in 0usize..6, noise in prop::collection::vec(any::<u8>(), 0..20_000)) {
        // Two headers alike, the second where the first says: it takes some 50 megabytes of noise.
        let (packets, _) = read(FIXTURES[which].content_type, &noise, []);
        prop_assert!(packets.is_empty());
    }
}
