//! Tracks of any loudness come out at one, as ffmpeg measures it.

use std::process::{Command, Stdio};

use longwave::{Entry, PcmSpec, Place, TrackKind};
use longwave_testing::seconds;
use longwave_testing::studio::Studio;

use super::tracks::{BODIES, Track, body, fade_in, fade_out, told};

const TARGET: f64 = -16.0;
const COUNT: usize = 20;
const LASTS: f64 = 4.0;

/// Integrated loudness in LUFS and true peak in dBTP of stereo at 44.1 kHz, by ffmpeg.
fn measured(pcm: &[f32]) -> [f64; 2] {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    std::fs::write(&raw, pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-f", "f32le", "-ar", "44100", "-ac", "2", "-i"])
        .arg(&raw)
        .args(["-af", "ebur128=peak=true", "-f", "null", "-"])
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = said.rsplit("Summary:").next().unwrap_or_default();
    ["I:", "Peak:"].map(|label| {
        let value = summary.split(label).nth(1).and_then(|rest| rest.split_whitespace().next());
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {label} in {said}"))
    })
}

#[test]
fn tracks_of_any_loudness_come_out_at_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let tracks: Vec<Track> = (0..COUNT)
        .map(|n| {
            let wanted = -30.0 + 24.0 * n as f64 / (COUNT - 1) as f64;
            let what = BODIES[n % BODIES.len()];
            let mut pcm = body(what, 44_100, LASTS, &mut random);
            // Every third has one stroke that is far above the rest: its peak allows no more.
            if n % 3 == 2 {
                pcm[60_000..60_400].iter_mut().for_each(|sample| *sample *= 5.0);
            }
            fade_in(&mut pcm, 400);
            fade_out(&mut pcm, 400);
            let stereo: Vec<f32> = pcm.iter().flat_map(|sample| [*sample; 2]).collect();
            let gain = 10_f64.powf((wanted - measured(&stereo)[0]) / 20.0) as f32;
            pcm.iter_mut().for_each(|sample| *sample *= gain);
            let kind = TrackKind::ALL[n / 2 % TrackKind::ALL.len()];
            let path = folder.path().join(format!("{n}.wav"));
            Track::new(path, PcmSpec::CD, kind, format!("{what:?} at {wanted:.1} LUFS, {kind:?}"), &pcm)
        })
        .collect();
    let studio = Studio::with(|settings| {
        settings.spec = PcmSpec::CD;
        settings.loudness_lufs = Some(TARGET as f32);
        settings.heard_tracks = Some(told(&tracks));
    });
    let entries = tracks.iter().map(|track| Entry { kind: track.kind, ..Entry::new(&track.path) });
    studio.pipeline.queue_files(entries, Place::End).unwrap();
    studio.run(seconds(LASTS * COUNT as f64 + 1.0));
    let begins = studio.began_at();
    let pcm = studio.stop();
    assert_eq!(begins.len(), COUNT);
    let (mut at_target, mut below) = (0, 0);
    for (n, track) in tracks.iter().enumerate() {
        let end = begins.get(n + 1).map_or(begins[n] as usize + 4 * 44_100, |end| *end as usize);
        let [loudness, peak] = measured(&pcm[2 * begins[n] as usize..2 * end]);
        let [own, own_peak] = measured(&track.pcm);
        let allowed = own + (-1.0 - own_peak);
        println!("{}: {own} LUFS, {own_peak} dBTP -> {loudness} LUFS, {peak} dBTP", track.what);
        let wanted = TARGET.min(allowed);
        assert!((loudness - wanted).abs() <= 0.5, "{}: {loudness} LUFS, wanted {wanted}", track.what);
        assert!(peak <= -0.8, "{}: {peak} dBTP", track.what);
        *(if allowed < TARGET { &mut below } else { &mut at_target }) += 1;
    }
    assert!(at_target >= 8 && below >= 4, "{at_target} at the target, {below} as loud as their peaks allow");
}
