//! Finds the packet with a place in time. Each packet tells its own, so halving the file leads to it, and a
//! table for seeking is not needed. But each part of a joined file counts from zero: they must be known first.

use std::io;

use super::metadata::{self, MARKER};
use super::packet::FlacPacket;
use super::{FlacPackets, LAST_WITHIN, Part};
use crate::codec::resample::rescale;

/// Where a packet is as near as this, all before it are looked at.
const NEAR: u64 = 128 * 1024;

/// The last packet of a part is looked for within this many bytes before the next part.
const PART_END_WITHIN: u64 = 16 << 20;

impl FlacPackets {
    /// Goes to the packet that has a tick in it, or to the last one. Returns the packet's first tick.
    pub(super) fn seek_to(&mut self, to: u64) -> io::Result<u64> {
        self.window.grow()?;
        self.find_parts()?;
        let rate = self.shape.rate;
        let begins = |part: &Part| part.begin <= rescale(to, rate, part.first.shape.rate);
        self.part = self.parts.iter().rposition(begins).unwrap_or(0);
        let part = self.parts[self.part];
        let end = self.parts.get(self.part + 1).map_or(self.window.len(), |next| next.first.at);
        let own_rate = part.first.shape.rate;
        let packet = self.packet_with(rescale(to, rate, own_rate), part, end)?;
        (self.at, self.before, self.waiting) = (packet.at, None, None);
        Ok(rescale(part.tick(&packet), own_rate, rate))
    }

    /// The packet with a tick in a part that ends at `end`.
    fn packet_with(&mut self, tick: u64, part: Part, end: u64) -> io::Result<FlacPacket> {
        let (mut low, mut high) = (part.first, end);
        while high.saturating_sub(low.end()) > NEAR {
            let middle = low.end() + (high - low.end()) / 2;
            match self.window.packet(middle..high, part.info)? {
                Some(packet) if part.tick(&packet) <= tick => low = packet,
                _ => high = middle,
            }
        }
        while part.end_tick(&low) <= tick
            && let Some(next) = self.window.packet(low.end()..end, part.info)?
        {
            low = next;
        }
        Ok(low)
    }

    /// Looks for the parts that are not known yet. Most files have one. Of the others, and of those that lie
    /// about their length, all bytes are read.
    fn find_parts(&mut self) -> io::Result<()> {
        let len = self.window.len();
        if self.searched_to >= len {
            return Ok(());
        }
        if !self.is_one_part()? {
            let mut at = self.searched_to.max(self.parts[self.parts.len() - 1].first.end());
            while let Some(place) = self.window.place(at..len, |bytes| bytes == MARKER)? {
                at = place + 1;
                let Some((info, audio)) = metadata::described(&mut self.window, place)? else { continue };
                let Some(first) = self.window.packet(audio..len, Some(info))? else { continue };
                at = first.end();
                let part = self.parts[self.parts.len() - 1];
                let last = self.window.last_packet(part.first.at..place, part.info, PART_END_WITHIN)?;
                let next = part.next(&mut self.window, last.as_ref(), Some(info), first)?;
                self.parts.push(next);
            }
        }
        self.searched_to = len;
        Ok(())
    }

    /// Whether the file is one part: it has as much sound as it declares, or declares none, as an encoder does
    /// that cannot know it; and time only grows in it.
    fn is_one_part(&mut self) -> io::Result<bool> {
        /// How far from the beginning a packet is looked at first.
        const NEAREST: u64 = 1024;
        let &[part] = &self.parts[..] else { return Ok(false) };
        let all = part.first.at..self.window.len();
        let Some(last) = self.window.last_packet(all, part.info, LAST_WITHIN)? else {
            return Ok(false);
        };
        let declared = part.info.map_or(0, |info| info.frames);
        if declared != 0 && declared != part.end_tick(&last) {
            return Ok(false);
        }
        // Another part counts from zero. Each place is half as far again as the one before. So the first in
        // another part is earlier in time, unless that part's sound takes less than half as many bytes.
        let (mut before, mut distance) = (part.first, NEAREST);
        while part.first.at + distance < last.at {
            let at = part.first.at + distance;
            let Some(packet) = self.window.packet(at..last.end(), part.info)? else { return Ok(false) };
            if packet.at > before.at && !packet.may_follow(&before) {
                return Ok(false);
            }
            before = packet;
            distance += distance / 2;
        }
        Ok(last.at <= before.at || last.may_follow(&before))
    }
}
