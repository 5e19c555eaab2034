//! Where the token of a station without a users file is kept, so that `longwave ctl` of the same user finds it.
//!
//! The folder may lie in a place where others can make files, such as /tmp. So it is opened once, and what was
//! opened is checked: it must be this user's, and nobody else may read it or write to it. Links count as
//! another's.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;
use rustix::fs::{AtFlags, Mode, OFlags, open, openat, unlinkat};

use super::in_time::in_time;

/// The longest token file that is read.
const LONGEST: u64 = 4 << 10;

/// How long a place has for the file to be written there. Then the next one is tried.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// How long a stop waits for the file to be removed. Its token is worth nothing by then.
const REMOVED_WITHIN: Duration = Duration::from_millis(500);

/// A token file that was written. Dropping it removes the file.
pub struct TokenFile {
    pub path: PathBuf,
    /// Whether `ctl` looks for it there.
    pub is_found: bool,
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let (path, is_found) = (self.path.clone(), self.is_found);
        let remove = move || {
            let _ = fs::remove_file(&path);
            if !is_found {
                // The folder has this file alone.
                let _ = path.parent().map(fs::remove_dir);
            }
        };
        if in_time("token", REMOVED_WITHIN, remove).is_none() {
            log::warn!("{}: its disk does not answer: the file stays", self.path.display());
        }
    }
}

/// Writes the token of the station on `port` to the first place that is this user's. If there is none, it makes
/// a folder with a random name.
pub fn write(token: &str, port: u16) -> io::Result<TokenFile> {
    write_to(&places(), token, port)
}

fn write_to(places: &[PathBuf], token: &str, port: u16) -> io::Result<TokenFile> {
    let name = name_of(port);
    for place in places {
        let own = (place.clone(), name.clone(), token.to_owned());
        let write = move || make(&own.0).and_then(|()| write_in(&own.0, &own.1, &own.2));
        match in_time("token", WRITTEN_WITHIN, write) {
            Some(Ok(())) => return Ok(TokenFile { path: place.join(&name), is_found: true }),
            Some(Err(error)) => log::debug!("{}: no token is written there: {error}", place.display()),
            None => log::warn!("{}: no token is written there: its disk does not answer", place.display()),
        }
    }
    let random = format!("longwave-{}-{:016x}", geteuid(), fastrand::u64(..));
    let place = std::env::temp_dir().join(random);
    DirBuilder::new().mode(0o700).create(&place)?;
    write_in(&place, &name, token)?;
    Ok(TokenFile { path: place.join(&name), is_found: false })
}

/// The token of the station on `port`, if this user started it on this machine.
pub fn read(port: u16) -> Option<String> {
    read_from(&places(), port)
}

fn read_from(places: &[PathBuf], port: u16) -> Option<String> {
    places.iter().find_map(|place| read_in(place, &name_of(port)).ok())
}

fn name_of(port: u16) -> String {
    format!("{port}.token")
}

/// The folders where a token may be, the best first.
fn places() -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = geteuid();
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    let login = PathBuf::from(format!("/run/user/{user}"));
    let mut places: Vec<PathBuf> =
        [set("XDG_RUNTIME_DIR"), login.is_dir().then_some(login), state].into_iter().flatten().collect();
    places.iter_mut().for_each(|place| place.push("longwave"));
    places.push(std::env::temp_dir().join(format!("longwave-{user}")));
    places
}

fn make(place: &Path) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        DirBuilder::new().mode(0o700).recursive(true).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(place) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn write_in(place: &Path, name: &str, token: &str) -> io::Result<()> {
    let folder = open_own(place)?;
    // Left behind by a station that was killed.
    let _ = unlinkat(&folder, name, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    writeln!(file, "{token}")
}

fn read_in(place: &Path, name: &str) -> io::Result<String> {
    let folder = open_own(place)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(folder.as_fd(), name, flags, Mode::empty())?);
    check_own(&file)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// Opens a folder that is this user's alone.
fn open_own(place: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(open(place, flags, Mode::empty())?);
    check_own(&folder)?;
    Ok(folder)
}

fn check_own(opened: &File) -> io::Result<()> {
    let about = opened.metadata()?;
    match about.uid() == geteuid().as_raw() && about.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(io::Error::other("it is not this user's alone")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn a_token_is_written_and_read_where_only_this_user_is() {
        let disk = tempfile::tempdir().unwrap();
        let places = [disk.path().join("none/longwave"), disk.path().join("b")];
        let written = write_to(&places, "lw-1", 8000).unwrap();
        assert_eq!((&written.path, written.is_found), (&places[0].join("8000.token"), true));
        assert_eq!(fs::metadata(&places[0]).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&written.path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read_from(&places, 8000).as_deref(), Some("lw-1"));
        assert_eq!(read_from(&places, 8001), None);
        drop(written);
        assert_eq!(read_from(&places, 8000), None);
    }

    #[test]
    fn a_folder_that_another_has_made_is_passed_over() {
        let disk = tempfile::tempdir().unwrap();
        let at = |name: &str| disk.path().join(name);
        let foreign = |name: &str, spoil: &dyn Fn(&Path)| {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("8000.token"), "lw-foreign").unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o700)).unwrap();
            spoil(&at(name));
        };
        foreign("open", &|folder| fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap());
        foreign("target", &|_| ());
        symlink("target", at("link")).unwrap();
        fs::write(at("file"), "").unwrap();
        let mut bad = vec![at("open"), at("link"), at("file")];
        if geteuid().is_root() {
            foreign("other", &|folder| chown(folder, Some(1234), None).unwrap());
            bad.push(at("other"));
        }
        assert_eq!(read_from(&bad, 8000), None, "a foreign token is not read");
        let written = write_to(&bad, "lw-1", 8000).unwrap();
        assert!(!written.is_found, "{:?}", written.path);
        let folder = written.path.parent().unwrap().to_owned();
        assert_eq!(fs::read_to_string(&written.path).unwrap(), "lw-1\n");
        drop(written);
        assert!(!folder.exists());
        bad.push(at("own"));
        assert_eq!(write_to(&bad, "lw-1", 8000).unwrap().path, at("own/8000.token"));
    }

    #[test]
    fn a_token_that_another_has_put_there_is_not_read() {
        let disk = tempfile::tempdir().unwrap();
        let places = [disk.path().join("longwave")];
        make(&places[0]).unwrap();
        let file = places[0].join("8000.token");
        fs::write(&file, "lw-foreign").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read_from(&places, 8000), None);
        fs::rename(&file, disk.path().join("elsewhere")).unwrap();
        fs::set_permissions(disk.path().join("elsewhere"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("../elsewhere", &file).unwrap();
        assert_eq!(read_from(&places, 8000), None, "a link");
        // A station takes its place.
        let written = write_to(&places, "lw-1", 8000).unwrap();
        assert_eq!(read_from(&places, 8000).as_deref(), Some("lw-1"));
        assert_eq!(fs::read_to_string(disk.path().join("elsewhere")).unwrap(), "lw-foreign");
        drop(written);
    }
}
