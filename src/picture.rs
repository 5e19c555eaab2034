//! Pictures that a browser may show.

/// The content type of a picture, by its first bytes; nothing else that is said of it counts. `None` if it is
/// none of JPEG, PNG, WebP, GIF and AVIF. SVG is none: it is a document that may hold scripts.
pub(crate) fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    let at =
        |place: usize, signature: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(signature));
    Some(match () {
        () if at(0, b"\xff\xd8\xff") => "image/jpeg",
        () if at(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        () if at(0, b"RIFF") && at(8, b"WEBP") => "image/webp",
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => "image/gif",
        () if at(4, b"ftypavif") || at(4, b"ftypavis") => "image/avif",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        for (bytes, kind) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"GIF89a\x01\0", Some("image/gif")),
            (b"\0\0\0\x20ftypavif\0\0", Some("image/avif")),
            (b"\0\0\0\x20ftypisom\0\0", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"<?xml version=\"1.0\"?><svg/>", None),
            (b"<!DOCTYPE html><script>", None),
            (b"\xff\xd8", None),
            (b"", None),
        ] {
            assert_eq!(picture_type(bytes), kind, "{bytes:?}");
        }
    }
}
