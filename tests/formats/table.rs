//! The table in `docs/FORMATS.md`: one part for each container, between two marks.

use std::fs::{self, File};
use std::path::Path;

const HEAD: &str = "| | File | What is odd | Longwave | ffmpeg | mutagen | Why they differ |\n\
                    |---|---|---|---|---|---|---|\n";

/// Compares a part of the table with these lines, or writes it.
pub fn check(part: &str, lines: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FORMATS.md");
    let rows = lines.iter().enumerate().map(|(number, line)| format!("| {} | {line} |\n", number + 1));
    let wanted = format!("{HEAD}{}", rows.collect::<String>());
    let mark = format!("<!-- table: {part} -->\n");
    let write = std::env::var_os("LONGWAVE_WRITE_FORMATS").is_some();
    // The parts are written by processes side by side.
    let folder = File::open(path.parent().unwrap()).expect("docs");
    folder.lock().expect("a lock on docs");
    let text = fs::read_to_string(&path).expect("docs/FORMATS.md");
    let begin = text.find(&mark).unwrap_or_else(|| panic!("{mark} is not in docs/FORMATS.md")) + mark.len();
    let end = begin + text[begin..].find("<!-- end -->").expect("a mark behind the part");
    if write {
        fs::write(&path, format!("{}{wanted}{}", &text[..begin], &text[end..])).expect("docs/FORMATS.md");
        return;
    }
    let there: Vec<&str> = text[begin..end].lines().collect();
    for (there, wanted) in there.iter().zip(wanted.lines()) {
        assert_eq!(*there, wanted, "docs/FORMATS.md is not up to date: LONGWAVE_WRITE_FORMATS=1");
    }
    assert_eq!(
        there.len(),
        wanted.lines().count(),
        "docs/FORMATS.md is not up to date: LONGWAVE_WRITE_FORMATS=1"
    );
}
