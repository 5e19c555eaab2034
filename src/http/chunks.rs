//! Takes a chunked body apart (RFC 9112, section 7.1).

/// The longest line with the size of a chunk. Nobody sends extensions, so this is plenty.
const MAX_LINE: usize = 256;
/// The most bytes of trailers behind the last chunk. They are passed over.
const MAX_TRAILERS: usize = 4 * 1024;
/// So many hexadecimal digits make a `u64`.
const MAX_DIGITS: usize = 16;

/// A chunked body that arrives cut anywhere. It keeps none of its bytes.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// The bytes of the line with a size that have come, or of all trailers.
    line: usize,
}

/// The bytes are no chunked body, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadChunk;

/// What comes next. A line ends with CR LF or with LF alone, as in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The digits of a size.
    Digits(u64),
    /// What may stand behind the digits: blanks, an extension, the line's end.
    AfterDigits(u64),
    Extension(u64),
    /// The LF behind a size.
    SizeLf(u64),
    /// So many bytes of the body.
    Data(u64),
    /// The line end behind a chunk.
    DataEnd,
    DataLf,
    /// A trailer, or the empty line that ends the body.
    Trailer,
    WithinTrailer,
    LastLf,
    End,
}

impl Chunks {
    pub(crate) fn new() -> Chunks {
        Chunks { state: State::Digits(0), line: 0 }
    }

    /// The next bytes of the body. `input` moves behind them. They are empty if `input` has no more, or if
    /// the body has ended; what follows the body stays in `input`.
    pub(crate) fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<&'a [u8], BadChunk> {
        loop {
            match self.state {
                State::End => return Ok(&[]),
                State::Data(left) if !input.is_empty() => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let (body, rest) = input.split_at(count);
                    *input = rest;
                    self.state = match left - count as u64 {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                    return Ok(body);
                }
                _ => {
                    let Some((&byte, rest)) = input.split_first() else { return Ok(&[]) };
                    *input = rest;
                    self.state = self.after(byte)?;
                }
            }
        }
    }

    /// Whether the body is complete, with its last line.
    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::End
    }

    /// The state behind a byte that is not of the body.
    fn after(&mut self, byte: u8) -> Result<State, BadChunk> {
        let is_trailer = matches!(self.state, State::Trailer | State::WithinTrailer | State::LastLf);
        self.line += 1;
        if self.line > if is_trailer { MAX_TRAILERS } else { MAX_LINE } {
            return Err(BadChunk);
        }
        let next = match (self.state, byte) {
            (State::Digits(size), _) if byte.is_ascii_hexdigit() && self.line <= MAX_DIGITS => {
                State::Digits(size << 4 | u64::from(char::from(byte).to_digit(16).unwrap_or_default()))
            }
            // A line without a digit is no size.
            (State::Digits(_), _) if self.line == 1 => return Err(BadChunk),
            (State::Digits(size) | State::AfterDigits(size), b' ' | b'\t') => State::AfterDigits(size),
            (State::Digits(size) | State::AfterDigits(size), b';') => State::Extension(size),
            (State::Digits(size) | State::AfterDigits(size), b'\r') => State::SizeLf(size),
            (
                State::Digits(size) | State::AfterDigits(size) | State::Extension(size) | State::SizeLf(size),
                b'\n',
            ) => {
                self.line = 0;
                if size == 0 { State::Trailer } else { State::Data(size) }
            }
            (State::Extension(size), _) => State::Extension(size),
            (State::DataEnd, b'\r') => State::DataLf,
            (State::DataEnd | State::DataLf, b'\n') => {
                self.line = 0;
                State::Digits(0)
            }
            (State::Trailer, b'\r') => State::LastLf,
            (State::Trailer | State::LastLf, b'\n') => State::End,
            (State::WithinTrailer, b'\n') => State::Trailer,
            (State::Trailer | State::WithinTrailer, _) => State::WithinTrailer,
            _ => return Err(BadChunk),
        };
        Ok(next)
    }
}

/// Reads a chunked body from pieces of this length; says what became of it, and how many bytes follow it. For
/// fuzzing.
#[doc(hidden)]
pub fn read_chunks(bytes: &[u8], piece: usize) -> (Vec<u8>, String) {
    let (mut chunks, mut body) = (Chunks::new(), Vec::new());
    let mut after = 0;
    for mut input in bytes.chunks(piece.max(1)) {
        loop {
            match chunks.read(&mut input) {
                Ok([]) => break,
                Ok(bytes) => body.extend_from_slice(bytes),
                Err(BadChunk) => return (body, "no chunks".into()),
            }
        }
        after += input.len();
    }
    let outcome = if chunks.has_ended() { format!("{after} follow") } else { "more is to come".into() };
    (body, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunked(pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            bytes.extend(piece);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        bytes
    }

    /// The size in a line without its LF.
    fn size(line: &str) -> Option<u64> {
        let digits = match line.split_once(';') {
            Some((before, _)) => before,
            None => line.strip_suffix('\r').unwrap_or(line),
        };
        let digits = digits.trim_end_matches([' ', '\t']);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && digits.len() <= 16;
        is_number.then(|| u64::from_str_radix(digits, 16).ok())?
    }

    /// Reads a body from all its bytes at once, line by line.
    fn model(text: &str) -> (Vec<u8>, String) {
        let (mut rest, mut body) = (text, String::new());
        let outcome = loop {
            let Some((line, after)) = rest.split_once('\n') else {
                let may_become_a_size = size(rest).is_some() || size(&format!("{rest}0")).is_some();
                break if may_become_a_size { "more is to come" } else { "no chunks" }.into();
            };
            let Some(size) = size(line) else { break "no chunks".into() };
            if size == 0 {
                break model_of_trailers(after);
            }
            let here = after.len().min(size as usize);
            body.push_str(&after[..here]);
            match &after[here..] {
                "" | "\r" => break "more is to come".into(),
                end if end.starts_with('\n') => rest = &end[1..],
                end if end.starts_with("\r\n") => rest = &end[2..],
                _ => break "no chunks".into(),
            }
        };
        (body.into_bytes(), outcome)
    }

    fn model_of_trailers(mut rest: &str) -> String {
        loop {
            match rest.split_once('\n') {
                Some(("" | "\r", after)) => return format!("{} follow", after.len()),
                Some((line, after)) if !line.starts_with('\r') => rest = after,
                None if rest == "\r" || !rest.starts_with('\r') => return "more is to come".into(),
                _ => return "no chunks".into(),
            }
        }
    }

    #[test]
    fn extensions_and_trailers_are_passed_over_and_what_follows_stays() {
        let bytes = b"4;name=\"a\"\r\nWiki\r\n5 \npedia\n000\r\nExpires: never\r\nX: y\n\r\nGET / HTTP/1.1";
        assert_eq!(read_chunks(bytes, 1_000), (b"Wikipedia".to_vec(), "14 follow".into()));
    }

    #[test]
    fn what_is_no_chunk_is_known_at_once() {
        for bad in [
            "\r",
            "\n",
            "x",
            "-",
            "+",
            " ",
            "0x",
            "1g",
            "1\rx",
            "1 x",
            "2\r\nabc",
            "2\r\nab\rx",
            "11111111111111111",
            "0\r\n\rx",
        ] {
            assert_eq!(read_chunks(bad.as_bytes(), 1).1, "no chunks", "{bad:?}");
            for length in 0..bad.len() {
                assert_ne!(read_chunks(&bad.as_bytes()[..length], 1).1, "no chunks", "{bad:?} {length}");
            }
        }
        assert_eq!(read_chunks(b"ffffffffffffffff\r\nabc", 1), (b"abc".to_vec(), "more is to come".into()));
    }

    #[test]
    fn lines_and_trailers_have_a_limit() {
        let line = |length: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(length - 4));
        assert_eq!(read_chunks(line(MAX_LINE).as_bytes(), 7).1, "0 follow");
        assert_eq!(read_chunks(line(MAX_LINE + 1).as_bytes(), 7).1, "no chunks");
        let trailers = |length: usize| format!("0\r\n{}\r\n\r\n", "x".repeat(length - 4));
        assert_eq!(read_chunks(trailers(MAX_TRAILERS).as_bytes(), 7).1, "0 follow");
        assert_eq!(read_chunks(trailers(MAX_TRAILERS + 1).as_bytes(), 7).1, "no chunks");
        assert_eq!(read_chunks("0\r\n".to_owned().as_bytes(), 7).1, "more is to come");
    }

    proptest! {
        #[test]
        fn a_body_comes_back_whole_however_it_is_chunked_and_torn(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            piece in 1_usize..50,
        ) {
            let read = read_chunks(&[chunked(&pieces), b"rest".to_vec()].concat(), piece);
            prop_assert_eq!(read, (pieces.concat(), "4 follow".to_owned()));
        }

        #[test]
        fn any_bytes_are_read_as_the_model_reads_them(
            bytes in "([0-3a]{0,3}[ ;x\r]?\r?\n?[ab\r\n]{0,4}\r?\n){0,6}(0\r?\n(A: b)?[\r\n]{0,5})?[x0]{0,3}",
            piece in 1_usize..9,
        ) {
            prop_assert_eq!(read_chunks(bytes.as_bytes(), piece), model(&bytes));
        }
    }
}
