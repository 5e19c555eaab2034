//! What Longwave, ffmpeg and mutagen say of a file.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use longwave::{Channels, PcmSpec, SampleRate, read_metadata};
use longwave_testing::ear::Heard;
use serde_json::Value;

use crate::row::Row;

/// What somebody makes of a file, or why nothing.
pub type Verdict<T> = Result<T, String>;

/// What a file sounds like.
#[derive(Clone, Copy, Debug)]
pub struct Sound {
    pub frames: u64,
    /// The loudest tone on the left in the middle of each half.
    pub halves: [Tone; 2],
    pub end: End,
}

/// How a sound ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    /// Longwave says that something is missing. Others may, too; they are not asked.
    BrokenOff,
}

#[derive(Clone, Copy, Debug)]
pub struct Tone {
    pub hz: f64,
    /// In dB.
    pub level: f64,
}

/// What a file's tags say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub title: Option<String>,
    pub artist: Option<String>,
    pub gain: Option<f32>,
}

pub fn longwave(path: &Path, rate: u32) -> Verdict<(Sound, Said)> {
    let spec = PcmSpec { rate: SampleRate::new(rate).unwrap(), channels: Channels::Stereo };
    let mut samples = Vec::new();
    let mut read = longwave::decode(path, spec).map_err(|error| error.to_string())?;
    let end = loop {
        match read(&mut samples) {
            Ok(true) => {}
            Ok(false) => break End::Whole,
            // What was heard until then counts, as it does for ffmpeg.
            Err(_) if !samples.is_empty() => break End::BrokenOff,
            Err(error) => return Err(error.to_string()),
        }
    };
    let tags = read_metadata(path).map_err(|error| error.to_string())?;
    let said = Said { title: tags.title, artist: tags.artist, gain: tags.track_gain_db };
    Ok((Sound { end, ..Sound::of(&samples, rate, Channels::Stereo) }, said))
}

pub fn ffmpeg(path: &Path, rate: u32) -> Verdict<(Sound, Said)> {
    let mut ffprobe = Command::new("ffprobe");
    let entries = "format_tags:stream_tags:stream=channels";
    ffprobe.args(["-v", "error", "-of", "json", "-show_entries", entries]).arg(path);
    let told: Value = serde_json::from_slice(&output(&mut ffprobe)?).expect("ffprobe writes JSON");
    // ffmpeg puts mono on two sides at -3 dB.
    let mono = told["streams"].as_array().into_iter().flatten().any(|stream| stream["channels"] == 1);
    let channels = if mono { Channels::Mono } else { Channels::Stereo };
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(path);
    ffmpeg.args(["-map", "a:0", "-f", "f32le", "-ar", &rate.to_string()]);
    let raw = output(ffmpeg.args(["-ac", &channels.count().to_string(), "-"]))?;
    let samples: Vec<f32> = raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    match samples.is_empty() {
        true => Err("no sound".into()),
        false => Ok((Sound::of(&samples, rate, channels), Said::from_ffprobe(&told))),
    }
}

/// Asks mutagen of all files at once: Python takes longer to start than to read.
pub fn mutagen(rows: &[Row]) -> Vec<Verdict<Said>> {
    // Debian's mutagen is for Debian's Python.
    let mut python = Command::new("/usr/bin/python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/tags.py"));
    let told = output(python.args(rows.iter().map(|row| &row.path))).expect("python3-mutagen is installed");
    let told: Vec<Value> = serde_json::from_slice(&told).expect("tags.py writes JSON");
    let said = told.iter().map(|told| match told["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(Said {
            title: told["title"].as_str().map(str::to_owned),
            artist: told["artist"].as_str().map(str::to_owned),
            gain: told["gain"].as_f64().map(|gain| gain as f32),
        }),
    });
    said.collect()
}

fn output(command: &mut Command) -> Verdict<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().map_err(|cause| format!("{command:?}: {cause}"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

impl Sound {
    fn of(samples: &[f32], rate: u32, channels: Channels) -> Sound {
        let spec = PcmSpec { rate: SampleRate::new(rate).unwrap(), channels };
        let heard = Heard::new(samples, spec);
        // A second, or less of what is shorter.
        let second = (rate as usize).min(heard.frames() / 2);
        let halves = [1, 3].map(|quarter| {
            let begin = heard.frames() * quarter / 4 - second / 2;
            let (hz, amplitude) = heard.tone(0, begin..begin + second);
            Tone { hz, level: 20.0 * amplitude.log10() }
        });
        Sound { frames: heard.frames() as u64, halves, end: End::Whole }
    }

    /// Whether both are the same sound, to the frame.
    pub fn agrees(self, other: Sound) -> bool {
        self.frames == other.frames && self.sounds_like(other)
    }

    pub fn sounds_like(self, other: Sound) -> bool {
        let same = |half: usize| self.halves[half].agrees(other.halves[half]);
        same(0) && same(1)
    }
}

impl Tone {
    fn is_silence(self) -> bool {
        self.level.is_nan() || self.level < -90.0
    }

    /// Whether both are the same tone: to 1 Hz and half a dB. In silence there is none.
    pub fn agrees(self, other: Tone) -> bool {
        if self.is_silence() || other.is_silence() {
            return self.is_silence() && other.is_silence();
        }
        (self.hz - other.hz).abs() < 1.0 && (self.level - other.level).abs() < 0.5
    }
}

impl Said {
    fn from_ffprobe(told: &Value) -> Said {
        let streams = told["streams"].as_array().into_iter().flatten().map(|stream| &stream["tags"]);
        let places: Vec<&Value> = std::iter::once(&told["format"]["tags"]).chain(streams).collect();
        let find = |name: &str| {
            let fields = places.iter().filter_map(|tags| tags.as_object()).flatten();
            let mut found = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next().and_then(|(_, value)| value.as_str()).map(str::to_owned)
        };
        Said { title: find("title"), artist: find("artist"), gain: None }
    }

    pub fn agrees(&self, other: &Said) -> bool {
        let gains = match (self.gain, other.gain) {
            (Some(gain), Some(other)) => (gain - other).abs() < 0.01,
            (gain, other) => gain == other,
        };
        gains && self.agrees_as_text(other)
    }

    /// The same without the gain: ffprobe has no one form of it for all formats.
    pub fn agrees_as_text(&self, other: &Said) -> bool {
        (&self.title, &self.artist) == (&other.title, &other.artist)
    }

    pub fn after_a_sound(&self) -> String {
        match self == &Said::default() {
            true => String::new(),
            false => format!("; {self}"),
        }
    }
}

impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.halves;
        write!(f, "{} frames, {first}", self.frames)?;
        if !first.agrees(second) {
            write!(f, ", then {second}")?;
        }
        match self.end {
            End::Whole => Ok(()),
            End::BrokenOff => write!(f, ", and it says that it breaks off"),
        }
    }
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} Hz at {:.0} dB", self.hz, self.level)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &Option<String>| text.as_ref().map(|text| format!("“{}”", short(text)));
        let gain = self.gain.map(|gain| format!("{gain:.2} dB"));
        let parts: Vec<String> =
            [quoted(&self.artist), quoted(&self.title), gain].into_iter().flatten().collect();
        match parts.is_empty() {
            true => write!(f, "no tags"),
            false => write!(f, "{}", parts.join(", ").replace('|', "\\|")),
        }
    }
}

/// A text as it fits into the table.
fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    let shown: String = text.chars().take(LONGEST).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", shown.escape_debug())
}
