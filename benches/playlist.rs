//! The cost of a playlist with 100,000 entries: to read it, and to play from it.

use std::fs::{self, File};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::PathBuf;

use divan::Bencher;
use longwave::playout::playlist::{self, Found};
use longwave::playout::{Entry, Playlist, Snapshot, UpNext, When};
use tempfile::TempDir;

const ENTRIES: usize = 100_000;

fn main() {
    divan::main();
}

/// A folder of files, and three playlists of these files. One of the playlists names files that do not exist.
fn disk() -> TempDir {
    let disk = tempfile::tempdir().expect("a folder");
    let music = disk.path().join("music");
    fs::create_dir(&music).expect("a folder");
    let mut lists = [String::new(), String::new(), String::from("<playlist><trackList>\n")];
    for n in 0..ENTRIES {
        File::create(music.join(format!("Artist {n} - Söng.mp3"))).expect("a file");
        lists[0] += &format!("#EXTINF:200,Artist {n} - Söng\nmusic/Artist {n} - Söng.mp3\n");
        lists[1] += &format!("#EXTINF:200,Artist {n} - Song\nmissing/Artist {n} - Söng.mp3\n");
        lists[2] += &format!("<track><location>music/Artist%20{n}%20-%20S%C3%B6ng.mp3</location></track>\n");
    }
    lists[2] += "</trackList></playlist>";
    for (name, list) in ["list.m3u", "missing.m3u", "list.xspf"].iter().zip(lists) {
        fs::write(disk.path().join(name), list).expect("a list");
    }
    disk
}

fn read(root: PathBuf) -> Vec<Found> {
    let mut all = Vec::new();
    playlist::read(&[root], &mut |found| {
        all.push(found);
        ControlFlow::Continue(())
    });
    all
}

#[divan::bench(sample_count = 3, args = ["music", "list.m3u", "missing.m3u", "list.xspf"])]
fn read_from_disk(bencher: Bencher, root: &str) {
    let disk = disk();
    bencher.bench_local(|| read(disk.path().join(root)).len());
}

fn entries() -> Vec<Entry> {
    (0..ENTRIES).map(|n| Entry::new(format!("music/Artist {n} - Song.mp3"))).collect()
}

fn up_next(shuffle: bool) -> UpNext {
    let mut up_next = UpNext::new(fastrand::Rng::with_seed(1));
    up_next.load(Playlist { name: "x".into(), entries: entries(), repeat: true, shuffle }, When::Now);
    up_next
}

#[divan::bench(args = [false, true])]
fn peek_and_begin(bencher: Bencher, shuffle: bool) {
    let mut up_next = up_next(shuffle);
    bencher.bench_local(move || {
        let id = up_next.peek().map(|next| next.id);
        id.and_then(|id| up_next.begin(id))
    });
}

#[divan::bench(args = [false, true])]
fn list_the_next_hundred(bencher: Bencher, shuffle: bool) {
    let mut up_next = up_next(shuffle);
    bencher.bench_local(move || black_box(up_next.up_next(100)).len());
}

#[divan::bench(args = [false, true], sample_count = 20)]
fn load(bencher: Bencher, shuffle: bool) {
    let mut up_next = up_next(shuffle);
    bencher
        .with_inputs(|| Playlist { name: "x".into(), entries: entries(), repeat: true, shuffle })
        .bench_local_values(|list| up_next.load(list, When::Now));
}

/// The playlist is read again: unchanged, with one more entry in the middle, or in reverse order.
#[divan::bench(args = ["same", "one more", "reversed"], sample_count = 20)]
fn replace_shuffled(bencher: Bencher, change: &str) {
    let mut up_next = up_next(true);
    let list = up_next.list().expect("it was loaded").id;
    let mut toggle = false;
    bencher
        .with_inputs(|| {
            toggle = !toggle;
            let mut entries = entries();
            match change {
                "one more" if toggle => entries.insert(ENTRIES / 2, Entry::new("new.mp3")),
                "reversed" if toggle => entries.reverse(),
                _ => {}
            }
            entries
        })
        .bench_local_values(|entries| up_next.replace(list, entries));
}

#[divan::bench(args = [false, true], sample_count = 10)]
fn snapshot_as_json(bencher: Bencher, shuffle: bool) {
    let up_next = up_next(shuffle);
    bencher.bench_local(|| serde_json::to_string(&up_next.snapshot()).map(|text| text.len()));
}

#[divan::bench(sample_count = 10)]
fn restore_from_json(bencher: Bencher) {
    let text = serde_json::to_string(&up_next(true).snapshot()).expect("it is text");
    bencher.bench_local(|| {
        let snapshot: Snapshot = serde_json::from_str(&text).expect("it is a snapshot");
        UpNext::restore(snapshot, fastrand::Rng::with_seed(1)).version()
    });
}
