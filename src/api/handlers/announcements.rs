//! Handlers for announcements, which sound above everything else.

use serde::{Deserialize, Serialize};

use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::json::Announcement;
use crate::{AnnouncementId, Entry};

/// `GET /api/v1/pipelines/{pipeline}/announcements`
pub(crate) fn list(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let (rate, media) = (pipeline.spec().rate, core.media.load());
    let announcements = pipeline.announcements();
    let document = |announcement| Announcement::of(announcement, rate, &**media);
    Ok(json(200, &announcements.iter().map(document).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announce {
    file: String,
}

#[derive(Serialize)]
struct Announced {
    id: u64,
    /// The mounts that no pipeline feeds: nothing can be mixed into them.
    not_reached: Vec<String>,
}

/// `POST /api/v1/pipelines/{pipeline}/announce`: opens the file, so it runs on the thread `api-files`.
pub(crate) fn announce(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let Announce { file } = call.body()?;
    let file = core.resolve(call, &file, "file")?;
    let id = pipeline.announce_entry(Entry { confined: true, ..Entry::new(file) })?;
    let mounts = core.server.mounts().into_iter().map(|info| info.settings.path.clone());
    let not_reached = mounts.filter(|mount| core.feeding(mount).is_none()).collect();
    Ok(json(201, &Announced { id: id.0, not_reached }))
}

/// `DELETE /api/v1/pipelines/{pipeline}/announcements`
pub(crate) fn stop_all(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.stop_announcements()?;
    done()
}

/// `DELETE /api/v1/pipelines/{pipeline}/announcements/{id}`
pub(crate) fn stop(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.stop_announcement(AnnouncementId(call.number(1)?))?;
    done()
}
