//! Small files that are read whole: a configuration, a users file, a credential.

use std::fs::{self, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Reads a file of at most `most` bytes. A named pipe, a socket, a device or a folder is refused: it could make
/// its reader wait for ever. Only what this process was given open already may be one: `/dev/stdin`, `/dev/fd/3`.
///
/// # Errors
/// Why it cannot be read.
pub fn read_whole(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !is_own_descriptor(file) {
        refuse_special(fs::metadata(file)?.file_type())?;
    }
    let mut options = OpenOptions::new();
    options.read(true);
    if !is_own_descriptor(file) {
        // What is put there meanwhile does not hang, either.
        options.custom_flags(libc::O_NONBLOCK);
    }
    let mut bytes = Vec::new();
    options.open(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it has more than {most} bytes, which is too large"))),
        false => Ok(bytes),
    }
}

/// Whether this names what this process was given open already.
pub(crate) fn is_own_descriptor(file: &Path) -> bool {
    file == Path::new("/dev/stdin") || file.starts_with("/dev/fd") || file.starts_with("/proc/self/fd")
}

/// Refuses what is no file, by its name.
pub(crate) fn refuse_special(kind: FileType) -> io::Result<()> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::other(format!("it is {what}, not a file")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_files_are_read_and_only_so_much_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "12345").unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
        let _listener = UnixListener::bind(at("socket")).unwrap();
        for name in ["fifo", "socket", "file"] {
            std::os::unix::fs::symlink(at(name), at(&format!("link-{name}"))).unwrap();
        }
        for name in ["file", "link-file"] {
            assert_eq!(read_whole(&at(name), 5).unwrap(), b"12345");
        }
        for (path, reason) in [
            (at("file"), "it has more than 4 bytes, which is too large"),
            (at("fifo"), "it is a named pipe, not a file"),
            (at("link-fifo"), "it is a named pipe, not a file"),
            (at("socket"), "it is a socket, not a file"),
            (at("link-socket"), "it is a socket, not a file"),
            (at(""), "it is a folder, not a file"),
            ("/dev/zero".into(), "it is a device, not a file"),
            ("/dev/tty".into(), "it is a device, not a file"),
            (at("none"), "No such file or directory (os error 2)"),
        ] {
            assert_eq!(read_whole(&path, 4).unwrap_err().to_string(), reason, "{}", path.display());
        }
    }
}
