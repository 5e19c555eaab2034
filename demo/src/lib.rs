//! Music for a station that has none yet: composed when it is wanted, into files that are gone
//! afterwards. Nothing is recorded, nothing downloaded.
//!
//! `sound` makes single notes, `studio` (with `space`) sets them into a mix, `pieces` is the music.
//! It is a crate of its own because it only computes: so it is optimised in every build.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod pieces;
mod sound;
mod space;
mod studio;
mod wav;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pieces::{PIECES, Piece};

/// A folder with the music, for this user alone. It is removed when this is dropped.
#[derive(Debug)]
pub struct Music {
    folder: PathBuf,
}

impl Music {
    /// Composes all pieces into a new folder among the temporary ones, two at a time: more would be
    /// done sooner, and want more memory.
    ///
    /// # Errors
    /// What the system says about a folder or file that it does not take.
    pub fn compose() -> io::Result<Music> {
        let music = Music { folder: private_folder()? };
        let next = AtomicUsize::new(0);
        let work = || -> io::Result<()> {
            loop {
                // Relaxed: the number is all that the two agree about.
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(piece) = PIECES.get(index) else { return Ok(()) };
                record(piece, &music.folder.join(file_name(index)))?;
            }
        };
        thread::scope(|scope| {
            let other = scope.spawn(work);
            work().and(other.join().expect("music does not panic"))
        })?;
        Ok(music)
    }

    /// The files, in the order in which they are to be played.
    pub fn files(&self) -> Vec<PathBuf> {
        (0..PIECES.len()).map(|index| self.folder.join(file_name(index))).collect()
    }
}

impl Drop for Music {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            log::warn!("{} cannot be removed: {error}", self.folder.display());
        }
    }
}

fn file_name(index: usize) -> String {
    format!("{}.wav", index + 1)
}

fn record(piece: &Piece, file: &Path) -> io::Result<()> {
    let tags = [(*b"IART", "Longwave"), (*b"INAM", piece.title), (*b"IPRD", "Music for a New Station")];
    wav::write(File::create(file)?, &(piece.compose)(), &tags)
}

/// A new folder among the temporary ones, that nobody else can look into or prepare.
fn private_folder() -> io::Result<PathBuf> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    loop {
        let folder = std::env::temp_dir().join(format!("longwave-demo-{:08x}", fastrand::u32(..)));
        match builder.create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| folder),
        }
    }
}
