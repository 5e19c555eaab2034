//! Control of a pipeline's programme: what plays next, and when. Orders take effect in the order in which
//! they are given: those on what plays under the lock of the running order, all others in the mixer's queue.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Pipeline;
use super::resume::PipelineSnapshot;
use super::settings::check_fade;
use crate::civil::Zone;
use crate::engine::mixer::Command;
use crate::engine::programme::Transitions;
use crate::engine::titles::{TitleHolds, TitleOrder};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::ids::EntryId;
use crate::metadata::{Tags, Title};
use crate::playout::{Crossfade, Entry, GiveWay, Ingredient, Place, Playlist, Schedule, When};

/// The crossfade of [`Pipeline::play_file`].
const PLAY_NOW_CROSSFADE: Duration = Duration::from_millis(800);

/// The crossfade of [`Pipeline::restore`].
const RESTORE_CROSSFADE: Duration = Duration::from_millis(800);

/// How a playlist plays.
#[derive(Clone, Debug, PartialEq)]
pub struct ListOptions {
    /// Whether its first track comes at once, with a crossfade, or after the current track.
    pub when: When,
    /// Whether another pass follows each pass.
    pub repeat: bool,
    /// Whether each pass has an order of its own.
    pub shuffle: bool,
    /// The crossfade between its tracks; `None`: unchanged. It holds for the pipeline from now on.
    pub crossfade: Option<Duration>,
    /// See [`PipelineSettings::fade_in`](crate::PipelineSettings::fade_in); `None`: unchanged.
    pub fade_in: Option<Duration>,
    /// See [`PipelineSettings::fade_out`](crate::PipelineSettings::fade_out); `None`: unchanged.
    pub fade_out: Option<Duration>,
    /// Whether all of the list must lie below the media roots: see [`Entry::confined`].
    pub confined: bool,
}

impl Default for ListOptions {
    fn default() -> ListOptions {
        ListOptions {
            when: When::AfterCurrent,
            repeat: false,
            shuffle: false,
            crossfade: None,
            fade_in: None,
            fade_out: None,
            confined: false,
        }
    }
}

impl ListOptions {
    fn check(&self) -> Result<()> {
        check_fades(self.crossfade, self.fade_in, self.fade_out)
    }
}

/// Checks fades by the rules of the configuration.
fn check_fades(
    crossfade: Option<Duration>,
    fade_in: Option<Duration>,
    fade_out: Option<Duration>,
) -> Result<()> {
    let fades = [("crossfade", crossfade), ("fade_in", fade_in), ("fade_out", fade_out)];
    fades.into_iter().try_for_each(|(key, time)| check_fade(key, time.unwrap_or_default()))
}

impl Pipeline {
    /// Replaces the playlist by these entries. [`Event::PlaylistChange`](crate::Event::PlaylistChange) gives
    /// its name when its first track begins.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Setting`] for a fade of more than five
    /// minutes. Nothing changes then.
    pub fn play_list(
        &self,
        name: &str,
        entries: impl IntoIterator<Item = Entry>,
        options: &ListOptions,
    ) -> Result<()> {
        options.check()?;
        let (repeat, shuffle) = (options.repeat, options.shuffle);
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        entries.iter_mut().for_each(|entry| entry.confined |= options.confined);
        let list = Playlist { name: name.into(), entries, repeat, shuffle };
        self.meet(options)?;
        let by = GiveWay::Crossfade(self.inner.programming.quick_crossfade());
        self.inner.up_next().load(list, options.when, by);
        Ok(())
    }

    /// Replaces the playlist by files, folders and playlists. A thread reads them now, whenever they change,
    /// and after each pass. It logs what is wrong with them. The name of the playlist is its first path.
    ///
    /// # Errors
    /// As for [`play_list`](Pipeline::play_list).
    pub fn play_path(&self, roots: Vec<PathBuf>, options: &ListOptions) -> Result<()> {
        options.check()?;
        self.meet(options)?;
        self.inner.programming.load(roots, options);
        Ok(())
    }

    fn meet(&self, options: &ListOptions) -> Result<()> {
        self.set_fades(options.crossfade, options.fade_in, options.fade_out)
    }

    /// Sets the fades between tracks from now on, see [`PipelineSettings`](crate::PipelineSettings); `None`:
    /// unchanged.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Setting`] for a fade of more than five
    /// minutes. Nothing changes then.
    pub fn set_fades(
        &self,
        crossfade: Option<Duration>,
        fade_in: Option<Duration>,
        fade_out: Option<Duration>,
    ) -> Result<()> {
        check_fades(crossfade, fade_in, fade_out)?;
        self.change_transitions(|transitions| {
            transitions.crossfade = crossfade.map_or(transitions.crossfade, Crossfade::For);
            transitions.fade_in = fade_in.unwrap_or(transitions.fade_in);
            transitions.fade_out = fade_out.unwrap_or(transitions.fade_out);
        })
    }

    /// Sets how tracks meet from now on.
    pub(super) fn set_crossfade(&self, crossfade: Crossfade) -> Result<()> {
        self.change_transitions(|transitions| transitions.crossfade = crossfade)
    }

    fn change_transitions(&self, change: impl FnOnce(&mut Transitions)) -> Result<()> {
        let mut transitions = self.inner.programming.transitions();
        let before = transitions.crossfade;
        change(&mut transitions);
        let crossfade = transitions.crossfade;
        self.inner.command(Command::Transitions(*transitions))?;
        drop(transitions);
        if crossfade != before {
            self.inner.schedule.set_crossfade(crossfade);
        }
        Ok(())
    }

    /// Sets whether another pass of the playlist follows each pass.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air.
    pub fn set_repeat(&self, repeat: bool) -> Result<()> {
        self.inner.check_running()?;
        self.inner.up_next().set_repeat(repeat);
        Ok(())
    }

    /// Shuffles the rest of the playlist's pass, or continues in the list's own order.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air.
    pub fn set_shuffle(&self, shuffle: bool) -> Result<()> {
        self.inner.check_running()?;
        self.inner.up_next().set_shuffle(shuffle);
        Ok(())
    }

    /// Plays by this schedule from now on. What has been heard and which slots are over is known to it; the
    /// track on the air goes on. An empty one leaves everything to the playlist. What was added by
    /// [`set_ingredient`](Pipeline::set_ingredient) stays added.
    ///
    /// # Errors
    /// [`Error::Setting`] if it cannot work, [`Error::Stopped`] if the pipeline is off the air.
    pub fn set_schedule(&self, schedule: Schedule) -> Result<()> {
        self.inner.check_running()?;
        schedule.check()?;
        if self.inner.schedule.declare(&schedule, &self.inner)? {
            self.inner.emitter.emit(Event::ScheduleChange);
        }
        Ok(())
    }

    /// What is played by the clock: what is declared, then what was added to it. [`Schedule::week`] shows it
    /// as a calendar.
    pub fn schedule(&self) -> Schedule {
        self.inner.schedule.composed().in_force().clone()
    }

    /// The same, and which of it was added by [`set_ingredient`](Pipeline::set_ingredient), in its order.
    /// What was added and rests is not among it, because the same name is declared by now.
    pub fn schedule_with_added(&self) -> (Schedule, Vec<Ingredient>) {
        let composed = self.inner.schedule.composed();
        (composed.in_force().clone(), composed.additions().to_vec())
    }

    /// The slots of its schedule that could not be played within the last hour, 16 at most, each in a
    /// sentence with the reason.
    pub fn dropped_slots(&self) -> Vec<String> {
        self.inner.schedule.dropped()
    }

    /// The time zone of its days.
    pub fn zone(&self) -> Zone {
        self.inner.schedule.zone()
    }

    /// Continues the current track at this time from its beginning. After a skip or the like, the next track
    /// is current, though it may still be being opened.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn seek(&self, to: Duration) -> Result<()> {
        let (to, meant) = (self.inner.spec.rate.frames_in(to), self.inner.up_next().meant());
        self.inner.command(Command::SeekCurrent { to, meant })
    }

    /// Plays a file at once, with a quick crossfade. Then the queue and the playlist continue. It
    /// waits until the file is open, five seconds at most.
    ///
    /// The file is never in the queue. If another one is played or skipped to before it sounds, it was not on
    /// the air: no event tells it, and the history does not have it.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be opened, [`Error::NoAnswer`] if its disk does not answer,
    /// [`Error::Stopped`] if the pipeline is off the air. Nothing changes then.
    pub fn play_file(&self, path: impl AsRef<Path>, title: Option<&str>) -> Result<EntryId> {
        self.play_entry(Entry { title: title.map(str::to_owned), ..Entry::new(path.as_ref()) })
    }

    /// The same for an entry, which may be [confined](Entry::confined) to the media roots.
    ///
    /// # Errors
    /// As for [`play_file`](Pipeline::play_file).
    pub fn play_entry(&self, entry: Entry) -> Result<EntryId> {
        self.inner.check_running()?;
        self.inner.programming.open(&entry, |_| Ok(()))?;
        self.inner.check_running()?;
        Ok(self.inner.up_next().play_now(entry, GiveWay::Crossfade(PLAY_NOW_CROSSFADE)))
    }

    /// Ends the current track with a crossfade of `skip_crossfade` to the next one. If that is still being
    /// opened, another skip ends its turn, too.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air.
    pub fn skip(&self) -> Result<()> {
        self.inner.check_running()?;
        self.inner.up_next().skip(GiveWay::Crossfade(self.inner.programming.skip_crossfade()));
        Ok(())
    }

    /// Queues entries. Each plays once, before the playlist continues. Returns their ids in the same order.
    ///
    /// # Errors
    /// [`Error::Limit`] if the queue would have more than
    /// [`max_queue`](crate::PipelineSettings::max_queue) entries; [`Error::Stopped`] if the pipeline is off
    /// the air. None of them is queued then.
    pub fn queue_files(
        &self,
        entries: impl IntoIterator<Item = Entry>,
        place: Place,
    ) -> Result<Vec<EntryId>> {
        self.inner.check_running()?;
        let entries: Vec<Entry> = entries.into_iter().collect();
        let mut up_next = self.inner.up_next();
        self.inner.limits.queue_of(up_next.queued().len() + entries.len())?;
        Ok(up_next.queue(entries, place))
    }

    /// The queue, in the order of playing. A track that is due at once has left it.
    pub fn queue(&self) -> Vec<(EntryId, Entry)> {
        self.inner.up_next().queued().map(|(id, entry)| (id, entry.clone())).collect()
    }

    /// An entry of the queue or of the playlist.
    pub fn entry(&self, id: EntryId) -> Option<Entry> {
        self.inner.up_next().get(id).cloned()
    }

    /// Empties the queue. The playlist continues after the current track.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air.
    pub fn clear_queue(&self) -> Result<()> {
        self.inner.check_running()?;
        self.inner.up_next().clear();
        Ok(())
    }

    /// Removes an entry from the queue.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not, or no longer, in the queue; [`Error::Stopped`] if the pipeline is
    /// off the air.
    pub fn remove(&self, id: EntryId) -> Result<Entry> {
        self.inner.check_running()?;
        self.inner.up_next().remove(id).ok_or_else(|| not_queued(id))
    }

    /// Moves an entry of the queue to this index; 0 is the next one. An index beyond the end means the end.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not, or no longer, in the queue; [`Error::Stopped`] if the pipeline is
    /// off the air.
    pub fn move_to(&self, id: EntryId, index: usize) -> Result<()> {
        self.inner.check_running()?;
        self.inner.up_next().move_to(id, index).then_some(()).ok_or_else(|| not_queued(id))
    }

    /// What is needed to go on from here.
    pub fn snapshot(&self) -> PipelineSnapshot {
        self.inner.snapshot_source().snapshot()
    }

    /// Goes on from a snapshot. What was up next is up next again. The track that was on the air goes on
    /// where it was, by a quick crossfade.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the pipeline is off the air.
    pub fn restore(&self, snapshot: PipelineSnapshot) -> Result<()> {
        self.inner.check_running()?;
        self.inner.snapshot_source().restore(snapshot, GiveWay::Crossfade(RESTORE_CROSSFADE));
        Ok(())
    }

    /// Takes the programme off the air: it fades out and stops at its position. Decks continue.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn hold(&self, fade: Duration) -> Result<()> {
        self.inner.command(Command::Hold { fade })
    }

    /// Holds the programme when the current track has come to its end: it is played to its last sample, and
    /// the next track does not begin before [`resume`](Pipeline::resume), which also takes this back. If the
    /// track gives way before, because it is skipped or a slot comes, the track that follows is meant. If
    /// there is no track, the programme is held at once.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn hold_after_current(&self) -> Result<()> {
        self.inner.command(Command::HoldAfterCurrent)
    }

    /// Puts a held programme back on the air, at the position where it stopped.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn resume(&self, fade: Duration) -> Result<()> {
        self.inner.command(Command::Resume { fade })
    }

    /// Sets the title that mounts announce, from the mixer's position on. With `mount`, only that mount
    /// announces it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no output of this pipeline has this mount; [`Error::Stopped`] if the pipeline
    /// is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn update_metadata(&self, title: Title, mount: Option<&str>, holds: TitleHolds) -> Result<()> {
        self.inner.check_running()?;
        let output = mount.map(|mount| Ok(self.inner.outputs().find(mount)?.id())).transpose()?;
        let order = TitleOrder::Set(Arc::new(title.in_one_line()), holds);
        let meant = self.inner.up_next().meant();
        self.inner.command(Command::Title { output, order, meant })
    }

    /// Returns to the title of the current track.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no output of this pipeline has this mount; [`Error::Stopped`] if the pipeline
    /// is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn clear_metadata(&self, mount: Option<&str>) -> Result<()> {
        self.inner.check_running()?;
        let output = mount.map(|mount| Ok(self.inner.outputs().find(mount)?.id())).transpose()?;
        let meant = self.inner.up_next().meant();
        self.inner.command(Command::Title { output, order: TitleOrder::Clear, meant })
    }

    /// Sets the folders below which [confined](Entry::confined) entries lie from now on. An API on this
    /// pipeline sets its media roots. What has been opened already plays on.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air.
    pub fn set_media_roots(&self, folders: Vec<PathBuf>) -> Result<()> {
        self.inner.check_running()?;
        self.inner.programming.media_roots.set(folders);
        Ok(())
    }

    /// Sets how titles are made for tracks that are opened after this call.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air.
    pub fn set_title_format(
        &self,
        format: impl Fn(&Entry, &Tags) -> String + Send + Sync + 'static,
    ) -> Result<()> {
        self.inner.check_running()?;
        self.inner.programming.set_title_format(Arc::new(format));
        Ok(())
    }
}

fn not_queued(id: EntryId) -> Error {
    Error::NotFound(format!("entry {} in the queue", id.0))
}
