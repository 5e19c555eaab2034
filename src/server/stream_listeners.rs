//! How many listen to each stream, for whoever writes it down.

use std::sync::Arc;

use super::Server;

/// The listeners of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamListeners {
    /// The path of a mount, or of an HLS's playlist.
    pub(crate) stream: Arc<str>,
    pub(crate) listeners: u64,
    /// How many have come since the stream began.
    pub(crate) joins: u64,
}

impl Server {
    /// What shows the listeners of each stream at the moment when it is called: of mounts, and of HLS whose
    /// listeners are counted. It does not keep the server running.
    pub(crate) fn stream_listeners(&self) -> impl Fn() -> Vec<StreamListeners> + Send + use<> {
        let (registry, rooms) = (self.inner.registry.clone(), self.inner.rooms.clone());
        move || {
            let of_mounts = registry.all().into_iter().map(|mount| {
                let (stream, counters) = (mount.path.clone(), &mount.counters);
                StreamListeners { stream, listeners: counters.listeners.get(), joins: counters.joins.get() }
            });
            let of_rooms = rooms.counted().into_iter().map(|room| {
                let (stream, counters) = (room.name.clone(), &room.counters);
                StreamListeners { stream, listeners: counters.listeners.get(), joins: counters.joins.get() }
            });
            of_mounts.chain(of_rooms).collect()
        }
    }
}
