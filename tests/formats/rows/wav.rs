//! WAV and its relatives.

use crate::make::{
    Bench, FRAMES, LOUD, RATE, SURROUND, SURROUND_7_1, bytes, chunk, find, fmt, frames_at, riff, samples, wav,
};
use crate::row::{Frames, Row};

const RF64: &str = "mutagen does not know RF64";

pub fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows = codecs(bench);
    rows.extend(rates(bench));
    rows.extend(chunks(bench));
    rows.extend(sizes(bench));
    rows
}

fn codecs(bench: &Bench) -> Vec<Row> {
    let plain = "none";
    let codec = |options| bench.ffmpeg("wav", options);
    let blocks = Frames::Within(FRAMES as u64, FRAMES as u64 + 2_048);
    vec![
        Row::new("WAV, 16 bits", plain, bench.wav()),
        Row::new("WAV, 8 bits", plain, codec("-c:a pcm_u8")),
        Row::new("WAV, 24 bits", plain, codec("-c:a pcm_s24le")),
        Row::new("WAV, 32 bits", plain, codec("-c:a pcm_s32le")),
        Row::new("WAV, floats", plain, codec("-c:a pcm_f32le")),
        Row::new("WAV, doubles", plain, codec("-c:a pcm_f64le")),
        Row::new("WAV, A-law", plain, codec("-c:a pcm_alaw")),
        Row::new("WAV, µ-law", plain, codec("-c:a pcm_mulaw")),
        Row::new("WAV, IMA ADPCM", plain, codec("-c:a adpcm_ima_wav")).frames(blocks),
        Row::new("WAV, Microsoft ADPCM", plain, codec("-c:a adpcm_ms")).frames(blocks),
        Row::new("WAV, MP3", "a codec of its own", codec("-c:a libmp3lame -b:a 192k")).frames(blocks),
        Row::new("WAV, 16 bits", "mono", codec("-af pan=mono|c0=c0 -c:a pcm_s16le")),
        Row::new("WAV, extensible", "16 bits in a GUID", bench.file("wav", &extensible(16, 16))),
        Row::new("WAV, extensible", "5.1", codec("-af pan=5.1|FL=FL|FR=FR -c:a pcm_s16le"))
            .level(SURROUND)
            .why(LOUD),
        Row::new("WAV, extensible", "7.1", codec("-af pan=7.1|FL=FL|FR=FR -c:a pcm_s24le"))
            .level(SURROUND_7_1)
            .why(LOUD),
    ]
}

fn rates(bench: &Bench) -> Vec<Row> {
    [
        (8_000, "8 kHz"),
        (11_025, "11.025 kHz"),
        (22_050, "22.05 kHz"),
        (32_000, "32 kHz"),
        (48_000, "48 kHz"),
        (96_000, "96 kHz"),
        (192_000, "192 kHz"),
    ]
    .into_iter()
    .map(|(rate, name)| {
        let frames = Frames::Exactly(frames_at(rate) as u64);
        Row::new("WAV, 16 bits", name, bench.wav_at(rate)).rate(rate).frames(frames)
    })
    .collect()
}

/// Chunks that no player needs, and those with texts.
fn chunks(bench: &Bench) -> Vec<Row> {
    let data: Vec<u8> = samples(RATE, FRAMES).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let format = fmt(1, 2, RATE, 16);
    let file = |before: &[(&[u8; 4], &[u8])], behind: &[(&[u8; 4], &[u8])]| {
        let own: [(&[u8; 4], &[u8]); 2] = [(b"fmt ", &format), (b"data", &data)];
        let chunks: Vec<(&[u8; 4], &[u8])> = [&own[..1], before, &own[1..], behind].concat();
        bench.file("wav", &riff(&chunks))
    };
    let info = |title: &[u8]| [b"INFO", &chunk(b"INAM", title)[..], &chunk(b"IART", b"An artist\0")].concat();
    let id3 =
        super::id3::tag(3, &[super::id3::text(b"TIT2", "From ID3"), super::id3::text(b"TPE1", "An artist")]);
    let bext = [vec![0; 602], b"A=PCM,F=44100\r\n".to_vec()].concat();
    vec![
        Row::new("WAV, 16 bits", "junk in front, of an odd size", file(&[(b"JUNK", &[7; 27])], &[])),
        Row::new("WAV, 16 bits", "bext, as broadcasters write it", file(&[(b"bext", &bext)], &[])),
        Row::new(
            "WAV, 16 bits",
            "cue points and labels behind",
            file(&[], &[(b"cue ", &[0; 28]), (b"LIST", b"adtl")]),
        ),
        Row::new("WAV, 16 bits", "the chunk `fact` lies", file(&[(b"fact", &[1, 0, 0, 0])], &[])),
        Row::new("WAV, 16 bits", "LIST INFO in front", file(&[(b"LIST", &info(b"A title\0"))], &[]))
            .title("A title")
            .artist("An artist")
            .why("mutagen reads only ID3 in WAV"),
        Row::new("WAV, 16 bits", "LIST INFO behind", file(&[], &[(b"LIST", &info(b"A title\0"))]))
            .title("A title")
            .artist("An artist")
            .why("mutagen reads only ID3 in WAV"),
        Row::new("WAV, 16 bits", "LIST INFO in Windows-1252", file(&[(b"LIST", &info(b"Caf\xe9\0"))], &[]))
            .title("Café")
            .artist("An artist")
            .why("ffprobe shows the byte as it is; mutagen reads only ID3 in WAV"),
        Row::new("WAV, 16 bits", "a chunk `id3 ` behind", file(&[], &[(b"id3 ", &id3)]))
            .title("From ID3")
            .artist("An artist"),
    ]
}

/// Sizes that are not those of the file.
fn sizes(bench: &Bench) -> Vec<Row> {
    let whole = wav(RATE, FRAMES);
    let with_size = |riff: u32, data: u32| {
        let mut file = whole.clone();
        let at = find(&file, b"data") + 4;
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        file[at..at + 4].copy_from_slice(&data.to_le_bytes());
        bench.file("wav", &file)
    };
    let real = (whole.len() - 44) as u32;
    vec![
        Row::new("WAV, 16 bits", "sizes of 0: a recorder that was cut off", with_size(0, 0))
            .why("mutagen wants a size"),
        Row::new("WAV, 16 bits", "sizes of 2³²−1: written to a pipe", with_size(u32::MAX, u32::MAX)),
        Row::new("WAV, 16 bits", "a size beyond the end", with_size(real + 36, real + 1_000_000)),
        Row::new("WAV, 16 bits", "RIFF's size is too small", with_size(100, real)),
        Row::new("RF64, 16 bits", "ffmpeg's, sizes in `ds64`", bench.ffmpeg("wav", "-rf64 always")).why(RF64),
        Row::new("RF64, 16 bits", "a size of 0 in `ds64`", {
            let mut file = bytes(&bench.ffmpeg("wav", "-rf64 always"));
            let at = find(&file, b"ds64") + 8;
            file[at..at + 24].fill(0);
            bench.file("wav", &file)
        })
        .why("the others believe the size; mutagen does not know RF64"),
        Row::new("BW64, 16 bits", "sizes in `ds64`", {
            let mut file = bytes(&bench.ffmpeg("wav", "-rf64 always"));
            file[..4].copy_from_slice(b"BW64");
            bench.file("wav", &file)
        })
        .why(RF64),
        Row::new("Wave64, 16 bits", "none", bench.ffmpeg("w64", ""))
            .frames(Frames::Within(FRAMES as u64, FRAMES as u64 + 1))
            .why("mutagen does not know Wave64"),
    ]
}

/// WAVE_FORMAT_EXTENSIBLE.
fn extensible(bits: u16, valid: u16) -> Vec<u8> {
    let mut format = fmt(0xfffe, 2, RATE, bits);
    format.extend(22_u16.to_le_bytes());
    format.extend(valid.to_le_bytes());
    format.extend(3_u32.to_le_bytes());
    format.extend([1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    let data: Vec<u8> = samples(RATE, FRAMES).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    riff(&[(b"fmt ", &format), (b"data", &data)])
}
