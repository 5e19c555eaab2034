//! The program as it is run: the command line, and a station that it serves.

mod cli;
mod on_air;
mod reload;
mod state_file;
