//! What in a folder is passed over: by its name, what holds no music of the station's, and what is not
//! finished; links that lead to themselves or to a folder that was read already.
//!
//! The names count below a folder that is read. A folder that somebody names is read, whatever it is called.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use rustix::fs::FileType;

use super::is_audio;
use crate::names::named;

named! {
    /// Why something in a folder is passed over.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Reason {
        /// The name of the file is not that of audio.
        NotAudio = "not-audio",
        /// Its name begins with a dot.
        Hidden = "hidden",
        /// A file `._x`, in which macOS keeps what other file systems have no room for.
        AppleDouble = "apple-double",
        /// A folder for deleted files.
        Bin = "bin",
        /// A folder with former states of the disk.
        Snapshot = "snapshot",
        /// A folder of an operating system, a NAS or an archiver.
        SystemFolder = "system-folder",
        /// A download or a copy that has not got its final name yet.
        Unfinished = "unfinished",
        /// The file has changed in the last seconds: somebody may be writing it.
        Changing = "changing",
        /// A link that leads to itself.
        Circular = "circular",
        /// A folder that has been read already: a link leads to it, or a mount.
        Again = "again",
    }
}

/// The bins of Windows (`RECYCLER` before Vista), Synology, QNAP and Samba. Those of Linux and macOS begin
/// with `.Trash`.
const BINS: [&str; 7] =
    ["$recycle.bin", "recycler", "recycled", "#recycle", "@recycle", ".recycle", "network trash folder"];
/// The snapshots of Synology, QNAP, Btrfs (snapper), NetApp and ZFS.
const SNAPSHOTS: [&str; 7] =
    ["#snapshot", "@recently-snapshot", ".snapshot", ".snapshots", "~snapshot", "@snapshot", ".zfs"];
/// Indexes, thumbnails, what `fsck` found, and the rests of archives of macOS.
const SYSTEM_FOLDERS: [&str; 6] =
    ["system volume information", "@eadir", "__macosx", "lost+found", "@tmp", "temporary items"];
/// The last extensions of files that are being downloaded or copied: by browsers, WinSCP, BitTorrent clients
/// and Syncthing.
const UNFINISHED: [&str; 9] =
    ["part", "filepart", "partial", "tmp", "crdownload", "download", "opdownload", "!qb", "!ut"];

/// Why this is passed over. `None` if it may be played or read.
pub(super) fn reason(name: &OsStr, kind: FileType) -> Option<Reason> {
    let may_be_folder = kind != FileType::RegularFile;
    let lower = name.to_string_lossy().to_lowercase();
    let is_one_of = |names: &[&str]| names.contains(&lower.as_str());
    if may_be_folder && (is_one_of(&BINS) || lower.starts_with(".trash")) {
        return Some(Reason::Bin);
    }
    if may_be_folder && is_one_of(&SNAPSHOTS) {
        return Some(Reason::Snapshot);
    }
    if may_be_folder && is_one_of(&SYSTEM_FOLDERS) {
        return Some(Reason::SystemFolder);
    }
    if is_unfinished(Path::new(&lower), kind) {
        return Some(Reason::Unfinished);
    }
    match lower.strip_prefix('.') {
        Some(rest) if rest.starts_with('_') && kind != FileType::Directory => Some(Reason::AppleDouble),
        Some(_) => Some(Reason::Hidden),
        None => None,
    }
}

fn is_unfinished(name: &Path, kind: FileType) -> bool {
    let Some(extension) = name.extension().and_then(OsStr::to_str) else { return false };
    let is_of_audio = name.file_stem().is_some_and(|stem| is_audio(Path::new(stem)));
    if kind == FileType::Directory {
        // Safari's downloads are folders.
        return extension == "download" && is_of_audio;
    }
    // `.x.mp3.AbCdEf` is a file that rsync is writing.
    let is_of_rsync = || {
        let is_random = extension.len() == 6 && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_random && is_of_audio && name.to_str().is_some_and(|name| name.starts_with('.'))
    };
    UNFINISHED.contains(&extension) || is_of_rsync()
}

/// How many things were passed over for each reason.
#[derive(Debug, Default)]
pub(super) struct Tally([u64; Reason::ALL.len()]);

impl Tally {
    pub(super) fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }

    /// The reasons that occurred, with their counts.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = Reason::ALL.iter().map(|&reason| (reason, self.0[reason as usize]));
        counts.filter(|(_, count)| *count > 0)
    }
}

impl Reason {
    /// So many things in words: `2 recycle bins were passed over`.
    pub fn of(self, count: u64) -> impl fmt::Display {
        let (one, many, then) = match self {
            Reason::NotAudio => ("file that is not audio", "files that are not audio", ""),
            Reason::Hidden => ("hidden file or folder", "hidden files and folders", ""),
            Reason::AppleDouble => {
                ("file of macOS beside another (._)", "files of macOS beside others (._)", "")
            }
            Reason::Bin => ("recycle bin", "recycle bins", ""),
            Reason::Snapshot => ("folder of snapshots", "folders of snapshots", ""),
            Reason::SystemFolder => ("system folder", "system folders", ""),
            Reason::Unfinished => ("unfinished file", "unfinished files", ""),
            Reason::Changing => {
                ("file that is being written", "files that are being written", " until quiet")
            }
            Reason::Circular => ("circular link", "circular links", ""),
            Reason::Again => ("folder that had been read already", "folders that had been read already", ""),
        };
        match count {
            1 => format!("1 {one} was passed over{then}"),
            _ => format!("{count} {many} were passed over{then}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_reason(name: &str, kind: FileType, expected: Option<Reason>) {
        assert_eq!(reason(OsStr::new(name), kind), expected, "{name}");
    }

    #[test]
    fn folders_of_systems_are_passed_over_in_any_case_and_files_of_these_names_are_not() {
        for (name, expected) in [
            ("$RECYCLE.BIN", Reason::Bin),
            ("$Recycle.Bin", Reason::Bin),
            ("RECYCLER", Reason::Bin),
            ("#recycle", Reason::Bin),
            ("@Recycle", Reason::Bin),
            (".recycle", Reason::Bin),
            (".Trash-1000", Reason::Bin),
            (".Trashes", Reason::Bin),
            ("#snapshot", Reason::Snapshot),
            ("@Recently-Snapshot", Reason::Snapshot),
            (".snapshot", Reason::Snapshot),
            ("~snapshot", Reason::Snapshot),
            ("System Volume Information", Reason::SystemFolder),
            ("@eaDir", Reason::SystemFolder),
            ("__MACOSX", Reason::SystemFolder),
            ("lost+found", Reason::SystemFolder),
            (".git", Reason::Hidden),
            ("._Album", Reason::Hidden),
            ("x.mp3.download", Reason::Unfinished),
        ] {
            assert_reason(name, FileType::Directory, Some(expected));
        }
        for name in
            ["Recycle", "#1 Hits", "@ the Disco", "Snapshot", "Part.2", "lost", "Trash", "Live.tmp", "$"]
        {
            assert_reason(name, FileType::Directory, None);
        }
        assert_reason("recycler", FileType::RegularFile, None);
        assert_reason("#recycle", FileType::Symlink, Some(Reason::Bin));
    }

    #[test]
    fn files_that_are_not_finished_are_known_by_their_names() {
        for name in [
            "x.mp3.part",
            "x.mp3.filepart",
            "x.FLAC.TMP",
            "x.mp3.crdownload",
            "Unconfirmed 1234.crdownload",
            "x.ogg.!qB",
            "~syncthing~x.mp3.tmp",
            ".syncthing.x.mp3.tmp",
            ".x.mp3.AbC1eF",
            ".x.part.mp3.tmp",
        ] {
            assert_reason(name, FileType::RegularFile, Some(Reason::Unfinished));
        }
        for name in ["x.mp3", "part.mp3", "tmp", "x.mp3.AbC1eF", "~syncthing~x.mp3", "download"] {
            assert_reason(name, FileType::RegularFile, None);
        }
        assert_reason(".x.mp3.AbC1e", FileType::RegularFile, Some(Reason::Hidden));
        assert_reason("._x.mp3", FileType::RegularFile, Some(Reason::AppleDouble));
        assert_reason(".x.mp3", FileType::RegularFile, Some(Reason::Hidden));
    }

    #[test]
    fn a_reason_is_said_with_its_number() {
        assert_eq!(Reason::NotAudio.of(1).to_string(), "1 file that is not audio was passed over");
        assert_eq!(Reason::Bin.of(2).to_string(), "2 recycle bins were passed over");
        let mut tally = Tally::default();
        [Reason::Bin, Reason::Hidden, Reason::Bin].into_iter().for_each(|reason| tally.add(reason));
        assert_eq!(tally.counts().collect::<Vec<_>>(), [(Reason::Hidden, 1), (Reason::Bin, 2)]);
    }
}
