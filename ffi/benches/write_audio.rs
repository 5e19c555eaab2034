//! What the border costs: `lw_server_write_audio` beside `AudioWriter::write_audio`, in the same run, on the
//! same packets.
//!
//!     cargo bench -p longwave-ffi
#![allow(unsafe_code, reason = "calls the library as C does")]

use std::ffi::{CString, c_char};
use std::time::{Duration, Instant};

use longwave::{EncoderSettings, MountSettings, Mp3Settings, PcmSpec, Server, ServerSettings};
// The functions are found by their names.
use longwave_c as _;

unsafe extern "C" {
    fn lw_server_open(declaration: *const c_char, server: *mut u64) -> i32;
    fn lw_server_start(server: u64) -> i32;
    fn lw_server_is_running(server: u64, running: *mut i32) -> i32;
    fn lw_server_add_mount(server: u64, declaration: *const c_char) -> i32;
    fn lw_server_remove_mount(server: u64, mount: *const c_char) -> i32;
    fn lw_server_write_audio(
        server: u64,
        mount: *const c_char,
        bytes: *const u8,
        count: usize,
        taken: *mut usize,
    ) -> i32;
}

const MOUNT: &str = r#"{"mount": "/live.mp3", "content_type": "audio/mpeg", "bitrate": 128}"#;
/// Packets for each mount: less than the ten seconds that it takes in advance.
const BATCH: u32 = 300;
const BATCHES: u32 = 200;
const CALLS: u32 = 1_000_000;

fn main() {
    let packets = packets();
    let listen = vec![([127, 0, 0, 1], 0).into()];
    let rust = Server::start(ServerSettings { listen, ..ServerSettings::default() }).unwrap();
    let (mut server, path, mount) = (0, c"/live.mp3", CString::new(MOUNT).unwrap());
    // SAFETY: here and below, all pointers lead to strings and variables of this function.
    unsafe {
        assert_eq!(lw_server_open(c"listen = '127.0.0.1:0'".as_ptr(), &raw mut server), 0);
        assert_eq!(lw_server_start(server), 0);
    }

    let begin = Instant::now();
    for _ in 0..CALLS {
        let mut running = 0;
        // SAFETY: as above.
        assert_eq!(unsafe { lw_server_is_running(server, &raw mut running) }, 0);
    }
    println!("a call that only asks:              {:>5} ns", (begin.elapsed() / CALLS).as_nanos());

    // In turns, so that whatever else the machine does meets both. The best of each is told.
    let (mut by_rust, mut by_c) = (Duration::MAX, Duration::MAX);
    for _ in 0..BATCHES {
        let mut writer = rust.add_mount(MountSettings::from_json(MOUNT).unwrap()).unwrap().into_audio();
        by_rust = by_rust.min(batch(&packets, |packet| writer.write_audio(packet).unwrap()));
        drop(writer);
        // SAFETY: as above.
        assert_eq!(unsafe { lw_server_add_mount(server, mount.as_ptr()) }, 0);
        by_c = by_c.min(batch(&packets, |packet| {
            let mut taken = 0;
            let (bytes, count) = (packet.as_ptr(), packet.len());
            // SAFETY: as above.
            let status =
                unsafe { lw_server_write_audio(server, path.as_ptr(), bytes, count, &raw mut taken) };
            assert_eq!(status, 0);
            taken
        }));
        // SAFETY: as above.
        assert_eq!(unsafe { lw_server_remove_mount(server, path.as_ptr()) }, 0);
    }
    println!("AudioWriter::write_audio, a packet: {:>5} ns", (by_rust / BATCH).as_nanos());
    println!("lw_server_write_audio, a packet:    {:>5} ns", (by_c / BATCH).as_nanos());
}

fn batch(packets: &[Box<[u8]>], mut write: impl FnMut(&[u8]) -> usize) -> Duration {
    let begin = Instant::now();
    for packet in packets.iter().cycle().take(BATCH as usize) {
        assert_eq!(write(packet), packet.len(), "there is room");
    }
    begin.elapsed()
}

/// A second of a tone at 128 kbit/s, packet by packet.
fn packets() -> Vec<Box<[u8]>> {
    let mut encoder = Mp3Settings::default().open(PcmSpec::CD).unwrap();
    let pcm: Vec<f32> = (0..44_100).flat_map(|frame| [(frame as f32 * 0.06).sin() * 0.5; 2]).collect();
    let mut packets = Vec::new();
    encoder.encode(&pcm, &mut packets).unwrap();
    packets.into_iter().map(|packet| packet.bytes).collect()
}
