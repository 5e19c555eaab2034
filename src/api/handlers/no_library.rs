//! What a build without a library says of it.

use std::sync::Arc;

use crate::HttpRequest;
use crate::access::Identity;
use crate::api::call::{Call, Handled};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::api::service::conclude;

pub(crate) use self::none as edit;
pub(crate) use self::none as export;
pub(crate) use self::none as list;
pub(crate) use self::none as pause;
pub(crate) use self::none as playlist;
pub(crate) use self::none as playlist_tracks;
pub(crate) use self::none as playlists;
pub(crate) use self::none as remove;
pub(crate) use self::none as remove_playlist;
pub(crate) use self::none as rename_playlist;
pub(crate) use self::none as resume;
pub(crate) use self::none as scan;
pub(crate) use self::none as set;
pub(crate) use self::none as set_playlist;
pub(crate) use self::none as state;
pub(crate) use self::none as track;
pub(crate) use self::none as tracks;
pub(crate) use self::none as unset;
pub(crate) use self::none as waveform;

pub(crate) fn none(_: &Core, _: &Call<'_>) -> Handled {
    Err(missing())
}

pub(crate) use self::upload as import;

pub(crate) fn upload(core: &Arc<Core>, request: HttpRequest, _: &[String], who: &Identity) {
    conclude(core, Some(who), request, Err(missing()));
}

fn missing() -> Problem {
    Problem::new("not-found", "this build has no library: build it with the cargo feature \"library\"")
}
