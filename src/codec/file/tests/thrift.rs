//! What opening a file costs: few bytes of it are read, and no picture in it is.

use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::fixture::{Folder, Pcm, convert, ffmpeg, read_all, stereo};
use crate::codec::file::AudioFile;
use crate::units::FrameCount;

/// Counts what is read of a file.
struct Counted {
    file: std::fs::File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buf)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Opens a file and tells how many of its bytes were read for that.
fn bytes_to_open(path: &Path) -> (AudioFile, u64) {
    let bytes = Arc::new(AtomicU64::new(0));
    let file = std::fs::File::open(path).unwrap();
    let source = Box::new(Counted { file, bytes: bytes.clone() });
    let file = AudioFile::open_source(source, path, stereo(44_100)).unwrap();
    let count = bytes.load(Ordering::Relaxed);
    (file, count)
}

/// Opens a file, and tells how many of its bytes are read by a seek.
fn bytes_to_seek(path: &Path, to: u64) -> u64 {
    let bytes = Arc::new(AtomicU64::new(0));
    let file = std::fs::File::open(path).unwrap();
    let source = Box::new(Counted { file, bytes: bytes.clone() });
    let mut file = AudioFile::open_source(source, path, stereo(44_100)).unwrap();
    let before = bytes.load(Ordering::Relaxed);
    file.seek(FrameCount(to)).unwrap();
    bytes.load(Ordering::Relaxed) - before
}

/// The most that is read of any file to open it.
const ENOUGH_BYTES: u64 = 200 * 1024;

#[test]
fn no_file_is_read_from_end_to_end_to_open_it() {
    let folder = Folder::new();
    let noise = "-f lavfi -i anoisesrc=r=44100:d=40:a=0.3";
    let paths = ffmpeg(
        noise,
        &folder,
        &[
            ("a.wav", ""),
            ("a.aiff", "-write_id3v2 1"),
            ("a.mp3", "-c:a libmp3lame -b:a 128k"),
            ("noxing.mp3", "-c:a libmp3lame -b:a 128k -write_xing 0"),
            ("a.flac", "-compression_level 0"),
            ("a.ogg", "-c:a libvorbis"),
            ("a.opus", "-c:a libopus -ar 48000"),
            ("a.m4a", "-c:a aac"),
            ("front.m4a", "-c:a aac -movflags +faststart"),
            ("a.aac", "-c:a aac"),
        ],
    );
    for path in paths {
        let size = std::fs::metadata(&path).unwrap().len();
        let (_, count) = bytes_to_open(&path);
        assert!(count < ENOUGH_BYTES && count < size / 2, "{}: {count} of {size}", path.display());
    }
}

/// What an encoder writes to a pipe may have gigabytes.
#[test]
fn a_seek_in_flac_without_a_length_does_not_read_it_all() {
    let folder = Folder::new();
    let noise = "-f lavfi -i anoisesrc=r=44100:d=200:a=0.3";
    let path = ffmpeg(noise, &folder, &[("a.flac", "-compression_level 0")]).remove(0);
    let mut file = std::fs::read(&path).unwrap();
    assert_eq!(&file[..5], b"fLaC\0");
    file[8 + 13] &= 0xf0;
    file[8 + 14..8 + 18].fill(0);
    std::fs::write(&path, &file).unwrap();
    let read = bytes_to_seek(&path, 100 * 44_100);
    assert!(read < file.len() as u64 / 4, "{read} of {} bytes", file.len());
}

#[test]
fn pictures_are_neither_read_nor_kept() {
    const PICTURE_BYTES: u64 = 500_000;
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, 20_000);
    let wav = folder.wav("plain.wav", &pcm);
    let noise = "-f lavfi -i nullsrc=s=640x640,geq=random(1)*255:128:128";
    let picture = ffmpeg(noise, &folder, &[("cover.png", "-frames:v 1")]).remove(0);
    let both = format!("-i {} -i {}", wav.display(), picture.display());
    let with_cover = |options: &str| {
        let cover = "-map 0 -map 1 -c:v copy -disposition:v attached_pic -metadata title=Jóga";
        format!("{cover} {options}")
    };
    let files = [
        ("3.mp3", with_cover("-c:a libmp3lame -id3v2_version 3")),
        ("4.mp3", with_cover("-c:a libmp3lame -id3v2_version 4")),
        ("a.flac", with_cover("")),
        ("a.m4a", with_cover("-c:a alac")),
        ("front.m4a", with_cover("-c:a alac -movflags +faststart")),
        ("a.aiff", with_cover("-write_id3v2 1")),
    ];
    let files = files.each_ref().map(|(name, options)| (*name, options.as_str()));
    for (path, (name, _)) in ffmpeg(&both, &folder, &files).into_iter().zip(files) {
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size > PICTURE_BYTES, "{name} has a picture in it: {size} bytes");
        let (mut file, count) = bytes_to_open(&path);
        assert!(count < ENOUGH_BYTES, "{name}: {count} bytes are read");
        assert_eq!(file.tags().title.as_deref(), Some("Jóga"), "{name}");
        let got = read_all(&mut file);
        assert_eq!(got.len(), pcm.samples.len(), "{name}");
        if !name.ends_with("mp3") {
            assert!(got == pcm.as_floats(), "{name}");
        }
    }
}

/// The largest picture that FLAC can hold.
const LARGE_PICTURE: usize = (16 << 20) - 1 - 42;

/// The fields of a FLAC picture, or of an ID3 one, and the picture.
fn picture(fields: &[u8]) -> Vec<u8> {
    let noise = (0..LARGE_PICTURE).map(|n| ((n * 7919) >> 3) as u8 & 0x7f);
    fields.iter().copied().chain(noise).collect()
}

#[test]
fn large_pictures_are_within_the_budget() {
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 20_000));
    let [flac, mp3] =
        convert(&wav, &folder, &[("a.flac", ""), ("a.mp3", "-c:a libmp3lame -id3v2_version 0")])
            .try_into()
            .unwrap();
    let open = |path: &Path| read_all(&mut AudioFile::open(path, stereo(44_100)).unwrap()).len();
    let lengths = [open(&flac), open(&mp3)];

    let mut bytes = std::fs::read(&flac).unwrap();
    let mut fields = Vec::from(*b"\0\0\0\x03\0\0\0\x0aimage/jpeg\0\0\0\0");
    fields.extend([0; 16]);
    fields.extend((LARGE_PICTURE as u32).to_be_bytes());
    let block = picture(&fields);
    let mut header = (block.len() as u32).to_be_bytes();
    header[0] = 6;
    // After the first block, which has a fixed size, and is not the last: FFmpeg writes its name behind it.
    bytes.splice(42..42, header.into_iter().chain(block));
    std::fs::write(&flac, bytes).unwrap();

    let frame = picture(b"\0image/jpeg\0\x03\0");
    let mut tag = Vec::from(*b"ID3\x03\0\0");
    let size = frame.len() as u32 + 10;
    tag.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
    tag.extend(b"APIC");
    tag.extend((frame.len() as u32).to_be_bytes());
    tag.extend([0; 2]);
    tag.extend(frame);
    tag.extend(std::fs::read(&mp3).unwrap());
    std::fs::write(&mp3, tag).unwrap();

    assert_eq!([open(&flac), open(&mp3)], lengths);
}

#[test]
fn an_index_behind_gigabytes_is_found() {
    const GIGABYTES: u32 = 2 << 30;
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 20_000));
    let m4a = convert(&wav, &folder, &[("a.m4a", "-c:a alac")]).remove(0);
    let length = read_all(&mut AudioFile::open(&m4a, stereo(44_100)).unwrap()).len();
    let bytes = std::fs::read(&m4a).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap() - 4;
    let (data, index) = (place(b"mdat"), place(b"moov"));
    assert!(data < index, "the index is at the end");
    let size = u32::from_be_bytes(bytes[data..data + 4].try_into().unwrap());
    let mut grown = bytes[..index].to_vec();
    grown[data..data + 4].copy_from_slice(&(size + GIGABYTES).to_be_bytes());
    let file = std::fs::File::create(&m4a).unwrap();
    file.write_all_at(&grown, 0).unwrap();
    // There is nothing between the two, so it takes no place on the disk.
    file.write_all_at(&bytes[index..], index as u64 + u64::from(GIGABYTES)).unwrap();
    let began = Instant::now();
    assert_eq!(read_all(&mut AudioFile::open(&m4a, stereo(44_100)).unwrap()).len(), length);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn an_index_that_tells_of_gigabytes_is_refused() {
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 20_000));
    let m4a = convert(&wav, &folder, &[("a.m4a", "-c:a aac")]).remove(0);
    let mut bytes = std::fs::read(&m4a).unwrap();
    let sizes = bytes.windows(4).position(|window| window == b"stsz").unwrap() + 16;
    bytes[sizes..sizes + 4].copy_from_slice(&0x7fff_ffffu32.to_be_bytes());
    std::fs::write(&m4a, bytes).unwrap();
    let reason = AudioFile::open(&m4a, stereo(44_100)).err().expect("a refusal").to_string();
    assert!(reason.contains("its index points to no sound"), "{reason}");
}

/// Whether a file is opened or refused, it may not cost more than this.
fn is_within_the_budget(path: &Path) {
    use nix::time::{ClockId, clock_gettime};
    let worked = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let bytes = Arc::new(AtomicU64::new(0));
    let source = Box::new(Counted { file: std::fs::File::open(path).unwrap(), bytes: bytes.clone() });
    let before = worked();
    let opened = AudioFile::open_source(source, path, stereo(44_100)).err().map(|cause| cause.to_string());
    let took = worked() - before;
    // Between two looks at the clock there is some work.
    assert!(took < Duration::from_millis(2_500), "{}: {took:?} ({opened:?})", path.display());
    let count = bytes.load(Ordering::Relaxed);
    assert!(count <= 64 << 20, "{}: {count} bytes ({opened:?})", path.display());
}

#[test]
fn half_a_gigabyte_of_zeros_before_an_mp3_is_not_searched() {
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 20_000));
    let mp3 = convert(&wav, &folder, &[("a.mp3", "-c:a libmp3lame")]).remove(0);
    let bytes = std::fs::read(&mp3).unwrap();
    std::fs::File::create(&mp3).unwrap().write_all_at(&bytes, 500 << 20).unwrap();
    is_within_the_budget(&mp3);
}

#[test]
fn an_index_of_twenty_million_packets_is_within_the_budget() {
    const PACKETS: u32 = 20_000_000;
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 20_000));
    let m4a = convert(&wav, &folder, &[("a.m4a", "-c:a aac")]).remove(0);
    let mut bytes = std::fs::read(&m4a).unwrap();
    let place = |name: &[u8]| bytes.windows(4).rposition(|window| window == name).unwrap() - 4;
    let sizes = place(b"stsz");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let (there, more) = (number(sizes + 16), 4 * (PACKETS - number(sizes + 16)));
    let boxes = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz"].map(|name| place(name));
    for (at, size) in boxes.map(|at| (at, number(at) + more)) {
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    bytes[sizes + 16..sizes + 20].copy_from_slice(&PACKETS.to_be_bytes());
    let split = sizes + 20 + 4 * there as usize;
    let file = std::fs::File::create(&m4a).unwrap();
    file.write_all_at(&bytes[..split], 0).unwrap();
    file.write_all_at(&bytes[split..], split as u64 + u64::from(more)).unwrap();
    is_within_the_budget(&m4a);
}

/// A gigabyte of zeros as the second packet of an Ogg file, in good pages as far as anybody may read.
#[test]
fn a_comment_of_a_gigabyte_is_within_the_budget() {
    use symphonia::core::checksum::Crc32;
    use symphonia::core::io::Monitor;
    const PAGE: u64 = 27 + 255 + 255 * 255;
    let sum = |page: &[u8]| {
        let mut sum = Crc32::new(0);
        sum.process_buf_bytes(page);
        sum.crc()
    };
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(44_100, 2, 20_000));
    let ogg = convert(&wav, &folder, &[("a.ogg", "-c:a libvorbis")]).remove(0);
    let bytes = std::fs::read(&ogg).unwrap();
    let second = bytes[4..].windows(4).position(|window| window == b"OggS").unwrap() + 4;
    let file = std::fs::File::create(&ogg).unwrap();
    file.write_all_at(&bytes[..second], 0).unwrap();
    let mut page = vec![0; PAGE as usize];
    page[..4].copy_from_slice(b"OggS");
    page[14..18].copy_from_slice(&bytes[14..18]);
    page[26..282].fill(255);
    let plain = sum(&page);
    // The checksum is linear: each bit of the page's number has its share in it.
    let shares: Vec<u32> = (0..11)
        .map(|bit| {
            let mut page = vec![0; PAGE as usize];
            page[18..22].copy_from_slice(&(1u32 << bit).to_le_bytes());
            sum(&page)
        })
        .collect();
    for number in 1..1_100u32 {
        let at = second as u64 + u64::from(number - 1) * PAGE;
        let shared = (0..11).filter(|bit| number >> bit & 1 == 1).fold(plain, |sum, bit| sum ^ shares[bit]);
        let mut head = page[..282].to_vec();
        head[18..22].copy_from_slice(&number.to_le_bytes());
        head[22..26].copy_from_slice(&shared.to_le_bytes());
        file.write_all_at(&head, at).unwrap();
    }
    file.set_len(1 << 30).unwrap();
    is_within_the_budget(&ogg);
}

/// A comment with a picture of so many bytes, in the pages that a program makes of it.
fn with_comment(ogg: &[u8], picture: usize, page_bytes: usize) -> Vec<u8> {
    fn page(flags: u8, number: u32, of: &[u8], table: &[u8], body: &[u8]) -> Vec<u8> {
        let mut page = [&b"OggS\0"[..], &[flags], &[0; 8], of, &number.to_le_bytes(), &[0; 4]].concat();
        page.push(table.len() as u8);
        page.extend(table);
        page.extend(body);
        let sum = crate::codec::packets::ogg::checksum(&page);
        page[22..26].copy_from_slice(&sum);
        page
    }
    let end_of = |at: usize| {
        let table = &ogg[at + 27..at + 27 + usize::from(ogg[at + 26])];
        at + 27 + table.len() + table.iter().map(|&lace| usize::from(lace)).sum::<usize>()
    };
    let second = end_of(0);
    let table = &ogg[second + 27..second + 27 + usize::from(ogg[second + 26])];
    let pieces = table.iter().position(|&lace| lace < 255).unwrap() + 1;
    let length: usize = table[..pieces].iter().map(|&lace| usize::from(lace)).sum();
    let body = second + 27 + table.len();
    let is_vorbis = ogg[body..].starts_with(b"\x03vorbis");
    let mut packet = if is_vorbis { b"\x03vorbis".to_vec() } else { b"OpusTags".to_vec() };
    packet.extend([0, 0, 0, 0, 2, 0, 0, 0]);
    let cover = [&b"METADATA_BLOCK_PICTURE="[..], &vec![b'A'; picture]].concat();
    for comment in [&cover[..], "TITLE=Jóga".as_bytes()] {
        packet.extend((comment.len() as u32).to_le_bytes());
        packet.extend(comment);
    }
    packet.push(1);
    let serial = &ogg[14..18];
    let mut out = ogg[..second].to_vec();
    let whole = page_bytes / 255;
    let (mut at, mut number) = (0, 1);
    while packet.len() - at >= whole * 255 {
        out.extend(page(u8::from(at > 0), number, serial, &vec![255; whole], &packet[at..at + whole * 255]));
        at += whole * 255;
        number += 1;
    }
    // The rest of the packet and what was behind it in its page.
    let left = packet.len() - at;
    let mut laces = vec![255; left / 255];
    laces.push((left % 255) as u8);
    laces.extend(&table[pieces..]);
    let end = end_of(second);
    out.extend(page(
        u8::from(at > 0),
        number,
        serial,
        &laces,
        &[&packet[at..], &ogg[body + length..end]].concat(),
    ));
    out.extend(&ogg[end..]);
    out
}

#[test]
fn a_large_picture_in_ogg_is_neither_kept_nor_hides_the_title() {
    let folder = Folder::new();
    let wav = folder.wav("plain.wav", &Pcm::sweeps(48_000, 2, 60_000));
    let files = [("a.ogg", "-c:a libvorbis -page_duration 100000"), ("a.opus", "-c:a libopus")];
    for path in convert(&wav, &folder, &files) {
        let (plain, right) =
            (std::fs::read(&path).unwrap(), read_all(&mut AudioFile::open(&path, stereo(48_000)).unwrap()));
        for (picture, page_bytes) in
            [(100, 4_080), (100_000, 4_080), (5_000_000, 4_080), (25_000_000, 40_000)]
        {
            std::fs::write(&path, with_comment(&plain, picture, page_bytes)).unwrap();
            let (_, count) = bytes_to_open(&path);
            assert!(count < 2 * ENOUGH_BYTES + picture as u64 / 4, "{picture}: {count} bytes are read");
            let mut file = AudioFile::open(&path, stereo(48_000)).unwrap();
            assert_eq!(file.tags().title.as_deref(), Some("Jóga"), "{picture}");
            assert!(read_all(&mut file) == right, "{} with a picture of {picture}", path.display());
        }
    }
}
