//! The paths that a name may stand for.

use std::borrow::Cow;

use super::{Name, url};
use crate::percent;

/// A path that a name may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub path: Vec<u8>,
    /// For an absolute path of another system, whose beginning means nothing here.
    pub foreign: Option<Foreign>,
}

/// Where the parts of a path of another system begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Behind the drive letter, or the slashes before a server.
    pub start: usize,
    /// Behind the drive letter, or behind server and share.
    pub root: usize,
}

impl Form {
    /// Whether the path cannot lead out of the folder where it is looked up, except by links.
    pub fn stays_below(&self) -> bool {
        let has_up = self.path.split(|&byte| byte == b'/').any(|component| component == b"..");
        !has_up && (self.foreign.is_some() || !self.path.starts_with(b"/"))
    }
}

impl Name {
    /// The paths that the bytes may stand for, the most literal first.
    pub(super) fn forms(&self) -> Vec<Form> {
        let trimmed = self.bytes.trim_ascii();
        let written = match url::file_path(trimmed) {
            Some(path) => {
                let server = url::file_host(trimmed).map(|host| [b"//", host, path].concat());
                let path = percent::decode(path);
                [Some(path), server.map(|path| percent::decode(&path).into_owned().into())]
            }
            None => {
                let decoded = self.bytes.contains(&b'%').then(|| percent::decode(&self.bytes));
                let mut written = [Some(Cow::from(&self.bytes)), decoded];
                if self.is_url {
                    written.reverse();
                }
                written
            }
        };
        let mut forms: Vec<Form> = Vec::with_capacity(1);
        for form in written.into_iter().flatten() {
            let trimmed = form.trim_ascii();
            let foreign = foreign(trimmed);
            let slashed = foreign.is_some() || trimmed.contains(&b'\\');
            let slashes = slashed.then(|| with_slashes(trimmed));
            let literal = [&form[..], trimmed].map(|path| Form { path: path.to_vec(), foreign: None });
            for form in literal.into_iter().chain(slashes.map(|path| Form { path, foreign })) {
                // A path of another system takes the place of what looks the same.
                match forms.iter_mut().find(|known| known.path == form.path) {
                    Some(known) => known.foreign = known.foreign.or(form.foreign),
                    None => forms.push(form),
                }
            }
        }
        forms
    }
}

fn with_slashes(path: &[u8]) -> Vec<u8> {
    path.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect()
}

/// Whether a path is absolute on another system: `C:\x`, `\\server\share\x`, `\x` (the root of the drive that
/// the list is on), `/C:/x` (from a URL). A path that begins with one slash is absolute here.
fn foreign(written: &[u8]) -> Option<Foreign> {
    let path = with_slashes(written);
    // `\\?\C:\x` and `\\?\UNC\server\share\x` name the same without limits of length.
    let long = [&b"//?/UNC/"[..], b"//?/", b"//./"].into_iter().find(|long| path.starts_with(long));
    let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
    let start = long.map_or(slashes, <[u8]>::len);
    if let [drive, b':', b'/', ..] = path[start..]
        && drive.is_ascii_alphabetic()
    {
        return Some(Foreign { start: start + 3, root: start + 3 });
    }
    let is_server = slashes >= 2;
    let is_root_of_drive = slashes == 1 && written[0] == b'\\';
    let component = |from: usize| path[from..].iter().position(|&byte| byte == b'/').map(|at| from + at + 1);
    let share = component(start).and_then(component).filter(|_| is_server);
    let root = share.unwrap_or(if is_server { path.len() } else { start });
    (is_server || is_root_of_drive).then_some(Foreign { start, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end that is looked for, and the path below the drive or share.
    fn parts(written: &str) -> Option<(String, String)> {
        let path = String::from_utf8(with_slashes(written.as_bytes())).unwrap();
        foreign(written.as_bytes()).map(|foreign| (path[foreign.start..].into(), path[foreign.root..].into()))
    }

    #[test]
    fn paths_of_other_systems_are_known() {
        for (written, end, below_root) in [
            ("C:\\Music\\x.mp3", "Music/x.mp3", "Music/x.mp3"),
            ("d:/x.mp3", "x.mp3", "x.mp3"),
            ("/C:/Music/x.mp3", "Music/x.mp3", "Music/x.mp3"),
            ("\\Music\\x.mp3", "Music/x.mp3", "Music/x.mp3"),
            ("\\\\nas\\share\\Music\\x.mp3", "nas/share/Music/x.mp3", "Music/x.mp3"),
            ("//nas/share/x.mp3", "nas/share/x.mp3", "x.mp3"),
            ("\\\\?\\C:\\x.mp3", "x.mp3", "x.mp3"),
            ("\\\\?\\UNC\\nas\\share\\x.mp3", "nas/share/x.mp3", "x.mp3"),
            ("///C:/x.mp3", "x.mp3", "x.mp3"),
            ("\\\\nas", "nas", ""),
        ] {
            assert_eq!(parts(written), Some((end.into(), below_root.into())), "{written}");
        }
        for written in ["/Music/x.mp3", "Music\\x.mp3", "C:x.mp3", "CD:/x.mp3", "x.mp3", "", "../x.mp3"] {
            assert_eq!(parts(written), None, "{written}");
        }
    }

    #[test]
    fn what_stays_below_a_folder_is_told() {
        let stays = |name: Name| name.forms().iter().map(Form::stays_below).collect::<Vec<_>>();
        assert_eq!(stays(Name::path(b"a\\..\\b")), [true, false]);
        assert_eq!(stays(Name::path(b"\\a\\b")), [true, true]);
        assert_eq!(stays(Name::path(b"/a")), [false]);
        assert_eq!(stays(Name::path(b"%2e%2e/a")), [true, false]);
    }
}
