//! Files that are not what they should be: whoever looks after them learns why, and no more is
//! lost than what is damaged.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::fixture::{
    Folder, Pcm, channel, convert, decode, error_db, ffmpeg, lag, read_all, read_until_it_breaks_off, run,
    spec, stereo,
};
use crate::audio::Channels;
use crate::codec::file::contained::{contained, panicked};
use crate::codec::file::{AudioFile, Status, read_metadata};

const FRAMES: usize = 60_000;

/// Why a file is refused.
fn refusal(path: &Path) -> String {
    let reason = AudioFile::open(path, stereo(44_100)).err().expect("a refusal").to_string();
    assert!(reason.contains(path.to_str().unwrap()), "{reason} does not name the file");
    reason
}

fn file(folder: &Folder, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The same music in every format, by name.
fn every_format(folder: &Folder, frames: usize) -> Vec<PathBuf> {
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, frames));
    let mut paths = convert(
        &wav,
        folder,
        &[
            ("a.mp3", "-c:a libmp3lame -b:a 192k"),
            ("a.flac", ""),
            ("a.aiff", ""),
            ("a.ogg", "-c:a libvorbis"),
            ("a.opus", "-c:a libopus -ar 48000"),
            ("flac.oga", "-c:a flac"),
            ("aac.m4a", "-c:a aac"),
            ("aac-front.m4a", "-c:a aac -movflags +faststart"),
            ("alac.m4a", "-c:a alac"),
            ("a.aac", "-c:a aac"),
        ],
    );
    paths.push(wav);
    paths
}

#[test]
fn what_is_no_audio_is_refused_with_a_reason() {
    let folder = Folder::new();
    let text = "All work and no play makes Jack a dull boy.\n".repeat(2_000);
    let no_audio = "is not audio of a kind that can be played";
    assert!(refusal(&file(&folder, "text.flac", &text)).contains(no_audio));
    assert!(refusal(&file(&folder, "short.mp3", "x")).contains(no_audio));
    assert!(refusal(&file(&folder, "empty.ogg", "")).contains("is empty"));
    assert!(refusal(&folder.path("missing.mp3")).contains("there is no such file"));
    let directory = folder.path("x.mp3");
    std::fs::create_dir(&directory).unwrap();
    assert!(refusal(&directory).contains("is a folder"));
    let pipe = folder.path("pipe.mp3");
    run("mkfifo", "coreutils", [&pipe]);
    assert!(refusal(&pipe).contains("is a device or a pipe"));
    assert!(refusal(Path::new("/dev/zero")).contains("is a device or a pipe"));
}

#[test]
fn an_mp4_file_in_fragments_is_refused_with_a_remedy_that_works() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let options = "-c:a alac -movflags +frag_keyframe+empty_moov -frag_duration 300000";
    let fragments = convert(&wav, &folder, &[("fragments.m4a", options)]).remove(0);
    assert!(refusal(&fragments).contains("ffmpeg -i it -c copy new.m4a"));
    let mended = convert(&fragments, &folder, &[("new.m4a", "-c copy")]).remove(0);
    let (wanted, got) = (decode(&wav, stereo(44_100)), decode(&mended, stereo(44_100)));
    assert!(got == wanted, "{} samples of {}", got.len(), wanted.len());
}

#[test]
fn an_mp3_file_in_free_format_is_refused_with_a_remedy_that_works() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    for (name, tag) in [("plain.mp3", ""), ("tagged.mp3", "--tt Title --add-id3v2")] {
        let (mp3, new) = (folder.path(name), folder.path("new.wav"));
        let options = format!("--quiet --freeformat -b 400 {tag}");
        let paths = [&wav, &mp3].map(|path| path.to_str().unwrap());
        run("lame", "lame", options.split_whitespace().chain(paths));
        assert!(refusal(&mp3).contains("`lame --decode it new.wav`"));
        run("lame", "lame", ["--quiet", "--decode", mp3.to_str().unwrap(), new.to_str().unwrap()]);
        let error = error_db(&decode(&wav, stereo(44_100)), &decode(&new, stereo(44_100)));
        assert!(error < -30.0, "{name}: {error} dB");
    }
}

#[test]
fn a_film_without_sound_is_refused_and_of_one_with_sound_that_is_heard() {
    let folder = Folder::new();
    let picture = "-f lavfi -i testsrc=d=0.5:s=64x64";
    let silent = ffmpeg(picture, &folder, &[("silent.mp4", "-c:v mpeg4")]).remove(0);
    assert!(refusal(&silent).contains("has no audio in it"));

    let pcm = Pcm::sweeps(44_100, 2, 20_000);
    let wav = folder.wav("a.wav", &pcm);
    let both = format!("{picture} -i {}", wav.display());
    let film = ffmpeg(&both, &folder, &[("film.mp4", "-c:v mpeg4 -c:a alac -shortest")]).remove(0);
    assert!(decode(&film, stereo(44_100)) == pcm.as_floats());
}

/// Reads like a file on a disk with a bad spot.
struct Failing {
    bytes: io::Cursor<Vec<u8>>,
    after: u64,
    kind: io::ErrorKind,
}

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bad = self.after..self.after + 50_000;
        if bad.contains(&self.bytes.position()) { Err(self.kind.into()) } else { self.bytes.read(buf) }
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[test]
fn who_may_not_read_a_file_learns_it_and_a_failing_disk_is_named() {
    let bytes = Pcm::sweeps(44_100, 2, FRAMES).wav();
    let failing = |after, kind| {
        let bytes = io::Cursor::new(bytes.clone());
        AudioFile::open_source(Box::new(Failing { bytes, after, kind }), "a.wav".as_ref(), stereo(44_100))
    };
    let reason = failing(0, io::ErrorKind::PermissionDenied).err().unwrap().to_string();
    assert!(reason.contains("may not be read"), "{reason}");
    let mut file = failing(100_000, io::ErrorKind::TimedOut).unwrap();
    let mut pcm = Vec::new();
    let reason = loop {
        match file.read(&mut pcm) {
            Ok(Status::More) => {}
            Ok(Status::End) => panic!("a failing disk is not the end of a file"),
            Err(reason) => break reason.to_string(),
        }
    };
    assert!(reason.contains("cannot be read on: timed out"), "{reason}");
    assert!(pcm.len() > 30_000, "what came before was played: {}", pcm.len());
}

/// Gives one byte at a time, and is interrupted in between.
struct Trickle {
    bytes: io::Cursor<Vec<u8>>,
    interrupted: bool,
}

impl Read for Trickle {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let one = buf.len().min(1);
        self.bytes.read(&mut buf[..one])
    }
}

impl Seek for Trickle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[test]
fn a_source_that_trickles_is_read_the_same() {
    let folder = Folder::new();
    for path in every_format(&folder, FRAMES) {
        let bytes = io::Cursor::new(std::fs::read(&path).unwrap());
        let trickle = Box::new(Trickle { bytes, interrupted: false });
        let mut file = AudioFile::open_source(trickle, &path, stereo(44_100)).unwrap();
        assert!(read_all(&mut file) == decode(&path, stereo(44_100)), "{}", path.display());
    }
}

#[test]
fn a_file_deleted_while_it_is_read_is_read_to_its_end() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let mut file = AudioFile::open(&wav, stereo(44_100)).unwrap();
    std::fs::remove_file(&wav).unwrap();
    assert_eq!(read_all(&mut file).len(), FRAMES * 2);
}

#[test]
fn of_a_truncated_file_all_that_is_there_is_heard() {
    let folder = Folder::new();
    for path in every_format(&folder, 3 * FRAMES) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let whole = decode(&path, stereo(44_100));
        for tenth in [1, 5, 8] {
            let cut = file(&folder, &format!("cut.{name}"), &bytes[..bytes.len() * tenth / 10]);
            // The index of an MP4 file may be at its end; what has none is refused.
            let mut cut = match AudioFile::open(&cut, stereo(44_100)) {
                Ok(cut) => cut,
                // There may be no packet yet; and the index of an MP4 file may be at its end.
                Err(reason) => {
                    assert!(tenth == 1 || name.ends_with(".m4a"), "{reason}");
                    continue;
                }
            };
            let (got, reason) = read_until_it_breaks_off(&mut cut);
            assert_eq!(reason.is_some(), name.ends_with("front.m4a"), "{name} at {tenth}/10: {reason:?}");
            // Not all of a file is sound, and the last packet may be needed whole.
            let least = (whole.len() * tenth / 10).saturating_sub(whole.len() / 3);
            assert!(got.len() >= least, "{name} at {tenth}/10: {}", got.len());
            let same = got.len().min(whole.len()).saturating_sub(10_000);
            let off = got[..same].iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-3, "{name} at {tenth}/10 is off by {off}");
        }
    }
}

/// Sizes in what is there go beyond the end, with a tag behind it or without.
#[test]
fn a_file_that_ends_within_its_headers_is_heard_or_refused() {
    let folder = Folder::new();
    let mut tag = [0; 128];
    tag[..3].copy_from_slice(b"TAG");
    for path in every_format(&folder, 5_000) {
        let name = format!("cut.{}", path.file_name().unwrap().to_string_lossy());
        let whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len().min(500)).step_by(13) {
            for behind in [&[][..], &tag] {
                let cut = file(&folder, &name, [&whole[..length], behind].concat());
                _ = read_metadata(&cut);
                if let Ok(mut cut) = AudioFile::open(&cut, stereo(44_100)) {
                    assert!(
                        read_until_it_breaks_off(&mut cut).0.len() <= 5_000 * 2,
                        "{name} of {length} bytes"
                    );
                }
            }
        }
    }
}

/// Its comments have two pages, as those with a picture have, and end beyond the file.
#[test]
fn an_ogg_file_that_ends_within_its_comments_is_refused() {
    let page = |flags: u8, table: &[u8], body: &[u8]| {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 20]);
        page.push(table.len() as u8);
        [&page, table, body].concat()
    };
    let folder = Folder::new();
    let head = page(2, &[19], b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0");
    for (empty, there) in [(&[][..], 0), (&[], 100), (&[255], 100), (&[255], 242)] {
        let begin = page(0, empty, &vec![b'x'; 255 * empty.len()]);
        let rest = page(1, &[243], &vec![b'x'; there]);
        let cut = file(&folder, "cut.opus", [&head[..], &begin, &rest].concat());
        _ = read_metadata(&cut);
        assert!(!refusal(&cut).contains("panicked"));
    }
}

#[test]
fn a_reader_that_panics_is_a_reason_to_refuse() {
    let refused =
        contained(|| -> symphonia::core::errors::Result<()> { panic!("on purpose, in a test") }, panicked());
    assert!(refused.unwrap_err().to_string().contains("its reader panicked"));
    assert_eq!(contained(|| Ok(7), panicked()).unwrap(), 7);
}

#[test]
fn rubbish_in_the_middle_costs_no_more_than_itself() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(3);
    for path in every_format(&folder, 3 * FRAMES) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = channel(&decode(&path, stereo(44_100)), 2, 0);
        let middle = bytes.len() / 2;
        let length = bytes.len() / 40;
        bytes[middle..middle + length].fill_with(|| random.u8(..));
        let path = file(&folder, &format!("rubbish.{name}"), &bytes);
        let got = channel(&decode(&path, stereo(44_100)), 2, 0);
        let missing = whole.len() as i64 - got.len() as i64;
        // A damaged page of Ogg is a second of sound, and two may be hit.
        let pages = if name.contains(".o") { 100_000 } else { 0 };
        let at_most = whole.len() as i64 / 10 + pages;
        assert!(missing.abs() < at_most, "{name}: {missing} frames are missing");
        assert!(got.iter().all(|sample| sample.abs() <= 8.0), "{name}");
        // What follows the damage is what followed it before.
        let tail = |pcm: &[f32]| pcm[pcm.len() - 12_000..pcm.len() - 2_000].to_vec();
        let (wanted, got) = (tail(&whole), tail(&got));
        let late = lag(&wanted, &got);
        let at = |pcm: &[f32], begin: i64| pcm[begin as usize..begin as usize + 5_000].to_vec();
        let error = error_db(&at(&wanted, 2_000), &at(&got, 2_000 + late));
        assert!(error < -30.0, "{name}: the end is off by {error} dB");
    }
}

/// In a damaged block, the step between two samples may grow until it does not fit: its decoder panics.
#[test]
fn a_block_whose_decoder_panics_costs_no_more_than_itself() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 1, 3 * FRAMES));
    let path = &convert(&wav, &folder, &[("adpcm.wav", "-c:a adpcm_ms -block_size 1024")])[0];
    let mono = spec(44_100, Channels::Mono);
    let whole = decode(path, mono);
    let mut bytes = std::fs::read(path).unwrap();
    // The largest steps, one after the other, from within a block to within the next.
    let middle = bytes.len() / 2;
    bytes[middle..middle + 1024].fill(0x77);
    let got = decode(&file(&folder, "damaged.wav", &bytes), mono);
    let block = (1024 - 7) * 2 + 2;
    assert!(got.len() <= whole.len() && got.len() + 3 * block >= whole.len(), "{} frames", got.len());
    let tail = |pcm: &[f32]| pcm[pcm.len() - FRAMES..].to_vec();
    assert!(tail(&got) == tail(&whole), "the end is as it was");
}

#[test]
fn nothing_but_rubbish_after_a_good_beginning_ends_with_a_reason_or_at_once() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(4);
    for path in every_format(&folder, FRAMES) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut bytes = std::fs::read(&path).unwrap();
        let index = bytes.windows(4).position(|window| window == b"mdat").unwrap_or(0);
        let end = bytes.windows(4).rposition(|window| window == b"moov").filter(|at| *at > index);
        let begin = index + bytes.len() / 5;
        let end = end.unwrap_or(bytes.len()).max(begin);
        bytes[begin..end].fill_with(|| random.u8(..));
        let path = file(&folder, &format!("rubbish.{name}"), &bytes);
        let Ok(mut file) = AudioFile::open(&path, stereo(44_100)) else { continue };
        let mut pcm = Vec::new();
        while let Ok(Status::More) = file.read(&mut pcm) {}
        assert!(pcm.len() <= FRAMES * 2 + 20_000, "{name}: {} samples", pcm.len());
    }
}

#[test]
fn a_wav_file_whose_sizes_are_wrong_plays_what_is_there() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    for (riff, data) in
        [(u32::MAX, u32::MAX), (0xffff_fffe, 0xffff_ffda), (0, 0), (0x7fff_ffff, 0x7fff_ffda), (36, 0)]
    {
        let mut wav = pcm.wav();
        wav[4..8].copy_from_slice(&riff.to_le_bytes());
        wav[40..44].copy_from_slice(&data.to_le_bytes());
        let path = file(&folder, "a.wav", wav);
        let mut wav = AudioFile::open(&path, stereo(44_100)).unwrap();
        assert_eq!(wav.duration().map(|frames| frames.0), Some(FRAMES as u64), "{riff:x} {data:x}");
        assert!(read_all(&mut wav) == pcm.as_floats(), "{riff:x} {data:x}");
    }
}

#[test]
fn a_file_may_change_its_shape_midway() {
    let folder = Folder::new();
    let first = folder.wav("first.wav", &Pcm::sweeps(44_100, 2, 30_000));
    let second = folder.wav("second.wav", &Pcm::sweeps(48_000, 1, 48_000));
    for (name, codec, slack) in [("ogg", "libvorbis", 0), ("oga", "flac", 0), ("mp3", "libmp3lame", 4_000)] {
        let options = format!("-c:a {codec} -id3v2_version 0");
        let parts = [(&first, "1"), (&second, "2")]
            .map(|(wav, part)| convert(wav, &folder, &[(&format!("{part}.{name}"), &options)]).remove(0));
        let both = parts.iter().flat_map(|path| std::fs::read(path).unwrap()).collect::<Vec<u8>>();
        let path = file(&folder, &format!("both.{name}"), both);
        let got = decode(&path, stereo(44_100));
        let frames = got.len() / 2;
        assert!(frames.abs_diff(30_000 + 44_100) <= slack, "{name}: {frames} frames");
        // The second part, in its own rate and on both sides.
        let wanted = channel(&Pcm::sweeps(48_000, 1, 48_000).as_floats(), 1, 0);
        let wanted_path = folder.wav(
            "wanted.wav",
            &Pcm {
                rate: 48_000,
                channels: 1,
                samples: wanted.iter().map(|s| (s * 32_768.0) as i16).collect(),
            },
        );
        let wanted = channel(&decode(&wanted_path, stereo(44_100)), 2, 0);
        let got = channel(&got, 2, 1)[frames - 44_100..].to_vec();
        let late = lag(&wanted, &got);
        assert!(late.unsigned_abs() as usize <= slack, "{name}: {late}");
        let error =
            error_db(&wanted[10_000..30_000], &got[(10_000 + late) as usize..(30_000 + late) as usize]);
        assert!(error < -20.0, "{name}: {error} dB");
    }
}

#[test]
fn an_extended_header_that_is_longer_than_its_tag_costs_nothing() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sine(44_100, 2, 440.0, 0, 4_410));
    let mp3 = folder.path("a.mp3");
    run("lame", "lame", ["--quiet", wav.to_str().unwrap(), mp3.to_str().unwrap()]);
    // ID3v2.3, unsynchronised, with an extended header, ten bytes long: it says that it has 4 GiB.
    let tag = [b"ID3\x03\x00\xC0\x00\x00\x00\x0A".as_slice(), &[0xFF; 10]].concat();
    let tagged = file(&folder, "tagged.mp3", [tag, std::fs::read(&mp3).unwrap()].concat());
    let read = |path: &Path| read_all(&mut AudioFile::open(path, stereo(44_100)).unwrap());
    assert_eq!(read(&tagged), read(&mp3));
}

#[test]
fn tags_that_lie_about_their_size_cost_neither_memory_nor_the_file() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let mp3 = convert(&wav, &folder, &[("a.mp3", "-id3v2_version 0 -c:a libmp3lame")]).remove(0);
    let plain = std::fs::read(&mp3).unwrap();
    let whole = decode(&mp3, stereo(44_100));
    // 256 MiB of ID3v2, a frame of 2 GiB, a flag that no version knows.
    for id3 in [
        &b"ID3\x03\0\0\x7f\x7f\x7f\x7fTIT2\x7f\xff\xff\xff\0\0\0hello"[..],
        b"ID3\x03\0\0\0\0\0\x19TIT2\0\0\0\x06\x1f\x1f\0hello\0\0\0\0\0\0\0\0\0",
        b"ID3\x04\0\xff\0\0\0\x19TIT2\0\0\0\x06\xff\xff\0hello\0\0\0\0\0\0\0\0\0",
    ] {
        let path = file(&folder, "id3.mp3", [id3, &plain].concat());
        let got = decode(&path, stereo(44_100));
        assert_eq!(got.len(), whole.len(), "{id3:x?}");
        read_metadata(&path).unwrap();
    }
    let mut ape = b"APETAGEX\xd0\x07\0\0\xff\xff\xff\x7f\x01\0\0\0\0\0\0\x80\0\0\0\0\0\0\0\0".to_vec();
    ape.splice(0..0, *b"\xff\xff\xff\xff\x02\0\0\0Cover Art (Front)\0");
    let path = file(&folder, "ape.mp3", [plain, ape].concat());
    assert_eq!(decode(&path, stereo(44_100)).len(), whole.len());
}

/// Sparse files of a few KiB on disk, which claim to be almost a terabyte of anything but sound. Nothing else
/// ends the reading of the first: it would go on for half an hour, and keep gigabytes.
#[test]
fn a_file_may_not_read_for_ever_before_its_first_sound() {
    const LENGTH: u64 = 900 << 30;
    fn large(kind: &[u8; 4], more: u64) -> Vec<u8> {
        let size = (LENGTH + more).to_be_bytes();
        [&1u32.to_be_bytes()[..], kind, &size].concat()
    }
    let ftyp = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42".to_vec();
    let boxes = [(b"moov", 2000), (b"trak", 1500), (b"mdia", 1000), (b"minf", 800), (b"stbl", 500)];
    let within: Vec<u8> = boxes.iter().flat_map(|(kind, more)| large(kind, *more)).collect();
    let table = |kind: &[u8; 4]| [&ftyp[..], &within, &large(kind, 0), &[0; 8], &[0xff; 4]].concat();
    let folder = tempfile::tempdir().unwrap();
    for (name, head) in [
        ("sizes.m4a", table(b"stsz")),
        ("times.m4a", table(b"stts")),
        ("places.m4a", table(b"co64")),
        ("nothing.mp3", Vec::new()),
        ("nothing.flac", b"fLaC\0\0\0\x22".to_vec()),
        ("nothing.ogg", b"OggS\0\x02".to_vec()),
        ("nothing.aac", b"\xff\xf1".to_vec()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, head).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(LENGTH + (1 << 30)).unwrap();
        let since = std::time::Instant::now();
        let opened = AudioFile::open(&path, stereo(44_100));
        assert!(opened.is_err(), "{name}");
        assert!(since.elapsed().as_secs() < 20, "{name}: {:?}", since.elapsed());
        assert!(read_metadata(&path).is_err(), "{name}");
    }
}

#[test]
fn what_is_refused_is_told_in_words_that_help() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(48_000, 2, FRAMES));
    let files =
        [("ac3.mp4", "-c:a ac3"), ("eac3.mp4", "-c:a eac3"), ("a.opus", "-c:a libopus"), ("a.m4a", "")];
    let [ac3, eac3, opus, m4a] = convert(&wav, &folder, &files).try_into().unwrap();
    let cut = |path: &Path, name: &str, word: &[u8], nth: usize| {
        let bytes = std::fs::read(path).unwrap();
        let at = bytes.windows(4).enumerate().filter(|(_, four)| *four == word).nth(nth).unwrap().0;
        let part = if nth == 0 { &bytes[..at - 4] } else { &bytes[at..] };
        file(&folder, name, part)
    };
    let headless = cut(&opus, "headless.opus", b"OggS", 2);
    let no_index = cut(&m4a, "no-index.m4a", b"moov", 0);
    for (path, words) in [
        (ac3, "`ffmpeg -i it new.flac`"),
        (eac3, "`ffmpeg -i it new.flac`"),
        (headless, "its beginning is missing"),
        (no_index, "has no index"),
    ] {
        let refused = AudioFile::open(&path, stereo(48_000)).err().expect("it cannot be played").to_string();
        assert!(refused.contains(words), "{refused}");
    }
}
