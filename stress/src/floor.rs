//! The floor: a bare loop of sends from one shared buffer. No server can cost less at the same cadence. The
//! floor does not parse requests, knows no ICY, and keeps no clock per listener. It drops a listener that
//! falls too far behind.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::feed::Feed;
use crate::options::FloorArgs;
use crate::stop::Stop;
use crate::sys;

/// How much of the stream is kept beyond a burst, for listeners whose socket took less than was due.
const SPARE_BYTES: u64 = 256 * 1024;

/// Serves until it is stopped.
pub fn run(args: &FloorArgs, stop: &Stop) -> Result<(), String> {
    sys::raise_open_files().map_err(|error| format!("limit of open files: {error}"))?;
    let acceptor = listen(args).map_err(|error| format!("{}: {error}", args.listen))?;
    let address = acceptor.local_addr().map_err(|error| error.to_string())?;
    println!("on air  http://{address}/floor.mp3");
    Floor::new(args, acceptor).run(args, stop);
    Ok(())
}

/// Accepted sockets inherit the options that are set here.
fn listen(args: &FloorArgs) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(args.listen), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_send_buffer_size(args.send_buffer)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(name) = &args.congestion {
        socket.set_tcp_congestion(name.as_bytes())?;
    }
    socket.bind(&args.listen.into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

struct Floor {
    acceptor: TcpListener,
    /// Accepted connections whose request has not arrived.
    asking: Vec<TcpStream>,
    slots: Vec<Slot>,
    next_slot: usize,
    stream: Stream,
    burst: u64,
    listeners: usize,
    most: usize,
    sends: u64,
    short_sends: u64,
    dropped: u64,
}

/// Listeners that are served together. Each has been sent the stream up to `position`, except what it is
/// owed.
#[derive(Default)]
struct Slot {
    position: u64,
    listeners: Vec<Listener>,
}

struct Listener {
    socket: TcpStream,
    /// The number of bytes before the slot's position that the socket has not taken yet.
    owed: u64,
}

/// The recent part of the stream: whole packets, by absolute position.
struct Stream {
    feed: Feed,
    bytes: Vec<u8>,
    /// The position of the first byte.
    start: u64,
    packet_starts: VecDeque<u64>,
    keep: u64,
}

impl Floor {
    fn new(args: &FloorArgs, acceptor: TcpListener) -> Floor {
        let slots = match args.slot {
            length if length > 0.0 => (args.every.as_secs_f64() * 1e3 / length).round().max(1.0) as usize,
            _ => 1,
        };
        let burst = args.burst as u64;
        // Bytes must be kept until the next turn of every slot.
        let cadence = (args.every.as_secs_f64() * f64::from(args.bitrate) * 125.0) as u64;
        Floor {
            acceptor,
            asking: Vec::new(),
            slots: (0..slots).map(|_| Slot::default()).collect(),
            next_slot: 0,
            stream: Stream {
                feed: Feed::numbered(args.bitrate),
                bytes: Vec::new(),
                start: 0,
                packet_starts: VecDeque::new(),
                keep: burst + 4 * cadence + SPARE_BYTES,
            },
            burst,
            listeners: 0,
            most: args.count,
            sends: 0,
            short_sends: 0,
            dropped: 0,
        }
    }

    fn run(&mut self, args: &FloorArgs, stop: &Stop) {
        let start = Instant::now();
        let slots = self.slots.len();
        let step = args.every / slots as u32;
        let mut worst_late = Duration::ZERO;
        // The stream begins one burst ahead, so that the first listeners get a burst, too.
        let head_start = Duration::from_secs_f64(self.burst as f64 / f64::from(args.bitrate) / 125.0);
        for turn in 0_u32.. {
            let due = step.saturating_mul(turn);
            if stop.asked() || due > args.seconds {
                break;
            }
            let elapsed = start.elapsed();
            match due.checked_sub(elapsed) {
                Some(wait) => thread::sleep(wait),
                None => worst_late = worst_late.max(elapsed - due),
            }
            self.stream.advance(start.elapsed() + head_start);
            self.accept(args.bitrate);
            self.serve(turn as usize % slots);
        }
        eprintln!(
            "{} listeners, {} sends, {} of them short, {} listeners dropped, at worst {:.1} ms late",
            self.listeners,
            self.sends,
            self.short_sends,
            self.dropped,
            worst_late.as_secs_f64() * 1e3
        );
    }

    /// Sends the due bytes to all listeners of a slot. This loop is the cost that the floor measures.
    fn serve(&mut self, slot: usize) {
        let Slot { position, listeners } = &mut self.slots[slot];
        let stream = &self.stream;
        let due = stream.from(*position);
        let (sends, short_sends) = (&mut self.sends, &mut self.short_sends);
        let before = listeners.len();
        listeners.retain_mut(|listener| {
            let due = match listener.owed {
                0 => due,
                owed => match position.checked_sub(owed).filter(|&from| from >= stream.start) {
                    Some(from) => stream.from(from),
                    None => return false,
                },
            };
            *sends += 1;
            match (&listener.socket).write(due) {
                Ok(count) => {
                    listener.owed = (due.len() - count) as u64;
                    *short_sends += u64::from(listener.owed > 0);
                    true
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    listener.owed = due.len() as u64;
                    *short_sends += 1;
                    true
                }
                Err(_) => false,
            }
        });
        self.dropped += (before - listeners.len()) as u64;
        self.listeners -= before - listeners.len();
        *position = stream.end();
    }

    /// Accepts connections, and answers complete requests.
    fn accept(&mut self, kbit: u32) {
        while let Ok((socket, _)) = self.acceptor.accept() {
            if self.listeners + self.asking.len() < self.most && socket.set_nonblocking(true).is_ok() {
                self.asking.push(socket);
            }
        }
        let mut request = [0; 4096];
        for index in (0..self.asking.len()).rev() {
            match self.asking[index].read(&mut request) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(count) if request[..count].ends_with(b"\r\n\r\n") => {
                    let socket = self.asking.swap_remove(index);
                    self.join(socket, kbit);
                }
                _ => drop(self.asking.swap_remove(index)),
            }
        }
    }

    fn join(&mut self, socket: TcpStream, kbit: u32) {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nicy-br: {kbit}\r\nConnection: close\r\nCache-Control: no-cache\r\n\r\n"
        );
        let slots = self.slots.len();
        let slot = &mut self.slots[self.next_slot];
        self.next_slot = (self.next_slot + 1) % slots;
        // The slot's position is a packet start, so the burst ends where the slot's next bytes begin.
        let from = self.stream.packet_from(slot.position.saturating_sub(self.burst)).min(slot.position);
        let burst = self.stream.from(from);
        let burst = &burst[..burst.len().min((slot.position - from) as usize)];
        let sent = (&socket).write_vectored(&[IoSlice::new(head.as_bytes()), IoSlice::new(burst)]);
        match sent {
            // A listener is dropped if its socket does not even take the head.
            Ok(count) if count >= head.len() => {
                let owed = (head.len() + burst.len() - count) as u64;
                slot.listeners.push(Listener { socket, owed });
                self.listeners += 1;
            }
            _ => self.dropped += 1,
        }
    }
}

impl Stream {
    /// Appends all packets that are due, and drops the oldest.
    fn advance(&mut self, elapsed: Duration) {
        let mut packet_start = self.end();
        while self.feed.take(elapsed, &mut self.bytes) {
            self.packet_starts.push_back(packet_start);
            packet_start = self.end();
        }
        // It drops half of the buffer at a time, so the cost of the move is negligible.
        if self.bytes.len() as u64 > 2 * self.keep {
            let gone = self.bytes.len() as u64 - self.keep;
            self.bytes.drain(..gone as usize);
            self.start += gone;
            while self.packet_starts.front().is_some_and(|&start| start < self.start) {
                self.packet_starts.pop_front();
            }
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from `position` on, as far as they are kept.
    fn from(&self, position: u64) -> &[u8] {
        &self.bytes[(position.max(self.start) - self.start).min(self.bytes.len() as u64) as usize..]
    }

    /// The first packet start at or after `position`.
    fn packet_from(&self, position: u64) -> u64 {
        let index = self.packet_starts.partition_point(|&start| start < position);
        self.packet_starts.get(index).copied().unwrap_or(self.end())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use super::Stream;
    use crate::feed::Feed;
    use crate::walk::{PacketFaults, Walk};

    #[test]
    fn what_the_stream_gives_out_is_contiguous_from_any_packet() {
        let keep = 20_000;
        let mut stream = Stream {
            feed: Feed::numbered(128),
            bytes: Vec::new(),
            start: 0,
            packet_starts: VecDeque::new(),
            keep,
        };
        let (mut position, mut walk) = (0, Walk::default());
        for ms in (0..20_000).step_by(130) {
            stream.advance(Duration::from_millis(ms));
            walk.feed(stream.from(position));
            position = stream.end();
            let join = stream.packet_from(position.saturating_sub(keep / 2));
            let mut late = Walk::default();
            late.feed(stream.from(join));
            assert_eq!(late.faults(), PacketFaults::default());
            assert!(late.skipped_at_start().unwrap_or(0) == 0);
        }
        assert_eq!(walk.faults(), PacketFaults::default());
        assert!(stream.start > 0, "the oldest was forgotten");
        assert!(stream.bytes.len() as u64 <= 2 * keep + 418);
    }
}
