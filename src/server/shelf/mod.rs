//! The shelf: whole objects in memory, under their paths, as the reactor answers with them.
//!
//! Whoever fills it has a [`Room`] of it, and swaps objects whole: no client ever sees half of one, or a
//! playlist before what it lists. An object never changes. A client that reads slowly holds a reference to
//! its bytes, not a copy.

mod audience;
mod object;
mod room;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::http::HttpAnswer;
use crate::server::reports::stats::Counters;

pub(crate) use audience::{Audience, PARAMETER, Poll, Registers, SessionId, Standing};
pub(crate) use object::{Asker, ShelfObject};
pub use room::HlsCounters;
pub(crate) use room::{Room, RoomBoard, RoomSettings, Rooms};

/// How long a cache may keep that something is not there: the next moment it may be.
const MISSING: &str = "max-age=1";

/// The reactor's end of the shelf.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    rooms: Vec<Opened>,
}

#[derive(Debug)]
struct Opened {
    room: Arc<RoomBoard>,
    objects: HashMap<Arc<str>, ShelfObject>,
    /// Whether it has had anything yet.
    has_begun: bool,
}

/// What is put on the shelf and taken from it, at once.
#[derive(Debug, Default)]
pub(crate) struct Swap {
    pub(crate) put: Vec<(Arc<str>, ShelfObject)>,
    pub(crate) taken: Vec<Arc<str>>,
}

/// What the shelf has at a path.
pub(crate) enum Found<'a> {
    Object(&'a Arc<RoomBoard>, &'a ShelfObject),
    /// Nothing, in this room.
    Missing(&'a Arc<RoomBoard>),
    /// Nothing yet, at a place where something will be, or in all of this room.
    NotYet,
    /// The path belongs to no room.
    Elsewhere,
}

impl Shelf {
    /// Opens a room, which is empty.
    pub(crate) fn open(&mut self, room: Arc<RoomBoard>) {
        self.rooms.push(Opened { room, objects: HashMap::new(), has_begun: false });
    }

    /// Closes a room with all that is in it. Its paths belong to nobody then.
    pub(crate) fn close(&mut self, room: &Arc<RoomBoard>, counters: &Counters) {
        self.rooms.retain(|opened| !Arc::ptr_eq(&opened.room, room));
        self.count(counters);
    }

    /// Changes what a room has, whole. After the room was closed it does nothing.
    pub(crate) fn swap(&mut self, room: &Arc<RoomBoard>, swap: Swap, counters: &Counters) {
        let Some(opened) = self.rooms.iter_mut().find(|opened| Arc::ptr_eq(&opened.room, room)) else {
            return;
        };
        opened.has_begun |= swap.put.iter().any(|(_, object)| !object.is_expected());
        for path in &swap.taken {
            opened.objects.remove(path);
        }
        opened.objects.extend(swap.put);
        self.count(counters);
    }

    /// The room of this name, if one is open.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<RoomBoard>> {
        self.rooms.iter().map(|opened| &opened.room).find(|room| *room.name == *name)
    }

    fn count(&self, counters: &Counters) {
        let objects = self.rooms.iter().flat_map(|opened| opened.objects.values());
        let objects = objects.filter(|object| !object.is_expected());
        let bytes: usize = objects.clone().map(ShelfObject::len).sum();
        counters.shelf_objects.set(objects.count() as u64);
        counters.shelf_bytes.set(bytes as u64);
    }

    /// The playlist from which a mount can be heard, if players begin with it there.
    pub(crate) fn playlist_of(&self, mount: &str) -> Option<&str> {
        let begins = |opened: &&Opened| opened.has_begun && opened.room.begins_with(mount);
        self.rooms.iter().find(begins).map(|opened| &*opened.room.name)
    }

    /// What is at this path, which is decoded. A room that takes the place of another one has its paths as
    /// soon as it has something there.
    pub(crate) fn find(&self, path: &str) -> Found<'_> {
        let mut found = Found::Elsewhere;
        for Opened { room, objects, has_begun } in self.rooms.iter().filter(|opened| opened.room.has(path)) {
            found = match (objects.get(path), found) {
                (Some(object), _) if !object.is_expected() => Found::Object(room, object),
                (_, before @ Found::Object(..)) => before,
                (Some(_), _) => Found::NotYet,
                (None, _) if *has_begun => Found::Missing(room),
                (None, _) => Found::NotYet,
            };
        }
        found
    }
}

/// The answer where a room has nothing: it is gone, or not there yet.
pub(crate) fn missing() -> HttpAnswer {
    HttpAnswer::text(404, "this is gone, or not there yet\n").with("Cache-Control", MISSING).for_players()
}

impl HttpAnswer {
    /// Lets a page of any origin read it, and how old it is.
    #[must_use]
    fn for_players(self) -> HttpAnswer {
        self.readable_by_all().with("Access-Control-Expose-Headers", "Age, Date, ETag, Content-Range")
    }
}
