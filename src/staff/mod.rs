//! The threads that all pipelines of a server share. The first pipeline that needs them starts them, and the
//! last one that leaves ends them.

mod rounds;
mod workers;

use std::sync::Arc;
use std::time::Instant;

pub(crate) use rounds::{Round, Rounds};
use workers::Workers;
pub(crate) use workers::{Place, Post};

/// The threads that all pipelines of a server share.
pub(crate) struct Staff {
    /// They encode.
    pub encoders: Workers,
    /// It looks after what changes slowly.
    pub rounds: Rounds,
}

impl Staff {
    /// Without threads.
    pub fn new() -> Staff {
        Staff { encoders: Workers::new("enc"), rounds: Rounds::new() }
    }

    /// Drops this handle. The last one joins the threads, and returns the names of those that do not end by
    /// `deadline`.
    pub fn leave(self: Arc<Staff>, deadline: Instant) -> Vec<String> {
        let Some(mut staff) = Arc::into_inner(self) else { return Vec::new() };
        let mut abandoned = staff.encoders.end(deadline);
        abandoned.extend(staff.rounds.end(deadline));
        abandoned
    }
}
