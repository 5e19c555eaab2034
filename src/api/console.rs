//! The console at `/console`: a page by which users run the station. It asks the API, as any program could.
//!
//! Its files are on the shelf of the server, so the reactor serves them.

use crate::Server;
use crate::error::Result;
use crate::server::{Room, RoomSettings, ShelfObject, Swap};
use crate::web::{self, WebFile};

/// The folder of `web/` that has it.
const FOLDER: &str = "console";

/// The path of the document. The other files are below it.
const PATH: &str = "/console";

/// What a browser may do with it: what it needs, and only of this server. No other page may have it in a frame,
/// where a click would be meant for something else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     media-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; frame-ancestors 'none'";

/// Shows the console, as long as the room lives.
pub(super) fn show(server: &Server) -> Result<Room> {
    let paths = vec![PATH.into(), format!("{PATH}/")];
    let room = server.open_room(RoomSettings { name: PATH.into(), paths, counted_for: None }, None)?;
    let put = web::files_of(FOLDER).map(|file| (path_of(file).into(), object(file))).collect();
    room.swap(Swap { put, taken: Vec::new() });
    Ok(room)
}

fn path_of(file: &WebFile) -> String {
    match file.name() {
        "index.html" => PATH.into(),
        name => format!("{PATH}/{name}"),
    }
}

fn object(file: &WebFile) -> ShelfObject {
    ShelfObject::of_web(file).with_policy(POLICY).for_own_pages()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weight of the whole console, uncompressed.
    const HEAVIEST: usize = 250_000;

    #[test]
    fn the_console_is_light_and_asks_for_nothing_elsewhere() {
        let files: Vec<_> = web::files_of(FOLDER).collect();
        assert!(files.iter().any(|file| path_of(file) == PATH));
        assert!(files.iter().map(|file| file.bytes.len()).sum::<usize>() < HEAVIEST);
        for file in files {
            let text = file.text().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{}", file.name());
        }
    }
}
