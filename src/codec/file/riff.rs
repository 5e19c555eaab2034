//! Reads the chunks of WAV and AIFF files: where the sound is, in which form, and the tags. Sizes are hints:
//! programs that write to a pipe cannot fill them in, and recorders go on beyond what 32 bits can hold.

use std::io;

use super::sound::{self, Form, Sound};
use super::source::Bytes;
use super::tags::text::{self, LONGEST_BYTES};
use super::tags::{Found, id3};
use crate::codec::tags::{self, Look};

/// The size of a chunk's header: its name and its size.
const HEADER: u64 = 8;

/// The most chunks that are read.
const MAX_CHUNKS: usize = 1024;

/// The most bytes of a chunk that describes the sound.
const MAX_FORM: usize = 256;

/// What lies behind the sound without being a chunk is sound, too, if it has at least this many bytes. Less
/// is rubbish, or another program's tag.
const MORE_SOUND: u64 = 64 * 1024;

/// How many sizes of 32 bits have been lost when a size is too small by this.
const WRAP: u64 = 1 << 32;

/// From here to the largest number of 31 or of 32 bits, a size is not meant as one: programs write such when
/// they do not know it, or when it is too large for them.
const UNKNOWN: [std::ops::RangeInclusive<u64>; 2] = [0x7fff_0000..=0x7fff_ffff, 0xffff_0000..=0xffff_ffff];

/// The kinds differ in their names, in the order of bytes, and in the room for sizes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// RIFF, and RF64 and BW64, which have the sizes that 32 bits cannot hold in a chunk `ds64`.
    Wav,
    Aiff,
}

/// Reads the sound and the tags of a WAV or AIFF file that begins at `begin`. `None` if it is another kind of
/// file. The error within is the reason why the file cannot be played.
pub(super) fn read(
    bytes: &mut Bytes,
    begin: u64,
    found: &mut Found,
) -> io::Result<Option<Result<Sound, String>>> {
    read_grown(bytes, begin, None, found)
}

/// Where the sound of such a file ends that has grown since it ended at `before`.
pub(super) fn new_end(bytes: &mut Bytes, begin: u64, before: u64) -> io::Result<u64> {
    let sound = read_grown(bytes, begin, Some(before), &mut Found::default())?;
    Ok(sound.and_then(Result::ok).map_or(before, |sound| sound.data.end))
}

fn read_grown(
    bytes: &mut Bytes,
    begin: u64,
    before: Option<u64>,
    found: &mut Found,
) -> io::Result<Option<Result<Sound, String>>> {
    let Some([form @ .., a, b, c, d, f, g, h, i]) = bytes.exactly::<12>(begin)? else { return Ok(None) };
    let form: [u8; 4] = form;
    let kind = match (&form, &[f, g, h, i]) {
        (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => Kind::Wav,
        (b"FORM", b"AIFF" | b"AIFC") => Kind::Aiff,
        (b"riff", _) => return read_wave64(bytes, begin, before),
        _ => return Ok(None),
    };
    let whole = kind.number([a, b, c, d]);
    let mut parts = Parts::default();
    let mut large = LargeSizes::default();
    let (mut id3, mut texts) = (Found::default(), Found::default());
    let mut at = begin + 12;
    for _ in 0..MAX_CHUNKS {
        let Some([name @ .., a, b, c, d]) = bytes.exactly::<8>(at)? else { break };
        let name: [u8; 4] = name;
        let content = at + HEADER;
        let there = bytes.len() - content;
        let declared = large.of(name, kind.number([a, b, c, d]));
        let size = match &name {
            b"data" | b"SSND" => {
                let file = Extent { end: (begin + HEADER).saturating_add(large.of(form, whole)), before };
                kind.size_of_sound(bytes, content, declared, &file)?
            }
            _ => declared.min(there),
        };
        match &name {
            b"ds64" => large = LargeSizes::read(&bytes.up_to(content, MAX_FORM)?),
            b"fmt " if kind == Kind::Wav => {
                parts.form = Some(sound::of_wave(&bytes.up_to(content, MAX_FORM.min(size as usize))?));
            }
            b"COMM" if kind == Kind::Aiff => {
                parts.form = Some(sound::of_aiff(&bytes.up_to(content, MAX_FORM.min(size as usize))?));
            }
            b"data" if kind == Kind::Wav => parts.found(content..content + size),
            b"SSND" if kind == Kind::Aiff => {
                let offset = bytes.exactly(content)?.map_or(0, u32::from_be_bytes);
                let begin = (content + 8).saturating_add(offset.into());
                parts.found(begin.min(content + size)..content + size);
            }
            b"LIST" => read_info(bytes, content, size, &mut texts)?,
            b"id3 " | b"ID3 " => {
                id3::read_v2(bytes, content, content + size, &mut id3)?;
            }
            b"NAME" => texts.add("TITLE", &kind.text(&read_text(bytes, content, size)?)),
            b"AUTH" => texts.add("ARTIST", &kind.text(&read_text(bytes, content, size)?)),
            _ => {}
        }
        at = content + size + size % 2;
        // Some writers leave out the byte that makes an odd size even.
        if size % 2 == 1 && !kind.is_chunk(bytes, at)? && kind.is_chunk(bytes, content + size)? {
            at = content + size;
        }
    }
    found.fill_from(id3);
    found.fill_from(texts);
    parts.sound(bytes).map(Some)
}

/// Where a file ends.
struct Extent {
    /// As it says itself.
    end: u64,
    /// Before it has grown, if it has.
    before: Option<u64>,
}

/// Reads a Wave64 file of Sony: WAV with names of 16 bytes, and sizes of 8 that count their headers, too.
fn read_wave64(
    bytes: &mut Bytes,
    begin: u64,
    before: Option<u64>,
) -> io::Result<Option<Result<Sound, String>>> {
    const HEADER: u64 = 24;
    let Some(name) = bytes.exactly::<4>(begin + HEADER)? else { return Ok(None) };
    if name != *b"wave" {
        return Ok(None);
    }
    let mut parts = Parts::default();
    let mut at = begin + HEADER + 16;
    for _ in 0..MAX_CHUNKS {
        let (Some(name), Some(size)) = (bytes.exactly::<4>(at)?, bytes.exactly(at + 16)?) else { break };
        let content = at + HEADER;
        let Some(there) = bytes.len().checked_sub(content) else { break };
        let size = match u64::from_le_bytes(size).checked_sub(HEADER) {
            // A recording that goes on, and whose size will be filled in later.
            Some(size) if name == *b"data" && before == content.checked_add(size) => there,
            Some(size) if size > 0 => size.min(there),
            _ => there,
        };
        match &name {
            b"fmt " => {
                parts.form = Some(sound::of_wave(&bytes.up_to(content, MAX_FORM.min(size as usize))?));
            }
            b"data" => parts.found(content..content + size),
            _ => {}
        }
        at = content + size.next_multiple_of(8);
    }
    parts.sound(bytes).map(Some)
}

/// What was found of the sound.
#[derive(Default)]
struct Parts {
    form: Option<Result<Form, String>>,
    data: Option<std::ops::Range<u64>>,
}

impl Parts {
    /// The first chunk with sound counts.
    fn found(&mut self, data: std::ops::Range<u64>) {
        self.data.get_or_insert(data);
    }

    fn sound(self, bytes: &mut Bytes) -> io::Result<Result<Sound, String>> {
        let (form, data) = match (self.form, self.data) {
            (Some(Ok(form)), Some(data)) => (form, data),
            (Some(Err(reason)), _) => return Ok(Err(reason)),
            (None, _) => return Ok(Err("is damaged: it does not tell the form of its sound".to_owned())),
            (_, None) => return Ok(Err("has no sound in it".to_owned())),
        };
        if matches!(form, Form::Blocks(_)) && sound::is_dts(&bytes.up_to(data.start, 8 * 1024)?) {
            return Ok(Err(sound::not_played("DTS, although it says PCM")));
        }
        Ok(Ok(Sound { form, data }))
    }
}

/// The sizes in a `ds64` chunk. They stand for those that 32 bits cannot hold.
#[derive(Default)]
struct LargeSizes {
    whole: u64,
    data: u64,
    others: Vec<([u8; 4], u64)>,
}

impl LargeSizes {
    fn read(content: &[u8]) -> LargeSizes {
        let long = |bytes: &[u8]| bytes.first_chunk().map_or(0, |long| u64::from_le_bytes(*long));
        let others = content.get(28..).unwrap_or_default().chunks_exact(12);
        LargeSizes {
            whole: long(content),
            data: content.get(8..).map_or(0, long),
            others: others
                .map(|entry| ([entry[0], entry[1], entry[2], entry[3]], long(&entry[4..])))
                .collect(),
        }
    }

    /// The size of a chunk whose header says `size`.
    fn of(&self, name: [u8; 4], size: u32) -> u64 {
        let large = match (size, &name) {
            (u32::MAX, b"data") => Some(self.data).filter(|size| *size > 0),
            (u32::MAX, b"RF64" | b"BW64") => Some(self.whole),
            (u32::MAX, _) => self.others.iter().find(|(other, _)| *other == name).map(|(_, size)| *size),
            _ => None,
        };
        large.unwrap_or(size.into())
    }
}

impl Kind {
    fn number(self, bytes: [u8; 4]) -> u32 {
        match self {
            Kind::Wav => u32::from_le_bytes(bytes),
            Kind::Aiff => u32::from_be_bytes(bytes),
        }
    }

    /// Decodes a text in a chunk of its own.
    fn text(self, bytes: &[u8]) -> String {
        match self {
            Kind::Wav => text::until_zero(bytes),
            Kind::Aiff => text::until_zero_or_mac(bytes),
        }
    }

    /// The size of the chunk that has the sound. The declared size may be missing, too large, too small,
    /// or what 32 bits could hold of a larger one. It is believed if the file ends there, or another chunk
    /// follows, or the file's own size says the same.
    fn size_of_sound(self, bytes: &mut Bytes, content: u64, declared: u64, file: &Extent) -> io::Result<u64> {
        let there = bytes.len() - content;
        if declared >= there {
            return Ok(there);
        }
        let end = content + declared;
        if self.is_chunk(bytes, end + declared % 2)? {
            return Ok(declared);
        }
        if file.before.is_some_and(|before| before.abs_diff(end) < 2) {
            // A recording goes on. Only its last size was written; or it is over, and a tag follows.
            let follows = tags::look(&bytes.up_to(end, tags::ENOUGH_BYTES)?);
            return Ok(if matches!(follows, Look::Tag(_)) { declared } else { there });
        }
        let more = there - declared;
        let wrapped = declared + more / WRAP * WRAP;
        if wrapped > declared && self.is_chunk(bytes, content + wrapped + wrapped % 2)? {
            return Ok(wrapped);
        }
        let is_known = declared > 0 && !UNKNOWN.iter().any(|unknown| unknown.contains(&declared));
        if is_known && more < WRAP && file.end.abs_diff(end) < 2 {
            return Ok(declared);
        }
        Ok(if declared == 0 || more >= MORE_SOUND { there } else { declared })
    }

    /// Whether a chunk begins at `at`: its name is made of letters, and it ends within the file.
    fn is_chunk(self, bytes: &mut Bytes, at: u64) -> io::Result<bool> {
        let Some([name @ .., a, b, c, d]) = bytes.exactly::<8>(at)? else { return Ok(at == bytes.len()) };
        let end = at + HEADER + u64::from(self.number([a, b, c, d]));
        Ok(name.iter().all(|byte| (b' '..=b'~').contains(byte)) && end <= bytes.len())
    }
}

/// Reads the INFO list of a WAV file. It contains a chunk for each text.
fn read_info(bytes: &mut Bytes, begin: u64, size: u64, found: &mut Found) -> io::Result<()> {
    if bytes.exactly(begin)? != Some(*b"INFO") {
        return Ok(());
    }
    let mut at = begin + 4;
    for _ in 0..MAX_CHUNKS {
        if at + HEADER > begin + size {
            break;
        }
        let Some([name @ .., a, b, c, d]) = bytes.exactly::<8>(at)? else { break };
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let name: [u8; 4] = name;
        let tag = match &name {
            b"IART" => "ARTIST",
            b"INAM" => "TITLE",
            b"IPRD" => "ALBUM",
            b"IGNR" => "GENRE",
            b"ICRD" => "DATE",
            b"IPRT" | b"ITRK" => "TRACKNUMBER",
            b"IMUS" => "COMPOSER",
            _ => "",
        };
        if !tag.is_empty() {
            found.add(tag, &text::until_zero(&read_text(bytes, at + HEADER, length)?));
        }
        at += HEADER + length + length % 2;
    }
    Ok(())
}

fn read_text(bytes: &mut Bytes, at: u64, size: u64) -> io::Result<Vec<u8>> {
    bytes.up_to(at, size.min(LONGEST_BYTES as u64) as usize)
}
