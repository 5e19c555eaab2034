//! Entries that are taken before they sound.

use super::{ListId, Listed, Origin, Rotation, UpNext};

/// An entry that has left the queue, or has had its turn in the playlist, and has yet to sound.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub entry: Listed,
    pub origin: Origin,
    /// Its playlist, and what was known of that before.
    list: Option<Before>,
}

#[derive(Clone, Copy, Debug)]
struct Before {
    id: ListId,
    /// Whether something of its pass had been heard.
    heard: bool,
    /// Whether the list came before the queue.
    first: bool,
}

impl Drawn {
    /// An entry that was never in the queue nor in the playlist.
    pub fn new(entry: Listed) -> Drawn {
        Drawn { entry, origin: Origin::Queue, list: None }
    }
}

impl UpNext {
    /// Takes the next entry, as if it had begun to sound. [`drawn_begins`](Self::drawn_begins) says that it
    /// has, [`drawn_fails`](Self::drawn_fails) that it cannot.
    pub(super) fn draw(&mut self) -> Option<Drawn> {
        self.come_early();
        let next = self.peek()?;
        let (entry, origin) = (Listed { id: next.id, entry: next.entry.clone() }, next.origin);
        let first = self.list_first;
        let mut list = None;
        self.take(entry.id, |rotation| {
            list = Some(Before { id: rotation.id, heard: rotation.heard, first });
            rotation.heard = true;
            // Until it is known to sound. If the list is replaced meanwhile, the count begins again.
            rotation.failures += 1;
            None
        });
        if origin == Origin::Playlist {
            self.list_first = false;
        }
        self.settle();
        Some(Drawn { entry, origin, list })
    }

    /// Notes that a drawn entry begins to sound. Returns the name and the length of its playlist, if it is
    /// the first track of that playlist to begin.
    pub(super) fn drawn_begins(&mut self, drawn: &Drawn) -> Option<(String, usize)> {
        self.drawn_is_skipped(drawn);
        let list = self.list_of(drawn)?;
        let first = !std::mem::replace(&mut list.begun, true);
        first.then(|| (list.name.clone(), list.entries.len()))
    }

    /// Notes that a drawn entry is not played, because an order came before it. So it has not failed.
    pub(super) fn drawn_is_skipped(&mut self, drawn: &Drawn) {
        if let Some(list) = self.list_of(drawn) {
            list.failures = 0;
        }
    }

    /// Its playlist, if that is still the same.
    fn list_of(&mut self, drawn: &Drawn) -> Option<&mut Rotation> {
        self.list.as_mut().filter(|list| drawn.list.is_some_and(|before| before.id == list.id))
    }

    /// Notes that a drawn entry cannot be played. A playlist that was to play now still is.
    pub(super) fn drawn_fails(&mut self, drawn: &Drawn) {
        if let Some(list) = &mut self.list
            && let Some(before) = drawn.list.filter(|before| before.id == list.id)
        {
            list.heard = before.heard;
            self.list_first |= before.first;
        }
        self.settle();
    }
}
