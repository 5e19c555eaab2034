//! Titles as ID3v2.4 tags.

use super::packet::ShownTitle;

const UTF_8: u8 = 3;

/// A tag with title, artist and album. Without a title its text is empty, so that players clear theirs.
pub(super) fn tag(title: &ShownTitle) -> Vec<u8> {
    let mut frames = Vec::new();
    write_frame(&mut frames, b"TIT2", title.title());
    for (id, text) in [(b"TPE1", title.artist()), (b"TALB", title.album())] {
        if let Some(text) = text {
            write_frame(&mut frames, id, text);
        }
    }
    let mut tag = b"ID3\x04\x00\x00".to_vec();
    tag.extend(synchsafe(frames.len()));
    tag.extend(frames);
    tag
}

fn write_frame(out: &mut Vec<u8>, id: &[u8; 4], text: &str) {
    out.extend_from_slice(id);
    out.extend(synchsafe(1 + text.len()));
    out.extend([0, 0, UTF_8]);
    out.extend_from_slice(text.as_bytes());
}

/// A number in four bytes of seven bits. Texts are limited, so it fits.
fn synchsafe(number: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift) as u8 & 0x7f)
}
