//! When the packets of a track are heard.

use std::io;

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3};

use super::describe::Coding;
use super::walk::{Span, Walk};
use crate::codec::aac::adts::RATES;

/// All units (packets, or blocks of PCM) have the same number of ticks: those of the codec. What the index
/// says of their times is believed only where it agrees.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// Ticks in a second.
    pub(super) rate: u32,
    /// Ticks of a unit.
    pub(super) unit: u64,
    /// All ticks.
    pub(super) total: u64,
    /// Whether the index says where the last unit ends.
    pub(super) has_exact_end: bool,
    /// The end that the index tells, right or wrong.
    pub(super) told: u64,
    /// The rate in which the index has times.
    scale: u32,
}

/// What `stts` says: the ticks of all units, and of the first.
#[derive(Clone, Copy, Default)]
struct Told {
    total: u64,
    first: u64,
}

/// The most runs of equal times that are read.
const MAX_RUNS: u64 = 1 << 16;

/// What is read of them at a time.
const PIECE: u64 = 512;

impl Clock {
    /// Reads the times of `count` units.
    pub(super) fn read(
        walk: &mut Walk<'_>,
        stbl: &Span,
        coding: &Coding,
        count: u64,
        scale: Option<u32>,
    ) -> io::Result<Clock> {
        let nominal = match coding {
            Coding::Blocks(blocks) => {
                let (rate, unit) = (blocks.rate, blocks.frames);
                let (total, scale) = (count.saturating_mul(unit), scale.unwrap_or(rate));
                return Ok(Clock { rate, unit, total, has_exact_end: true, told: total, scale });
            }
            Coding::Packets(params) => nominal(params),
        };
        let told = told(walk, stbl)?;
        Ok(Clock::of(nominal, count, scale, told))
    }

    /// The clock of units that have so many frames at a rate by their codec, if that is known.
    fn of(nominal: Option<(u64, u32)>, count: u64, scale: Option<u32>, told: Told) -> Clock {
        // The last unit may be shorter than the others.
        let agrees = |unit: u64| told.total.div_ceil(unit) == count;
        let believed = |rate: u32, unit: u64, scale: u32| {
            let has_exact_end = agrees(unit);
            let total = if has_exact_end { told.total } else { count.saturating_mul(unit) };
            let clock = Clock { rate, unit, total, has_exact_end, told: 0, scale };
            Clock { told: clock.ticks(told.total), ..clock }
        };
        let Some((frames, rate)) = nominal else {
            let (rate, usual) = scale.map_or((48_000, 960), |scale| (scale, u64::from(scale) / 50));
            let unit = match told.total.checked_div(count).unwrap_or(0) {
                0 => usual.max(1),
                _ if agrees(told.first) => told.first,
                mean => mean,
            };
            return believed(rate, unit, rate);
        };
        let scale = scale.unwrap_or(rate);
        let unit = frames * u64::from(scale);
        if unit.is_multiple_of(rate.into()) {
            let unit = unit / u64::from(rate);
            if agrees(unit) || !agrees(frames) {
                return believed(scale, unit, scale);
            }
        }
        // The times are frames, whatever the time scale says; or the scale is too coarse for frames.
        let scale = if agrees(frames) { rate } else { scale };
        believed(rate, frames, scale)
    }

    /// A time of the index, in ticks.
    pub(super) fn ticks(&self, time: u64) -> u64 {
        let ticks = u128::from(time) * u128::from(self.rate) / u128::from(self.scale);
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

/// The frames of a packet, and their rate, as the codec's own description says.
fn nominal(params: &AudioCodecParameters) -> Option<(u64, u32)> {
    let extra = params.extra_data.as_deref().unwrap_or_default();
    let rate = params.sample_rate.filter(|rate| *rate > 0);
    match params.codec {
        CODEC_ID_AAC => aac(extra),
        CODEC_ID_ALAC => Some((u32::from_be_bytes(*extra.first_chunk()?).into(), rate?)),
        CODEC_ID_MP3 => Some((if rate? >= 32_000 { 1152 } else { 576 }, rate?)),
        CODEC_ID_FLAC => {
            let &[a, b, c, d, ..] = extra else { return None };
            let (least, most) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            (least == most).then_some((most.into(), rate?))
        }
        _ => None,
    }
    .filter(|(frames, _)| *frames > 0)
}

/// The same in the description of AAC (`AudioSpecificConfig`), of the core without spectral band replication:
/// that doubles both numbers.
fn aac(config: &[u8]) -> Option<(u64, u32)> {
    const SBR: u64 = 5;
    const PS: u64 = 29;
    let mut at = 0;
    let mut bits = |count: usize| {
        let number = (at..at + count).try_fold(0, |number: u64, bit| {
            let byte = config.get(bit / 8)?;
            Some(number << 1 | u64::from(byte >> (7 - bit % 8) & 1))
        });
        at += count;
        number
    };
    let kind = bits(5)?;
    let mut rate = || match bits(4)? {
        15 => bits(24).map(|rate| rate as u32),
        index => RATES.get(index as usize).copied(),
    };
    let core = rate()?;
    let kind = match kind {
        SBR | PS => {
            bits(4)?;
            if bits(4)? == 15 {
                bits(24)?;
            }
            bits(5)?
        }
        kind => {
            bits(4)?;
            kind
        }
    };
    // Other kinds of AAC have other numbers of frames.
    let short = (1..=4).contains(&kind).then(|| bits(1))??;
    (core > 0).then_some((if short == 1 { 960 } else { 1024 }, core))
}

/// Reads the runs of equal times.
fn told(walk: &mut Walk<'_>, stbl: &Span) -> io::Result<Told> {
    let Some(stts) = walk.find(stbl.clone(), b"stts")? else { return Ok(Told::default()) };
    let there = stts.end.saturating_sub(stts.start + 8) / 8;
    let runs = u64::from(walk.number(stts.start + 4)?.unwrap_or(0)).min(there);
    let mut told = Told::default();
    if runs > MAX_RUNS {
        return Ok(told);
    }
    for from in (0..runs).step_by(PIECE as usize) {
        let piece = walk.media.up_to(stts.start + 8 + from * 8, (PIECE.min(runs - from) * 8) as usize)?;
        for run in piece.as_chunks::<8>().0 {
            let [a, b, c, d, e, f, g, h] = *run;
            let (count, ticks) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
            if told.first == 0 {
                told.first = ticks.into();
            }
            told.total = told.total.saturating_add(u64::from(count) * u64::from(ticks));
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate, the ticks of a unit, and all ticks of a hundred packets of AAC.
    fn of(scale: Option<u32>, total: u64) -> (u32, u64, u64) {
        let clock = Clock::of(Some((1024, 44_100)), 100, scale, Told { total, first: total / 100 });
        (clock.rate, clock.unit, clock.total)
    }

    #[test]
    fn times_that_fit_the_packets_are_believed_and_no_others() {
        assert_eq!(of(Some(44_100), 102_400), (44_100, 1024, 102_400));
        assert_eq!(of(Some(44_100), 102_000), (44_100, 1024, 102_000), "the last packet is shorter");
        assert_eq!(of(Some(88_200), 204_800), (88_200, 2048, 204_800));
        for wrong in [0, 51_200, 101_376, 1_024_000, u64::MAX] {
            assert_eq!(of(Some(44_100), wrong), (44_100, 1024, 102_400), "{wrong}");
        }
        for wrong in [Some(1_000), Some(88_200), None] {
            assert_eq!(of(wrong, 102_000), (44_100, 1024, 102_000), "{wrong:?}: the times are frames");
        }
        assert_eq!(of(Some(1_000), 2_322), (44_100, 1024, 102_400), "milliseconds");
        for nominal in [Some((1024, 44_100)), None] {
            let clock = Clock::of(nominal, 0, Some(44_100), Told::default());
            assert_eq!(clock.total, 0, "an index without packets");
            assert!(clock.unit > 0);
        }
    }

    #[test]
    fn the_description_of_aac_tells_the_frames_of_a_packet() {
        assert_eq!(aac(&[0x12, 0x10]), Some((1024, 44_100)));
        assert_eq!(aac(&[0x12, 0x14]), Some((960, 44_100)));
        // HE-AAC: 44.1 kHz with a core of half of it.
        assert_eq!(aac(&[0x2b, 0x92, 0x08, 0x00]), Some((1024, 22_050)));
        assert_eq!(aac(&[0x12]), None);
        assert_eq!(aac(&[0xff; 8]), None);
    }
}
