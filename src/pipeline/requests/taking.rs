//! What is taken of the requests of listeners: it goes into the queue.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Terms;
use crate::access::{Slot, Slotted, network, slotted};
use crate::civil::Zone;
use crate::error::Error;
use crate::ids::EntryId;
use crate::library::{Library, Search, Track};
use crate::path_text::cleaned;
use crate::pipeline::Pipeline;
use crate::playout::schedule::{self, Keys};
use crate::playout::{Entry, HeardAt, NoRequest, Place, Reason, Wish};
use crate::time::from_millis;

/// How many hits of a search are looked at, at most, for those that may be requested.
const LOOKED_AT: usize = 1_000;

/// Why a request is not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestRefused {
    /// This pipeline takes none.
    Off,
    /// It takes none at this time. The next time that it does, if there is one.
    Closed(Option<SystemTime>),
    /// A limit was reached.
    Limit(NoRequest),
    /// There is no such track, or it may not be requested.
    NoTrack,
    /// It could not be queued, or the library could not be read.
    Failed(Error),
}

impl RequestRefused {
    /// In which time it may be taken, as of now, if that is known.
    pub fn wait(&self, now: SystemTime) -> Option<Duration> {
        match self {
            RequestRefused::Limit(limit) => Some(limit.wait()),
            RequestRefused::Closed(opens) => opens.and_then(|opens| opens.duration_since(now).ok()),
            RequestRefused::Off | RequestRefused::NoTrack | RequestRefused::Failed(_) => None,
        }
    }
}

impl Pipeline {
    /// Whether it takes requests of listeners, at some times.
    pub fn takes_requests(&self) -> bool {
        self.inner.requests.terms().settings.is_some()
    }

    /// Searches the library for tracks that may be requested, so many at most: music that is there, can be
    /// played, was not kept out of playlists by a person, and lies neither in a playlist of jingles or spots
    /// nor where the schedule has its inserts and slots from. See [`Search::words`]. It waits for the
    /// library's disk, five seconds at most.
    ///
    /// # Errors
    /// [`RequestRefused::Off`], or [`RequestRefused::Failed`] if the library cannot be read.
    pub fn search_requests(&self, words: &str, limit: usize) -> Result<Vec<Track>, RequestRefused> {
        let (library, terms) = self.requests_of()?;
        let inserts = self.inner.schedule.files_of_inserts();
        let mut offered = Vec::new();
        let mut search = Search { limit: limit.clamp(100, Search::MAX_LIMIT), ..Search::new(words) };
        while offered.len() < limit && search.offset < LOOKED_AT {
            let mut hits = library.search(&search).map_err(RequestRefused::Failed)?.tracks;
            search.offset += search.limit;
            let is_last = hits.len() < search.limit;
            hits.retain(is_offered);
            terms.apart.leave_out(library, &inserts, &mut hits).map_err(RequestRefused::Failed)?;
            offered.extend(hits);
            if is_last {
                break;
            }
        }
        offered.truncate(limit);
        Ok(offered)
    }

    /// Takes the request of a listener: the library's track with this id goes to the end of the queue. Limits
    /// count an address as a whole, and of IPv6 its network. It waits for the library's disk, five seconds at
    /// most.
    ///
    /// # Errors
    /// Why it is not taken. Nothing has changed then.
    pub fn request(&self, track: i64, address: IpAddr) -> Result<(EntryId, Track), RequestRefused> {
        let (library, terms) = self.requests_of()?;
        let requests = &self.inner.requests;
        let now = requests.now();
        match slotted(&terms.open(&self.zone()), now) {
            Slotted::Always | Slotted::Now(_) => {}
            Slotted::Next(_, turn) => return Err(RequestRefused::Closed(Some(turn.begins))),
            Slotted::Never => return Err(RequestRefused::Closed(None)),
        }
        let mut found = match library.track(track) {
            Ok(found) => vec![found],
            Err(Error::NotFound(_)) => Vec::new(),
            Err(error) => return Err(RequestRefused::Failed(error)),
        };
        found.retain(is_offered);
        let inserts = self.inner.schedule.files_of_inserts();
        terms.apart.leave_out(library, &inserts, &mut found).map_err(RequestRefused::Failed)?;
        let found = found.pop().ok_or(RequestRefused::NoTrack)?;
        // It is not confined: a link in a folder of the library may lead to another disk.
        let entry = Entry { reason: Some(Arc::new(Reason::Request)), ..Entry::new(&found.path) };
        let wish =
            Wish { address: network(address), keys: self.keys(&found.path, found.artist(), found.title()) };
        let heard = self.heard(&wish, &found);
        // Held until it is taken, so that two requests at once do not both find the last place.
        let mut requested = requests.lock();
        let queue: Vec<EntryId> = self.inner.up_next().queued().map(|(id, _)| id).collect();
        let limits = terms.settings.as_ref().ok_or(RequestRefused::Off)?.limits;
        requested
            .allow(&limits, &terms.separation, &wish, &heard, |id| queue.contains(&id), now)
            .map_err(RequestRefused::Limit)?;
        let ids = self.queue_files([entry], Place::End).map_err(RequestRefused::Failed)?;
        requested.take(&wish, ids[0], now);
        Ok((ids[0], found))
    }

    /// The library to request from, and what is declared.
    fn requests_of(&self) -> Result<(&Library, Terms), RequestRefused> {
        let terms = self.inner.requests.terms().clone();
        let library = self.inner.requests.library.as_ref().filter(|_| terms.settings.is_some());
        Ok((library.ok_or(RequestRefused::Off)?, terms))
    }

    /// What was heard: the last tracks of this pipeline, and the track itself, which the station may have
    /// played longer ago.
    fn heard(&self, wish: &Wish, track: &Track) -> Vec<HeardAt> {
        let tracks = self.history().into_iter().filter(|played| played.live.is_none());
        let tracks = tracks.map(|played| {
            let (file, tags) = (&played.track.file, &played.track.tags);
            let keys = self.keys(file, tags.artist.as_deref(), tags.title.as_deref());
            let at = i64::try_from(played.began_at).map_or(SystemTime::UNIX_EPOCH, from_millis);
            HeardAt { keys, at }
        });
        let own = track.last_played.map(|at| HeardAt { keys: wish.keys, at });
        tracks.chain(own).collect()
    }

    /// What a track has in common with others, as the schedule knows it. The configuration may name its file
    /// by another spelling of its path than the library.
    fn keys(&self, file: &Path, artist: Option<&str>, title: Option<&str>) -> Keys {
        let track = schedule::Track {
            artist: artist.map(Arc::from),
            title: title.map(Arc::from),
            ..schedule::Track::new(Entry::new(cleaned(file)))
        };
        track.keys(&self.inner.home)
    }
}

impl Terms {
    /// The times at which requests are taken: in this zone, unless they name another.
    fn open(&self, zone: &Zone) -> Vec<Slot> {
        let zone = zone.zone();
        let open = self.settings.iter().flat_map(|settings| settings.open.clone());
        open.map(|slot| slot.meant_in(&zone)).collect()
    }
}

/// Whether a track may be requested.
fn is_offered(track: &Track) -> bool {
    let is_kept_out = track.edits.enabled == Some(false);
    track.kind().is_music() && track.missing.is_none() && track.problem.is_none() && !is_kept_out
}

impl fmt::Display for RequestRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestRefused::Off => f.write_str("no requests are taken here"),
            RequestRefused::Closed(_) => f.write_str("no requests are taken at this time"),
            RequestRefused::Limit(limit) => limit.fmt(f),
            RequestRefused::NoTrack => f.write_str("there is no such track to request"),
            RequestRefused::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RequestRefused {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Turn;

    #[test]
    fn opening_hours_are_of_the_pipelines_zone_when_clocks_change() {
        let open = ["Sun 02:30 for 2h", "Mon 08:00 for 12h in America/Chicago"];
        let open = open.iter().map(|slot| slot.parse().unwrap()).collect();
        let settings = super::super::RequestSettings { open, ..Default::default() };
        let terms = Terms::new(Some(settings), &schedule::Schedule::default());
        let open = terms.open(&"Europe/Berlin".parse().unwrap());
        let at = |text: &str| SystemTime::from(text.parse::<jiff::Timestamp>().unwrap());
        let is_open = |moment: &str| matches!(slotted(&open, at(moment)), Slotted::Now(_));
        let opens = |after: &str| match slotted(&open, at(after)) {
            Slotted::Next(_, Turn { begins, .. }) => begins,
            other => panic!("{other:?}"),
        };
        // Half past two is skipped: it opens when the gap ends, at three, which is one o'clock UTC.
        assert_eq!(opens("2026-03-28T12:00:00Z"), at("2026-03-29T01:00:00Z"));
        assert!(is_open("2026-03-29T02:59:59Z") && !is_open("2026-03-29T03:00:00Z"));
        // It comes twice: the first one counts, and two hours are two hours.
        assert_eq!(opens("2026-10-24T12:00:00Z"), at("2026-10-25T00:30:00Z"));
        assert!(is_open("2026-10-25T02:29:59Z") && !is_open("2026-10-25T02:30:00Z"));
        // One names its zone, which has changed its clocks a week before.
        assert_eq!(opens("2026-11-02T00:00:00Z"), at("2026-11-02T14:00:00Z"));
    }
}
