//! Looks at files while a configuration is read, and at a start. A disk that is dead must not keep a station
//! from starting.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job_table::job_table;
use super::{FileWork, Job, NoAnswer};
use crate::per_process::PerProcess;

/// How long a start waits for a file that it can do without. A disk that must spin up first may be slower:
/// then its files are taken up later.
const LOOKS_WITHIN: Duration = Duration::from_secs(2);

/// The same while another file does not answer. A start with many files on a dead disk must not take for
/// ever.
const LOOKS_QUICKLY_WITHIN: Duration = Duration::from_millis(500);

/// How long the files are waited for that nothing works without: a configuration, its users.
pub(crate) const NEEDED_WITHIN: Duration = Duration::from_secs(10);

/// What is looked at while a configuration is read, and at a start.
static LOOKS: PerProcess<FileWork> = PerProcess::new(FileWork::new);

/// Looks at a file that can be done without. A file that does not answer is logged, and named by
/// [`warning_of_looks`] as long as it hangs.
pub(crate) fn look<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let seen = LOOKS.get().within(path, look_patience(), move |_| work());
    // Nothing is the folder in which the program runs.
    let shown = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    seen.inspect_err(|reason| log::warn!("{}: the start goes on without it: {reason}", shown.display()))
}

/// Reads a file that nothing works without.
pub(crate) fn read_needed<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    LOOKS.get().within(path, NEEDED_WITHIN, move |_| work())
}

/// The same by order of a person: for a start, a check, a reload.
pub(crate) fn read_ordered<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    LOOKS.get().ordered().within(path, NEEDED_WITHIN, move |_| work())
}

/// How long a start waits for its next file.
pub(crate) fn look_patience() -> Duration {
    let now = Instant::now();
    let is_late = |job: &Arc<Job>| job.has_own_thread && job.idle_for(now) >= LOOKS_WITHIN;
    if job_table().jobs.iter().any(is_late) { LOOKS_QUICKLY_WITHIN } else { LOOKS_WITHIN }
}

/// What hangs of all that was looked at.
pub(crate) fn warning_of_looks() -> Option<String> {
    LOOKS.get().warning()
}
