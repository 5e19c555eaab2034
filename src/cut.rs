//! The beginning of a text.

/// At most so many bytes of a text, in whole characters. (`str::floor_char_boundary` is younger than the
/// oldest compiler that builds Longwave.)
pub(crate) fn cut(text: &str, most_bytes: usize) -> &str {
    let mut end = text.len().min(most_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_between_two_characters() {
        let text = "aé😀";
        let cuts: Vec<_> = (0..=9).map(|most| cut(text, most)).collect();
        assert_eq!(cuts, ["", "a", "a", "aé", "aé", "aé", "aé", text, text, text]);
        assert_eq!(cut("", 3), "");
    }
}
