//! FLAC files that lie: what is behind their last frame, what their heads say, where they end. And every way
//! to write a frame.

use std::io::Cursor;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use symphonia::core::checksum::{Crc8Ccitt, Crc16Ansi};
use symphonia::core::io::Monitor;

use super::fixture::{Folder, Pcm, by_ffmpeg, convert, decode, read_all, run, spec, stereo};
use crate::audio::Channels;
use crate::codec::file::{AudioFile, Status};
use crate::units::FrameCount;

const FRAMES: usize = 60_000;

/// Where the frames begin in a file without blocks but STREAMINFO.
const HEAD: usize = 4 + 4 + 34;

fn write(folder: &Folder, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What the program `flac` makes of this, with these options. It has STREAMINFO as its only block.
fn flac(folder: &Folder, pcm: &Pcm, options: &str) -> Vec<u8> {
    let (wav, path) = (folder.wav("source.wav", pcm), folder.path("made.flac"));
    let files = ["-s", "-f", "--no-padding", "--no-seektable", "-o", path.to_str().unwrap()];
    run("flac", "flac", options.split_ascii_whitespace().chain(files).chain([wav.to_str().unwrap()]));
    let file = std::fs::read(path).unwrap();
    let mut at = HEAD;
    let mut is_last = file[4] & 0x80 != 0;
    while !is_last {
        is_last = file[at] & 0x80 != 0;
        at += 4 + u32::from_be_bytes([0, file[at + 1], file[at + 2], file[at + 3]]) as usize;
    }
    [b"fLaC\x80", &file[5..HEAD], &file[at..]].concat()
}

/// After a seek anywhere, the rest is what is there when the file is read from its beginning.
fn check_seeks(path: &Path, whole: &[f32], off_at_most: f32) {
    let mut file = AudioFile::open(path, stereo(44_100)).unwrap();
    let frames = whole.len() / 2;
    let mut random = fastrand::Rng::with_seed(7);
    for number in 0..20 {
        let to = random.usize(..frames + 1_000);
        file.seek(FrameCount(to as u64)).unwrap();
        let wanted = &whole[to.min(frames) * 2..];
        let mut rest = Vec::new();
        let is_to_the_end = number % 5 == 0;
        while file.read(&mut rest).unwrap() == Status::More && (is_to_the_end || rest.len() < 20_000) {}
        let name = path.display();
        let short = (wanted.len() as i64 - rest.len() as i64).max(0);
        let slack = if off_at_most > 0.0 { 4 } else { 0 };
        assert!(rest.len() <= wanted.len() + slack, "{name} to {to}: {} samples", rest.len());
        assert!(
            short <= slack as i64 || !is_to_the_end && rest.len() >= 20_000,
            "{name} to {to}: {short} short"
        );
        let off = rest.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= off_at_most, "{name}: off by {off} after a seek to {to}");
    }
}

#[test]
fn anything_behind_the_last_frame_costs_nothing() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let flac = flac(&folder, &pcm, "");
    let mut random = fastrand::Rng::with_seed(5);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(2_000_000).collect();
    let old_tag = [&b"TAG"[..], &[b' '; 125]].concat();
    let cut_frame = &flac[HEAD..HEAD + 2_000];
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
        ("a cut frame", cut_frame),
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

/// Parts of one length: the last frame's number and the first part's head confirm each other.
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

/// What a head can say.
fn info(blocks: [u16; 2], bytes: [u32; 2], shape: (u64, u64, u64), frames: u64) -> Vec<u8> {
    let (rate, channels, bits) = shape;
    let numbers = rate << 44 | channels.saturating_sub(1) << 41 | bits.saturating_sub(1) << 36 | frames;
    let bytes = bytes.map(u32::to_be_bytes);
    let parts = [blocks.map(u16::to_be_bytes).as_flattened(), &bytes[0][1..], &bytes[1][1..]].concat();
    [&parts[..], &numbers.to_be_bytes(), &[0; 16]].concat()
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
        ("short frames", with(info([4_096, 4_096], [1, 2], right, 60_000)), true),
        ("frames the wrong way round", with(info([4_096, 4_096], [9_000, 2], right, 60_000)), true),
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

/// Where the frames of 4,096 begin in what `flac` made of one.
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
fn frames_from_the_midst_of_a_stream_are_a_file() {
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
fn a_damaged_frame_costs_only_itself() {
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
            assert!(decode(&path, stereo(44_100)) == wanted, "frame {damaged}");
            // What is behind the damage keeps its place in time. What is missing in front has none.
            let to = lost.end.max(20_000) / 2;
            let place = if damaged == 0 { to - 4_096 } else { to };
            let mut opened = AudioFile::open(&path, stereo(44_100)).unwrap();
            opened.seek(FrameCount(place as u64)).unwrap();
            if lost.end / 2 <= to {
                assert!(read_all(&mut opened) == whole[to * 2..], "frame {damaged}: after a seek");
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

#[test]
fn every_way_of_the_encoder_is_read_to_the_frame() {
    let folder = Folder::new();
    let stereo_pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let silence = Pcm { samples: vec![0; 2 * FRAMES], ..stereo_pcm.clone() };
    let mut random = fastrand::Rng::with_seed(6);
    let noise = Pcm { samples: (0..2 * FRAMES).map(|_| random.i16(..)).collect(), ..stereo_pcm.clone() };
    let coarse =
        Pcm { samples: stereo_pcm.samples.iter().map(|s| s & !0x1f).collect(), ..stereo_pcm.clone() };
    // A side that needs all its bits.
    let opposite = Pcm { samples: [i16::MAX, i16::MIN].repeat(FRAMES), ..stereo_pcm.clone() };
    for pcm in [&stereo_pcm, &Pcm::sweeps(44_100, 1, FRAMES), &silence, &noise, &coarse, &opposite] {
        for options in ["-0", "-5", "-8", "-b 16 --lax", "-b 65535 --lax", "--lax -l 32 -r 0,15 -p", "-r 8"] {
            let path = write(&folder, "way.flac", &flac(&folder, pcm, options));
            let both: Vec<f32> = match pcm.channels {
                1 => pcm.as_floats().iter().flat_map(|sample| [*sample; 2]).collect(),
                _ => pcm.as_floats(),
            };
            assert!(decode(&path, stereo(44_100)) == both, "{options}, {} channels", pcm.channels);
        }
    }
    let wav = folder.wav("a.wav", &stereo_pcm);
    let files =
        [("24.flac", "-sample_fmt s32"), ("12.flac", "-compression_level 12"), ("b.flac", "-frame_size 777")];
    for path in convert(&wav, &folder, &files) {
        assert!(decode(&path, stereo(44_100)) == stereo_pcm.as_floats(), "{}", path.display());
    }
}

/// Bits as they are written into a frame.
#[derive(Default)]
struct Bits(Vec<u8>, usize);

impl Bits {
    fn put(&mut self, value: i64, count: usize) {
        for bit in (0..count).rev() {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            *self.0.last_mut().unwrap() |= ((value.unbounded_shr(bit as u32) & 1) as u8) << (7 - self.1 % 8);
            self.1 += 1;
        }
    }
}

/// How a channel is written.
#[derive(Clone, Copy, Debug)]
enum Way {
    Verbatim,
    /// With bits that are all zero left out.
    Wasted,
    /// The samples as residuals of a predictor that predicts nothing, in partitions of plain bits.
    Escaped,
    /// The same as Rice codes with their parameter.
    Rice(usize),
}

/// What the number in a header counts.
#[derive(Clone, Copy, Debug)]
enum Numbers {
    Sound,
    /// The same, but the header says that it counts frames.
    SoundUntold,
}

/// A frame of blocks of any size, as few encoders write one. Samples are as they are in their channels.
fn frame(first: u64, numbers: Numbers, channels: &[Vec<i64>], bits: usize, way: Way) -> Vec<u8> {
    let block = channels[0].len();
    let bits_code = match bits {
        8 => 1,
        16 => 4,
        _ => 6,
    };
    let sync = match numbers {
        Numbers::Sound => 0xf9,
        Numbers::SoundUntold => 0xf8,
    };
    let mut head = vec![0xff, sync, 0x79, (channels.len() as u8 - 1) << 4 | bits_code << 1];
    // As UTF-8 writes a number, by four bytes.
    head.push(0xf0 | (first >> 18) as u8);
    head.extend([12, 6, 0].map(|low| 0x80 | (first >> low & 0x3f) as u8));
    head.extend((block as u16 - 1).to_be_bytes());
    let mut crc = Crc8Ccitt::new(0);
    crc.process_buf_bytes(&head);
    head.push(crc.crc());
    let mut body = Bits::default();
    for samples in channels {
        match way {
            Way::Verbatim => {
                body.put(0b0000_0010, 8);
                samples.iter().for_each(|sample| body.put(*sample, bits));
            }
            Way::Wasted => {
                body.put(0b0000_0011, 8);
                // Three, in unary.
                body.put(1, 3);
                samples.iter().for_each(|sample| body.put(*sample >> 3, bits - 3));
            }
            Way::Escaped | Way::Rice(_) => {
                body.put(0b0001_0000, 8);
                let order = if block.is_multiple_of(4) { 2 } else { 0 };
                body.put(0b01_0000 | order, 6);
                for partition in samples.chunks(block >> order) {
                    match way {
                        Way::Rice(parameter) => {
                            body.put(parameter as i64, 5);
                            for sample in partition {
                                let folded = if *sample < 0 { -2 * *sample - 1 } else { 2 * *sample };
                                body.put(0, (folded >> parameter) as usize);
                                body.put(1, 1);
                                body.put(folded, parameter);
                            }
                        }
                        _ => {
                            body.put(0b11111, 5);
                            body.put(bits as i64, 5);
                            partition.iter().for_each(|sample| body.put(*sample, bits));
                        }
                    }
                }
            }
        }
    }
    let frame = [head, body.0].concat();
    let mut crc = Crc16Ansi::new(0);
    crc.process_buf_bytes(&frame);
    [&frame[..], &crc.crc().to_be_bytes()].concat()
}

#[test]
fn blocks_of_any_size_and_every_way_to_write_a_channel_are_read() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(10);
    let kinds = [8, 16, 24].map(|bits| (bits, Numbers::Sound)).into_iter();
    for (bits, numbers) in kinds.chain([(16, Numbers::SoundUntold)]) {
        for count in [1, 2] {
            let mut frames = Vec::new();
            let mut wanted = Vec::new();
            let mut file =
                [&b"fLaC\x80\0\0\x22"[..], &info([16, 9_000], [0, 0], (44_100, count, bits), 0)].concat();
            while wanted.len() < 2 * 100_000 {
                let ways =
                    [Way::Verbatim, Way::Wasted, Way::Escaped, Way::Rice(0), Way::Rice(bits as usize - 2)];
                let way = random.choice(ways).unwrap();
                let block = random.usize(16..9_000);
                // Codes of parameter zero are as long as their values are large. No encoder writes long ones.
                let most = if matches!(way, Way::Rice(0)) { 9 } else { (1 << (bits - 1)) - 1 };
                let samples = || (0..block).map(|_| random.i64(-most..most) & !7).collect::<Vec<_>>();
                let channels: Vec<_> = std::iter::repeat_with(samples).take(count as usize).collect();
                frames.push((wanted.len() / 2, file.len()));
                file.extend(frame(wanted.len() as u64 / 2, numbers, &channels, bits as usize, way));
                let float = |sample: i64| sample as f32 / (1u32 << (bits - 1)) as f32;
                let sides = channels[0].iter().zip(&channels[count as usize - 1]);
                wanted.extend(sides.flat_map(|(left, right)| [float(*left), float(*right)]));
            }
            let path = write(&folder, "any.flac", &file);
            assert!(decode(&path, stereo(44_100)) == wanted, "{bits} bits, {count} channels, {numbers:?}");
            check_seeks(&path, &wanted, 0.0);
            // From the midst on, and one half behind the other.
            let (frame, at) = frames[frames.len() / 2];
            let path = write(&folder, "midst.flac", &file[at..]);
            assert!(decode(&path, stereo(44_100)) == wanted[2 * frame..], "{bits} bits: from the midst");
            check_seeks(&path, &wanted[2 * frame..], 0.0);
        }
    }
}

/// The last frame of such a file begins far from its end.
#[test]
fn a_file_of_frames_of_100_kb_has_its_exact_length() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(11);
    let (block, count) = (16_384, 4);
    let mut file = info([16_384, 16_384], [0, 0], (44_100, 2, 24), block * count);
    file.splice(..0, *b"fLaC\x80\0\0\x22");
    for number in 0..count {
        let channels =
            [(); 2].map(|()| (0..block).map(|_| random.i64(-0x80_0000..0x80_0000)).collect::<Vec<_>>());
        file.extend(frame(number * block, Numbers::Sound, &channels, 24, Way::Verbatim));
    }
    let file = AudioFile::open(&write(&folder, "large.flac", &file), stereo(44_100)).unwrap();
    assert_eq!(file.duration(), Some(FrameCount(block * count)));
}

#[test]
fn seeks_find_the_parts_of_a_file_whose_heads_declare_no_length() {
    let folder = Folder::new();
    let made = [1, 9].map(|times| {
        let pcm = Pcm::sweeps(44_100, 2, times * FRAMES);
        let mut flac = flac(&folder, &pcm, "");
        // 36 bits, behind 108 of sizes, rate and shape.
        flac[8 + 13] &= 0xf0;
        flac[8 + 14..8 + 18].fill(0);
        (flac, pcm.as_floats())
    });
    let [short, long] = &made;
    for parts in [&[short, short][..], &[short, long], &[long, short], &[short, long, short]] {
        let file = parts.iter().flat_map(|(flac, _)| flac).copied().collect::<Vec<_>>();
        let path = write(&folder, "joined.flac", &file);
        let whole = parts.iter().flat_map(|(_, floats)| floats).copied().collect::<Vec<_>>();
        check_seeks(&path, &whole, 0.0);
    }
}

#[test]
fn seeks_are_exact_at_every_size_of_block_with_and_without_a_table() {
    let folder = Folder::new();
    for channels in [1, 2] {
        let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, channels, 5 * FRAMES));
        for options in ["-b 192", "-b 4608", "-S 1x", "-S 100x", "--no-seektable", "-b 16384 --lax"] {
            let path = folder.path("a.flac");
            let files = ["-s", "-f", "-o", path.to_str().unwrap(), wav.to_str().unwrap()];
            run("flac", "flac", options.split_ascii_whitespace().chain(files));
            check_seeks(&path, &decode(&path, stereo(44_100)), 0.0);
        }
    }
}

/// Noise full of headers with right checksums, each of which claims the longest frame: it is given up soon.
#[test]
fn headers_without_frames_do_not_keep_the_reader_busy() {
    // Each is followed by a channel of zeros before the one that ends the first code.
    let mut head = vec![0xff, 0xf8, 0x79, 0x78, 0, 0xff, 0xfe];
    let mut crc = Crc8Ccitt::new(0);
    crc.process_buf_bytes(&head);
    head.push(crc.crc());
    head.extend([0b0001_0000, 0, 0]);
    let heads = head.repeat(500_000);
    for file in [[b"fLaC\x80\0\0\x22", &[0; 34][..], &heads].concat(), heads] {
        let source = Box::new(Cursor::new(file));
        let opened = AudioFile::open_source(source, "x.flac".as_ref(), spec(44_100, Channels::Mono));
        let reason = opened.err().expect("a refusal").to_string();
        assert!(reason.contains("too much computing") || reason.contains("within the time"), "{reason}");
    }
}
