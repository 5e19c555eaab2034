//! Random schedules and libraries, beside a naive model: one that goes through all that was played.

use super::*;

/// How many schedules are tried.
fn rounds() -> u64 {
    if longwave_testing::long() { 300 } else { 8 }
}

#[test]
fn random_schedules_keep_their_rules() {
    let seed = longwave_testing::seed();
    for round in 0..rounds() {
        println!("seed {seed} round {round}");
        let mut random = fastrand::Rng::with_seed(seed.wrapping_add(round));
        let random = &mut random;
        let material = random_material(random);
        let schedule = random_schedule(random);
        let from = at("2026-03-28T00:00:00Z");
        let until = at("2026-03-29T12:00:00Z");
        let rules = Rules::new(&schedule, Crossfade::default());
        let director = Director::new(random.u64(..), from);
        let plan = played(preview(director.clone(), &rules, &material, from, until));
        assert!(plan.windows(2).all(|two| two[0].ends == two[1].at), "silence");
        assert!(time(plan.last().unwrap().ends) >= until, "silence at the end");
        Model { schedule: &schedule, material: &material, played: Vec::new() }.check(&plan);
        // The same again, and the same when the state was kept and restored on the way.
        assert_eq!(played(preview(director.clone(), &rules, &material, from, until)), plan);
        assert_eq!(preview_with_restarts(director, &rules, &material, from, plan.len()), paths(&plan));
    }
}

fn paths(plan: &[Planned]) -> Vec<PathBuf> {
    plan.iter().map(|planned| planned.entry.path.clone()).collect()
}

/// As a pipeline does it, with restarts. What cuts tracks short is left to the preview.
fn preview_with_restarts(
    mut director: Director,
    rules: &Rules,
    material: &Simulated,
    from: Timestamp,
    count: usize,
) -> Vec<PathBuf> {
    let mut at = from;
    let mut all = Vec::new();
    for index in 0..count {
        if index % 16 == 0 {
            let kept = serde_json::to_string(&director).unwrap();
            director = serde_json::from_str(&kept).unwrap();
        }
        director.expire(rules, at);
        // It may be asked as often as one likes.
        let _ = director.next(rules, material, at.checked_add(Duration::from_secs(500)).unwrap());
        let pick = director.next(rules, material, at).unwrap();
        at = pick.not_before(rules).map_or(at, |time| time.max(at));
        let ends = at.checked_add(pick.track.duration.unwrap()).unwrap();
        director.began(rules, &pick.track, Some(&pick), at, Some(ends));
        all.push(pick.track.entry.path.clone());
        let mut next = ends;
        let mut after = at;
        while let Some((cut, by)) = director.interruption(rules, after).filter(|(cut, _)| *cut < ends) {
            let takes = by != Interruption::Slot || {
                let pick = director.due_slot(rules, material, cut);
                pick.is_some_and(|pick| pick.interrupts(rules))
            };
            if takes {
                next = cut;
                break;
            }
            after = cut;
        }
        at = next;
    }
    all
}

fn random_material(random: &mut fastrand::Rng) -> Simulated {
    let count = [2, 5, 30, 200][random.usize(..4)];
    let mut material = Simulated::default()
        .with(None, music("music", count, random))
        .with(Some("a"), music("a", random.usize(..40), random))
        .with(Some("b"), music("b", random.usize(1..40), random))
        .with(Some("j"), jingles(random.usize(..4)));
    for name in ["x", "y", "z"] {
        if random.u8(..4) > 0 {
            material = material.with_file(name, random.u64(1..3000), at("2026-03-01T00:00:00Z"));
        }
    }
    material
}

fn random_schedule(random: &mut fastrand::Rng) -> Schedule {
    let minutes = |random: &mut fastrand::Rng, most: u64| Duration::from_secs(60 * random.u64(..most));
    let hour = |random: &mut fastrand::Rng| format!("{:02}:{:02}", random.u8(..24), random.u8(..4) * 15);
    let mut schedule = Schedule { zone: "Europe/Berlin".parse().unwrap(), ..Schedule::default() };
    for _ in 0..random.usize(..3) {
        schedule.dayparts.push(DaypartSettings {
            days: ["daily", "Mon-Fri", "Sat,Sun"][random.usize(..3)].parse().unwrap(),
            from: hour(random).parse().unwrap(),
            to: hour(random).parse().unwrap(),
            playlists: vec!["a".into(), "b".into()],
            weights: vec![random.u32(1..5)],
            ..DaypartSettings::default()
        });
    }
    for _ in 0..random.usize(..3) {
        let every = match random.bool() {
            true => Every::Songs(random.u32(1..6)),
            false => Every::Time(minutes(random, 60) + Duration::from_secs(60)),
        };
        schedule.inserts.push(InsertSettings { playlist: "j".into(), every, ..InsertSettings::default() });
    }
    for _ in 0..random.usize(..4) {
        let times = format!("daily {}", hour(random));
        let start = SlotStart::ALL[random.usize(..3)];
        let lasts = random.bool().then(|| minutes(random, 30) + Duration::from_secs(60));
        let play = ["x", "y", "z"][random.usize(..3)];
        schedule.slots.push(SlotSettings { late: minutes(random, 60), lasts, ..slot(&times, play, start) });
    }
    schedule.separation = SeparationSettings {
        track: minutes(random, 300),
        artist: minutes(random, 90),
        title: Duration::ZERO,
    };
    schedule
}

/// What was played, from the beginning.
struct Model<'a> {
    schedule: &'a Schedule,
    material: &'a Simulated,
    played: Vec<(Track, Timestamp)>,
}

impl Model<'_> {
    fn check(mut self, plan: &[Planned]) {
        for planned in plan {
            let at = time(planned.at);
            let track = match &planned.reason {
                Reason::Rotation { daypart, relaxed, .. } => {
                    let lists = match daypart {
                        Some(_) => vec![Some("a"), Some("b")],
                        None => vec![None],
                    };
                    let all: Vec<&Track> = lists
                        .iter()
                        .flat_map(|list| {
                            let tracks = self.material.tracks(*list);
                            (0..tracks.len()).map(|index| tracks.track(index))
                        })
                        .collect();
                    let track = all.iter().find(|track| track.entry.path == planned.entry.path);
                    let track = (*track.expect("it is of one of its lists")).clone();
                    let could = all.iter().any(|track| self.is_apart(track, at));
                    assert!(!could || self.is_apart(&track, at), "separation could be kept: {planned:?}");
                    assert_eq!(relaxed.is_empty(), self.keeps_times(&track, at), "{planned:?}");
                    let latest =
                        self.played.last().is_some_and(|(last, _)| last.entry.path == track.entry.path);
                    assert!(!latest || all.len() == 1 || self.all_one_file(&all), "twice in succession");
                    track
                }
                Reason::Insert { .. } => {
                    assert!(planned.entry.path.starts_with("jingles"));
                    track(planned.entry.path.to_str().unwrap(), "", 0)
                }
                Reason::Slot { late, slot, .. } => {
                    let most = self.schedule.slots.iter().map(|slot| slot.late.as_secs()).max().unwrap();
                    assert!(*late <= most, "{slot}");
                    track(planned.entry.path.to_str().unwrap(), "", 0)
                }
                other => panic!("{other:?}"),
            };
            self.played.push((track, at));
        }
    }

    fn all_one_file(&self, all: &[&Track]) -> bool {
        all.iter().all(|track| track.entry.path == all[0].entry.path)
    }

    /// Whether this track may be heard at that moment, by all that was heard.
    fn is_apart(&self, track: &Track, at: Timestamp) -> bool {
        let latest = self.played.last().is_some_and(|(last, _)| last.entry.path == track.entry.path);
        !latest && self.keeps_times(track, at)
    }

    fn keeps_times(&self, track: &Track, at: Timestamp) -> bool {
        self.played.iter().all(|(played, then)| {
            let ago = Duration::try_from(at.duration_since(*then)).unwrap();
            let same_file = played.entry.path == track.entry.path;
            let same_artist = played.artist.is_some() && played.artist == track.artist;
            (!same_file || ago >= self.schedule.separation.track)
                && (!same_artist || ago >= self.schedule.separation.artist)
        })
    }
}
