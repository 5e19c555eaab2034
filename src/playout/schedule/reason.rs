//! Why a track is played.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a track is played, as a value and, displayed, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The playlist had come to it.
    #[default]
    Playlist,
    /// It was queued, or played at once by an order.
    Queue,
    /// A listener requested it.
    Request,
    /// The fallback stands in.
    Fallback,
    /// The schedule chose it from the playlist, or from those of a daypart.
    Rotation {
        /// The daypart, with its hours; `None` for the pipeline's playlist.
        daypart: Option<String>,
        /// How many seconds ago its artist was heard, if that was within the last days.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        artist_ago: Option<u64>,
        /// What is not kept of the separation, because no track would keep it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        relaxed: Vec<Relaxed>,
        /// The slot that its length was chosen for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fits: Option<String>,
    },
    /// An insert was due.
    Insert {
        /// What it is called.
        #[serde(alias = "playlist")]
        insert: String,
        /// How much there was since the last.
        since: Since,
    },
    /// A slot had come.
    Slot {
        /// What it is called.
        slot: String,
        /// When it came, in the station's zone: `07:00`.
        at: String,
        /// How many seconds late it begins.
        late: u64,
        /// Why something else is played than what it names, if that is so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead: Option<String>,
    },
    /// A slot had come and is not played: in previews.
    Dropped {
        /// What it is called.
        slot: String,
        /// When it came, in the station's zone: `07:00`.
        at: String,
        /// Why it is not played.
        why: String,
    },
}

impl Reason {
    /// Whether it says why something is not played.
    pub fn is_dropped(&self) -> bool {
        matches!(self, Reason::Dropped { .. })
    }
}

/// How much there was since the last track of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Since {
    /// So many songs.
    Songs(u32),
    /// So many seconds.
    Seconds(u64),
}

/// Separation that is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Relaxed {
    /// `artist`, `title` or `track`.
    pub what: String,
    /// How many seconds should lie between two plays.
    pub from: u64,
    /// How many do.
    pub to: u64,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Playlist => f.write_str("the playlist"),
            Reason::Queue => f.write_str("queue"),
            Reason::Request => f.write_str("a listener's request"),
            Reason::Fallback => f.write_str("the fallback"),
            Reason::Rotation { daypart, artist_ago, relaxed, fits } => {
                match daypart {
                    Some(daypart) => write!(f, "daypart {daypart}")?,
                    None => f.write_str("the playlist")?,
                }
                if let Some(slot) = fits {
                    write!(f, ", of a length that leads to slot {slot}")?;
                }
                match (artist_ago, relaxed.as_slice()) {
                    (Some(ago), []) => write!(f, ", not this artist for {}", span(*ago)),
                    (None, []) => Ok(()),
                    (_, relaxed) => {
                        let relaxed = relaxed
                            .iter()
                            .map(|of| format!("{} {} -> {}", of.what, span(of.from), span(of.to)));
                        write!(f, ", separation relaxed: {}", relaxed.collect::<Vec<_>>().join(", "))
                    }
                }
            }
            Reason::Insert { insert, since: Since::Songs(songs) } => {
                let songs = if *songs == 1 { "1 song".into() } else { format!("{songs} songs") };
                write!(f, "insert {insert}, {songs} since the last")
            }
            Reason::Insert { insert, since: Since::Seconds(seconds) } => {
                write!(f, "insert {insert}, {} since the last", span(*seconds))
            }
            Reason::Slot { slot, at, late, instead } => {
                write!(f, "slot {slot} at {at}")?;
                if *late > 0 {
                    write!(f, ", {} late", span(*late))?;
                }
                if let Some(reason) = instead {
                    write!(f, ", instead of its own file: {reason}")?;
                }
                Ok(())
            }
            Reason::Dropped { slot, at, why } => write!(f, "slot {slot} at {at} is not played: {why}"),
        }
    }
}

/// A time in the unit that suits it.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..10_800 => format!("{} min", seconds / 60),
        10_800..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_plain_english_and_survives_as_json() {
        let relaxed = vec![Relaxed { what: "artist".into(), from: 3600, to: 1800 }];
        let rotation = |daypart: Option<&str>, artist_ago, relaxed| Reason::Rotation {
            daypart: daypart.map(str::to_owned),
            artist_ago,
            relaxed,
            fits: None,
        };
        for (reason, text) in [
            (Reason::Queue, "queue"),
            (Reason::Request, "a listener's request"),
            (
                rotation(Some("Morning (Mon-Fri 06:00-10:00)"), Some(3480), vec![]),
                "daypart Morning (Mon-Fri 06:00-10:00), not this artist for 58 min",
            ),
            (
                rotation(None, Some(1800), relaxed),
                "the playlist, separation relaxed: artist 60 min -> 30 min",
            ),
            (
                Reason::Insert { insert: "jingles".into(), since: Since::Songs(4) },
                "insert jingles, 4 songs since the last",
            ),
            (
                Reason::Slot { slot: "News".into(), at: "07:00".into(), late: 2, instead: None },
                "slot News at 07:00, 2 s late",
            ),
        ] {
            assert_eq!(reason.to_string(), text);
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason, "{json}");
        }
        let older = r#"{"by": "insert", "playlist": "jingles", "since": {"songs": 4}}"#;
        let insert = Reason::Insert { insert: "jingles".into(), since: Since::Songs(4) };
        assert_eq!(serde_json::from_str::<Reason>(older).unwrap(), insert);
    }
}
