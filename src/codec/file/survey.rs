//! Reads a file's tags and prepares it for symphonia. symphonia would read the tags with all their pictures,
//! and refuse a file because of a damaged tag. Known problems of files are patched.

use std::io;
use std::ops::Range;

use super::sound::{Blocks, Form};
use super::source::{Bytes, Media, NewEnd};
use super::tags::{Found, Pictures, ape, id3, ilst, lame};
use super::{adts, caf, flac, kinds, mp4, mpeg, ogg, pages, riff};

/// The most tags before the audio, and behind it, that are read.
const MAX_TAGS: usize = 8;

/// A file that is ready for symphonia, with its tags.
pub(super) struct Survey {
    /// The file for symphonia.
    pub(super) media: Media,
    /// What reads it.
    pub(super) reader: Reader,
    /// The tags that were found. If two kinds have the same field, the better kind counts.
    pub(super) tags: Found,
    /// Tags that count only for fields that no other tag has.
    pub(super) old_tags: Found,
    /// How far the length in the first packet of an MP3 file can be believed.
    pub(super) declared: Option<mpeg::Declared>,
    /// Why the file must not be played.
    pub(super) fault: Option<String>,
}

/// What reads a file's packets.
pub(super) enum Reader {
    /// Ours: there is nothing but blocks.
    Blocks(Blocks),
    /// Ours, too.
    Adts,
    Mp4(Box<mp4::Track>),
    Flac(Option<flac::Info>),
    /// The one that symphonia finds.
    Probed,
    /// The same, for Ogg.
    Pages(pages::Start),
    /// The same, for packets without a container: tags may lie between them.
    Packets,
}

/// Reads the beginning and the end of a file.
pub(super) fn survey(mut bytes: Bytes) -> io::Result<Survey> {
    // The container's own tags, those around it, and those that only fill gaps.
    let (mut tags, mut around, mut old_tags) = (Found::default(), Found::default(), Found::default());
    let mut patches = Vec::new();
    let mut begin = read_first(&mut bytes, &mut around)?;
    // Damaged tags may overlap, and what is in front may go beyond the end.
    let mut end = read_last(&mut bytes, &mut around, &mut old_tags)?.max(begin);
    let has_tag_behind = end < bytes.len();

    let head = bytes.up_to(begin, 12)?;
    let (mut fault, mut reader) = (None, Reader::Probed);
    if head.starts_with(b"fLaC") {
        let flac::Head { info, audio } = flac::read(&mut bytes, begin, &mut tags)?;
        (begin, reader) = (audio, Reader::Flac(info));
    } else if head.starts_with(b"OggS") {
        fault = kinds::not_played(&bytes.up_to(begin, kinds::HEAD)?);
        reader = Reader::Pages(pages::start(&mut bytes, begin)?);
        pages::name_channels(&mut bytes, begin, &mut patches)?;
        begin = ogg::read(&mut bytes, begin, &mut tags, &mut patches)?;
        end = pages::end(&mut bytes, begin, end.max(begin))?;
        pages::mend_last_position(&mut bytes, begin..end, &mut patches)?;
    } else if mp4::begins(&mut bytes, begin)? {
        ilst::read(&mut bytes, begin..end, &mut tags)?;
        tags.fill_from(around);
        let mut media = Media::new(bytes, begin..end, Vec::new())?;
        let (reader, fault) = match mp4::read(&mut media)? {
            Ok(track) => (Reader::Mp4(Box::new(track)), None),
            Err(reason) => (Reader::Probed, Some(reason)),
        };
        return Ok(Survey { media, reader, tags, old_tags, declared: None, fault });
    } else if head.starts_with(b"caff") {
        match caf::read(&mut bytes, begin, end, &mut patches)? {
            Ok(caf::Content::Packets) => {}
            Ok(caf::Content::Blocks(blocks, data)) => {
                tags.fill_from(around);
                let (media, reader) = (Media::new(bytes, data, Vec::new())?, Reader::Blocks(blocks));
                return Ok(Survey { media, reader, tags, old_tags, declared: None, fault: None });
            }
            Err(reason) => fault = Some(reason),
        }
    } else if let Some(sound) = riff::read(&mut bytes, begin, &mut tags)? {
        tags.fill_from(around);
        let (form, range, fault) = match sound {
            Ok(sound) => (sound.form, sound.data, None),
            Err(reason) => (Form::Stream, begin..end, Some(reason)),
        };
        let reader = match form {
            Form::Blocks(blocks) => Reader::Blocks(blocks),
            Form::Stream if adts::begins(&mut bytes, range.start)? => Reader::Adts,
            Form::Stream => Reader::Packets,
        };
        let declared = mpeg::read(&mut bytes, range.start, range.end)?;
        let new_end: NewEnd = Box::new(move |bytes, before| riff::new_end(bytes, begin, before));
        let media = Media::new(bytes, range, Vec::new())?.growing(Some(new_end));
        return Ok(Survey { media, reader, tags, old_tags, declared, fault });
    } else {
        begin = behind_zeros(&mut bytes, begin)?;
        fault = kinds::not_played(&bytes.up_to(begin, kinds::HEAD)?);
        lame::read(&mut bytes, begin, &mut old_tags)?;
        reader = if fault.is_some() {
            Reader::Packets
        } else if adts::begins(&mut bytes, begin)? {
            Reader::Adts
        } else if let Some(first) = flac::first_packet(&mut bytes, begin)? {
            begin = first;
            Reader::Flac(None)
        } else {
            Reader::Packets
        };
    }
    tags.fill_from(around);
    end = end.max(begin);
    let declared = mpeg::read(&mut bytes, begin, end)?;
    // A file with a tag at its end is complete. CAF files have an index, which is read by now.
    let has_index = head.starts_with(b"caff");
    let may_grow = !has_tag_behind && !has_index;
    let new_end = may_grow.then(|| -> NewEnd { Box::new(|bytes, _| Ok(bytes.len())) });
    let media = Media::new(bytes, begin..end, patches)?.growing(new_end);
    Ok(Survey { media, reader, tags, old_tags, declared, fault })
}

/// Where the pictures in a file's ID3 and APE tags are, and where its container lies, without the tags around
/// it.
pub(super) fn pictures(bytes: &mut Bytes) -> io::Result<(Pictures, Range<u64>)> {
    let (mut tags, mut around) = (Found::default(), Found::default());
    let begin = read_first(bytes, &mut around)?;
    let end = read_last(bytes, &mut around, &mut Found::default())?.max(begin);
    riff::read(bytes, begin, &mut tags)?;
    tags.fill_from(around);
    Ok((tags.pictures, begin..end))
}

/// Where the zeros end that begin at `at`, if there are many. symphonia looks for packets within 1 MiB.
fn behind_zeros(bytes: &mut Bytes, mut at: u64) -> io::Result<u64> {
    const PIECE: usize = 64 * 1024;
    const ENOUGH: usize = 64;
    let zeros = [0; PIECE];
    let begin = at;
    if bytes.up_to(at, ENOUGH)? != zeros[..ENOUGH] {
        return Ok(begin);
    }
    loop {
        let piece = bytes.up_to(at, PIECE)?;
        if piece.len() == PIECE && piece == zeros {
            at += PIECE as u64;
            continue;
        }
        let more = piece.iter().position(|byte| *byte != 0).unwrap_or(0) as u64;
        return Ok(if at > begin { at + more } else { begin });
    }
}

/// Reads the tags before the audio. Returns where they end.
fn read_first(bytes: &mut Bytes, found: &mut Found) -> io::Result<u64> {
    let (mut begin, end) = (0, bytes.len());
    for _ in 0..MAX_TAGS {
        let mut tag = Found::default();
        let after = match id3::read_v2(bytes, begin, end, &mut tag)? {
            None => ape::read_first(bytes, begin, end, &mut tag)?,
            after => after,
        };
        let Some(after) = after else { break };
        found.fill_from(tag);
        begin = after;
    }
    Ok(begin)
}

/// Reads the tags at the end of the file. Returns where they begin: decoders take them for audio.
fn read_last(bytes: &mut Bytes, found: &mut Found, old: &mut Found) -> io::Result<u64> {
    let mut end = id3::read_v1(bytes, old)?.unwrap_or(bytes.len());
    for _ in 0..MAX_TAGS {
        let mut tag = Found::default();
        let begin = match ape::read(bytes, end, &mut tag)? {
            None => id3::read_appended(bytes, end, &mut tag)?,
            begin => begin,
        };
        let Some(begin) = begin.or(lyrics(bytes, end)?) else { break };
        found.fill_from(tag);
        end = begin;
    }
    Ok(end)
}

/// Where the lyrics (Lyrics3, version 2) begin that end at `end`. Other tags are before them.
fn lyrics(bytes: &mut Bytes, end: u64) -> io::Result<Option<u64>> {
    const FOOTER: u64 = 15;
    let Some(at) = end.checked_sub(FOOTER) else { return Ok(None) };
    let Some([size @ .., b'L', b'Y', b'R', b'I', b'C', b'S', b'2', b'0', b'0']) = bytes.exactly::<15>(at)?
    else {
        return Ok(None);
    };
    let size: [u8; 6] = size;
    let size = std::str::from_utf8(&size).ok().and_then(|digits| digits.parse::<u64>().ok());
    Ok(size.and_then(|size| at.checked_sub(size)))
}
