//! Limits: a script that loops is refused, and takes nothing from listeners.

use longwave::{Entry, Error, Pipeline, PipelineSettings, Place, VoiceOptions};
use longwave_testing::radio::{Radio, output};
use longwave_testing::until;

fn radio(differ: impl FnOnce(&mut PipelineSettings)) -> Radio {
    let mut pipeline = PipelineSettings {
        outputs: vec![output("/a", longwave::Mp3Settings::default())],
        ..PipelineSettings::default()
    };
    differ(&mut pipeline);
    Radio::start(pipeline)
}

fn limit<T: std::fmt::Debug>(refused: Result<T, Error>) -> (&'static str, usize) {
    match refused {
        Err(Error::Limit { limit, most, .. }) => (limit, most),
        other => panic!("{other:?}"),
    }
}

fn play(pipeline: &Pipeline) -> Result<longwave::VoiceInput, Error> {
    pipeline.play_input(VoiceOptions::default())
}

#[test]
fn voices_have_a_limit_and_one_that_ends_makes_room() {
    let radio = radio(|pipeline| pipeline.max_voices = 3);
    let pipeline = radio.pipeline();
    let mut voices: Vec<_> = (0..3).map(|_| play(pipeline).unwrap()).collect();
    assert_eq!(limit(play(pipeline)), ("max_voices", 3));
    let refused = pipeline.play_voice("/there/is/no/such.mp3", VoiceOptions::default());
    assert_eq!(limit(refused), ("max_voices", 3), "no file is opened for it");
    assert_eq!(
        play(pipeline).unwrap_err().to_string(),
        "max_voices is 3: stop a voice first, or raise the limit"
    );
    voices.pop();
    until("there is room again", || play(pipeline).is_ok());
    radio.station.stop();
    assert!(matches!(play(radio.pipeline()), Err(Error::Stopped(_) | Error::Limit { .. })));
}

#[test]
fn the_fill_is_told_with_its_limits() {
    let radio = radio(|pipeline| (pipeline.max_voices, pipeline.max_queue) = (3, 7));
    let pipeline = radio.pipeline();
    let fill = || serde_json::to_value(longwave::json::Fill::of(pipeline)).unwrap();
    let _voices: Vec<_> = (0..2).map(|_| play(pipeline).unwrap()).collect();
    until("there are two voices", || fill()["voices"] == 2);
    let told = fill();
    assert_eq!((&told["max_voices"], &told["max_queue"], &told["queued"]), (&3.into(), &7.into(), &0.into()));
    assert!(told["audio_left_out"].is_number(), "{told}");
    radio.station.stop();
}

#[test]
fn the_queue_has_a_limit_and_takes_all_or_nothing() {
    let radio = radio(|pipeline| pipeline.max_queue = 10);
    let pipeline = radio.pipeline();
    let entries = |count| (0..count).map(|n| Entry::new(format!("/none/{n}.mp3")));
    let refused = pipeline.queue_files(entries(11), Place::End);
    assert_eq!(limit(refused), ("max_queue", 10));
    assert_eq!(pipeline.queue(), []);
    pipeline.queue_files(entries(10), Place::Next).unwrap();
    // What cannot be played leaves the queue.
    until("there is room", || pipeline.queue().is_empty());
    pipeline.queue_files(entries(1), Place::End).unwrap();
    radio.station.stop();
}

#[test]
fn outputs_have_a_limit() {
    let radio = radio(|_| {});
    let pipeline = radio.pipeline();
    let another = |n: u32| output(&format!("/{n}"), longwave_testing::tap::Tap::counting());
    for n in 1..64 {
        pipeline.add_output(another(n)).unwrap();
    }
    assert_eq!(limit(pipeline.add_output(another(64))), ("MAX_OUTPUTS", 64));
    assert!(radio.station.server().mount_info("/64").is_none(), "nothing is left of it");
    pipeline.remove_output("/63").unwrap();
    until("its mount has gone", || radio.station.server().mount_info("/63").is_none());
    pipeline.add_output(another(64)).unwrap();
    radio.station.stop();
}
