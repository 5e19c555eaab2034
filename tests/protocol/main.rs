//! The functions of a pipeline, an encoder and a server, as applications use them. docs/EMBEDDING.md
//! describes them. There is a test here for each function in its table "If you come from cl-streamer". The
//! tests run real pipelines and servers.
#![cfg(all(feature = "mp3", feature = "aac"))]

mod confined;
mod crowd;
mod encoders;
mod hooks;
mod metadata;
mod next_track;
mod one_moment;
mod orders;
mod pcm;
mod playing;
mod servers;
mod state;
mod stopping;
mod voices;
