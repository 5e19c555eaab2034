//! Runs each fuzz target for some seconds on randomly changed valid input. docs/TESTING.md says how to run
//! them longer with libFuzzer.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use fastrand::Rng;
use longwave::PcmSpec;
use longwave_testing::sound::{noise, wav};

/// The time for each target.
const TIME: Duration = Duration::from_secs(3);
/// The least number of inputs, however slow the machine is. The unchanged seeds come first.
const LEAST: usize = 200;

/// Runs a target. `LONGWAVE_SEED` repeats a run; `LONGWAVE_FUZZ_SECONDS` sets its time.
fn run(name: &str, seeds: &[Vec<u8>], target: fn(&[u8])) {
    let number = |key: &str| std::env::var(key).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = longwave_testing::seed();
    let time = number("LONGWAVE_FUZZ_SECONDS").map_or(TIME, Duration::from_secs);
    println!("{name}: LONGWAVE_SEED={seed}");
    if let Some(corpus) = std::env::var_os("LONGWAVE_FUZZ_CORPUS") {
        let folder = std::path::Path::new(&corpus).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
    let mut random = Rng::with_seed(seed);
    let (began, mut count) = (Instant::now(), 0);
    while count < LEAST || began.elapsed() < time {
        let mut input = seeds[count % seeds.len()].clone();
        if count >= seeds.len() {
            change(&mut input, seeds, &mut random);
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            let file = std::env::temp_dir().join(format!("longwave-{name}-{seed}"));
            let _ = std::fs::write(&file, &input);
            eprintln!("{name}: input {count} of LONGWAVE_SEED={seed} is kept in {}", file.display());
            resume_unwind(panic);
        }
        count += 1;
    }
    println!("{name}: {count} inputs");
}

/// Makes a few random changes, of kinds that happen on networks and disks.
fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Rng) {
    for _ in 0..random.usize(1..8) {
        let at = random.usize(..=input.len());
        let end = (at + random.usize(..64)).min(input.len());
        match random.u8(..7) {
            0 if at < input.len() => input[at] ^= 1 << random.u8(..8),
            1 if at < input.len() => input[at] = [0, 0xFF, 0x7F, random.u8(..)][random.usize(..4)],
            2 => input.truncate(at),
            3 => drop(input.drain(at..end)),
            4 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let noise: Vec<u8> = (0..random.usize(..32)).map(|_| random.u8(..)).collect();
                input.splice(at..at, noise);
            }
            _ => {
                let other = &seeds[random.usize(..seeds.len())];
                let from = random.usize(..=other.len());
                let to = (from + random.usize(..512)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    input.truncate(64 * 1024);
}

#[test]
fn packets() {
    run("packets", &streams(), targets::packets);
}

#[test]
fn declaration() {
    let seeds = [
        "[server]\nlisten = [\"127.0.0.1:0\"]\nburst = \"4s\"\n\n[[pipeline]]\nname = \"main\"\nplaylist = [\"a\",\n\"b\"]\n\
         crossfade = \"3s\"\nloop = true\n[[pipeline.output]]\nformat = \"mp3\"\nmount = \"/a\"\nfallback_mount = \"/b\"\n\
         [[pipeline.output]]\nformat = \"aac\"\nmount = \"/b\"\nbitrate = 96\nprofile = \"he\"\n",
        "name = \"night\"\nchannels = 1\nsample_rate = 48000\nreplaygain = \"album\"\n[[output]]\nformat = \"mp3\"\n",
        "{\"server\": {\"listen\": \":8001\"}, \"pipeline\": [{\"name\": \"x\", \"loop\": true, \"output\": [{\"format\": \
         \"mp3\", \"mount\": \"/x\", \"metaint\": 100, \"public\": false}]}]}",
        "a = {b = [[1, 2], {c = 1e9}], d = 1979-05-27}\n\"\\u00e9\".x = '''\nmany\nlines'''\n",
    ];
    run("declaration", &seeds.map(|text| text.as_bytes().to_vec()), targets::declaration);
}

#[test]
fn request() {
    let seeds = [
        "GET /stream.mp3?x=1 HTTP/1.1\r\nHost: radio.example:8000\r\nIcy-MetaData: 1\r\nRange: bytes=0-1\r\n\r\n",
        "HEAD http://radio.example/%E2%82%AC.mp3 HTTP/1.0\nUser-Agent: x\nConnection: keep-alive\n\n",
        "SOURCE /live ICE/1.0\ncontent-type: audio/mpeg\nAuthorization: Basic eDp5\n\n",
        "OPTIONS * HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n",
    ];
    let mut seeds: Vec<_> = seeds.iter().map(|text| text.as_bytes().to_vec()).collect();
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-Header: value\r\n".repeat(63));
    seeds.push(many.into_bytes());
    run("request", &seeds, targets::request);
}

#[test]
fn chunks() {
    let seeds = [
        "5\r\nhello\r\n10;name=value\r\n0123456789abcdef\r\n0\r\n\r\n",
        "1\nx\n000\nExpires: never\nX: y\n\nGET / HTTP/1.1\r\n\r\n",
        "ffffffffffffffff\r\nall of it",
    ];
    run("chunks", &seeds.map(|text| text.as_bytes().to_vec()), targets::chunks);
}

#[test]
fn source() {
    let login = "Authorization: Basic ZGo6c2VjcmV0\r\n";
    // As libshout asks: what the server can do, then whether it needs a login, and then it comes.
    let libshout = format!(
        "0OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n\
         SOURCE /live HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n\
         SOURCE /live HTTP/1.1\r\nHost: a\r\n{login}Content-Type: audio/mpeg\r\n\r\naudio"
    );
    let seeds = [
        libshout,
        format!("0SOURCE /live HTTP/1.0\r\n{login}ice-name: x\r\n\r\naudio"),
        format!("0SOURCE /live ICE/1.0\n{login}\nOggS"),
        format!("0PUT /live HTTP/1.1\r\nHost: a\r\n{login}Expect: 100-continue\r\n\r\nuntil close"),
        format!(
            "0PUT /live HTTP/1.1\r\nHost: a\r\n{login}Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n"
        ),
        format!(
            "0PUT /live HTTP/1.1\r\nHost: a\r\n{login}Transfer-Encoding: chunked\r\n\
             Expect: 100-continue\r\n\r\n5\r\nhello\r\n2;x\r\n, \r\n0\r\nA: b\r\n\r\nrest"
        ),
        format!("0POST /live HTTP/1.1\r\nHost: a\r\n{login}Content-Length: 70000\r\n\r\nsome"),
        "0PUT /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n".into(),
        "1dj:secret\r\r\nicy-name:x\r\r\nicy-br:128\r\r\n\r\r\naudio".into(),
        "1!POKE\nicy-name:libshout server poke request\n\n".into(),
    ];
    run("source", &seeds.map(String::into_bytes), targets::source);
}

#[test]
fn ogg_pages() {
    let recipe: Vec<u8> = (0..200_u32).map(|n| (n * 97 % 251) as u8).collect();
    let seeds = [
        [&[0][..], &ogg()].concat(),
        [&[1][..], &ogg(), &ogg()].concat(),
        [&[1][..], &vorbis_headers()].concat(),
        [&[1][..], &flac_headers()].concat(),
        [&[2][..], &recipe].concat(),
        [&[2][..], &[255, 0xF1, 3, 0x1F, 200, 0xFA, 9, 0x1B, 255, 0xFF, 0, 0xFC].repeat(30)].concat(),
    ];
    run("ogg", &seeds, targets::ogg);
}

#[test]
fn live() {
    let mut seeds: Vec<_> = streams().iter().map(|stream| [&[stream[0]], &stream[2..]].concat()).collect();
    seeds.push([&[2][..], &vorbis_headers()].concat());
    seeds.push([&[2][..], &flac_headers()].concat());
    run("live", &seeds, targets::live);
}

#[test]
fn icy_login() {
    let seeds = [
        "dj:secret\r\r\nicy-name:x\r\r\nicy-br:128\r\r\n\r\r\naudio",
        "/live:dj:secret\nHost: a\nicy-name:J\u{f3}ga\ncontent-type:audio/aacp\n\n",
        "!POKE\nicy-name:libshout server poke request\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "pass\r\n\r\n",
    ];
    run("icy_login", &seeds.map(|text| text.as_bytes().to_vec()), targets::icy_login);
}

#[test]
fn file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    wav(&path, PcmSpec::CD, &noise(PcmSpec::CD, 1, 0.3, 4_000));
    let wav = std::fs::read(path).unwrap();
    let mut seeds = vec![[&[1], wav.as_slice()].concat()];
    // As files they have other endings.
    seeds.extend(streams().into_iter().map(|stream| match stream[0] {
        0 => [&[0], &stream[2..]].concat(),
        1 => [&[5], &stream[2..]].concat(),
        2 => [&[3], &stream[2..]].concat(),
        _ => [&[7], &stream[2..]].concat(),
    }));
    run("file", &seeds, targets::file);
}

#[test]
fn tags() {
    let text = |id: &[u8], text: &[u8]| [id, &[0, 0, 0, text.len() as u8 + 1, 0, 0, 3], text].concat();
    let frames = [
        text(b"TPE1", b"Ana"),
        text(b"APIC", &[b'x'; 100]),
        text(b"TXXX", b"REPLAYGAIN_TRACK_GAIN\0-6.00 LU"),
        b"RVA2\0\0\0\x0c\0\0track\0\x01\xfc\0\x10\x40\0".to_vec(),
        b"TIT2\0\0\0\x0b\0\0\x01\xff\xfeJ\0\xf3\0g\0a\0".to_vec(),
    ]
    .concat();
    let id3 = |version: u8, flags: u8| {
        let size = [0, 0, (frames.len() >> 7) as u8, frames.len() as u8 & 0x7f];
        [&[0][..], b"ID3", &[version, 0, flags], &size, &frames].concat()
    };
    let item = [b"\x03\0\0\0\0\0\0\0Artist\0Ana".to_vec(), b"\x03\0\0\0\0\0\0\0Title\0One".to_vec()].concat();
    let edge = |flags: u8| {
        [b"APETAGEX\xd0\x07\0\0", &[item.len() as u8 + 32, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, flags][..], &[0; 8]]
            .concat()
    };
    let ape = [&[1][..], &edge(0xa0), &item, &edge(0x80)].concat();
    let comments = b"\x04\0\0\0test\x02\0\0\0\x0a\0\0\0ARTIST=Ana\x09\0\0\0title=One".to_vec();
    let boxed =
        |kind: &[u8], content: &[u8]| [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat();
    let data = boxed(b"data", b"\0\0\0\x01\0\0\0\0Ana");
    let list =
        boxed(b"ilst", &[boxed(b"\xa9ART", &data), boxed(b"\xa9nam", &[&data[..], &data].concat())].concat());
    let boxes = boxed(b"udta", &boxed(b"meta", &[&[0; 4][..], &list].concat()));
    let seeds = [
        id3(3, 0),
        id3(4, 0),
        id3(4, 0x80),
        id3(3, 0x40),
        ape,
        [&[2][..], &comments].concat(),
        [&[3][..], &comments].concat(),
        [&[4][..], &boxes].concat(),
    ];
    run("tags", &seeds, targets::tags);
}

/// Streams for `targets::packets`, which reads two bytes of its own before each.
fn streams() -> Vec<Vec<u8>> {
    #[allow(unused_mut)] // without encoders there are only the others
    let mut streams = vec![with(2, ogg()), with(3, b"anything at all".repeat(100))];
    #[cfg(feature = "mp3")]
    {
        let tagged =
            [b"ID3\x04\0\0\0\0\0\x0A0123456789".as_slice(), &encoded(&longwave::Mp3Settings::default())];
        streams.push(with(0, tagged.concat()));
    }
    #[cfg(feature = "aac")]
    streams.push(with(1, encoded(&longwave::AacSettings::default())));
    streams
}

fn with(kind: u8, stream: Vec<u8>) -> Vec<u8> {
    [vec![kind, 13], stream].concat()
}

#[cfg(any(feature = "mp3", feature = "aac"))]
fn encoded(settings: &dyn longwave::EncoderSettings) -> Vec<u8> {
    let mut encoder = settings.open(PcmSpec::CD).unwrap();
    let mut packets = Vec::new();
    encoder.encode(&noise(PcmSpec::CD, 2, 0.3, 20_000), &mut packets).unwrap();
    encoder.flush(&mut packets).unwrap();
    packets.iter().flat_map(|packet| packet.bytes.iter().copied()).collect()
}

/// An Opus stream as far as its pages go.
fn ogg() -> Vec<u8> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0".to_vec();
    let tags = b"OpusTags\x04\0\0\0test\0\0\0\0".to_vec();
    let mut stream = page(2, 0, 0, &head);
    stream.extend(page(0, 0, 1, &tags));
    for n in 0..12_u8 {
        stream.extend(page(0, 960 * (u64::from(n) + 1), u32::from(n) + 2, &[0xFC, n, n, n].repeat(30)));
    }
    stream
}

/// The first and the second header of Vorbis, and no sound.
fn vorbis_headers() -> Vec<u8> {
    let ident = b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xb8\x01";
    let comments = b"\x03vorbis\x04\0\0\0test\x01\0\0\0\x09\0\0\0title=One\x01";
    let setup = b"\x05vorbis\0BCV";
    [page(2, 0, 0, ident), page(0, 0, 1, comments), page(0, 0, 2, setup), page(0, 9, 3, b"sound")].concat()
}

/// The headers of FLAC in Ogg, and no sound.
fn flac_headers() -> Vec<u8> {
    let info = b"\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\0";
    let head = [&b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22"[..], info, &[0; 16]].concat();
    let comments = b"\x84\0\0\x19\x04\0\0\0test\x01\0\0\0\x09\0\0\0title=One";
    let silence = b"\xff\xf8\x69\x18\0\x0f\0\0\0\0\0\0\0";
    [page(2, 0, 0, &head), page(0, 0, 1, comments), page(0, 16, 2, silence)].concat()
}

fn page(flags: u8, granule: u64, number: u32, body: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(7_u32.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.extend([1, body.len() as u8]);
    page.extend(body);
    let checksum = page.iter().fold(0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    });
    page[22..26].copy_from_slice(&checksum.to_le_bytes());
    page
}
