//! Reads text line by line, whatever its line endings and its encoding.

use std::io::{self, BufRead, Cursor};
use std::ops::ControlFlow;

use encoding_rs::{Encoding, UTF_8};

/// The longest line. No path is longer, and no title needs to be. The rest of a longer line is dropped.
const MAX_LINE_BYTES: usize = 16 << 10;

/// Calls `line` with each line's number, counted from 1, and its bytes without the line ending: LF, CRLF or a
/// lone CR. It drops a byte order mark, and converts UTF-16 with such a mark to UTF-8.
pub(super) fn each(
    input: &mut dyn BufRead,
    mut line: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    match Encoding::for_bom(input.fill_buf()?) {
        Some((encoding, length)) if encoding == UTF_8 => input.consume(length),
        Some((utf_16, _)) => {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes)?;
            let (text, ..) = utf_16.decode(&bytes);
            return each_of_bytes(&mut Cursor::new(text.as_bytes()), &mut line);
        }
        None => {}
    }
    each_of_bytes(input, &mut line)
}

fn each_of_bytes(
    input: &mut dyn BufRead,
    line: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let (mut number, mut bytes, mut after_cr) = (1, Vec::new(), false);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        if std::mem::take(&mut after_cr) && buffer[0] == b'\n' {
            input.consume(1);
            continue;
        }
        let end = buffer.iter().position(|&byte| byte == b'\n' || byte == b'\r');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        bytes.extend_from_slice(&part[..part.len().min(MAX_LINE_BYTES - bytes.len())]);
        if let Some(end) = end {
            after_cr = buffer[end] == b'\r';
            if line(number, &bytes).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            number += 1;
            bytes.clear();
        }
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
    }
    Ok(if bytes.is_empty() { ControlFlow::Continue(()) } else { line(number, &bytes) })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::path_text;

    fn lines(bytes: &[u8], buffer: usize) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        let mut input = BufReader::with_capacity(buffer, bytes);
        let flow = each(&mut input, |number, line| {
            lines.push((number, path_text::shown(line).into_owned()));
            ControlFlow::Continue(())
        });
        assert!(flow.unwrap().is_continue());
        lines
    }

    #[test]
    fn every_ending_ends_a_line_wherever_the_buffer_does() {
        let expected: Vec<(u64, String)> =
            [(1, "a"), (2, "b"), (3, ""), (4, "c"), (5, "d"), (6, ""), (7, "e")]
                .map(|(number, text)| (number, text.to_string()))
                .into();
        for buffer in 4..20 {
            assert_eq!(lines(b"a\nb\r\n\r\nc\rd\n\ne", buffer), expected);
            assert_eq!(lines(b"a\rb\r\rc\rd\r\re\r\n", buffer), expected);
            assert_eq!(lines(b"\xef\xbb\xbfa\nb\n\nc\nd\n\ne\n", buffer), expected);
        }
        assert_eq!(lines(b"", 8), []);
    }

    #[test]
    fn text_is_what_it_can_be() {
        assert_eq!(lines(b"J\xc3\xb3ga\nJ\xf3ga \x80\n", 8192), [(1, "Jóga".into()), (2, "Jóga €".into())]);
        for (bom, utf16) in
            [(b"\xff\xfe", u16::to_le_bytes as fn(u16) -> [u8; 2]), (b"\xfe\xff", u16::to_be_bytes)]
        {
            let mut bytes = bom.to_vec();
            bytes.extend("Jóga\r\n日本".encode_utf16().flat_map(utf16));
            assert_eq!(lines(&bytes, 8192), [(1, "Jóga".into()), (2, "日本".into())]);
        }
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        let endless = [vec![b'x'; 10 << 20], b"\ny".to_vec()].concat();
        let lines = lines(&endless, 8192);
        assert_eq!((lines[0].1.len(), lines[1].1.as_str()), (MAX_LINE_BYTES, "y"));
    }
}
