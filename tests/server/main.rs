//! A server and its clients over real sockets: listeners, mounts, services, and audio of an application.

mod fairness;
mod fallback_mounts;
mod listeners;
mod service;
mod stalls;
mod write_audio;
