//! Finds the file that a name in a playlist means.
//!
//! Playlists come from other systems: from Windows with backslashes and another code page; from macOS with
//! decomposed accents; from programs that write URLs for paths, or paths for URLs. So a name is first looked
//! up literally, and then in every other form that it may stand for.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use encoding_rs::WINDOWS_1252;
use unicode_normalization::UnicodeNormalization;

use super::{Format, is_audio, lines, url};
use crate::{percent, roots};

/// A path or a URL as a playlist has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    bytes: Vec<u8>,
    /// Whether the format holds URLs. Then `%20` is first tried as a space, and after that literally.
    is_url: bool,
}

/// The reason why a name was not found.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is a URL of the network, which is not supported.
    Network,
    /// The system's error for the literal name.
    System(io::Error),
}

impl Refusal {
    pub fn reason(&self) -> String {
        match self {
            Refusal::Network => "is on the network; a playlist can name files only".into(),
            Refusal::System(error) => plain(error),
        }
    }
}

/// A system error as a sentence about a file.
pub(super) fn plain(error: &io::Error) -> String {
    match error.kind() {
        _ if roots::is_outside(error) => error.to_string(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "may not be read (permission denied)".into(),
        _ => error.to_string(),
    }
}

/// A path as text for display and for the log.
pub(super) fn shown(path: impl AsRef<OsStr>) -> String {
    const MAX_CHARS: usize = 400;
    let text = lines::text(path.as_ref().as_bytes());
    let mut shown: String =
        text.chars().take(MAX_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

impl Name {
    /// A name in a format that holds paths.
    pub fn path(bytes: &[u8]) -> Name {
        Name { bytes: bytes.to_vec(), is_url: false }
    }

    /// A name in a format that holds URLs.
    pub fn url(bytes: &[u8]) -> Name {
        Name { bytes: bytes.to_vec(), is_url: true }
    }

    /// The name as text for display.
    pub(super) fn text(&self) -> String {
        shown(OsStr::from_bytes(&self.bytes))
    }

    /// The name as text for the log. If it is not like the name of something that can be played, it is not
    /// quoted: the file may be no playlist at all, and what is in it is nobody's business.
    pub(super) fn quoted(&self) -> String {
        let path = Path::new(OsStr::from_bytes(self.bytes.trim_ascii()));
        let is_url = url::scheme(self.bytes.trim_ascii()).is_some();
        match is_audio(path) || Format::of(path).is_some() || is_url {
            true => self.text(),
            false => "a name that is not audio's".into(),
        }
    }

    /// Finds the file, relative to `folder`.
    pub(super) fn find(&self, folder: &Path) -> Result<(PathBuf, Metadata), Refusal> {
        let is_file_url = url::file_path(&self.bytes).is_some();
        if !is_file_url && url::scheme(self.bytes.trim_ascii()).is_some() {
            return Err(Refusal::Network);
        }
        let mut refusal = None;
        for form in self.forms() {
            let path = folder.join(OsStr::from_bytes(&form));
            match fs::metadata(&path) {
                Ok(metadata) => return Ok((path, metadata)),
                Err(error) => refusal = refusal.or(Some(error)),
            }
            if let Some(found) = spelled_otherwise(folder, &form).or_else(|| carried_over(folder, &form)) {
                return Ok(found);
            }
        }
        Err(Refusal::System(refusal.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
    }

    /// The paths that the bytes may stand for, the most literal first.
    fn forms(&self) -> Vec<Cow<'_, [u8]>> {
        let written = match url::file_path(self.bytes.trim_ascii()) {
            Some(path) => vec![percent::decode(path)],
            None => {
                let decoded = self.bytes.contains(&b'%').then(|| percent::decode(&self.bytes));
                let mut written = vec![Cow::from(&self.bytes)];
                written.extend(decoded);
                if self.is_url {
                    written.reverse();
                }
                written
            }
        };
        let mut forms: Vec<Cow<'_, [u8]>> = Vec::with_capacity(1);
        for form in written {
            let trimmed = form.trim_ascii().to_vec();
            let slashes: Vec<u8> =
                trimmed.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
            for form in [form, trimmed.into(), slashes.into()] {
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        forms
    }
}

/// Looks up a path component by component. Each component is tried in every spelling: its literal bytes,
/// UTF-8, Windows-1252, composed (NFC) and decomposed (NFD).
fn spelled_otherwise(folder: &Path, form: &[u8]) -> Option<(PathBuf, Metadata)> {
    if form.is_ascii() {
        return None;
    }
    let mut path = if form.starts_with(b"/") { PathBuf::from("/") } else { folder.to_owned() };
    for component in form.split(|&byte| byte == b'/').filter(|component| !component.is_empty()) {
        path = spellings(component)
            .into_iter()
            .map(|spelling| path.join(OsString::from_vec(spelling)))
            .find(|path| path.symlink_metadata().is_ok())?;
    }
    let metadata = fs::metadata(&path).ok()?;
    Some((path, metadata))
}

fn spellings(component: &[u8]) -> Vec<Vec<u8>> {
    let mut spellings = vec![component.to_vec()];
    if component.is_ascii() {
        return spellings;
    }
    let text = lines::text(component);
    let composed: String = text.nfc().collect();
    let (windows_1252, _, lossy) = WINDOWS_1252.encode(&composed);
    let windows_1252 = (!lossy).then(|| windows_1252.to_vec());
    spellings.extend([text.as_bytes().to_vec()]);
    spellings.extend(windows_1252);
    spellings.extend([composed.into_bytes(), text.nfd().collect::<String>().into_bytes()]);
    spellings
}

/// Looks up an absolute Windows path such as `C:/Users/me/Music/Artist/x.mp3`: the longest end of it that
/// exists below the playlist's folder.
fn carried_over(folder: &Path, form: &[u8]) -> Option<(PathBuf, Metadata)> {
    let unrooted = form.strip_prefix(b"/").unwrap_or(form);
    let mut tail = match unrooted {
        [drive, b':', b'/', tail @ ..] if drive.is_ascii_alphabetic() => tail,
        _ => form.strip_prefix(b"//")?,
    };
    loop {
        let path = folder.join(OsStr::from_bytes(tail));
        if !tail.is_empty()
            && let Ok(metadata) = fs::metadata(&path)
        {
            return Some((path, metadata));
        }
        if let Some(found) = spelled_otherwise(folder, tail) {
            return Some(found);
        }
        tail = &tail[tail.iter().position(|&byte| byte == b'/')? + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that `name` finds in a folder with `files`.
    fn found(files: &[&[u8]], name: Name) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(OsStr::from_bytes(file));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        let (path, metadata) = name.find(folder.path()).ok()?;
        assert!(metadata.is_file() && path.is_file());
        Some(path.strip_prefix(folder.path()).unwrap().as_os_str().as_bytes().to_vec())
    }

    fn assert_found(on_disk: &[u8], name: Name) {
        let shown = name.text();
        assert_eq!(found(&[b"other.mp3", on_disk], name).as_deref(), Some(on_disk), "{shown}");
    }

    #[test]
    fn a_name_is_found_in_every_spelling() {
        let utf8 = "Björk/Jóga.mp3".as_bytes();
        let latin = b"Bj\xf6rk/J\xf3ga.mp3";
        let decomposed = "Bjo\u{308}rk/Jo\u{301}ga.mp3".as_bytes();
        let mixed = "Bjo\u{308}rk/Jóga.mp3".as_bytes();
        for on_disk in [utf8, latin, decomposed, mixed] {
            for written in [utf8, latin, decomposed, b"Bj\xf6rk\\J\xf3ga.mp3", b" Bj\xf6rk/J\xf3ga.mp3\t"] {
                assert_found(on_disk, Name::path(written));
            }
        }
        assert_found("Пример.mp3".as_bytes(), Name::path("Пример.mp3".as_bytes()));
        assert_found("がぎ.mp3".as_bytes(), Name::path("か\u{3099}き\u{3099}.mp3".as_bytes()));
    }

    #[test]
    fn a_name_as_it_is_written_goes_before_what_it_can_mean() {
        for (written, on_disk) in [
            ("a%20b.mp3", ["a%20b.mp3", "a b.mp3"]),
            ("a\\b.mp3", ["a\\b.mp3", "a/b.mp3"]),
            (" a.mp3", [" a.mp3", "a.mp3"]),
            ("é.mp3", ["é.mp3", "e\u{301}.mp3"]),
            ("e\u{301}.mp3", ["e\u{301}.mp3", "é.mp3"]),
        ] {
            let [first, second] = on_disk.map(str::as_bytes);
            let name = Name::path(written.as_bytes());
            assert_eq!(found(&[second, first], name.clone()).as_deref(), Some(first), "{written}");
            assert_eq!(found(&[second], name).as_deref(), Some(second), "{written}");
        }
        assert_eq!(
            found(&[b"a%20b.mp3", b"a b.mp3"], Name::url(b"a%20b.mp3")).as_deref(),
            Some(&b"a b.mp3"[..])
        );
        assert_found(b"100%.mp3", Name::url(b"100%.mp3"));
        assert_found(b"a#b?c.mp3", Name::url(b"a%23b%3Fc.mp3"));
        assert_found(b"J\xf3ga.mp3", Name::url(b"J%F3ga.mp3"));
        assert_found("Jóga.mp3".as_bytes(), Name::url(b"J%F3ga.mp3"));
    }

    #[test]
    fn paths_of_windows_are_found_by_their_ends() {
        for written in [
            &b"C:\\Users\\me\\Music\\Bj\xf6rk\\J\xf3ga.mp3"[..],
            b"\\\\server\\share\\Bj\xf6rk\\J\xf3ga.mp3",
            b"file:///C:/Music/Bj%C3%B6rk/J%C3%B3ga.mp3",
        ] {
            assert_found("Björk/Jóga.mp3".as_bytes(), Name::path(written));
        }
        assert_found(b"a.mp3", Name::path(b"D:\\a.mp3"));
        assert_eq!(found(&[b"a.mp3"], Name::path(b"D:\\b.mp3")), None);
        assert_eq!(found(&[b"a.mp3"], Name::path(b"/home/me/a.mp3")), None, "an absolute path is meant so");
        assert_eq!(found(&[b"a.mp3"], Name::path(b"C:\\")), None);
    }

    #[test]
    fn file_urls_are_paths_and_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b.mp3");
        fs::write(&file, b"").unwrap();
        let encoded = file.to_str().unwrap().replace(' ', "%20");
        for url in
            [format!("file://{encoded}"), format!("FILE://localhost{encoded}"), format!("file:{encoded}")]
        {
            for name in [Name::path(url.as_bytes()), Name::url(url.as_bytes())] {
                assert_eq!(name.find(Path::new("/nowhere")).unwrap().0, file);
            }
        }
        let refused = Name::path(b"http://radio.example/a.mp3").find(folder.path()).unwrap_err();
        assert_eq!(refused.reason(), "is on the network; a playlist can name files only");
    }

    #[test]
    fn what_cannot_be_a_path_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"a\0b.mp3"[..], &[b'x'; 5000], &b"\xff/".repeat(3000), b"..\\..\\..\\nowhere.mp3"] {
            assert!(Name::path(name).find(folder.path()).is_err());
            assert!(Name::path(name).text().chars().count() <= 401);
        }
        assert_eq!(Name::path(b"a\x1b[31m\nb").text(), "a\u{fffd}[31m\u{fffd}b");
    }
}
