//! A server and its clients over real sockets: listeners, mounts, services, and audio of an application.

mod access_log_file;
mod crowds;
mod fairness;
mod fallback_mounts;
mod icy;
mod listeners;
mod service;
mod sources;
mod stalls;
mod write_audio;
