//! Weaves ICY blocks into the audio of one connection, at the exact byte, however little the socket takes.

use std::io::IoSlice;
use std::sync::Arc;

use crate::ring::TitleMark;

/// The block without news.
const NOTHING_NEW: &[u8] = &[0];

/// The place of one connection between audio and metadata.
#[derive(Debug)]
pub(crate) struct Weave {
    metaint: u32,
    /// Audio bytes until a block is due, as the socket took them. At 0 the block is due or has begun. It may
    /// have to wait for the audio behind it, because it announces the title of that audio.
    until_block: u32,
    /// The number of the last title that was announced.
    announced: Option<u64>,
    begun: Option<BegunBlock>,
}

/// A block of which the socket took a part. A new title does not change it any more.
#[derive(Debug)]
struct BegunBlock {
    block: Arc<[u8]>,
    /// `0 < taken < block.len()`
    taken: usize,
}

impl Weave {
    pub(crate) fn new(metaint: u32) -> Weave {
        assert!(metaint > 0, "blocks have audio between them");
        Weave { metaint, until_block: metaint, announced: None, begun: None }
    }

    /// Has the next title announced in full, even if its number is the same. For a connection that has moved
    /// to another mount.
    pub(crate) fn forget_title(&mut self) {
        self.announced = None;
    }

    /// The pieces to write next: audio, and the blocks that are due within it. `title_at(n)` is the title in
    /// force at the n-th byte of this audio, if there is one.
    pub(crate) fn gather<'a, 't: 'a>(
        &'a self,
        audio: &[&'a [u8]],
        title_at: impl Fn(u64) -> Option<&'t TitleMark>,
        pieces: &mut Pieces<'a>,
    ) {
        let (mut until_block, mut announced, mut offset) = (self.until_block, self.announced, 0);
        if let Some(begun) = &self.begun {
            pieces.push(&begun.block[begun.taken..]);
            until_block = self.metaint;
        }
        for mut rest in audio.iter().copied() {
            while !rest.is_empty() {
                if until_block == 0 {
                    pieces.push(block_due(title_at(offset), announced));
                    announced = title_at(offset).map(|title| title.number).or(announced);
                    until_block = self.metaint;
                }
                let (now, later) = rest.split_at(rest.len().min(until_block as usize));
                if !pieces.push(now) {
                    return;
                }
                until_block -= now.len() as u32;
                offset += now.len() as u64;
                rest = later;
            }
        }
    }

    /// The socket took `taken` bytes of what `gather` returned for the same audio and titles. Returns how
    /// many of them were audio.
    pub(crate) fn advance<'a>(
        &mut self,
        mut taken: usize,
        title_at: impl Fn(u64) -> Option<&'a TitleMark>,
    ) -> usize {
        let mut audio = 0;
        if let Some(mut begun) = self.begun.take() {
            let now = taken.min(begun.block.len() - begun.taken);
            taken -= now;
            begun.taken += now;
            if begun.taken < begun.block.len() {
                self.begun = Some(begun);
                return 0;
            }
            self.until_block = self.metaint;
        }
        while taken > 0 {
            if self.until_block == 0 {
                let title = title_at(audio as u64);
                let length = block_due(title, self.announced).len();
                self.announced = title.map(|title| title.number).or(self.announced);
                if taken < length {
                    let block = Arc::clone(&title.expect("a block without a title is one byte").icy_block);
                    self.begun = Some(BegunBlock { block, taken });
                    break;
                }
                taken -= length;
                self.until_block = self.metaint;
            }
            let now = taken.min(self.until_block as usize);
            self.until_block -= now as u32;
            audio += now;
            taken -= now;
        }
        audio
    }
}

/// The whole block on join and when the title changes, else the single byte 0.
fn block_due(title: Option<&TitleMark>, announced: Option<u64>) -> &[u8] {
    match title {
        Some(title) if announced != Some(title.number) => &title.icy_block,
        _ => NOTHING_NEW,
    }
}

/// The pieces of one vectored write.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    slices: [IoSlice<'a>; Pieces::MAX],
    count: usize,
    bytes: usize,
}

impl<'a> Pieces<'a> {
    /// A burst of 64 KiB at the usual metaint has eleven pieces. The rest is for the next write.
    const MAX: usize = 24;

    pub(crate) fn new() -> Pieces<'a> {
        Pieces { slices: [IoSlice::new(&[]); Pieces::MAX], count: 0, bytes: 0 }
    }

    /// False if the piece did not fit. Then no other may follow.
    pub(crate) fn push(&mut self, piece: &'a [u8]) -> bool {
        if piece.is_empty() {
            return true;
        }
        if self.count == Pieces::MAX {
            return false;
        }
        self.slices[self.count] = IoSlice::new(piece);
        self.count += 1;
        self.bytes += piece.len();
        true
    }

    pub(crate) fn as_slices(&self) -> &[IoSlice<'a>] {
        &self.slices[..self.count]
    }

    /// The length of all pieces.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::icy::icy_block;
    use crate::metadata::Title;
    use crate::units::StreamPos;
    use proptest::prelude::*;

    /// The audio of a woven stream, and each block's text (nothing for the single 0) with the
    /// number of audio bytes before it. What is cut off in the middle of a block is left out.
    pub(crate) fn unweave(wire: &[u8], metaint: usize) -> (Vec<u8>, Vec<(usize, Vec<u8>)>) {
        let (mut audio, mut blocks, mut rest) = (Vec::new(), Vec::new(), wire);
        loop {
            let (now, later) = rest.split_at(rest.len().min(metaint));
            audio.extend_from_slice(now);
            let Some((sixteens, later)) = later.split_first() else { break };
            let length = usize::from(*sixteens) * 16;
            if later.len() < length {
                break;
            }
            blocks.push((audio.len(), later[..length].to_vec()));
            rest = &later[length..];
        }
        (audio, blocks)
    }

    fn mark(number: u64, from: usize) -> TitleMark {
        let icy_block = icy_block(&Title::new(format!("title {number}{}", "-".repeat(number as usize * 7))));
        TitleMark { from: StreamPos(from as u64), number, icy_block, header: None }
    }

    fn title_at(titles: &[TitleMark], position: usize) -> &TitleMark {
        titles.iter().rev().find(|title| title.from.0 <= position as u64).unwrap()
    }

    /// Sends all audio through a socket that takes as many bytes a write as `takes` says, round
    /// and round, from audio that becomes available as `arrivals` says.
    fn send(
        audio: &[u8],
        titles: &[TitleMark],
        metaint: u32,
        takes: &[usize],
        arrivals: &[usize],
    ) -> Vec<u8> {
        let mut weave = Weave::new(metaint);
        let (mut wire, mut cursor, mut head) = (Vec::new(), 0, 0);
        let (mut takes, mut arrivals) = (takes.iter().cycle(), arrivals.iter().cycle());
        while cursor < audio.len() {
            head = (head + arrivals.next().unwrap()).min(audio.len());
            let middle = cursor + (head - cursor) / 3;
            let mut pieces = Pieces::new();
            let title = |offset: u64| Some(title_at(titles, cursor + offset as usize));
            weave.gather(&[&audio[cursor..middle], &audio[middle..head]], title, &mut pieces);
            let offered: Vec<u8> =
                pieces.as_slices().iter().flat_map(|piece| piece.iter().copied()).collect();
            assert_eq!(offered.len(), pieces.bytes());
            let taken = offered.len().min(*takes.next().unwrap());
            wire.extend_from_slice(&offered[..taken]);
            cursor += weave.advance(taken, title);
        }
        wire
    }

    proptest! {
        #[test]
        fn unweaving_gives_back_audio_and_titles_whatever_the_socket_takes(
            length in 1_usize..3_000,
            metaint in prop_oneof![1_u32..40, 1_u32..3_100],
            takes in prop::collection::vec(1_usize..400, 1..9),
            arrivals in prop::collection::vec(1_usize..700, 1..9),
            mut changes in prop::collection::vec(0_usize..3_000, 0..6),
        ) {
            changes.push(0);
            changes.sort_unstable();
            let titles: Vec<_> = (0..).zip(&changes).map(|(number, from)| mark(number, *from)).collect();
            let audio: Vec<u8> = (0..length).map(|at| (at * 7 + at / 256) as u8).collect();

            let wire = send(&audio, &titles, metaint, &takes, &arrivals);

            let (heard, blocks) = unweave(&wire, metaint as usize);
            prop_assert_eq!(heard, audio);
            let mut announced = None;
            for (index, (position, block)) in blocks.iter().enumerate() {
                prop_assert_eq!(*position, (index + 1) * metaint as usize);
                let title = title_at(&titles, *position);
                if announced == Some(title.number) {
                    prop_assert!(block.is_empty());
                } else {
                    prop_assert_eq!(block.as_slice(), &title.icy_block[1..]);
                    announced = Some(title.number);
                }
            }
        }
    }

    #[test]
    fn a_socket_that_takes_one_byte_at_a_time_gets_the_same_bytes() {
        let audio: Vec<u8> = (0..=255).collect();
        let titles = [mark(0, 0), mark(1, 100), mark(2, 101), mark(3, 200)];
        for metaint in 1..=257 {
            let at_once = send(&audio, &titles, metaint, &[usize::MAX], &[256]);
            assert_eq!(send(&audio, &titles, metaint, &[1], &[256]), at_once);
            assert_eq!(send(&audio, &titles, metaint, &[3], &[1]), at_once);
        }
    }

    #[test]
    fn a_block_waits_for_the_audio_whose_title_it_tells() {
        let mut weave = Weave::new(4);
        let first = mark(0, 0);
        let mut pieces = Pieces::new();
        weave.gather(&[&[1, 2, 3, 4]], |_| Some(&first), &mut pieces);
        assert_eq!(pieces.bytes(), 4);
        assert_eq!(weave.advance(4, |_| Some(&first)), 4);
        let mut pieces = Pieces::new();
        weave.gather(&[], |_| unreachable!("no audio, no title"), &mut pieces);
        assert_eq!(pieces.bytes(), 0);
        let second = mark(1, 4);
        let mut pieces = Pieces::new();
        weave.gather(&[&[5]], |_| Some(&second), &mut pieces);
        assert_eq!(&*pieces.as_slices()[0], &*second.icy_block);
    }
}
