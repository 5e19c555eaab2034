//! What the border costs: `lw_server_write_audio` beside `AudioWriter::write_audio`, in the same run, on the same packets.
//!
//!     cargo bench -p longwave-ffi

use std::ffi::{CStr, CString, c_char};
use std::time::{Duration, Instant};

use longwave::{EncoderSettings, MountSettings, Mp3Settings, PcmSpec, Server, ServerSettings};
// The functions are found by their names.
use longwave_c as _;

unsafe extern "C" {
    fn lw_server_open(declaration: *const c_char, server: *mut u64) -> i32;
    fn lw_server_start(server: u64) -> i32;
    fn lw_server_add_mount(server: u64, declaration: *const c_char) -> i32;
    fn lw_server_write_audio(
        server: u64,
        mount: *const c_char,
        bytes: *const u8,
        count: usize,
        taken: *mut usize,
    ) -> i32;
    fn lw_server_is_running(server: u64, running: *mut i32) -> i32;
}

/// Packets written before the reactor is waited for: fewer than a handoff holds.
const BATCH: usize = 300;
const BATCHES: usize = 300;

fn main() {
    let packets = packets();
    let mount =
        MountSettings::from_json(r#"{"mount": "/live.mp3", "content_type": "audio/mpeg", "bitrate": 128}"#);
    let listen = vec![([127, 0, 0, 1], 0).into()];
    let rust = Server::start(ServerSettings { listen, ..ServerSettings::default() }).unwrap();
    let mut writer = rust.add_mount(mount.unwrap()).unwrap().into_audio();

    let (mut server, path) = (0, CString::new("/live.mp3").unwrap());
    let declaration = c"mount = '/live.mp3'\ncontent_type = 'audio/mpeg'\nbitrate = 128";
    // SAFETY: all of them are strings and variables of this function.
    unsafe {
        let declared: &CStr = c"listen = '127.0.0.1:0'";
        assert_eq!(lw_server_open(declared.as_ptr(), &raw mut server), 0);
        assert_eq!(lw_server_start(server), 0);
        assert_eq!(lw_server_add_mount(server, declaration.as_ptr()), 0);
    }

    let call = || {
        let mut running = 0;
        // SAFETY: as above.
        assert_eq!(unsafe { lw_server_is_running(server, &raw mut running) }, 0);
    };
    let begin = Instant::now();
    (0..1_000_000).for_each(|_| call());
    println!("a call that does nothing:            {:>6} ns", begin.elapsed().as_nanos() / 1_000_000);

    // In turns, so that whatever else the machine does is shared by both.
    let (mut by_rust, mut by_c) = (Duration::MAX, Duration::MAX);
    for _ in 0..BATCHES {
        by_rust = by_rust.min(batch(&packets, |packet| writer.write_audio(packet).unwrap()));
        by_c = by_c.min(batch(&packets, |packet| {
            let mut taken = 0;
            // SAFETY: as above.
            let status = unsafe {
                lw_server_write_audio(server, path.as_ptr(), packet.as_ptr(), packet.len(), &raw mut taken)
            };
            assert_eq!(status, 0);
            taken
        }));
        // The reactors take what was written.
        std::thread::sleep(Duration::from_millis(2));
    }
    let each = |batch: Duration| batch.as_nanos() / BATCH as u128;
    println!("AudioWriter::write_audio, a packet:  {:>6} ns", each(by_rust));
    println!("lw_server_write_audio, a packet:     {:>6} ns", each(by_c));
}

fn batch(packets: &[Box<[u8]>], mut write: impl FnMut(&[u8]) -> usize) -> Duration {
    let begin = Instant::now();
    for packet in packets.iter().cycle().take(BATCH) {
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
