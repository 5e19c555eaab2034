//! An object on the shelf, and the answers that it gives.

use std::sync::Arc;

use super::audience::SessionId;
use crate::http::{HttpAnswer, Request, Wanted, entity_tag};
use crate::web::WebFile;

/// Immutable bytes with their headers.
#[derive(Clone, Debug)]
pub(crate) struct ShelfObject {
    content_type: &'static str,
    /// The value of `Cache-Control`.
    cache: Arc<str>,
    body: Body,
    pub(crate) asker: Asker,
    readers: Readers,
    /// Its `Content-Security-Policy`, if it needs one of its own.
    policy: Option<Arc<str>>,
}

/// Who asks for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Anybody,
    /// Players ask for it again and again, as long as they play.
    Listener,
}

/// Whose scripts may read an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Pages of any origin.
    All,
    /// Pages of this server.
    Own,
}

#[derive(Clone, Debug)]
enum Body {
    /// The same for everybody.
    Same(Tagged),
    /// The same for everybody, and the same compressed by gzip, for whoever takes that.
    Compressed { plain: Tagged, gzip: Tagged },
    /// Text with the id of a new session between its pieces. It has no entity tag: no two answers are equal.
    ForEach { pieces: Arc<[Box<str>]> },
    /// Not there yet.
    Expected,
}

/// Bytes as they are sent, with their entity tag.
#[derive(Clone, Debug)]
struct Tagged {
    bytes: Arc<[u8]>,
    tag: Arc<str>,
}

impl Tagged {
    fn new(bytes: Arc<[u8]>) -> Tagged {
        let tag = entity_tag(&bytes).into();
        Tagged { bytes, tag }
    }
}

impl ShelfObject {
    /// Bytes that are the same for everybody.
    pub(crate) fn new(content_type: &'static str, cache: &str, bytes: impl Into<Arc<[u8]>>) -> ShelfObject {
        ShelfObject::of(content_type, cache, Body::Same(Tagged::new(bytes.into())))
    }

    /// The same object with these bytes compressed by gzip, for clients that take that.
    pub(crate) fn or_gzip(self, gzip: impl Into<Arc<[u8]>>) -> ShelfObject {
        let body = match self.body {
            Body::Same(plain) => Body::Compressed { plain, gzip: Tagged::new(gzip.into()) },
            other => other,
        };
        ShelfObject { body, ..self }
    }

    /// A file that is embedded in the program. A browser asks each time whether it is still the same.
    pub(crate) fn of_web(file: &WebFile) -> ShelfObject {
        ShelfObject::new(file.content_type(), "no-cache", file.bytes).or_gzip(file.gzip)
    }

    /// The same object with this `Content-Security-Policy`, for a document that a browser shows. Without one
    /// it may do nothing but play our streams.
    pub(crate) fn with_policy(self, policy: &str) -> ShelfObject {
        ShelfObject { policy: Some(policy.into()), ..self }
    }

    /// The same object, which pages of other origins may not read.
    pub(crate) fn for_own_pages(self) -> ShelfObject {
        ShelfObject { readers: Readers::Own, ..self }
    }

    /// Text that is made for each request: between its pieces stands the id of a new session.
    pub(crate) fn for_each(content_type: &'static str, cache: &str, pieces: Vec<Box<str>>) -> ShelfObject {
        ShelfObject::of(content_type, cache, Body::ForEach { pieces: pieces.into() })
    }

    /// The place of an object that is not there yet: who asks for it is to come back.
    pub(crate) fn expected() -> ShelfObject {
        ShelfObject::of("", "", Body::Expected)
    }

    fn of(content_type: &'static str, cache: &str, body: Body) -> ShelfObject {
        let (asker, readers) = (Asker::Anybody, Readers::All);
        ShelfObject { content_type, cache: cache.into(), body, asker, readers, policy: None }
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
            Body::Same(whole) => whole.bytes.len(),
            Body::Compressed { plain, gzip } => plain.bytes.len() + gzip.bytes.len(),
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
            Body::Same(whole) => self.same(request, whole),
            // A part is one of the bytes as they are.
            Body::Compressed { gzip, .. } if request.accepts_gzip() && request.header("range").is_none() => {
                let answer = self.same(request, gzip).with("Vary", "Accept-Encoding");
                // To 304 it belongs no more than a length.
                if answer.status() == 200 { answer.with("Content-Encoding", "gzip") } else { answer }
            }
            Body::Compressed { plain, .. } => self.same(request, plain).with("Vary", "Accept-Encoding"),
            Body::ForEach { pieces } => {
                let text = pieces.join(&*new_session().to_string());
                HttpAnswer::new(200, self.content_type, text)
            }
            // The shelf finds none of these.
            Body::Expected => return super::missing(),
        };
        // That a part is not there is for one client alone.
        let cache = if answer.status() == 416 { "no-store" } else { &self.cache };
        let answer = answer.with("Cache-Control", cache);
        let answer = match &self.policy {
            Some(policy) => answer.with("Content-Security-Policy", policy),
            None => answer,
        };
        match self.readers {
            Readers::All => answer.for_players(),
            Readers::Own => answer,
        }
    }

    fn same(&self, request: &Request<'_>, Tagged { bytes, tag }: &Tagged) -> HttpAnswer {
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
