mod streams;

use fastrand::Rng;
use longwave_testing::tools::{convert, decoded_frames, tone_file};
use proptest::prelude::*;

use self::streams::{Stream, all, noise};
use super::*;

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

fn bytes(packets: &[Parsed]) -> Vec<&[u8]> {
    packets.iter().map(|parsed| &*parsed.packet.bytes).collect()
}

fn frames(packets: &[Parsed]) -> u64 {
    packets.iter().map(|parsed| u64::from(parsed.packet.frames)).sum()
}

#[test]
fn every_packet_is_found_with_its_duration_and_nothing_else() {
    for stream in all() {
        let (packets, garbage) = read(stream.content_type, &stream.bytes, []);
        // Tags and the Info packet are left out, and are no garbage.
        assert_eq!(garbage, 0, "{}", stream.content_type);
        assert_eq!(bytes(&packets), stream.packets, "{}", stream.content_type);
        let found: Vec<u32> = packets.iter().map(|parsed| parsed.packet.frames).collect();
        assert_eq!(found, stream.frames, "{}", stream.content_type);
    }
}

#[test]
fn a_stream_tells_its_format() {
    for stream in all() {
        let mut reader = PacketReader::for_content_type(stream.content_type);
        assert_eq!(reader.format(), None);
        reader.push(&stream.bytes, &mut Vec::new());
        let format = reader.format().unwrap();
        assert_eq!((format.rate, format.channels), (stream.rate, 2), "{}", stream.content_type);
        assert_eq!(format.bitrate.is_some(), stream.content_type == "audio/mpeg");
    }
}

#[test]
fn files_of_real_programs_are_read_whole() {
    let mp3 = tone_file(1, 44_100, &["-bitexact"], "wav");
    let mp3 = convert("lame", &["--quiet", "--add-id3v2", "--tt", "A title", "-b", "128"], &mp3);
    for (content_type, rate, file) in [
        ("audio/mpeg", 44_100, mp3),
        ("audio/mpeg", 48_000, tone_file(1, 48_000, &["-c:a", "mp2"], "mp2")),
        ("audio/aac", 44_100, tone_file(1, 44_100, &["-c:a", "aac"], "aac")),
        ("audio/ogg", 44_100, tone_file(1, 44_100, &["-c:a", "libvorbis"], "ogg")),
        ("audio/ogg", 48_000, tone_file(1, 48_000, &["-c:a", "libopus"], "ogg")),
        ("audio/ogg", 44_100, tone_file(1, 44_100, &["-c:a", "flac"], "ogg")),
    ] {
        let (packets, garbage) = read(content_type, &file, []);
        assert_eq!(garbage, 0, "{content_type}");
        let left_out = file.len() - bytes(&packets).concat().len();
        assert!(left_out == 0 || file.starts_with(b"ID3") && left_out < 1000, "{content_type}: {left_out}");
        // A decoder of files trims up to two packets of delay and padding.
        let (frames, decoded) = (frames(&packets), decoded_frames(&file, rate) as u64);
        assert!((decoded..decoded + 3000).contains(&frames), "{content_type}: {frames}, {decoded}");
    }
}

#[test]
fn one_file_after_another_goes_on_where_it_begins() {
    let [first, ..] = all();
    // The same in mono at 24 kHz.
    let mut random = Rng::with_seed(9);
    let second: Vec<Vec<u8>> =
        (0..20).map(|_| [&[0xff, 0xf3, 0x84, 0xc4][..], &noise(&mut random, 188)].concat()).collect();
    let file = [&first.bytes[..], &second.concat(), &first.bytes, &first.bytes].concat();
    let (packets, garbage) = read("audio/mpeg", &file, []);
    assert_eq!(garbage, 0);
    assert_eq!(bytes(&packets), [&first.packets[..], &second, &first.packets, &first.packets].concat());
}

#[test]
fn garbage_costs_no_packet_but_those_it_hits() {
    for stream in all() {
        let middle = stream.packets.len() / 2;
        // (The MP3 file has a tag of 128 bytes behind its last packet.)
        let tail = if stream.bytes.starts_with(b"ID3") { 128 } else { 0 };
        let at = stream.bytes.len() - tail - stream.from(middle).len();
        // Between two packets.
        let garbage = noise(&mut Rng::with_seed(8), 5000);
        let torn = [&stream.bytes[..at], &garbage, &stream.bytes[at..]].concat();
        let (packets, counted) = read(stream.content_type, &torn, []);
        assert_eq!(counted, 5000, "{}", stream.content_type);
        assert_eq!(bytes(&packets), stream.packets);
        // One byte lost within a packet: that packet, and the one whose head seems to be its end.
        let mut torn = stream.bytes.clone();
        torn.remove(at + 9);
        let (packets, counted) = read(stream.content_type, &torn, []);
        assert!(counted > 0, "{}", stream.content_type);
        assert!(stream.packets.len() - packets.len() <= 2, "{}: {}", stream.content_type, packets.len());
    }
}

#[test]
fn a_stream_joined_anywhere_begins_at_its_next_packet() {
    for stream in all().iter().filter(|stream| !stream.bytes.starts_with(b"OggS")) {
        for cut in (stream.bytes.len() / 3..).take(1000) {
            let (packets, garbage) = read(stream.content_type, &stream.bytes[cut..], []);
            assert_eq!(
                bytes(&packets),
                stream.packets[stream.packets.len() - packets.len()..],
                "cut at {cut}"
            );
            assert!(garbage < 2000, "cut at {cut}: {garbage}");
        }
    }
}

#[test]
fn a_false_header_waits_for_no_more_than_its_packet() {
    for stream in all() {
        // Headers of long packets, with nothing like them where they end.
        let false_header: &[u8] = match stream.content_type {
            "audio/mpeg" => b"\xff\xfb\xe0\x64",
            "audio/aac" => b"\xff\xf1\x50\x83\xff\xff\xfc",
            _ => b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff",
        };
        let (packets, _) = read(stream.content_type, &[false_header, &stream.bytes].concat(), []);
        let lost = stream.packets.len() - packets.len();
        assert_eq!(lost, 0, "{}: it was believed", stream.content_type);
        // A tag that is none swallows nothing.
        let no_tag = b"ID3\x03\0\0\x7f\x7f\x7f\x7f";
        let (packets, garbage) = read(stream.content_type, &[&no_tag[..], &stream.bytes].concat(), []);
        let lost = stream.packets.len() - packets.len();
        assert!(lost == 0 && garbage >= 10, "{}: {lost} {garbage}", stream.content_type);
    }
}

#[test]
fn every_cut_in_two_gives_the_same_packets() {
    for stream in all() {
        let bytes = &stream.bytes[..stream.bytes.len().min(2500)];
        let whole = read(stream.content_type, bytes, []);
        for cut in 0..bytes.len() {
            assert!(read(stream.content_type, bytes, [cut]) == whole, "{} cut at {cut}", stream.content_type);
        }
        assert!(read(stream.content_type, bytes, vec![1; bytes.len()]) == whole, "byte by byte");
    }
}

#[test]
fn of_an_unknown_type_each_piece_is_a_packet() {
    let (packets, garbage) = read("audio/x-whatever", b"one and two", [4, 3, 0]);
    assert_eq!(bytes(&packets), [&b"one "[..], b"and", b" two"]);
    assert_eq!((frames(&packets), garbage), (0, 0));
    let (packets, _) = read("audio/x-whatever", &[7; 2 * MAX_PACKET_BYTES + 1], []);
    let lengths: Vec<_> = packets.iter().map(|parsed| parsed.packet.bytes.len()).collect();
    assert_eq!(lengths, [MAX_PACKET_BYTES, MAX_PACKET_BYTES, 1], "none is longer than any packet may be");
}

#[test]
fn a_reader_takes_no_byte_beyond_the_packet_it_gives() {
    for stream in all().iter().filter(|stream| !stream.bytes.starts_with(b"ID3")) {
        let mut reader = PacketReader::for_content_type(stream.content_type);
        let (mut rest, mut given) = (&stream.bytes[..], 0);
        while let Some(parsed) = reader.next_packet(&mut rest) {
            given += parsed.packet.bytes.len();
            // But it looks at the first two headers together.
            assert!(
                (given..given + 8).contains(&(stream.bytes.len() - rest.len())),
                "{}",
                stream.content_type
            );
        }
        assert!(rest.is_empty());
    }
}

mod durations {
    use super::*;

    #[test]
    fn he_aac_is_counted_at_the_rate_at_which_it_sounds() {
        let [_, _, stream, ..] = all();
        let mut reader =
            PacketReader::for_content_type("audio/aac").at_rate(SampleRate::new(88_200).unwrap());
        let mut packets = Vec::new();
        reader.push(&stream.bytes, &mut packets);
        assert!(packets.len() == 40 && packets.iter().all(|parsed| parsed.packet.frames == 2048));
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
    use crate::codec::packets::tests::streams::page;

    fn oggs() -> &'static [Stream] {
        &all()[3..]
    }

    #[test]
    fn a_page_carries_the_header_pages_before_it() {
        for (stream, header_pages) in oggs().iter().zip([3, 2, 3]) {
            let (packets, _) = read(stream.content_type, &stream.bytes, []);
            for (at, parsed) in packets.iter().enumerate() {
                let before = stream.packets[..at.min(header_pages)].concat();
                assert_eq!(
                    parsed.header.as_deref().unwrap_or_default(),
                    before,
                    "{} {at}",
                    stream.content_type
                );
            }
        }
    }

    #[test]
    fn a_joiner_decodes_from_any_page() {
        for (rate, codec) in [(44_100, "libvorbis"), (48_000, "libopus"), (44_100, "flac")] {
            let file = tone_file(3, rate, &["-c:a", codec, "-page_duration", "500000"], "ogg");
            let (packets, _) = read("audio/ogg", &file, []);
            for at in [0, 1, packets.len() / 2] {
                let mut heard = packets[at].header.as_deref().unwrap_or_default().to_vec();
                heard.extend(bytes(&packets[at..]).concat());
                let (left, decoded) = (frames(&packets[at..]), decoded_frames(&heard, rate) as u64);
                // A decoder passes over the packet whose beginning it missed.
                assert!(decoded <= left && left < decoded + 9000, "{codec} at {at}: {decoded} of {left}");
            }
        }
    }

    #[test]
    fn the_next_link_of_a_chain_has_its_own_header() {
        let links = oggs();
        let order = [0, 1, 2, 0, 0];
        let chain = order.map(|at| &links[at].bytes[..]).concat();
        let (packets, garbage) = read("application/ogg", &chain, []);
        assert_eq!(garbage, 0);
        assert_eq!(packets, order.map(|at| read("audio/ogg", &links[at].bytes, []).0).concat());
    }

    #[test]
    fn streams_side_by_side_share_a_header_and_one_tells_the_time() {
        let [vorbis, opus, _] = oggs() else { unreachable!("there are three") };
        let pairs = vorbis.packets.iter().zip(&opus.packets);
        let pages: Vec<&[u8]> = pairs.flat_map(|(one, other)| [&one[..], other]).collect();
        let (packets, garbage) = read("audio/ogg", &pages.concat(), []);
        assert_eq!((bytes(&packets), garbage), (pages.clone(), 0));
        // Vorbis has three header pages, Opus two: the headers end with Vorbis' third, which is the fifth of
        // all.
        assert_eq!(packets[5].header.as_deref(), Some(&pages[..5].concat()[..]));
        let told: Vec<u32> = packets.iter().step_by(2).map(|parsed| parsed.packet.frames).collect();
        assert_eq!(told, vorbis.frames[..told.len()]);
        assert_eq!(frames(&packets), told.iter().map(|frames| u64::from(*frames)).sum::<u64>());
    }

    #[test]
    fn pages_without_their_headers_are_garbage() {
        for stream in oggs() {
            let headless = stream.from(1);
            let (packets, garbage) = read(stream.content_type, &headless, []);
            assert_eq!((packets.len(), garbage), (0, headless.len() as u64));
            // A whole stream behind it is found.
            let (packets, _) = read(stream.content_type, &[&headless[..], &stream.bytes].concat(), []);
            assert_eq!(bytes(&packets), stream.packets);
        }
    }

    #[test]
    fn a_page_with_a_wrong_checksum_is_garbage() {
        for stream in oggs() {
            let at = stream.bytes.len() - stream.from(4).len();
            let mut torn = stream.bytes.clone();
            torn[at + 30] ^= 1;
            let (packets, garbage) = read(stream.content_type, &torn, []);
            assert_eq!(garbage, stream.packets[4].len() as u64);
            assert_eq!(packets.len(), stream.packets.len() - 1);
        }
    }

    #[test]
    fn a_stream_taken_up_late_tells_no_time_before_it() {
        let stream = &oggs()[1];
        let mut late = stream.packets[..2].concat();
        for (count, granule) in [1 << 40, (1 << 40) + 960, 960, 1920, 48_000 * 3600].into_iter().enumerate() {
            late.extend(page(0, Some(granule), 12, &[3], &[count as u8; 3]));
        }
        let (packets, _) = read("audio/ogg", &late, []);
        let told: Vec<u32> = packets[2..].iter().map(|parsed| parsed.packet.frames).collect();
        assert_eq!(told, [0, 960, 0, 960, 0], "neither leap forwards nor backwards is a duration");
    }

    #[test]
    fn headers_without_end_are_given_up() {
        let first = &oggs()[0].packets[0];
        // A second header packet that never ends.
        let mut stream = first.clone();
        for _ in 0..100 {
            stream.extend(page(1, None, 11, &[255; 255], &[7; 255 * 255]));
        }
        let (packets, garbage) = read("audio/ogg", &stream, []);
        let longest = packets.iter().flat_map(|parsed| &parsed.header).map(|header| header.len()).max();
        assert!(longest.unwrap() <= 512 << 10);
        assert!(packets.len() < 10 && garbage > 90 * 65_000, "{} {garbage}", packets.len());
        // Nor are there any number of streams side by side.
        let many: Vec<u8> =
            (0..1000).flat_map(|serial| page(2, Some(0), serial, &[30], &first[28..58])).collect();
        let (packets, _) = read("audio/ogg", &many, []);
        let longest = packets.iter().flat_map(|parsed| &parsed.header).map(|header| header.len()).max();
        assert!(packets.len() == 1000 && longest.unwrap() < 10 * first.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_of_any_size_give_the_same_packets(
        which in 0usize..6,
        pieces in prop::collection::vec(prop_oneof![0usize..20, 0usize..3000], 0..40),
    ) {
        let stream = &all()[which];
        let whole = read(stream.content_type, &stream.bytes, []);
        prop_assert!(read(stream.content_type, &stream.bytes, pieces) == whole);
    }

    #[test]
    fn whatever_comes_nothing_panics_nothing_grows_and_pieces_do_not_matter(
        which in 0usize..6,
        // Parts of a stream, and noise between them.
        parts in prop::collection::vec((0usize..20_000, 0usize..3000, prop::collection::vec(any::<u8>(), 0..300)), 0..20),
        piece in 1usize..5000,
    ) {
        let stream = &all()[which];
        let mut torn = Vec::new();
        for (from, len, noise) in parts {
            let from = from.min(stream.bytes.len());
            torn.extend_from_slice(&stream.bytes[from..(from + len).min(stream.bytes.len())]);
            torn.extend(noise);
        }
        let mut reader = PacketReader::for_content_type(stream.content_type);
        let mut packets = Vec::new();
        for piece in torn.chunks(piece) {
            reader.push(piece, &mut packets);
            prop_assert!(reader.buffer.capacity() <= 4 * MAX_PACKET_BYTES);
        }
        let given = bytes(&packets).concat().len();
        prop_assert!(given as u64 + reader.garbage_bytes() <= torn.len() as u64);
        prop_assert!(packets.iter().all(|parsed| parsed.packet.bytes.len() <= MAX_PACKET_BYTES));
        prop_assert!((packets, reader.garbage_bytes()) == read(stream.content_type, &torn, []));
    }

    #[test]
    fn noise_is_no_stream(which in 0usize..6, seed in any::<u64>(), len in 0usize..20_000) {
        // Two headers alike, the second where the first says: it takes some 50 megabytes of noise.
        let noise = noise(&mut Rng::with_seed(seed), len);
        let (packets, _) = read(all()[which].content_type, &noise, []);
        prop_assert!(packets.is_empty());
    }
}
