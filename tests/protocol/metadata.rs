//! Titles of tracks, and titles that an application sets.

use std::process::Command;

use longwave::{Entry, Error, ListOptions, Place, Tags, Title, TitleHolds, format_title, read_metadata};
use longwave_testing::studio::{MOUNT, Studio};
use longwave_testing::tap::Tap;
use longwave_testing::{ms, seconds, until};

const OTHER: &str = "/other";

/// Two mounts, and a playlist of two tracks of ten seconds.
fn two_mounts() -> Studio {
    let studio = Studio::with(|settings| settings.outputs.push(Tap::default().output(OTHER)));
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(10.0)), &looped).unwrap();
    studio.run(seconds(1.0));
    studio
}

fn until_announced(studio: &Studio, tap: &str, other: &str) {
    studio.run(ms(256));
    studio.until_announced(MOUNT, tap);
    studio.until_announced(OTHER, other);
}

#[test]
fn update_metadata_of_all_mounts_or_of_one() {
    let studio = two_mounts();
    let pipeline = &studio.pipeline;
    let until_next = TitleHolds::UntilNextTrack;
    until_announced(&studio, "a", "a");
    pipeline.update_metadata(Title::new("all"), None, until_next).unwrap();
    until_announced(&studio, "all", "all");
    pipeline.update_metadata(Title::new("one"), Some(OTHER), until_next).unwrap();
    until_announced(&studio, "all", "one");
    pipeline.clear_metadata(Some(OTHER)).unwrap();
    until_announced(&studio, "all", "all");
    pipeline.clear_metadata(None).unwrap();
    until_announced(&studio, "a", "a");
    for nowhere in ["/nowhere", ""] {
        let title = Title::new("x");
        assert!(matches!(
            pipeline.update_metadata(title, Some(nowhere), until_next),
            Err(Error::NotFound(_))
        ));
        assert!(matches!(pipeline.clear_metadata(Some(nowhere)), Err(Error::NotFound(_))));
    }
    assert_eq!(studio.now(), "a", "what is announced is not what is played");
}

#[test]
fn update_metadata_holds_until_the_next_track_or_until_it_is_cleared() {
    let studio = two_mounts();
    let pipeline = &studio.pipeline;
    pipeline.update_metadata(Title::new("for now"), None, TitleHolds::UntilNextTrack).unwrap();
    pipeline.update_metadata(Title::new("for good"), Some(OTHER), TitleHolds::UntilCleared).unwrap();
    until_announced(&studio, "for now", "for good");
    pipeline.skip().unwrap();
    until_announced(&studio, "b", "for good");
    pipeline.clear_metadata(None).unwrap();
    until_announced(&studio, "b", "b");
}

#[test]
fn update_metadata_takes_a_url_and_says_since_when() {
    let studio = two_mounts();
    studio.until_announced(MOUNT, "a");
    let before = studio.server.mount_info(MOUNT).unwrap().title;
    let url = Some("https://radio.example/now".to_owned());
    let title = Title { url, ..Title::new("Björk – Jóga") };
    studio.pipeline.update_metadata(title.clone(), Some(MOUNT), TitleHolds::UntilCleared).unwrap();
    studio.run(seconds(1.0));
    studio.until_announced(MOUNT, "Björk – Jóga");
    let info = studio.server.mount_info(MOUNT).unwrap().title;
    assert_eq!(*info.title, title);
    assert!(info.changed_at >= before.changed_at && info.position > before.position);
    assert!(info.audible_at >= info.changed_at, "a listener hears it a burst later");
}

#[test]
fn titles_of_a_voice_and_of_nothing_are_none() {
    let studio = Studio::new();
    studio
        .pipeline
        .queue_files([Entry::titled(studio.track("a.wav", 0.2, seconds(1.0)), "A")], Place::End)
        .unwrap();
    studio.run(seconds(0.5));
    studio.until_announced(MOUNT, "A");
    let jingle = studio.track("jingle.wav", 0.2, seconds(1.0));
    studio.pipeline.play_voice(jingle, Default::default()).unwrap();
    studio.run(seconds(10.0));
    studio.until_announced(MOUNT, "A");
}

#[test]
fn format_title_falls_back_from_given_to_tags_to_extinf_to_the_file() {
    let file = "x/03 Jóga.mp3";
    let tags = |artist: &str, title: &str| Tags {
        artist: (!artist.is_empty()).then(|| artist.into()),
        title: (!title.is_empty()).then(|| title.into()),
        ..Tags::default()
    };
    let extinf = Some("From the list");
    assert_eq!(format_title(Some("Given"), &tags("A", "T"), extinf, file), "Given");
    assert_eq!(format_title(None, &tags("A", "T"), extinf, file), "A - T");
    assert_eq!(format_title(None, &tags("", "T"), extinf, file), "T");
    assert_eq!(format_title(None, &tags("A", ""), extinf, file), "A");
    assert_eq!(format_title(None, &tags("", ""), extinf, file), "From the list");
    assert_eq!(format_title(None, &tags("", ""), None, file), "03 Jóga");
}

#[test]
fn format_title_can_be_the_applications() {
    let studio = Studio::new();
    let format = |entry: &Entry, tags: &Tags| format!("{:?} by {:?}", entry.title, tags.artist);
    studio.pipeline.set_title_format(format).unwrap();
    let entry = Entry::titled(studio.track("a.wav", 0.2, seconds(1.0)), "T");
    studio.pipeline.queue_files([entry], Place::End).unwrap();
    studio.run(seconds(0.5));
    studio.until_announced(MOUNT, r#"Some("T") by None"#);
    assert_eq!(studio.now(), r#"Some("T") by None"#);
}

#[test]
fn read_metadata_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tagged.flac");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "sine=duration=2:sample_rate=44100"])
        .args(["-metadata", "artist=Björk", "-metadata", "title=Jóga", "-metadata", "album=Homogenic"])
        .args(["-metadata", "REPLAYGAIN_TRACK_GAIN=-6.50 dB"])
        .arg(&file)
        .status();
    assert!(made.expect("ffmpeg is installed").success());
    let tags = read_metadata(&file).unwrap();
    let texts = [&tags.artist, &tags.title, &tags.album].map(|text| text.as_deref().unwrap());
    assert_eq!((texts, tags.track_gain_db), (["Björk", "Jóga", "Homogenic"], Some(-6.5)));
    assert_eq!(tags.duration, Some(seconds(2.0)));
    for wrong in ["missing.flac", ""] {
        let path = folder.path().join(wrong);
        assert!(matches!(read_metadata(&path), Err(Error::File { .. })), "{path:?}");
    }
    // The pipeline gives the track the same title.
    let studio = Studio::new();
    studio.pipeline.play_file(&file, None).unwrap();
    studio.run(seconds(1.0));
    until("the title is there", || studio.now() == "Björk - Jóga");
}
