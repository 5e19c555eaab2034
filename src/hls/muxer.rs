//! Writes segments as MPEG-TS: tables, titles, audio.

use super::clock::HlsClock;
use super::id3;
use super::packet::{HlsPacket, ShownTitle};
use super::pes::{self, StreamId};
use super::profile::Profile;
use super::psi::{self, AUDIO_PID, ID3_PID, PAT_PID, PMT_PID};
use super::ts::{self, Pid, UnitClock};
use crate::units::FramePos;

/// The longest audio of one PES packet, in milliseconds, if it has more than one packet. Each costs a header,
/// and a player can begin with any of them.
const PES_MILLIS: u64 = 200;

/// The muxer of one variant. One segment is written at a time.
#[derive(Debug)]
pub(super) struct Muxer {
    clock: HlsClock,
    pat: (Pid, Vec<u8>),
    pmt: (Pid, Vec<u8>),
    audio: Pid,
    id3: Pid,
    /// The segment that is being written.
    out: Vec<u8>,
    /// Whether it has no audio yet.
    is_first_audio: bool,
    /// The next PES packet of audio.
    unit: AudioUnit,
    /// A PES packet before it is cut. The buffer is reused.
    scratch: Vec<u8>,
}

/// Packets that follow each other without a gap.
#[derive(Debug, Default)]
struct AudioUnit {
    at: FramePos,
    end: FramePos,
    bytes: Vec<u8>,
}

impl Muxer {
    pub fn new(clock: HlsClock, profile: Profile) -> Muxer {
        Muxer {
            clock,
            pat: (Pid::new(PAT_PID), psi::pat()),
            pmt: (Pid::new(PMT_PID), psi::pmt(profile.stream_type(clock.rate()))),
            audio: Pid::new(AUDIO_PID),
            id3: Pid::new(ID3_PID),
            out: Vec::new(),
            is_first_audio: true,
            unit: AudioUnit::default(),
            scratch: Vec::new(),
        }
    }

    /// Begins a segment at this position with the title in force there.
    pub fn begin(&mut self, at: FramePos, title: &ShownTitle) {
        self.is_first_audio = true;
        for (pid, section) in [&mut self.pat, &mut self.pmt] {
            pid.write_section(&mut self.out, section);
        }
        self.write_title(at, title);
    }

    /// Appends a packet of audio.
    pub fn push(&mut self, packet: &HlsPacket) {
        let frames = packet.end().0 - self.unit.at.0.min(packet.end().0);
        let fits = packet.at == self.unit.end
            && frames * 1000 <= PES_MILLIS * u64::from(self.clock.rate().hz())
            && self.unit.bytes.len() + packet.bytes.len() <= pes::MAX_PAYLOAD;
        if !fits {
            self.write_audio();
        }
        if self.unit.bytes.is_empty() {
            self.unit.at = packet.at;
        }
        self.unit.end = packet.end();
        self.unit.bytes.extend_from_slice(&packet.bytes);
    }

    /// Writes a title that is in force from this position on. It comes before the audio that it belongs to.
    pub fn write_title(&mut self, at: FramePos, title: &ShownTitle) {
        self.scratch.clear();
        pes::write(&mut self.scratch, StreamId::Id3, self.clock.pts(at), &id3::tag(title));
        self.id3.write_unit(&mut self.out, UnitClock::default(), &self.scratch);
    }

    /// How many bytes the segment will have at most if it ends with this packet.
    pub fn bytes_with(&self, packet: &HlsPacket) -> usize {
        // Either all goes into one more unit, or the packet needs one of its own.
        let units = [self.unit.bytes.len(), packet.bytes.len()];
        self.out.len() + units.iter().map(|bytes| ts::most_bytes(pes::HEADER + bytes)).sum::<usize>()
    }

    /// Ends the segment, and returns its bytes.
    pub fn finish(&mut self) -> Vec<u8> {
        self.write_audio();
        let next = Vec::with_capacity(self.out.len() + self.out.len() / 8);
        std::mem::replace(&mut self.out, next)
    }

    fn write_audio(&mut self) {
        if self.unit.bytes.is_empty() {
            return;
        }
        let at = self.unit.at;
        self.scratch.clear();
        pes::write(&mut self.scratch, StreamId::Audio, self.clock.pts(at), &self.unit.bytes);
        // ISO 13818-1 wants a PCR every 100 ms.
        let middle = FramePos(at.0 + (self.unit.end - at).0 / 2);
        let pcrs = Some([at, middle].map(|at| self.clock.pcr(at)));
        let clock = UnitClock { pcrs, is_random_access: self.is_first_audio };
        self.audio.write_unit(&mut self.out, clock, &self.scratch);
        self.is_first_audio = false;
        self.unit.bytes.clear();
    }
}
