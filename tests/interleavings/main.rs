//! Tries every interleaving of threads that share data without a lock, with loom.

mod sleepers;
mod wake_flag;
