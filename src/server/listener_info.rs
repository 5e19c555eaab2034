//! The listeners of a server, for operators.

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
    /// Its id. No other listener of this server ever has the same.
    pub id: u64,
    /// The path of its mount. Of a listener of HLS, that of the playlist of its variants.
    pub mount: Arc<str>,
    /// Its address, as far as [`ServerSettings::addresses`](crate::ServerSettings::addresses) allows.
    pub address: Option<IpAddr>,
    /// Its `User-Agent`; may be empty.
    pub agent: String,
    /// How long it has listened.
    pub duration: Duration,
    /// Bytes that its socket took. Of a listener of HLS, those of its playlists.
    pub bytes: u64,
    /// Its socket is full, so it is behind for now.
    pub is_behind: bool,
}

/// Some of the listeners.
pub(crate) struct Page {
    pub(crate) listeners: Vec<ListenerInfo>,
    /// Where the next part begins.
    pub(crate) next: Option<usize>,
}

impl Server {
    /// The listeners of one mount or of one HLS, or of all. A listener that comes or goes meanwhile may be
    /// missing.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the server was stopped.
    pub fn listeners(&self, mount: Option<&str>) -> Result<Vec<ListenerInfo>> {
        if let Some(mount) = mount {
            self.check_running()?;
            if !self.inner.rooms.has(mount) {
                self.find_mount(mount)?;
            }
        }
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

    /// Closes the connection of a listener. (Its player may come again.) The player of a listener of HLS is
    /// refused until it has given up.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no listener has this id; [`Error::Stopped`] once the server was stopped.
    pub fn kick(&self, id: u64) -> Result<()> {
        match self.inner.ask_for(|reply| Command::Kick(id, reply))? {
            true => Ok(()),
            false => Err(Error::NotFound(format!("listener {id}"))),
        }
    }
}
