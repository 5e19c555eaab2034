//! "The protocol" of the design, line by line: what an application can do with a pipeline, an
//! encoder and a server. Each test is named after its line, and drives real pipelines.
#![cfg(all(feature = "mp3", feature = "aac"))]

mod encoders;
mod hooks;
mod metadata;
mod playing;
mod servers;
mod state;
mod stopping;
mod voices;
