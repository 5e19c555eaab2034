//! Whether a request is granted: a rule. The limits, what was requested and what was heard go in; yes, or why
//! not and until when, comes out. The caller says what time it is.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::{HOUR, NoRequest, RequestLimits, Requested, Taken, ago};
use crate::ids::EntryId;
use crate::playout::schedule::{Keys, SeparationSettings, address_key};
use crate::time::millis_since_1970;

/// By then a request that waits has probably been played.
const ONE_IS_PLAYED_IN: Duration = Duration::from_secs(60);

/// A track that somebody requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub address: IpAddr,
    pub keys: Keys,
}

/// A track that was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeardAt {
    pub keys: Keys,
    pub at: SystemTime,
}

impl Requested {
    /// Whether a wish is granted. `heard` is what was heard last; `waits` says whether an entry is in the
    /// queue.
    ///
    /// # Errors
    /// Why not.
    pub fn allow(
        &mut self,
        limits: &RequestLimits,
        separation: &SeparationSettings,
        wish: &Wish,
        heard: &[HeardAt],
        waits: impl Fn(EntryId) -> bool,
        now: SystemTime,
    ) -> Result<(), NoRequest> {
        self.forget(&waits, now);
        let left = |of: fn(&Keys) -> Option<u64>, apart: Duration| {
            let key = of(&wish.keys)?;
            let heard = heard.iter().filter(|heard| of(&heard.keys) == Some(key));
            let heard = heard.filter_map(|heard| apart.checked_sub(ago(heard.at, now)?));
            let requested = self.taken.iter().filter(|taken| of(&taken.keys) == Some(key));
            let requested = requested.filter_map(|taken| match waits(taken.entry) {
                true => Some(apart),
                false => apart.min(HOUR).checked_sub(ago(taken.at(), now)?),
            });
            heard.chain(requested).max().filter(|left| !left.is_zero())
        };
        let of_track = limits.per_track.max(separation.track);
        if let Some(left) = left(|keys| Some(keys.file), of_track) {
            return Err(NoRequest::Again(left));
        }
        if self.taken.iter().any(|taken| taken.keys.file == wish.keys.file && waits(taken.entry)) {
            return Err(NoRequest::Again(ONE_IS_PLAYED_IN));
        }
        let artist = left(|keys| keys.artist, separation.artist);
        if let Some(left) = artist.max(left(|keys| keys.title, separation.title)) {
            return Err(NoRequest::Apart(left));
        }
        if self.taken.iter().filter(|taken| waits(taken.entry)).count() >= limits.waiting {
            return Err(NoRequest::Full(ONE_IS_PLAYED_IN));
        }
        let address = address_key(wish.address);
        let of_address = self.taken.iter().filter(|taken| taken.address == address);
        if let Some(left) = until_room(of_address, limits.per_address, now) {
            return Err(NoRequest::OfAddress(left));
        }
        until_room(self.taken.iter(), limits.per_hour, now)
            .map_or(Ok(()), |left| Err(NoRequest::TooMany(left)))
    }

    /// Notes a wish that was granted.
    pub fn take(&mut self, wish: &Wish, entry: EntryId, now: SystemTime) {
        let address = address_key(wish.address);
        self.taken.push_back(Taken { at: millis_since_1970(now), address, keys: wish.keys, entry });
    }
}

/// How long it takes until there are fewer than `most` in an hour. `None` if there are now.
fn until_room<'a>(taken: impl Iterator<Item = &'a Taken>, most: usize, now: SystemTime) -> Option<Duration> {
    let in_hour = taken.filter_map(|taken| ago(taken.at(), now)).filter(|ago| *ago < HOUR);
    let in_hour: Vec<Duration> = in_hour.collect();
    // The oldest comes first: when it and all beyond the limit are an hour old, there is room.
    let first = in_hour.len().checked_sub(most)?;
    in_hour.get(first).map_or(Some(HOUR), |ago| Some(HOUR - *ago))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_millis;

    const LIMITS: RequestLimits =
        RequestLimits { per_address: 2, per_hour: 4, per_track: Duration::from_secs(2 * 3600), waiting: 3 };

    fn at(minute: u64) -> SystemTime {
        from_millis(1_700_000_000_000) + minutes(minute)
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    /// A wish for a track with this number, of an artist of its own, from an address.
    fn wish(address: u8, track: u64) -> Wish {
        let keys = Keys { file: track, artist: Some(1_000 + track), title: None };
        Wish { address: [192, 0, 2, address].into(), keys }
    }

    /// What is asked, and which entries wait.
    struct Desk {
        requested: Requested,
        separation: SeparationSettings,
        heard: Vec<HeardAt>,
        waits: Vec<u64>,
    }

    impl Desk {
        fn new() -> Desk {
            let separation = SeparationSettings::default();
            Desk { requested: Requested::default(), separation, heard: Vec::new(), waits: Vec::new() }
        }

        fn ask(&mut self, wish: Wish, minute: u64) -> Result<(), NoRequest> {
            let (now, waits) = (at(minute), |entry: EntryId| self.waits.contains(&entry.0));
            self.requested.allow(&LIMITS, &self.separation, &wish, &self.heard, waits, now)?;
            // The minute is as good a number as any.
            self.requested.take(&wish, EntryId(minute), now);
            Ok(())
        }
    }

    #[test]
    fn each_limit_holds_and_says_when_there_is_room() {
        let mut desk = Desk::new();
        assert_eq!(desk.ask(wish(1, 10), 0), Ok(()));
        assert_eq!(desk.ask(wish(2, 10), 10), Err(NoRequest::Again(minutes(50))));
        assert_eq!(desk.ask(wish(1, 11), 20), Ok(()));
        assert_eq!(desk.ask(wish(1, 12), 30), Err(NoRequest::OfAddress(minutes(30))));
        assert_eq!(desk.ask(wish(2, 12), 30), Ok(()));
        assert_eq!(desk.ask(wish(3, 13), 40), Ok(()));
        assert_eq!(desk.ask(wish(4, 14), 50), Err(NoRequest::TooMany(minutes(10))));
        assert_eq!(desk.ask(wish(1, 15), 60), Ok(()), "the first is an hour old");
    }

    #[test]
    fn what_was_heard_not_long_ago_waits() {
        let mut desk = Desk::new();
        desk.heard = vec![HeardAt { keys: wish(0, 1).keys, at: at(0) }];
        assert_eq!(desk.ask(wish(1, 1), 90), Err(NoRequest::Again(minutes(30))));
        assert_eq!(desk.ask(wish(1, 2), 90), Ok(()));
        assert_eq!(desk.ask(wish(1, 1), 120), Ok(()));
    }

    #[test]
    fn a_request_that_waits_is_remembered_for_as_long_as_it_does() {
        let mut desk = Desk::new();
        desk.waits = vec![0, 5, 6];
        for (track, minute) in [(1, 0), (2, 5), (3, 6)] {
            assert_eq!(desk.ask(wish(track as u8, track), minute), Ok(()));
        }
        assert_eq!(desk.ask(wish(9, 9), 300), Err(NoRequest::Full(ONE_IS_PLAYED_IN)));
        assert!(matches!(desk.ask(wish(9, 1), 300), Err(NoRequest::Again(_))), "it is in the queue");
        desk.separation.artist = minutes(1);
        let same_artist = Wish { keys: Keys { file: 8, ..wish(9, 1).keys }, ..wish(9, 1) };
        assert_eq!(desk.ask(same_artist, 300), Err(NoRequest::Apart(minutes(1))), "it will be heard");
        desk.waits.retain(|entry| *entry != 0);
        assert_eq!(desk.ask(wish(9, 1), 300), Ok(()), "it was removed from there, and not heard");
        desk.waits.clear();
        desk.requested.forget(|_| false, at(600));
        assert!(desk.requested.is_empty());
    }

    #[test]
    fn separation_of_the_schedule_holds_for_requests() {
        let mut desk = Desk::new();
        let track = |file, artist, title| Wish {
            address: [192, 0, 2, file as u8].into(),
            keys: Keys { file, artist: Some(artist), title: Some(title) },
        };
        assert_eq!(desk.ask(track(1, 100, 200), 0), Ok(()));
        assert_eq!(
            desk.ask(track(2, 100, 201), 10),
            Ok(()),
            "without a schedule nothing is to be kept apart"
        );
        desk.separation =
            SeparationSettings { artist: minutes(60), title: minutes(120), track: minutes(180) };
        assert_eq!(desk.ask(track(3, 100, 202), 30), Err(NoRequest::Apart(minutes(40))));
        assert_eq!(desk.ask(track(4, 101, 201), 30), Err(NoRequest::Apart(minutes(40))));
        desk.heard = vec![HeardAt { keys: track(5, 102, 203).keys, at: at(20) }];
        assert_eq!(desk.ask(track(6, 102, 204), 30), Err(NoRequest::Apart(minutes(50))));
        assert_eq!(
            desk.ask(track(5, 102, 203), 180),
            Err(NoRequest::Again(minutes(20))),
            "the longer counts"
        );
        assert_eq!(
            desk.ask(Wish { keys: Keys { file: 7, artist: None, title: None }, ..wish(9, 7) }, 30),
            Ok(())
        );
    }

    #[test]
    fn a_limit_of_none_refuses_all() {
        let none = RequestLimits { per_hour: 0, ..LIMITS };
        let mut requested = Requested::default();
        let separation = SeparationSettings::default();
        let refused = requested.allow(&none, &separation, &wish(1, 1), &[], |_| false, at(0));
        assert_eq!(refused, Err(NoRequest::TooMany(HOUR)));
    }

    #[test]
    fn a_clock_that_was_wrong_keeps_nothing_from_being_requested() {
        let mut desk = Desk::new();
        // Years ahead, and then, without a battery, in 1970.
        assert_eq!(desk.ask(wish(1, 1), 10_000_000), Ok(()));
        assert_eq!(desk.ask(wish(1, 2), 10_000_000), Ok(()));
        assert_eq!(desk.ask(wish(1, 1), 0), Ok(()));
        // A minute back is no reason to forget: it was just now.
        assert_eq!(desk.ask(wish(2, 3), 5), Ok(()));
        assert_eq!(desk.ask(wish(3, 3), 4), Err(NoRequest::Again(minutes(60))));
    }

    #[test]
    fn what_was_requested_survives_as_text_without_its_addresses() {
        let mut desk = Desk::new();
        assert_eq!(desk.ask(wish(77, 1), 0), Ok(()));
        assert_eq!(desk.ask(wish(77, 2), 1), Ok(()));
        let text = serde_json::to_string(&desk.requested).unwrap();
        assert!(!text.contains("192.0.2"), "{text}");
        desk.requested = serde_json::from_str(&text).unwrap();
        assert_eq!(desk.ask(wish(77, 3), 2), Err(NoRequest::OfAddress(minutes(58))));
        assert_eq!(desk.ask(wish(78, 1), 2), Err(NoRequest::Again(minutes(58))));
    }

    /// The same rules by counting all that ever was taken.
    #[test]
    fn whatever_is_asked_the_limits_hold_as_a_naive_model_has_them() {
        let seed = longwave_testing::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut desk = Desk::new();
        desk.separation.artist = minutes(20);
        let mut all: Vec<(u64, u8, u64)> = Vec::new();
        let mut refused = 0;
        for minute in (0..20_000).filter(|minute| minute % 7 != 3) {
            let (address, track) = (random.u8(0..6), random.u64(0..40));
            let within = |span: u64| all.iter().filter(move |(then, _, _)| minute - then < span);
            let is_allowed = within(60).all(|(_, _, other)| *other != track)
                && within(60).filter(|(_, other, _)| *other == address).count() < LIMITS.per_address
                && within(60).count() < LIMITS.per_hour;
            assert_eq!(desk.ask(wish(address, track), minute).is_ok(), is_allowed, "minute {minute}");
            match is_allowed {
                true => all.push((minute, address, track)),
                false => refused += 1,
            }
            assert!(desk.requested.taken.len() <= LIMITS.per_hour, "it is bounded");
        }
        assert!(all.len() > 1_000 && refused > 1_000, "{} were taken, {refused} refused", all.len());
    }
}
