//! The program: its command line, and a station that it serves.

mod cli;
mod on_air;
mod reload;
mod state_file;
mod strangers;
