//! The settings of a station and its pipelines: their keys, and what is refused. What only a codec can refuse
//! (a bitrate that it does not have) is found when the pipeline starts.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::hls::{self, HlsSettings};
use super::live;
use super::requests;
use super::{HeardTracks, Hooks, LiveSettings, NextTrack, RelayedMountSettings, RequestSettings};
use crate::audio::{Channels, PcmSpec};
use crate::civil::Zone;
use crate::codec::{EncoderSettings, is_same_encoder};
use crate::engine::clock::Clock;
use crate::error::{Error, Result};
use crate::history::HistorySettings;
use crate::library::{Library, LibrarySettings, PLAYED};
use crate::playout::{Crossfade, DeadAir, Schedule};
use crate::recording::RecordSettings;
use crate::server::{MountSettings, PageSettings, ServerSettings};
use crate::setting::values;
use crate::setting::{
    COUNT, DECIBELS, Declared, DefaultValue, FLAG, Kind, PATH, Reload, Setting, Settings, TEXT, TIME,
    TIME_OR_OFF, Takes, Values, choice, settings,
};
use crate::units::SampleRate;

/// A server, its pipelines, its relayed mounts and its history, declared together.
#[derive(Clone, Debug, Default)]
pub struct StationSettings {
    /// How the server listens.
    pub server: ServerSettings,
    /// The listeners' page.
    pub page: PageSettings,
    /// The pipelines; their mounts share the server.
    pub pipelines: Vec<PipelineSettings>,
    /// The relayed mounts.
    pub mounts: Vec<RelayedMountSettings>,
    /// Where it is written down what was played.
    pub history: HistorySettings,
    /// The library. `None`: there is none.
    pub library: Option<LibrarySettings>,
}

/// One programme: what plays, how it is mixed, and where it goes.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// Names its threads and log lines: letters, digits, `-`, `_` and `.`, up to 64 bytes.
    pub name: String,
    /// The shape of all audio inside. Default: 44.1 kHz stereo.
    pub spec: PcmSpec,
    /// Files, folders, M3U, PLS and XSPF that make up the playlist at the start, in order; `library:NAME` is
    /// a playlist of the library.
    pub playlist: Vec<PathBuf>,
    /// Whether the playlist begins again at its end.
    pub repeat: bool,
    /// Whether each pass has an order of its own.
    pub shuffle: bool,
    /// How long two tracks overlap; zero joins them without a gap. No fade takes more than five minutes.
    pub crossfade: Crossfade,
    /// Where a track does not overlap with the one before it: how long it takes to reach its level.
    pub fade_in: Duration,
    /// Where a track does not overlap with the one after it: how long it takes to fade.
    pub fade_out: Duration,
    /// How long the crossfade of a skip takes.
    pub skip_crossfade: Duration,
    /// The loudness to which files are brought by what is known of them: -40 to -5 LUFS. It goes before
    /// `replaygain`.
    pub loudness_lufs: Option<f32>,
    /// Which gain tag is applied to files of which no loudness is known, or to all if there is no
    /// `loudness_lufs`.
    pub replaygain: ReplayGain,
    /// Who knows how files sound, beside their tags.
    pub heard_tracks: Option<HeardTracks>,
    /// Where the pipeline keeps what it needs to go on where it was, after a restart or a crash.
    pub state_file: Option<PathBuf>,
    /// When silence is dead air.
    pub dead_air: DeadAir,
    /// A file, folder or playlist that fills in when dead air lasts.
    pub fallback: Option<PathBuf>,
    /// The folders below which [confined](crate::Entry::confined) entries lie: those that the API loaded.
    /// They are needed to go on with such entries after a restart. The API sets its own when it starts.
    pub media_roots: Vec<PathBuf>,
    /// Voices over the programme, at most: decks, jingles, PCM that an application pushes.
    pub max_voices: usize,
    /// Entries of the queue, at most.
    pub max_queue: usize,
    /// What it plays by the clock.
    pub schedule: Schedule,
    /// Places where a source takes over the air.
    pub live: Vec<LiveSettings>,
    /// The library whose playlists it can play: `library:NAME` in the place of a path. A station gives its
    /// own to pipelines that have none.
    pub library: Option<Library>,
    /// What listeners may request. `None`: nothing.
    pub requests: Option<RequestSettings>,
    /// Outputs as HLS.
    pub hls: Vec<HlsSettings>,
    /// Where the mix goes; at least one.
    pub outputs: Vec<OutputSettings>,
    /// Hooks that it has from the start: see [`Pipeline::add_hook`](crate::Pipeline::add_hook).
    pub hooks: Hooks,
    /// Asks the application what is to play next.
    pub next_track: Option<NextTrack>,
    /// The time that it runs by. Leave it alone unless you test or render.
    pub clock: Clock,
}

/// Which of a file's gain tags levels it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayGain {
    /// Every track is as loud as every other.
    #[default]
    Track,
    /// Albums keep their inner dynamics; the track's gain where a file has no album gain.
    Album,
    /// Files play as they are.
    Off,
}

/// A pipeline's encoder and the mount that it feeds.
#[derive(Clone, Debug)]
pub struct OutputSettings {
    /// How it is encoded: `Mp3Settings`, `AacSettings`, or an application's own.
    pub encoder: Arc<dyn EncoderSettings>,
    /// Where it is served. Empty content type, bitrate, rate and channels are filled in from the encoder.
    pub mount: MountSettings,
    /// Where it is recorded, if at all.
    pub record: RecordSettings,
}

impl Settings for PipelineSettings {
    const KEYS: &'static [Setting<PipelineSettings>] = settings! {
        "name" = "main", TEXT => name, Restart,
            "Stands in logs and events: letters, digits, `-`, `_` and `.`. Every pipeline has another.";
        "playlist" else "nothing", PLAYED => [playlist], Applied,
            "A path or a list of paths: audio files, folders (with all that is in them), M3U, PLS and XSPF playlists, or \
             `library:NAME`, \
             played in this order. They must exist. What changes is read again within seconds; when nothing of it can \
             be read any more, the playlist stays as it was. (An empty folder can be read: it is an empty playlist, \
             even where a disk was unmounted.)";
        "loop" = "false", FLAG => repeat, Applied,
            "Whether the playlist begins again at its end. Otherwise there is silence then.";
        "shuffle" = "false", FLAG => shuffle, Applied,
            "Whether every pass has an order of its own. No track comes twice before all have played.";
        "crossfade" = "0s", CROSSFADE => crossfade, Applied,
            "How long two tracks overlap, up to 5m. With `\"0s\"` tracks join without a gap; only behind one \
             that is shorter than a tenth of a second it may be silent until the next is open. Tracks are \
             decoded ahead for so long, so that their ends are known: a second of stereo takes 0.4 MB a track. \
             With `\"auto\"` each track starts where the one before it has decayed, up to 30s before its end; \
             where nobody has listened to that one, they join without a gap. Shows and spots never overlap \
             with anything. [LEVELS.md](LEVELS.md) has the rules.";
        "fade_in" = "0s", TIME => fade_in, Applied,
            "How long a track takes to reach its level when nothing sounds before it.";
        "fade_out" = "0s", TIME => fade_out, Applied,
            "How long a track takes to fade when nothing follows it. It is decoded ahead for so long, too.";
        "skip_crossfade" = "800ms", TIME => skip_crossfade, Restart,
            "How long the crossfade of a skip takes, up to 5m. Three tracks fade out at once at most: one more \
             cuts the quietest of them short.";
        "loudness" else "off", LOUDNESS => loudness_lufs, Restart,
            "Brings every file to this loudness, such as `\"-16 LUFS\"` (-40 to -5), by what is known of it: what \
             a person has set, else what the library has measured, else its ReplayGain tag. None is made so loud \
             that its true peak is above -1 dBTP. Goes before `replaygain`, which is for files of which nothing \
             is known. [LEVELS.md](LEVELS.md) has the rules.";
        "replaygain" = "track", REPLAYGAIN => replaygain, Restart,
            "Which gain tag of a file levels it: `\"track\"` (all tracks equally loud), `\"album\"` (albums keep their \
             dynamics) or `\"off\"`. Files without the tag play as they are.";
        "dead_air_after" = "20s", TIME_OR_OFF => dead_air.after, Restart,
            "How long nothing may be heard while something should sound, before the pipeline skips, and then plays the \
             `fallback`; or `\"off\"`.";
        "dead_air_below_db" = "-60", DECIBELS => dead_air.below_db, Restart,
            "What counts as silence, in decibels below full scale: -120 to -20.";
        "dead_air_while_held" = "false", FLAG => dead_air.while_held, Restart,
            "Whether silence is dead air while an application holds the programme.";
        "fallback" else "silence", PLAYED => fallback, Restart,
            "A file, folder or playlist that fills in when dead air lasts. It must exist.";
        "state_file" else "none", PATH => state_file, Restart,
            "Where the pipeline keeps what it needs to go on where it was, after a restart or a crash: a file, or none \
             yet, in a folder that Longwave can write to. Every pipeline has another: a second one is refused \
             (`FILE.lock` is there while it runs). A damaged state is set aside, by the name \
             `FILE.aside`; what is no state at all, such as a song, is refused. `FILE.journal`, beside it, \
             has what changed since it was written: keep both or none. What lies below its folder moves \
             with it: see [BACKUP.md](BACKUP.md#a-station-that-moves). What the API or an application has \
             changed is written within five seconds: a crash or a power cut may lose what came after that.";
        "timezone" else "the system's", ZONE => schedule.zone, Applied,
            "Where the times of dayparts and slots are meant: `\"Europe/Berlin\"`.";
        "max_voices" = "64", COUNT => max_voices, Applied,
            "Voices over the programme, at most. Each costs time of the mixer.";
        "max_queue" = "10000", COUNT => max_queue, Applied, "Entries of the queue, at most.";
        "channels" = "2", CHANNELS => spec.channels, Restart, "1 (mono) or 2 (stereo). Files are brought to it.";
        "sample_rate" = "44100", SAMPLE_RATE => spec.rate, Restart,
            "Frames per second. Files are brought to it. MP3 takes up to 48000, AAC up to 96000.";
    };

    fn sample() -> PipelineSettings {
        PipelineSettings::default()
    }

    fn check(&self) -> Result<()> {
        PipelineSettings::check(self)
    }
}

/// The key of a pipeline's outputs.
pub(crate) const OUTPUT: Declared = Declared {
    key: "output",
    kind: Kind::Table,
    values: Values::List,
    default: DefaultValue::Words("MP3 and AAC"),
    reload: Reload::Applied,
    doc: "The outputs, see below. Without any: `/stream.mp3` and `/stream.aac` at 128 kbit/s.",
};

const REPLAYGAIN: Takes<ReplayGain> = Takes::Text(|name| {
    choice(name, &[("track", ReplayGain::Track), ("album", ReplayGain::Album), ("off", ReplayGain::Off)])
});

/// A time with its unit, or `"auto"`.
const CROSSFADE: Takes<Crossfade> = Takes::Amount(|text| match text {
    "auto" => Ok(Crossfade::Auto),
    time => values::duration(time).map(Crossfade::For),
});

const LOUDNESS: Takes<Option<f32>> = Takes::Text(|text| {
    let number = text.strip_suffix("LUFS").map(str::trim_end).and_then(|number| number.parse::<f32>().ok());
    match number {
        Some(lufs) => Ok(Some(lufs)),
        None if text == "off" => Ok(None),
        None => Err(format!("{text:?} is not a loudness: write \"-16 LUFS\", or \"off\"")),
    }
});

const ZONE: Takes<Zone> = Takes::Text(str::parse);

const CHANNELS: Takes<Channels> = Takes::Integer(|count| {
    let channels = usize::try_from(count).ok().and_then(Channels::from_count);
    channels.ok_or_else(|| format!("{count} channels: write 1 for mono or 2 for stereo"))
});

const SAMPLE_RATE: Takes<SampleRate> = Takes::Integer(|hz| {
    let rate = u32::try_from(hz).ok().and_then(SampleRate::new);
    rate.ok_or_else(|| format!("{hz} Hz is out of range: 8000 to 192000, usually 44100 or 48000"))
});

impl PartialEq for OutputSettings {
    fn eq(&self, other: &OutputSettings) -> bool {
        is_same_encoder(&self.encoder, &other.encoder)
            && (&self.mount, &self.record) == (&other.mount, &other.record)
    }
}

/// A longer fade is a slip of the keyboard, and a fade's audio is kept in memory.
const LONGEST_FADE: Duration = Duration::from_secs(300);
/// What a station can be levelled to: the quietest is that of films, the loudest has lost all its peaks.
const LOUDNESSES: RangeInclusive<f32> = -40.0..=-5.0;
/// Shorter silences are rests in the music.
const SHORTEST_SILENCE: Duration = Duration::from_secs(1);
const NAME_BYTES: usize = 64;

impl PipelineSettings {
    /// The paths of its outputs' mounts, for [`Server::expect`](crate::Server::expect).
    pub fn mounts(&self) -> Vec<&str> {
        self.outputs.iter().map(|output| output.mount.path.as_str()).collect()
    }

    /// The paths that it will answer: those of its mounts, and those of its HLS with what is below them.
    pub(super) fn paths(&self) -> Vec<String> {
        let mounts = self.mounts().into_iter().map(str::to_owned);
        let hls = self.hls.iter().flat_map(HlsSettings::paths);
        mounts.chain(hls).collect()
    }

    /// Refuses settings that cannot work, wherever they come from. Outputs and files are checked when the
    /// pipeline starts.
    pub(crate) fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        check_fade("crossfade", self.crossfade.time())?;
        check_fade("fade_in", self.fade_in)?;
        check_fade("fade_out", self.fade_out)?;
        check_fade("skip_crossfade", self.skip_crossfade)?;
        check_loudness(self.loudness_lufs)?;
        check_silence(self.dead_air.after, self.dead_air.below_db)
    }

    /// The same for a pipeline that is about to start.
    pub(super) fn check_to_start(&self) -> Result<()> {
        self.check()?;
        live::check_all(&self.live)?;
        self.schedule.check()?;
        hls::check_all(&self.hls)?;
        requests::check(self.requests.as_ref(), self.library.as_ref())?;
        if self.outputs.is_empty() {
            return Err(Error::setting("output", "a pipeline needs at least one"));
        }
        Ok(())
    }
}

/// It names threads, of which the system shows fifteen bytes, and stands in logs and in URLs.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= NAME_BYTES && name.chars().all(plain) {
        return Ok(());
    }
    let rule = format!("letters, digits, -, _ and ., up to {NAME_BYTES} bytes");
    Err(Error::setting("name", format!("{name:?} is not a name for a pipeline: {rule}")))
}

/// How long two tracks may overlap, and how long one may take to come or go.
pub(super) fn check_fade(key: &'static str, time: Duration) -> Result<()> {
    if time <= LONGEST_FADE {
        return Ok(());
    }
    let [time, longest] = [time, LONGEST_FADE].map(values::duration_text);
    Err(Error::setting(key, format!("{time} is too long: up to {longest}")))
}

/// The loudness to which files are brought.
fn check_loudness(lufs: Option<f32>) -> Result<()> {
    match lufs.filter(|lufs| !LOUDNESSES.contains(lufs)) {
        None => Ok(()),
        Some(lufs) => {
            let (quietest, loudest) = (LOUDNESSES.start(), LOUDNESSES.end());
            let reason = format!("{lufs} LUFS is out of range: {quietest} to {loudest}, usually -16");
            Err(Error::setting("loudness", reason))
        }
    }
}

/// When silence is dead air.
pub(super) fn check_silence(after: Option<Duration>, below_db: f32) -> Result<()> {
    if let Some(after) = after.filter(|after| *after < SHORTEST_SILENCE) {
        let reason =
            format!("{after:?} is shorter than pauses in music: at least {SHORTEST_SILENCE:?}, or \"off\"");
        return Err(Error::setting("dead_air_after", reason));
    }
    if !(-120.0..=-20.0).contains(&below_db) {
        let reason = format!("{below_db} is out of range: -120 to -20, in decibels below full scale");
        return Err(Error::setting("dead_air_below_db", reason));
    }
    Ok(())
}

impl Default for PipelineSettings {
    fn default() -> PipelineSettings {
        PipelineSettings {
            name: "main".into(),
            spec: PcmSpec::CD,
            playlist: Vec::new(),
            repeat: false,
            shuffle: false,
            crossfade: Crossfade::default(),
            fade_in: Duration::ZERO,
            fade_out: Duration::ZERO,
            skip_crossfade: Duration::from_millis(800),
            loudness_lufs: None,
            replaygain: ReplayGain::Track,
            heard_tracks: None,
            dead_air: DeadAir::default(),
            fallback: None,
            state_file: None,
            max_voices: 64,
            max_queue: 10_000,
            media_roots: Vec::new(),
            schedule: Schedule::default(),
            live: Vec::new(),
            library: None,
            requests: None,
            hls: Vec::new(),
            outputs: Vec::new(),
            hooks: Hooks::new(),
            next_track: None,
            clock: Clock::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(differ: impl FnOnce(&mut PipelineSettings)) -> Option<&'static str> {
        let mut settings = PipelineSettings::default();
        differ(&mut settings);
        match settings.check() {
            Ok(()) => None,
            Err(Error::Setting { key, .. }) => Some(key),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_setting_that_is_wrong() {
        assert_eq!(refused(|_| ()), None);
        for name in ["", "a\0b", "a b", "line\n", &"x".repeat(65)] {
            assert_eq!(refused(|settings| settings.name = name.into()), Some("name"), "{name:?}");
        }
        assert_eq!(refused(|settings| settings.name = "Björk-2.b_".into()), None);
        let (most, more) = (Duration::from_secs(300), Duration::from_secs(301));
        for time in [more, Duration::MAX] {
            assert_eq!(refused(|settings| settings.crossfade = time.into()), Some("crossfade"));
            assert_eq!(refused(|settings| settings.fade_in = time), Some("fade_in"));
            assert_eq!(refused(|settings| settings.fade_out = time), Some("fade_out"));
            assert_eq!(refused(|settings| settings.skip_crossfade = time), Some("skip_crossfade"));
        }
        assert_eq!(refused(|settings| settings.crossfade = most.into()), None);
        let after = |after| refused(|settings| settings.dead_air.after = after);
        assert_eq!(after(Some(Duration::from_millis(999))), Some("dead_air_after"));
        assert_eq!((after(None), after(Some(Duration::MAX))), (None, None));
        for below in [0.0, -121.0, f32::NAN, f32::NEG_INFINITY] {
            assert_eq!(refused(|settings| settings.dead_air.below_db = below), Some("dead_air_below_db"));
        }
    }
}
