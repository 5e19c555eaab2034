//! The mount points of the machine, to know which files share a disk. They are read from the kernel, which
//! touches no disk for it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Where disks are mounted, except for `/`: all that is not known to be elsewhere is there.
#[derive(Debug, Default)]
pub(super) struct Mounts(Vec<PathBuf>);

impl Mounts {
    /// The mounts of now. None where the system does not tell.
    pub fn read() -> Mounts {
        Mounts::parse(&fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    pub fn parse(table: &[u8]) -> Mounts {
        let point = |line: &[u8]| line.split(|byte| *byte == b' ').nth(4).map(unescaped);
        let points = table.split(|byte| *byte == b'\n').filter_map(point);
        Mounts(points.filter(|point| point.parent().is_some()).collect())
    }

    /// The mount point of the disk of this path. Links are not followed. `None`: the disk of `/`.
    pub fn of(&self, path: &Path) -> Option<&Path> {
        let points = self.0.iter().map(PathBuf::as_path).filter(|point| path.starts_with(point));
        points.max_by_key(|point| point.components().count())
    }
}

/// Whether a path is on the disk of another machine, or of a program that may stand for one: such a disk does
/// not tell of what others change on it.
#[cfg(feature = "library")]
pub(crate) fn is_remote(path: &Path) -> bool {
    const REMOTE: [&[u8]; 9] =
        [b"9p", b"afs", b"ceph", b"cifs", b"fuse", b"glusterfs", b"nfs", b"smb", b"virtiofs"];
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let point = Mounts::parse(&table).of(path).map_or_else(|| PathBuf::from("/"), Path::to_owned);
    // The kind of a file system comes after a dash that stands alone. The last mount covers those before it.
    let of_point =
        |line: &&[u8]| line.split(|byte| *byte == b' ').nth(4).map(unescaped) == Some(point.clone());
    let line = table.split(|byte| *byte == b'\n').rfind(of_point);
    let mut fields = line.unwrap_or_default().split(|byte| *byte == b' ');
    let kind = fields.by_ref().skip_while(|field| *field != b"-").nth(1).unwrap_or_default();
    REMOTE.iter().any(|remote| kind.starts_with(remote))
}

/// Spaces and some other bytes are written as `\040`.
fn unescaped(mut field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    while let [first, rest @ ..] = field {
        let digits = rest.get(..3).filter(|_| *first == b'\\');
        let octal = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(*first));
        field = if code.is_some() { &rest[3..] } else { rest };
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_innermost_mount() {
        let mounts = Mounts::parse(
            b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
              40 22 0:35 / /srv/radio/music rw shared:9 - nfs4 nas:/m rw\n\
              41 40 0:36 / /srv/radio/music/my\\040disk\\134 rw - nfs4 nas:/d rw\n\
              broken\n",
        );
        for (path, point) in [
            ("/srv/radio/jingles/x.mp3", None),
            ("/srv/radio/music2/x.mp3", None),
            ("/srv/radio/music/x.mp3", Some("/srv/radio/music")),
            ("/srv/radio/music/my disk\\/x.mp3", Some("/srv/radio/music/my disk\\")),
        ] {
            assert_eq!(mounts.of(path.as_ref()), point.map(Path::new), "{path}");
        }
    }
}
