//! The rule, with a stepped clock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::tz::TimeZone;

use crate::error::LeaveReason;
use crate::event::{AnnouncementEnd, Event, LiveSourceInfo, TrackInfo};
use crate::history::account::{Account, Moment, Sample};
use crate::history::play::{Play, PlayKind};
use crate::ids::{AnnouncementId, EntryId, VoiceId};
use crate::metadata::{TagDetails, Tags};
use crate::playout::TrackKind;
use crate::roots::MediaRoots;
use crate::units::FramePos;

/// A pipeline whose clock is stepped.
struct Stepped {
    account: Account,
    now: Moment,
    /// What the next look shows.
    shows: Sample,
    ended: Vec<Play>,
}

impl Stepped {
    fn new() -> Stepped {
        let roots = MediaRoots::new(vec!["/music".into()]);
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let account = Account::new("main".into(), zone, (roots, Vec::new()), Arc::default());
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let now = Moment { at: Instant::now(), wall };
        Stepped { account, now, shows: Sample::default(), ended: Vec::new() }
    }

    fn tell(&mut self, event: &Event) {
        self.account.event(event, self.now);
        self.ended.extend(self.account.take_ended().into_iter().map(|(_, play)| play));
    }

    fn look(&mut self) {
        self.account.look(self.shows.clone(), self.now);
        self.ended.extend(self.account.take_ended().into_iter().map(|(_, play)| play));
    }

    fn pass(&mut self, time: Duration) {
        self.now = Moment { at: self.now.at + time, wall: self.now.wall + time };
    }

    /// So many seconds, with a look after each.
    fn pass_seconds(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.pass(Duration::from_secs(1));
            self.look();
        }
    }

    fn track(&mut self, id: u64, title: &str) {
        let track = track(id, title);
        self.shows.programme = Some(track.clone());
        self.tell(&Event::TrackChange { track, at: FramePos(0) });
    }

    fn end(mut self) -> Vec<Play> {
        self.tell(&Event::PipelineStop);
        self.ended
    }
}

fn track(id: u64, title: &str) -> Arc<TrackInfo> {
    Arc::new(TrackInfo {
        id: EntryId(id),
        file: PathBuf::from(format!("/music/ä/{title}.mp3")),
        given: None,
        tags: Tags {
            artist: Some("Artist".into()),
            title: Some(title.into()),
            details: Some(Box::new(TagDetails {
                isrc: Some("DEA620800025".into()),
                ..TagDetails::default()
            })),
            ..Tags::default()
        },
        title: title.into(),
        duration: None,
        confined: false,
        kind: TrackKind::Jingle,
        reason: Default::default(),
    })
}

fn source(id: u64) -> Arc<LiveSourceInfo> {
    let user = Some("änne".into());
    Arc::new(LiveSourceInfo { id, path: "/live".into(), user, name: None, program: None })
}

fn announcement(id: u64) -> [Event; 2] {
    let (announcement, file) = (AnnouncementId(id), PathBuf::from("/else/fire.wav"));
    let reason = AnnouncementEnd::Complete;
    let ended = Event::AnnouncementEnded { announcement, file: file.clone(), reason, fault: None };
    [Event::AnnouncementBegan { announcement, file, at: FramePos(0) }, ended]
}

fn heard(play: &Play) -> (&str, f64, f64) {
    (&play.title, play.heard.as_secs_f64(), play.listened.as_secs_f64())
}

#[test]
fn a_track_counts_from_its_beginning_to_the_next_with_all_who_listen() {
    let mut radio = Stepped::new();
    radio.shows.listeners = 5;
    radio.look();
    radio.track(1, "one");
    radio.pass_seconds(10);
    radio.shows.listeners = 8;
    radio.look();
    radio.pass_seconds(10);
    radio.shows.listeners = 2;
    radio.pass(Duration::from_millis(500));
    radio.track(2, "two");
    radio.pass_seconds(4);
    let plays = radio.end();
    assert_eq!(plays.iter().map(heard).collect::<Vec<_>>(), [("one", 20.5, 134.0), ("two", 4.0, 14.0)]);
    let one = &plays[0];
    assert_eq!((one.listeners_at_start, one.listeners_peak, one.ended), (5, 8, true));
    assert_eq!((one.began_at, one.utc_offset, &*one.zone), (1_000_000_000_000, 7200, "local"));
    assert_eq!((one.kind, one.file.as_deref()), (PlayKind::Jingle, Some("ä/one.mp3")));
    assert_eq!(one.piece.artist.as_deref(), Some("Artist"));
    assert_eq!(one.reason.as_deref(), Some("the playlist"));
    assert_eq!(one.piece.isrc.as_deref(), Some("DEA620800025"));
    assert_eq!(plays[1].began_at, 1_000_000_020_500);
}

#[test]
fn what_lies_beneath_something_else_does_not_count_and_decks_sound_beside_it() {
    let mut radio = Stepped::new();
    radio.shows.listeners = 1;
    radio.look();
    radio.track(1, "one");
    radio.pass_seconds(3);
    radio.shows.held = true;
    radio.look();
    radio.pass_seconds(100);
    radio.shows.held = false;
    radio.look();
    radio.pass_seconds(2);
    let deck = Event::VoiceBegan { voice: VoiceId(7), track: Some(track(0, "deck")) };
    radio.tell(&deck);
    radio.shows.decks = vec![VoiceId(7)];
    radio.pass_seconds(5);
    let [began, ended] = announcement(1);
    radio.tell(&began);
    radio.pass_seconds(4);
    radio.tell(&ended);
    radio.shows.decks = Vec::new();
    radio.look();
    radio.pass_seconds(20);
    radio.tell(&Event::VoiceEnded { voice: VoiceId(7), stopped: true });
    let plays = radio.end();
    let times: Vec<_> = plays.iter().map(|play| (&*play.title, play.heard.as_secs())).collect();
    assert_eq!(times, [("fire", 4), ("deck", 5), ("one", 30)]);
    assert_eq!(plays[0].file.as_deref(), Some("/else/fire.wav"));
    assert_eq!([plays[0].kind, plays[1].kind], [PlayKind::Announcement, PlayKind::Deck]);
}

#[test]
fn each_title_of_a_source_is_a_play_but_one_that_is_corrected_at_once_is_not() {
    let mut radio = Stepped::new();
    radio.track(1, "one");
    radio.pass_seconds(5);
    let (source, at) = (source(3), FramePos(0));
    radio.tell(&Event::LiveBegan { source: source.clone(), at });
    let title = |title: &str| Event::LiveTitle { source: source.clone(), title: title.into(), at };
    radio.pass(Duration::from_millis(900));
    radio.tell(&title("Björk - Jóga"));
    radio.shows.live = Some((source.clone(), "Björk - Jóga".into()));
    radio.pass_seconds(60);
    radio.tell(&title("Björk - Jóga"));
    radio.pass_seconds(60);
    radio.tell(&title("news"));
    radio.pass_seconds(30);
    // Its line breaks: the programme sounds, until its user is back or is not.
    radio.shows.live = None;
    radio.look();
    radio.pass_seconds(9);
    radio.tell(&Event::LiveEnded {
        source: source.clone(),
        reason: LeaveReason::Broken,
        lasted: Duration::from_secs(150),
    });
    let plays = radio.end();
    let times: Vec<_> = plays.iter().map(|play| (&*play.title, play.heard.as_secs_f64())).collect();
    assert_eq!(times, [("Björk - Jóga", 120.9), ("news", 30.0), ("one", 14.0)]);
    assert_eq!(plays[0].user.as_deref(), Some("änne"));
    assert_eq!(plays[0].piece.artist.as_deref(), Some("Björk"));
    assert_eq!(plays[1].piece.name.as_deref(), Some("news"));
    assert!(plays[1].piece.artist.is_none() && plays[1].file.is_none());
}

#[test]
fn what_is_never_heard_is_no_play_and_one_that_waits_begins_when_it_sounds() {
    let mut radio = Stepped::new();
    radio.shows.live = Some((source(1), "talk".into()));
    radio.look();
    for id in 1..4 {
        radio.track(id, "skipped");
        radio.pass_seconds(3);
    }
    radio.track(9, "nine");
    radio.pass_seconds(3);
    radio.shows.live = None;
    radio.look();
    radio.pass_seconds(2);
    let plays = radio.end();
    let times: Vec<_> = plays.iter().map(|play| (&*play.title, play.heard.as_secs())).collect();
    assert_eq!(times, [("nine", 2), ("talk", 12)]);
    assert_eq!(plays[0].began_at, 1_000_000_012_000);
}

#[test]
fn events_that_were_missed_are_found_by_two_looks() {
    let mut radio = Stepped::new();
    radio.track(1, "one");
    radio.pass_seconds(10);
    radio.shows.programme = Some(track(2, "two"));
    radio.pass_seconds(5);
    radio.shows.programme = None;
    radio.pass_seconds(20);
    let times: Vec<_> = radio.end().iter().map(|play| (play.title.clone(), play.heard.as_secs())).collect();
    // Two seconds go by until that is sure.
    assert_eq!(times, [("one".into(), 12), ("two".into(), 4)]);
}

/// A pipeline at which anything may happen at any moment, counted in steps of a tenth of a second.
#[test]
fn whatever_happens_the_sums_are_those_of_a_naive_model() {
    const STEP: Duration = Duration::from_millis(100);
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut radio = Stepped::new();
        let mut naive: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let (mut current, mut live) = (None::<String>, None::<(Arc<LiveSourceInfo>, String)>);
        let (mut decks, mut announced) = (Vec::<(VoiceId, String)>::new(), false);
        for step in 0..2000_u64 {
            let name = format!("{seed}-{step}");
            match rng.u32(..60) {
                0..6 => {
                    radio.track(step, &name);
                    current = Some(name);
                }
                6 => {
                    radio.shows.programme = None;
                    radio.tell(&Event::NothingToPlay);
                    current = None;
                }
                7..10 => radio.shows.held = !radio.shows.held,
                10..13 if live.is_none() => {
                    let source = source(step);
                    radio.tell(&Event::LiveBegan { source: source.clone(), at: FramePos(0) });
                    radio.tell(&Event::LiveTitle {
                        source: source.clone(),
                        title: name.clone(),
                        at: FramePos(0),
                    });
                    live = Some((source, name));
                }
                13..16 => {
                    if let Some((source, _)) = live.take() {
                        let (reason, lasted) = (LeaveReason::Broken, Duration::ZERO);
                        radio.tell(&Event::LiveEnded { source, reason, lasted });
                    }
                }
                16..19 => {
                    let voice = VoiceId(step);
                    radio.tell(&Event::VoiceBegan { voice, track: Some(track(0, &name)) });
                    decks.push((voice, name));
                }
                19..22 if !decks.is_empty() => {
                    let (voice, _) = decks.swap_remove(rng.usize(..decks.len()));
                    radio.tell(&Event::VoiceEnded { voice, stopped: false });
                }
                22 => {
                    radio.tell(&announcement(1)[usize::from(announced)]);
                    announced = !announced;
                }
                23..30 => radio.shows.listeners = rng.u64(..5000),
                _ => {}
            }
            radio.shows.live.clone_from(&live);
            radio.shows.decks = decks.iter().map(|(voice, _)| *voice).collect();
            radio.look();
            let programme = current.as_ref().filter(|_| live.is_none() && !radio.shows.held);
            let beside = decks.iter().map(|(_, name)| name);
            let sounding: Vec<String> = match announced {
                true => vec!["fire".into()],
                false => {
                    live.iter().map(|(_, title)| title).chain(programme).chain(beside).cloned().collect()
                }
            };
            for title in sounding {
                let sums = naive.entry(title).or_default();
                *sums = (sums.0 + 1, sums.1 + radio.shows.listeners);
            }
            radio.pass(STEP);
        }
        let mut counted: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for play in radio.end() {
            let sums = counted.entry(play.title).or_default();
            let steps = |time: Duration| (time.as_millis() / STEP.as_millis()) as u64;
            *sums = (sums.0 + steps(play.heard), sums.1 + steps(play.listened));
        }
        counted.retain(|_, sums| sums.0 > 0);
        assert_eq!(counted, naive, "seed {seed}");
    }
}
