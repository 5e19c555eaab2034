//! Kinds of files that are often taken for music and cannot be played. Each gets a sentence that says what it
//! is and what helps.

/// How much of a file's beginning tells its kind.
pub(super) const HEAD: usize = 2048;

/// The lengths that packets of an MPEG transport stream have in files, and how many in a row prove one.
const TS_PACKETS: [usize; 3] = [188, 192, 204];
const TS_PROOF: usize = 5;

/// What is said of Audible's audiobooks in MP4 (AAX).
pub(super) const AUDIBLE: &str = "is an audiobook of Audible (AAX), encrypted for its buyer, and cannot be played: \
     `ffmpeg -activation_bytes BYTES -i it -c copy new.m4a`, with the BYTES of the buyer's account, makes a file \
     that can";

/// Why a file that begins so cannot be played, if that is known.
pub(super) fn not_played(head: &[u8]) -> Option<String> {
    let at = |at: usize, word: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(word));
    let convertible = [
        (0, &b"MAC "[..], "Monkey's Audio"),
        (0, b"wvpk", "WavPack"),
        (0, b"MPCK", "Musepack"),
        (0, b"MP+", "Musepack"),
        (0, b"TTA1", "True Audio (TTA)"),
        (0, b"TTA2", "True Audio (TTA)"),
        (0, b"tBaK", "TAK"),
        (0, b"OFR ", "OptimFROG"),
        (0, b"ajkg", "Shorten"),
        (0, b"DSD ", "DSD"),
        (0, b"FRM8", "DSD"),
        (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (WMA)"),
        (0, b".RMF", "RealAudio"),
        (0, b".ra\xfd", "RealAudio"),
        (0, b".snd", "Sun audio (AU)"),
        (0, b"#!AMR", "AMR"),
        (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
        (0, b"FLV\x01", "Flash video"),
        (0, b"\x0b\x77", "AC-3"),
        (0, b"\x7f\xfe\x80\x01", "DTS"),
        (0, b"\x00\x00\x01\xba", "MPEG video"),
        (28, b"Speex   ", "Speex"),
        (28, b"\x80theora", "Theora video"),
        (0, b"Creative Voice File\x1a", "Creative Voice (VOC)"),
        (4, b"\x57\x90\x75\x36", "an old audiobook of Audible (AA)"),
        (4, b"\xf8\x72\x6f\xba", "Dolby TrueHD"),
        (4, b"\xf8\x72\x6f\xbb", "Meridian Lossless Packing (MLP)"),
        (0, b"RIFX", "WAV in the other order of bytes (RIFX)"),
    ];
    if let Some((_, _, name)) = convertible.iter().find(|(place, word, _)| at(*place, word)) {
        return Some(format!(
            "is {name}, which cannot be played: `ffmpeg -i it new.flac` makes a file that can"
        ));
    }
    if is_transport_stream(head) {
        return Some(
            "is an MPEG transport stream: `ffmpeg -i it -vn -c copy new.m4a`, or `new.mp3`, makes a file of \
             its sound"
                .to_owned(),
        );
    }
    if [&b"FWS"[..], b"CWS", b"ZWS"].iter().any(|word| at(0, word))
        && head.get(3).is_some_and(|byte| *byte < 64)
    {
        return Some(
            "is a Flash film (SWF): `ffmpeg -i it -vn new.flac` makes a file of its sound".to_owned(),
        );
    }
    if is_cue_sheet(head) {
        return Some("is a cue sheet, which holds no sound; give the file that it names".to_owned());
    }
    if at(0, b"RIFF") && at(8, b"AVI ") {
        return Some("is a film (AVI): `ffmpeg -i it -vn new.flac` makes a file of its sound".to_owned());
    }
    let synthesised = [
        (0, &b"MThd"[..], "MIDI"),
        (0, b"Extended Module: ", "a tracker module (XM)"),
        (0, b"IMPM", "a tracker module (IT)"),
        (44, b"SCRM", "a tracker module (S3M)"),
        (0, b"PSID", "a SID tune"),
    ];
    if let Some((_, _, name)) = synthesised.iter().find(|(place, word, _)| at(*place, word)) {
        return Some(format!(
            "is {name}: notes, and no recording. Render it to a WAV file with the program that it was made for"
        ));
    }
    let others = [
        (0, &b"#EXTM3U"[..], "is a playlist; give it as one"),
        (0, b"[playlist]", "is a playlist; give it as one"),
        (0, b"PK\x03\x04", "is a ZIP archive: unpack it"),
        (0, b"Rar!", "is a RAR archive: unpack it"),
        (0, b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it"),
        (0, b"\x1f\x8b", "is packed with gzip: unpack it"),
        (0, b"\xff\xd8\xff", "is a picture (JPEG)"),
        (0, b"\x89PNG", "is a picture (PNG)"),
        (0, b"%PDF", "is a document (PDF)"),
        (0, b"<!DOCTYPE", "is a web page, perhaps instead of the file that should have been downloaded"),
        (0, b"<html", "is a web page, perhaps instead of the file that should have been downloaded"),
    ];
    let other = others.iter().find(|(place, word, _)| at(*place, word));
    other.map(|(_, _, sentence)| (*sentence).to_owned())
}

/// Whether packets of an MPEG transport stream are there: each begins with the same byte. Inside them there
/// is MP3 or AAC in pieces, which would be played as noise.
fn is_transport_stream(head: &[u8]) -> bool {
    TS_PACKETS.iter().any(|&length| {
        (0..length).any(|begin| (0..TS_PROOF).all(|packet| head.get(begin + packet * length) == Some(&0x47)))
    })
}

/// Whether the lines of a cue sheet are there: one names a file, and one a track.
fn is_cue_sheet(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let begins = |line: &[u8], word: &[u8]| {
        line.trim_ascii_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let opens = [&b"FILE "[..], b"REM ", b"TITLE ", b"PERFORMER ", b"CATALOG "];
    opens.iter().any(|word| begins(first, word))
        && head.split(|byte| *byte == b'\n').any(|line| begins(line, b"FILE "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_played_is_named_and_the_remedy_too() {
        let said = |head: &[u8]| not_played(head).unwrap_or_default();
        assert!(said(b"MAC \x96\x0f").contains("Monkey's Audio") && said(b"wvpk").contains("ffmpeg -i it"));
        assert!(said(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9").contains("WMA"));
        assert!(said(b"RIFF\0\0\0\0AVI LIST").contains("a film"));
        assert!(said(b"MThd\0\0\0\x06").contains("MIDI"));
        assert!(said(&[&[0; 44][..], b"SCRM"].concat()).contains("S3M"));
        assert!(
            said(b"Creative Voice File\x1a\x1a\0").contains("VOC")
                && said(b"RIFX\0\0\x10\0WAVE").contains("RIFX")
        );
        assert!(said(b"\0\x10\0\0\xf8\x72\x6f\xba").contains("TrueHD"));
        assert!(
            said(b"CWS\x09\0\0").contains("SWF") && said(b"FILE \"a.wav\" WAVE\r\n").contains("cue sheet")
        );
        assert!(said(b"\xef\xbb\xbfREM GENRE Rock\r\nfile \"a.wav\" WAVE\r\n").contains("cue sheet"));
        for (length, begin) in [(188, 0), (188, 100), (192, 4), (204, 0)] {
            let mut stream = vec![0xff; 2048];
            (begin..2048).step_by(length).for_each(|at| stream[at] = 0x47);
            assert!(said(&stream).contains("transport stream"), "{length} from {begin}");
            stream[begin + 2 * length] = 0;
            assert!(
                !said(&stream[..begin + 5 * length]).contains("transport stream"),
                "{length}: four at most"
            );
        }
        assert!(said(b"\0\x10\0\0\x57\x90\x75\x36\0\0\0\x0c").contains("Audible (AA), which"));
        assert!(said(b"<!DOCTYPE html>").contains("a web page"));
        for played in [&b"fLaC"[..], b"OggS", b"ID3\x03", b"\xff\xfb\x90\x64", b"caff\0\x01", b"", b"x"] {
            assert_eq!(not_played(played), None);
        }
    }
}
