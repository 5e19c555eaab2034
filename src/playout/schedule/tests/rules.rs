//! One rule at a time.

use super::*;

const MORNING: &str = "2026-11-30T06:00:00Z";
const NOON: &str = "2026-11-30T12:00:00Z";

fn long_tracks() -> Simulated {
    // None ends at a full hour.
    Simulated::default().with(None, (0..9).map(|n| track(&format!("{n}"), "", 437_000)).collect())
}

fn in_utc(slots: Vec<SlotSettings>) -> Schedule {
    Schedule { zone: "UTC".parse().unwrap(), slots, ..Schedule::default() }
}

#[test]
fn a_hard_slot_begins_at_the_second_and_a_soft_one_at_the_first_boundary() {
    let material =
        long_tracks().with_file("news.mp3", 60, at(MORNING)).with_file("talk.mp3", 60, at(MORNING));
    let schedule = in_utc(vec![
        slot("daily 08:00", "news.mp3", SlotStart::Hard),
        slot("daily 09:00", "talk.mp3", SlotStart::Soft),
    ]);
    let plan = plan(&schedule, &material, MORNING, NOON);
    assert_eq!(begins(&plan, "news"), ["2026-11-30T08:00:00Z"]);
    let soft = plan.iter().position(|planned| planned.reason.to_string().starts_with("slot talk")).unwrap();
    assert!(time(plan[soft].at) >= at("2026-11-30T09:00:00Z"));
    assert!(time(plan[soft - 1].at) < at("2026-11-30T09:00:00Z"), "the first boundary");
    assert_eq!(plan.iter().filter(|planned| planned.is_cut).count(), 1, "only the hard one cuts");
}

#[test]
fn a_hard_slot_ends_what_is_on_the_air_when_it_is_looked_ahead() {
    let material = long_tracks().with_file("news.mp3", 60, at(MORNING));
    let rules =
        Rules::new(&in_utc(vec![slot("daily 08:00", "news.mp3", SlotStart::Hard)]), Crossfade::default());
    let mut director = Director::new(7, at(MORNING));
    let [began, now, ends] =
        ["07:55:00", "07:56:00", "08:05:00"].map(|time| at(&format!("2026-11-30T{time}Z")));
    director.began(&rules, &track("long", "", 600_000), None, began, Some(ends));
    let look = |ends| {
        preview_of_what_comes(director.clone(), &rules, &material, now, ends, Duration::from_secs(3600))
    };
    let first = |plan: &[Planned]| (time(plan[0].at).to_string(), plan[0].reason.to_string());
    assert_eq!(first(&look(ends)), ("2026-11-30T08:00:00Z".into(), "slot news at 08:00".into()));
    // If it ends before, the next track is no slot.
    let before = look(at("2026-11-30T07:57:00Z"));
    assert_eq!(first(&before).0, "2026-11-30T07:57:00Z");
    assert_eq!(begins(&before, "news"), ["2026-11-30T08:00:00Z"]);
}

#[test]
fn two_slots_at_one_second_follow_each_other_and_the_hard_one_is_first() {
    let material = long_tracks().with_file("a.mp3", 60, at(MORNING)).with_file("b.mp3", 60, at(MORNING));
    let mut schedule = in_utc(vec![
        slot("daily 08:00", "a.mp3", SlotStart::Soft),
        slot("daily 08:00", "b.mp3", SlotStart::Hard),
    ]);
    let both = |plan: &[Planned]| (begins(plan, "a"), begins(plan, "b"));
    let expected = (vec!["2026-11-30T08:01:00Z".to_owned()], vec!["2026-11-30T08:00:00Z".to_owned()]);
    assert_eq!(both(&plan(&schedule, &material, MORNING, NOON)), expected);
    // Of two hard ones the first that is declared.
    schedule.slots[0].start = SlotStart::Hard;
    let plan = plan(&schedule, &material, MORNING, NOON);
    assert_eq!(both(&plan), (expected.1, expected.0));
    let a = plan.iter().find(|planned| planned.entry.path.ends_with("a.mp3")).unwrap();
    assert!(!a.is_cut, "slots of one second do not cut each other");
}

#[test]
fn what_is_missing_is_waited_for_or_replaced_and_is_dropped_when_it_is_too_late() {
    let mut news = slot("daily 08:00", "news.mp3", SlotStart::Hard);
    let rules = |slot: &SlotSettings| Rules::new(&in_utc(vec![slot.clone()]), Crossfade::default());
    let now = |text: &str| at(&format!("2026-11-30T{text}Z"));
    let mut director = Director::new(1, now("06:00:00"));
    let material = long_tracks();
    assert!(director.due_slot(&rules(&news), &material, now("08:00:00")).is_none());
    assert_eq!(director.expire(&rules(&news), now("08:10:00")), []);
    // It comes while it is not too late.
    let there = long_tracks().with_file("news.mp3", 60, now("08:03:00"));
    let pick = director.clone().due_slot(&rules(&news), &there, now("08:04:00")).unwrap();
    assert_eq!(pick.reason.to_string(), "slot news at 08:00, 4 min late");
    // It does not.
    let dropped = director.expire(&rules(&news), now("08:10:01"));
    assert_eq!(dropped.len(), 1);
    assert_eq!((dropped[0].at, dropped[0].reason.as_str()), (now("08:00:00"), "news.mp3 is missing"));
    assert!(director.due_slot(&rules(&news), &there, now("08:10:01")).is_none(), "never afterwards");
    assert_eq!(director.expire(&rules(&news), now("08:10:02")), []);

    news.max_age = Some(Duration::from_secs(3600));
    news.otherwise = Some("music.mp3".into());
    let material =
        long_tracks().with_file("news.mp3", 60, now("06:00:00")).with_file("music.mp3", 60, now("00:00:00"));
    let mut director = Director::new(1, now("06:00:00"));
    let pick = director.due_slot(&rules(&news), &material, now("08:00:00")).unwrap();
    assert_eq!(pick.track.entry.path, Path::new("music.mp3"));
    assert_eq!(pick.reason.to_string(), "slot news at 08:00, instead of its own file: news.mp3 is too old");
}

#[test]
fn what_is_longer_than_its_slot_is_cut_by_its_own_end_or_by_the_next_hard_slot() {
    let material = long_tracks().with_file("long.mp3", 7200, at(MORNING)).with_file("b.mp3", 60, at(MORNING));
    let mut schedule = in_utc(vec![
        SlotSettings {
            lasts: Some(Duration::from_secs(1200)),
            ..slot("daily 08:00", "long.mp3", SlotStart::Hard)
        },
        slot("daily 08:30", "b.mp3", SlotStart::Hard),
    ]);
    let length = |plan: &[Planned]| {
        let long = plan.iter().find(|planned| planned.entry.path.ends_with("long.mp3")).unwrap();
        (long.ends.duration_since(long.at).unwrap().as_secs(), long.is_cut)
    };
    assert_eq!(length(&plan(&schedule, &material, MORNING, NOON)), (1200, true));
    schedule.slots[0].lasts = None;
    assert_eq!(length(&plan(&schedule, &material, MORNING, NOON)), (1800, true));
    schedule.slots[1].start = SlotStart::Soft;
    assert_eq!(length(&plan(&schedule, &material, MORNING, NOON)), (7200, false));
}

#[test]
fn a_slot_whose_time_is_over_ends_though_the_one_that_comes_then_has_nothing_to_play() {
    let material = long_tracks().with_file("show.mp3", 7_200, at(MORNING));
    let mut show = slot("daily 07:00", "show.mp3", SlotStart::Hard);
    show.lasts = Some(Duration::from_secs(3_600));
    let schedule = in_utc(vec![show, slot("daily 08:00", "news.mp3", SlotStart::Hard)]);
    let plan = plan(&schedule, &material, MORNING, NOON);
    let show = plan.iter().find(|planned| planned.entry.path == Path::new("show.mp3")).unwrap();
    assert_eq!(time(show.ends), at("2026-11-30T08:00:00Z"));
}

#[test]
fn a_folder_gives_its_newest_file_that_was_not_played() {
    let mut material = long_tracks();
    for (file, day) in [("shows/1", 1), ("shows/2", 2), ("shows/3", 3)] {
        material = material.with_file(file, 60, at(&format!("2026-11-0{day}T00:00:00Z")));
    }
    let schedule = in_utc(vec![slot("daily 08:00", "shows", SlotStart::Hard)]);
    let plan = plan(&schedule, &material, "2026-11-29T00:00:00Z", "2026-12-03T00:00:00Z");
    let shows: Vec<_> = plan.iter().filter(|planned| planned.entry.path.starts_with("shows")).collect();
    let files: Vec<_> = shows.iter().map(|planned| planned.entry.path.to_str().unwrap()).collect();
    assert_eq!(files, ["shows/3", "shows/2", "shows/1"], "and then none is left");
    // The time in a name.
    let material = long_tracks().with_file("news/2026-11-30-08.mp3", 60, at(MORNING));
    let schedule = in_utc(vec![slot("daily *:00", "news/%Y-%m-%d-%H.mp3", SlotStart::Hard)]);
    let plan = super::plan(&schedule, &material, MORNING, NOON);
    assert_eq!(plan.iter().filter(|planned| planned.entry.path.starts_with("news")).count(), 1);
}

#[test]
fn a_restart_goes_on_where_it_was_and_a_clock_that_was_wrong_fires_nothing() {
    let material = long_tracks().with_file("news.mp3", 60, at(MORNING));
    let mut schedule = in_utc(vec![slot("daily *:00", "news.mp3", SlotStart::Hard)]);
    schedule.slots[0].lasts = Some(Duration::from_secs(30));
    let rules = Rules::new(&schedule, Crossfade::default());
    let due = |director: &mut Director, now: &str| director.due_slot(&rules, &material, at(now));
    let mut director = Director::new(1, at(MORNING));
    let pick = due(&mut director, "2026-11-30T07:00:00Z").unwrap();
    director.began(&rules, &pick.track, Some(&pick), at("2026-11-30T07:00:00Z"), None);
    // In the middle of the slot.
    let kept = serde_json::to_string(&director).unwrap();
    let mut restored: Director = serde_json::from_str(&kept).unwrap();
    assert_eq!(restored, director);
    assert!(due(&mut restored, "2026-11-30T07:00:20Z").is_none(), "it has begun already");
    let next = restored.interruption(&rules, at("2026-11-30T07:00:20Z"));
    assert_eq!(next, Some((at("2026-11-30T07:00:30Z"), Interruption::TimeIsOver)));
    // Off for a day: what is within its time is played, and the rest is not told of one by one.
    assert_eq!(restored.expire(&rules, at("2026-12-01T07:05:00Z")), []);
    assert!(due(&mut restored, "2026-12-01T07:05:00Z").is_some());
    // A machine without a battery.
    let mut director = Director::new(1, at("1970-01-01T00:00:10Z"));
    assert!(due(&mut director, "1970-01-01T00:30:00Z").is_none());
    assert_eq!(director.expire(&rules, at("2026-11-30T07:30:00Z")).len(), 1, "the last one, as too late");
    assert!(due(&mut director, "2026-11-30T07:30:00Z").is_none());
    assert!(due(&mut director, "2026-11-30T08:00:01Z").is_some());
    // The clock was years ahead.
    let mut director = Director::new(1, at("2099-01-01T00:00:10Z"));
    assert!(due(&mut director, "2026-11-30T07:30:00Z").is_none());
    director.expire(&rules, at("2026-11-30T07:30:00Z"));
    assert!(due(&mut director, "2026-11-30T08:00:00Z").is_some());
}

#[test]
fn what_comes_next_is_chosen_for_the_moment_at_which_something_ends_the_track() {
    let slots = vec![
        slot("daily 07:00", "news.mp3", SlotStart::Hard),
        slot("daily 06:59", "talk.mp3", SlotStart::Soft),
    ];
    let rules = Rules::new(&in_utc(slots), Crossfade::default());
    let (began, ends) = (at("2026-11-30T06:58:00Z"), at("2026-11-30T07:00:08Z"));
    let talk = long_tracks().with_file("talk.mp3", 60, at(MORNING));
    let both = long_tracks().with_file("talk.mp3", 60, at(MORNING)).with_file("news.mp3", 60, at(MORNING));
    let mut director = Director::new(1, at(MORNING));
    director.began(&rules, &track("song", "", 128_000), None, began, Some(ends));
    let gives_way = director.gives_way(&rules, &both, began, ends);
    assert_eq!(gives_way, Some(at("2026-11-30T07:00:00Z")));
    let reason = director.next(&rules, &both, gives_way.unwrap()).unwrap().reason.to_string();
    assert_eq!(reason, "slot news at 07:00");
    assert_eq!(director.gives_way(&rules, &talk, began, ends), None, "what is soft waits for the end");
    let reason = director.next(&rules, &talk, ends).unwrap().reason.to_string();
    assert_eq!(reason, "slot talk at 06:59, 68 s late");
    // What may be ended, and what is due at its end.
    let wanted = director.wanted_next(&rules, began, ends);
    let files: Vec<_> = wanted.iter().map(|slot| slot.own.path.to_str().unwrap()).collect();
    assert_eq!(files, ["news.mp3", "talk.mp3", "news.mp3", "talk.mp3"]);
}

#[test]
fn dayparts_take_their_turns_by_weight_and_inserts_come_between_the_songs() {
    let schedule = Schedule {
        zone: "UTC".parse().unwrap(),
        dayparts: vec![DaypartSettings {
            from: "22:00".parse().unwrap(),
            to: "08:00".parse().unwrap(),
            days: "Sun".parse().unwrap(),
            playlists: vec!["a".into(), "b".into()],
            weights: vec![3],
            ..DaypartSettings::default()
        }],
        inserts: vec![
            InsertSettings { playlist: "j".into(), ..InsertSettings::default() },
            InsertSettings {
                name: String::new(),
                playlist: "s".into(),
                every: Every::Time(Duration::from_secs(1800)),
                kind: crate::TrackKind::Spot,
            },
        ],
        ..Schedule::default()
    };
    let list = |name: &str| (0..20).map(|n| track(&format!("{name}/{n}"), "", 200_000)).collect();
    let material = Simulated::default()
        .with(None, list("own"))
        .with(Some("a"), list("a"))
        .with(Some("b"), list("b"))
        .with(Some("j"), jingles(3))
        .with(Some("s"), jingles(1));
    // Sunday night, until Monday morning.
    let plan = plan(&schedule, &material, "2026-11-29T20:00:00Z", NOON);
    let count = |folder: &str| plan.iter().filter(|planned| planned.entry.path.starts_with(folder)).count();
    let in_daypart = (count("a") + count("b")) as f64;
    assert!((in_daypart / 180.0 - 0.9).abs() < 0.12, "{in_daypart} tracks of 200 s in ten hours");
    assert!((count("a") as f64 / count("b") as f64 - 3.0).abs() < 0.2, "{} and {}", count("a"), count("b"));
    let mut songs = 0;
    for planned in &plan {
        match &planned.reason {
            Reason::Insert { insert, since } if insert == "j" => {
                assert_eq!((*since, songs), (Since::Songs(4), 4));
                songs = 0;
            }
            Reason::Insert { since: Since::Seconds(seconds), .. } => {
                assert!((1800..2220).contains(seconds), "{seconds}");
                assert_eq!(planned.entry.kind, crate::TrackKind::Spot);
            }
            _ => songs += 1,
        }
        assert!(songs <= 4);
    }
}

#[test]
fn an_insert_that_is_always_due_leaves_room_for_songs() {
    let every = |every| InsertSettings { playlist: "j".into(), every, ..InsertSettings::default() };
    let schedule = Schedule {
        inserts: vec![every(Every::Time(Duration::from_secs(1))), every(Every::Songs(1))],
        ..Schedule::default()
    };
    let material = long_tracks().with(Some("j"), jingles(2));
    let plan = plan(&schedule, &material, MORNING, NOON);
    let is_song = |planned: &&Planned| planned.entry.kind.is_music();
    let songs = plan.iter().filter(is_song).count();
    assert!(plan.len() >= songs * 3 - 4 && plan.len() <= songs * 3 + 2, "{songs} songs of {}", plan.len());
}

#[test]
fn separation_is_relaxed_step_by_step_and_says_so() {
    let hour = Duration::from_secs(3600);
    let schedule = Schedule {
        separation: SeparationSettings { artist: hour, track: hour, ..SeparationSettings::default() },
        ..Schedule::default()
    };
    // Two artists with three tracks each: of four minutes, so none can be kept apart for an hour.
    let tracks = (0..6).map(|n| track(&n.to_string(), &format!("artist {}", n % 2), 240_000)).collect();
    let material = Simulated::default().with(None, tracks);
    let plan = plan(&schedule, &material, MORNING, NOON);
    for (index, planned) in plan.iter().enumerate() {
        let Reason::Rotation { relaxed, .. } = &planned.reason else { panic!("{planned:?}") };
        assert_eq!(relaxed.is_empty(), index < 2, "{index}: {}", planned.reason);
        assert!(index == 0 || planned.entry.path != plan[index - 1].entry.path);
    }
    assert_eq!(plan[2].reason.to_string(), "the playlist, separation relaxed: artist 60 min -> 8 min");
}

#[test]
fn a_time_that_the_playlist_cannot_keep_costs_no_other() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    // Two hours of music, of six artists.
    let tracks = (0..30)
        .map(|n| track(&n.to_string(), &format!("artist {}", n % 6), 180_000 + 2_000 * n as u64))
        .collect();
    let material = Simulated::default().with(None, tracks);
    for (artist, tracks) in [(10, 240), (20, 90), (60, 240), (0, 240), (90, 360)] {
        let separation = SeparationSettings {
            artist: minutes(artist),
            track: minutes(tracks),
            ..SeparationSettings::default()
        };
        let plan = plan(&Schedule { separation, ..Schedule::default() }, &material, MORNING, NOON);
        let artists: Vec<_> = plan
            .iter()
            .map(|planned| planned.entry.path.to_str().unwrap().parse::<u32>().unwrap() % 6)
            .collect();
        let twice = artists.windows(2).filter(|two| two[0] == two[1]).count();
        assert!(twice == 0 || artist == 0, "{artist} and {tracks} minutes: {twice} of {}", plan.len());
        let nearest = plan
            .iter()
            .enumerate()
            .filter_map(|(index, planned)| {
                plan[..index]
                    .iter()
                    .rposition(|before| before.entry.path == planned.entry.path)
                    .map(|before| index - before)
            })
            .min();
        assert!(nearest >= Some(8), "{artist} and {tracks} minutes: {nearest:?} tracks apart");
    }
}
