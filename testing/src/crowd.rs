//! A crowd at a mount whose packets are counted, while its server is kept from its work. What each listener
//! heard must be whole and in order; what is missing must have been counted.

use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::long;
use crate::player::{PACKET_BYTES, Player};

/// How long a test takes, and what happens in it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub lasts: Duration,
    /// Seconds of audio in a second. What a handoff and a backlog hold lasts so much shorter.
    pub speed: f64,
    pub stalls: (Duration, Duration),
}

/// Listeners from the first packet on. Half of them ask for titles. A fifth of them pause now and then, for
/// longer than a backlog lasts.
#[derive(Debug)]
pub struct Crowd(Vec<JoinHandle<Heard>>);

/// What one listener got.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    pub packets: u64,
    pub missing: u64,
    pub last: u32,
}

/// What the server says of its mount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    pub pushed: u64,
    /// Packets that the handoff lost.
    pub dropped: u64,
    /// The end of the backlog.
    pub position: u64,
    /// What listeners jumped over, all together.
    pub skipped_bytes: u64,
}

impl Plan {
    /// Minutes with `LONGWAVE_LONG=1`, else seconds.
    pub fn from_environment(stalls: (Duration, Duration)) -> Plan {
        let (lasts, speed) = if long() { (600.0, 4.0) } else { (12.0, 10.0) };
        let (shortest, longest) = stalls;
        let scale = if long() { 1 } else { 10 };
        Plan { lasts: Duration::from_secs_f64(lasts), speed, stalls: (shortest / scale, longest / scale) }
    }

    /// A little more than the audio in a backlog and in the sockets.
    fn pause(&self) -> Duration {
        Duration::from_secs_f64(60.0 / self.speed)
    }

    /// When stalls end: after that, all listeners have time to catch up.
    pub fn stalls_until(&self, began: Instant) -> Instant {
        began + self.lasts - Duration::from_secs(4)
    }

    pub fn a_stall(&self, random: &mut fastrand::Rng) -> Duration {
        let (shortest, longest) = self.stalls;
        shortest + (longest - shortest).mul_f64(random.f64())
    }

    /// Calls `push` for each packet when it is due, by a clock that nothing stops; returns their number.
    pub fn feed(&self, began: Instant, mut push: impl FnMut(u32)) -> u32 {
        let a_second = 44_100.0 / 1152.0 * self.speed;
        let mut pushed = 0;
        while began.elapsed() < self.lasts {
            while f64::from(pushed) <= began.elapsed().as_secs_f64() * a_second {
                push(pushed);
                pushed += 1;
            }
            thread::sleep(Duration::from_millis(5));
        }
        pushed
    }
}

impl Crowd {
    pub fn join(address: SocketAddr, count: usize, plan: Plan) -> Crowd {
        let pauses_until =
            Instant::now() + (plan.lasts - Duration::from_secs(4)).saturating_sub(plan.pause());
        let listener = |index: usize| {
            let socket = TcpStream::connect(address).expect("a connection");
            socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let pauses = index.is_multiple_of(5);
            if pauses {
                SockRef::from(&socket).set_recv_buffer_size(16 * 1024).unwrap();
            }
            let titles = if index.is_multiple_of(2) { "Icy-MetaData: 1\r\n" } else { "" };
            let player = Player::on(socket, "/stream.mp3", titles);
            let pauses_until = pauses.then_some(pauses_until);
            thread::spawn(move || listen(player, pauses_until, plan.pause()))
        };
        Crowd((0..count).map(listener).collect())
    }

    /// What all of them got, once the mount has ended.
    pub fn heard(self) -> Vec<Heard> {
        self.0.into_iter().map(|listener| listener.join().expect("no packet was broken")).collect()
    }
}

fn listen(mut player: Player, pauses_until: Option<Instant>, pause: Duration) -> Heard {
    let mut heard = Heard { packets: 0, missing: 0, last: 0 };
    let mut next = 0;
    while let Some(number) = player.next_packet() {
        assert!(number >= next, "{number} came when {next} was to come");
        heard.packets += 1;
        heard.missing += u64::from(number - next);
        heard.last = number;
        next = number + 1;
        if heard.packets.is_multiple_of(200) && pauses_until.is_some_and(|until| Instant::now() < until) {
            thread::sleep(pause);
        }
    }
    heard
}

impl Counted {
    /// Checks that sent + skipped = appended, for all listeners together. What a handoff lost is counted
    /// apart.
    pub fn check(&self, heard: &[Heard]) {
        println!("{self:?}; the first three heard {:?}", &heard[..3]);
        let (bytes, crowd) = (PACKET_BYTES as u64, heard.len() as u64);
        assert_eq!(self.position, (self.pushed - self.dropped) * bytes, "appended");
        let sent: u64 = heard.iter().map(|heard| heard.packets * bytes).sum();
        assert_eq!(sent + self.skipped_bytes, self.position * crowd, "sent + skipped");
        let missing: u64 = heard.iter().map(|heard| heard.missing * bytes).sum();
        assert_eq!(missing, self.skipped_bytes + self.dropped * bytes * crowd, "missing");
        let last = self.pushed - 1;
        assert!(heard.iter().all(|heard| u64::from(heard.last) == last), "all heard the last packet");
    }
}
