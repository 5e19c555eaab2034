//! `/admin/metadata`: how the programs of DJs send titles.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::call::{Call, Handled};
use super::core::Core;
use super::problem::Problem;
use crate::http::form_value;
use crate::{Error, HttpAnswer, Title};

/// `GET` and `POST /admin/metadata?mount=/guest.mp3&mode=updinfo&song=`. Other parameters are ignored.
pub(crate) fn metadata(core: &Core, call: &Call<'_>) -> Handled {
    let value = |name| value(call, name);
    let mount = value("mount").and_then(|mount| String::from_utf8(mount).ok());
    if value("mode").as_deref() != Some(b"updinfo") {
        return Ok(response(400, "Missing parameter", 0));
    }
    set_title(core, call, mount)
}

/// Sets the title that the parameters name, of what the user sends to this mount.
pub(super) fn set_title(core: &Core, call: &Call<'_>, mount: Option<String>) -> Handled {
    let Some((mount, title)) = mount.zip(title_of(call)) else {
        return Ok(response(400, "Missing parameter", 0));
    };
    let pipeline = core.sources.pipeline_at(&mount);
    if !call.who.is_some_and(|who| who.limits.allow_place(&mount, pipeline)) {
        return Err(Problem::new("forbidden", format!("this user sends nothing to {mount}")));
    }
    match core.sources.update_metadata(&mount, title) {
        Ok(()) => Ok(response(200, "Metadata update successful", 1)),
        Err(Error::NotFound(_)) => Ok(response(400, "Source does not exist", 0)),
        Err(error) => Err(error.into()),
    }
}

/// The title. `None` if it is missing.
fn title_of(call: &Call<'_>) -> Option<Title> {
    let charset = value(call, "charset").and_then(|label| Encoding::for_label(&label));
    let text = |name| value(call, name).map(|bytes| decoded(&bytes, charset));
    title(text("song"), text("artist"), text("title"))
}

/// A parameter, in the query or in the body.
pub(super) fn value(call: &Call<'_>, name: &str) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(call.request.body()).unwrap_or_default();
    form_value(call.request.query(), name).or_else(|| form_value(body, name))
}

/// The song goes before artist and title.
fn title(song: Option<String>, artist: Option<String>, title: Option<String>) -> Option<Title> {
    let full = |text: &String| !text.trim().is_empty();
    let text = match (song, artist.filter(full), title) {
        (Some(song), ..) => song,
        (None, Some(artist), Some(title)) if full(&title) => format!("{artist} - {title}"),
        (None, Some(artist), _) => artist,
        (None, None, title) => title?,
    };
    Some(Title::from_outside(text.trim()))
}

/// A text in its charset. Without one it is UTF-8 if it can be, else Windows-1252.
fn decoded(bytes: &[u8], charset: Option<&'static Encoding>) -> String {
    match (charset, std::str::from_utf8(bytes)) {
        (Some(charset), _) => charset.decode(bytes).0.into_owned(),
        (None, Ok(text)) => text.to_owned(),
        (None, Err(_)) => WINDOWS_1252.decode(bytes).0.into_owned(),
    }
}

/// The answer that clients of Icecast expect. `message` needs no escapes.
pub(super) fn response(status: u16, message: &'static str, done: u8) -> HttpAnswer {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<iceresponse><message>{message}</message><return>{done}</return></iceresponse>\n"
    );
    HttpAnswer::new(status, "text/xml; charset=utf-8", body).with("Cache-Control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::MAX_TITLE;

    #[test]
    fn the_song_goes_before_artist_and_title() {
        let text = |song: &str, artist: &str, name: &str| {
            let given = |text: &str| (text != "-").then(|| text.to_owned());
            title(given(song), given(artist), given(name)).map(|title| title.text)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(text("A - B", "C", "D"), some("A - B"));
        assert_eq!(text("-", "C", "D"), some("C - D"));
        assert_eq!(text("-", "", "D"), some("D"));
        assert_eq!(text("-", "C", "-"), some("C"));
        assert_eq!(text("", "-", "-"), some(""), "no title is one, too");
        assert_eq!(text("-", "-", "-"), None);
        assert_eq!(text(&"x".repeat(600), "-", "-"), Some("x".repeat(MAX_TITLE)));
    }

    #[test]
    fn a_title_is_in_its_charset_or_in_what_it_looks_like() {
        assert_eq!(decoded("Jóga".as_bytes(), None), "Jóga");
        assert_eq!(decoded(b"J\xf3ga \x80", None), "Jóga €");
        assert_eq!(decoded(b"\xef\xf0\xe8", Encoding::for_label(b"windows-1251")), "при");
        assert_eq!(decoded("Jóga".as_bytes(), Encoding::for_label(b"latin1")), "JÃ³ga");
    }
}
