//! Every interleaving of threads that meet without a lock, by loom.

mod sleepers;
mod wake_flag;
