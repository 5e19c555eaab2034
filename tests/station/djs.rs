//! DJs who send a tone at the pace of the station's clock, and whose lines and programs fail as a test wants.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::process::Command;
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::time::Duration;

use longwave::{
    Channels, EncoderSettings, LiveSession, Mp3Settings, Packet, PacketReader, PcmSpec, SampleRate,
    SourceInfo, SourceStream,
};
use longwave_testing::sound::{sine, wav};
use longwave_testing::studio::Studio;
use longwave_testing::tools::run;
use longwave_testing::until;

use crate::live_inputs::{AMPLITUDE, STEREO};

/// A stream that a test feeds. A read waits for bytes; that it is called again shows that all of them were
/// taken in.
#[derive(Clone, Default)]
pub struct Pipe(Arc<(Mutex<Flow>, Condvar)>);

#[derive(Default)]
struct Flow {
    bytes: VecDeque<u8>,
    waits: bool,
    end: Option<ErrorKind>,
    closed: bool,
}

impl Pipe {
    pub fn send(&self, bytes: &[u8]) {
        let (flow, changed) = &*self.0;
        let mut flow = flow.lock().unwrap();
        flow.bytes.extend(bytes);
        flow.waits = false;
        changed.notify_all();
        while !flow.waits && !flow.closed {
            let (next, timed) = changed.wait_timeout(flow, Duration::from_secs(60)).unwrap();
            assert!(!timed.timed_out(), "the source's thread does not read");
            flow = next;
        }
    }

    /// Ends the stream: with an error, if one is given. Waits until it was seen.
    pub fn end(&self, error: Option<ErrorKind>) {
        let (flow, changed) = &*self.0;
        let mut flow = flow.lock().unwrap();
        (flow.end, flow.closed) = (error, true);
        changed.notify_all();
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (flow, changed) = &*self.0;
        let mut flow = flow.lock().unwrap();
        if flow.bytes.is_empty() && !flow.closed {
            flow.waits = true;
            changed.notify_all();
            // As a socket with a time-out.
            flow = changed.wait_timeout(flow, Duration::from_millis(100)).unwrap().0;
        }
        if flow.bytes.is_empty() {
            return match (flow.closed, flow.end) {
                (false, _) => Err(ErrorKind::WouldBlock.into()),
                (true, None) => Ok(0),
                (true, Some(error)) => Err(error.into()),
            };
        }
        let count = flow.bytes.len().min(out.len());
        flow.bytes.drain(..count).zip(out).for_each(|(byte, place)| *place = byte);
        Ok(count)
    }
}

/// A DJ who sends a tone at the pace of the station's clock, as MP3 or in Ogg.
pub struct Dj {
    pipe: Pipe,
    pub session: LiveSession,
    hz: f64,
    spec: PcmSpec,
    packets: Packets,
    next: usize,
    /// How many frames are due and not sent yet.
    due: f64,
}

type Packets = Arc<Vec<Arc<Packet>>>;

/// A tone in packets of MP3, for longer than any of these tests needs without a seam.
fn packets(hz: f64, spec: PcmSpec) -> Packets {
    type Tones = Mutex<HashMap<(u32, u32, usize), Packets>>;
    static TONES: LazyLock<Tones> = LazyLock::new(Tones::default);
    let mut tones = TONES.lock().unwrap();
    let tone = tones.entry((hz as u32, spec.rate.hz(), spec.channels.count())).or_insert_with(|| {
        let mut encoder = Mp3Settings::default().open(spec).unwrap();
        let mut packets = Vec::new();
        encoder.encode(&soft_tone(hz, spec), &mut packets).unwrap();
        Arc::new(packets.into_iter().map(Arc::new).collect())
    });
    tone.clone()
}

/// A tone in pages of Ogg, of a tenth of a second.
fn pages(hz: f64, spec: PcmSpec, codec: &str) -> Packets {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("tone.wav"), folder.path().join("tone.ogg"));
    wav(&from, spec, &soft_tone(hz, spec));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(from).args(["-c:a", codec, "-b:a", "128k"]);
    run(ffmpeg.args(["-page_duration", "100000"]).arg(&to), &[]);
    let mut pages = Vec::new();
    PacketReader::for_content_type("audio/ogg").push(&fs::read(to).unwrap(), &mut pages);
    Arc::new(pages.into_iter().map(|page| Arc::new(page.packet)).collect())
}

/// Half a minute of a tone. It begins softly: a corner that the sender sends is heard, and no fault of ours.
fn soft_tone(hz: f64, spec: PcmSpec) -> Vec<f32> {
    let mut tone = sine(spec, hz, AMPLITUDE, spec.rate.hz() as usize * 30);
    let soft = spec.rate.hz() as usize / 50;
    for (n, frame) in tone.chunks_mut(spec.channels.count()).take(soft).enumerate() {
        frame.iter_mut().for_each(|sample| *sample *= n as f32 / soft as f32);
    }
    tone
}

impl Dj {
    pub fn comes(studio: &Studio, path: &str, user: &str, hz: f64) -> Dj {
        Dj::with(studio, path, user, hz, STEREO, packets(hz, STEREO))
    }

    /// A DJ who sends Ogg, as this codec of ffmpeg makes it.
    pub fn comes_in_ogg(studio: &Studio, path: &str, user: &str, hz: f64, codec: &str) -> Dj {
        // Opus counts at 48 kHz.
        let rate = SampleRate::new(if codec == "libopus" { 48_000 } else { 44_100 }).unwrap();
        let spec = PcmSpec { rate, ..STEREO };
        Dj::with(studio, path, user, hz, spec, pages(hz, spec, codec))
    }

    fn with(studio: &Studio, path: &str, user: &str, hz: f64, spec: PcmSpec, packets: Packets) -> Dj {
        let pipe = Pipe::default();
        let name = Some(format!("The {user} show"));
        let info = SourceInfo { user: user.into(), name, ..SourceInfo::new("audio/mpeg") };
        let session = studio.pipeline.go_live(path, info, SourceStream::new(pipe.clone())).unwrap();
        Dj { pipe, session, hz, spec, packets, next: 0, due: 0.0 }
    }

    /// Sends as much as sounds in this time.
    pub fn send(&mut self, time: Duration) {
        self.owes(time);
        let mut bytes = Vec::new();
        while self.due >= f64::from(self.next_packet().frames) {
            let packet = self.next_packet();
            bytes.extend_from_slice(&packet.bytes);
            self.due -= f64::from(packet.frames);
            self.next += 1;
        }
        self.pipe.send(&bytes);
    }

    /// Its line loses the next packets, or damages them.
    pub fn loses_packets(&mut self, count: usize, damaged: bool) {
        let mut bytes = Vec::new();
        for _ in 0..count {
            let packet = self.next_packet();
            self.due -= f64::from(packet.frames);
            self.next += 1;
            if damaged {
                let mut torn = packet.bytes.to_vec();
                let middle = torn.len() / 2;
                torn[middle] ^= 0x10;
                bytes.extend(torn);
            }
        }
        self.pipe.send(&bytes);
    }

    /// As much as sounds in this time waits in its line, and comes with what it sends next.
    pub fn owes(&mut self, time: Duration) {
        self.due += time.as_secs_f64() * f64::from(self.spec.rate.hz());
    }

    /// Its line brings these bytes beside the packets.
    pub fn sends(&self, bytes: &[u8]) {
        self.pipe.send(bytes);
    }

    /// Its line brings these bytes instead of the next packets.
    pub fn loses(&mut self, garbage: &[u8]) {
        let mut bytes = Vec::new();
        while bytes.len() < garbage.len() {
            bytes.extend_from_slice(&self.next_packet().bytes);
            self.next += 1;
        }
        bytes[..garbage.len()].copy_from_slice(garbage);
        self.pipe.send(&bytes);
    }

    /// Its program goes on with another rate and other channels, as a new stream on the same connection.
    pub fn changes(&mut self, rate: u32, channels: usize) {
        let channels = if channels == 1 { Channels::Mono } else { Channels::Stereo };
        self.spec = PcmSpec { rate: SampleRate::new(rate).unwrap(), channels };
        (self.packets, self.next, self.due) = (packets(self.hz, self.spec), 0, 0.0);
    }

    /// The tone goes on for ever.
    fn next_packet(&self) -> Arc<Packet> {
        self.packets[self.next % self.packets.len()].clone()
    }

    /// Its stream ends.
    pub fn leaves(&self) {
        self.ends(None);
    }

    /// Its program or its connection dies.
    pub fn dies(&self, error: ErrorKind) {
        self.ends(Some(error));
    }

    fn ends(&self, error: Option<ErrorKind>) {
        self.pipe.end(error);
        until("the end is seen", || self.session.ended().is_some());
    }
}

/// Time goes on for the station and for those who send.
pub fn pass(studio: &Studio, time: f64, djs: &mut [&mut Dj]) {
    const STEP: Duration = Duration::from_millis(50);
    for _ in 0..(time / STEP.as_secs_f64()).round() as usize {
        djs.iter_mut().for_each(|dj| dj.send(STEP));
        studio.run(STEP);
    }
}
