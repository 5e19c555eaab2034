//! Reads the gain in LAME's own tag: in the first packet of an MP3 file, which has no sound.

use std::io;

use super::Found;
use super::gain::{Gains, sane_db, sane_peak};
use crate::codec::file::source::Bytes;
use crate::codec::mp3::header::{self, FileInfo};

/// Older versions of LAME aimed at 83 dB instead of 89 dB.
const OLD_TARGET_DB: f32 = 6.0;

/// The bytes from the word `Xing` to the encoder's name: flags, two lengths, a table and a quality, if all
/// are there.
const FIELDS: [(u32, usize); 4] = [(1, 4), (2, 4), (4, 100), (8, 4)];

/// Reads the tag in the packet at `at`, if there is one.
pub(in crate::codec::file) fn read(bytes: &mut Bytes, at: u64, found: &mut Found) -> io::Result<()> {
    let packet = bytes.up_to(at, header::MAX_PACKET_BYTES)?;
    if let Some(gains) = gains(&packet) {
        found.gains.fill_from(&gains);
    }
    Ok(())
}

fn gains(packet: &[u8]) -> Option<Gains> {
    let header = header::parse(*packet.first_chunk()?)?;
    let FileInfo::Xing(tag) = header::file_info(&header, packet)? else { return None };
    let flags = u32::from_be_bytes(*tag.first_chunk()?);
    let fields: usize = FIELDS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, length)| length).sum();
    let lame = tag.get(4 + fields..)?.first_chunk::<19>()?;
    let is_old = is_old(lame.strip_prefix(b"LAME")?);
    let [.., p, q, r, s, a, b, c, d] = *lame;
    let peak = u32::from_be_bytes([p, q, r, s]) as f32 / (1 << 23) as f32;
    let (mut gains, mut read) = (Gains { track_peak: sane_peak(peak), ..Gains::default() }, false);
    for gain in [[a, b], [c, d]].map(u16::from_be_bytes) {
        // Three bits for the kind of gain, three for who set it, a sign, and tenths of a decibel.
        let (kind, set_by, tenths) = (gain >> 13, gain >> 10 & 7, f32::from(gain & 0x1ff) / 10.0);
        let db = if gain & 0x200 == 0 { tenths } else { -tenths } + if is_old { OLD_TARGET_DB } else { 0.0 };
        match kind {
            _ if set_by == 0 => continue,
            1 => gains.track = sane_db(db),
            2 => gains.album = sane_db(db),
            _ => continue,
        }
        read = true;
    }
    read.then_some(gains)
}

/// Whether a version such as `3.100` is before 3.95.
fn is_old(version: &[u8]) -> bool {
    let text: String = version.iter().take(5).map(|&byte| char::from(byte)).collect();
    let mut numbers =
        text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) < (3, 95)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with LAME's tag.
    fn packet(version: &[u8; 9], peak: u32, track: u16, album: u16) -> Vec<u8> {
        let mut packet = vec![0; 417];
        packet[..4].copy_from_slice(b"\xff\xfb\x90\x64");
        packet[36..44].copy_from_slice(b"Info\0\0\0\x0f");
        let lame = 44 + 112;
        packet[lame..lame + 9].copy_from_slice(version);
        packet[lame + 11..lame + 15].copy_from_slice(&peak.to_be_bytes());
        packet[lame + 15..lame + 17].copy_from_slice(&track.to_be_bytes());
        packet[lame + 17..lame + 19].copy_from_slice(&album.to_be_bytes());
        packet
    }

    #[test]
    fn the_gain_that_lame_found_is_read() {
        let read = |packet: &[u8]| gains(packet).map(|gains| (gains.track, gains.album, gains.track_peak));
        let minus = 1 << 13 | 3 << 10 | 1 << 9 | 65;
        assert_eq!(read(&packet(b"LAME3.100", 1 << 22, minus, 0)), Some((Some(-6.5), None, Some(0.5))));
        let plus = 1 << 13 | 3 << 10 | 24;
        let album = 2 << 13 | 2 << 10 | 30;
        assert_eq!(read(&packet(b"LAME3.99r", 0, plus, album)), Some((Some(2.4), Some(3.0), None)));
        assert_eq!(
            read(&packet(b"LAME3.93 ", 0, minus, 0)),
            Some((Some(-0.5), None, None)),
            "the old target"
        );
        assert_eq!(read(&packet(b"LAME3.100", 0, 1 << 13, 0)), None, "set by nobody");
        assert_eq!(read(&packet(b"Lavc58.54", 0, minus, 0)), None, "another encoder");
        let whole = packet(b"LAME3.100", 0, minus, 0);
        for length in 0..whole.len() {
            let _ = read(&whole[..length]);
        }
        assert_eq!(read(&whole[..170]), None);
    }
}
