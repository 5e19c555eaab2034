//! XSPF: XML, with URLs instead of paths.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use encoding_rs::Encoding;
use quick_xml::XmlVersion;
use quick_xml::encoding::DecodingReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::{Item, Name, url};

/// The deepest nesting. A playlist has five levels, extensions have a few more; anything deeper is an attack.
const MAX_DEPTH: usize = 64;
/// The longest text. No path is longer. Longer text is cut.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// The elements that have a meaning, in the places where they have it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Playlist,
    TrackList,
    Track,
    PlaylistTitle,
    Location,
    Title,
    Creator,
    Other,
}

impl Element {
    fn of(name: &str, parent: Option<Element>) -> Element {
        match (parent, name) {
            (None, "playlist") => Element::Playlist,
            (Some(Element::Playlist), "title") => Element::PlaylistTitle,
            (Some(Element::Playlist), "trackList") => Element::TrackList,
            (Some(Element::TrackList), "track") => Element::Track,
            (Some(Element::Track), "location") => Element::Location,
            (Some(Element::Track), "title") => Element::Title,
            (Some(Element::Track), "creator") => Element::Creator,
            _ => Element::Other,
        }
    }
}

#[derive(Default)]
struct Track {
    line: u64,
    names: Vec<Name>,
    title: String,
    creator: String,
}

struct Parser<'f> {
    found: &'f mut dyn FnMut(Item) -> ControlFlow<()>,
    /// The open elements, each with the base of its URLs.
    open: Vec<(Element, Option<Vec<u8>>)>,
    text: String,
    track: Track,
}

/// Parses a playlist. Only the entities of XML itself are expanded. Those that a document declares stay as
/// they are, so no text can multiply.
pub(super) fn parse(
    input: &mut dyn BufRead,
    found: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let counted = Counted { input: DecodingReader::new(input), line: 1, beginning: Beginning::Unread };
    let mut xml = Reader::from_reader(counted);
    // `Tom & Jerry` is wrong, but common.
    xml.config_mut().allow_dangling_amp = true;
    let mut parser = Parser { found, open: Vec::new(), text: String::new(), track: Track::default() };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer);
        let line = xml.get_ref().line;
        let bad =
            |reason: String| io::Error::new(io::ErrorKind::InvalidData, format!("line {line}: {reason}"));
        let flow = match event.map_err(|error| bad(why_not(&error)))? {
            Event::Decl(declaration) => {
                if let Some(encoding) = declaration.encoder()
                    && !xml.get_mut().decode_as(encoding)
                {
                    return Err(bad("its encoding must be declared at its very beginning".into()));
                }
                ControlFlow::Continue(())
            }
            Event::Start(start) => {
                if parser.open.len() == MAX_DEPTH {
                    return Err(bad("too many elements within each other".into()));
                }
                parser.start(&start, line);
                ControlFlow::Continue(())
            }
            Event::Text(text) => parser.text(&text.xml10_content()),
            Event::CData(text) => parser.text(&text.xml10_content()),
            Event::GeneralRef(reference) => parser.text(&resolved(&reference)),
            Event::End(_) => parser.end(),
            Event::Eof => break,
            // An empty element such as `<location/>` has no text.
            _ => ControlFlow::Continue(()),
        };
        if flow.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    if parser.open.is_empty() {
        return Ok(ControlFlow::Continue(()));
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends in the middle"))
}

/// Why it is no XML. The parser's own words would quote what is in the file.
fn why_not(error: &quick_xml::Error) -> String {
    match error {
        quick_xml::Error::Io(error) => error.to_string(),
        _ => "is not well-formed XML".into(),
    }
}

impl Parser<'_> {
    fn start(&mut self, start: &BytesStart<'_>, line: u64) {
        let parent = self.open.last();
        let element = Element::of(start.local_name().as_ref(), parent.map(|(element, _)| *element));
        let outer = parent.and_then(|(_, base)| base.as_deref());
        let base = start.attributes().flatten().find(|attribute| attribute.key.as_ref() == "xml:base");
        let base = match base.and_then(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).ok()) {
            Some(inner) => Some(url::join(outer.unwrap_or_default(), inner.trim().as_bytes())),
            None => outer.map(<[u8]>::to_vec),
        };
        if element == Element::Track {
            self.track = Track { line, ..Track::default() };
        }
        self.text.clear();
        self.open.push((element, base));
    }

    fn text(&mut self, text: &str) -> ControlFlow<()> {
        let wanted = self.open.last().is_some_and(|(element, _)| {
            matches!(element, Element::PlaylistTitle | Element::Location | Element::Title | Element::Creator)
        });
        if wanted && self.text.len() + text.len() <= MAX_TEXT_BYTES {
            self.text.push_str(text);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self) -> ControlFlow<()> {
        let Some((element, base)) = self.open.pop() else { return ControlFlow::Continue(()) };
        let text = self.text.trim();
        match element {
            Element::PlaylistTitle if !text.is_empty() => (self.found)(Item::Title(text.to_owned()))?,
            Element::Location if !text.is_empty() => {
                let location = text.as_bytes();
                let location = base.map_or_else(|| location.to_vec(), |base| url::join(&base, location));
                self.track.names.push(Name::url(&location));
            }
            Element::Title => self.track.title = text.to_owned(),
            Element::Creator => self.track.creator = text.to_owned(),
            Element::Track => {
                let Track { line, names, title, creator } = std::mem::take(&mut self.track);
                let text = match (creator.is_empty(), title.is_empty()) {
                    (false, false) => Some(format!("{creator} - {title}")),
                    (true, true) => None,
                    _ => Some(creator + &title),
                };
                if !names.is_empty() {
                    (self.found)(Item::Entry { line, names, text })?;
                }
            }
            _ => {}
        }
        self.text.clear();
        ControlFlow::Continue(())
    }
}

fn resolved(reference: &BytesRef<'_>) -> String {
    let name = reference.xml10_content();
    let predefined = match name.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => reference.resolve_char_ref().ok().flatten(),
    };
    predefined.map_or_else(|| format!("&{name};"), String::from)
}

/// Counts lines while they are consumed.
struct Counted<'i> {
    input: DecodingReader<&'i mut dyn BufRead>,
    line: u64,
    beginning: Beginning,
}

/// The first 64 bytes of the file, which may hold an XML declaration. They are read first.
enum Beginning {
    Unread,
    /// So many bytes of it are left.
    Read(usize),
    Passed,
}

impl Counted<'_> {
    /// Sets the encoding of the rest. Returns false if it is too late for that; `set_encoding` would panic
    /// then.
    fn decode_as(&mut self, encoding: &'static Encoding) -> bool {
        let is_in_time = encoding == self.input.encoding() || !matches!(self.beginning, Beginning::Passed);
        if is_in_time {
            self.input.set_encoding(encoding);
        }
        is_in_time
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let count = buffer.len().min(into.len());
        into[..count].copy_from_slice(&buffer[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let buffer = self.input.fill_buf()?;
        self.beginning = match self.beginning {
            Beginning::Unread => Beginning::Read(buffer.len()),
            Beginning::Read(left) if left > 0 => Beginning::Read(left),
            _ => Beginning::Passed,
        };
        Ok(buffer)
    }

    fn consume(&mut self, count: usize) {
        // The consumed bytes are in the buffer, so this reads nothing and cannot fail.
        if let Ok(buffer) = self.fill_buf() {
            let lines = buffer[..count].iter().filter(|&&byte| byte == b'\n').count();
            self.line += lines as u64;
        }
        if let Beginning::Read(left) = &mut self.beginning {
            *left = left.saturating_sub(count);
        }
        self.input.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::parsed;
    use super::*;

    fn entry(line: u64, names: &[&str], text: Option<&str>) -> Item {
        let names = names.iter().map(|name| Name::url(name.as_bytes())).collect();
        Item::Entry { line, names, text: text.map(Into::into) }
    }

    #[test]
    fn tracks_have_locations_and_names() {
        let list = r#"<?xml version="1.0" encoding="UTF-8"?>
<x:playlist version="1" xmlns:x="http://xspf.org/ns/0/"><x:title> Evening &amp; night </x:title>
 <x:trackList>
  <x:track>
   <x:location>Tom &amp; Jerry&#x21;.mp3</x:location><x:location><![CDATA[<b>.mp3]]></x:location>
   <x:creator>Björk</x:creator><x:title>Jóga</x:title>
   <x:extension application="x"><x:location>not.mp3</x:location><x:title>not</x:title></x:extension>
  </x:track>
  <x:track><x:title>nowhere</x:title><x:location/></x:track>
  <x:track><x:location> Tom & Jerry.mp3 </x:location><x:creator>only</x:creator></x:track>
  <x:track><x:location>c&undeclared;.mp3</x:location></x:track>
 </x:trackList>
</x:playlist>"#;
        assert_eq!(
            parsed(Format::Xspf, list.as_bytes()).unwrap(),
            [
                Item::Title("Evening & night".into()),
                entry(4, &["Tom & Jerry!.mp3", "<b>.mp3"], Some("Björk - Jóga")),
                entry(10, &["Tom & Jerry.mp3"], Some("only")),
                entry(11, &["c&undeclared;.mp3"], None),
            ]
        );
    }

    #[test]
    fn locations_are_relative_to_the_bases_around_them() {
        let list = br#"<playlist xml:base="music/list.xspf"><trackList xml:base="sub/">
            <track><location>a.mp3</location></track>
            <track><location xml:base="file:///other/">b.mp3</location></track>
            <track><location>/c.mp3</location></track></trackList></playlist>"#;
        assert_eq!(
            parsed(Format::Xspf, list).unwrap(),
            [
                entry(2, &["music/sub/a.mp3"], None),
                entry(3, &["file:///other/b.mp3"], None),
                entry(4, &["/c.mp3"], None)
            ]
        );
    }

    #[test]
    fn an_encoding_that_is_declared_too_late_is_an_error() {
        let late = format!("<playlist><!--{}--><?xml encoding='UTF-16'?></playlist>", " ".repeat(70));
        let long = format!("<?xml version='1.0'{}encoding='ISO-8859-1'?><playlist/>", " ".repeat(70));
        for list in [late, long] {
            let error = parsed(Format::Xspf, list.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "line 1: its encoding must be declared at its very beginning");
        }
        let long = format!("<?xml version='1.0'{}encoding='UTF-8'?><playlist/>", " ".repeat(70));
        assert_eq!(parsed(Format::Xspf, long.as_bytes()).unwrap(), []);
        // The declaration ends at different places within the first 64 bytes and beyond.
        for spaces in 1..70 {
            let declaration = format!("<?xml version='1.0'{}encoding='ISO-8859-1'?>", " ".repeat(spaces));
            let list = format!("{declaration}<playlist/>");
            assert_eq!(
                parsed(Format::Xspf, list.as_bytes()).is_ok(),
                declaration.len() <= 64,
                "{declaration}"
            );
        }
    }

    #[test]
    fn other_encodings_are_read() {
        let body = "<playlist><trackList><track><location>Jóga.mp3</location></track></trackList></playlist>";
        let latin = format!("<?xml version='1.0' encoding='ISO-8859-1'?>{body}");
        let latin: Vec<u8> = latin.chars().map(|c| c as u8).collect();
        let utf16: Vec<u8> = format!("\u{feff}<?xml version='1.0' encoding='UTF-16'?>{body}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for list in [latin, utf16, body.into(), format!("\u{feff}{body}").into()] {
            assert_eq!(parsed(Format::Xspf, &list).unwrap(), [entry(1, &["Jóga.mp3"], None)]);
        }
    }

    #[test]
    fn entities_that_multiply_do_not() {
        let mut list = String::from("<!DOCTYPE playlist [<!ENTITY a0 \"x\">");
        for n in 1..30 {
            list += &format!("<!ENTITY a{n} \"&a{0};&a{0};\">", n - 1);
        }
        list += "]><playlist><trackList><track><location>&a29;</location></track></trackList></playlist>";
        assert_eq!(parsed(Format::Xspf, list.as_bytes()).unwrap(), [entry(1, &["&a29;"], None)]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let reason = |list: &str| parsed(Format::Xspf, list.as_bytes()).unwrap_err().to_string();
        assert!(reason("<playlist>\n<trackList>\n</playlist>").starts_with("line 3: "));
        assert_eq!(reason("<playlist><trackList>"), "it ends in the middle");
        assert_eq!(reason(&"<a>".repeat(65)), "line 1: too many elements within each other");
        let long = format!("<playlist><title>{}</title></playlist>", "x".repeat(1 << 20));
        assert_eq!(parsed(Format::Xspf, long.as_bytes()).unwrap(), []);
    }
}
