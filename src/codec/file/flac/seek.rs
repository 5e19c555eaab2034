//! Finds the frame with a place in time. Each frame tells its own, so halving the file leads to it, and a
//! table for seeking is not needed. But each part of a joined file counts from zero: they must be known first.

use std::io;

use super::frame::Frame;
use super::metadata::{self, MARKER};
use super::{FlacPackets, Part, rescaled};

/// Where a frame is as near as this, all before it are looked at.
const NEAR: u64 = 128 * 1024;

/// The last frame of a part is looked for within this many bytes before the next part.
const LAST_WITHIN: u64 = 16 << 20;

impl FlacPackets {
    /// Goes to the frame that has a tick in it, or to the last one. Returns the frame's first tick.
    pub(super) fn seek_to(&mut self, to: u64) -> io::Result<u64> {
        self.window.grow()?;
        self.find_parts()?;
        let rate = self.shape.rate;
        let begins = |part: &Part| part.begin <= rescaled(to, rate, part.first.shape.rate);
        self.part = self.parts.iter().rposition(begins).unwrap_or(0);
        let part = self.parts[self.part];
        let end = self.parts.get(self.part + 1).map_or(self.window.len(), |next| next.first.at);
        let own_rate = part.first.shape.rate;
        let frame = self.frame_with(rescaled(to, rate, own_rate), part, end)?;
        (self.at, self.before, self.waiting) = (frame.at, None, None);
        Ok(rescaled(part.tick(&frame), own_rate, rate))
    }

    /// The frame with a tick in a part that ends at `end`.
    fn frame_with(&mut self, tick: u64, part: Part, end: u64) -> io::Result<Frame> {
        let (mut low, mut high) = (part.first, end);
        while high.saturating_sub(low.end()) > NEAR {
            let middle = low.end() + (high - low.end()) / 2;
            match self.window.frame(middle..high, part.info)? {
                Some(frame) if part.tick(&frame) <= tick => low = frame,
                _ => high = middle,
            }
        }
        while part.end_tick(&low) <= tick
            && let Some(next) = self.window.frame(low.end()..end, part.info)?
        {
            low = next;
        }
        Ok(low)
    }

    /// Looks for the parts that are not known yet. Most files have one, and only of the others, and of those
    /// that lie about their length, all bytes are read.
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
                let Some(first) = self.window.frame(audio..len, Some(info))? else { continue };
                at = first.end();
                let part = self.parts[self.parts.len() - 1];
                let last = self.window.last_frame(part.first.at..place, part.info, LAST_WITHIN)?;
                let next = part.next(&mut self.window, last.as_ref(), Some(info), first)?;
                self.parts.push(next);
            }
        }
        self.searched_to = len;
        Ok(())
    }

    /// Whether the file has as much sound as it declares, and time only grows in it: it has one part.
    fn is_one_part(&mut self) -> io::Result<bool> {
        const PLACES: u64 = 8;
        let &[part] = &self.parts[..] else { return Ok(false) };
        let all = part.first.at..self.window.len();
        let Some(last) = self.window.last_frame(all, part.info, super::LAST_WITHIN)? else {
            return Ok(false);
        };
        if part.info.is_none_or(|info| info.frames != part.end_tick(&last)) {
            return Ok(false);
        }
        let mut before = part.first;
        for place in 1..=PLACES {
            let at = part.first.at + (last.at - part.first.at) * place / PLACES;
            let Some(frame) = self.window.frame(at..last.end(), part.info)? else { return Ok(false) };
            if frame.at > before.at && !frame.may_follow(&before) {
                return Ok(false);
            }
            before = frame;
        }
        Ok(true)
    }
}
