//! A mount as the reactor keeps it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::info::{MountBoard, TitleInfo};
use super::producer::{Drained, End, PACKETS_A_TURN, drain};
use crate::error::CloseReason;
use crate::http::{HttpAnswer, Version};
use crate::icy::icy_block;
use crate::metadata::Title;
use crate::packet::TitledPacket;
use crate::ring::{Backlog, HandoffReader};
use crate::server::Moment;
use crate::server::mount_settings::MountSettings;
use crate::server::settings::ServerSettings;
use crate::units::StreamPos;

/// On the reactor thread (but made on the thread that adds it, so that the reactor need not allocate the
/// backlog).
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) path: Arc<str>,
    pub(crate) settings: Arc<MountSettings>,
    pub(crate) board: Arc<MountBoard>,
    pub(crate) backlog: Backlog,
    /// A burst holds at least so many bytes and so much audio.
    burst: (u64, Duration),
    pub(crate) send_buffer: usize,
    /// None once the mount has ended, which tells the producer that nobody listens.
    handoff: Option<HandoffReader>,
    /// The answer to its listeners, without a metaint.
    answer: HttpAnswer,
    /// The title in force at the backlog's head; none before the first packet.
    title: Option<Arc<Title>>,
    title_number: u64,
    header: Option<Arc<[u8]>>,
    /// How long the last packet sounds.
    packet_time: Duration,
    /// When the backlog grew last.
    appended: Instant,
    /// Its listeners, including those that do not count yet.
    pub(super) attached: usize,
    pub(crate) end: Option<End>,
}

impl Mount {
    pub(crate) fn new(
        board: Arc<MountBoard>,
        handoff: HandoffReader,
        server: &ServerSettings,
        now: Instant,
    ) -> Mount {
        let settings = board.settings();
        board.counters.max_waiting_packets.set(handoff.capacity() as u64);
        Mount {
            path: Arc::clone(&board.path),
            backlog: Backlog::new(settings.backlog_bytes(server)),
            burst: server.burst.least(),
            send_buffer: settings.send_buffer(server.burst),
            handoff: Some(handoff),
            answer: answer(&settings),
            settings,
            board,
            title: None,
            title_number: 0,
            header: None,
            packet_time: Duration::ZERO,
            appended: now,
            attached: 0,
            end: None,
        }
    }

    /// Takes what the producer has pushed: its share of a turn.
    pub(crate) fn drain(&mut self, now: Moment) -> Drained {
        self.take(PACKETS_A_TURN, now)
    }

    fn take(&mut self, most: usize, now: Moment) -> Drained {
        let Some(handoff) = self.handoff.take() else { return Drained::Empty };
        let waiting = handoff.waiting() as u64;
        let (drained, packets) = drain(&handoff, most, |packet| self.append(packet, now));
        let counters = &self.board.counters;
        counters.dropped_packets.set(handoff.dropped());
        self.handoff = Some(handoff);
        if packets > 0 {
            self.appended = now.instant;
            counters.packets.add(packets as u64);
            counters.waiting_packets.set(waiting);
            counters.waiting_packets_peak.raise_to(waiting);
            self.board.position.set(self.backlog.head().0);
            self.board.micros.set(self.backlog.head_time().as_micros() as u64);
        }
        drained
    }

    /// Applies new settings. `ring` replaces the buffer if the backlog grows; its contents are kept.
    pub(crate) fn apply_settings(&mut self, settings: Arc<MountSettings>, ring: Box<[u8]>) {
        self.answer = answer(&settings);
        self.settings = settings;
        self.backlog.grow(ring);
    }

    /// Whether it has had any audio yet.
    pub(crate) fn has_sounded(&self) -> bool {
        self.backlog.head() > StreamPos(0)
    }

    fn append(&mut self, titled: &TitledPacket, now: Moment) {
        let TitledPacket { packet, title, header } = titled;
        let known = self.title.as_ref().is_some_and(|known| Arc::ptr_eq(known, title) || known == title);
        if !known || self.header != *header {
            self.title_number += u64::from(!known);
            self.title = Some(Arc::clone(title));
            self.header.clone_from(header);
            let block = match self.backlog.last_title() {
                Some(last) if known => Arc::clone(&last.icy_block),
                _ => icy_block(title),
            };
            self.backlog.set_title(self.title_number, block, header.clone());
        }
        self.packet_time = self.settings.time_of(packet);
        self.backlog.append(&packet.bytes, self.packet_time);
        if !known {
            self.announce(title, packet.bytes.len(), now);
        }
    }

    fn announce(&self, title: &Arc<Title>, first_packet: usize, now: Moment) {
        let burst = self.backlog.head_time() - self.backlog.time_at(self.burst_start());
        self.board.title.store(Arc::new(TitleInfo {
            title: Arc::clone(title),
            changed_at: now.wall,
            position: StreamPos(self.backlog.head().0 - first_packet as u64),
            audible_at: now.wall + burst,
        }));
    }

    /// The head of the answer to a listener.
    pub(crate) fn answer_head(&self, version: Version, with_titles: bool, date: &str) -> Vec<u8> {
        let answer = self.answer.clone();
        let answer = match with_titles {
            true => answer.with("icy-metaint", &self.settings.metaint().to_string()),
            false => answer,
        };
        answer.stream_start(version, date)
    }

    /// Where a listener joins, or lands after a jump.
    pub(crate) fn burst_start(&self) -> StreamPos {
        let (bytes, time) = self.burst;
        self.backlog.burst_start(bytes, time)
    }

    /// Where a listener joins that comes from another mount and has not played so much of that: with what
    /// follows it has a burst.
    pub(crate) fn landing(&self, unplayed: Duration) -> StreamPos {
        let (bytes, time) = self.burst;
        let held = (unplayed.as_secs_f64() * self.settings.bytes_per_second() as f64) as u64;
        self.backlog.burst_start(bytes.saturating_sub(held), time.saturating_sub(unplayed))
    }

    /// How long the last packet sounds. No listener is served more often than that.
    pub(crate) fn packet_time(&self) -> Duration {
        self.packet_time
    }

    /// How long ago the last packet came.
    pub(crate) fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.appended)
    }

    /// Nothing more will come. Its listeners get what is due.
    pub(super) fn end(&mut self, reason: CloseReason, now: Moment) {
        // More than a turn's share, but what was pushed before the end is due.
        let waiting = self.handoff.as_ref().map_or(0, HandoffReader::waiting);
        self.take(waiting, now);
        self.handoff = None;
        self.end.get_or_insert(End::new(reason, now.instant));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.settings.max_listeners.is_some_and(|max| self.attached >= max)
    }
}

/// The answer to a listener, without its metaint.
fn answer(settings: &MountSettings) -> HttpAnswer {
    let bitrate = settings.bitrate.map(|bitrate| bitrate.to_string());
    let audio_info = settings.audio_info();
    let texts = [
        ("Content-Type", Some(settings.content_type.as_str())),
        ("icy-br", bitrate.as_deref()),
        // VLC shows titles only where there is a name.
        ("icy-name", Some(settings.display_name())),
        ("icy-genre", settings.genre.as_deref()),
        ("icy-description", settings.description.as_deref()),
        ("icy-url", settings.url.as_deref()),
        ("icy-pub", Some(if settings.public { "1" } else { "0" })),
        ("ice-audio-info", audio_info.as_deref()),
    ];
    let known = texts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.fold(HttpAnswer::empty(200), |answer, (name, value)| answer.with(name, value)).for_all()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::packet::Packet;
    use crate::ring::{Doorbell, HandoffWriter, handoff};
    use crate::server::settings::Burst;
    use std::time::SystemTime;

    pub(crate) fn moment() -> Moment {
        Moment { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000) }
    }

    pub(crate) fn mount_of(settings: MountSettings, server: &ServerSettings) -> (Mount, HandoffWriter) {
        settings.check().unwrap();
        let board = Arc::new(MountBoard::new(Arc::new(settings), SystemTime::UNIX_EPOCH));
        let (writer, reader) = handoff(4096, Arc::new(Doorbell::new(|| ())));
        (Mount::new(board, reader, server, Instant::now()), writer)
    }

    pub(crate) fn mp3_settings() -> MountSettings {
        MountSettings {
            path: "/stream.mp3".into(),
            content_type: "audio/mpeg".into(),
            bitrate: Some(128),
            sample_rate: Some(44_100),
            channels: Some(2),
            ..MountSettings::default()
        }
    }

    pub(crate) fn mp3_mount() -> (Mount, HandoffWriter) {
        mount_of(mp3_settings(), &ServerSettings::default())
    }

    pub(crate) fn packet(bytes: &[u8], title: &Arc<Title>) -> TitledPacket {
        let packet = Packet { bytes: bytes.into(), frames: 1152 };
        TitledPacket { packet, title: Arc::clone(title), header: None }
    }

    #[test]
    fn a_title_begins_where_its_first_packet_does() {
        let (mut mount, mut writer) = mp3_mount();
        let titles = ["first", "second"].map(|text| Arc::new(Title::new(text)));
        let same_text = Arc::new(Title::new("second"));
        for (count, title) in [(200, &titles[0]), (3, &titles[1]), (4, &same_text)] {
            for _ in 0..count {
                writer.push(packet(&[0; 417], title));
            }
        }
        let now = moment();
        assert_eq!(mount.drain(now), Drained::Empty);
        let second = StreamPos(200 * 417);
        assert_eq!(mount.backlog.title_at(StreamPos(second.0 - 1)).icy_block, icy_block(&titles[0]));
        assert_eq!(mount.backlog.title_at(second).icy_block, icy_block(&titles[1]));
        assert_eq!(mount.backlog.title_at(second).number, mount.backlog.last_title().unwrap().number);

        let info = mount.board.snapshot();
        assert_eq!(info.title.title, titles[1]);
        assert_eq!(info.title.position, second);
        assert_eq!(info.title.changed_at, now.wall);
        // One burst later: 64 KiB, which is 158 packets of 26 ms.
        let ahead = info.title.audible_at.duration_since(now.wall).unwrap();
        assert_eq!(ahead.as_millis(), 158 * 1152 * 1000 / 44_100);
        assert_eq!((info.packets, info.position), (207, StreamPos(207 * 417)));
        assert_eq!(info.duration.as_millis(), 207 * 1152 * 1000 / 44_100);
    }

    #[test]
    fn a_new_header_is_for_those_who_join_there_and_announces_no_title() {
        let (mut mount, mut writer) = mp3_mount();
        let title = Arc::new(Title::new("T"));
        let headers = [None, Some(Arc::from(*b"one")), Some(Arc::from(*b"two"))];
        for header in &headers {
            writer.push(TitledPacket { header: header.clone(), ..packet(&[0; 10], &title) });
        }
        mount.drain(moment());
        for (at, header) in [0, 10, 20].into_iter().zip(&headers) {
            let mark = mount.backlog.title_at(StreamPos(at));
            assert_eq!((&mark.header, mark.number), (header, 1));
        }
    }

    #[test]
    fn a_producer_without_end_gets_its_share_of_a_turn() {
        let (mut mount, mut writer) = mp3_mount();
        let title = Arc::default();
        for _ in 0..PACKETS_A_TURN + 1 {
            writer.push(packet(&[0], &title));
        }
        drop(writer);
        assert_eq!(mount.drain(moment()), Drained::Partly);
        assert_eq!(mount.drain(moment()), Drained::Ended);
        assert_eq!(mount.backlog.head(), StreamPos(PACKETS_A_TURN as u64 + 1));
    }

    #[test]
    fn a_mount_that_is_removed_keeps_all_that_was_pushed() {
        let (mut mount, mut writer) = mp3_mount();
        for _ in 0..3 * PACKETS_A_TURN {
            writer.push(packet(&[0], &Arc::default()));
        }
        mount.end(CloseReason::MountEnded, moment());
        assert_eq!(mount.backlog.head(), StreamPos(3 * PACKETS_A_TURN as u64));
    }

    #[test]
    fn packets_whose_length_is_not_known_take_the_time_that_their_bytes_take() {
        let unknown = MountSettings { bitrate: None, sample_rate: None, ..mp3_settings() };
        let (mut mount, mut writer) = mount_of(unknown, &ServerSettings::default());
        let mut packet = packet(&[0; 40_000], &Arc::default());
        packet.packet.frames = 0;
        writer.push(packet);
        mount.drain(moment());
        assert_eq!(mount.packet_time(), Duration::from_secs(1), "at 320 kbit/s");
    }

    #[test]
    fn the_head_says_what_players_read() {
        let settings = MountSettings {
            name: Some("Björk FM".into()),
            genre: Some("Pop".into()),
            description: Some("All day".into()),
            url: Some("https://radio.example".into()),
            public: true,
            ..mp3_settings()
        };
        let (mount, _writer) = mount_of(settings, &ServerSettings::default());
        let head = String::from_utf8(mount.answer_head(Version::Http10, true, "now")).unwrap();
        for line in [
            "HTTP/1.0 200 OK",
            "Connection: close",
            "Date: now",
            "Content-Type: audio/mpeg",
            "icy-br: 128",
            "icy-name: Björk FM",
            "icy-genre: Pop",
            "icy-description: All day",
            "icy-url: https://radio.example",
            "icy-pub: 1",
            "ice-audio-info: channels=2;samplerate=44100;bitrate=128",
            "icy-metaint: 16000",
        ] {
            assert!(head.split("\r\n").any(|known| known == line), "{line} is not in {head}");
        }
        let without = String::from_utf8(mount.answer_head(Version::Http11, false, "now")).unwrap();
        assert!(!without.contains("icy-metaint"));
    }

    #[test]
    fn a_mount_without_a_name_is_called_by_its_path() {
        for name in [None, Some(String::new())] {
            let settings = MountSettings { name, ..mp3_settings() };
            assert_eq!(settings.display_name(), "stream.mp3");
            let (mount, _writer) = mount_of(settings, &ServerSettings::default());
            let head = String::from_utf8(mount.answer_head(Version::Http10, true, "now")).unwrap();
            assert!(head.contains("\r\nicy-name: stream.mp3\r\n"), "{head}");
        }
    }

    #[test]
    fn a_burst_of_bytes_is_just_that() {
        let server = ServerSettings { burst: Burst::Bytes(1000), ..ServerSettings::default() };
        let (mut mount, mut writer) = mount_of(mp3_settings(), &server);
        assert_eq!(mount.burst_start(), StreamPos(0));
        for _ in 0..10 {
            writer.push(packet(&[0; 417], &Arc::default()));
        }
        mount.drain(moment());
        assert_eq!(mount.burst_start(), StreamPos(7 * 417));
    }
}
