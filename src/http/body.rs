//! The body behind a head: what the head says of it, and its bytes.

use super::chunks::{BadChunk, Chunks};

/// What a head says of the body behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing. So there is none, except that the stream of a source goes on until it closes.
    Unsaid,
    /// A body of this length, which may be 0.
    Length(u64),
    /// A body in chunks, which say where it ends.
    Chunked,
    /// A body in an encoding that is not understood here.
    Encoded,
}

/// Takes the body of a source's request, its stream, out of what the connection sends.
#[derive(Debug)]
pub(crate) enum StreamBody {
    UntilClose,
    /// So many bytes are to come.
    Length(u64),
    Chunked(Chunks),
}

impl StreamBody {
    /// The body of a request with this method. `None`: it is encoded in a way that is not understood.
    pub(crate) fn of(method: &str, body: Body) -> Option<StreamBody> {
        match body {
            // Encoders that stream by PUT or SOURCE and say nothing of a length just go on. POST keeps to
            // HTTP: a request that says nothing has no body (RFC 9112, section 6.3).
            Body::Unsaid if method == "POST" => Some(StreamBody::Length(0)),
            Body::Unsaid => Some(StreamBody::UntilClose),
            Body::Length(length) => Some(StreamBody::Length(length)),
            Body::Chunked => Some(StreamBody::Chunked(Chunks::new())),
            Body::Encoded => None,
        }
    }

    /// The next bytes of the body. `input` moves behind them. They are empty if `input` has no more, or if
    /// the body is complete.
    pub(crate) fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<&'a [u8], BadChunk> {
        let count = match self {
            StreamBody::UntilClose => input.len(),
            StreamBody::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= count as u64;
                count
            }
            StreamBody::Chunked(chunks) => return chunks.read(input),
        };
        let (body, rest) = input.split_at(count);
        *input = rest;
        Ok(body)
    }

    /// Whether the body has come to the end that it declares.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            StreamBody::UntilClose => false,
            StreamBody::Length(left) => *left == 0,
            StreamBody::Chunked(chunks) => chunks.has_ended(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_where_its_head_says_or_never() {
        let read = |method, body, mut input: &'static [u8]| {
            let mut stream = StreamBody::of(method, body)?;
            let mut bytes = Vec::new();
            while let Ok(more @ [_, ..]) = stream.read(&mut input) {
                bytes.extend_from_slice(more);
            }
            Some((String::from_utf8(bytes).unwrap(), input.len(), stream.is_complete()))
        };
        let is = |bytes: &str, left, complete| Some((bytes.to_owned(), left, complete));
        assert_eq!(read("PUT", Body::Unsaid, b"abc"), is("abc", 0, false));
        assert_eq!(read("SOURCE", Body::Unsaid, b""), is("", 0, false));
        assert_eq!(read("POST", Body::Unsaid, b"abc"), is("", 3, true));
        assert_eq!(read("SOURCE", Body::Length(0), b"abc"), is("", 3, true));
        assert_eq!(read("PUT", Body::Length(2), b"abc"), is("ab", 1, true));
        assert_eq!(read("PUT", Body::Length(u64::MAX), b"abc"), is("abc", 0, false));
        assert_eq!(read("PUT", Body::Chunked, b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\nx"), is("abc", 1, true));
        assert_eq!(read("PUT", Body::Encoded, b"abc"), None);
    }
}
