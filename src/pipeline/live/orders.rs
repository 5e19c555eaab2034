//! Orders on who has the air, whatever the priorities of the live inputs say.

use super::super::Pipeline;
use super::LiveTable;
use crate::engine::live::{ForcedAir, LiveOrder};
use crate::engine::mixer::{Command, read};
use crate::error::{Error, Result};

impl LiveTable {
    fn check_has(&self, path: &str) -> Result<()> {
        if self.has(path) { Ok(()) } else { Err(Error::NotFound(self.named(path))) }
    }
}

impl Pipeline {
    /// Gives a live input the air as soon as it has sound, whatever the priorities say: by a cross-fade over
    /// its `fade_in`. It holds until another order, and until the session is over that it has brought on the
    /// air. A source that is waited for (`grace`) has the air again when it is back.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live input; [`Error::Stopped`] if the pipeline is off the air;
    /// [`Error::Busy`] if the mixer has too many orders.
    pub fn force_live(&self, path: &str) -> Result<()> {
        self.inner.live.check_has(path)?;
        self.order(
            LiveOrder::Force(ForcedAir::Live(path.to_owned())),
            &format!("{path} has the air as soon as it has sound"),
        )
    }

    /// Gives the programme the air, although a live input has sound, until another order. A live input that
    /// was on the air fades over its `fade_out`, and goes on as one that waits.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn force_programme(&self) -> Result<()> {
        self.order(LiveOrder::Force(ForcedAir::Programme), "the programme has the air, whoever is live")
    }

    /// Ends [`force_live`](Pipeline::force_live) and [`force_programme`](Pipeline::force_programme): the
    /// priorities of the live inputs decide again.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn release_live(&self) -> Result<()> {
        self.order(LiveOrder::Release, "priorities decide who has the air")
    }

    /// Keeps a live input off the air, until [`unmute_live`](Pipeline::unmute_live). It is as if it had no
    /// sound: another live input has the air, or the programme, so that there is no silence. It fades over
    /// `fade_out`, but within 300 ms. Sources stay connected, and who comes later is muted, too. A mute goes
    /// before [`force_live`](Pipeline::force_live).
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live input; [`Error::Stopped`] if the pipeline is off the air;
    /// [`Error::Busy`] if the mixer has too many orders.
    pub fn mute_live(&self, path: &str) -> Result<()> {
        self.inner.live.check_has(path)?;
        self.order(LiveOrder::Mute { path: path.to_owned(), muted: true }, &format!("{path} is muted"))
    }

    /// Lets a live input on the air again. If it has sound, it is as if it had never been muted.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live input; [`Error::Stopped`] if the pipeline is off the air;
    /// [`Error::Busy`] if the mixer has too many orders.
    pub fn unmute_live(&self, path: &str) -> Result<()> {
        self.inner.live.check_has(path)?;
        self.order(
            LiveOrder::Mute { path: path.to_owned(), muted: false },
            &format!("{path} is not muted any more"),
        )
    }

    /// Who has the air by an order, as of the mixer's last job. `None`: the priorities decide.
    pub fn forced_air(&self) -> Option<ForcedAir> {
        if !self.is_running() {
            return None;
        }
        read(&self.inner.on_air).forced.clone()
    }

    /// Orders it, and says so in the log: at night somebody will ask why.
    fn order(&self, order: LiveOrder, what: &str) -> Result<()> {
        self.inner.command(Command::Live(order))?;
        self.inner.emitter.log(log::Level::Info, format!("{}: by order, {what}", self.inner.name));
        Ok(())
    }
}
