//! A page of the operator's own: a folder of files, read whole.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::filework::read_needed;
use crate::server::reserved;
use crate::whole_file::read_whole;

/// The most files.
const MAX_FILES: usize = 256;

/// The most bytes of all files.
const MAX_BYTES: u64 = 16 << 20;

/// How deep folders lie in each other.
const MAX_DEPTH: usize = 8;

/// The document at `/`.
const INDEX: &str = "index.html";

/// What a folder has.
#[derive(Debug)]
pub(super) struct OwnPage {
    pub(super) index: Vec<u8>,
    /// Everything, with its path on the server: `/style.css`, `/pictures/hall.webp`.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// Reads a folder. Hidden files are passed over, and so are links, which may lead anywhere. Where the server has
/// something of its own, a folder can have nothing, just as a mount cannot be there.
///
/// # Errors
/// [`Error::Setting`] for `folder`, with the file that cannot be served.
pub(super) fn read(folder: &Path) -> Result<OwnPage> {
    let own = folder.to_owned();
    let read = move || {
        let (mut files, mut room) = (Vec::new(), MAX_BYTES);
        collect(&own, "/", MAX_DEPTH, &mut files, &mut room).map(|()| files)
    };
    let refused = |reason: String| Error::setting("folder", reason);
    let files = read_needed(folder, read)
        .map_err(|reason| refused(format!("{}: {reason}", folder.display())))?
        .map_err(|error| refused(error.to_string()))?;
    if let Some(reason) = files.iter().find_map(|(path, _)| reserved(path).err()) {
        return Err(refused(format!("{}: {reason}", folder.display())));
    }
    let index = files.iter().find(|(path, _)| path.strip_prefix('/') == Some(INDEX));
    match index {
        Some((_, index)) => Ok(OwnPage { index: index.clone(), files }),
        None => Err(refused(format!("{} has no {INDEX}, which is the page at /", folder.display()))),
    }
}

fn collect(
    folder: &Path,
    at: &str,
    depth: usize,
    files: &mut Vec<(String, Vec<u8>)>,
    room: &mut u64,
) -> io::Result<()> {
    let because = |path: &Path, error: io::Error| io::Error::other(format!("{}: {error}", path.display()));
    for entry in fs::read_dir(folder).map_err(|error| because(folder, error))? {
        let entry = entry.map_err(|error| because(folder, error))?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let Ok(name) = entry.file_name().into_string() else {
            return Err(because(&path, io::Error::other("its name is not UTF-8: no address can name it")));
        };
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            if depth == 0 {
                return Err(because(&path, io::Error::other(format!("it lies more than {MAX_DEPTH} deep"))));
            }
            collect(&path, &format!("{at}{name}/"), depth - 1, files, room)?;
        } else if kind.is_file() {
            if files.len() == MAX_FILES {
                let error = io::Error::other(format!("the page has more than {MAX_FILES} files"));
                return Err(because(folder, error));
            }
            let bytes = read_whole(&path, *room).map_err(|error| because(&path, error))?;
            *room -= bytes.len() as u64;
            files.push((format!("{at}{name}"), bytes));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_what_lies_in_it_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(read(folder.path()).unwrap_err().to_string().contains("has no index.html"));
        fs::create_dir_all(at("bilder/ü")).unwrap();
        for (name, text) in [("index.html", "<p>"), ("bilder/ü/a.png", "a"), (".git", "secret")] {
            fs::write(at(name), text).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", at("passwd.txt")).unwrap();
        let page = read(folder.path()).unwrap();
        let mut names: Vec<_> = page.files.iter().map(|(path, _)| path.as_str()).collect();
        names.sort_unstable();
        assert_eq!((names, page.index), (vec!["/bilder/ü/a.png", "/index.html"], b"<p>".to_vec()));
    }

    #[test]
    fn a_page_has_nothing_where_the_server_has_something_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("index.html"), "<p>").unwrap();
        fs::create_dir(at("art")).unwrap();
        fs::write(at("art/hall.webp"), "").unwrap();
        let said = read(folder.path()).unwrap_err().to_string();
        assert!(said.contains("/art is reserved"), "{said}");
        fs::rename(at("art"), at("pictures")).unwrap();
        assert!(read(folder.path()).is_ok());
    }

    #[test]
    fn a_page_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("index.html"), "<p>").unwrap();
        fs::File::create(at("big.bin")).unwrap().set_len(MAX_BYTES + 1).unwrap();
        let said = read(folder.path()).unwrap_err().to_string();
        assert!(said.contains("big.bin") && said.contains("too large"), "{said}");
        fs::remove_file(at("big.bin")).unwrap();
        for number in 0..MAX_FILES {
            fs::write(at(&format!("{number}.txt")), "").unwrap();
        }
        let said = read(folder.path()).unwrap_err().to_string();
        assert!(said.contains("more than 256 files"), "{said}");
    }
}
