//! The journal of a state file: what has changed since the state was written as a whole.
//!
//! It has a line for each change: a checksum and JSON. Each checksum continues that of the line before, and
//! the first one that of the whole state. So a line counts only if all before it do, and a journal of another
//! state does not count at all. A line that was torn by a crash ends the journal.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The hexadecimal digits of a checksum.
pub const DIGITS: usize = 16;

/// FNV-1a, which finds what is torn or stale. It does not protect against people, who can write the state.
pub fn checksum(of: &[u8], before: u64) -> u64 {
    of.iter().fold(before, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The checksum of a state that was written as a whole.
pub fn checksum_of_whole(text: &[u8]) -> u64 {
    checksum(text, 0xcbf2_9ce4_8422_2325)
}

/// The JSON of the lines that count, in a journal of the state with this checksum.
pub fn lines(journal: &[u8], whole: u64) -> impl Iterator<Item = &[u8]> {
    let mut sum = whole;
    journal.split_inclusive(|byte| *byte == b'\n').map_while(move |line| {
        let line = line.strip_suffix(b"\n")?;
        let (digits, json) = line.split_at_checked(DIGITS)?;
        sum = checksum(json, sum);
        (digits == format!("{sum:016x}").as_bytes()).then_some(json)
    })
}

/// A journal that is being written.
pub struct Journal {
    file: File,
    length: u64,
    /// The checksum of its last line.
    sum: u64,
}

impl Journal {
    /// An empty journal in place of the one that is there.
    pub fn begin(path: &Path, whole: u64) -> io::Result<Journal> {
        remove(path)?;
        Ok(Journal { file: File::create_new(path)?, length: 0, sum: whole })
    }

    /// How long it is, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds a line. If it cannot be written, what there is of it does not count, and the next one is written
    /// over it.
    pub fn append(&mut self, json: &[u8]) -> io::Result<()> {
        let sum = checksum(json, self.sum);
        let mut line = format!("{sum:016x}").into_bytes();
        line.extend_from_slice(json);
        line.push(b'\n');
        self.file.write_all_at(&line, self.length)?;
        self.file.sync_data()?;
        self.length += line.len() as u64;
        self.sum = sum;
        Ok(())
    }
}

/// Removes a file, whatever it is, if it is there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(journal: &[u8], whole: u64) -> Vec<String> {
        lines(journal, whole).map(|json| String::from_utf8(json.into()).unwrap()).collect()
    }

    #[test]
    fn a_torn_or_foreign_line_ends_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::begin(&path, 5).unwrap();
        let all = ["{\"a\":1}", "{}", "{\"b\":\"…\"}"];
        let mut ends = vec![0];
        for json in all {
            journal.append(json.as_bytes()).unwrap();
            ends.push(journal.length() as usize);
        }
        let text = fs::read(&path).unwrap();
        for length in 0..=text.len() {
            let whole_lines = ends.iter().filter(|end| (1..=length).contains(*end)).count();
            assert_eq!(texts(&text[..length], 5), all[..whole_lines], "torn at {length}");
        }
        for place in 0..text.len() {
            let mut damaged = text.clone();
            damaged[place] ^= 4;
            let whole_lines = ends.iter().filter(|end| (1..=place).contains(*end)).count();
            assert_eq!(texts(&damaged, 5), all[..whole_lines], "damaged at {place}");
        }
        assert_eq!(texts(&text, 6), [""; 0], "of another state");
        assert_eq!(texts(&text[ends[1]..], 5), [""; 0], "its first line is missing");
    }

    #[test]
    fn what_is_left_of_a_failed_write_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::begin(&path, 5).unwrap();
        journal.append(b"{}").unwrap();
        // The disk was full in the middle of a long line.
        journal.file.write_all_at(&[b'x'; 90], journal.length()).unwrap();
        assert_eq!(texts(&fs::read(&path).unwrap(), 5), ["{}"]);
        journal.append(b"[]").unwrap();
        assert_eq!(texts(&fs::read(&path).unwrap(), 5), ["{}", "[]"]);
    }
}
