//! Encodes PCM to AAC with FDK-AAC. Opening the settings checks them.

use std::any::Any;
use std::mem;
use std::sync::Arc;

use super::adts;
use super::dither::Dither;
use super::fdk::{Fdk, Refusal};
use super::settings::{AacProfile, AacSettings};
use crate::audio::{Channels, PcmSpec};
use crate::codec::formats::EncoderDraft;
use crate::codec::input::whole_frames;
use crate::codec::{Encoder, EncoderSettings};
use crate::error::{Error, Result};
use crate::packet::Packet;
use crate::units::FrameCount;

impl EncoderSettings for AacSettings {
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>> {
        check_combination(self.profile, spec)?;
        let fdk = Fdk::open(spec, self.profile, bits(self.bitrate), self.afterburner);
        let fdk = fdk.map_err(|refusal| match refusal {
            Refusal::Bitrate(_) => refused_bitrate(self, spec),
            Refusal::Combination => {
                Error::setting("profile", format!("FDK-AAC has no {} in {}", self.profile, shape(spec)))
            }
            Refusal::Failure(code) => Error::Encoder(format!("FDK-AAC cannot be opened, code {code:#x}")),
        })?;
        Ok(Box::new(AacEncoder { fdk, spec, dither: Dither::new(), waiting: Vec::new(), flushed: false }))
    }

    fn content_type(&self) -> &str {
        "audio/aac"
    }

    fn codecs(&self) -> Option<&str> {
        Some(self.profile.codecs())
    }

    fn bitrate(&self) -> Option<u32> {
        Some(self.bitrate)
    }

    fn is_same(&self, other: &dyn EncoderSettings) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
}

impl EncoderDraft for AacSettings {
    fn finish(mut self: Box<Self>, is_given: &dyn Fn(&str) -> bool) -> Arc<dyn EncoderSettings> {
        if !is_given("bitrate") {
            self.bitrate = self.profile.usual_bitrate();
        }
        Arc::new(*self)
    }
}

/// PCM in, whole ADTS packets out.
struct AacEncoder {
    fdk: Fdk,
    spec: PcmSpec,
    dither: Dither,
    /// The beginning of the next packet's samples.
    waiting: Vec<i16>,
    flushed: bool,
}

impl Encoder for AacEncoder {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        if self.flushed {
            return Err(Error::Encoder("AAC: it has been flushed".into()));
        }
        whole_frames(pcm, self.spec.channels)?;
        self.waiting.extend(pcm.iter().map(|sample| self.dither.sample(*sample)));
        self.encode_waiting(packets)
    }

    fn flush(&mut self, packets: &mut Vec<Packet>) -> Result<()> {
        if mem::replace(&mut self.flushed, true) {
            return Ok(());
        }
        // Silence as long as the delay pushes the last frame out. More silence fills up the last packet.
        let delayed = self.fdk.delay as usize * self.spec.channels.count();
        let end = (self.waiting.len() + delayed).next_multiple_of(self.packet_samples());
        self.waiting.resize(end, 0);
        self.encode_waiting(packets)
    }

    fn delay(&self) -> FrameCount {
        FrameCount(self.fdk.delay.into())
    }
}

impl AacEncoder {
    fn packet_samples(&self) -> usize {
        self.fdk.packet_frames as usize * self.spec.channels.count()
    }

    /// Encodes the waiting samples that fill whole packets.
    fn encode_waiting(&mut self, packets: &mut Vec<Packet>) -> Result<()> {
        let size = self.packet_samples();
        let whole = self.waiting.len() / size * size;
        for samples in self.waiting[..whole].chunks_exact(size) {
            let bytes = self.fdk.encode(samples)?;
            let header = bytes.first_chunk().copied().and_then(adts::parse);
            if header.is_none_or(|header| header.len != bytes.len()) {
                return Err(Error::Encoder("FDK-AAC's output is not a packet".into()));
            }
            packets.push(Packet { bytes: bytes.into(), frames: self.fdk.packet_frames });
        }
        self.waiting.drain(..whole);
        Ok(())
    }
}

/// Refuses unsupported combinations, and names those that work.
fn check_combination(profile: AacProfile, spec: PcmSpec) -> Result<()> {
    if profile == AacProfile::HeV2 && spec.channels == Channels::Mono {
        return Err(Error::setting(
            "profile",
            "he-v2 describes the difference of two channels, so there is none in mono: take he, or two channels",
        ));
    }
    let rates = profile.rates();
    if rates.contains(&spec.rate.hz()) {
        return Ok(());
    }
    let rates: Vec<String> = rates.iter().map(u32::to_string).collect();
    Err(Error::setting(
        "sample_rate",
        format!("AAC {profile} has no {}: it has {}", spec.rate, rates.join(", ")),
    ))
}

/// The lowest and the highest bitrate. FDK-AAC does not refuse a bitrate but takes the nearest one, so it can
/// be asked.
fn refused_bitrate(settings: &AacSettings, spec: PcmSpec) -> Error {
    let AacSettings { bitrate, profile, .. } = *settings;
    let end = |asked| match Fdk::open(spec, profile, asked, false) {
        Err(Refusal::Bitrate(took)) => Some(took / 1000),
        _ => None,
    };
    let lowest = end(1).map(|low| {
        // The limit may be a fraction of a kilobit.
        let opens = Fdk::open(spec, profile, bits(low), false).is_ok();
        if opens { low } else { low + 1 }
    });
    let reason = match lowest.zip(end(bits(u32::MAX))) {
        Some((low, high)) => {
            format!("AAC {profile} in {} takes {low} to {high} kbit/s, not {bitrate}", shape(spec))
        }
        None => format!("AAC {profile} in {} does not take {bitrate} kbit/s", shape(spec)),
    };
    Error::setting("bitrate", reason)
}

fn shape(spec: PcmSpec) -> String {
    let channels = match spec.channels {
        Channels::Mono => "mono",
        Channels::Stereo => "stereo",
    };
    format!("{channels} at {}", spec.rate)
}

/// Converts kilobits to bits. A number that is too large becomes one that FDK-AAC refuses.
fn bits(kilobits: u32) -> u32 {
    kilobits.min(10_000) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SampleRate;

    fn refusal(bitrate: u32, profile: AacProfile, hz: u32, channels: Channels) -> (&'static str, String) {
        let spec = PcmSpec { rate: SampleRate::new(hz).unwrap(), channels };
        match (AacSettings { bitrate, profile, ..AacSettings::default() }.open(spec)).err() {
            Some(Error::Setting { key, reason }) => (key, reason),
            other => panic!("{bitrate} {profile} {hz}: {other:?}"),
        }
    }

    #[test]
    fn what_aac_cannot_do_is_refused_with_what_it_can() {
        use AacProfile::{He, HeV2, Lc};
        use Channels::{Mono, Stereo};
        let (key, reason) = refusal(32, HeV2, 44_100, Mono);
        assert_eq!(key, "profile");
        assert!(reason.contains("take he, or two channels"), "{reason}");
        for profile in AacProfile::ALL {
            let (key, reason) = refusal(64, profile, 37_800, Stereo);
            assert_eq!(key, "sample_rate");
            assert!(reason.contains("32000, 44100, 48000"), "{reason}");
        }
        assert_eq!(refusal(16, He, 12_000, Stereo).0, "sample_rate");
        for (bitrate, profile, hz, channels, range) in [
            (0, Lc, 44_100, Stereo, "13 to 529"),
            (12, Lc, 44_100, Stereo, "13 to 529"),
            (530, Lc, 44_100, Stereo, "13 to 529"),
            (320, Lc, 44_100, Mono, "11 to 264"),
            (320, Lc, 22_050, Stereo, "7 to 264"),
            (15, He, 44_100, Stereo, "16 to 264"),
            (7, HeV2, 32_000, Stereo, "8 to 96"),
            (128, HeV2, 32_000, Stereo, "8 to 96"),
            (u32::MAX, HeV2, 44_100, Stereo, "12 to 132"),
        ] {
            let (key, reason) = refusal(bitrate, profile, hz, channels);
            assert_eq!(key, "bitrate");
            assert!(reason.contains(range), "{reason}");
        }
    }

    #[test]
    fn every_rate_that_is_offered_opens() {
        for profile in AacProfile::ALL {
            for hz in profile.rates() {
                let spec = PcmSpec { rate: SampleRate::new(*hz).unwrap(), channels: Channels::Stereo };
                let settings = AacSettings { bitrate: 40, profile, ..AacSettings::default() };
                assert!(settings.open(spec).is_ok(), "{profile} {hz}");
            }
        }
    }

    #[test]
    fn profiles_go_by_their_names() {
        for profile in AacProfile::ALL {
            assert_eq!(profile.to_string().parse::<AacProfile>().unwrap(), profile);
        }
        let error = "HE".parse::<AacProfile>().unwrap_err();
        assert_eq!(error.to_string(), "profile: \"HE\" is none of lc, he and he-v2");
    }
}
