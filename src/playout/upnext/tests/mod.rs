//! Single rules. `model.rs` compares random operations with a naive model.

mod model;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::*;

fn entry(label: u32) -> Entry {
    Entry::new(format!("{label}.mp3"))
}

fn entries(labels: impl IntoIterator<Item = u32>) -> Vec<Entry> {
    labels.into_iter().map(entry).collect()
}

fn list(labels: impl IntoIterator<Item = u32>, repeat: bool, shuffle: bool) -> Playlist {
    Playlist { name: "list".into(), entries: entries(labels), repeat, shuffle }
}

fn with_list(labels: impl IntoIterator<Item = u32>, repeat: bool, shuffle: bool) -> (UpNext, ListId) {
    let mut up_next = UpNext::new(fastrand::Rng::with_seed(7));
    let id = up_next.load(list(labels, repeat, shuffle), When::AfterCurrent);
    (up_next, id)
}

fn label(entry: &Entry) -> u32 {
    entry.path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

/// Begins the next entry, and returns it.
fn play(up_next: &mut UpNext) -> Option<(u32, Turn)> {
    let next = up_next.peek()?;
    let (id, label) = (next.id, label(next.entry));
    up_next.begin(id).map(|turn| (label, turn))
}

fn play_all(up_next: &mut UpNext, count: usize) -> Vec<u32> {
    std::iter::from_fn(|| play(up_next)).map(|(label, _)| label).take(count).collect()
}

fn listed(up_next: &mut UpNext, count: usize) -> Vec<u32> {
    up_next.up_next(count).iter().map(|next| label(next.entry)).collect()
}

#[test]
fn the_queue_goes_first_and_once_then_the_playlist_goes_round() {
    let (mut up_next, _) = with_list(1..=3, true, false);
    assert_eq!(play_all(&mut up_next, 2), [1, 2]);
    up_next.queue(entries([10, 11]), Place::End);
    up_next.queue(entries([20, 21]), Place::Next);
    assert_eq!(listed(&mut up_next, 100), [20, 21, 10, 11, 3, 1, 2]);
    assert_eq!(play_all(&mut up_next, 8), [20, 21, 10, 11, 3, 1, 2, 3]);
}

#[test]
fn a_pass_whose_first_entries_failed_has_not_begun_when_repeat_is_taken_away() {
    for shuffle in [false, true] {
        let (mut up_next, _) = with_list(1..=3, true, shuffle);
        play_all(&mut up_next, 3);
        // The player looks ahead during the last track of the pass.
        let bad = up_next.peek().unwrap().id;
        up_next.skip_failed(bad);
        assert!(up_next.peek().is_some());
        up_next.set_repeat(false);
        assert_eq!(up_next.peek(), None);
        up_next.set_repeat(true);
        assert_eq!(play_all(&mut up_next, 2).len(), 2);
        // A track of this pass was heard, so the pass continues to its end.
        up_next.set_repeat(false);
        assert_eq!(play_all(&mut up_next, 9).len(), 1);
    }
    // The first pass takes place in any case.
    let (mut up_next, _) = with_list(1..=3, true, false);
    up_next.skip_failed(up_next.peek().unwrap().id);
    up_next.set_repeat(false);
    assert_eq!(play_all(&mut up_next, 9), [2, 3]);
}

#[test]
fn without_repeat_the_list_ends_and_repeat_takes_it_up_again() {
    for shuffle in [false, true] {
        let (mut up_next, _) = with_list(1..=3, false, shuffle);
        let (last, turn) = (0..3).map(|_| play(&mut up_next).unwrap()).last().unwrap();
        assert!(turn.pass_ended);
        assert_eq!(up_next.peek(), None);
        up_next.set_repeat(true);
        let (first, turn) = play(&mut up_next).unwrap();
        assert!(first != last && !turn.pass_ended);
    }
}

#[test]
fn a_new_playlist_is_told_when_its_first_track_begins_and_not_before() {
    let (mut up_next, _) = with_list(1..=3, true, false);
    assert_eq!(play(&mut up_next).unwrap().1.list_began, Some(("list".into(), 3)));
    assert_eq!(play(&mut up_next).unwrap().1.list_began, None);
    up_next.queue(entries([10]), Place::End);
    let night = Playlist { name: "night".into(), ..list(4..=9, true, false) };
    up_next.load(night, When::AfterCurrent);
    assert_eq!(
        play(&mut up_next).unwrap(),
        (10, Turn { origin: Origin::Queue, list_began: None, pass_ended: false })
    );
    // A bad file does not begin the list.
    let bad = up_next.peek().unwrap().id;
    assert_eq!(up_next.skip_failed(bad).unwrap().list_began, None);
    let (label, turn) = play(&mut up_next).unwrap();
    assert_eq!((label, turn.list_began), (5, Some(("night".into(), 6))));
}

#[test]
fn a_list_that_is_to_play_now_goes_before_the_queue_until_it_has_begun() {
    let (mut up_next, _) = with_list(1..=3, true, false);
    up_next.queue(entries([10, 11]), Place::End);
    up_next.load(list(4..=6, true, false), When::Now);
    assert_eq!(listed(&mut up_next, 4), [4, 10, 11, 5]);
    up_next.queue(entries([9]), Place::Next);
    assert_eq!(listed(&mut up_next, 4), [4, 9, 10, 11]);
    // A bad file does not begin it.
    up_next.skip_failed(up_next.peek().unwrap().id);
    assert_eq!(play_all(&mut up_next, 6), [5, 9, 10, 11, 6, 4]);
}

#[test]
fn what_is_begun_late_or_out_of_turn_has_its_turn_and_takes_none_from_others() {
    let (mut up_next, _) = with_list(1..=5, true, false);
    let fetched = up_next.peek().unwrap().id;
    let version = up_next.version();
    let urgent = up_next.queue(entries([10]), Place::Next)[0];
    assert_ne!(up_next.version(), version);
    assert!(up_next.begin(fetched).is_some());
    assert_eq!(play_all(&mut up_next, 2), [10, 2]);
    assert_eq!(up_next.begin(urgent), None, "it is gone");

    let (mut up_next, _) = with_list(0..50, true, true);
    let order = listed(&mut up_next, 50);
    let out_of_turn = up_next.up_next(50)[20].id;
    assert!(up_next.begin(out_of_turn).is_some());
    let mut expected = order.clone();
    expected.remove(20);
    assert_eq!(play_all(&mut up_next, 49), expected);
}

#[test]
fn a_pass_of_nothing_but_failures_is_known() {
    for shuffle in [false, true] {
        let (mut up_next, list) = with_list(1..=3, true, shuffle);
        let fail = |up_next: &mut UpNext| {
            let id = up_next.peek().unwrap().id;
            up_next.skip_failed(id).unwrap().pass_ended
        };
        assert!(!up_next.all_failed());
        let ended: Vec<bool> = (0..3).map(|_| fail(&mut up_next)).collect();
        assert_eq!(ended, [false, false, true]);
        assert!(up_next.all_failed());
        // A queued entry can be tried at once, and so can a new one.
        let id = up_next.queue(entries([9]), Place::End)[0];
        assert!(!up_next.all_failed());
        up_next.skip_failed(id);
        assert!(up_next.all_failed());
        assert!(up_next.replace(list, entries(1..=3)) && up_next.all_failed(), "nothing has changed");
        assert!(up_next.extend(list, entries([4])) && !up_next.all_failed());
        play(&mut up_next);
        assert!(!up_next.all_failed());
    }
    assert!(!UpNext::new(fastrand::Rng::with_seed(0)).all_failed());
}

#[test]
fn a_list_still_being_read_goes_on_and_new_entries_come_before_the_next_pass() {
    for shuffle in [false, true] {
        let (mut up_next, id) = with_list([], true, shuffle);
        assert_eq!(up_next.peek(), None);
        assert!(up_next.extend(id, entries([1])));
        assert!(play(&mut up_next).unwrap().1.pass_ended);
        assert!(up_next.extend(id, entries(2..=40)));
        let rest: HashSet<u32> = play_all(&mut up_next, 39).into_iter().collect();
        assert_eq!(rest, (2..=40).collect(), "shuffle {shuffle}");
        let old = id;
        up_next.load(list([], true, shuffle), When::AfterCurrent);
        assert!(!up_next.extend(old, entries([5])) && !up_next.replace(old, entries([5])));
        assert_eq!(up_next.peek(), None);
    }
}

#[test]
fn shuffled_new_entries_can_come_anywhere_in_what_is_left() {
    let mut places = HashSet::new();
    for seed in 0..200 {
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(seed));
        let id = up_next.load(list(0..10, false, true), When::Now);
        play_all(&mut up_next, 4);
        up_next.extend(id, entries([99]));
        let rest = play_all(&mut up_next, 100);
        places.insert(rest.iter().position(|&label| label == 99).unwrap());
    }
    // Not the first place: that entry may have been fetched already.
    assert_eq!(places, (1..=6).collect());
}

#[test]
fn shuffles_are_fair() {
    // Each of six entries should be in each place a sixth of the time: 1,000 of 6,000, give or take
    // five standard deviations (29 each).
    let mut counts = [[0_u32; 6]; 6];
    let mut up_next = UpNext::new(fastrand::Rng::with_seed(99));
    for _ in 0..6000 {
        up_next.load(list(0..6, false, true), When::Now);
        for (place, label) in play_all(&mut up_next, 6).into_iter().enumerate() {
            counts[place][label as usize] += 1;
        }
    }
    assert!(counts.iter().flatten().all(|&count| count.abs_diff(1000) < 145), "{counts:?}");
}

#[test]
fn a_list_read_again_goes_on_after_what_was_current() {
    let (mut up_next, id) = with_list([1, 2, 3, 4], true, false);
    play_all(&mut up_next, 2);
    let three = up_next.peek().unwrap().id;
    let version = up_next.version();
    // An entry that is sorted in before the current one moves the position with it.
    up_next.replace(id, entries([0, 1, 2, 3, 4]));
    assert_eq!((up_next.peek().unwrap().id, up_next.version()), (three, version));
    // The current entry has gone, so playing continues after the one before it.
    up_next.replace(id, entries([0, 1, 5, 3, 4]));
    assert_eq!(listed(&mut up_next, 9), [5, 3, 4, 0, 1]);
    // In another order, playing continues after the entry's new place.
    play_all(&mut up_next, 2);
    up_next.replace(id, entries([3, 4, 0, 1, 5]));
    assert_eq!(play_all(&mut up_next, 2), [4, 0]);
    // With other entries, playing starts from the beginning.
    up_next.replace(id, entries([7, 8]));
    assert_eq!(play_all(&mut up_next, 3), [7, 8, 7]);
    // The same file with another title is another answer.
    let version = up_next.version();
    up_next.replace(id, vec![entry(7), Entry { extinf: Some("Eight".into()), ..entry(8) }]);
    assert_ne!(up_next.version(), version);
    up_next.replace(id, vec![]);
    assert_eq!(up_next.peek(), None);
}

#[test]
fn no_pass_begins_with_what_was_heard_last_however_the_one_before_ended() {
    for seed in 0..50 {
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(seed));
        let id = up_next.load(list(0..4, true, true), When::Now);
        let first = up_next.peek().unwrap().id;
        let played = play_all(&mut up_next, 3);
        // The first plays once more. Then the fourth, which was still to come, is removed.
        up_next.begin(first);
        up_next.replace(id, entries(played.iter().copied()));
        assert_ne!(up_next.peek().unwrap().id, first, "seed {seed}");
    }
}

#[test]
fn an_entry_listed_twice_is_two_entries() {
    let (mut up_next, id) = with_list([1, 2, 1, 3], true, false);
    play_all(&mut up_next, 3);
    up_next.replace(id, entries([5, 1, 2, 1, 2, 3]));
    assert_eq!(play_all(&mut up_next, 3), [2, 3, 5]);
}

#[test]
fn turning_shuffle_on_repeats_nothing_and_off_goes_on_from_what_plays() {
    let (mut up_next, _) = with_list(0..20, true, false);
    let first = play_all(&mut up_next, 8);
    up_next.set_shuffle(true);
    let rest = play_all(&mut up_next, 12);
    let all: HashSet<u32> = first.into_iter().chain(rest).collect();
    assert_eq!(all.len(), 20);
    let (last, _) = play(&mut up_next).unwrap();
    up_next.set_shuffle(false);
    assert_eq!(play(&mut up_next).unwrap().0, (last + 1) % 20);
}

#[test]
fn what_was_due_when_a_snapshot_was_made_has_not_failed_and_all_others_keep_their_ids() {
    let cut = GiveWay::Crossfade(Duration::ZERO);
    let mut order = RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1)));
    order.start();
    order.load(list(0..2, true, false), When::Now, cut);
    let next = |order: &RunningOrder, expected| {
        let next = order.peek().unwrap();
        assert_eq!(label(next.entry), expected);
        next.id
    };
    order.begin(next(&order, 0));
    order.skip_failed(next(&order, 1));
    // The good one is due again, and has not begun to sound.
    order.skip(cut);
    let queued = order.queue(entries([2]), Place::End);
    let ids = |order: &mut RunningOrder| order.up_next(3)[1..].iter().map(|next| next.id).collect::<Vec<_>>();
    let before = ids(&mut order);
    order.go_on_from(order.snapshot(), None, cut);
    assert_eq!(ids(&mut order), before);
    order.remove(queued[0]).unwrap();
    order.begin(next(&order, 0));
    order.skip_failed(next(&order, 1));
    assert!(!order.all_failed(), "the good one is up next");
}

/// A running order on the air, with a schedule and this playlist.
fn scheduled(labels: impl IntoIterator<Item = u32>) -> RunningOrder {
    let mut order = RunningOrder::new(with_list(labels, true, false).0);
    order.set_scheduled(true);
    order.start();
    order
}

/// What the schedule chooses begins.
fn begin_scheduled(order: &mut RunningOrder, label: u32) {
    let id = order.schedule(Some(entry(label)), Rank::AfterQueue).unwrap();
    order.begin(id);
}

#[test]
fn whoever_found_nothing_sees_that_the_schedule_is_asked_again() {
    let mut order = scheduled([]);
    order.schedule(None, Rank::AfterQueue);
    let version = order.version();
    order.ask_schedule();
    assert!(order.is_schedule_awaited() && order.version() > version);
    // It has a schedule for the first time.
    let mut order = RunningOrder::new(with_list([], true, false).0);
    order.start();
    let version = order.version();
    order.set_scheduled(true);
    assert!(order.version() > version);
}

#[test]
fn an_order_that_is_taken_back_leaves_what_is_on_the_air_and_the_queue_as_they_are() {
    let mut order = scheduled(0..3);
    begin_scheduled(&mut order, 0);
    order.queue(entries([10]), Place::End);
    let begins = Instant::now();
    let follower = Follower::Slot { waits: true };
    let (crossfade, kind) = (Duration::ZERO, crate::TrackKind::Show);
    let at = GiveWay::At(Appointment { begins, crossfade, kind, follower });
    let slot = order.play_now(entry(7), at);
    let turn = order.turn().0;
    assert!(order.take_back(slot));
    assert_eq!(order.turn(), (turn + 1, GiveWay::GoesOn));
    assert_eq!((order.due(), order.is_schedule_awaited()), (None, true));
    assert_eq!(label(order.peek().unwrap().entry), 10, "the queue comes next");
    assert!(!order.take_back(slot), "once");
    // What has begun stays.
    let slot = order.play_now(entry(7), at);
    order.begin(slot);
    assert!(!order.take_back(slot));
}

#[test]
fn the_schedule_says_what_comes_instead_of_what_it_ordered_and_cannot_be_played() {
    let mut order = scheduled(0..3);
    begin_scheduled(&mut order, 0);
    order.queue(entries([10]), Place::End);
    let slot = order.play_now(entry(7), GiveWay::Crossfade(Duration::ZERO));
    assert!(order.skip_failed(slot));
    assert_eq!((order.due(), order.is_schedule_awaited()), (None, true));
    order.schedule(Some(entry(8)), Rank::First);
    assert_eq!(label(order.peek().unwrap().entry), 8, "before the queue");
    assert!(order.due().is_some());
    order.skip_failed(order.due().unwrap().entry);
    order.schedule(None, Rank::AfterQueue);
    assert_eq!(label(order.peek().unwrap().entry), 10, "it has nothing to say");
}

#[test]
fn a_slot_that_is_chosen_for_its_time_is_not_played_before_it() {
    for (label_after, queued) in [(1, None), (10, Some(10))] {
        let mut order = scheduled(0..3);
        begin_scheduled(&mut order, 0);
        order.schedule(Some(entry(7)), Rank::FirstThen { from: Instant::now() });
        order.queue(entries(queued), Place::End);
        assert_eq!(label(order.peek().unwrap().entry), 7, "it comes when the track ends");
        order.skip(GiveWay::Crossfade(Duration::ZERO));
        assert!(order.is_schedule_awaited() != order.due().is_some());
        order.schedule(Some(entry(1)), Rank::AfterQueue);
        assert_eq!(label(order.peek().unwrap().entry), label_after);
        // One that has come is played at once.
        order.begin(order.peek().unwrap().id);
        order.schedule(Some(entry(7)), Rank::First);
        order.skip(GiveWay::Crossfade(Duration::ZERO));
        assert_eq!(label(order.peek().unwrap().entry), 7);
    }
}

/// The end of a track is known for certain only when it is near.
#[test]
fn a_slot_that_is_chosen_for_its_time_is_chosen_anew_if_the_track_ends_before_it() {
    let mut order = scheduled(0..3);
    begin_scheduled(&mut order, 0);
    let from = Instant::now();
    let slot = order.schedule(Some(entry(7)), Rank::FirstThen { from }).unwrap();
    assert_eq!(order.not_before(slot), Some(from));
    order.ends_at(from);
    assert!(!order.is_schedule_awaited() && label(order.peek().unwrap().entry) == 7);
    order.ends_at(from - Duration::from_millis(1));
    assert!(order.is_schedule_awaited());
    let song = order.schedule(Some(entry(1)), Rank::AfterQueue).unwrap();
    order.ends_at(from - Duration::from_secs(60));
    assert!(!order.is_schedule_awaited() && order.not_before(song).is_none());
    // One that has come may begin at any time.
    let slot = order.schedule(Some(entry(7)), Rank::First).unwrap();
    order.ends_at(from - Duration::from_secs(60));
    assert!(!order.is_schedule_awaited() && order.not_before(slot).is_none());
}

#[test]
fn a_snapshot_survives_what_text_can_do_to_it() {
    let (mut up_next, _) = with_list(0..5, true, true);
    up_next.queue(entries([10, 11]), Place::End);
    let text = serde_json::to_string(&up_next.snapshot()).unwrap();
    let restore =
        |text: &str| UpNext::restore(serde_json::from_str(text).unwrap(), fastrand::Rng::with_seed(3));
    let damage = |from: &str, to: &str| {
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text, "{from} is not in {text}");
        damaged
    };
    for damaged in [
        damage(r#""order":["#, r#""order":[99,"#),
        damage(r#""order":["#, r#""order":[0,0,"#),
        damage(r#""next":0"#, r#""next":77"#),
        damage(r#""drawn":1"#, r#""drawn":6"#),
        damage(r#""last":null"#, r#""last":5"#),
        damage(r#""ahead":null"#, r#""ahead":5"#),
        damage(r#""next_id":"#, r#""next_id":1844674407370955"#),
        damage(r#""next_id":9"#, r#""next_id":3"#),
        damage(r#""id":7"#, r#""id":8"#),
    ] {
        let mut up_next = restore(&damaged);
        up_next.queue(entries([12]), Place::End);
        let played: HashSet<u32> = play_all(&mut up_next, 8).into_iter().collect();
        assert_eq!(played, [0, 1, 2, 3, 4, 10, 11, 12].into(), "{damaged}");
        let ids: HashSet<u64> = up_next.up_next(5).iter().map(|next| next.id.0).collect();
        assert!(ids.len() <= 5 && up_next.peek().is_some());
    }
}
