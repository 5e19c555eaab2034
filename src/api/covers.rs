//! The covers of tracks, as everybody may see them: each at an address that its content gives, `/art/…`.
//!
//! The thread `api-files` reads them, together with the tags of a file that comes up or plays. They are on the
//! server's shelf, and the oldest go when there are too many.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::Server;
use crate::codec::Cover;
use crate::server::{Room, RoomSettings, ShelfObject, Swap};

/// Below which their addresses are.
const PATH: &str = "/art/";

/// The most bytes of all covers that are on the shelf.
const MAX_BYTES: usize = 32 << 20;

/// The most files whose cover is known.
const MAX_FILES: usize = 256;

/// What is at an address never changes.
const CACHE: &str = "public, max-age=31536000, immutable";

/// A browser that is led to a cover shows a picture, and nothing else.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The covers of a station's tracks.
#[derive(Debug)]
pub(super) struct Covers {
    /// None if something else has the path: then no file has a cover.
    room: Option<Room>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The files that were looked at, each with the address of its cover, if it has one; what came up last is at
    /// the end.
    of_files: VecDeque<(PathBuf, Option<Arc<str>>)>,
    /// What is on the shelf, with its bytes; what was asked for last is at the end.
    shelved: VecDeque<(Arc<str>, usize)>,
}

impl Covers {
    pub(super) fn new(server: &Server) -> Covers {
        let settings = RoomSettings { name: PATH.into(), paths: vec![PATH.into()], counted_for: None };
        let room = server.open_room(settings, None);
        let room = room.inspect_err(|error| log::warn!("covers are not shown: {error}")).ok();
        Covers { room, kept: Mutex::default() }
    }

    /// Whether the file was looked at. It comes up now, so it is not the next to be forgotten.
    pub(super) fn knows(&self, file: &Path) -> bool {
        let mut kept = self.kept();
        let Some(at) = kept.of_files.iter().position(|(known, _)| known == file) else { return false };
        let known = kept.of_files.remove(at);
        kept.of_files.extend(known);
        true
    }

    /// The address of a file's cover, if it has one that is known.
    pub(super) fn of(&self, file: &Path) -> Option<Arc<str>> {
        let kept = self.kept();
        kept.of_files.iter().find(|(known, _)| known == file).and_then(|(_, address)| address.clone())
    }

    /// Keeps what was found for a file.
    pub(super) fn keep(&self, file: &Path, cover: Option<Cover>) {
        let mut kept = self.kept();
        let address = cover.zip(self.room.as_ref()).map(|(cover, room)| kept.shelve(room, cover));
        kept.of_files.retain(|(known, _)| known != file);
        if kept.of_files.len() >= MAX_FILES {
            kept.of_files.pop_front();
        }
        kept.of_files.push_back((file.to_owned(), address));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Puts a cover on the shelf, if it is not there, and takes down the oldest if there are too many.
    fn shelve(&mut self, room: &Room, cover: Cover) -> Arc<str> {
        let digest = Sha256::digest(&cover.bytes);
        let name: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let address: Arc<str> = format!("{PATH}{name}").into();
        if let Some(at) = self.shelved.iter().position(|(known, _)| *known == address) {
            let known = self.shelved.remove(at);
            self.shelved.extend(known);
            return address;
        }
        self.shelved.push_back((address.clone(), cover.bytes.len()));
        let mut taken = Vec::new();
        while self.shelved.iter().map(|(_, bytes)| bytes).sum::<usize>() > MAX_BYTES {
            let Some((oldest, _)) = self.shelved.pop_front() else { break };
            self.of_files.retain(|(_, address)| address.as_ref() != Some(&oldest));
            taken.push(oldest);
        }
        let object = ShelfObject::new(cover.content_type, CACHE, cover.bytes).with_policy(POLICY);
        room.swap(Swap { put: vec![(address.clone(), object)], taken });
        address
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use longwave_testing::PATIENCE;
    use longwave_testing::client::{Client, Fetched};

    use super::*;
    use crate::ServerSettings;

    fn server() -> Server {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        Server::start(ServerSettings { listen, ..ServerSettings::default() }).unwrap()
    }

    /// Keeps a cover, and waits until it is on the shelf.
    fn keep(server: &Server, covers: &Covers, file: &Path, cover: Option<Cover>) {
        covers.keep(file, cover);
        // The reactor does one thing after the other.
        server.expect(&[]).unwrap();
    }

    fn get(server: &Server, target: &str) -> Fetched {
        let socket = TcpStream::connect(server.local_addrs()[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::new(socket).fetch("GET", target, "")
    }

    fn cover(number: usize, bytes: usize) -> Option<Cover> {
        let mut picture = b"\xff\xd8\xff".to_vec();
        picture.extend(number.to_be_bytes());
        picture.resize(bytes, 0);
        Some(Cover { content_type: "image/jpeg", bytes: picture })
    }

    #[test]
    fn a_cover_is_at_the_address_of_its_content_and_is_only_a_picture() {
        let server = server();
        let covers = Covers::new(&server);
        let [one, two, none] = ["/a", "/b", "/c"].map(Path::new);
        assert!(!covers.knows(one));
        keep(&server, &covers, one, cover(1, 100));
        keep(&server, &covers, two, cover(1, 100));
        keep(&server, &covers, none, None);
        assert!(covers.knows(none) && covers.of(none).is_none());
        let address = covers.of(one).unwrap();
        assert_eq!(covers.of(two).as_ref(), Some(&address));
        let picture = get(&server, &address);
        assert_eq!((picture.status, picture.header("Content-Type")), (200, Some("image/jpeg")));
        assert_eq!(picture.bytes, cover(1, 100).unwrap().bytes);
        assert_eq!(picture.header("Cache-Control"), Some(CACHE));
        assert_eq!(picture.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(picture.header("Content-Security-Policy"), Some(POLICY));
        assert_eq!(get(&server, "/art/0123456789abcdef0123456789abcdef").status, 404);
        assert_eq!(get(&server, "/art/../Cargo.toml").status, 404);
    }

    /// Else it would be read each time when it comes up.
    #[test]
    fn a_file_is_known_although_something_else_has_the_path_of_covers() {
        let server = server();
        let (_first, second) = (Covers::new(&server), Covers::new(&server));
        second.keep(Path::new("/a"), cover(1, 100));
        assert!(second.knows(Path::new("/a")) && second.of(Path::new("/a")).is_none());
    }

    #[test]
    fn the_oldest_cover_goes_when_there_are_too_many() {
        let server = server();
        let covers = Covers::new(&server);
        let fit = MAX_BYTES / (2 << 20);
        let file = |number: usize| PathBuf::from(number.to_string());
        for number in 0..fit {
            keep(&server, &covers, &file(number), cover(number, 2 << 20));
        }
        let first = covers.of(&file(0)).unwrap();
        // It is asked for again, so the second is the oldest.
        keep(&server, &covers, &file(0), cover(0, 2 << 20));
        let second = covers.of(&file(1)).unwrap();
        keep(&server, &covers, &file(fit), cover(fit, 2 << 20));
        assert!(!covers.knows(&file(1)));
        assert_eq!((get(&server, &first).status, get(&server, &second).status), (200, 404));
        assert!(server.stats().shelf_bytes as usize <= MAX_BYTES);
        for number in 0..2 * MAX_FILES {
            covers.keep(&file(number), None);
        }
        assert_eq!(covers.kept().of_files.len(), MAX_FILES);
        let (oldest, after) = (file(MAX_FILES), file(MAX_FILES + 1));
        assert!(covers.knows(&oldest));
        covers.keep(Path::new("/next"), None);
        assert!(covers.knows(&oldest) && !covers.knows(&after), "it has just come up");
    }
}
