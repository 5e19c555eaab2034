//! The library as an application uses it: what is found in folders, searched, edited and played from it, and
//! what becomes of it when its disk or its process fails.

mod beside;
mod hearing;
mod ingredients;
mod killed;
mod large;
mod music;
mod playlists;
mod requests;
mod scanning;
mod schedule;
mod sick;
mod station;
