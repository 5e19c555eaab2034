//! All file work of the process, and what is known of sick files: one table, for a disk belongs to the
//! machine, not to a station.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::mounts::Mounts;
use super::{FileWork, Job, NoAnswer};
use crate::per_process::PerProcess;

/// How many threads of one part of a station may hang at once. Then nothing new is tried, until one of them
/// returns.
pub(crate) const MAX_HANGING: usize = 16;

/// How many of them one user's requests may take. So a user who asks for an odd file again and again keeps
/// nobody else from theirs.
pub(super) const MAX_OF_ONE_USER: usize = 4;

/// How many threads may hang on one file by order of a person who tries again. A thread on a disk that was
/// dead may notice a minute late that it is well.
pub(super) const MAX_ORDERED: usize = 4;

/// So many files that hang in one folder mean that its disk is dead: no other file in it is tried. In the
/// folder above it takes twice as many, and so on, up to the mount point. On the disk of `/`, and of what a
/// link leads to, nothing is concluded for the folder above: it may hold the mount points of other disks.
const DEAD_FOLDER: usize = 2;

/// The longest time for which a file that hung is left alone afterwards.
pub(super) const LEFT_ALONE_AT_MOST: Duration = Duration::from_secs(600);

/// The most files that are remembered because they hung.
pub(super) const MAX_LEFT_ALONE: usize = 1024;

/// All file work of the process.
#[derive(Default)]
pub(super) struct JobTable {
    pub(super) jobs: Vec<Arc<Job>>,
    /// Files that hung, and until when they are left alone.
    pub(super) left_alone: HashMap<PathBuf, Instant>,
}

static JOBS: PerProcess<Mutex<JobTable>> = PerProcess::new(Mutex::default);
pub(super) static PARTS: AtomicU64 = AtomicU64::new(0);
/// How often work hung.
pub(super) static HUNG: AtomicU64 = AtomicU64::new(0);

pub(super) fn job_table() -> MutexGuard<'static, JobTable> {
    JOBS.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long work at exactly this path has made no progress. `None` if there is none.
pub(crate) fn idle_at(path: &Path) -> Option<Duration> {
    let now = Instant::now();
    job_table().jobs.iter().filter(|job| job.path() == path).map(|job| job.idle_for(now)).max()
}

/// The number of threads of this process that hang on files now, and how often one did.
pub(crate) fn totals() -> (usize, u64) {
    let now = Instant::now();
    let hanging = job_table().jobs.iter().filter(|job| job.hangs(now).is_some()).count();
    (hanging, HUNG.load(Ordering::Relaxed) + hanging as u64)
}

impl JobTable {
    /// Whether this file may be tried.
    fn admit(&self, by: &FileWork, path: &Path, now: Instant) -> Result<(), NoAnswer> {
        let on_it = self.jobs.iter().filter(|job| job.path() == path).filter_map(|job| job.hangs(now));
        if let Some(time) = on_it.clone().max()
            && (!by.insists || on_it.count() >= MAX_ORDERED)
        {
            return Err(NoAnswer::Hangs(time));
        }
        // Work that nobody waits for any more may hang already, though nobody knows it yet.
        let may_hang =
            |job: &&Arc<Job>| job.by.part == by.part && (job.hangs(now).is_some() || job.is_abandoned());
        let of_user = |job: &&Arc<Job>| by.user.is_some() && job.by.user == by.user;
        let hanging = self.jobs.iter().filter(may_hang);
        if hanging.clone().filter(of_user).count() >= MAX_OF_ONE_USER {
            return Err(NoAnswer::ShareTaken);
        }
        match hanging.count() >= MAX_HANGING {
            true => Err(NoAnswer::TooMany),
            false => Ok(()),
        }
    }

    /// What hangs in this part. What other parts found out does not count, so that a fallback is not given up
    /// for the list's disk.
    fn stuck(&self, part: u64, now: Instant) -> Vec<PathBuf> {
        let own = self.jobs.iter().filter(|job| job.by.part == part && job.hangs(now).is_some());
        own.map(|job| job.path()).collect()
    }

    /// How long a file is still to be left alone.
    pub(super) fn left_alone_for(&mut self, path: &Path, now: Instant) -> Option<Duration> {
        let left = self.left_alone.get(path)?.checked_duration_since(now);
        if left.is_none() {
            self.left_alone.remove(path);
        }
        left
    }
}

/// Locks the table if this file may be tried. The mounts are read without the lock.
pub(super) fn admit(
    by: &FileWork,
    path: &Path,
    now: Instant,
) -> Result<MutexGuard<'static, JobTable>, NoAnswer> {
    let stuck = job_table().stuck(by.part, now);
    if !by.insists
        && let Some(folder) = dead_folder(path, stuck, Mounts::read)
    {
        return Err(NoAnswer::DeadFolder(folder));
    }
    let table = job_table();
    table.admit(by, path, now)?;
    Ok(table)
}

/// The folder of this path whose disk is taken for dead because of the paths that are stuck.
fn dead_folder(path: &Path, mut stuck: Vec<PathBuf>, mounts: impl FnOnce() -> Mounts) -> Option<PathBuf> {
    stuck.sort();
    stuck.dedup();
    if stuck.len() < DEAD_FOLDER {
        return None;
    }
    let mounts = mounts();
    let disk = mounts.of(path);
    stuck.retain(|stuck| mounts.of(stuck) == disk);
    let folder = path.parent()?;
    if stuck.iter().filter(|stuck| stuck.parent() == Some(folder)).count() >= DEAD_FOLDER {
        return Some(folder.to_owned());
    }
    let disk = disk?;
    let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(disk));
    let enough = std::iter::successors(Some(2 * DEAD_FOLDER), |enough| Some(2 * enough));
    let dead = above
        .zip(enough)
        .find(|(above, enough)| stuck.iter().filter(|stuck| stuck.starts_with(above)).count() >= *enough);
    dead.map(|(folder, _)| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/mnt/nas` and `/srv/radio/music` are disks of their own.
    fn dead(path: &str, stuck: &[impl AsRef<Path>]) -> Option<String> {
        let mounts =
            || Mounts::parse(b"1 0 8:1 / / rw\n2 1 0:1 / /mnt/nas rw\n3 1 0:2 / /srv/radio/music rw\n");
        let stuck = stuck.iter().map(|path| path.as_ref().to_owned()).collect();
        dead_folder(path.as_ref(), stuck, mounts).map(|folder| folder.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_dead_disk_costs_few_threads_and_other_disks_go_on() {
        let mut stuck = Vec::new();
        for n in 0..100 {
            let path = format!("/mnt/nas/artist{}/album{}/{n}.mp3", n / 20, n / 5);
            if dead(&path, &stuck).is_none() {
                stuck.push(path);
            }
        }
        assert_eq!(stuck.len(), 8, "2 an album, 4 an artist, 8 the disk");
        assert_eq!(dead("/mnt/nas/x/y/z.mp3", &stuck).unwrap(), "/mnt/nas");
        assert_eq!(dead("/mnt/usb/artist/album/a.mp3", &stuck), None);
        assert_eq!(dead("/top.mp3", &stuck), None);
    }

    #[test]
    fn a_dead_mount_says_nothing_of_the_folder_that_it_is_in() {
        let stuck = ["a", "b", "c", "d", "e/f"].map(|name| format!("/srv/radio/music/{name}.mp3"));
        assert_eq!(dead("/srv/radio/music/x.mp3", &stuck).unwrap(), "/srv/radio/music");
        for healthy in ["/srv/radio/jingles/x.mp3", "/srv/radio/station.toml", "/srv/x", "/srv/radio/a/b/c"] {
            assert_eq!(dead(healthy, &stuck), None, "{healthy}");
        }
        // These may be links to a dead disk.
        let links = ["a/1", "a/2", "b/1", "b/2", "c/1", "c/2"].map(|name| format!("/home/{name}"));
        assert_eq!(dead("/home/a/3", &links).unwrap(), "/home/a");
        assert_eq!(dead("/home/d/1", &links), None);
        assert_eq!(dead("/home/station.toml", &links), None);
    }
}
