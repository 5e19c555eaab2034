//! A large library: how fast it is scanned and searched. The figures are printed; `LONGWAVE_LONG=1` makes
//! 100,000 files.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use longwave::{ScanState, Search};
use longwave_testing::long;

use crate::music::{Shelf, scan, write_track};

/// Words that many titles share, and some that few do.
const WORDS: [&str; 12] =
    ["love", "night", "blue", "summer", "dance", "river", "été", "jóga", "straße", "moon", "golden", "train"];

#[test]
fn a_large_library_is_searched_while_it_is_scanned() {
    let count = if long() { 100_000 } else { 2_000 };
    let shelf = Shelf::new();
    for n in 0..count {
        let (artist, album) = (n % 2_000, n / 100);
        let word = |shift: usize| WORDS[(n / (shift + 1) + shift) % WORDS.len()];
        let title = format!("{} {} {n}", word(0), word(3));
        let path = shelf.music().join(format!("{album}/{n} {title}.mp3"));
        write_track(&path, &format!("Artist {artist}"), &title);
    }
    let library = shelf.open();
    let before = resident();
    let (done, begin) = (AtomicBool::new(false), Instant::now());
    let (scanned, times) = std::thread::scope(|scope| {
        let searching = scope.spawn(|| {
            let mut times = Vec::new();
            while !done.load(Ordering::Relaxed) {
                for typed in ["l", "lo", "love", "love ni", "artist:artist 7", "ete", "zzz", "moon 199"] {
                    let begin = Instant::now();
                    library.search(&Search { limit: 50, ..Search::new(typed) }).unwrap();
                    times.push(begin.elapsed());
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            times
        });
        let result = scan(&library);
        let scanned = begin.elapsed();
        done.store(true, Ordering::Relaxed);
        assert_eq!((result.added, result.unplayable), (count as u64, 0));
        (scanned, searching.join().unwrap())
    });
    let grown = resident().saturating_sub(before);
    let begin = Instant::now();
    assert_eq!(scan(&library).changed, 0);
    let again = begin.elapsed();
    assert!(matches!(library.state().unwrap().scan, ScanState::Ended { .. }));
    let mut times = times;
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{count} files: scanned in {scanned:.1?} ({:.0} a second); {} searches meanwhile: half within {:.1?}, 99 % \
         within {:.1?}; nothing new: {again:.1?}; {} KiB of memory more",
        f64::from(count as u32) / scanned.as_secs_f64(),
        times.len(),
        at(0.5),
        at(0.99),
        grown,
    );
    let all = library.search(&Search::new("artist")).unwrap();
    assert_eq!((all.total, all.more), (1_000, true));
    let few = library.search(&Search::new("artist:artist title:1999")).unwrap();
    assert!(few.tracks.iter().all(|track| track.title().unwrap().contains("1999")));
    assert!(!few.tracks.is_empty());
}

/// The memory that the process has, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
