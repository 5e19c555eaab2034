//! The music of `longwave demo`. It is composed at start, into temporary files; nothing is recorded or
//! downloaded.
//!
//! `sound` computes single notes, `studio` and `space` mix them, `pieces` is the music. This is a separate
//! crate so that it is optimised in every build.
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

/// A folder with the music, which only this user can read. Dropping it removes the folder.
#[derive(Debug)]
pub struct Music {
    folder: PathBuf,
}

impl Music {
    /// Composes all pieces into a new temporary folder, two at a time, because more would need more memory.
    ///
    /// # Errors
    /// The system's error, if the folder or a file cannot be written.
    pub fn compose() -> io::Result<Music> {
        let music = Music { folder: private_folder()? };
        let next = AtomicUsize::new(0);
        let work = || -> io::Result<()> {
            loop {
                // Relaxed: the threads share nothing but this number.
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

    /// The files, in the order of playing.
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

/// A new temporary folder that no other user can read or create in advance.
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
