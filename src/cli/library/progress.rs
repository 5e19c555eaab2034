//! What a scan is at: a bar on a terminal, else a line now and then.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use longwave::ScanProgress;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

pub enum Progress {
    Bar(ProgressBar),
    Lines { next: Instant },
}

impl Progress {
    pub fn new() -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::Lines { next: Instant::now() + EVERY };
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} files read, {per_sec} {msg}");
        bar.set_style(style.expect("the template is a constant"));
        Progress::Bar(bar)
    }

    pub fn show(&mut self, scan: &ScanProgress) {
        let ScanProgress { found, changed, read, is_complete } = *scan;
        match self {
            Progress::Bar(bar) => {
                bar.set_length(changed);
                bar.set_position(read);
                bar.set_message(if is_complete { String::new() } else { format!("({found} found so far)") });
            }
            Progress::Lines { next } if *next <= Instant::now() => {
                *next = Instant::now() + EVERY;
                let _ = writeln!(io::stderr(), "{found} files found, {read} of {changed} read");
            }
            Progress::Lines { .. } => {}
        }
    }

    pub fn end(self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
