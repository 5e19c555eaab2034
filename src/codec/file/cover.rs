//! The cover of a track: a picture in its tags, or beside its file.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use lofty::config::{GlobalOptions, ParseOptions, ParsingMode, apply_global_options};
use lofty::file::{FileType, TaggedFileExt};
use lofty::picture::{Picture, PictureType};
use lofty::probe::Probe;

use super::budget::{Budget, Limited};
use super::source::{self, Bytes};
use super::tags::id3;
use crate::error::Result;
use crate::picture::picture_type;
use crate::roots::Bounds;

/// The most bytes of a cover. A larger one is none.
pub(crate) const MAX_COVER: usize = 2 << 20;

/// The longest piece of a tag that is read. The picture of an Ogg file is written in a text, a third longer than it
/// is, among the other comments.
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

/// Looks for the cover of an audio file, on the caller's thread: first in its tags, then beside it. What a file
/// says of its picture does not count, only the picture's own first bytes. `None`: it has none that a browser may
/// show, of at most 2 MiB.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if the file does not exist, or cannot be opened.
pub(crate) fn read_cover(path: &Path, bounds: &Bounds) -> Result<Option<Cover>> {
    let file = source::open(path, bounds)?;
    Ok(in_tags(file).or_else(|| beside(path, bounds)))
}

/// The front of the album in the tags, else their first picture. Tags that cannot be read have none.
fn in_tags(file: File) -> Option<Cover> {
    let mut reader = Limited::new(Box::new(file), Budget::new());
    let mut beginning = [0; 3];
    reader.read_exact(&mut beginning).ok()?;
    // lofty would decompress what says that it is compressed, however much it becomes.
    match &beginning == b"ID3" {
        true => {
            let pictures = id3::pictures(&mut Bytes::new(Box::new(reader)).ok()?, MAX_COVER).ok()?;
            pictures.iter().find_map(|picture| Cover::of(picture))
        }
        false => in_other_tags(reader),
    }
}

/// The same in a file that does not begin with an ID3 tag.
fn in_other_tags(mut reader: Limited) -> Option<Cover> {
    reader.rewind().ok()?;
    // For this thread.
    apply_global_options(GlobalOptions::new().allocation_limit(MAX_PIECE));
    let options = ParseOptions::new().read_properties(false).parsing_mode(ParsingMode::Relaxed);
    let probe = Probe::new(BufReader::new(reader)).options(options).guess_file_type().ok()?;
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

    /// An ID3 tag with a picture of this kind, and a little audio.
    fn mp3(kind: u8, declared: &str, picture: &[u8]) -> Vec<u8> {
        let frame = [&[0], declared.as_bytes(), &[0, kind, 0], picture].concat();
        let length = |n: usize| [21, 14, 7, 0].map(|shift| (n >> shift & 127) as u8);
        let frame = [&b"APIC"[..], &length(frame.len()), &[0, 0], &frame].concat();
        let packet = [&[0xff, 0xfb, 0x90, 0x64][..], &[0; 413]].concat();
        [&b"ID3\x04\0\0"[..], &length(frame.len()), &frame, &packet.repeat(4)].concat()
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
        let block = |kind: u8, content: &[u8]| {
            let length = (content.len() as u32).to_be_bytes();
            [&[kind][..], &length[1..], content].concat()
        };
        let picture = |kind: u32, picture: &[u8]| {
            let text = |text: &[u8]| [&(text.len() as u32).to_be_bytes()[..], text].concat();
            let head = [&kind.to_be_bytes()[..], &text(b"image/jpeg"), &text(b""), &[0; 16]].concat();
            [head, text(picture)].concat()
        };
        let info = b"\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let (other, front) = (picture(4, &[JPEG, b" not"].concat()), picture(3, JPEG));
        let file = [&b"fLaC"[..], &block(0, info), &block(6, &other), &block(0x86, &front)].concat();
        assert_eq!(cover_of(&file).as_deref(), Some(JPEG));
    }

    #[test]
    fn a_cover_has_so_many_bytes() {
        let fits = [JPEG, &vec![7; MAX_COVER - JPEG.len()]].concat();
        assert_eq!(cover_of(&mp3(3, "image/jpeg", &fits)), Some(fits.clone()));
        assert_eq!(cover_of(&mp3(3, "image/jpeg", &[&fits[..], b"!"].concat())), None);
    }

    #[test]
    fn a_cover_of_a_hundred_megabytes_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
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
