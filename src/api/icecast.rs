//! `/status-json.xsl`: the status document of Icecast, for tools that read it.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::call::{Call, Handled, open_json};
use super::core::Core;
use crate::{MountInfo, mount_url};

#[derive(Serialize)]
struct Status {
    icestats: Stats,
}

#[derive(Serialize)]
struct Stats {
    admin: &'static str,
    host: String,
    location: &'static str,
    server_id: &'static str,
    server_start: String,
    server_start_iso8601: String,
    /// Absent, an object, or a list of several objects: tools rely on these three forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Value>,
}

#[derive(Serialize)]
struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<u8>,
    genre: String,
    /// The addresses of the HLS that carry it. Icecast has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hls: Vec<String>,
    listener_peak: u64,
    listeners: u64,
    listenurl: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    samplerate: Option<u32>,
    server_description: String,
    server_name: String,
    server_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_url: Option<String>,
    stream_start: String,
    stream_start_iso8601: String,
    title: String,
}

/// `GET /status-json.xsl`
pub(crate) fn status(core: &Core, call: &Call<'_>) -> Handled {
    let base = call.request.base_url();
    // `mount=` selects one mount, as with Icecast.
    let wanted = call.request.parameter("mount");
    let mounts = core.server.mounts();
    let is_listed = |info: &&MountInfo| match &wanted {
        Some(mount) => *mount == info.settings.path,
        None => !info.settings.hidden,
    };
    let sources = mounts.iter().filter(is_listed);
    let mut sources: Vec<Value> = sources.map(|info| serde_json::json!(Source::of(info, base))).collect();
    let source = match sources.len() {
        0 => None,
        1 => sources.pop(),
        _ => Some(Value::Array(sources)),
    };
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    let stats = Stats {
        admin: "icemaster@localhost",
        host: host.to_owned(),
        location: "Earth",
        server_id: concat!("Longwave ", env!("CARGO_PKG_VERSION")),
        server_start: mail_date(core.started),
        server_start_iso8601: iso_date(core.started),
        source,
    };
    Ok(open_json(200, &Status { icestats: stats }))
}

impl Source {
    fn of(info: &MountInfo, base: &str) -> Source {
        let settings = &info.settings;
        let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        Source {
            audio_info: settings.audio_info(),
            bitrate: settings.bitrate,
            channels: settings.channels,
            genre: or(&settings.genre, "various"),
            hls: info.hls.iter().map(|playlist| mount_url(base, playlist)).collect(),
            listener_peak: info.listener_peak,
            listeners: info.listeners,
            listenurl: mount_url(base, &settings.path),
            samplerate: settings.sample_rate,
            server_description: or(&settings.description, "Unspecified description"),
            server_name: settings.display_name().to_owned(),
            server_type: settings.content_type.clone(),
            server_url: settings.url.clone(),
            stream_start: mail_date(info.since),
            stream_start_iso8601: iso_date(info.since),
            title: info.title.title.text.clone(),
        }
    }
}

/// `Sun, 09 Sep 2001 01:46:40 +0000`
fn mail_date(at: SystemTime) -> String {
    httpdate::fmt_http_date(at.max(SystemTime::UNIX_EPOCH)).replace("GMT", "+0000")
}

/// `2001-09-09T01:46:40+0000`
fn iso_date(at: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(at.max(SystemTime::UNIX_EPOCH)).to_string();
    text.replace('Z', "+0000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_as_icecast_writes_them() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(mail_date(at), "Sun, 09 Sep 2001 01:46:40 +0000");
        assert_eq!(iso_date(at), "2001-09-09T01:46:40+0000");
    }
}
