//! The settings of the page: their keys, and what is refused.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::http::{is_web_url, no_web_url};
use crate::setting::{
    Declared, DefaultValue, EXISTING, EXISTING_FOLDER, Kind, Reload, Setting, Settings, TEXT, Takes, Values,
    settings,
};

/// How the page at `/` looks, and what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSettings {
    /// The name of the station. `None`: that of its first stream.
    pub name: Option<String>,
    /// A sentence below the name.
    pub greeting: Option<String>,
    /// Links at the end of the page, in this order.
    pub links: Vec<PageLink>,
    /// The colour of buttons and links on a light background.
    pub accent: Option<Colour>,
    /// The same on a dark background. `None`: that of the light one.
    pub accent_dark: Option<Colour>,
    /// A picture beside the name, which is the page's icon, too: JPEG, PNG, WebP, GIF or AVIF, at most
    /// 512 KiB.
    pub logo: Option<PathBuf>,
    /// A folder whose files replace the page: its `index.html` is at `/`, and all others at their paths
    /// below it.
    pub folder: Option<PathBuf>,
}

/// A link: its text and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageLink {
    /// What it says.
    pub text: String,
    /// Where it leads: `http://…`, `https://…` or `mailto:…`.
    pub url: String,
}

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

/// The table of the page, in that of its server.
pub(crate) const PAGE: Declared = Declared {
    key: "page",
    kind: Kind::Table,
    values: Values::One,
    default: DefaultValue::Words("as it comes"),
    reload: Reload::Applied,
    doc: "How the listeners' page looks, see below.",
};

/// The longest text of the page, in characters.
const LONGEST: usize = 1_000;

/// The most links.
const MAX_LINKS: usize = 20;

impl Settings for PageSettings {
    const KEYS: &'static [Setting<PageSettings>] = settings! {
        "name" else "that of the first stream", TEXT => name, Applied, "The name of the station, as the page shows it.";
        "greeting" else "none", TEXT => greeting, Applied, "A sentence below the name.";
        "links" else "none", LINK => [links], Applied,
            "A link or a list of links at the end of the page, each as its text and its address: \
             `\"About us https://radio.example/about\"`.";
        "accent" else "a blue", COLOUR => accent, Applied,
            "The colour of buttons and links on a light background: `\"#1d4ed8\"`. Take one that can be read on white.";
        "accent_dark" else "`accent`, or a light blue", COLOUR => accent_dark, Applied,
            "The same on a dark background.";
        "logo" else "none", EXISTING => logo, Applied,
            "A picture beside the name, which is the page's icon, too: JPEG, PNG, WebP, GIF or AVIF, up to 512 KiB.";
        "folder" else "none", EXISTING_FOLDER => folder, Applied,
            "A folder with a page of your own in its place: its `index.html` is at `/`, and its other files at their paths \
             below it. It is read at the start and at each reload, and may have 256 files and 16 MiB. `/embed` stays.";
    };

    fn sample() -> PageSettings {
        PageSettings::default()
    }

    fn check(&self) -> Result<()> {
        for (key, text) in [("name", &self.name), ("greeting", &self.greeting)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST) {
                return Err(Error::setting(key, format!("it has more than {LONGEST} characters")));
            }
        }
        if self.links.len() > MAX_LINKS {
            return Err(Error::setting("links", format!("at most {MAX_LINKS}")));
        }
        match self.links.iter().map(PageLink::check).find_map(std::result::Result::err) {
            Some(reason) => Err(Error::setting("links", reason)),
            None => Ok(()),
        }
    }
}

/// A text, and behind its last space an address.
const LINK: Takes<PageLink> = Takes::Text(|written| {
    let Some((text, url)) = written.trim().rsplit_once(char::is_whitespace) else {
        return Err(format!(
            "{written:?} lacks a text or an address: \"About us https://radio.example/about\""
        ));
    };
    let link = PageLink { text: text.trim_end().to_owned(), url: url.to_owned() };
    link.check().map(|()| link)
});

const COLOUR: Takes<Colour> = Takes::Text(|text| {
    let digits = text.strip_prefix('#').filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let value = digits.and_then(|digits| Some((digits.len(), u32::from_str_radix(digits, 16).ok()?)));
    match value {
        Some((6, value)) => Ok(Colour([(value >> 16) as u8, (value >> 8) as u8, value as u8])),
        // Each digit stands for two.
        Some((3, value)) => Ok(Colour([8, 4, 0].map(|shift| (value >> shift & 15) as u8 * 17))),
        _ => Err(format!("{text:?} is not a colour: write \"#1d4ed8\", for example")),
    }
});

impl PageLink {
    /// No link of the page may run a script.
    fn check(&self) -> std::result::Result<(), String> {
        match &self.url {
            _ if self.text.chars().count() > LONGEST => {
                Err(format!("a text has more than {LONGEST} characters"))
            }
            url if is_web_url(url) => Ok(()),
            url if url.starts_with("mailto:") && !url.contains(char::is_whitespace) => Ok(()),
            url => Err(no_web_url(url)),
        }
    }
}

impl Colour {
    /// Whether black can be read on it better than white, by the relative luminance of WCAG.
    pub(super) fn is_light(self) -> bool {
        let linear = |part: u8| (f32::from(part) / 255.0).powf(2.2);
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Written;

    #[test]
    fn a_colour_is_written_with_its_digits() {
        let colour = |text| COLOUR.read(Written::Text(text)).map(|colour| colour.to_string());
        assert_eq!(colour("#1d4ed8"), Ok("#1d4ed8".into()));
        assert_eq!(colour("#F0a"), Ok("#ff00aa".into()));
        for wrong in ["red", "1d4ed8", "#1d4ed", "#+12345", "#é12", "", "#", "#fff;}body{display:none"] {
            assert!(colour(wrong).unwrap_err().contains("is not a colour"), "{wrong}");
        }
        for (text, is_light) in [("#fff", true), ("#facc15", true), ("#1d4ed8", false), ("#000", false)] {
            assert_eq!(COLOUR.read(Written::Text(text)).unwrap().is_light(), is_light, "{text}");
        }
    }

    #[test]
    fn a_link_is_a_text_and_an_address() {
        let link = |text| LINK.read(Written::Text(text));
        let about = PageLink { text: "About us".into(), url: "https://radio.example/about".into() };
        assert_eq!(link("About us  https://radio.example/about"), Ok(about));
        assert_eq!(
            link("Write mailto:a@radio.example").map(|link| link.url),
            Ok("mailto:a@radio.example".into())
        );
        for wrong in ["https://radio.example", "", "x javascript:alert(1)", "x data:text/html,x", "x /about"]
        {
            assert!(link(wrong).is_err(), "{wrong}");
        }
    }
}
