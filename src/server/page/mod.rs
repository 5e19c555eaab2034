//! The listeners' page: what `/` and `/embed` answer, and the files that they need.
//!
//! The reactor fills the streams into a template for each request, so that the page works without its script.
//! Everything else is on the shelf.

mod own;
mod settings;
mod template;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Server;
use super::desk::pages::{Stream, escape};
use super::reactor::Command;
use super::shelf::{Room, RoomSettings, SessionId, ShelfObject, Swap};
use crate::error::{Error, Result};
use crate::filework::read_needed;
use crate::http::{HttpAnswer, Request, form_value};
use crate::picture::picture_type;
use crate::setting::Settings;
use crate::web;
use crate::whole_file::read_whole;
use own::OwnPage;
use template::Template;

pub(crate) use settings::PAGE;
pub use settings::{Colour, PageLink, PageSettings};

/// The folder of `web/` with the page, and the path below which its files are served.
const FOLDER: &str = "page";

/// The picture beside the name.
const LOGO: &str = "/page/logo";

/// The most bytes of the logo.
const MAX_LOGO: u64 = 512 << 10;

/// The name of a station that has none, and whose streams have none.
const NAMELESS: &str = "Longwave";

/// Under which name the room of an own page is known, which has no path in common.
const OWN: &str = "the page at /";

/// What a browser may do with the page: what it needs, and only of this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; frame-ancestors";

/// A page of one's own may do what it likes, but no other site may have it in a frame.
const OWN_POLICY: &str = "frame-ancestors 'none'";

/// For what may change with a reload: a browser asks each time whether it has.
const CACHE: &str = "no-cache";

/// What the desk answers with.
#[derive(Debug)]
pub(crate) struct FrontPage {
    name: Option<String>,
    front: Front,
    embed: Template,
}

#[derive(Debug)]
enum Front {
    Built(Template),
    /// The operator's own document.
    Own(ShelfObject),
}

/// The rooms of the page that is shown. The lock is held by whoever shows another one.
#[derive(Debug, Default)]
pub(crate) struct ShownPage(Mutex<Option<Rooms>>);

#[derive(Debug)]
struct Rooms {
    built: Room,
    own: Option<Room>,
}

impl Server {
    /// Shows the listeners' page at `/` and `/embed`, or shows it with other settings. A server that was not
    /// told to shows a plain list of its streams. It reads the logo and the folder, and waits for each up to
    /// ten seconds.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot work, and for a logo or a folder that cannot be read;
    /// [`Error::Exists`] if a file of the folder has the path of a mount; [`Error::Stopped`]. The page stays
    /// as it was then.
    pub fn show_page(&self, settings: &PageSettings) -> Result<()> {
        self.show_page_taking(settings, false)
    }

    /// The same with a form for requests, if the API takes them for one pipeline.
    pub(crate) fn show_page_taking(&self, settings: &PageSettings, requests: bool) -> Result<()> {
        settings.check()?;
        let own = settings.folder.as_deref().map(own::read).transpose()?;
        let logo = settings.logo.as_deref().map(logo).transpose()?;
        let mut shown = self.inner.page.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (built, own_before) = match shown.take() {
            Some(Rooms { built, own }) => (built, own),
            None => (self.open_room(room("/page/", vec!["/page/".into()]), None)?, None),
        };
        let has_logo = logo.is_some();
        let put = files(settings).chain(logo.map(|logo| (LOGO.into(), logo))).collect();
        let taken = if has_logo { Vec::new() } else { vec![LOGO.into()] };
        let own_now = own.as_ref().map(|own| self.shelve_own(own, own_before.as_ref())).transpose();
        let own_now = match own_now {
            Ok(own_now) => own_now,
            Err(error) => {
                *shown = Some(Rooms { built, own: own_before });
                return Err(error);
            }
        };
        built.swap(Swap { put, taken });
        *shown = Some(Rooms { built, own: own_now });
        // When this returns, what was there before is gone.
        drop(own_before);
        drop(shown);
        let page = FrontPage::new(settings, own.as_ref(), has_logo, requests);
        self.inner.ask(|reply| Command::ShowPage(Box::new(page), reply))
    }

    /// Puts the files of an own page on the shelf, in the place of those that are there.
    fn shelve_own(&self, own: &OwnPage, before: Option<&Room>) -> Result<Room> {
        let paths = own.files.iter().map(|(path, _)| path.clone()).collect();
        let now = self.open_room(room(OWN, paths), before.map(Room::board))?;
        let object = |(path, bytes): &(String, Vec<u8>)| (path.as_str().into(), own_object(path, bytes));
        now.swap(Swap { put: own.files.iter().map(object).collect(), taken: Vec::new() });
        Ok(now)
    }
}

impl FrontPage {
    fn new(settings: &PageSettings, own: Option<&OwnPage>, has_logo: bool, requests: bool) -> FrontPage {
        let values = values(settings, has_logo, requests);
        let built = |name| {
            let file = web::files_of(FOLDER).find(|file| file.name() == name);
            Template::new(file.expect("a test has looked").text(), &values)
        };
        let front = match own {
            Some(own) => Front::Own(own_object("/index.html", &own.index)),
            None => Front::Built(built("index.html")),
        };
        FrontPage { name: settings.name.clone(), front, embed: built("embed.html") }
    }

    /// The answer to a request for the page, with the streams that are on the air. `/embed?mount=PATH` has one
    /// stream alone.
    pub(crate) fn answer(
        &self,
        request: &Request<'_>,
        path: &str,
        mut streams: Vec<Stream<'_>>,
        new_session: impl FnOnce() -> SessionId,
    ) -> HttpAnswer {
        let named = streams.iter().find(|stream| stream.path.strip_prefix('/') != Some(stream.name));
        let name = self.name.as_deref().or(named.map(|stream| stream.name)).unwrap_or(NAMELESS).to_owned();
        let (template, ancestors) = match (path, &self.front) {
            ("/embed", _) => (&self.embed, "*"),
            (_, Front::Built(template)) => (template, "'none'"),
            (_, Front::Own(object)) => return object.answer(request, new_session),
        };
        let wanted = request.local_target().split_once('?').and_then(|(_, query)| form_value(query, "mount"));
        if let Some(wanted) = wanted.filter(|_| path == "/embed") {
            streams.retain(|stream| stream.path.as_bytes() == wanted);
        }
        let answer = HttpAnswer::new(200, "text/html; charset=utf-8", template.with(&name, &streams));
        let policy = format!("{POLICY} {ancestors}");
        let answer = answer.with("Cache-Control", CACHE).with("Content-Security-Policy", &policy);
        answer.readable_by_all()
    }
}

fn room(name: &str, paths: Vec<String>) -> RoomSettings {
    RoomSettings { name: name.into(), paths, counted_for: None }
}

/// The files that the documents need.
fn files(settings: &PageSettings) -> impl Iterator<Item = (Arc<str>, ShelfObject)> {
    let colours = colours(settings);
    web::files_of(FOLDER).filter(|file| !file.name().ends_with(".html")).map(move |file| {
        let object = match colours.as_str() {
            "" => ShelfObject::of_web(file),
            colours if file.name().ends_with(".css") => {
                packed(file.content_type(), &[file.bytes, colours.as_bytes()].concat())
            }
            _ => ShelfObject::of_web(file),
        };
        (format!("/{FOLDER}/{}", file.name()).into(), object)
    })
}

/// The rules that follow those of the style sheet.
fn colours(settings: &PageSettings) -> String {
    let rule = |colour: Colour| {
        let above = if colour.is_light() { "#000" } else { "#fff" };
        format!(":root{{--accent:{colour};--on-accent:{above}}}")
    };
    let mut rules = settings.accent.map(rule).unwrap_or_default();
    if let Some(dark) = settings.accent_dark {
        let _ = write!(rules, "@media(prefers-color-scheme:dark){{{}}}", rule(dark));
    }
    rules
}

/// What the templates are filled with, in HTML.
fn values(settings: &PageSettings, has_logo: bool, requests: bool) -> [(&'static str, String); 5] {
    let greeting = settings.greeting.as_deref().unwrap_or_default();
    let link = |link: &PageLink| {
        format!("<li><a href=\"{}\" dir=\"auto\">{}</a></li>", escape(&link.url), escape(&link.text))
    };
    let logo = |tag: String| if has_logo { tag } else { String::new() };
    [
        ("greeting", escape(greeting)),
        ("links", settings.links.iter().map(link).collect()),
        ("logo", logo(format!("<img class=\"logo\" src=\"{LOGO}\" alt=\"\" width=\"56\" height=\"56\">"))),
        ("requests", if requests { "yes".into() } else { "no".into() }),
        ("icon", if has_logo { LOGO.into() } else { "/page/icon.svg".into() }),
    ]
}

fn logo(file: &Path) -> Result<ShelfObject> {
    let own = file.to_owned();
    let refused = |reason: String| Error::setting("logo", format!("{}: {reason}", file.display()));
    let bytes = read_needed(file, move || read_whole(&own, MAX_LOGO))
        .map_err(|reason| refused(reason.to_string()))?
        .map_err(|error| refused(error.to_string()))?;
    match picture_type(&bytes) {
        Some(kind) => Ok(ShelfObject::new(kind, CACHE, bytes)),
        None => Err(refused("it is none of JPEG, PNG, WebP, GIF and AVIF".into())),
    }
}

fn own_object(path: &str, bytes: &[u8]) -> ShelfObject {
    let kind = web::content_type(path).unwrap_or("application/octet-stream");
    packed(kind, bytes).with_policy(OWN_POLICY)
}

/// Bytes that are compressed now, if that makes them smaller.
fn packed(kind: &'static str, bytes: &[u8]) -> ShelfObject {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let gzip = encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default();
    let object = ShelfObject::new(kind, CACHE, bytes);
    match (1..bytes.len()).contains(&gzip.len()) {
        true => object.or_gzip(gzip),
        false => object,
    }
}
