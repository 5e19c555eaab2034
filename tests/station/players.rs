//! Players of other projects, at a station that plays in real time.
//!
//! With `LONGWAVE_LONG=1` they listen for a minute, and to HLS for five.

use std::process::{Command, Output};
use std::time::Duration;

use crate::both;
use longwave::{HlsSettings, MountSettings, OutputSettings, PacketReader, PcmSpec, PipelineSettings};
use longwave_testing::radio::Radio;
use longwave_testing::server::settings;
use longwave_testing::{long, sound, tools, until};
use tempfile::TempDir;

/// How long each player listens, in seconds.
fn listens() -> u32 {
    if long() { 60 } else { 5 }
}

/// A station with two tones and some noise in stereo, looped with crossfades.
fn station() -> (TempDir, Radio) {
    let folder = tempfile::tempdir().unwrap();
    for n in 1..=3_u32 {
        let hz = 220.0 * f64::from(n);
        let mut pcm = sound::sines(PcmSpec::CD, &[(hz, 0.3), (hz * 1.5, 0.3)], 8 * 44_100);
        let noise = sound::noise(PcmSpec::CD, n.into(), 0.1, 8 * 44_100);
        pcm.iter_mut().zip(noise).for_each(|(sample, noise)| *sample += noise);
        sound::wav(&folder.path().join(format!("track {n}.wav")), PcmSpec::CD, &pcm);
    }
    let outputs = both().into_iter().map(|OutputSettings { encoder, mount, record }| {
        let mount = MountSettings { name: Some("Rüdiö".into()), genre: Some("test".into()), ..mount };
        OutputSettings { encoder, mount, record }
    });
    let radio = Radio::start(PipelineSettings {
        playlist: vec![folder.path().into()],
        repeat: true,
        crossfade: Duration::from_secs(2).into(),
        outputs: outputs.collect(),
        ..PipelineSettings::default()
    });
    // Players join a station that is already on the air.
    until("there is something of a burst", || radio.on_air("/stream.mp3") > Duration::from_secs(2));
    (folder, radio)
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    println!("{program} {arguments:?}: {}\n{}", output.status, stderr(&output));
    output
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn ffmpeg_plays(mount: &str) {
    let (_folder, radio) = station();
    let (seconds, url) = (listens().to_string(), radio.url(mount));
    let output =
        run("ffmpeg", &["-nostdin", "-v", "warning", "-i", &url, "-t", &seconds, "-f", "s16le", "-"]);
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
    assert_eq!(output.stdout.len(), listens() as usize * 44_100 * 4);
    radio.stop();
}

#[test]
fn ffmpeg_plays_mp3() {
    ffmpeg_plays("/stream.mp3");
}

#[test]
fn ffmpeg_plays_aac() {
    ffmpeg_plays("/stream.aac");
}

#[test]
fn mpg123_plays_mp3() {
    let (_folder, radio) = station();
    let packets = (listens() * 44_100 / 1152).to_string();
    let output = run("mpg123", &["-q", "-s", "-n", &packets, &radio.url("/stream.mp3")]);
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
    let frames = output.stdout.len() / 4;
    let most = (listens() * 44_100) as usize;
    assert!((most - 4 * 1152..=most).contains(&frames), "{frames} frames");
    radio.stop();
}

/// curl receives the stream: contiguous packets, at the rate at which they play.
fn curl_gets(mount: &str) {
    let (folder, radio) = station();
    let file = folder.path().join("curled");
    let (seconds, url) = (listens().to_string(), radio.url(mount));
    let output = run("curl", &["-sS", "-m", &seconds, "-o", file.to_str().unwrap(), &url]);
    // curl's status 28: the time is over.
    assert_eq!(output.status.code(), Some(28));
    let info = radio.station.server().mount_info(mount).unwrap();
    let (mut reader, mut packets) = (PacketReader::for_content_type(&info.settings.content_type), Vec::new());
    reader.push(&std::fs::read(&file).unwrap(), &mut packets);
    assert_eq!(reader.garbage_bytes(), 0);
    let frames: u64 = packets.iter().map(|parsed| u64::from(parsed.packet.frames)).sum();
    let heard = frames as f64 / 44_100.0;
    let expected = f64::from(listens()) + 2.0;
    println!("{heard:.2} s of audio in {seconds} s");
    assert!((heard - expected).abs() < 1.5, "{heard} s of audio in {seconds} s and a burst of two or more");
    radio.stop();
}

/// A station whose AAC is HLS, too, which has its first segments.
fn hls_station() -> (TempDir, Radio) {
    let (folder, radio) = station();
    let hls = HlsSettings { segment: Duration::from_secs(2), ..HlsSettings::at("/radio", ["/stream.aac"]) };
    radio.pipeline().set_hls(vec![hls]).unwrap();
    // Players begin three segments before the end.
    until("there are segments", || radio.on_air("/stream.aac") > Duration::from_secs(11));
    (folder, radio)
}

/// How long each player listens to HLS, in seconds: over several segments.
fn listens_to_hls() -> u32 {
    if long() { 300 } else { 10 }
}

#[test]
fn ffmpeg_plays_hls() {
    let (_folder, radio) = hls_station();
    let (seconds, url) = (listens_to_hls().to_string(), radio.url("/radio/hls.m3u8"));
    let map = ["-map", "0:a:0", "-t", &seconds, "-f", "s16le", "-"];
    let output = run("ffmpeg", &[&["-nostdin", "-v", "warning", "-i", &url], &map[..]].concat());
    assert!(output.status.success());
    // It knows no decoder of timed ID3.
    let said = stderr(&output);
    let said: Vec<&str> = said.lines().filter(|line| !line.contains("codec with id 98313")).collect();
    assert_eq!(said, [""; 0]);
    assert_eq!(output.stdout.len(), listens_to_hls() as usize * 44_100 * 4);
    radio.stop();
}

#[test]
fn mpv_plays_hls() {
    let (folder, radio) = hls_station();
    let log = folder.path().join("mpv.log");
    let (length, to) = (format!("--length={}", listens_to_hls()), format!("--log-file={}", log.display()));
    let quiet = ["--no-config", "--no-terminal", "--ao=null", "--ao-null-untimed", "--vo=null"];
    let url = radio.url("/radio/hls.m3u8");
    let output = run("mpv", &[&quiet[..], &[&length, &to, &url]].concat());
    assert!(output.status.success());
    // A line is "[  0.123][w][demux] …": w, e and f are warnings and errors.
    let log = std::fs::read_to_string(log).unwrap();
    let bad: Vec<&str> = log
        .lines()
        .filter(|line| ["][w][", "][e][", "][f]["].iter().any(|kind| line.contains(kind)))
        .collect();
    assert_eq!(bad, [""; 0]);
    assert!(log.contains("aac"), "{log}");
    radio.stop();
}

#[test]
fn curl_gets_mp3() {
    curl_gets("/stream.mp3");
}

#[test]
fn curl_gets_aac() {
    curl_gets("/stream.aac");
}

#[test]
fn ffprobe_names_what_is_there() {
    let (_folder, radio) = station();
    for (mount, codec) in [("/stream.mp3", "mp3"), ("/stream.aac", "aac")] {
        let what = "stream=codec_name,sample_rate,channels,bit_rate:format_tags=icy-br,icy-name,icy-genre";
        let output = run(
            "ffprobe",
            &["-v", "warning", "-show_entries", what, "-of", "default=nw=1", &radio.url(mount)],
        );
        assert!(output.status.success() && output.stderr.is_empty());
        let said = stdout(&output);
        for line in [
            &format!("codec_name={codec}"),
            "sample_rate=44100",
            "channels=2",
            "TAG:icy-br=128",
            "TAG:icy-name=Rüdiö",
            "TAG:icy-genre=test",
        ] {
            assert!(said.lines().any(|said| said == line), "{line} is not in\n{said}");
        }
        let bitrate = said.lines().find_map(|line| line.strip_prefix("bit_rate=")).unwrap();
        println!("{mount}: {bitrate} bit/s");
        let bitrate: f64 = bitrate.parse().unwrap();
        assert!((bitrate / 128_000.0 - 1.0).abs() < if codec == "mp3" { 1e-9 } else { 0.1 }, "{bitrate}");
    }
    radio.stop();
}

#[test]
fn ffmpeg_shows_the_titles() {
    let long = "Ünendliche Mélodie ".repeat(300);
    let titles = ["Björk – Jóga", "It's; over'; drop", "日本語", long.as_str()];
    let folder = tempfile::tempdir().unwrap();
    let tone = sound::sines(PcmSpec::CD, &[(440.0, 0.3), (660.0, 0.3)], 20 * 44_100);
    let wav = sound::wav(&folder.path().join("tone.wav"), PcmSpec::CD, &tone);
    let pipelines = titles.iter().enumerate().map(|(n, title)| {
        let file = tools::converted(&wav, &folder.path().join(format!("{n}.flac")), &[], Some(title));
        let at = |output: OutputSettings| {
            let path = format!("/{n}{}", output.mount.path);
            OutputSettings { mount: MountSettings { path, ..output.mount }, ..output }
        };
        PipelineSettings {
            name: n.to_string(),
            playlist: vec![file],
            outputs: both().into_iter().map(at).collect(),
            ..PipelineSettings::default()
        }
    });
    let radio = Radio::with(settings(), pipelines.collect());
    for (n, title) in titles.iter().enumerate() {
        for format in ["mp3", "aac"] {
            let url = radio.url(&format!("/{n}/stream.{format}"));
            // ffprobe must analyse for longer than the first ICY block takes to arrive.
            let output = run(
                "ffprobe",
                &[
                    "-v",
                    "error",
                    "-analyzeduration",
                    "3M",
                    "-show_entries",
                    "format_tags=StreamTitle",
                    "-of",
                    "default=nw=1:nk=1",
                    &url,
                ],
            );
            let shown = stdout(&output).trim_end_matches('\n');
            match title.len() {
                0..1000 => assert_eq!(shown, title.replace("';", "\u{2019};")),
                _ => assert!(
                    title.starts_with(shown) && shown.len() > 2_000 - 4,
                    "{} bytes: {shown}",
                    shown.len()
                ),
            }
        }
    }
    radio.stop();
}
