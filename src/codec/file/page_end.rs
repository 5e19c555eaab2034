//! The end of an Ogg stream. The position on its last page may be before the end of its packets: then the rest
//! is the encoder's padding. The positions of other pages cut nothing, whatever they say.

use symphonia::core::packet::Packet;
use symphonia::core::units::Duration as Ticks;

/// What the reader would cut off, until it is known whether it was the end.
#[derive(Default)]
pub(super) struct PageEnd {
    /// The end of the last packet, if time goes on from there.
    expected: Option<i64>,
    /// How many frames of the packet lie behind the position of its page.
    excess: usize,
    /// Whether the page's position, or that of a page that agrees with it, has left anything of its packets.
    /// Otherwise the position is before its own packets, and wrong.
    has_sound: bool,
    cut: Vec<f32>,
}

impl PageEnd {
    /// Has all of a packet decoded, and remembers how much of it the position would cut off. What was cut off
    /// the page before is heard if this packet is from another one.
    pub(super) fn next_packet(&mut self, packet: &mut Packet, pcm: &mut Vec<f32>) {
        let begin = packet.pts.get();
        if self.expected != Some(begin) {
            pcm.append(&mut self.cut);
            self.has_sound = false;
        }
        let whole = packet.trim_start.get() + packet.dur.get() + packet.trim_end.get();
        self.expected = Some(begin.saturating_add_unsigned(whole));
        self.has_sound |= packet.dur.get() > 0;
        self.excess = usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX);
        packet.dur = packet.dur.saturating_add(packet.trim_end);
        packet.trim_end = Ticks::ZERO;
    }

    /// Cuts the end off the packet's frames, which are in `pcm` from `begin` on.
    pub(super) fn cut(&mut self, pcm: &mut Vec<f32>, begin: usize, channels: usize) {
        let count = self.excess.saturating_mul(channels).min(pcm.len() - begin);
        self.excess = 0;
        self.cut.extend(pcm.drain(pcm.len() - count..));
    }

    /// At the end of the stream: appends what was cut off without reason.
    pub(super) fn finish(&mut self, pcm: &mut Vec<f32>) {
        let PageEnd { has_sound, mut cut, .. } = std::mem::take(self);
        if !has_sound {
            pcm.append(&mut cut);
        }
    }
}
