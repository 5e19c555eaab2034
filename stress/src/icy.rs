//! Separates the ICY blocks from the audio of a listener's stream, and checks them.

/// The state of one listener's stream with metadata.
#[derive(Debug)]
pub struct Unweave {
    metaint: usize,
    state: State,
    /// The last complete block, without its length byte.
    block: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// This many bytes of audio lie before the next block.
    Audio { left: usize },
    /// This many bytes of the block are still missing.
    Block { left: usize },
}

/// The next piece of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Audio(&'a [u8]),
    /// A block that is not empty is complete: see [`Unweave::block`].
    Block,
    /// All bytes have been used.
    Nothing,
}

impl Unweave {
    /// `metaint` audio bytes lie between two blocks.
    pub fn new(metaint: usize) -> Unweave {
        Unweave { metaint, state: State::Audio { left: metaint }, block: Vec::new() }
    }

    /// Takes the next piece from the front of `bytes`.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Piece<'a> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Audio { left: 0 } => {
                    let length = usize::from(bytes[0]) * 16;
                    *bytes = &bytes[1..];
                    self.block.clear();
                    self.state = if length == 0 {
                        State::Audio { left: self.metaint }
                    } else {
                        State::Block { left: length }
                    };
                }
                State::Audio { left } => {
                    let audio = take(bytes, *left);
                    *left -= audio.len();
                    return Piece::Audio(audio);
                }
                State::Block { left } => {
                    let part = take(bytes, *left);
                    self.block.extend_from_slice(part);
                    *left -= part.len();
                    if *left == 0 {
                        self.state = State::Audio { left: self.metaint };
                        return Piece::Block;
                    }
                }
            }
        }
        Piece::Nothing
    }

    /// Returns the last block with its memory, because the next block may be a long time away.
    pub fn block(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.block)
    }
}

/// Takes at most `most` bytes from the front.
fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (part, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    part
}

/// The title in a well-formed block: `StreamTitle='…';`, perhaps more pairs like it, then NULs.
pub fn title_in(block: &[u8]) -> Option<&str> {
    let end = block.iter().position(|&byte| byte == 0).unwrap_or(block.len());
    let (text, padding) = block.split_at(end);
    if padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    let (title, mut rest) =
        std::str::from_utf8(text).ok()?.strip_prefix("StreamTitle='")?.split_once("';")?;
    while !rest.is_empty() {
        let (key, value) = rest.split_once("='")?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        (_, rest) = value.split_once("';")?;
    }
    Some(title)
}

#[cfg(test)]
mod tests {
    use super::{Piece, Unweave, title_in};

    const METAINT: usize = 50;

    fn block(text: &str) -> Vec<u8> {
        let length = text.len().div_ceil(16);
        let mut block = vec![length as u8];
        block.extend_from_slice(text.as_bytes());
        block.resize(1 + length * 16, 0);
        block
    }

    fn woven() -> (Vec<u8>, Vec<u8>) {
        let audio: Vec<u8> = (0..255).cycle().take(METAINT * 4 + 7).collect();
        let blocks =
            [block("StreamTitle='One';"), vec![0], block("StreamTitle='Two';StreamUrl='x';"), vec![0]];
        let mut stream = Vec::new();
        for (at, part) in audio.chunks(METAINT).enumerate() {
            stream.extend_from_slice(part);
            if part.len() == METAINT {
                stream.extend_from_slice(&blocks[at]);
            }
        }
        (stream, audio)
    }

    fn unweave<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<String>) {
        let (mut audio, mut titles) = (Vec::new(), Vec::new());
        let mut unweave = Unweave::new(METAINT);
        for mut piece in pieces {
            loop {
                match unweave.next(&mut piece) {
                    Piece::Audio(part) => audio.extend_from_slice(part),
                    Piece::Block => titles.push(title_in(&unweave.block()).expect("well formed").to_owned()),
                    Piece::Nothing => break,
                }
            }
        }
        (audio, titles)
    }

    #[test]
    fn audio_and_titles_come_out_however_the_stream_is_cut() {
        let (stream, audio) = woven();
        for size in 1..=stream.len() {
            let (found, titles) = unweave(stream.chunks(size));
            assert_eq!(found, audio, "cut every {size} bytes");
            assert_eq!(titles, ["One", "Two"], "cut every {size} bytes");
        }
    }

    #[test]
    fn well_formed_blocks_have_titles() {
        assert_eq!(title_in(b"StreamTitle='';\0"), Some(""));
        assert_eq!(title_in(b"StreamTitle='It's - Here';StreamUrl='http://x/';\0\0"), Some("It's - Here"));
        assert_eq!(title_in("StreamTitle='Björk – Jóga';".as_bytes()), Some("Björk – Jóga"));
    }

    #[test]
    fn malformed_blocks_are_told() {
        let bad: [&[u8]; 7] = [
            b"",
            b"\xff\xfb\x90\x00 audio where a block should be",
            b"StreamTitle='never ends\0\0",
            b"StreamTitle='One';\0\0x",
            b"StreamTitle='One';junk\0",
            b"StreamTitle='Bj\xf6rk';",
            b"StreamUrl='x';StreamTitle='One';",
        ];
        for block in bad {
            assert_eq!(title_in(block), None, "{}", block.escape_ascii());
        }
    }
}
