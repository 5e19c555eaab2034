//! An object on the shelf, and the answers that it gives.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::audience::SessionId;
use crate::http::{HttpAnswer, Request, Wanted};

/// Immutable bytes with their headers.
#[derive(Clone, Debug)]
pub(crate) struct ShelfObject {
    content_type: &'static str,
    /// The value of `Cache-Control`.
    cache: Arc<str>,
    body: Body,
    pub(crate) asker: Asker,
}

/// Who asks for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Anybody,
    /// Players ask for it again and again, as long as they play.
    Listener,
}

#[derive(Clone, Debug)]
enum Body {
    /// The same for everybody, with its entity tag.
    Same { bytes: Arc<[u8]>, tag: Arc<str> },
    /// Text with the id of a new session between its pieces. It has no entity tag: no two answers are equal.
    ForEach { pieces: Arc<[Box<str>]> },
    /// Not there yet.
    Expected,
}

impl ShelfObject {
    /// Bytes that are the same for everybody.
    pub(crate) fn new(content_type: &'static str, cache: &str, bytes: impl Into<Arc<[u8]>>) -> ShelfObject {
        let bytes = bytes.into();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish()).into();
        let body = Body::Same { bytes, tag };
        ShelfObject { content_type, cache: cache.into(), body, asker: Asker::Anybody }
    }

    /// Text that is made for each request: between its pieces stands the id of a new session.
    pub(crate) fn for_each(content_type: &'static str, cache: &str, pieces: Vec<Box<str>>) -> ShelfObject {
        let body = Body::ForEach { pieces: pieces.into() };
        ShelfObject { content_type, cache: cache.into(), body, asker: Asker::Anybody }
    }

    /// The place of an object that is not there yet: who asks for it is to come back.
    pub(crate) fn expected() -> ShelfObject {
        ShelfObject { content_type: "", cache: "".into(), body: Body::Expected, asker: Asker::Anybody }
    }

    /// Whether it is only the place of one.
    pub(super) fn is_expected(&self) -> bool {
        matches!(self.body, Body::Expected)
    }

    /// The same object, which players ask for again and again.
    pub(crate) fn polled(self) -> ShelfObject {
        ShelfObject { asker: Asker::Listener, ..self }
    }

    /// Its bytes.
    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Same { bytes, .. } => bytes.len(),
            Body::ForEach { pieces } => pieces.iter().map(|piece| piece.len()).sum(),
            Body::Expected => 0,
        }
    }

    /// The answer to a request for it.
    pub(crate) fn answer(
        &self,
        request: &Request<'_>,
        new_session: impl FnOnce() -> SessionId,
    ) -> HttpAnswer {
        let answer = match &self.body {
            Body::Same { bytes, tag } => self.same(request, bytes, tag),
            Body::ForEach { pieces } => {
                let text = pieces.join(&*new_session().to_string());
                HttpAnswer::new(200, self.content_type, text)
            }
            // The shelf finds none of these.
            Body::Expected => return super::missing(),
        };
        // That a part is not there is for one client alone.
        let cache = if answer.status() == 416 { "no-store" } else { &self.cache };
        answer.with("Cache-Control", cache).for_players()
    }

    fn same(&self, request: &Request<'_>, bytes: &Arc<[u8]>, tag: &str) -> HttpAnswer {
        let length = bytes.len();
        let answer = match request.wants_of(tag, length) {
            Wanted::Whole => HttpAnswer::shared(200, self.content_type, bytes.clone()),
            Wanted::Part(part) => {
                let place = format!("bytes {}-{}/{length}", part.start, part.end - 1);
                HttpAnswer::part(206, self.content_type, bytes.clone(), part).with("Content-Range", &place)
            }
            Wanted::Nothing => HttpAnswer::empty(304),
            Wanted::NoSuchPart => HttpAnswer::empty(416).with("Content-Range", &format!("bytes */{length}")),
        };
        answer.with("ETag", tag).with("Accept-Ranges", "bytes")
    }
}
