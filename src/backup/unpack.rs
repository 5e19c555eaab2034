//! Puts back what is in an archive. Nothing of it is trusted: not its paths, and not its sizes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, Entries, EntryType};

use super::manifest::{MANIFEST, MOST_BYTES, Manifest, Member, MemberKind, member_name};
use crate::access::{FileLock, keep_owner};
use crate::database;
use crate::error::{Error, Result};
use crate::pipeline::state_file;

/// The folder, below the one of [`RestoreOptions::to`], for files that were not below the folder of the
/// configuration.
const OUTSIDE: &str = "outside";

/// The most zeros at the end of a tar file.
const MOST_PADDING: u64 = 1 << 20;

/// How an archive is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// The folder that takes the place of the one of the configuration. `None`: each file goes where it was.
    pub to: Option<PathBuf>,
    /// Whether files that are there are replaced.
    pub force: bool,
}

/// What was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// Where the files are now.
    pub files: Vec<PathBuf>,
    /// Those of them that were not below the folder of the configuration, if another folder took its place:
    /// the configuration may still name where they were.
    pub moved: Vec<PathBuf>,
}

/// Puts back what [`back_up`](super::back_up) has packed. The users and what else only its owner could read
/// stays so. First everything is unpacked beside its place, then it takes its place. It touches disks, which
/// may not answer.
///
/// # Errors
/// [`Error::Exists`] if a file is there, unless it may be replaced; [`Error::File`] if a station on the air
/// has one of them in use, its state or a database, or if the archive is damaged, is none, has what no backup
/// has, or cannot be unpacked. Nothing has changed then. [`Error::File`], too, if a file cannot take its
/// place: those before it are restored then.
pub fn restore(archive: &Path, options: &RestoreOptions) -> Result<Restored> {
    let refused = |error: io::Error| Error::file(archive, reason(&error));
    let file = File::open(archive).map_err(refused)?;
    let packed = GzDecoder::new(BufReader::new(file));
    if packed.header().is_none() {
        return Err(refused(no_backup()));
    }
    let mut tar = Archive::new(packed);
    let mut members = tar.entries().map_err(refused)?;
    let manifest = read_manifest(&mut members).map_err(refused)?;
    let places = places_of(&manifest, options)?;
    let drafts = unpack(&mut members, &manifest, &places).map_err(refused)?;
    check_end(tar.into_inner()).map_err(refused)?;
    let mut restored = Restored::default();
    for (draft, (place, is_moved)) in drafts.into_iter().zip(places) {
        draft.take_place(&place).map_err(|error| Error::file(&place, error.to_string()))?;
        if is_moved {
            restored.moved.push(place.clone());
        }
        restored.files.push(place);
    }
    Ok(restored)
}

type Members<'a> = Entries<'a, GzDecoder<BufReader<File>>>;

/// Why an archive was refused, for people. What the unpackers say of damage is only a detail.
fn reason(error: &io::Error) -> String {
    match is_damage(error) {
        true => {
            format!("it is damaged or cut short, and nothing was restored: get another copy of it ({error})")
        }
        false => error.to_string(),
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

fn damage(detail: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, detail.into())
}

fn no_backup() -> io::Error {
    io::Error::other("it is no backup of Longwave")
}

fn read_manifest(members: &mut Members<'_>) -> io::Result<Manifest> {
    let unread = |error| if is_damage(&error) { error } else { no_backup() };
    let first = members.next().ok_or_else(no_backup)?.map_err(unread)?;
    if first.path_bytes() != MANIFEST.as_bytes() || first.size() > MOST_BYTES {
        return Err(no_backup());
    }
    let mut text = String::new();
    first.take(MOST_BYTES).read_to_string(&mut text)?;
    let manifest: Manifest = serde_json::from_str(&text)?;
    manifest.check().map_err(io::Error::other)?;
    Ok(manifest)
}

/// Where the files go, and whether the configuration may not find them there. Refuses what must not be
/// replaced.
fn places_of(manifest: &Manifest, options: &RestoreOptions) -> Result<Vec<(PathBuf, bool)>> {
    let mut places: Vec<(PathBuf, bool)> = Vec::new();
    for (index, member) in manifest.files.iter().enumerate() {
        let place = match &options.to {
            None => (member.path.clone(), false),
            Some(to) => match member.path.strip_prefix(&manifest.folder) {
                Ok(below) => (to.join(below), false),
                Err(_) => {
                    let name = member.path.file_name().unwrap_or_default().to_string_lossy();
                    (to.join(OUTSIDE).join(format!("{index}-{name}")), true)
                }
            },
        };
        if places.iter().any(|(other, _)| *other == place.0) {
            return Err(Error::file(&place.0, "the backup has it twice"));
        }
        refuse_in_use(member, &place.0)?;
        if !options.force && fs::symlink_metadata(&place.0).is_ok() {
            return Err(Error::Exists(format!("{} (--force replaces it)", place.0.display())));
        }
        places.push(place);
    }
    Ok(places)
}

/// A station on the air would write over a state, and mix its changes of a database into another one.
fn refuse_in_use(member: &Member, place: &Path) -> Result<()> {
    let refused = match member.kind {
        MemberKind::State => {
            let is_there = place.parent().is_some_and(Path::exists);
            is_there && matches!(FileLock::attempt(place), Ok(None))
        }
        MemberKind::Database => place.exists() && database::is_in_use(place),
        MemberKind::Configuration | MemberKind::Users => false,
    };
    match refused {
        true => Err(Error::file(place, "a station on the air has it in use: stop it first")),
        false => Ok(()),
    }
}

/// A file that has been unpacked beside its place. It is removed with this value, unless it takes its place.
struct Draft {
    path: PathBuf,
    kind: MemberKind,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Draft {
    fn take_place(&self, place: &Path) -> io::Result<()> {
        // What belonged to the file that was there would spoil this one.
        let left: Vec<PathBuf> = match self.kind {
            MemberKind::Database => database::files(place).into_iter().skip(1).collect(),
            MemberKind::State => state_file::files(place).into_iter().skip(1).collect(),
            MemberKind::Configuration | MemberKind::Users => Vec::new(),
        };
        for file in left {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, place)
    }
}

fn unpack(
    members: &mut Members<'_>,
    manifest: &Manifest,
    places: &[(PathBuf, bool)],
) -> io::Result<Vec<Draft>> {
    let mut drafts = Vec::new();
    for (index, (member, (place, _))) in manifest.files.iter().zip(places).enumerate() {
        let damaged = || damage(format!("{} is not in it as it should be", member.path.display()));
        let content = members.next().ok_or_else(damaged)?.map_err(|_| damaged())?;
        let is_file = content.header().entry_type() == EntryType::Regular;
        if !is_file || content.path_bytes() != member_name(index).as_bytes() || content.size() != member.bytes
        {
            return Err(damaged());
        }
        drafts.push(draft_of(member, place, content)?);
    }
    match members.next() {
        None => Ok(drafts),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) => Err(io::Error::other("it has more than it says")),
    }
}

/// Reads to the very end, where gzip has its checksum.
fn check_end(rest: GzDecoder<BufReader<File>>) -> io::Result<()> {
    // A tar file ends with some zeros.
    let padding = io::copy(&mut rest.take(MOST_PADDING), &mut io::sink())?;
    if padding < MOST_PADDING { Ok(()) } else { Err(io::Error::other("it has more than it says")) }
}

fn draft_of(member: &Member, place: &Path, content: impl Read) -> io::Result<Draft> {
    let folder = place.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = folder.join(format!(".{name}.{:08x}", fastrand::u32(..)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let draft = Draft { path, kind: member.kind };
    let written = io::copy(&mut content.take(member.bytes), &mut file)?;
    if written != member.bytes {
        return Err(damage(format!("{} is cut short in it", member.path.display())));
    }
    // Users are private, whatever the archive says.
    let mode = if member.kind == MemberKind::Users { 0o600 } else { member.mode & 0o777 };
    file.set_permissions(Permissions::from_mode(mode))?;
    keep_owner(&file, place)?;
    file.sync_all()?;
    Ok(draft)
}
