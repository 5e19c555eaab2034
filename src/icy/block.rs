//! A title as an ICY block: a length byte L, then 16·L bytes, padded with NUL.

use std::sync::Arc;

use crate::cut::cut;
use crate::metadata::{MAX_TITLE_URL, Title, one_line};

/// The longest text of a block. The length byte could express twice as much, but streamripper has no room for
/// more than this.
const MAX_TEXT: usize = 127 * 16;
/// The longest title, in bytes. A longer one is cut; a longer link is left out.
const MAX_TITLE: usize = 2_000;

/// The block that announces this title.
///
/// Players such as ffmpeg and GStreamer end a value at the first `';` after its first apostrophe. So a value
/// does not contain `';` and does not begin with a semicolon. It is one line. A value that does not fit is
/// cut between two characters.
pub(crate) fn icy_block(title: &Title) -> Arc<[u8]> {
    let url = title
        .url
        .as_deref()
        .map(|url| clean(&url.replace(char::is_control, "")))
        .filter(|url| !url.is_empty() && url.len() <= MAX_TITLE_URL);
    let url = url.map_or_else(String::new, |url| format!("StreamUrl='{url}';"));
    let (before, after) = ("StreamTitle='", "';");
    let text = clean(&one_line(&title.text));
    let room = MAX_TEXT - before.len() - after.len() - url.len();
    let text = cut(&text, room.min(MAX_TITLE));

    let length = before.len() + text.len() + after.len() + url.len();
    let sixteens = length.div_ceil(16);
    let mut block = Vec::with_capacity(1 + sixteens * 16);
    block.push(sixteens as u8);
    for part in [before, text, after, &url] {
        block.extend_from_slice(part.as_bytes());
    }
    block.resize(1 + sixteens * 16, 0);
    block.into()
}

fn clean(value: &str) -> String {
    let clean = value.replace("';", "\u{2019};");
    if clean.starts_with(';') { format!(" {clean}") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The block's text, after checking its frame.
    fn text_of(block: &[u8]) -> &str {
        assert_eq!(block.len(), 1 + usize::from(block[0]) * 16, "L means 16·L bytes");
        let end = block[1..].iter().position(|byte| *byte == 0).map_or(block.len(), |at| at + 1);
        assert!(block[end..].iter().all(|byte| *byte == 0), "padding is NUL");
        assert!(block.len() - end < 16, "no more padding than needed");
        std::str::from_utf8(&block[1..end]).unwrap()
    }

    /// Reads values as ffmpeg does: from `='` on, to the next `';` that is found from there.
    fn as_ffmpeg_reads(mut text: &str) -> Vec<(&str, &str)> {
        let mut values = Vec::new();
        while let Some(equals) = text.find("='") {
            let end = equals + text[equals..].find("';").expect("a value ends");
            values.push((&text[..equals], &text[equals + 2..end]));
            text = &text[end + 2..];
        }
        values
    }

    fn block(text: &str, url: Option<&str>) -> Arc<[u8]> {
        icy_block(&Title { url: url.map(Into::into), ..Title::new(text) })
    }

    #[test]
    fn titles_arrive_as_they_are() {
        for title in ["Björk – Jóga", "日本語", "Guns N' Roses - Don't Cry", "it's; fine", "", "a=b"] {
            assert_eq!(text_of(&block(title, None)), format!("StreamTitle='{title}';"));
        }
        let with_url = block("T", Some("https://x.example/?a=1&b=2"));
        assert_eq!(text_of(&with_url), "StreamTitle='T';StreamUrl='https://x.example/?a=1&b=2';");
        assert_eq!(text_of(&block("T", Some(""))), "StreamTitle='T';");
    }

    #[test]
    fn nothing_in_a_title_ends_it() {
        assert_eq!(text_of(&block("a';b", None)), "StreamTitle='a\u{2019};b';");
        assert_eq!(text_of(&block("a'\r\n\0;StreamUrl='x", None)), "StreamTitle='a' ;StreamUrl='x';");
        assert_eq!(text_of(&block(";a", None)), "StreamTitle=' ;a';");
        assert_eq!(text_of(&block("a'", None)), "StreamTitle='a'';");
        assert_eq!(text_of(&block("\u{7f}\u{85}a\tb", None)), "StreamTitle='a b';");
        assert_eq!(text_of(&block("\u{2028}A", None)), "StreamTitle='A';");
        assert_eq!(text_of(&block("a'\u{7f};b", None)), "StreamTitle='a\u{2019};b';");
    }

    #[test]
    fn a_long_title_is_cut_between_characters() {
        let overhead = "StreamTitle='';".len();
        assert_eq!(text_of(&block(&"x".repeat(6_000), None)).len(), MAX_TITLE + overhead);
        assert_eq!(text_of(&block(&"x".repeat(2_000), None)).len(), MAX_TITLE + overhead, "it fits");
        for shift in 0..3 {
            let title = format!("{}{}", "x".repeat(shift), "語".repeat(2_000));
            let block = block(&title, None);
            let text = text_of(&block);
            let value = as_ffmpeg_reads(text)[0].1;
            assert!(title.starts_with(value));
            assert!((MAX_TITLE - 2..=MAX_TITLE).contains(&value.len()));
        }
        let url = format!("http://x/{}", "y".repeat(900));
        let with_url = block(&"x".repeat(6_000), Some(&url));
        assert_eq!(as_ffmpeg_reads(text_of(&with_url))[1], ("StreamUrl", url.as_str()));
        assert_eq!(text_of(&with_url).len(), MAX_TEXT, "a title leaves room for its link");
        assert_eq!(text_of(&block("T", Some(&"y".repeat(2_000)))), "StreamTitle='T';");
    }

    proptest! {
        #[test]
        fn any_title_is_one_value(text in any::<String>(), url in any::<Option<String>>()) {
            let block = icy_block(&Title { url: url.clone(), ..Title::new(&text) });
            let read = as_ffmpeg_reads(text_of(&block));
            prop_assert_eq!(read[0].0, "StreamTitle");
            prop_assert_eq!(read.len(), if text_of(&block).contains("';StreamUrl='") { 2 } else { 1 });
            let line = one_line(&text);
            if !line.contains("';") && !line.starts_with(';') {
                prop_assert!(line.starts_with(read[0].1));
            }
        }
    }
}
