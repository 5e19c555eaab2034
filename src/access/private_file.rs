//! Files that hold secrets, or say who may do what.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::error::{Error, Result};
use crate::whole_file::refuse_special;

/// Writes a file that only its owner can read. It is written as a whole or not at all. If the system's
/// administrator replaces another user's file, it stays that user's.
///
/// # Errors
/// [`Error::File`] if it cannot be written.
pub fn write_private(file: &Path, content: &[u8]) -> Result<()> {
    replace(file, content).map_err(|error| Error::file(file, error.to_string()))
}

fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = folder_of(file);
    let name = file.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let draft = folder.join(format!(".{name}.{:08x}", fastrand::u32(..)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut open| {
            open.set_permissions(Permissions::from_mode(0o600))?;
            keep_owner(&open, file)?;
            open.write_all(content)?;
            open.sync_all()
        })
        .and_then(|()| fs::rename(&draft, file));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    // So the file also survives a power cut.
    File::open(folder)?.sync_all()
}

/// The most links that are followed from one path, as the system does.
const MOST_LINKS: usize = 40;

/// The file that a path leads to, which may not exist yet.
pub(super) fn led_to(file: &Path) -> PathBuf {
    let mut to = file.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&to) {
            Ok(next) => to = folder_of(&to).join(next),
            Err(_) => break,
        }
    }
    to
}

/// Gives a file that root has made to the owner of `of`, or of its folder if there is no such file yet. The
/// station that needs it may run as another user.
pub(crate) fn keep_owner(made: &File, of: &Path) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let like = fs::metadata(of).or_else(|_| fs::metadata(folder_of(of)))?;
    match made.metadata()?.uid() == like.uid() {
        true => Ok(()),
        false => fchown(made, Some(like.uid()), Some(like.gid())),
    }
}

/// Reads a file that says who may do what. `None` if there is none. It is refused if others can change it.
pub(super) fn read_trusted(file: &Path, longest: u64) -> io::Result<Option<String>> {
    // A named pipe is refused below, rather than waited for.
    let open = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let about = open.metadata()?;
    refuse_special(about.file_type())?;
    check_with_folders(file, &about)?;
    if about.len() > longest {
        return Err(io::Error::other("is too large"));
    }
    let mut text = String::new();
    open.take(longest).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// The reason why others than the owner can change this file. `None` if they cannot. For files that are read
/// anyway, with a warning.
pub(crate) fn changeable_by_others(file: &Path) -> Option<String> {
    let about = fs::metadata(file).ok().filter(Metadata::is_file)?;
    check_with_folders(file, &about).err().map(|reason| reason.to_string())
}

/// Whoever can change the folder of a file, or of a link to it, can put another file in its place.
fn check_with_folders(file: &Path, about: &Metadata) -> io::Result<()> {
    let real = file.canonicalize()?;
    for folder in [folder_of(file), folder_of(&real)] {
        let about_folder = fs::metadata(folder)?;
        check(folder, &about_folder, about_folder.uid()).map_err(io::Error::other)?;
        check(file, about, about_folder.uid()).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Refuses a file or a folder that others can change. `folder_owner` is the owner of the file's folder: root
/// may read what belongs to a station that runs as another user.
fn check(path: &Path, about: &Metadata, folder_owner: u32) -> std::result::Result<(), String> {
    let (shown, us) = (path.display(), geteuid());
    let owner = about.uid();
    if owner != us.as_raw() && owner != 0 && !(us.is_root() && owner == folder_owner) {
        return Err(format!(
            "{shown} belongs to another user ({owner}), who could change it: `chown {us} {shown}`"
        ));
    }
    // Some systems give each user a group alone, with the user's number.
    let by_group = about.mode() & 0o020 != 0 && about.gid() != owner;
    let by_all = about.mode() & 0o002 != 0;
    // In a sticky folder such as /tmp, nobody can replace the files of others.
    let sticky = about.is_dir() && about.mode() & 0o1000 != 0;
    if (by_group || by_all) && !sticky {
        let mode = about.mode() & 0o7777;
        return Err(format!("{shown} can be changed by others (its mode is {mode:o}): `chmod go-w {shown}`"));
    }
    Ok(())
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_trusted(file: &Path, longest: u64) -> std::result::Result<Option<String>, String> {
        super::read_trusted(file, longest).map_err(|error| error.to_string())
    }

    #[test]
    fn what_others_can_change_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        let mode = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(read_trusted(&file, 10), Ok(None));
        fs::write(&file, "text").unwrap();
        let own_group = fs::metadata(&file).unwrap().uid() == fs::metadata(&file).unwrap().gid();
        for (file_mode, folder_mode, refused) in [
            (0o600, 0o700, None),
            (0o644, 0o755, None),
            (0o666, 0o700, Some(&file)),
            (0o602, 0o700, Some(&file)),
            (0o600, 0o777, Some(&folder.path().to_owned())),
            (0o600, 0o703, Some(&folder.path().to_owned())),
            (0o600, 0o1777, None),
        ] {
            mode(&file, file_mode);
            mode(folder.path(), folder_mode);
            match (read_trusted(&file, 10), refused) {
                (Ok(text), None) => assert_eq!(text.as_deref(), Some("text")),
                (Err(reason), Some(path)) => {
                    assert!(reason.contains(&format!("`chmod go-w {}`", path.display())), "{reason}");
                }
                (read, _) => panic!("{file_mode:o} {folder_mode:o}: {read:?}"),
            }
        }
        mode(folder.path(), 0o700);
        mode(&file, 0o660);
        assert_eq!(read_trusted(&file, 10).is_ok(), own_group);
        mode(&file, 0o600);
        assert_eq!(read_trusted(&file, 3), Err("is too large".into()));
        assert_eq!(read_trusted(folder.path(), 10), Err("it is a folder, not a file".into()));
    }

    #[test]
    fn a_link_counts_by_both_of_its_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (near, far) = (folder.path().join("near"), folder.path().join("far"));
        fs::create_dir(&near).unwrap();
        fs::create_dir(&far).unwrap();
        fs::write(far.join("users"), "text").unwrap();
        std::os::unix::fs::symlink("../far/users", near.join("users")).unwrap();
        let read = || read_trusted(&near.join("users"), 10);
        assert_eq!(read(), Ok(Some("text".into())));
        for one in [&near, &far] {
            fs::set_permissions(one, Permissions::from_mode(0o777)).unwrap();
            assert!(read().unwrap_err().contains(&one.display().to_string()));
            fs::set_permissions(one, Permissions::from_mode(0o755)).unwrap();
        }
        assert!(read().is_ok());
    }

    #[test]
    fn a_file_of_another_user_is_refused_except_to_root_in_that_users_folder() {
        if !geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        fs::write(&file, "text").unwrap();
        let own = |path: &Path| std::os::unix::fs::chown(path, Some(1234), Some(1234)).unwrap();
        own(&file);
        let reason = read_trusted(&file, 10).unwrap_err();
        assert!(reason.contains("another user (1234)") && reason.contains("`chown 0 "), "{reason}");
        own(folder.path());
        assert!(read_trusted(&file, 10).is_ok());
        // What root writes there stays readable for that user.
        write_private(&file, b"more").unwrap();
        write_private(&folder.path().join("new"), b"new").unwrap();
        for name in ["users", "new"] {
            assert_eq!(fs::metadata(folder.path().join(name)).unwrap().uid(), 1234, "{name}");
        }
    }
}
