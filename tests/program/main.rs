//! The program: its command line, and a station that it serves.

mod addresses;
mod announce;
mod cli;
mod history;
mod library;
mod lost_lines;
mod on_air;
mod reload;
mod requests;
mod schedule;
mod sick_disks;
mod sick_files;
mod sick_library;
mod sick_roots;
mod sick_station;
mod state_file;
mod status;
mod strangers;
