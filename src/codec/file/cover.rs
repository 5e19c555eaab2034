//! The cover of a track: a picture in its tags, or beside its file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use lofty::config::{GlobalOptions, ParseOptions, ParsingMode, apply_global_options};
use lofty::file::{FileType, TaggedFileExt};
use lofty::picture::{Picture, PictureType};
use lofty::probe::Probe;

use super::budget::{Budget, Limited};
use super::source::{self, Bytes, Media};
use super::survey;
use super::tags::Pictures;
use crate::error::Result;
use crate::picture::picture_type;
use crate::roots::Bounds;

/// The most bytes of a cover. A larger one is none.
pub(crate) const MAX_COVER: usize = 2 << 20;

/// The longest piece of a tag that is read. The picture of an Ogg file is written in a text, a third longer
/// than it is, among the other comments.
const MAX_PIECE: usize = 4 << 20;

/// The names of pictures beside a file, the best first.
const BESIDE: [&str; 8] = [
    "cover.jpg",
    "cover.png",
    "cover.webp",
    "folder.jpg",
    "folder.png",
    "Cover.jpg",
    "Folder.jpg",
    "cover.jpeg",
];

/// A picture that a browser may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Cover {
    fn of(bytes: &[u8]) -> Option<Cover> {
        let content_type = picture_type(bytes).filter(|_| bytes.len() <= MAX_COVER)?;
        Some(Cover { content_type, bytes: bytes.to_vec() })
    }
}

/// Looks for the cover of an audio file, on the caller's thread: first in its tags, then beside it. What a
/// file says of its picture does not count, only the picture's own first bytes. `None`: it has none that a
/// browser may show, of at most 2 MiB.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if the file does not exist, or cannot be opened.
pub(crate) fn read_cover(path: &Path, bounds: &Bounds) -> Result<Option<Cover>> {
    let file = source::open(path, bounds)?;
    Ok(in_tags(file).or_else(|| beside(path, bounds)))
}

/// The front of the album in the tags, else their first picture. Tags that cannot be read have none.
fn in_tags(file: File) -> Option<Cover> {
    let mut bytes = Bytes::new(Box::new(Limited::new(Box::new(file), Budget::new()))).ok()?;
    let (pictures, container) = survey::pictures(&mut bytes).ok()?;
    in_pictures(&mut bytes, &pictures)
        .or_else(|| in_container(Media::new(bytes, container, Vec::new()).ok()?))
}

/// The same in the ID3 and APE tags, be they around the audio or in a chunk of a WAV or AIFF file.
fn in_pictures(bytes: &mut Bytes, pictures: &Pictures) -> Option<Cover> {
    let mut other = None;
    for picture in pictures.read(bytes, MAX_COVER) {
        match Cover::of(&picture.bytes) {
            Some(front) if picture.is_front => return Some(front),
            cover => other = other.or(cover),
        }
    }
    other
}

/// The same in a container that has pictures in a form of its own.
fn in_container(mut media: Media) -> Option<Cover> {
    // What says that it is an ID3 tag is left to us: lofty would decompress what says that it is compressed,
    // however much it becomes.
    if media.exactly(0).ok()? == Some(*b"ID3") {
        return None;
    }
    // For this thread.
    apply_global_options(GlobalOptions::new().allocation_limit(MAX_PIECE));
    let options = ParseOptions::new().read_properties(false).parsing_mode(ParsingMode::Relaxed);
    let probe = Probe::new(BufReader::new(media)).options(options).guess_file_type().ok()?;
    let is_read = matches!(
        probe.file_type()?,
        FileType::Flac | FileType::Mp4 | FileType::Vorbis | FileType::Opus | FileType::Speex
    );
    let tagged = is_read.then(|| probe.read().ok())??;
    let pictures = || tagged.tags().iter().flat_map(|tag| tag.pictures());
    let front = pictures().filter(|picture| picture.pic_type() == PictureType::CoverFront);
    front.chain(pictures()).map(Picture::data).find_map(Cover::of)
}

fn beside(path: &Path, bounds: &Bounds) -> Option<Cover> {
    let read = |name: &&str| {
        let file = source::open(&path.with_file_name(name), bounds).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_COVER as u64 + 1).read_to_end(&mut bytes).ok()?;
        Cover::of(&bytes)
    };
    BESIDE.iter().find_map(read)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF the front";

    /// The kinds of an APE tag's items.
    const TEXT: u8 = 0;
    const BINARY: u8 = 2;
    const ELSEWHERE: u8 = 4;

    /// An ID3 tag with a picture of this kind.
    fn id3(kind: u8, declared: &str, picture: &[u8]) -> Vec<u8> {
        let frame = [&[0], declared.as_bytes(), &[0, kind, 0], picture].concat();
        let length = |n: usize| [21, 14, 7, 0].map(|shift| (n >> shift & 127) as u8);
        let frame = [&b"APIC"[..], &length(frame.len()), &[0, 0], &frame].concat();
        [&b"ID3\x04\0\0"[..], &length(frame.len()), &frame].concat()
    }

    /// An APE tag with these items: a name, a kind and a value.
    fn ape(items: &[(&str, u8, &[u8])]) -> Vec<u8> {
        let item = |(name, flags, value): &(&str, u8, &[u8])| {
            let size = (value.len() as u32).to_le_bytes();
            [&size, &[*flags, 0, 0, 0][..], name.as_bytes(), &[0], value].concat()
        };
        let content: Vec<u8> = items.iter().flat_map(item).collect();
        let edge = |flags: u32| {
            let numbers = [2000, content.len() as u32 + 32, items.len() as u32, flags, 0, 0];
            [b"APETAGEX", numbers.map(u32::to_le_bytes).as_flattened()].concat()
        };
        [edge(5 << 29), content.clone(), edge(1 << 31)].concat()
    }

    /// Packets of MP3.
    fn audio() -> Vec<u8> {
        [&[0xff, 0xfb, 0x90, 0x64][..], &[0; 413]].concat().repeat(4)
    }

    /// An ID3 tag with a picture of this kind, and a little audio.
    fn mp3(kind: u8, declared: &str, picture: &[u8]) -> Vec<u8> {
        [id3(kind, declared, picture), audio()].concat()
    }

    /// Chunks of these names and contents, which begin as a WAV or an AIFF file does.
    fn chunks(form: &[u8; 12], length: fn(u32) -> [u8; 4], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let chunk = |(name, content): &(&[u8; 4], &[u8])| {
            let even = &[0][..content.len() % 2];
            [&name[..], &length(content.len() as u32), content, even].concat()
        };
        let mut file = [&form[..], &chunks.iter().flat_map(chunk).collect::<Vec<_>>()].concat();
        let size = length(file.len() as u32 - 8);
        file[4..8].copy_from_slice(&size);
        file
    }

    fn wav(tag: &[u8]) -> Vec<u8> {
        let form = b"\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0";
        let sound = &[0; 64][..];
        chunks(b"RIFF----WAVE", u32::to_le_bytes, &[(b"fmt ", form), (b"data", sound), (b"id3 ", tag)])
    }

    fn aiff(tag: &[u8]) -> Vec<u8> {
        let form = b"\0\x01\0\0\0\x20\0\x10\x40\x0e\xac\x44\0\0\0\0\0\0";
        let sound = &[0; 72][..];
        chunks(b"FORM----AIFF", u32::to_be_bytes, &[(b"COMM", form), (b"ID3 ", tag), (b"SSND", sound)])
    }

    /// A FLAC file with pictures of these kinds.
    fn flac(pictures: &[(u32, &[u8])]) -> Vec<u8> {
        let block = |kind: u8, content: &[u8]| {
            let length = (content.len() as u32).to_be_bytes();
            [&[kind][..], &length[1..], content].concat()
        };
        let picture = |(kind, picture): &(u32, &[u8])| {
            let text = |text: &[u8]| [&(text.len() as u32).to_be_bytes()[..], text].concat();
            let head = [&kind.to_be_bytes()[..], &text(b"image/jpeg"), &text(b""), &[0; 16]].concat();
            block(6, &[head, text(picture)].concat())
        };
        let info = b"\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let pictures: Vec<u8> = pictures.iter().flat_map(picture).collect();
        [&b"fLaC"[..], &block(0, info), &pictures, &block(0x81, b"")].concat()
    }

    fn cover_of(bytes: &[u8]) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ä.mp3");
        fs::write(&file, bytes).unwrap();
        read_cover(&file, &Bounds::Anywhere).unwrap().map(|cover| cover.bytes)
    }

    #[test]
    fn a_picture_in_tags_is_a_cover_if_it_is_one_whatever_is_said_of_it() {
        assert_eq!(cover_of(&mp3(3, "image/jpeg", JPEG)).as_deref(), Some(JPEG));
        assert_eq!(cover_of(&mp3(0, "image/svg+xml", JPEG)).as_deref(), Some(JPEG));
        for none in [&b"<svg onload='alert(1)'/>"[..], b"<html><script>", b"", b"\xff\xd8"] {
            assert_eq!(cover_of(&mp3(3, "image/jpeg", none)), None, "{none:?}");
        }
        assert_eq!(cover_of(b""), None);
        assert_eq!(cover_of(b"no audio at all"), None);
    }

    #[test]
    fn the_front_goes_before_other_pictures_of_a_flac_file() {
        let other = [JPEG, b" not"].concat();
        assert_eq!(cover_of(&flac(&[(4, &other), (3, JPEG)])).as_deref(), Some(JPEG));
        // Behind a tag that has none.
        let behind = |tags: usize| [id3(3, "image/jpeg", b"none").repeat(tags), flac(&[(3, JPEG)])].concat();
        assert_eq!(cover_of(&behind(1)).as_deref(), Some(JPEG));
        // As many tags are not read, and are not given to others.
        assert_eq!(cover_of(&behind(9)), None);
    }

    #[test]
    fn the_tag_in_a_wav_or_aiff_file_has_its_cover() {
        let other = [JPEG, b" not"].concat();
        for file in [wav, aiff] {
            assert_eq!(cover_of(&file(&id3(3, "image/jpeg", JPEG))).as_deref(), Some(JPEG));
            assert_eq!(cover_of(&file(&id3(3, "image/jpeg", b"<svg/>"))), None);
            assert_eq!(cover_of(&file(b"")), None);
            // It is that of the file, whatever another program has put behind it.
            let behind = ape(&[("Cover Art (Front)", BINARY, &[b"a.jpg\0", &other[..]].concat())]);
            let both = [file(&id3(3, "image/jpeg", JPEG)), behind.clone()].concat();
            assert_eq!(cover_of(&both).as_deref(), Some(JPEG));
            assert_eq!(cover_of(&[file(b""), behind].concat()), Some(other.clone()));
        }
    }

    #[test]
    fn an_ape_tag_has_its_cover_in_an_item() {
        let (front, other) = ([b"a.jpg\0", JPEG].concat(), [b"\0", JPEG, b" not"].concat());
        let items: [(&str, u8, &[u8]); 3] = [
            ("Title", TEXT, b"A title"),
            ("Cover Art (Back)", BINARY, &other),
            ("COVER ART (FRONT)", BINARY, &front),
        ];
        let tag = ape(&items);
        assert_eq!(cover_of(&[&audio()[..], &tag].concat()).as_deref(), Some(JPEG), "at the end");
        assert_eq!(cover_of(&[&tag[..], &audio()].concat()).as_deref(), Some(JPEG), "at the beginning");
        let id3v1 = [&b"TAG"[..], &[0; 125]].concat();
        assert_eq!(cover_of(&[&audio()[..], &tag, &id3v1].concat()).as_deref(), Some(JPEG));
        let back = [JPEG, b" not"].concat();
        assert_eq!(cover_of(&[&audio()[..], &ape(&items[..2])].concat()), Some(back));
        for none in [
            ("Cover Art (Front)", TEXT, &front[..]),
            ("Cover Art (Front)", ELSEWHERE, b"http://radio.example/a.jpg"),
            ("Cover Art (Front)", BINARY, b"a.svg\0<svg/>"),
            ("Cover Art (Front)", BINARY, JPEG.split_at(4).0),
            ("Cover Art (Front)", BINARY, b""),
            ("Lyrics", BINARY, &front),
        ] {
            assert_eq!(cover_of(&[&audio()[..], &ape(&[none])].concat()), None, "{none:?}");
        }
    }

    #[test]
    fn a_cover_has_so_many_bytes() {
        let fits = [JPEG, &vec![7; MAX_COVER - JPEG.len()]].concat();
        assert_eq!(cover_of(&mp3(3, "image/jpeg", &fits)), Some(fits.clone()));
        let large = [&fits[..], b"!"].concat();
        assert_eq!(cover_of(&mp3(3, "image/jpeg", &large)), None);
        for file in [wav, aiff] {
            assert_eq!(cover_of(&file(&id3(3, "image/jpeg", &fits))), Some(fits.clone()));
            assert_eq!(cover_of(&file(&id3(3, "image/jpeg", &large))), None);
        }
        let item = |picture: &[u8]| {
            [audio(), ape(&[("Cover Art (Front)", BINARY, &[b"a.jpg\0", picture].concat())])].concat()
        };
        assert_eq!(cover_of(&item(&fits)), Some(fits));
        assert_eq!(cover_of(&item(&large)), None);
    }

    #[test]
    fn sizes_that_lie_cost_at_most_the_cover() {
        let all = [0xff; 4];
        for (file, name) in [(wav as fn(&[u8]) -> Vec<u8>, b"id3 "), (aiff, b"ID3 ")] {
            let good = file(&id3(3, "image/jpeg", JPEG));
            let chunk = good.windows(4).position(|bytes| bytes == name).unwrap() + 4;
            // The chunk, the tag in it, and the frame in that.
            for at in [chunk, chunk + 10, chunk + 18] {
                let mut bytes = good.clone();
                bytes[at..at + 4].copy_from_slice(&all);
                let cover = cover_of(&bytes);
                assert!(cover.as_deref().is_none_or(|cover| cover.starts_with(JPEG)), "{at}: {cover:?}");
            }
        }
        let item = [b"a.jpg\0", JPEG].concat();
        let tag = ape(&[("Cover Art (Front)", BINARY, &item)]);
        // The tag's size in its header and in its footer, and that of its item.
        for at in [12, 32, tag.len() - 20] {
            for size in [all, [0; 4], [0xff, 0xff, 0xff, 0x7f], [40, 0, 0, 0]] {
                let mut bytes = tag.clone();
                bytes[at..at + 4].copy_from_slice(&size);
                for file in [[&audio()[..], &bytes].concat(), [&bytes[..], &audio()].concat()] {
                    let cover = cover_of(&file);
                    assert!(cover.as_deref().is_none_or(|cover| cover.starts_with(JPEG)), "{at}: {cover:?}");
                }
            }
        }
    }

    #[test]
    fn a_cover_of_a_hundred_megabytes_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("huge.ape");
        let item = [b"a.jpg\0", JPEG].concat();
        let mut tag = ape(&[("Cover Art (Front)", BINARY, &item)]);
        let (huge, value) = (100_u32 << 20, 32 + 8 + 18 + item.len());
        tag[12..16].copy_from_slice(&(huge + 26 + 32).to_le_bytes());
        tag[32..36].copy_from_slice(&huge.to_le_bytes());
        fs::write(&file, &tag[..value]).unwrap();
        let ended = File::options().append(true).open(&file).unwrap();
        ended.set_len(u64::from(huge) + 32 + 26 + 32).unwrap();
        assert_eq!(read_cover(&file, &Bounds::Anywhere).unwrap(), None);

        let file = folder.path().join("huge.mp3");
        let mut bytes = mp3(3, "image/jpeg", JPEG);
        // The sizes of the tag and of its frame: 50 * 128^3 bytes.
        bytes[6..10].copy_from_slice(&[50, 0, 0, 0]);
        bytes[14..18].copy_from_slice(&[49, 127, 127, 118]);
        fs::write(&file, &bytes).unwrap();
        File::options().append(true).open(&file).unwrap().set_len((50 << 21) + 10).unwrap();
        assert_eq!(read_cover(&file, &Bounds::Anywhere).unwrap(), None);
    }

    #[test]
    fn a_picture_beside_the_file_is_its_cover_but_no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let (music, secret) = (folder.path().join("music"), folder.path().join("secret.jpg"));
        fs::create_dir(&music).unwrap();
        let file = music.join("a.mp3");
        fs::write(&file, mp3(3, "image/jpeg", b"none")).unwrap();
        let bounds = Bounds::Below(std::sync::Arc::new(vec![music.clone()]));
        let cover = || read_cover(&file, &bounds).unwrap().map(|cover| (cover.content_type, cover.bytes));
        assert_eq!(cover(), None);
        fs::write(&secret, JPEG).unwrap();
        std::os::unix::fs::symlink(&secret, music.join("cover.jpg")).unwrap();
        assert_eq!(cover(), None);
        fs::write(music.join("folder.jpg"), b"\x89PNG\r\n\x1a\n...").unwrap();
        assert_eq!(cover().unwrap().0, "image/png");
        // A pipe makes nobody wait.
        fs::remove_file(music.join("cover.jpg")).unwrap();
        assert!(
            std::process::Command::new("mkfifo").arg(music.join("cover.jpg")).status().unwrap().success()
        );
        assert_eq!(cover().unwrap().0, "image/png");
        assert!(read_cover(&music.join("none.mp3"), &bounds).is_err());
    }
}
