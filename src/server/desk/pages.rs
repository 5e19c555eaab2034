//! The documents that the server writes itself: playlists for a mount, and the front page.

use std::net::SocketAddr;

use crate::percent::encode_path;

/// A mount as the front page shows it.
pub(crate) struct Stream<'a> {
    pub(crate) path: &'a str,
    pub(crate) content_type: &'a str,
    /// In kilobits per second, if known.
    pub(crate) bitrate: Option<u32>,
    pub(crate) name: &'a str,
    pub(crate) title: String,
    /// Its playlist of HLS, if it has one.
    pub(crate) hls: Option<&'a str>,
}

/// The URL by which the client reaches the server. It has the host that was asked for, if one was, else the
/// address that the client reached.
pub(crate) fn base_url(host: Option<&str>, local: Option<SocketAddr>) -> String {
    match (host, local) {
        (Some(host), _) => format!("http://{host}"),
        (None, Some(local)) => format!("http://{}", SocketAddr::new(local.ip().to_canonical(), local.port())),
        (None, None) => "http://localhost".into(),
    }
}

pub(crate) fn m3u(url: &str, name: &str) -> String {
    format!("#EXTM3U\r\n#EXTINF:-1,{name}\r\n{url}\r\n")
}

pub(crate) fn pls(url: &str, name: &str) -> String {
    format!("[playlist]\r\nNumberOfEntries=1\r\nFile1={url}\r\nTitle1={name}\r\nLength1=-1\r\nVersion=2\r\n")
}

pub(crate) fn xspf(url: &str, name: &str) -> String {
    let (url, name) = (escape(url), escape(name));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\"><title>{name}</title><trackList>\
         <track><location>{url}</location><title>{name}</title></track></trackList></playlist>\n"
    )
}

/// The front page of a server that shows no other: the streams that are on the air.
pub(crate) fn index(streams: &[Stream<'_>]) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Longwave</title></head>\n<body>\n\
         {}</body></html>\n",
        streams_as_html(streams)
    )
}

/// The streams that are on the air, each with a player. The page's script reads them from here, too.
pub(crate) fn streams_as_html(streams: &[Stream<'_>]) -> String {
    if streams.is_empty() {
        return "<p>Nothing is on the air.</p>\n".to_owned();
    }
    streams.iter().map(stream_as_html).collect()
}

fn stream_as_html(stream: &Stream<'_>) -> String {
    let url = escape(&encode_path(stream.path.as_bytes()));
    let (name, title) = (escape(stream.name), escape(&stream.title));
    let kind = escape(stream.content_type);
    let bitrate = stream.bitrate.map_or(String::new(), |bitrate| format!(", {bitrate} kbit/s"));
    // Browsers that play it take it first, for it goes on through a change of network.
    let hls = stream.hls.map(|hls| escape(&encode_path(hls.as_bytes())));
    let source =
        hls.as_ref().map(|hls| format!("<source src=\"{hls}\" type=\"application/vnd.apple.mpegurl\">"));
    let link = hls.as_ref().map(|hls| format!(" <a href=\"{hls}\">HLS</a>"));
    let [source, link] = [source, link].map(Option::unwrap_or_default);
    format!(
        "<section class=\"stream\" data-mount=\"{url}\"><h2 dir=\"auto\">{name}</h2>\
         <p class=\"title\" dir=\"auto\">{title}</p><p class=\"format\">{kind}{bitrate}</p>\
         <audio controls preload=\"none\" aria-label=\"{name}\">{source}<source src=\"{url}\" type=\"{kind}\">\
         </audio><p class=\"links\"><a href=\"{url}\">{url}</a> <a href=\"{url}.m3u\">M3U</a> \
         <a href=\"{url}.pls\">PLS</a> <a href=\"{url}.xspf\">XSPF</a>{link}</p></section>\n"
    )
}

/// Escapes text for HTML and XML, also within quoted attributes. It drops control characters, because XML
/// allows few of them.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_control() => (),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_made_from_the_host_that_was_asked_for_or_from_the_address_that_was_reached() {
        let local = Some("[::ffff:192.0.2.1]:8000".parse().unwrap());
        assert_eq!(base_url(Some("radio.example:8000"), local), "http://radio.example:8000");
        assert_eq!(base_url(None, local), "http://192.0.2.1:8000");
        assert_eq!(base_url(None, Some("[::1]:80".parse().unwrap())), "http://[::1]:80");
    }

    #[test]
    fn nothing_in_a_name_or_title_is_markup() {
        let evil = "</title><script>'\"&\u{1}";
        let stream = Stream {
            path: "/é \"<%?#.mp3",
            content_type: "audio/mpeg",
            bitrate: Some(128),
            name: evil,
            title: evil.into(),
            hls: Some("/x\"y/hls.m3u8"),
        };
        let page = index(&[stream]);
        assert!(page.contains("src=\"/%C3%A9%20%22%3C%25%3F%23.mp3\""), "{page}");
        let hls = "<source src=\"/x%22y/hls.m3u8\" type=\"application/vnd.apple.mpegurl\"><source src=";
        assert!(page.contains(hls), "{page}");
        for text in [page, xspf("http://h/a", evil)] {
            assert!(!text.contains("<script>") && !text.contains('\u{1}'), "{text}");
            assert!(text.contains("&lt;/title&gt;&lt;script&gt;&#39;&quot;&amp;"), "{text}");
        }
    }

    #[test]
    fn playlists_name_their_stream() {
        let url = "http://h:8000/a.mp3";
        assert_eq!(m3u(url, "Name"), "#EXTM3U\r\n#EXTINF:-1,Name\r\nhttp://h:8000/a.mp3\r\n");
        assert!(pls(url, "Name").contains("File1=http://h:8000/a.mp3\r\nTitle1=Name\r\n"));
        assert!(xspf(url, "Name").contains("<location>http://h:8000/a.mp3</location><title>Name</title>"));
    }
}
