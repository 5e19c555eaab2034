//! What happens at the edges of a rule: what cannot be played, what ends otherwise than it seemed, what has
//! nothing before it.

use super::*;

fn now(time: &str) -> Timestamp {
    at(&format!("2026-11-30T{time}Z"))
}

fn rules(slots: Vec<SlotSettings>) -> Rules {
    let schedule = Schedule { zone: "UTC".parse().unwrap(), slots, ..Schedule::default() };
    Rules::new(&schedule, Crossfade::default())
}

#[test]
fn a_file_that_cannot_be_played_counts_as_missing_until_it_is_written_anew() {
    let mut slot = slot("daily 08:00", "shows", SlotStart::Hard);
    slot.otherwise = Some("best-of.mp3".into());
    let rules = rules(vec![slot]);
    let there = |material: Simulated| {
        material
            .with_file("shows/old", 60, now("01:00:00"))
            .with_file("shows/new", 60, now("02:00:00"))
            .with_file("best-of.mp3", 60, now("00:00:00"))
    };
    let material = there(Simulated::default());
    let mut director = Director::new(1, now("06:00:00"));
    let mut tried = Vec::new();
    while let Some(pick) = director.due_slot(&rules, &material, now("08:00:00")) {
        tried.push((pick.track.entry.path.display().to_string(), pick.reason.to_string()));
        director.failed(&rules, &pick, now("08:00:00"), "its end is missing");
        assert!(tried.len() <= 3, "{tried:?}");
    }
    let reason = |index: usize| tried[index].1.as_str();
    let files: Vec<&str> = tried.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["shows/new", "shows/old", "best-of.mp3"], "the newest first, and each once");
    assert_eq!(reason(1), "slot shows at 08:00");
    assert_eq!(reason(2), "slot shows at 08:00, instead of its own file: shows is missing");
    // One of them is written anew.
    let again = there(Simulated::default()).with_file("best-of.mp3", 60, now("08:01:00"));
    let pick = director.clone().due_slot(&rules, &again, now("08:02:00")).unwrap();
    assert_eq!(pick.track.entry.path, Path::new("best-of.mp3"));
    let dropped = director.expire(&rules, now("08:10:01"));
    let reason = "shows is missing; it cannot be played: its end is missing";
    assert_eq!(dropped.iter().map(|dropped| dropped.reason.as_str()).collect::<Vec<_>>(), [reason]);
    // The next day all of them are tried again.
    let next_day = at("2026-12-01T08:00:00Z");
    let pick = director.due_slot(&rules, &material, next_day).unwrap();
    assert_eq!(pick.track.entry.path, Path::new("shows/new"));
}

#[test]
fn a_preview_shows_the_slots_that_are_not_played_and_why() {
    let old = SlotSettings {
        max_age: Some(Duration::from_secs(3600)),
        ..slot("daily 07:30", "talk.mp3", SlotStart::Soft)
    };
    let instead = SlotSettings {
        otherwise: Some("best-of.mp3".into()),
        ..slot("daily 08:00", "show-%H.mp3", SlotStart::Hard)
    };
    let news = slot("daily 07:00", "news-%H.mp3", SlotStart::Hard);
    let schedule =
        Schedule { zone: "UTC".parse().unwrap(), slots: vec![news, old, instead], ..Schedule::default() };
    let songs = (0..9).map(|n| track(&format!("{n}"), "", 437_000)).collect();
    let material = Simulated::default()
        .with(None, songs)
        .with_file("talk.mp3", 60, now("00:00:00"))
        .with_file("best-of.mp3", 60, now("00:00:00"));
    let plan = whole_plan(&schedule, &material, "2026-11-30T06:00:00Z", "2026-11-30T09:00:00Z");
    assert!(plan.is_sorted_by_key(|planned| planned.at));
    let of_slots = plan.iter().filter(|planned| !matches!(planned.reason, Reason::Rotation { .. }));
    let shown: Vec<_> = of_slots
        .map(|planned| {
            let Planned { at, entry, reason, ends, .. } = planned;
            let at = time(*at).strftime("%H:%M").to_string();
            (at, entry.path.display().to_string(), reason.to_string(), planned.at == *ends)
        })
        .collect();
    let row = |at: &str, file: &str, reason: &str, dropped| (at.into(), file.into(), reason.into(), dropped);
    let of_show = "slot show-%H at 08:00, instead of its own file: show-08.mp3 is missing";
    assert_eq!(
        shown,
        [
            row("07:00", "news-07.mp3", "slot news-%H at 07:00 is not played: news-07.mp3 is missing", true),
            row("07:30", "talk.mp3", "slot talk at 07:30 is not played: talk.mp3 is too old", true),
            row("08:00", "best-of.mp3", of_show, false),
        ]
    );
    let is_dropped = |planned: &&Planned| planned.reason.is_dropped();
    assert_eq!(plan.iter().filter(is_dropped).count(), 2);
    let titles: Vec<_> = plan.iter().map(|planned| planned.title.as_str()).collect();
    assert!(titles.contains(&"news-07") && titles.contains(&"talk"), "{titles:?}");
}

#[test]
fn a_plan_has_the_titles_that_are_known() {
    let tagged = Track { title: Some("Jóga".into()), ..track("1.mp3", "Björk", 300_000) };
    let given = Entry { title: Some("As said".into()), ..tagged.entry.clone() };
    let listed = Entry { extinf: Some("As listed".into()), ..Entry::new("2.mp3") };
    for (track, title) in [
        (tagged.clone(), "Björk - Jóga"),
        (Track { entry: given, ..tagged }, "As said"),
        (track("music/1.mp3", "Björk", 300_000), "Björk"),
        (Track::new(listed), "As listed"),
        (Track::new(Entry::new("music/03 Jóga.mp3")), "03 Jóga"),
    ] {
        let material = Simulated::default().with(None, vec![track]);
        let plan =
            whole_plan(&Schedule::default(), &material, "2026-11-30T06:00:00Z", "2026-11-30T07:00:00Z");
        assert_eq!(plan[0].title, title);
    }
}

#[test]
fn a_fit_slot_waits_for_the_end_that_is_known_now() {
    let fit = slot("daily 08:00", "talk.mp3", SlotStart::Fit);
    let rules = rules(vec![fit]);
    let mut director = Director::new(1, now("06:00:00"));
    let ends = now("08:00:10");
    director.began(&rules, &track("song", "", 600_000), None, now("07:50:10"), Some(ends));
    let interruption = |director: &mut Director| director.interruption(&rules, now("07:59:00"));
    assert_eq!(interruption(&mut director), None, "it ends in time");
    // A DJ has held it for five minutes.
    director.ends_at(Some(now("08:05:10")));
    assert_eq!(interruption(&mut director), Some((now("08:00:00"), Interruption::Slot)));
    // It was sought to its end.
    director.ends_at(Some(now("08:00:01")));
    assert_eq!(interruption(&mut director), None);
    // It goes on beyond the end that its file declares.
    director.ends_at(Some(now("08:00:07")));
    let last_moment = Some((now("08:00:15"), Interruption::Slot));
    assert_eq!(director.interruption(&rules, now("08:00:07")), last_moment);
    assert_eq!(director.interruption(&rules, now("08:00:15")), None);
}

#[test]
fn a_preview_of_a_station_that_is_silent_at_night_goes_on_in_the_morning() {
    let schedule = Schedule {
        zone: "UTC".parse().unwrap(),
        dayparts: vec![DaypartSettings {
            from: "06:00".parse().unwrap(),
            to: "22:00".parse().unwrap(),
            playlists: vec!["day".into()],
            ..DaypartSettings::default()
        }],
        slots: vec![slot("daily 03:00", "test.mp3", SlotStart::Soft)],
        ..Schedule::default()
    };
    let day = (0..9).map(|n| track(&format!("day/{n}"), "", 437_000)).collect();
    let from = "2026-11-30T21:00:00Z";
    let material = Simulated::default().with(Some("day"), day).with_file("test.mp3", 60, at(from));
    let plan = plan(&schedule, &material, from, "2026-12-01T07:00:00Z");
    assert_eq!(begins(&plan, "test"), ["2026-12-01T03:00:00Z"]);
    let after = |time: &str| plan.iter().map(time_of).find(|began| *began > at(time));
    assert_eq!(after("2026-12-01T03:00:00Z"), Some(at("2026-12-01T06:00:00Z")));
    assert!(after("2026-12-01T06:50:00Z").is_some());
    // Nothing at all.
    assert_eq!(super::plan(&Schedule::default(), &material, from, "2026-12-07T21:00:00Z"), []);
}

fn time_of(planned: &Planned) -> Timestamp {
    time(planned.at)
}
