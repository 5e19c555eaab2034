//! The thread `hls:PATH`: makes segments and playlists of an HLS, and puts them on the shelf.
//!
//! Reads: packets and orders, from one queue. Writes: objects, to the reactor, and the numbers that the next
//! run needs. It wakes once for a segment of each variant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use super::LeftRuns;
use super::settings::HlsSettings;
use crate::hls::{
    HlsClock, HlsPacket, Profile, Run, Segmenter, Variant as Named, VariantNames, Window, multivariants,
};
use crate::server::{Room, SESSION_PARAMETER, ShelfObject, Swap};

/// The name of a variant's playlist.
const PLAYLIST: &str = "live.m3u8";

const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const SEGMENT_TYPE: &str = "video/mp2t";
/// A segment never changes.
const SEGMENT_CACHE: &str = "public, max-age=86400, immutable";
/// A playlist changes with each segment.
const PLAYLIST_CACHE: &str = "public, max-age=1";
/// A list of variants with the session of one client is nobody else's.
const OWN_CACHE: &str = "private, no-store";

/// Stands in a playlist where the id of a session belongs. No address has it.
const SESSION: char = '\0';

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// These packets of a variant came. The last of them came at this time.
    Packets { variant: usize, packets: Vec<HlsPacket>, at: SystemTime },
    /// It has these variants from now on, in this order. Those that are gone are over for good.
    Variants(Vec<VariantSetup>),
    /// It has this window from now on, and counts its listeners, or not.
    Change { window: u32, count: bool },
    /// It is removed: players are told that nothing follows.
    Remove,
    /// Another run takes its place. What there is stays until that has something.
    Retire,
    /// It ends at once: the station stops, or the other run has begun. Players shall come back.
    Stop,
}

/// The run whose place another one takes. Dropping it ends that run.
struct Predecessor(Sender<Message>);

impl Drop for Predecessor {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.send(Message::Stop);
    }
}

/// An output as a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VariantSetup {
    pub id: usize,
    pub mount: String,
    pub profile: Profile,
    /// In kbit/s, if it is known.
    pub bitrate: Option<u32>,
}

/// What the thread has.
pub(super) struct Publisher {
    settings: HlsSettings,
    clock: HlsClock,
    room: Room,
    left: LeftRuns,
    /// Until this one has something.
    predecessor: Option<Predecessor>,
    /// `None` until the first packets come.
    run: Option<Run>,
    variants: Vec<Variant>,
    over: Vec<Over>,
    names: VariantNames,
    /// The lists of variants, as they are on the shelf.
    lists: BTreeMap<&'static str, String>,
}

/// A variant on the air.
struct Variant {
    setup: VariantSetup,
    directory: String,
    /// The path of its directory.
    folder: String,
    segmenter: Segmenter,
    /// `None` until the run begins.
    window: Option<Window>,
}

/// A variant whose players have been told that nothing follows.
struct Over {
    /// What is still there.
    paths: Vec<Arc<str>>,
    /// By then, players have taken it.
    until: Instant,
}

impl Publisher {
    pub fn new(settings: HlsSettings, clock: HlsClock, room: Room, left: LeftRuns) -> Publisher {
        let (variants, over, names, lists) = Default::default();
        let (predecessor, run) = (None, None);
        Publisher { settings, clock, room, left, predecessor, run, variants, over, names, lists }
    }

    /// Runs until it is told to end. A run whose place it takes ends when this one has something, or with it.
    pub fn run(mut self, queue: &Receiver<Message>, predecessor: Option<Sender<Message>>) {
        self.predecessor = predecessor.map(Predecessor);
        loop {
            let message = match self.next_removal() {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_deadline(at),
            };
            match message {
                Ok(Message::Packets { variant, packets, at }) => self.publish(variant, packets, at),
                Ok(Message::Variants(setups)) => self.set_variants(setups),
                Ok(Message::Change { window, count }) => self.change(window, count),
                Ok(Message::Remove) => {
                    self.set_variants(Vec::new());
                    return self.linger(queue);
                }
                // The other run's numbers follow those of now.
                Ok(Message::Retire) => return self.linger(queue),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => self.remove_what_is_over(Instant::now()),
            }
        }
    }

    /// Keeps the last playlists for as long as their segments sound. A stop ends it.
    fn linger(&self, queue: &Receiver<Message>) {
        let until = Instant::now() + self.window_time();
        while let Ok(message) = queue.recv_deadline(until) {
            if matches!(message, Message::Stop) {
                return;
            }
        }
    }

    fn window_time(&self) -> Duration {
        self.settings.segment * self.settings.window
    }

    /// Makes what is complete with these packets, and puts it on the shelf at once.
    fn publish(&mut self, id: usize, packets: Vec<HlsPacket>, at: SystemTime) {
        let Some(last) = packets.last() else { return };
        if self.run.is_none() {
            // The last packet has just been made. So the first one began earlier by all of them.
            let first = packets[0].at;
            let lasted = Duration::from_micros(self.clock.micros_between(first, last.end()));
            let began = at.checked_sub(lasted).unwrap_or(SystemTime::UNIX_EPOCH);
            self.run = Some(Run::begin(&self.clock, first, began, self.left.last(&self.settings.path)));
        }
        let Some(run) = &self.run else { return };
        // What comes late of an output that is over is not listed: its players know that nothing follows.
        let Some(variant) = self.variants.iter_mut().find(|variant| variant.setup.id == id) else { return };
        let (clock, listed) = (self.clock, self.settings.window as usize);
        let window = variant.window.get_or_insert_with(|| Window::new(clock, run.clone(), listed));
        let (mut changes, left_out) = (Swap::default(), variant.segmenter.left_out());
        for packet in packets {
            for segment in variant.segmenter.push(packet) {
                let Some(listing) = window.push(segment) else { continue };
                let path = |name: &str| Arc::from(format!("{}/{name}", variant.folder));
                if let Some(bytes) = listing.bytes {
                    let segment = ShelfObject::new(SEGMENT_TYPE, SEGMENT_CACHE, bytes);
                    changes.put.push((path(&listing.name), segment));
                }
                changes.taken.extend(listing.gone.iter().map(|name| path(name)));
            }
        }
        self.room.board().lose(variant.segmenter.left_out() - left_out);
        if changes.put.is_empty() && changes.taken.is_empty() {
            return;
        }
        self.left.note(&self.settings.path, window.leaves());
        changes.put.extend(variant.playlist(false));
        self.list_variants(&mut changes);
        self.room.swap(changes);
        self.predecessor = None;
    }

    /// Lists another number of segments from now on, and counts its listeners, or not.
    fn change(&mut self, window: u32, count: bool) {
        (self.settings.window, self.settings.count) = (window, count);
        for variant in &mut self.variants {
            variant.segmenter.set_listed(window as usize);
            variant.window.iter_mut().for_each(|of_variant| of_variant.set_listed(window as usize));
        }
        let mut changes = Swap::default();
        self.list_variants(&mut changes);
        self.room.swap(changes);
    }

    /// Renders the lists of variants, and puts those on the shelf that have changed.
    fn list_variants(&mut self, changes: &mut Swap) {
        let named: Vec<Named> = self.variants.iter().filter_map(Variant::named).collect();
        // Players read the list once, so the first one has all variants. Only one whose encoder does not work
        // is not waited for any longer than a segment.
        let segments = self.variants.iter().map(Variant::segments);
        let waits = segments.clone().any(|count| count == 0) && segments.max().is_some_and(|most| most < 2);
        if self.lists.is_empty() && waits {
            return;
        }
        let query =
            if self.settings.count { format!("?{SESSION_PARAMETER}={SESSION}") } else { String::new() };
        let lists: BTreeMap<_, _> = multivariants(&named, &query).into_iter().collect();
        let path = |name: &str| Arc::from(format!("{}/{name}", self.settings.path));
        let gone = self.lists.keys().filter(|name| !lists.contains_key(*name));
        changes.taken.extend(gone.map(|name| path(name)));
        for (name, text) in &lists {
            if self.lists.get(name) != Some(text) {
                changes.put.push((path(name), self.list(text)));
            }
        }
        self.lists = lists;
    }

    fn list(&self, text: &str) -> ShelfObject {
        match self.settings.count {
            true => {
                let pieces = text.split(SESSION).map(Box::from).collect();
                ShelfObject::for_each(PLAYLIST_TYPE, OWN_CACHE, pieces)
            }
            false => {
                let cache = format!("public, max-age={}", self.settings.segment.as_secs() / 2);
                ShelfObject::new(PLAYLIST_TYPE, &cache, text.as_bytes())
            }
        }
    }

    /// Has these variants from now on.
    fn set_variants(&mut self, setups: Vec<VariantSetup>) {
        let (mut changes, mut before) = (Swap::default(), std::mem::take(&mut self.variants));
        for setup in setups {
            let variant = match before.iter().position(|variant| variant.setup.id == setup.id) {
                Some(known) => Variant { setup, ..before.remove(known) },
                None => {
                    let variant = self.variant(setup);
                    // Another variant may have begun. Players of this one are to come back.
                    changes.put.push((variant.path(PLAYLIST), ShelfObject::expected()));
                    variant
                }
            };
            self.variants.push(variant);
        }
        let until = Instant::now() + self.window_time();
        for variant in before {
            match variant.playlist(true) {
                Some(playlist) => {
                    changes.put.push(playlist);
                    self.over.push(Over { paths: variant.paths(), until });
                }
                None => changes.taken.push(variant.path(PLAYLIST)),
            }
        }
        self.list_variants(&mut changes);
        self.room.swap(changes);
    }

    fn variant(&mut self, setup: VariantSetup) -> Variant {
        let directory = self.names.name(&setup.mount);
        let folder = format!("{}/hls/{directory}", self.settings.path);
        let segmenter = Segmenter::new(self.clock, setup.profile, self.settings.window as usize);
        Variant { setup, directory, folder, segmenter, window: None }
    }

    fn next_removal(&self) -> Option<Instant> {
        self.over.iter().map(|over| over.until).min()
    }

    fn remove_what_is_over(&mut self, now: Instant) {
        let gone = self.over.extract_if(.., |over| over.until <= now).flat_map(|over| over.paths).collect();
        self.room.swap(Swap { taken: gone, ..Swap::default() });
    }
}

impl Variant {
    /// How many segments it has.
    fn segments(&self) -> usize {
        self.window.as_ref().map_or(0, |window| window.names().count())
    }

    fn path(&self, name: &str) -> Arc<str> {
        format!("{}/{name}", self.folder).into()
    }

    /// The paths of all that it has.
    fn paths(&self) -> Vec<Arc<str>> {
        let segments = self.window.iter().flat_map(Window::names);
        segments.chain([PLAYLIST]).map(|name| self.path(name)).collect()
    }

    /// Its playlist, if it has something to play.
    fn playlist(&self, is_over: bool) -> Option<(Arc<str>, ShelfObject)> {
        let text = self.window.as_ref().filter(|window| !window.is_empty())?.playlist(is_over);
        let playlist = ShelfObject::new(PLAYLIST_TYPE, PLAYLIST_CACHE, text.as_bytes()).polled();
        Some((self.path(PLAYLIST), playlist))
    }

    /// How a list of variants names it, if it has something to play.
    fn named(&self) -> Option<Named> {
        let window = self.window.as_ref().filter(|window| !window.is_empty())?;
        Some(Named {
            directory: self.directory.clone(),
            profile: self.setup.profile,
            bandwidth: window.bandwidth(self.setup.bitrate),
        })
    }
}
