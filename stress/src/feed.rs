//! A stream in real time: each packet is delivered when it is due.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use crate::packet::{HEAD_BYTES, PacketHead, push_numbered};

/// Delivers each packet when it is due. Packet n is due at n packet durations, so the feed never drifts.
pub struct Feed {
    material: Material,
    frames: u32,
    sample_rate: u32,
    given: u64,
}

enum Material {
    /// Numbered silent packets at this bitrate in kilobits per second.
    Numbered { kbit: u32 },
    /// The packets of a file, looped.
    File { bytes: Vec<u8>, packets: Vec<Range<usize>> },
}

impl Feed {
    /// A feed of numbered packets. `kbit` is one of [`crate::packet::NUMBERED_KBITS`].
    pub fn numbered(kbit: u32) -> Feed {
        Feed { material: Material::Numbered { kbit }, frames: 1152, sample_rate: 44_100, given: 0 }
    }

    /// A feed of the packets of an MP3 or ADTS file, looped.
    pub fn file(path: &Path) -> Result<Feed, String> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (first, packets) =
            packets(&bytes).ok_or_else(|| format!("{}: no MP3 or ADTS packets", path.display()))?;
        Ok(Feed {
            material: Material::File { bytes, packets },
            frames: first.frames,
            sample_rate: first.sample_rate,
            given: 0,
        })
    }

    pub fn content_type(&self) -> &'static str {
        // An ADTS packet has 1,024 frames, an MP3 packet never has.
        if self.frames == 1024 { "audio/aac" } else { "audio/mpeg" }
    }

    /// The average bitrate in kilobits per second.
    pub fn kbit(&self) -> u32 {
        match &self.material {
            Material::Numbered { kbit } => *kbit,
            Material::File { packets, .. } => {
                let bytes: usize = packets.iter().map(Range::len).sum();
                let seconds = packets.len() as f64 * self.packet_seconds();
                (bytes as f64 / 125.0 / seconds).round() as u32
            }
        }
    }

    /// When the next packet is due, counted from the start of the feed.
    pub fn next_due(&self) -> Duration {
        Duration::from_secs_f64(self.given as f64 * self.packet_seconds())
    }

    /// Appends the next packet if it is due at `elapsed`.
    pub fn take(&mut self, elapsed: Duration, out: &mut Vec<u8>) -> bool {
        if self.next_due() > elapsed {
            return false;
        }
        match &self.material {
            Material::Numbered { kbit } => push_numbered(out, *kbit, self.given),
            Material::File { bytes, packets } => {
                let packet = packets[(self.given % packets.len() as u64) as usize].clone();
                out.extend_from_slice(&bytes[packet]);
            }
        }
        self.given += 1;
        true
    }

    fn packet_seconds(&self) -> f64 {
        f64::from(self.frames) / f64::from(self.sample_rate)
    }
}

/// The first chain of packets in a file, without the tags before and after it, and without a first packet
/// that holds only a Xing or Info table.
fn packets(bytes: &[u8]) -> Option<(PacketHead, Vec<Range<usize>>)> {
    const FEWEST: usize = 10;
    let head_at = |at: usize| PacketHead::parse(bytes.get(at..at + HEAD_BYTES)?.first_chunk()?);
    // The search begins after an ID3v2 tag, because a picture in it may look like packets.
    let mut start = match bytes {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] => {
            10 + [a, b, c, d].into_iter().fold(0, |size, &byte| size << 7 | usize::from(byte & 0x7f))
        }
        _ => 0,
    };
    while start < bytes.len() {
        let mut packets = Vec::new();
        let first = head_at(start);
        let mut at = start;
        while let Some((head, first)) = head_at(at).zip(first)
            && first.goes_on_with(&head)
            && at + head.bytes <= bytes.len()
        {
            packets.push(at..at + head.bytes);
            at += head.bytes;
        }
        if let Some(first) = first.filter(|_| packets.len() > FEWEST) {
            let table = &bytes[packets[0].clone()];
            if table.windows(4).take(64).any(|four| four == b"Xing" || four == b"Info") {
                packets.remove(0);
            }
            return Some((first, packets));
        }
        start += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Feed, packets};
    use crate::packet::push_numbered;

    #[test]
    fn a_minute_of_feed_is_a_minute_of_audio() {
        let mut feed = Feed::numbered(128);
        let mut stream = Vec::new();
        let mut count = 0;
        for ms in 0..=60_000 {
            while feed.take(Duration::from_millis(ms), &mut stream) {
                count += 1;
            }
        }
        // Packet 0 is due at once.
        assert_eq!(count, (60.0_f64 * 44_100.0 / 1152.0).floor() as u64 + 1);
        assert!((stream.len() as f64 - 960_000.0).abs() < 420.0, "{} bytes", stream.len());
        assert_eq!(feed.kbit(), 128);
    }

    #[test]
    fn tags_and_tables_are_no_packets() {
        let mut file = b"ID3\x04\0\0\0\0\x01\x00".to_vec();
        file.resize(10 + 128, 0xff);
        let audio = file.len();
        let mut table = Vec::new();
        push_numbered(&mut table, 128, 0);
        table[36..40].copy_from_slice(b"Info");
        let table_bytes = table.len();
        file.extend(table);
        (1..30).for_each(|number| push_numbered(&mut file, 128, number));
        let end = file.len();
        file.extend_from_slice(b"TAG and so on");
        let (first, packets) = packets(&file).unwrap();
        assert_eq!(first.sample_rate, 44_100);
        assert_eq!(packets.len(), 29);
        assert_eq!((packets[0].start, packets[28].end), (audio + table_bytes, end));
    }

    #[test]
    fn a_text_has_no_packets() {
        assert!(packets(&b"To be, or not to be".repeat(1000)).is_none());
    }
}
