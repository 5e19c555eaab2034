//! What a file is known by when it was moved: a digest of its size and of parts of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

/// How much is read at the beginning, in the middle and at the end. Two recordings differ there; the pictures
/// that tags begin with may be the same for a whole album, so the beginning alone says little.
const PART: u64 = 16 << 10;

/// The digest's length in bytes: no two files of a library have the same one by chance.
pub(super) const LENGTH: usize = 16;

/// The digest of a file.
pub(super) fn digest(file: &mut File) -> io::Result<[u8; LENGTH]> {
    let size = file.metadata()?.len();
    let mut digest = Sha256::new();
    digest.update(size.to_le_bytes());
    let parts = match size {
        0..=49_152 => vec![(0, size)],
        _ => vec![(0, PART), (size / 2, PART), (size - PART, PART)],
    };
    let mut bytes = Vec::new();
    for (begin, length) in parts {
        bytes.clear();
        file.seek(SeekFrom::Start(begin))?;
        file.take(length).read_to_end(&mut bytes)?;
        digest.update(&bytes);
    }
    Ok(digest.finalize()[..LENGTH].try_into().expect("a digest is longer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_and_the_size_count() {
        let folder = tempfile::tempdir().unwrap();
        let of = |bytes: &[u8]| {
            let path = folder.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            digest(&mut File::open(path).unwrap()).unwrap()
        };
        for size in [1, 49_152, 49_153, 200_000] {
            let plain = vec![7; size];
            assert_eq!(of(&plain), of(&plain));
            assert_ne!(of(&plain), of(&vec![7; size + 1]));
            for at in [0, size / 2, size - 1] {
                let mut other = plain.clone();
                other[at] = 8;
                assert_ne!(of(&plain), of(&other), "byte {at} of {size}");
            }
        }
    }
}
