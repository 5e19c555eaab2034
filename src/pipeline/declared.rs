//! What the settings say of the order of a playlist. It is kept with the state: what the API has changed stays
//! over a restart, unless the settings have changed since.

use serde::{Deserialize, Serialize};

use super::PipelineSettings;
use crate::playout::RunningOrder;

/// The order of the playlist as the settings have it, whatever the API has made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeclaredOrder {
    repeat: bool,
    shuffle: bool,
}

impl DeclaredOrder {
    pub fn of(settings: &PipelineSettings) -> DeclaredOrder {
        DeclaredOrder { repeat: settings.repeat, shuffle: settings.shuffle }
    }

    /// Applies what has changed since `before` to a playlist that was restored.
    pub fn apply_changes(self, before: DeclaredOrder, list: &mut RunningOrder) {
        if self.repeat != before.repeat {
            list.set_repeat(self.repeat);
        }
        if self.shuffle != before.shuffle {
            list.set_shuffle(self.shuffle);
        }
    }
}

#[cfg(all(test, feature = "mp3"))]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::thread::yield_now;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::server::MountSettings;
    use crate::{OutputSettings, ServerSettings, Station, StationSettings};

    fn settings(folder: &Path, repeat: bool, shuffle: bool) -> StationSettings {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let output = OutputSettings {
            encoder: Arc::new(crate::Mp3Settings::default()),
            mount: MountSettings { path: "/a".into(), ..MountSettings::default() },
            record: crate::recording::RecordSettings::default(),
        };
        let pipeline = PipelineSettings {
            playlist: vec![folder.join("list.m3u")],
            state_file: Some(folder.join("state")),
            repeat,
            shuffle,
            outputs: vec![output],
            ..PipelineSettings::default()
        };
        StationSettings {
            server: ServerSettings { listen, ..ServerSettings::default() },
            pipelines: vec![pipeline],
            ..StationSettings::default()
        }
    }

    /// Whether the playlist is repeated and shuffled, when it has been read.
    fn order(station: &Station) -> (bool, bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(list) = station.pipelines()[0].playlist().filter(|list| list.length == 2) {
                return (list.repeat, list.shuffle);
            }
            assert!(Instant::now() < deadline, "the playlist is not read");
            yield_now();
        }
    }

    /// What the API has changed stays over a restart; what the settings have changed since, counts.
    #[test]
    fn a_changed_declaration_counts_after_a_restart_and_what_the_api_changed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in ["a.mp3", "b.mp3"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        std::fs::write(folder.join("list.m3u"), "a.mp3\nb.mp3\n").unwrap();
        let start = |repeat, shuffle| Station::start(settings(folder, repeat, shuffle)).unwrap();

        let station = start(false, false);
        assert_eq!(order(&station), (false, false));
        station.pipelines()[0].set_shuffle(true).unwrap();
        station.stop();

        let station = start(true, false);
        assert_eq!(order(&station), (true, true), "`loop` was changed, and `shuffle` was not");
        // A reload declares, too, and a rehearsal does not.
        assert_eq!(station.reload(&settings(folder, false, false)).changed, ["pipeline main: loop"]);
        station.rehearse(&settings(folder, true, true));
        station.pipelines()[0].set_repeat(true).unwrap();
        station.stop();

        let station = start(false, false);
        assert_eq!(order(&station), (true, true), "nothing was changed since the reload");
        station.stop();
        let station = start(false, true);
        station.stop();
        let station = start(false, false);
        assert_eq!(order(&station), (true, false));
        station.stop();
    }
}
