//! Reads the playlists of HLS: what a player needs of them, and what every live playlist must have.

use std::time::Duration;

/// A media playlist.
#[derive(Debug, PartialEq)]
pub struct Media {
    pub target: Duration,
    pub discontinuities: u64,
    /// In their order; the media sequence numbers follow each other.
    pub segments: Vec<Listed>,
    /// Whether nothing will ever follow.
    pub is_over: bool,
}

/// A segment as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its media sequence number.
    pub number: u64,
    pub duration: Duration,
    pub uri: String,
    /// Whether times and numbers begin anew with it.
    pub begins_anew: bool,
    /// Whether it has no media, and must not be fetched.
    pub is_gap: bool,
}

/// The addresses of the variants.
pub fn variants(text: &str) -> Result<Vec<String>, &'static str> {
    let mut lines = checked(text)?;
    let mut variants = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("#EXT-X-STREAM-INF:") {
            let uri = lines.next().filter(|uri| !uri.is_empty() && !uri.starts_with('#'));
            variants.push(uri.ok_or("a variant without an address")?.to_owned());
        }
    }
    if variants.is_empty() { Err("no variant is listed") } else { Ok(variants) }
}

/// Reads a media playlist.
pub fn media(text: &str) -> Result<Media, &'static str> {
    let (mut target, mut first, mut discontinuities, mut is_over) = (None, None, 0, false);
    let (mut duration, mut begins_anew, mut is_gap) = (None, false, false);
    let mut segments: Vec<Listed> = Vec::new();
    for line in checked(text)? {
        if let Some(seconds) = line.strip_prefix("#EXT-X-TARGETDURATION:") {
            target = seconds.parse().ok().map(Duration::from_secs);
        } else if let Some(number) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            first = number.parse::<u64>().ok();
        } else if let Some(number) = line.strip_prefix("#EXT-X-DISCONTINUITY-SEQUENCE:") {
            discontinuities = number.parse().map_err(|_| "a discontinuity sequence that is no number")?;
        } else if let Some(value) = line.strip_prefix("#EXTINF:") {
            let seconds = value.split(',').next().and_then(|seconds| seconds.parse::<f64>().ok());
            duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        } else if line == "#EXT-X-DISCONTINUITY" {
            begins_anew = true;
        } else if line == "#EXT-X-GAP" {
            is_gap = true;
        } else if line == "#EXT-X-ENDLIST" {
            is_over = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            let number = first.ok_or("no media sequence number")? + segments.len() as u64;
            let duration = duration.take().ok_or("a segment without its duration")?;
            segments.push(Listed { number, duration, uri: line.to_owned(), begins_anew, is_gap });
            (begins_anew, is_gap) = (false, false);
        }
    }
    let target = target.filter(|target| !target.is_zero()).ok_or("no target duration")?;
    if segments.iter().any(|segment| segment.duration > target + Duration::from_millis(500)) {
        return Err("a segment is longer than the target duration");
    }
    Ok(Media { target, discontinuities, segments, is_over })
}

/// Its lines. A playlist that ends in the middle of a line was seen half-written.
fn checked(text: &str) -> Result<std::str::Lines<'_>, &'static str> {
    if !text.starts_with("#EXTM3U\n") {
        return Err("no playlist");
    }
    if text.ends_with('\n') { Ok(text.lines()) } else { Err("a playlist ends in the middle of a line") }
}

/// The path that `uri` means in the playlist at `path`. `None` if it leads to another server.
pub fn resolve(path: &str, uri: &str) -> Option<String> {
    if uri.contains("://")
        || uri.starts_with("//")
        || uri.contains(|c: char| c.is_ascii_control() || c == ' ')
    {
        return None;
    }
    if uri.starts_with('/') {
        return Some(uri.to_owned());
    }
    let path = path.split('?').next().unwrap_or_default();
    let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
    Some(format!("{folder}{uri}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:70\n\
        #EXT-X-DISCONTINUITY-SEQUENCE:2\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n#EXTINF:3.994558,\na-70.ts\n\
        #EXT-X-DISCONTINUITY\n#EXT-X-GAP\n#EXTINF:4.017778,\na-71.ts\n";

    #[test]
    fn a_media_playlist_is_read() {
        let media = media(MEDIA).unwrap();
        assert_eq!((media.target, media.discontinuities, media.is_over), (Duration::from_secs(4), 2, false));
        let [one, two] = &media.segments[..] else { panic!("{media:?}") };
        let micros = Duration::from_micros(3_994_558);
        assert_eq!((one.number, one.duration, &*one.uri), (70, micros, "a-70.ts"));
        assert!(!one.begins_anew && !one.is_gap && two.begins_anew && two.is_gap && two.number == 71);
    }

    #[test]
    fn what_no_player_could_play_is_told() {
        let without = |part: &str| media(&MEDIA.replace(part, "")).unwrap_err();
        assert_eq!(without("#EXTM3U\n"), "no playlist");
        assert_eq!(without("#EXT-X-TARGETDURATION:4\n"), "no target duration");
        assert_eq!(without("#EXT-X-MEDIA-SEQUENCE:70\n"), "no media sequence number");
        assert_eq!(without("#EXTINF:4.017778,\n"), "a segment without its duration");
        assert_eq!(media(&MEDIA[..MEDIA.len() - 1]).unwrap_err(), "a playlist ends in the middle of a line");
        let long = MEDIA.replace("4.017778", "4.6");
        assert_eq!(media(&long).unwrap_err(), "a segment is longer than the target duration");
    }

    #[test]
    fn variants_have_their_addresses() {
        let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhls/a/live.m3u8?s=1\n";
        assert_eq!(variants(text).unwrap(), ["hls/a/live.m3u8?s=1"]);
        assert!(variants("#EXTM3U\n").is_err());
        assert!(variants("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n").is_err());
        assert_eq!(resolve("/radio/hls.m3u8", "hls/a/live.m3u8").unwrap(), "/radio/hls/a/live.m3u8");
        assert_eq!(resolve("/radio/hls/a/live.m3u8?s=/x/1", "b.ts").unwrap(), "/radio/hls/a/b.ts");
        assert_eq!(resolve("/radio/hls.m3u8", "/b.ts").unwrap(), "/b.ts");
        assert!(resolve("/hls.m3u8", "http://192.0.2.1/b.ts").is_none());
    }
}
