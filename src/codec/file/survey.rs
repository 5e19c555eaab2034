//! Reads a file's tags and prepares it for symphonia. symphonia would read the tags with all their pictures,
//! and refuse a file because of a damaged tag. Known problems of files are patched.

use std::io;

use super::sound::{Blocks, Form};
use super::source::{Bytes, Media, Patch};
use super::tags::{Found, ape, id3};
use super::{kinds, mp4, riff};

/// The most tags before the audio that are read.
const MAX_TAGS: usize = 8;

/// The most blocks before the audio of a FLAC file that are read.
const MAX_BLOCKS: usize = 256;

/// A file that is ready for symphonia, with its tags.
pub(super) struct Survey {
    /// The file for symphonia.
    pub(super) media: Media,
    /// The form of the sound, if `media` has nothing else in it.
    pub(super) blocks: Option<Blocks>,
    /// The tags that were found. If two kinds have the same field, the better kind counts.
    pub(super) tags: Found,
    /// Tags that count only for fields that no other tag has.
    pub(super) old_tags: Found,
    /// The times of the tracks in the index of an MP4 file.
    pub(super) times: Vec<mp4::Times>,
    /// Why the file must not be played.
    pub(super) fault: Option<String>,
}

/// Reads the beginning and the end of a file.
pub(super) fn survey(mut bytes: Bytes) -> io::Result<Survey> {
    let (mut tags, mut old_tags) = (Found::default(), Found::default());
    let mut patches = Vec::new();
    let end = bytes.len();
    let mut begin = 0;
    for _ in 0..MAX_TAGS {
        let mut id3 = Found::default();
        let Some(after) = id3::read_v2(&mut bytes, begin, end, &mut id3)? else { break };
        tags.fill_from(id3);
        begin = after;
    }
    let id3v1 = id3::read_v1(&mut bytes, &mut old_tags)?;
    let mut ape = Found::default();
    ape::read(&mut bytes, id3v1.unwrap_or(end), &mut ape)?;
    tags.fill_from(ape);

    let head = bytes.up_to(begin, 12)?;
    let (mut times, mut fault) = (Vec::new(), None);
    if head.starts_with(b"fLaC") {
        hide_flac_pictures(&mut bytes, begin + 4, &mut patches)?;
    } else if head.get(4..8) == Some(b"ftyp") {
        let movie = mp4::read(&mut bytes, begin, &mut patches)?;
        (times, fault) = (movie.times, movie.fault.map(str::to_owned));
    } else if let Some(sound) = riff::read(&mut bytes, begin, &mut tags)? {
        let (form, range, fault) = match sound {
            Ok(sound) => (Some(sound.form), sound.data, None),
            Err(reason) => (None, begin..end, Some(reason)),
        };
        let blocks = form.and_then(|form| match form {
            Form::Blocks(blocks) => Some(blocks),
            Form::Stream => None,
        });
        let media = Media::within(bytes, range)?;
        return Ok(Survey { media, blocks, tags, old_tags, times, fault });
    } else {
        fault = kinds::not_played(&bytes.up_to(begin, kinds::HEAD)?);
    }
    Ok(Survey { media: Media::new(bytes, begin, patches)?, blocks: None, tags, old_tags, times, fault })
}

/// Turns the pictures before the audio of a FLAC file into padding.
fn hide_flac_pictures(bytes: &mut Bytes, mut at: u64, patches: &mut Vec<Patch>) -> io::Result<()> {
    const PICTURE: u8 = 6;
    const PADDING: u8 = 1;
    for _ in 0..MAX_BLOCKS {
        let Some([kind, a, b, c]) = bytes.exactly::<4>(at)? else { break };
        let (is_last, kind) = (kind & 0x80, kind & 0x7f);
        if kind == PICTURE {
            patches.push(Patch { at, bytes: vec![is_last | PADDING] });
        }
        if is_last != 0 {
            break;
        }
        at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
    }
    Ok(())
}
