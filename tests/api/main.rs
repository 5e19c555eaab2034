//! The API over real sockets. Every answer is checked against the OpenAPI document that the station serves.

mod admission;
mod attacks;
mod client;
#[cfg(feature = "mp3")]
mod configuration;
mod confined;
mod denied;
#[cfg(feature = "mp3")]
mod dialogues;
mod document;
mod events;
#[cfg(feature = "mp3")]
mod icy;
mod inbox;
mod ingredients;
mod keeping_users;
mod library;
mod live;
#[cfg(feature = "mp3")]
mod live_cut;
mod logins;
mod manager;
mod metrics;
mod notifier;
mod open;
#[cfg(feature = "mp3")]
mod proxies;
mod recordings;
#[cfg(feature = "mp3")]
mod rights;
mod schedule;
mod sessions;
#[cfg(feature = "mp3")]
mod sources;
mod steering;
mod users;
