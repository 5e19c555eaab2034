//! Orders on who has the air, whatever the priorities of the live inputs say.

use super::super::Pipeline;
use super::LiveTable;
use crate::engine::live::LiveOrder;
use crate::engine::mixer::{Command, read};
use crate::error::{Error, Result};
use crate::playout::Air;

/// Who has the air by an order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForcedAir {
    /// The programme, although a live input may have sound.
    Programme,
    /// The live input with this path, as soon as it has sound.
    Live(String),
}

impl LiveTable {
    /// The live input's place among all.
    fn place_of(&self, path: &str) -> Result<usize> {
        let place = self.inputs().iter().position(|input| input.path == path);
        place.ok_or_else(|| Error::NotFound(self.named(path)))
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
        let input = self.inner.live.place_of(path)?;
        self.order(LiveOrder::Force(Air::Live(input)), &format!("{path} has the air as soon as it has sound"))
    }

    /// Gives the programme the air, although a live input has sound, until another order. A live input that
    /// was on the air fades over its `fade_out`, and goes on as one that waits.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn force_programme(&self) -> Result<()> {
        self.order(LiveOrder::Force(Air::Programme), "the programme has the air, whoever is live")
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
        let input = self.inner.live.place_of(path)?;
        self.order(LiveOrder::Mute { input, muted: true }, &format!("{path} is muted"))
    }

    /// Lets a live input on the air again. If it has sound, it is as if it had never been muted.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live input; [`Error::Stopped`] if the pipeline is off the air;
    /// [`Error::Busy`] if the mixer has too many orders.
    pub fn unmute_live(&self, path: &str) -> Result<()> {
        let input = self.inner.live.place_of(path)?;
        self.order(LiveOrder::Mute { input, muted: false }, &format!("{path} is not muted any more"))
    }

    /// Who has the air by an order, as of the mixer's last job. `None`: the priorities decide.
    pub fn forced_air(&self) -> Option<ForcedAir> {
        if !self.is_running() {
            return None;
        }
        let on_air = read(&self.inner.on_air);
        on_air.forced.map(|air| match air {
            Air::Programme => ForcedAir::Programme,
            Air::Live(input) => ForcedAir::Live(on_air.live[input].path.to_string()),
        })
    }

    /// Orders it, and says so in the log: at night somebody will ask why.
    fn order(&self, order: LiveOrder, what: &str) -> Result<()> {
        self.inner.command(Command::Live(order))?;
        self.inner.emitter.log(log::Level::Info, format!("{}: by order, {what}", self.inner.name));
        Ok(())
    }
}
