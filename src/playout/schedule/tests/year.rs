//! A year with both changes of the clocks, in three zones.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use super::preview::simulate;
use super::*;

/// Zones that change their clocks at other times, one of them by half an hour.
const ZONES: [&str; 3] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];

/// All of the year if that may take its time, else three days on either side of each change.
fn spans(zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
    // Not at full hours, at or shortly before which slots begin.
    let (first, last) = (at("2026-01-01T00:45:00Z"), at("2027-01-01T00:45:00Z"));
    if longwave_testing::long() {
        return vec![(first, last)];
    }
    let changes = zone.following(first).map(|change| change.timestamp()).take_while(|change| *change < last);
    let days = SignedDuration::from_hours(24 * 3);
    changes.map(|change| (change.checked_sub(days).unwrap(), change.checked_add(days).unwrap())).collect()
}

/// When a time of the day comes, minute by minute: the first time that a clock on the wall shows it or, if it
/// never does on that day, when it has passed it.
fn comes(
    zone: &TimeZone,
    from: Timestamp,
    until: Timestamp,
    is_wanted: impl Fn(i8, i8) -> bool,
) -> Vec<Timestamp> {
    let mut all = Vec::new();
    let mut shown = HashSet::new();
    // Some hours before, so that what is shown the second time is known.
    let mut at = from.checked_sub(5.hours()).unwrap();
    let mut before = zone.to_datetime(at.checked_sub(1.minute()).unwrap());
    while at < until {
        let wall = zone.to_datetime(at);
        let mut passed = before;
        let mut is_there = false;
        while passed < wall {
            passed = passed.checked_add(1.minute()).unwrap();
            is_there |= shown.insert(passed) && is_wanted(passed.hour(), passed.minute());
        }
        if is_there && at >= from {
            all.push(at);
        }
        before = if wall > before { wall } else { before };
        at = at.checked_add(1.minute()).unwrap();
    }
    all
}

fn schedule(zone: &str) -> Schedule {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    Schedule {
        zone: zone.parse().unwrap(),
        dayparts: vec![DaypartSettings {
            days: "Mon-Fri".parse().unwrap(),
            from: "06:00".parse().unwrap(),
            to: "10:00".parse().unwrap(),
            playlists: vec!["morning".into()],
            ..DaypartSettings::default()
        }],
        inserts: vec![
            InsertSettings { playlist: "jingles".into(), ..InsertSettings::default() },
            InsertSettings {
                name: String::new(),
                playlist: "spots".into(),
                every: Every::Time(minutes(20)),
                kind: crate::TrackKind::Spot,
            },
        ],
        slots: vec![
            slot("daily 01-03,07-09:00", "news.mp3", SlotStart::Hard),
            slot("daily 02:30", "night.mp3", SlotStart::Hard),
            slot("daily 10-20:00", "fit.mp3", SlotStart::Fit),
            slot("Sun 21:00", "show.mp3", SlotStart::Soft),
        ],
        separation: SeparationSettings { track: minutes(300), artist: minutes(60), title: minutes(120) },
    }
}

fn material(random: &mut fastrand::Rng) -> Simulated {
    let long_ago = at("2020-01-01T00:00:00Z");
    Simulated::default()
        .with(None, music("music", 1000, random))
        .with(Some("morning"), music("morning", 300, random))
        .with(Some("jingles"), jingles(12))
        .with(Some("spots"), jingles(3))
        .with_file("news.mp3", 180, long_ago)
        .with_file("night.mp3", 300, long_ago)
        .with_file("fit.mp3", 120, long_ago)
        .with_file("show.mp3", 3600, long_ago)
}

#[test]
fn a_year_holds_in_every_zone() {
    let seed = longwave_testing::seed();
    println!("seed {seed}");
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        let material = material(&mut fastrand::Rng::with_seed(seed));
        let schedule = schedule(name);
        for (from, until) in spans(&zone) {
            let rules = Rules::new(&schedule, Crossfade::default());
            // A year has more tracks than a preview.
            let mut plan =
                played(simulate(director_at(seed, from), &rules, &material, from, until, usize::MAX));
            // A slot may begin at the very end, which is not of this span any more.
            plan.retain(|planned| time(planned.at) < until);
            let comes = |wanted: &dyn Fn(i8, i8) -> bool| comes(&zone, from, until, wanted);
            assert_gapless(&plan, from, until);
            let hard = comes(&|hour, minute| minute == 0 && matches!(hour, 1..=3 | 7..=9));
            assert_eq!(starts(&plan, "news", true), hard, "{name}");
            let night = comes(&|hour, minute| (hour, minute) == (2, 30));
            // Where the clocks leave out 02:30, it comes when they have, together with the news of 03:00.
            let late = starts(&plan, "night", false);
            assert_eq!(late.len(), night.len(), "{name}");
            for (late, night) in late.iter().zip(&night) {
                let by = late.duration_since(*night).as_secs();
                assert!(by == 0 || (by == 180 && hard.contains(night)), "{name}: {night} began at {late}");
            }
            assert_fits(name, &plan, &comes(&|hour, minute| minute == 0 && (10..=20).contains(&hour)));
            assert_soft(&plan, "show");
            assert_separated(&plan, &schedule.separation);
            assert_inserts(&plan);
        }
    }
}

/// One that knows of what comes at the beginning.
fn director_at(seed: u64, from: Timestamp) -> Director {
    Director::new(seed, from.checked_sub(1.second()).unwrap())
}

/// Not a second of silence.
fn assert_gapless(plan: &[Planned], from: Timestamp, until: Timestamp) {
    assert_eq!(time(plan[0].at), from);
    assert!(plan.windows(2).all(|two| two[0].ends == two[1].at));
    assert!(time(plan.last().unwrap().ends) >= until);
}

/// When a slot begins. With `exact`, at the very moment at which it comes.
fn starts(plan: &[Planned], name: &str, exact: bool) -> Vec<Timestamp> {
    let of = plan.iter().filter(|planned| match &planned.reason {
        Reason::Slot { slot, late, .. } => slot == name && (!exact || *late == 0),
        _ => false,
    });
    of.map(|planned| time(planned.at)).collect()
}

/// All within 15 seconds, and 95 of 100 without cutting a track short.
fn assert_fits(name: &str, plan: &[Planned], comes: &[Timestamp]) {
    let starts = starts(plan, "fit", false);
    assert_eq!(starts.len(), comes.len(), "{name}");
    let mut missed = Vec::new();
    for (start, wanted) in starts.iter().zip(comes) {
        let by = start.duration_since(*wanted).abs();
        assert!(by <= SignedDuration::from_secs(15), "{name}: {wanted} began at {start}");
        let before = plan.iter().find(|planned| time(planned.ends) == *start).unwrap();
        if before.is_cut {
            missed.push(*wanted);
        }
    }
    assert!(
        missed.len() * 20 <= comes.len(),
        "{name}: cut in {} of {}: {missed:?}",
        missed.len(),
        comes.len()
    );
}

/// At the first boundary.
fn assert_soft(plan: &[Planned], name: &str) {
    for (index, planned) in plan.iter().enumerate() {
        if let Reason::Slot { slot, late, .. } = &planned.reason
            && slot == name
        {
            let comes = planned.at - Duration::from_secs(*late);
            assert!(plan[index - 1].at < comes, "{planned:?}");
        }
    }
}

/// The library allows it, so nothing is relaxed.
fn assert_separated(plan: &[Planned], separation: &SeparationSettings) {
    let mut last: HashMap<&Path, SystemTime> = HashMap::new();
    for planned in plan {
        let Reason::Rotation { relaxed, .. } = &planned.reason else { continue };
        assert!(relaxed.is_empty(), "{}", planned.reason);
        if let Some(before) = last.insert(&planned.entry.path, planned.at) {
            assert!(planned.at.duration_since(before).unwrap() >= separation.track);
        }
    }
}

/// None is starved: jingles come after four songs, or when the slot that would have cut them is over.
fn assert_inserts(plan: &[Planned]) {
    let (mut songs, mut last) = (0, plan[0].at);
    for planned in plan {
        match &planned.reason {
            Reason::Insert { insert, .. } if insert == "jingles" => songs = 0,
            Reason::Insert { .. } => {
                let since = planned.at.duration_since(last).unwrap();
                // A track, the news or the show may be on the air when it is due.
                assert!(since < Duration::from_secs(1200 + 3600 + 360), "{since:?}");
                last = planned.at;
            }
            _ => songs += u32::from(planned.entry.kind.is_music()),
        }
        assert!(songs <= 5, "{planned:?}");
    }
}

/// Ten thousand tracks are chosen from as fast as a hundred.
#[test]
fn a_large_library_is_planned_like_a_small_one() {
    let random = &mut fastrand::Rng::with_seed(1);
    let mut schedule = schedule("Europe/Berlin");
    schedule.dayparts.clear();
    let material = material(random).with(None, music("music", 10_000, random));
    let rules = Rules::new(&schedule, Crossfade::default());
    let from = at("2026-03-01T00:00:00Z");
    let until = at("2026-03-08T00:00:00Z");
    let plan = played(preview(Director::new(1, from), &rules, &material, from, until));
    let tracks = plan.iter().filter(|planned| planned.entry.kind.is_music());
    let paths: HashSet<_> = tracks.clone().map(|planned| &planned.entry.path).collect();
    // Nothing comes twice while there is something that has not come.
    assert_eq!(paths.len(), tracks.count());
    assert!(material.tracks(None).len() == 10_000);
}
