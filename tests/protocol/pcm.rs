//! An application's own PCM goes in, and the mixed PCM comes out.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use longwave::{Error, SampleFormat, Tap, VoiceOptions};
use longwave_testing::studio::{JOB, Studio};
use longwave_testing::{ms, seconds, until};

/// Twelve seconds at the studio's rate. No sample is silent, and neighbours differ.
fn own_pcm() -> Vec<f32> {
    (0..96_000).map(|n| (1 + n % 1000) as f32 / 2048.0).collect()
}

/// What was heard of the voice. Where it was late, there is silence between.
fn sound(heard: &[f32]) -> Vec<f32> {
    heard.iter().copied().filter(|sample| *sample != 0.0).collect()
}

#[test]
fn a_push_with_patience_waits_for_room_until_it_was_taken() {
    let studio = Studio::new();
    let mut input = studio.pipeline.play_input(VoiceOptions::default()).unwrap();
    let (voice, pcm) = (input.voice(), own_pcm());
    let taken = input.push_within(&pcm, ms(1)).unwrap();
    assert!((16_000..18_000).contains(&taken), "nobody makes room: {taken}");
    let rest = pcm[taken..].to_vec();
    let writer = thread::spawn(move || input.push_within(&rest, seconds(60.0)).unwrap());
    studio.run_until("the voice has ended", || studio.ended(voice).is_some());
    assert_eq!(writer.join().unwrap(), pcm.len() - taken);
    // The last part of a chunk is brought by the drop, if there is room for it.
    let heard = sound(&studio.stop());
    assert!(heard.len() + 512 > pcm.len() && heard == pcm[..heard.len()], "{}", heard.len());
}

#[test]
fn a_push_that_waits_ends_when_its_voice_is_stopped() {
    let studio = Studio::new();
    let mut input = studio.pipeline.play_input(VoiceOptions::default()).unwrap();
    let voice = input.voice();
    let writer = thread::spawn(move || input.push_within(&own_pcm(), Duration::MAX));
    studio.run(JOB);
    studio.pipeline.stop_voice(voice, Duration::ZERO).unwrap();
    studio.run_until("the voice has ended", || studio.ended(voice).is_some());
    assert!(matches!(writer.join().unwrap(), Err(Error::Stopped("voice"))));
}

#[test]
fn what_is_written_into_a_pipe_sounds_to_its_last_sample_in_each_format() {
    for format in SampleFormat::ALL {
        let studio = Studio::new();
        let (mut pipe, voice) = studio.pipeline.play_pipe(*format, VoiceOptions::default()).unwrap();
        let pcm = own_pcm();
        let bytes: Vec<u8> = match format {
            SampleFormat::F32Le => pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            _ => pcm.iter().flat_map(|sample| ((sample * 32_768.0) as i16).to_le_bytes()).collect(),
        };
        // Pieces that cut samples; and half a sample at the end.
        let writer = thread::spawn(move || {
            bytes.chunks(4099).for_each(|piece| pipe.write_all(piece).unwrap());
            pipe.write_all(&[1]).unwrap();
        });
        studio.run_until("the voice has ended", || studio.ended(voice).is_some());
        writer.join().unwrap();
        assert!(sound(&studio.stop()) == pcm, "{}", format.as_str());
    }
}

#[test]
fn another_programs_output_can_be_the_pipe() {
    let studio = Studio::new();
    let (pipe, voice) = studio.pipeline.play_pipe(SampleFormat::S16Le, VoiceOptions::default()).unwrap();
    let script = "for n in 1 2 3 4 5 6 7 8; do printf '\\001\\002\\003\\004'; done";
    let mut shell = std::process::Command::new("sh").args(["-c", script]).stdout(pipe).spawn().unwrap();
    assert!(shell.wait().unwrap().success());
    studio.run_until("the voice has ended", || studio.ended(voice).is_some());
    let (one, two) = (513.0 / 32_768.0, 1027.0 / 32_768.0);
    assert_eq!(sound(&studio.stop()), [one, two].repeat(8));
}

#[test]
fn a_pipe_is_full_after_a_while_and_broken_once_its_voice_was_stopped() {
    let studio = Studio::new();
    let (pipe, voice) = studio.pipeline.play_pipe(SampleFormat::F32Le, VoiceOptions::default()).unwrap();
    let mut pipe = File::from(OwnedFd::from(pipe));
    rustix::io::ioctl_fionbio(&pipe, true).unwrap();
    let mut written = 0;
    let full = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
    until("it is full", || {
        match pipe.write(&[0; 4096]) {
            Ok(count) => written += count,
            Err(error) => assert!(full(&error), "{error}"),
        }
        written > 2 * 8_000 * 4 && pipe.write(&[0; 4096]).is_err_and(|error| full(&error))
    });
    assert!(written < (2 * 8_000 * 4) + 256 * 1024, "about two seconds and a pipe: {written}");
    studio.pipeline.stop_voice(voice, Duration::ZERO).unwrap();
    studio.run(seconds(1.0));
    until("writes fail", || pipe.write(&[0; 4096]).is_err_and(|error| error.kind() == ErrorKind::BrokenPipe));
}

#[test]
fn a_pipe_that_nobody_writes_to_delays_no_stop() {
    let studio = Studio::new();
    let _pipe = studio.pipeline.play_pipe(SampleFormat::F32Le, VoiceOptions::default()).unwrap();
    studio.run(JOB);
    assert_eq!(studio.pipeline.stop().abandoned, Vec::<String>::new());
}

/// All that waits at a tap, and where it begins.
fn read_all(tap: &mut Tap) -> (u64, Vec<f32>) {
    let (mut pcm, mut all, mut begin) = (vec![0.0; 1000], Vec::new(), None);
    loop {
        let read = tap.read(&mut pcm, Duration::ZERO).unwrap();
        if read.frames == 0 {
            return (begin.unwrap(), all);
        }
        let begin = *begin.get_or_insert(read.position.0);
        assert_eq!(read.position.0, begin + all.len() as u64, "nothing is missing");
        all.extend_from_slice(&pcm[..read.frames]);
    }
}

#[test]
fn a_tap_reads_what_the_encoders_get_at_the_same_positions() {
    let studio = Studio::new();
    studio.run(JOB);
    let mut tap = studio.pipeline.tap().unwrap();
    let mut late = studio.pipeline.tap().unwrap();
    let path = studio.track("a.wav", 0.5, seconds(3.0));
    studio.pipeline.play_file(&path, None).unwrap();
    let (mut begin, mut tapped) = (None, Vec::new());
    for _ in 0..60 {
        studio.run(JOB);
        let (position, mut pcm) = read_all(&mut tap);
        begin.get_or_insert(position);
        tapped.append(&mut pcm);
    }
    assert_eq!(tap.lost().0, 0);
    let (_, waiting) = read_all(&mut late);
    assert!((14_000..20_500).contains(&waiting.len()), "two seconds wait: {}", waiting.len());
    assert_eq!(late.lost().0 as usize + waiting.len(), tapped.len(), "the rest is lost to this tap alone");
    studio.pipeline.stop();
    let begin = begin.unwrap() as usize;
    let heard = studio.stop();
    assert!(begin > 0 && tapped.len() > 3 * 8_000);
    assert!(tapped == heard[begin..begin + tapped.len()]);
    assert!(tapped.iter().any(|sample| *sample > 0.4));
    let ended =
        |tap: &mut Tap| matches!(tap.read(&mut [0.0; 8], seconds(20.0)), Err(Error::Stopped("pipeline")));
    assert!(ended(&mut tap) && ended(&mut late));
}

#[test]
fn a_pipeline_has_sixteen_taps_at_most() {
    let studio = Studio::new();
    let mut taps: Vec<Tap> = (0..16).map(|_| studio.pipeline.tap().unwrap()).collect();
    let refused = studio.pipeline.tap().unwrap_err();
    assert_eq!(refused.to_string(), "MAX_TAPS is 16: drop a tap first");
    taps.pop();
    studio.pipeline.tap().unwrap();
    studio.pipeline.stop();
    assert!(matches!(studio.pipeline.tap(), Err(Error::Stopped("pipeline"))));
}
