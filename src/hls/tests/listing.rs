//! Reads media playlists, line by line, and checks what RFC 8216 demands of each.

/// A media playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Playlist {
    pub media_sequence: u64,
    pub discontinuity_sequence: u64,
    /// The attributes of each track, as they stand.
    pub tracks: Vec<String>,
    pub segments: Vec<Listed>,
    pub is_over: bool,
}

/// A segment in a playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listed {
    pub name: String,
    pub micros: u64,
    pub date: String,
    pub is_gap: bool,
    pub is_discontinuous: bool,
}

impl Playlist {
    pub fn read(text: &str) -> Playlist {
        let (lines, rest) = text.rsplit_once('\n').expect("lines");
        assert!(rest.is_empty() && !text.contains(['\r', '\u{feff}']), "{text}");
        let mut lines = lines.split('\n');
        let mut value = |tag: &str| -> u64 {
            let line = lines.next().unwrap_or_default();
            let value = line.strip_prefix(tag).unwrap_or_else(|| panic!("{line} is not {tag}"));
            if value.is_empty() { 0 } else { value.parse().unwrap() }
        };
        value("#EXTM3U");
        assert_eq!(value("#EXT-X-VERSION:"), 3);
        let target_seconds = value("#EXT-X-TARGETDURATION:");
        let mut playlist = Playlist {
            media_sequence: value("#EXT-X-MEDIA-SEQUENCE:"),
            discontinuity_sequence: value("#EXT-X-DISCONTINUITY-SEQUENCE:"),
            ..Playlist::default()
        };
        value("#EXT-X-INDEPENDENT-SEGMENTS");
        let mut next = Listed::default();
        for line in lines {
            assert!(!playlist.is_over, "nothing follows the end");
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-DATERANGE" => playlist.tracks.push(value.into()),
                "#EXT-X-DISCONTINUITY" => next.is_discontinuous = true,
                "#EXT-X-PROGRAM-DATE-TIME" => next.date = value.into(),
                "#EXT-X-GAP" => next.is_gap = true,
                "#EXTINF" => {
                    let (seconds, micros) = value.strip_suffix(',').unwrap().split_once('.').unwrap();
                    assert_eq!(micros.len(), 6);
                    next.micros =
                        seconds.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap();
                    assert!((next.micros + 500_000) / 1_000_000 <= target_seconds, "{value} is too long");
                }
                "#EXT-X-ENDLIST" => playlist.is_over = true,
                name if !name.starts_with('#') => {
                    assert!(!next.date.is_empty() && next.micros > 0, "{name} has a date and a duration");
                    playlist.segments.push(Listed { name: name.into(), ..std::mem::take(&mut next) });
                }
                other => panic!("{other} in a media playlist"),
            }
        }
        assert_eq!(next, Listed::default(), "no tag without its segment");
        playlist
    }
}
