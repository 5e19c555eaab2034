//! Who listens, for operators.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Server;
use super::reactor::Command;
use crate::error::{Error, Result};

/// A listener.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenerInfo {
    /// Names it, and no other listener of this server ever.
    pub id: u64,
    /// What it listens to.
    pub mount: Arc<str>,
    /// Where it is.
    pub address: IpAddr,
    /// What it says it is; may be empty.
    pub agent: String,
    /// For how long.
    pub duration: Duration,
    /// How many bytes its socket took.
    pub bytes: u64,
    /// Whether its socket is full, so that it is behind for now.
    pub is_behind: bool,
}

/// Some of the listeners.
pub(crate) struct Page {
    pub(crate) listeners: Vec<ListenerInfo>,
    /// Where the next ones are.
    pub(crate) next: Option<usize>,
}

impl Server {
    /// Who listens, to one mount or to all. One that comes or goes meanwhile may be there or not.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the server was stopped.
    pub fn listeners(&self, mount: Option<&str>) -> Result<Vec<ListenerInfo>> {
        let mut listeners = Vec::new();
        let mut from = Some(0);
        while let Some(key) = from {
            let mount = mount.map(str::to_owned);
            let page = self.inner.ask_for(|reply| Command::Page(key, mount, reply))?;
            listeners.extend(page.listeners);
            from = page.next;
        }
        Ok(listeners)
    }

    /// Removes a listener. (Its player may come again.)
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of this id; [`Error::Stopped`] once the server was stopped.
    pub fn kick(&self, id: u64) -> Result<()> {
        match self.inner.ask_for(|reply| Command::Kick(id, reply))? {
            true => Ok(()),
            false => Err(Error::NotFound(format!("listener {id}"))),
        }
    }
}
