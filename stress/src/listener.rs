//! One listener: the connection, the answer's head, and the audio.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use mio::net::TcpStream;
use serde::{Deserialize, Serialize};
use socket2::SockRef;

use crate::answer::{self, Reading};
use crate::checker::{Checker, Titles};
use crate::playing::{Judge, Playing};
use crate::sys;

/// One connection. Times are since the run began.
pub struct Listener {
    pub socket: TcpStream,
    pub role: Role,
    pub cohort: Cohort,
    /// Stays for the whole run, to show drift.
    pub resident: bool,
    opened: Duration,
    stage: Stage,
}

/// How a listener behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads and checks everything.
    Player,
    /// Reads everything, and only counts it.
    Counter,
    /// Reads at a tenth of the rate.
    Slow,
    /// Reads the first bytes of the answer, then nothing.
    Stalled,
}

impl Role {
    /// Whether it behaves badly on purpose, so that it does not count as a player.
    pub fn is_afflicted(self) -> bool {
        matches!(self, Role::Slow | Role::Stalled)
    }
}

/// Why a listener was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cohort {
    Ramp,
    Churn,
    Storm,
}

enum Stage {
    Connecting,
    /// The request was sent; the part of the answer that has arrived.
    Asked {
        head: Vec<u8>,
    },
    /// Answered with 200; no audio yet.
    Admitted {
        answered: Duration,
        judge: Judge,
        bytes_per_second: f64,
    },
    Playing(Playing),
}

/// Buffers and figures that all listeners share.
pub struct Shared {
    pub request: Vec<u8>,
    pub buffer: Box<[u8]>,
    pub titles: Titles,
    /// When the measurement began, while it runs.
    pub measuring_since: Option<Duration>,
    /// The longest gap that has ended since this was last reset.
    pub worst_gap: Duration,
    /// Bytes read since this was last reset.
    pub bytes: u64,
}

/// The result of reading a listener.
#[derive(Debug, PartialEq)]
pub enum Turn {
    /// Nothing that matters to others.
    Same,
    /// It has its first audio. The times from opening it to the answer and to the first byte.
    Began {
        answered: Duration,
        first_byte: Duration,
    },
    Over(Ending),
}

/// Why a listener was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The connection failed.
    Refused,
    /// Closed or timed out before the head of the answer was complete.
    NoAnswer,
    /// An answer that players do not understand, such as one in chunks.
    BadAnswer,
    Status(u16),
    /// Accepted, but closed or timed out before any audio.
    NoAudio,
    /// The server closed the connection in order, while playing.
    Closed,
    /// The server or the kernel reset the connection, while playing.
    Reset,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ending::Refused => f.write_str("refused"),
            Ending::NoAnswer => f.write_str("no answer"),
            Ending::BadAnswer => f.write_str("bad answer"),
            Ending::Status(status) => write!(f, "status {status}"),
            Ending::NoAudio => f.write_str("no audio"),
            Ending::Closed => f.write_str("closed"),
            Ending::Reset => f.write_str("reset"),
        }
    }
}

/// The first read of slow and stalled listeners, much less than a burst.
const FIRST_SIP: usize = 1024;
/// The most bytes to discard at once.
const DISCARD_BYTES: usize = 1 << 20;
/// The bitrate to assume if the server does not declare one.
const DEFAULT_BYTES_PER_SECOND: f64 = 16_000.0;

impl Listener {
    /// `socket` is being connected.
    pub fn new(socket: TcpStream, role: Role, cohort: Cohort, now: Duration) -> Listener {
        Listener { socket, role, cohort, resident: false, opened: now, stage: Stage::Connecting }
    }

    pub fn playing(&self) -> Option<&Playing> {
        match &self.stage {
            Stage::Playing(playing) => Some(playing),
            _ => None,
        }
    }

    /// Stores the number of segments so far, to count from.
    pub fn note_segments(&mut self) {
        let counts = sys::tcp_counts(&self.socket);
        if let Stage::Playing(playing) = &mut self.stage {
            playing.segments_noted = counts.ok().map(|counts| counts.data_segments_in);
        }
    }

    /// The number of segments since then, if it was stored.
    pub fn segments_since_noted(&self) -> Option<u32> {
        let noted = self.playing().filter(|_| !self.role.is_afflicted())?.segments_noted?;
        Some(sys::tcp_counts(&self.socket).ok()?.data_segments_in.wrapping_sub(noted))
    }

    /// The reason to report if the listener is given up now, before any audio.
    pub fn overdue(&self, now: Duration, patience: Duration) -> Option<Ending> {
        if now.saturating_sub(self.opened) < patience {
            return None;
        }
        match self.stage {
            Stage::Connecting => Some(Ending::Refused),
            Stage::Asked { .. } => Some(Ending::NoAnswer),
            Stage::Admitted { .. } => Some(Ending::NoAudio),
            Stage::Playing(_) => None,
        }
    }

    /// The time since it was opened.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.opened)
    }

    /// Handles the socket's events as far as possible. `hung_up`: the kernel says that the server has closed.
    pub fn ready(&mut self, now: Duration, hung_up: bool, shared: &mut Shared) -> Turn {
        if matches!(self.stage, Stage::Connecting) {
            match self.ask(&shared.request) {
                Ok(true) => self.stage = Stage::Asked { head: Vec::new() },
                Ok(false) => return Turn::Same,
                Err(ending) => return Turn::Over(ending),
            }
        }
        let most = match (self.role, &self.stage) {
            (Role::Player | Role::Counter, _) => usize::MAX,
            (Role::Slow | Role::Stalled, Stage::Playing(_)) if hung_up => {
                // Such a listener reads nothing more, so unread bytes before the end do not matter.
                return Turn::Over(self.ending(true));
            }
            (Role::Slow | Role::Stalled, Stage::Playing(_)) => return Turn::Same,
            (Role::Slow | Role::Stalled, _) => FIRST_SIP,
        };
        self.read(now, most, hung_up, shared)
    }

    /// Reads the next bytes of a slow listener.
    pub fn sip(&mut self, now: Duration, shared: &mut Shared) -> Turn {
        match &self.stage {
            Stage::Playing(playing) if self.role == Role::Slow => {
                let most = playing.behind_a_tenth(now);
                if most == 0 { Turn::Same } else { self.read(now, most, false, shared) }
            }
            _ => Turn::Same,
        }
    }

    /// Whether the server has closed without sending a reset, which only a write shows. The write changes the
    /// connection's state at the server, so this is called at the end only.
    pub fn found_gone(&mut self) -> bool {
        // On loopback the answer to the first is there before the second is written.
        let written = self.socket.write(b"\n").and_then(|_| self.socket.write(b"\n"));
        written.is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
    }

    /// Leaves by a reset. Unread data is lost.
    pub fn leave_by_reset(self) {
        // Without it the socket closes in order, which is just a weaker test.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }

    /// Sends the request when the connection is established.
    fn ask(&mut self, request: &[u8]) -> Result<bool, Ending> {
        if let Ok(Some(_)) | Err(_) = self.socket.take_error() {
            return Err(Ending::Refused);
        }
        match self.socket.write(request) {
            Ok(count) if count == request.len() => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                Ok(false)
            }
            _ => Err(Ending::Refused),
        }
    }

    fn read(&mut self, now: Duration, most: usize, hung_up: bool, shared: &mut Shared) -> Turn {
        let mut left = most;
        let mut began = None;
        let mut came = false;
        while left > 0 {
            let counting = self.playing().is_some_and(Playing::only_counts);
            let room = left.min(if counting { DISCARD_BYTES } else { shared.buffer.len() });
            let got = match counting {
                true => sys::discard(&self.socket, room),
                false => self.socket.read(&mut shared.buffer[..room]),
            };
            match got {
                Ok(0) => return self.over(false, now, came, shared),
                Ok(count) => {
                    left -= count;
                    shared.bytes += count as u64;
                    match self.received(count, now, shared) {
                        Ok(None) => {}
                        Ok(Some(turn)) => began = Some(turn),
                        Err(ending) => return Turn::Over(ending),
                    }
                    came = true;
                    // A short read has emptied the socket (epoll(7)), unless an end is behind it.
                    if count < room && !hung_up {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.over(true, now, came, shared),
            }
        }
        if came {
            self.arrived(now, shared);
        }
        began.unwrap_or(Turn::Same)
    }

    /// Takes `count` bytes in the shared buffer.
    fn received(&mut self, count: usize, now: Duration, shared: &mut Shared) -> Result<Option<Turn>, Ending> {
        let Shared { buffer, titles, .. } = shared;
        let mut bytes = &buffer[..count.min(buffer.len())];
        if let Stage::Playing(playing) = &mut self.stage {
            playing.take(count, bytes, titles);
            return Ok(None);
        }
        if let Stage::Asked { head } = &mut self.stage {
            let had = head.len();
            head.extend_from_slice(bytes);
            match answer::read(head) {
                Reading::Partial => return Ok(None),
                Reading::Bad => return Err(Ending::BadAnswer),
                Reading::Whole(answer, _) if answer.status != 200 => {
                    return Err(Ending::Status(answer.status));
                }
                Reading::Whole(answer, _) if answer.chunked => return Err(Ending::BadAnswer),
                Reading::Whole(answer, end) => {
                    bytes = &bytes[end - had..];
                    // Without a bitrate from the server, counting cannot tell real time.
                    let judge = match (self.role, answer.kbit) {
                        (Role::Counter, Some(_)) => Judge::Counting,
                        _ => Judge::Checking(Box::new(Checker::new(answer.metaint))),
                    };
                    let bytes_per_second =
                        answer.kbit.map_or(DEFAULT_BYTES_PER_SECOND, |kbit| f64::from(kbit) * 125.0);
                    self.stage = Stage::Admitted { answered: now, judge, bytes_per_second };
                }
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let Stage::Admitted { answered, judge, bytes_per_second } =
            std::mem::replace(&mut self.stage, Stage::Connecting)
        else {
            unreachable!("what is connecting is not read, and the other stages are dealt with above")
        };
        let mut playing = Playing::new(judge, bytes_per_second, now);
        playing.take(bytes.len(), bytes, titles);
        self.stage = Stage::Playing(playing);
        let since = |time: Duration| time.saturating_sub(self.opened);
        Ok(Some(Turn::Began { answered: since(answered), first_byte: since(now) }))
    }

    /// Everything that had arrived by `now` has been read.
    fn arrived(&mut self, now: Duration, shared: &mut Shared) {
        let Stage::Playing(playing) = &mut self.stage else { return };
        if !self.role.is_afflicted() {
            shared.worst_gap = shared.worst_gap.max(playing.gap(now));
        }
        playing.arrived(now, shared.measuring_since);
    }

    /// The server has closed. The last bytes still count.
    fn over(&mut self, reset: bool, now: Duration, came: bool, shared: &mut Shared) -> Turn {
        if came {
            self.arrived(now, shared);
        }
        Turn::Over(self.ending(reset))
    }

    fn ending(&self, reset: bool) -> Ending {
        match &self.stage {
            Stage::Connecting => Ending::Refused,
            Stage::Asked { .. } => Ending::NoAnswer,
            Stage::Admitted { .. } => Ending::NoAudio,
            Stage::Playing(_) if reset => Ending::Reset,
            Stage::Playing(_) => Ending::Closed,
        }
    }
}
