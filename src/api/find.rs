//! Finds the files that a request names, below the media roots.
//!
//! Each root may be on a disk of its own. One that does not answer is left out, so that it costs nothing for
//! names that are below another. A name that no other root has waits for it, for some seconds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::call::Call;
use super::core::{Core, FILE_WITHIN};
use super::media::Media;
use super::problem::Problem;
use crate::filework::{Job, NoAnswer, idle_at};

/// How long a root may take to answer before it is left out.
const ROOT_WITHIN: Duration = Duration::from_millis(300);

/// How often a request that waits for roots looks whether one answers.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Core {
    /// Does work with the files that a request names. Given up when a file does not answer. Then the request
    /// is refused: it does nothing later, when the disk is back. The work is done again if a root answers
    /// that was left out.
    pub(crate) fn with_files<T: Send + 'static>(
        &self,
        call: &Call<'_>,
        name: &str,
        work: impl FnOnce(&Media, &Job) -> Result<T, Problem> + Clone + Send + 'static,
    ) -> Result<T, Problem> {
        let files = call.who.map_or_else(|| self.files.clone(), |who| self.files.of_user(&who.name));
        // These took their time, and have answered since.
        let mut slow: Vec<PathBuf> = Vec::new();
        loop {
            let (media, left_out) = self.answering(&slow);
            let (place, work) = (media.place(name), work.clone());
            let found = files.within(&place, FILE_WITHIN, move |job| work(&media, job))?;
            match found {
                Err(problem) if problem.code == "not-found" && !left_out.is_empty() => {
                    slow.extend(wait_for_one(left_out)?);
                }
                found => return found,
            }
        }
    }

    /// The path of a file or a folder: see [`Finder::resolve`](super::media::Finder::resolve).
    pub(crate) fn resolve(
        &self,
        call: &Call<'_>,
        name: &str,
        field: &'static str,
    ) -> Result<PathBuf, Problem> {
        let own = name.to_owned();
        self.with_files(call, name, move |media, _| media.finder().resolve(&own, field))
    }

    /// The media roots that answer, and those that do not. Those of `slow` are not left out.
    fn answering(&self, slow: &[PathBuf]) -> (Media, Vec<PathBuf>) {
        let media = self.media.load();
        // There is no other one to ask.
        if media.roots().count() < 2 {
            return (Media::clone(&media), Vec::new());
        }
        let is_left_out = |root: &&Path| !slow.iter().any(|slow| slow == root) && !self.answers(root);
        let left_out: Vec<PathBuf> = media.roots().filter(is_left_out).map(Path::to_owned).collect();
        (media.without(&left_out), left_out)
    }

    fn answers(&self, root: &Path) -> bool {
        if is_late(root).is_some() {
            return false;
        }
        // Another disk than the one in memory must say that there is no such file.
        let stranger = root.join(format!(".longwave-{:016x}", fastrand::u64(..)));
        let asked = self.roots.within(root, ROOT_WITHIN, move |_| drop(stranger.symlink_metadata()));
        // What other refusals say is not about this root.
        !matches!(asked, Err(NoAnswer::Late(_) | NoAnswer::Hangs(_)))
    }
}

/// How long this root has not answered, if it is left out for that.
fn is_late(root: &Path) -> Option<Duration> {
    idle_at(root).filter(|time| *time >= ROOT_WITHIN)
}

/// Waits until some of these roots answer, and gives them. An error if they take too long.
fn wait_for_one(left_out: Vec<PathBuf>) -> Result<Vec<PathBuf>, NoAnswer> {
    loop {
        let (late, answering): (Vec<&PathBuf>, Vec<&PathBuf>) =
            left_out.iter().partition(|root| is_late(root).is_some());
        if !answering.is_empty() {
            return Ok(answering.into_iter().cloned().collect());
        }
        let times = late.into_iter().filter_map(|root| is_late(root));
        if let Some(least) = times.min()
            && least >= FILE_WITHIN
        {
            return Err(NoAnswer::Late(least));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
