//! The API, over real sockets. Every answer is held against the OpenAPI document that the station serves.

#[path = "../studio/mod.rs"]
mod studio;

mod client;
mod document;
mod events;
mod logins;
mod open;
mod steering;
