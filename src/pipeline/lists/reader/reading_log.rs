//! What the reading of a list logs. A list is read again after each pass: only what is new is logged then.

use std::collections::HashSet;

use log::Level;

use crate::playout::Entry;
use crate::playout::playlist::Found;

/// The log lines of one reading.
pub(super) struct ReadingLog<'a> {
    pipeline: &'a str,
    /// The lines of the reading before.
    before: &'a HashSet<String>,
    lines: HashSet<String>,
    has_problems: bool,
}

impl<'a> ReadingLog<'a> {
    pub fn new(pipeline: &'a str, before: &'a HashSet<String>) -> ReadingLog<'a> {
        ReadingLog { pipeline, before, lines: HashSet::new(), has_problems: false }
    }

    /// The entry, if that is what was found. Everything else is logged.
    pub fn entry(&mut self, found: Found) -> Option<Entry> {
        match found {
            Found::Entry(entry) => return Some(entry),
            Found::Name(name) => self.write(Level::Debug, format!("the playlist calls itself {name}")),
            Found::PassedOver { folder, reason, count } => {
                self.write(Level::Info, format!("{}: {}", folder.display(), reason.of(count)));
            }
            Found::Problem(problem) => self.problem(problem.to_string()),
            Found::Step => {}
        }
        None
    }

    pub fn problem(&mut self, problem: String) {
        self.has_problems = true;
        self.write(Level::Error, problem);
    }

    pub fn has_problems(&self) -> bool {
        self.has_problems
    }

    /// The lines, for the next reading.
    pub fn into_lines(self) -> HashSet<String> {
        self.lines
    }

    fn write(&mut self, level: Level, line: String) {
        if self.is_new(&line) {
            log::log!(level, "{}: {line}", self.pipeline);
        }
        self.lines.insert(line);
    }

    fn is_new(&self, line: &str) -> bool {
        !self.before.contains(line) && !self.lines.contains(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::playlist::Reason;

    fn bins(count: u64) -> Found {
        Found::PassedOver { folder: "/m".into(), reason: Reason::Bin, count }
    }

    #[test]
    fn a_list_that_is_read_again_logs_what_is_new() {
        let none = HashSet::new();
        let mut first = ReadingLog::new("main", &none);
        assert!(first.is_new("/m: 1 recycle bin was passed over"));
        assert_eq!(first.entry(bins(1)), None);
        assert!(!first.is_new("/m: 1 recycle bin was passed over") && !first.has_problems());
        let lines = first.into_lines();
        let mut second = ReadingLog::new("main", &lines);
        assert!(!second.is_new("/m: 1 recycle bin was passed over"), "it is as it was");
        assert!(second.is_new("/m: 2 recycle bins were passed over"), "there is one more");
        second.entry(bins(2));
        second.problem("gone".into());
        assert!(second.has_problems() && !second.is_new("gone"));
        let lines = second.into_lines();
        let third = ReadingLog::new("main", &lines);
        assert!(third.is_new("/m: 1 recycle bin was passed over"), "it is so again");
    }
}
