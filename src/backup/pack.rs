//! Makes an archive of a station that may be on the air.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::manifest::{MANIFEST, Manifest, Member, MemberKind, VERSION, member_name};
use crate::config::Config;
use crate::database;
use crate::error::{Error, Result};
use crate::path_text::with_suffix;
use crate::pipeline::state_file;
use crate::time::rfc3339;

/// What an archive has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// The files that are in it. One that a station has not written yet is not.
    pub files: Vec<PathBuf>,
    /// The size of the archive.
    pub bytes: u64,
}

/// Makes an archive of what a station knows: this configuration, which was read from `file`, its users, the
/// states of its pipelines, and its databases. It may be on the air: each of them is as it is at one moment.
/// The archive can be read by its owner alone, for it has what passwords are verified by. It touches disks,
/// which may not answer.
///
/// # Errors
/// [`Error::File`] if the archive exists already or cannot be written, or if one of the files cannot be read.
/// There is no archive then.
pub fn back_up(config: &Config, file: &Path, archive: &Path) -> Result<Backup> {
    let refused = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Error::file(archive, "it exists already: name another file"),
        _ => Error::file(archive, error.to_string()),
    };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(archive).map_err(refused)?;
    let written = pack(config, file, archive, made);
    if written.is_err() {
        // A part of an archive is worse than none.
        let _ = fs::remove_file(archive);
    }
    written
}

/// A file of a station, and a copy of it that does not change any more.
struct Copy {
    member: Member,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    /// A copy on disk, which is removed with this value.
    Beside(Beside),
}

struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        // What is left of it says by its name what it is.
        let _ = fs::remove_file(&self.0);
    }
}

fn pack(config: &Config, file: &Path, archive: &Path, made: File) -> Result<Backup> {
    let configuration = absolute(file)?;
    let folder = configuration.parent().unwrap_or(Path::new("/")).to_owned();
    let mut copies = vec![read(MemberKind::Configuration, &configuration)?];
    copies.extend(config.api.users_file.as_deref().map(|file| read(MemberKind::Users, file)).transpose()?);
    for state in config.pipelines.iter().filter_map(|pipeline| pipeline.state_file.as_deref()) {
        copies.push(read_state(state)?);
    }
    for (index, database) in databases(config).enumerate() {
        copies.push(copy_database(database, archive, index)?);
    }
    let copies: Vec<Copy> = copies.into_iter().flatten().collect();
    let members: Vec<Member> = copies.iter().map(|copy| copy.member.clone()).collect();
    let files = members.iter().map(|member| member.path.clone()).collect();
    let manifest = Manifest {
        version: VERSION,
        longwave: env!("CARGO_PKG_VERSION").into(),
        made_at: rfc3339(SystemTime::now()),
        folder,
        files: members,
    };
    let bytes = write(&manifest, copies, made).map_err(|error| Error::file(archive, error.to_string()))?;
    Ok(Backup { files, bytes })
}

/// The databases that a configuration names.
fn databases(config: &Config) -> impl Iterator<Item = &Path> {
    let library = config.library.as_ref().map(|library| library.database.as_path());
    config.history.file.as_deref().into_iter().chain(library)
}

/// Reads a file that is replaced as a whole when it changes. `None` if there is none.
fn read(kind: MemberKind, file: &Path) -> Result<Option<Copy>> {
    let file = absolute(file)?;
    let refused = |error: io::Error| Error::file(&file, format!("it is not in the backup: {error}"));
    let mut open = match File::open(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        open => open.map_err(refused)?,
    };
    let mode = open.metadata().map_err(refused)?.permissions().mode();
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).map_err(refused)?;
    Ok(Some(copy_of(kind, &file, mode, bytes)))
}

/// A state, with what its journal adds to it.
fn read_state(file: &Path) -> Result<Option<Copy>> {
    let file = absolute(file)?;
    let Ok(about) = fs::metadata(&file) else { return Ok(None) };
    let snapshot =
        state_file::read_as_written(&file).map_err(|error| Error::file(&file, error.to_string()))?;
    let bytes = serde_json::to_vec(&snapshot).expect("a state can be written as JSON");
    Ok(Some(copy_of(MemberKind::State, &file, about.permissions().mode(), bytes)))
}

fn copy_of(kind: MemberKind, file: &Path, mode: u32, bytes: Vec<u8>) -> Copy {
    let member = Member { kind, path: file.to_owned(), bytes: bytes.len() as u64, mode: mode & 0o777 };
    Copy { member, content: Content::Bytes(bytes) }
}

/// Copies a database into a file beside the archive, where there is room for it.
fn copy_database(file: &Path, archive: &Path, index: usize) -> Result<Option<Copy>> {
    let file = absolute(file)?;
    let Ok(about) = fs::metadata(&file) else { return Ok(None) };
    let copy = with_suffix(archive, &format!(".database-{index}"));
    if fs::symlink_metadata(&copy).is_ok() {
        return Err(Error::file(copy, "it is in the way: it may be left of another backup; remove it"));
    }
    let copy = Beside(copy);
    database::copy_file(&file, &copy.0)
        .map_err(|trouble| Error::file(&file, format!("it cannot be copied: {trouble}")))?;
    let bytes = fs::metadata(&copy.0).map_err(|error| Error::file(&copy.0, error.to_string()))?.len();
    let mode = about.permissions().mode() & 0o777;
    let member = Member { kind: MemberKind::Database, path: file, bytes, mode };
    Ok(Some(Copy { member, content: Content::Beside(copy) }))
}

fn write(manifest: &Manifest, copies: Vec<Copy>, made: File) -> io::Result<u64> {
    let packed = GzEncoder::new(BufWriter::new(made), Compression::default());
    let mut archive = Builder::new(packed);
    let text = serde_json::to_vec_pretty(manifest)?;
    add(&mut archive, MANIFEST, text.len() as u64, &text[..])?;
    for (index, Copy { member, content }) in copies.into_iter().enumerate() {
        let name = member_name(index);
        match content {
            Content::Bytes(bytes) => add(&mut archive, &name, member.bytes, &bytes[..])?,
            Content::Beside(copy) => add(&mut archive, &name, member.bytes, File::open(&copy.0)?)?,
        }
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn add(archive: &mut Builder<impl Write>, name: &str, bytes: u64, content: impl Read) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    archive.append_data(&mut header, name, content)
}

fn absolute(file: &Path) -> Result<PathBuf> {
    // Where links lead is where it is: the link is not in the backup.
    let path = file.canonicalize().or_else(|_| std::path::absolute(file));
    path.map_err(|error| Error::file(file, error.to_string()))
}
