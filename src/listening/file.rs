//! Listens to all of a file.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::{Listened, TrackListener};
use crate::codec::file::{AudioFile, Status};
use crate::error::{Error, Result};
use crate::roots::Bounds;
use crate::units::FrameCount;

/// Nothing longer is listened to: it is no track, and what is measured of it is kept until its end.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// How much of a track is heard between two calls of `go_on`.
const PIECE: Duration = Duration::from_secs(1);

/// Listens to all of a file, on the caller's thread, at the file's own rate: it takes a core some seconds for
/// an hour. `go_on` is called about once for each second of the track, with how much of it has been heard.
/// When it breaks, there is no result.
///
/// A disk may hang while it is read, so the caller's thread is one that nothing waits for.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if the file cannot be read or decoded to its end, or is longer than
/// twelve hours.
pub fn listen(
    path: impl AsRef<Path>,
    go_on: impl FnMut(Duration) -> ControlFlow<()>,
) -> Result<Option<Listened>> {
    listen_within(&Bounds::Anywhere, path.as_ref(), go_on)
}

/// The same for a file within these bounds.
pub(crate) fn listen_within(
    bounds: &Bounds,
    path: &Path,
    mut go_on: impl FnMut(Duration) -> ControlFlow<()>,
) -> Result<Option<Listened>> {
    let mut file = AudioFile::open_as_it_is(bounds, path)?;
    let spec = file.spec();
    let mut listener = TrackListener::new(spec);
    let piece = spec.rate.frames_in(PIECE).0;
    let (mut heard, mut told) = (0, 0);
    let mut pcm = Vec::new();
    loop {
        pcm.clear();
        let status = file.read(&mut pcm)?;
        listener.push(&pcm);
        heard += (pcm.len() / spec.channels.count()) as u64;
        if status == Status::End {
            return Ok(Some(listener.finish()));
        }
        if heard - told >= piece {
            told = heard;
            let time = spec.rate.duration_of(FrameCount(heard));
            if time > LONGEST {
                return Err(Error::file(path, "is longer than twelve hours: nothing of it is measured"));
            }
            if go_on(time).is_break() {
                return Ok(None);
            }
        }
    }
}
