//! What will be played, if nothing intervenes.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::Scheduling;
use super::reading::read_entries;
use super::stock::Stock;
use crate::engine::shared::SharedUpNext;
use crate::error::{Error, Result};
use crate::filework::FileWork;
use crate::home::Home;
use crate::pipeline::lists::found::Origins;
use crate::pipeline::{Pipeline, PipelineSettings, PipelineSnapshot};
use crate::playout::schedule::{Composed, Director, Rules, Schedule, preview, preview_of_what_comes};
use crate::playout::{Planned, Playlist, RunningOrder, UpNext, When};

impl Pipeline {
    /// The longest preview, in hours.
    pub const MAX_PREVIEW_HOURS: u32 = 168;

    /// What its schedule plays for so long if nothing intervenes: no queue, no DJ, no order. What is on the
    /// air is not touched. Without a schedule it is empty. It has 20,000 tracks at most.
    ///
    /// # Errors
    /// [`Error::Setting`] if that is longer than [`MAX_PREVIEW_HOURS`](Pipeline::MAX_PREVIEW_HOURS);
    /// [`Error::Stopped`] if the pipeline is off the air.
    pub fn preview(&self, time: Duration) -> Result<Vec<Planned>> {
        self.inner.check_running()?;
        check(time)?;
        Ok(self.inner.schedule.preview(time))
    }
}

impl Scheduling {
    fn preview(&self, time: Duration) -> Vec<Planned> {
        let mut desk = self.desk();
        self.read_reports(&mut desk);
        let Some(rules) = desk.rules.clone() else { return Vec::new() };
        let (after, ends) = self.left_of_track(&desk);
        desk.stock.look_at_playlist(&self.up_next);
        let (director, material) = (desk.director.clone(), desk.stock.copy());
        // It takes time. What comes next on the air does not wait for it.
        drop(desk);
        preview_of_what_comes(director, &rules, &material, after, ends, time)
    }
}

/// What a pipeline with these settings plays by the clock: what they declare, and what was added to that in
/// the database of their library, which is read.
///
/// # Errors
/// [`Error::Setting`] if what is declared cannot work; [`Error::NoAnswer`] if the database cannot be read.
pub fn schedule_of(settings: &PipelineSettings) -> Result<Schedule> {
    settings.schedule.check()?;
    let added = settings.library.as_ref().map(|library| library.ingredients(&settings.name)).transpose()?;
    let added = added.map(|added| added.ingredients);
    Ok(Composed::new(settings.schedule.clone(), added).in_force().clone())
}

/// What a pipeline with these settings plays by its schedule from `at` on, for so long. It goes on from its
/// `state_file`, if there is one. The files that the schedule names are read; nothing is changed. It has
/// 20,000 tracks at most.
///
/// # Errors
/// [`Error::Setting`] if that is longer than [`Pipeline::MAX_PREVIEW_HOURS`], or if the settings cannot work;
/// [`Error::NoAnswer`] if the database of the library cannot be read.
pub fn preview_schedule(settings: &PipelineSettings, at: SystemTime, time: Duration) -> Result<Vec<Planned>> {
    check(time)?;
    let schedule = schedule_of(settings)?;
    if schedule.is_empty() {
        return Ok(Vec::new());
    }
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let kept = settings.state_file.as_ref().and_then(|file| PipelineSnapshot::read(file).ok());
    let home = kept.as_ref().map_or_else(Home::default, |kept| kept.home().clone());
    let rules = Rules::at_home(&schedule, settings.crossfade, &home);
    let director = kept.and_then(PipelineSnapshot::into_director);
    let director = director.unwrap_or_else(|| Director::new(0, at));
    let mut up_next = UpNext::new(fastrand::Rng::with_seed(0));
    let origins = Origins { library: settings.library.clone(), ..Origins::default() };
    let (entries, _) = read_entries(&origins, &settings.playlist, || true);
    let list = Playlist { entries, repeat: true, shuffle: settings.shuffle, ..Playlist::default() };
    up_next.load(list, When::AfterCurrent);
    let mut stock = Stock::new(FileWork::new(), settings.library.clone(), false, home);
    stock.look_at_playlist(&SharedUpNext::new(RunningOrder::new(up_next)));
    stock.read_all(&schedule);
    let until = at.checked_add(time).unwrap_or(Timestamp::MAX);
    Ok(preview(director, &rules, &stock, at, until))
}

fn check(time: Duration) -> Result<()> {
    let most = Pipeline::MAX_PREVIEW_HOURS;
    match time > Duration::from_secs(u64::from(most) * 3600) {
        true => Err(Error::setting("hours", format!("a preview has {most} hours at most"))),
        false => Ok(()),
    }
}
