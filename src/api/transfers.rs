//! Files between disk and sockets: what users send, and what they get.
//!
//! Each has a thread `files` of its own, which waits for the disk and for the client. The reactor has two
//! pieces of it in its hands, so a client that does nothing costs these and the thread, until the reactor
//! gives it up.

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::core::Core;
use super::problem::Problem;
use super::service::conclude;
use crate::HttpRequest;
use crate::access::Identity;
use crate::filework::{Job, Pending};
use crate::ring::PIECE;

/// The most files that are under way at once.
const AT_ONCE: usize = 16;
/// How many of them may be one user's.
const AT_ONCE_OF_ONE_USER: usize = 8;
/// When a client is to come back that finds no place.
const COMES_BACK_AFTER: Duration = Duration::from_secs(5);

/// The files that are under way.
#[derive(Debug, Default)]
pub(crate) struct Transfers(Mutex<Vec<Transfer>>);

#[derive(Debug)]
struct Transfer {
    user: String,
    work: Pending<()>,
}

impl Core {
    /// Has a thread `files` do a transfer of this file, which answers the request. If there is no place for
    /// it, or no thread, the request is refused.
    pub(crate) fn transfer(
        &self,
        who: &Identity,
        path: &Path,
        request: HttpRequest,
        work: impl FnOnce(HttpRequest, &Job) + Send + 'static,
    ) {
        let mut under_way = self.transfers.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|transfer| transfer.work.is_under_way());
        let of_user = under_way.iter().filter(|transfer| transfer.user == who.name).count();
        if under_way.len() >= AT_ONCE || of_user >= AT_ONCE_OF_ONE_USER {
            drop(under_way);
            let problem = Problem::new("busy", "too many files are under way: try again soon");
            return conclude(self, Some(who), request, Err(problem.retry_after(COMES_BACK_AFTER)));
        }
        // Whoever has it answers it: the thread, if there is one.
        let request = Arc::new(Mutex::new(Some(request)));
        let take = |request: &Mutex<Option<HttpRequest>>| {
            request.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        let of_thread = Arc::clone(&request);
        let started = self.files.of_user(&who.name).start(path, move |job| {
            if let Some(request) = take(&of_thread) {
                work(request, job);
            }
        });
        match started {
            Ok(work) => under_way.push(Transfer { user: who.name.clone(), work }),
            Err(reason) => {
                drop(under_way);
                if let Some(request) = take(&request) {
                    conclude(self, Some(who), request, Err(reason.into()));
                }
            }
        }
    }
}

/// Reads the next piece of a file, at most so many bytes. `job` is at the disk meanwhile, and then it rests.
pub(crate) fn read_piece(file: &mut impl Read, most: u64, job: &Job) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE);
    job.step();
    let read = file.take(most.min(PIECE as u64)).read_to_end(&mut piece);
    job.rest();
    read.map(|_| piece)
}
