//! A document with places that are filled in: some when the page is shown, others for each request.

use crate::server::desk::pages::{Stream, escape, streams_as_html};

/// A document of which only what depends on the streams is open.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    /// The name of the station.
    Name,
    /// The streams that are on the air, each with a player.
    Streams,
}

impl Template {
    /// Fills in these values, which are HTML: `{{greeting}}` becomes the value of `greeting`. `{{name}}` and
    /// `{{streams}}` stay open.
    pub(super) fn new(text: &str, values: &[(&str, String)]) -> Template {
        let mut parts = text.split("{{");
        let mut pieces = vec![Piece::Text(parts.next().unwrap_or_default().into())];
        for part in parts {
            let (place, rest) = part.split_once("}}").unwrap_or((part, ""));
            let value = values.iter().find(|(name, _)| *name == place).map(|(_, value)| value.as_str());
            pieces.push(match (place, value) {
                ("name", _) => Piece::Name,
                ("streams", _) => Piece::Streams,
                (_, value) => Piece::Text(value.unwrap_or_default().into()),
            });
            pieces.push(Piece::Text(rest.into()));
        }
        Template(pieces)
    }

    /// The document with these streams. Nothing in a name or a title is markup.
    pub(super) fn with(&self, name: &str, streams: &[Stream<'_>]) -> String {
        let mut page = String::with_capacity(16 * 1024);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => page.push_str(text),
                Piece::Name => page.push_str(&escape(name)),
                Piece::Streams => page.push_str(&streams_as_html(streams)),
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_what_fills_them_has_none() {
        let values = [("greeting", "{{name}} &amp; all".to_owned())];
        let template = Template::new("<h1>{{name}}</h1>{{greeting}}{{other}}<p>{{streams}}</p>", &values);
        let page = template.with("<b>{{streams}}", &[]);
        assert_eq!(
            page,
            "<h1>&lt;b&gt;{{streams}}</h1>{{name}} &amp; all<p><p>Nothing is on the air.</p>\n</p>"
        );
    }
}
