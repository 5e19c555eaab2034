//! What was heard when, for whoever has heard something and wonders what it was. It needs no credential.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use super::call::{Call, Handled, open_json};
use super::core::Core;
use super::handlers::history::heard_at;
use super::nowplaying::{HeardTitle, burst};
use super::problem::Problem;

/// `GET /played/{mount*}?at=`: the title that listeners heard then. The last hundred are in memory, earlier ones in
/// the history's file, so it runs on the thread `api-files`.
pub(super) fn played(core: &Core, call: &Call<'_>) -> Handled {
    let path = format!("/{}", call.held[0]);
    let missing = |detail: String| Problem::new("not-found", detail);
    let info = core.server.mount_info(&path);
    let info = info.ok_or_else(|| missing(format!("there is no mount {path:?} on the air")))?;
    let pipeline = core.feeding(&path);
    let pipeline = pipeline.ok_or_else(|| missing(format!("nobody knows what {path:?} has played")))?;
    let text = call.request.parameter("at");
    let text = text.ok_or_else(|| Problem::new("invalid-parameter", "at= says when").at("at"))?;
    let at = moment(&text, &pipeline.zone().zone(), &Zoned::now())
        .map_err(|reason| Problem::new("invalid-value", reason).at("at"))?;
    let burst = burst(&info);
    let history = pipeline.history();
    let heard = history.iter().rev().map(|played| HeardTitle::of(played, burst));
    let found = match heard.into_iter().find(|heard| heard.since <= at) {
        None => heard_at(core, call, pipeline, at, burst)?,
        found => found,
    };
    let found = found.ok_or_else(|| missing(format!("{text}: what is known begins later")))?;
    Ok(open_json(200, &found))
}

/// A point of time (RFC 3339), or the last time that a clock in this zone showed this (`14:32`).
fn moment(text: &str, zone: &TimeZone, now: &Zoned) -> Result<SystemTime, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.into());
    }
    let wrong = || format!("{text:?} is neither a time of the day (14:32) nor a time (2026-03-29T12:00:00Z)");
    let time: Time = text.parse().map_err(|_| wrong())?;
    let today = now.with_time_zone(zone.clone()).date();
    let on = |date: jiff::civil::Date| date.to_datetime(time).to_zoned(zone.clone()).map_err(|_| wrong());
    let at = on(today)?;
    let at = if at > *now { on(today.checked_sub(1.day()).map_err(|_| wrong())?)? } else { at };
    Ok(at.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_day_is_the_last_one() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Zoned = "2026-03-29T12:00:00[Europe/Berlin]".parse().unwrap();
        let utc = |text: &str| {
            moment(text, &zone, &now).map(|at| humantime::format_rfc3339_seconds(at).to_string())
        };
        for (text, at) in [
            ("11:59", "2026-03-29T09:59:00Z"),
            ("12:00:00", "2026-03-29T10:00:00Z"),
            ("12:01", "2026-03-28T11:01:00Z"),
            // Clocks are put forward over it.
            ("02:30", "2026-03-29T01:30:00Z"),
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-03-01T00:00:00+01:00", "2026-02-28T23:00:00Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Ok(at), "{text}");
        }
        for wrong in ["", "soon", "25:00", "2026-03-01"] {
            assert!(utc(wrong).unwrap_err().contains("time of the day"), "{wrong}");
        }
    }
}
