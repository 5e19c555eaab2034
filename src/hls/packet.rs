//! What comes in: packets with their positions and titles.

use std::sync::Arc;

use crate::metadata::{MAX_TITLE, one_line};
use crate::units::FramePos;

/// A packet of an output, on its way into a segment.
#[derive(Clone, Debug)]
pub(crate) struct HlsPacket {
    /// Where it begins on the sample clock: the position of the block that its encoder got first, plus the
    /// frames of that encoder's packets before it. The encoder's delay is not subtracted.
    pub at: FramePos,
    /// How long it sounds. A packet without frames cannot be placed, and is left out.
    pub frames: u32,
    /// The packet, headers included.
    pub bytes: Box<[u8]>,
    /// The title in force at its end.
    pub title: Arc<ShownTitle>,
    /// Since when it is in force: the position of its first sample, the encoder's delay added.
    pub title_at: FramePos,
}

impl HlsPacket {
    /// The position behind it.
    pub fn end(&self) -> FramePos {
        FramePos(self.at.0.saturating_add(u64::from(self.frames)))
    }
}

/// What players show of a track: each text is one line of limited length. No title is the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShownTitle {
    title: String,
    artist: Option<String>,
    album: Option<String>,
}

impl ShownTitle {
    pub fn new(title: &str, artist: Option<&str>, album: Option<&str>) -> ShownTitle {
        let said = |text: Option<&str>| text.map(shown).filter(|text| !text.is_empty());
        ShownTitle { title: shown(title), artist: said(artist), album: said(album) }
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn artist(&self) -> Option<&str> {
        self.artist.as_deref()
    }

    pub fn album(&self) -> Option<&str> {
        self.album.as_deref()
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.title.is_empty() && self.artist.is_none() && self.album.is_none()
    }
}

/// The tags of files may be of any length. They are in every segment.
fn shown(text: &str) -> String {
    let mut line = one_line(text.trim()).into_owned();
    if let Some((end, _)) = line.char_indices().nth(MAX_TITLE) {
        line.truncate(end);
    }
    line
}
