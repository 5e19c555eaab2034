//! The state of a connection whose client speaks ICY: it says a password, is welcome, and says what it sends.
//! Then it becomes a source like every other.

use std::sync::Arc;
use std::time::Instant;

use super::{Connection, Patience, Site, ToCome};
use crate::http::{
    FirstLine, Found, ICY_WELCOME, IcyFault, IcyHeadSearch, IcySource, MAX_HEAD, first_line, head_text,
};

/// A source that speaks ICY, before its stream.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// Never longer than the longest head.
    input: Vec<u8>,
    stage: Stage,
    /// The line, or the whole head, must be there by then, even if bytes keep coming.
    deadline: Instant,
}

#[derive(Debug)]
enum Stage {
    /// Its first line.
    Line {
        found: FirstLine,
        /// The path of a line that names none.
        mount: Arc<str>,
    },
    /// Its headers. The service has found its login good.
    Head {
        source: IcySource,
        /// The rest of what it gets before.
        welcome: &'static [u8],
        search: IcyHeadSearch,
        found: Found,
    },
}

/// What a greeting is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Read(usize),
    Welcome(&'static [u8]),
    Reply,
}

impl Connection {
    /// A new connection of a source that speaks ICY. `mount` is the path of a password that names none.
    pub(crate) fn icy(mount: Arc<str>, patience: Patience, now: Instant) -> Connection {
        let stage = Stage::Line { found: FirstLine::NotYet, mount };
        let deadline = now + patience.header_timeout;
        Connection::Greeting(Box::new(Greeting { input: Vec::new(), stage, deadline }))
    }

    /// Welcomes a source that speaks ICY, because its login is good.
    pub(crate) fn welcome(&mut self, patience: Patience, now: Instant) {
        let Connection::Waiting(waiting) = self else { return };
        if let ToCome::Headers(source) = &waiting.request.to_come {
            let (source, rest) = (source.clone(), std::mem::take(&mut waiting.rest));
            let greeting = Greeting::of(source, rest, now + patience.header_timeout);
            *self = Connection::Greeting(Box::new(greeting));
        }
    }

    /// Whether it gets its answers as a source that speaks ICY.
    pub(crate) fn is_icy(&self) -> bool {
        match self {
            Connection::Greeting(_) => true,
            Connection::Waiting(waiting) => waiting.request.form.is_icy(),
            _ => false,
        }
    }
}

impl Greeting {
    /// What comes after the welcome. Many programs send their headers with their password.
    fn of(source: IcySource, input: Vec<u8>, deadline: Instant) -> Greeting {
        let mut search = IcyHeadSearch::default();
        let found = search.look(&input);
        Greeting { input, stage: Stage::Head { source, welcome: ICY_WELCOME, search, found }, deadline }
    }

    pub(super) fn next(&self) -> Next {
        match &self.stage {
            Stage::Head { welcome, .. } if !welcome.is_empty() => Next::Welcome(welcome),
            Stage::Line { found: FirstLine::NotYet, .. } | Stage::Head { found: Found::NotYet, .. } => {
                Next::Read(MAX_HEAD - self.input.len())
            }
            Stage::Line { .. } | Stage::Head { .. } => Next::Reply,
        }
    }

    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        match &mut self.stage {
            Stage::Line { found, .. } => *found = first_line(&self.input),
            Stage::Head { search, found, .. } => *found = search.look(&self.input),
        }
    }

    /// Notes that the socket took `count` bytes of the welcome.
    pub(super) fn sent(&mut self, count: usize) {
        if let Stage::Head { welcome, .. } = &mut self.stage {
            *welcome = &welcome[count..];
        }
    }

    /// Lets the site answer, and returns the connection after that.
    pub(super) fn reply(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) -> Connection {
        let mut input = std::mem::take(&mut self.input);
        let (reply, rest) = match &mut self.stage {
            Stage::Line { found, mount } => match std::mem::replace(found, FirstLine::NotYet) {
                FirstLine::Login(login, end) => (site.log_in(login.at(mount)), input.split_off(end)),
                FirstLine::Refused(fault) => (site.turn_away(fault), Vec::new()),
                FirstLine::NotYet => (site.turn_away(IcyFault::NoLogin), Vec::new()),
            },
            Stage::Head { source, found: Found::Head(end), .. } => {
                let reply = site.reply(Ok(&source.stream(&head_text(&input[..*end]))));
                (reply, input.split_off(*end))
            }
            Stage::Head { .. } => (site.turn_away(IcyFault::HeadTooLarge), Vec::new()),
        };
        Connection::after(reply, Vec::new(), rest, patience, now)
    }

    /// The bytes that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.input.capacity()
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether its login is good.
    pub(super) fn has_logged_in(&self) -> bool {
        matches!(self.stage, Stage::Head { .. })
    }

    /// Whether it has said anything.
    pub(super) fn has_begun(&self) -> bool {
        self.has_logged_in() || !self.input.is_empty()
    }

    /// The answer to one that takes too long: it is told, if it has said anything.
    pub(super) fn timed_out(&self, site: &mut dyn Site, patience: Patience, now: Instant) -> Connection {
        match self.has_begun() {
            true => turned_away(IcyFault::TooSlow, site, patience, now),
            false => Connection::Closed,
        }
    }
}

/// A connection of ICY that ends with the sentence of this fault.
pub(super) fn turned_away(
    fault: IcyFault,
    site: &mut dyn Site,
    patience: Patience,
    now: Instant,
) -> Connection {
    Connection::after(site.turn_away(fault), Vec::new(), Vec::new(), patience, now)
}
