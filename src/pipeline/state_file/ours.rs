//! Whether a file may be written over: a state or a journal may, even a damaged one; a song may not.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::journal::DIGITS;
use super::{PERMANENT, beside, journal_of};

/// The beginning of every state.
const BEGINNING: &[u8] = b"{\"up_next\":";

/// What a file beside a state, or the state itself, begins with if it is ours.
#[derive(Clone, Copy)]
enum Kind {
    State,
    Journal,
}

/// Refuses a state file in whose place, or beside which, there is a file that no station has written: it would
/// be lost. A file that cannot be read now is not refused for that; it may be readable again soon.
pub(super) fn refuse_foreign(state: &Path) -> Result<(), String> {
    let files =
        [(state.to_owned(), Kind::State), (beside(state), Kind::State), (journal_of(state), Kind::Journal)];
    for (file, kind) in files {
        let shown = file.display();
        match head(&file) {
            Ok(head) if kind.may_begin(&head) => {}
            Ok(_) => {
                return Err(format!(
                    "{shown} is not a station's state, and would be lost: name another file, or move it away"
                ));
            }
            Err(error) if PERMANENT.contains(&error.kind()) => return Err(format!("{shown}: {error}")),
            Err(_) => {}
        }
    }
    Ok(())
}

/// The first bytes of a file. None if it is no regular file: nothing in there can be lost.
fn head(file: &Path) -> io::Result<Vec<u8>> {
    // Opening a FIFO would otherwise wait for a writer.
    let open = match File::options().read(true).custom_flags(libc::O_NONBLOCK).open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        open => open?,
    };
    let mut head = Vec::new();
    if open.metadata()?.is_file() {
        open.take(64).read_to_end(&mut head)?;
    }
    Ok(head)
}

impl Kind {
    /// Whether a file of this kind may begin like this. A crash may have cut it, or left zeros.
    fn may_begin(self, head: &[u8]) -> bool {
        match self {
            _ if head.iter().all(|byte| *byte == 0) => true,
            Kind::State => head.iter().zip(BEGINNING).all(|(byte, ours)| byte == ours),
            Kind::Journal => {
                let (digits, rest) = head.split_at(DIGITS.min(head.len()));
                digits.iter().all(u8::is_ascii_hexdigit) && rest.first().is_none_or(|byte| *byte == b'{')
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::pipeline::state_file::keep::Keeper;
    use crate::pipeline::state_file::{check, load};
    use crate::pipeline::{PipelineSnapshot, state_lock};

    /// Files that a mistaken name may lead to.
    const FOREIGN: &[&[u8]] = &[
        b"ID3\x04\0\0\0\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"127.0.0.1 - - [29/Nov/2026:03:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n",
        b"admin:0123456789abcdef\n",
        b"[server]\nlisten = 8000\n",
        b"{\"server\": {}}",
        b"{}",
        b"#EXTM3U\n",
    ];

    #[test]
    fn what_is_no_state_is_refused_and_left_as_it_is() {
        for name in ["state", "state.new", "state.journal"] {
            for foreign in FOREIGN {
                let folder = tempfile::tempdir().unwrap();
                let (state, there) = (folder.path().join("state"), folder.path().join(name));
                fs::write(&there, foreign).unwrap();
                for refused in [check(&state).unwrap_err(), state_lock::take(&state).unwrap_err()] {
                    let said = refused.to_string();
                    assert!(said.contains(&format!("{name} is not a station's state")), "{said}");
                }
                // It may also be put there while the station is on the air.
                let kept = Keeper::new(&state).keep(PipelineSnapshot::empty()).unwrap_err();
                assert!(kept.to_string().contains("would be lost"), "{kept}");
                assert_eq!(fs::read(&there).unwrap(), *foreign);
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            }
        }
    }

    #[test]
    fn a_song_that_takes_the_place_of_a_state_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let mut keeper = Keeper::new(&state);
        keeper.keep(PipelineSnapshot::empty()).unwrap();
        fs::write(folder.path().join("song"), FOREIGN[0]).unwrap();
        fs::rename(folder.path().join("song"), &state).unwrap();
        assert!(keeper.keep(PipelineSnapshot::empty()).is_err());
        assert_eq!(fs::read(&state).unwrap(), FOREIGN[0]);
        fs::remove_file(&state).unwrap();
        keeper.keep(PipelineSnapshot::empty()).unwrap();
    }

    #[test]
    fn a_damaged_state_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        Keeper::new(&state).keep(PipelineSnapshot::empty()).unwrap();
        let whole = fs::read(&state).unwrap();
        let zeros = vec![0; whole.len()];
        for text in [&whole[..0], &whole[..1], &whole[..5], &whole[..whole.len() - 1], &zeros, &whole] {
            fs::write(&state, text).unwrap();
            check(&state).unwrap();
            fs::write(beside(&state), text).unwrap();
            check(&state).unwrap();
        }
        for journal in [&b""[..], b"0123", b"0123456789abcdef", b"0123456789abcdef{\"cu", &[0; 80]] {
            fs::write(journal_of(&state), journal).unwrap();
            check(&state).unwrap();
            assert!(load(&state).is_some());
        }
    }
}
