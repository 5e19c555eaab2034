//! The name of a recording: a template, and what stands in its places.
//!
//! What a source says of itself (its user, above all) leads nowhere else than into a name: it makes no
//! folder, leaves none, and hides no file.

use std::path::{Path, PathBuf};

use jiff::Zoned;
use jiff::fmt::strtime;

use crate::cut::cut;

/// `archive/%Y-%m-%d/%H%M-{mount}-{user}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// As it is, with slashes.
    Text(String),
    /// One conversion of strftime(3).
    Time(String),
    Mount,
    User,
}

/// What a name is made of, besides the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    /// The path of the mount or live input.
    pub mount: &'a str,
    pub user: &'a str,
}

/// Longer values are cut, so that what stands behind them in the template has room.
const MOST_OF_VALUE: usize = 80;
/// The longest name that file systems take is 255 bytes. A number and the format's ending have their room.
const MOST_OF_NAME: usize = 230;
/// The endings of mounts. The format of the file decides about its own.
const ENDINGS: [&str; 8] = [".mp3", ".aac", ".aacp", ".ogg", ".oga", ".opus", ".flac", ".m4a"];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['%', '{', '}']) {
            push_text(&mut pieces, &rest[..at]);
            rest = &rest[at..];
            let length = match rest.as_bytes()[0] {
                b'%' => take_time(rest, &mut pieces)?,
                _ => take_place(rest, &mut pieces)?,
            };
            rest = &rest[length..];
        }
        push_text(&mut pieces, rest);
        if text.chars().any(char::is_control) {
            return Err("control characters are not allowed".into());
        }
        if text.is_empty() || text.ends_with('/') || text.ends_with("/.") || text.ends_with("..") {
            return Err("it ends with the name of a file: \"archive/%Y-%m-%d/%H%M-{mount}-{user}\"".into());
        }
        Ok(Template(pieces))
    }

    /// The folder that all its files are in.
    pub fn root(&self, base: &Path) -> PathBuf {
        let start = match self.0.first() {
            Some(Piece::Text(text)) => text.rsplit_once('/').map_or("", |(folders, _)| folders),
            _ => "",
        };
        match self.0.first() {
            Some(Piece::Text(text)) if start.is_empty() && text.starts_with('/') => "/".into(),
            _ => base.join(start),
        }
    }

    /// The file of a recording that begins at this time, without its ending. A name that is taken gets the
    /// next number.
    pub fn name(&self, base: &Path, at: &Zoned, named: Named<'_>, number: u32, ending: &str) -> PathBuf {
        let value = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Time(conversion) => plain(&strtime::format(conversion, at).unwrap_or_default()),
            Piece::Mount => plain(without_ending(named.mount.trim_start_matches('/'))),
            Piece::User => plain(named.user),
        };
        let text: String = self.0.iter().map(value).collect();
        let (folders, name) = text.rsplit_once('/').map_or((None, text.as_str()), |(f, n)| (Some(f), n));
        let number = if number > 1 { format!("-{number}") } else { String::new() };
        let name = format!("{}{number}.{ending}", cut(name, MOST_OF_NAME));
        let folder = match folders {
            None => base.to_owned(),
            Some("") => "/".into(),
            Some(folders) => {
                let start = if folders.starts_with('/') { Path::new("/") } else { base };
                start.join(folders.split('/').map(|name| cut(name, MOST_OF_NAME)).collect::<PathBuf>())
            }
        };
        folder.join(name)
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// Takes one conversion, with its flags and width. Returns its length.
fn take_time(text: &str, pieces: &mut Vec<Piece>) -> Result<usize, String> {
    if text.starts_with("%%") {
        push_text(pieces, "%");
        return Ok(2);
    }
    let letter = text[1..].find(|c: char| c.is_ascii_alphabetic());
    let length = letter.map_or(text.len(), |at| at + 2);
    let conversion = &text[..length];
    let sample = Zoned::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
    if letter.is_none() || strtime::format(conversion, &sample).is_err() {
        return Err(format!(
            "{conversion:?} is no part of a time: %Y, %m, %d, %H, %M and %S are, for example, and %% is a percent sign"
        ));
    }
    pieces.push(Piece::Time(conversion.to_owned()));
    Ok(length)
}

/// Takes `{mount}` or `{user}`. Returns its length.
fn take_place(text: &str, pieces: &mut Vec<Piece>) -> Result<usize, String> {
    let length = text.find('}').map_or(text.len(), |at| at + 1);
    pieces.push(match &text[..length] {
        "{mount}" => Piece::Mount,
        "{user}" => Piece::User,
        other => return Err(format!("{other:?} is unknown: there are {{mount}} and {{user}}")),
    });
    Ok(length)
}

fn without_ending(mount: &str) -> &str {
    let ending = ENDINGS.iter().find_map(|ending| mount.strip_suffix(ending));
    ending.filter(|name| !name.is_empty() && !name.ends_with('/')).unwrap_or(mount)
}

/// A value as a part of a name that every system takes, Windows included, to which recordings are copied.
fn plain(value: &str) -> String {
    let allowed = |c: char| !(c.is_control() || is_invisible(c) || r#"/\:*?"<>|"#.contains(c));
    let slashes_are_dashes = |c: char| if c == '/' { '-' } else { '_' };
    let text: String = value.chars().map(|c| if allowed(c) { c } else { slashes_are_dashes(c) }).collect();
    let text = cut(text.trim(), MOST_OF_VALUE).trim_end_matches(['.', ' ']);
    // A name does not begin with a dot, which hides it, nor with a dash, which programs take for an option.
    match text.trim_start_matches(['.', '-', ' ']) {
        "" => "unknown".into(),
        text if is_reserved(text) => format!("_{text}"),
        text => text.to_owned(),
    }
}

/// Marks that turn text round or have no width: a name would look like another one.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Names of devices, on Windows.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    });
    numbered || ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    fn at() -> Zoned {
        date(2026, 3, 1).at(20, 5, 9, 0).to_zoned(TimeZone::UTC).unwrap()
    }

    fn name(template: &str, mount: &str, user: &str) -> String {
        let template = Template::parse(template).unwrap();
        let path = template.name("/base".as_ref(), &at(), Named { mount, user }, 1, "mp3");
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn time_mount_and_user_stand_in_their_places() {
        let usual = "archive/%Y-%m-%d/%H%M-{mount}-{user}";
        assert_eq!(name(usual, "/guest.mp3", "anna"), "/base/archive/2026-03-01/2005-guest-anna.mp3");
        assert_eq!(name(usual, "/a/live", "Jürgen B."), "/base/archive/2026-03-01/2005-a-live-Jürgen B.mp3");
        assert_eq!(name("/srv/{mount}%%", "/.mp3", "x"), "/srv/mp3%.mp3");
        assert_eq!(name("%D", "/a", "x"), "/base/03-01-26.mp3", "a time makes no folder");
        assert_eq!(name("/%-d", "/a", "x"), "/1.mp3");
        let template = Template::parse("%H").unwrap();
        let named = Named { mount: "/a", user: "b" };
        assert_eq!(template.name("".as_ref(), &at(), named, 2, "ogg"), Path::new("20-2.ogg"));
    }

    #[test]
    fn no_user_leads_anywhere_else_or_hides_anything() {
        for (user, safe) in [
            ("../../etc/passwd", "etc-passwd"),
            ("..", "unknown"),
            (".", "unknown"),
            ("", "unknown"),
            ("   ", "unknown"),
            ("/", "unknown"),
            ("/etc/cron.d/x", "etc-cron.d-x"),
            ("a\0b\nc\x1b[31m", "a_b_c_[31m"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("C:\\x", "C__x"),
            ("nul", "_nul"),
            ("COM1.txt", "_COM1.txt"),
            ("evil\u{202e}3pm", "evil_3pm"),
            ("%Y{mount}", "%Y{mount}"),
            ("a. . ", "a"),
        ] {
            assert_eq!(name("{user}", "/m", user), format!("/base/{safe}.mp3"), "{user:?}");
        }
        let long = "ü".repeat(1000);
        let path = name("{user}-{mount}-{user}-{user}-{user}-{user}", "/m", &long);
        let name = Path::new(&path).file_name().unwrap().to_str().unwrap();
        assert!(name.len() <= 255 && name.starts_with("üüü"), "{name}");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (text, reason) in [
            ("", "it ends with the name of a file"),
            ("archive/", "it ends with the name of a file"),
            ("archive/..", "it ends with the name of a file"),
            ("a\nb", "control characters"),
            ("a\0", "control characters"),
            ("{users}", "\"{users}\" is unknown"),
            ("{mount", "\"{mount\" is unknown"),
            ("}", "\"}\" is unknown"),
            ("%", "\"%\" is no part of a time"),
            ("%!", "\"%!\" is no part of a time"),
            ("%K", "\"%K\" is no part of a time"),
        ] {
            let refused = Template::parse(text).unwrap_err();
            assert!(refused.starts_with(reason), "{text:?}: {refused}");
        }
    }

    #[test]
    fn the_root_is_the_folder_before_the_first_place() {
        for (template, root) in [
            ("archive/%Y/{user}", "/base/archive"),
            ("archive/shows-%Y/x", "/base/archive"),
            ("%Y", "/base/"),
            ("x-%Y", "/base/"),
            ("/srv/a/x", "/srv/a"),
            ("/%Y", "/"),
            ("../a/%Y", "/base/../a"),
        ] {
            let found = Template::parse(template).unwrap().root("/base".as_ref());
            assert_eq!(found, Path::new(root), "{template}");
        }
    }
}
