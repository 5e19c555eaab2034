//! Every way to write a packet.

use std::io::Cursor;

use symphonia::core::checksum::{Crc8Ccitt, Crc16Ansi};
use symphonia::core::io::Monitor;

use super::super::fixture::{Folder, Pcm, convert, decode, spec, stereo};
use super::{FRAMES, check_seeks, flac, info, write};
use crate::audio::Channels;
use crate::codec::file::AudioFile;
use crate::units::FrameCount;

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

/// Bits as they are written into a packet.
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
    Frames,
    /// The same, but the header says that it counts packets.
    FramesUntold,
}

/// A packet of blocks of any size, as few encoders write one. Samples are as they are in their channels.
fn packet(first: u64, numbers: Numbers, channels: &[Vec<i64>], bits: usize, way: Way) -> Vec<u8> {
    let block = channels[0].len();
    let bits_code = match bits {
        8 => 1,
        16 => 4,
        _ => 6,
    };
    let sync = match numbers {
        Numbers::Frames => 0xf9,
        Numbers::FramesUntold => 0xf8,
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
    let packet = [head, body.0].concat();
    let mut crc = Crc16Ansi::new(0);
    crc.process_buf_bytes(&packet);
    [&packet[..], &crc.crc().to_be_bytes()].concat()
}

#[test]
fn blocks_of_any_size_and_every_way_to_write_a_channel_are_read() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(10);
    let kinds = [8, 16, 24].map(|bits| (bits, Numbers::Frames)).into_iter();
    for (bits, numbers) in kinds.chain([(16, Numbers::FramesUntold)]) {
        for count in [1, 2] {
            let mut begins = Vec::new();
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
                begins.push((wanted.len() / 2, file.len()));
                file.extend(packet(wanted.len() as u64 / 2, numbers, &channels, bits as usize, way));
                let float = |sample: i64| sample as f32 / (1u32 << (bits - 1)) as f32;
                let sides = channels[0].iter().zip(&channels[count as usize - 1]);
                wanted.extend(sides.flat_map(|(left, right)| [float(*left), float(*right)]));
            }
            let path = write(&folder, "any.flac", &file);
            assert!(decode(&path, stereo(44_100)) == wanted, "{bits} bits, {count} channels, {numbers:?}");
            check_seeks(&path, &wanted, 0.0);
            // From the midst on, and one half behind the other.
            let (frame, at) = begins[begins.len() / 2];
            let path = write(&folder, "midst.flac", &file[at..]);
            assert!(decode(&path, stereo(44_100)) == wanted[2 * frame..], "{bits} bits: from the midst");
            check_seeks(&path, &wanted[2 * frame..], 0.0);
        }
    }
}

/// The last packet of such a file begins far from its end.
#[test]
fn a_file_of_packets_of_100_kb_has_its_exact_length() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(11);
    let (block, count) = (16_384, 4);
    let mut file = info([16_384, 16_384], [0, 0], (44_100, 2, 24), block * count);
    file.splice(..0, *b"fLaC\x80\0\0\x22");
    for number in 0..count {
        let channels =
            [(); 2].map(|()| (0..block).map(|_| random.i64(-0x80_0000..0x80_0000)).collect::<Vec<_>>());
        file.extend(packet(number * block, Numbers::Frames, &channels, 24, Way::Verbatim));
    }
    let file = AudioFile::open(&write(&folder, "large.flac", &file), stereo(44_100)).unwrap();
    assert_eq!(file.duration(), Some(FrameCount(block * count)));
}

/// Noise full of headers with right checksums, each of which claims the longest packet: it is given up soon.
#[test]
fn headers_without_packets_do_not_keep_the_reader_busy() {
    // Each is followed by a channel of zeros before the one that ends the first code.
    let mut head = vec![0xff, 0xf8, 0x79, 0x78, 0, 0xff, 0xfe];
    let mut crc = Crc8Ccitt::new(0);
    crc.process_buf_bytes(&head);
    head.push(crc.crc());
    head.extend([0b0001_0000, 0, 0]);
    let heads = head.repeat(500_000);
    let refusal = |file: Vec<u8>| {
        let source = Box::new(Cursor::new(file));
        let opened = AudioFile::open_source(source, "x.flac".as_ref(), spec(44_100, Channels::Mono));
        opened.err().expect("a refusal").to_string()
    };
    let is_given_up =
        |reason: &str| reason.contains("too much computing") || reason.contains("within the time");
    let reason = refusal([b"fLaC\x80\0\0\x22", &[0; 34][..], &heads].concat());
    assert!(is_given_up(&reason), "{reason}");
    // Without a head, only the first 64 KiB are looked at. A fast machine is done with them before that.
    let reason = refusal(heads);
    assert!(is_given_up(&reason) || reason.contains("is not audio of a kind"), "{reason}");
}
