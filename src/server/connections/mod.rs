//! Connections: their sockets, their states, and how many there may be.

pub(super) mod connection;
pub(super) mod limits;
pub(super) mod places;
pub(super) mod shares;
pub(super) mod sockets;
pub(super) mod transport;
pub(super) mod visit;
