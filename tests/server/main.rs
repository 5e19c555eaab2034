//! A server and its clients over real sockets: listeners, mounts, an application's own requests and audio.

mod fairness;
mod fallback_mounts;
mod listeners;
mod service;
mod stalls;
mod write_audio;
