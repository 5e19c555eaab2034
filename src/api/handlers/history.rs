//! Handlers for what was played, and for how many listened.

use std::time::{Duration, SystemTime};

use crate::Pipeline;
use crate::api::call::{Call, Handled};
use crate::api::core::Core;
use crate::api::nowplaying::HeardTitle;
use crate::api::problem::Problem;

/// `GET /api/v1/pipelines/{pipeline}/history`: the last tracks, from memory. With `from`, `to`, `limit` or
/// `zone`: plays from the history's file, so it runs on the thread `api-files`.
pub(crate) fn history(core: &Core, call: &Call<'_>) -> Handled {
    let of_file = ["from", "to", "limit", "zone"].iter().any(|name| call.request.parameter(name).is_some());
    if of_file { kept::plays(core, call) } else { super::pipelines::history(core, call) }
}

/// `GET /api/v1/report`
pub(crate) fn report(core: &Core, call: &Call<'_>) -> Handled {
    kept::report(core, call)
}

/// `GET /api/v1/statistics`
pub(crate) fn statistics(core: &Core, call: &Call<'_>) -> Handled {
    kept::statistics(core, call)
}

/// What listeners heard then who are a burst behind this pipeline, as far as the history's file knows it. It
/// runs on the thread `api-files`.
pub(crate) fn heard_at(
    core: &Core,
    call: &Call<'_>,
    pipeline: &Pipeline,
    at: SystemTime,
    burst: Duration,
) -> Result<Option<HeardTitle>, Problem> {
    kept::heard_at(core, call, pipeline, at, burst)
}

/// What is in the history's file.
#[cfg(feature = "library")]
mod kept {
    use std::io::{self, Write};
    use std::time::{Duration, Instant, SystemTime};

    use crate::api::call::{Call, Handled, json};
    use crate::api::core::{Core, FILE_WITHIN};
    use crate::api::nowplaying::HeardTitle;
    use crate::api::problem::Problem;
    use crate::filework::Job;
    use crate::history::{read_statistics_while, write_report_while};
    use crate::json::{Play, Statistics};
    use crate::time::millis_since_1970;
    use crate::{
        Error, History, HttpAnswer, Pipeline, PlaysWanted, ReportBy, ReportFormat, ReportSpan,
        StatisticsWanted,
    };

    /// How many plays are listed, by default and at most.
    const PLAYS: u64 = 100;
    const PLAYS_MOST: u64 = 10_000;

    /// The largest report. It is in memory as a whole; `longwave report` writes larger ones.
    const REPORT_MOST: usize = 32 << 20;

    /// How long a report may take: the thread `api-files` waits for it.
    const REPORT_WITHIN: Duration = Duration::from_secs(30);

    pub(super) fn plays(core: &Core, call: &Call<'_>) -> Handled {
        let pipeline = core.pipeline(&call.held[0])?;
        let limit = call.parameter("limit")?.unwrap_or(PLAYS);
        if limit > PLAYS_MOST {
            let detail = format!("limit={limit} is too many: {PLAYS_MOST} at most");
            return Err(Problem::new("invalid-parameter", detail).at("limit"));
        }
        let ReportSpan { from, before, .. } = span(call, Some(pipeline))?;
        let pipeline = Some(pipeline.name().to_owned());
        let wanted = PlaysWanted { from, before, pipeline, limit: Some(limit) };
        let plays = with_history(core, call, move |history, _| history.plays(&wanted))?;
        Ok(json(200, &plays.iter().map(Play::of).collect::<Vec<_>>()))
    }

    pub(super) fn report(core: &Core, call: &Call<'_>) -> Handled {
        let by = choice(call, "by", ReportBy::named, ReportBy::ALL.iter().map(|by| by.as_str()))?;
        let formats = ReportFormat::ALL.iter().map(|format| format.as_str());
        let format = choice(call, "format", ReportFormat::named, formats)?;
        let pipeline = call.request.parameter("pipeline");
        let zone_of = match &pipeline {
            Some(name) => Some(core.pipeline(name)?),
            None => core.pipelines.first(),
        };
        let span = span(call, zone_of)?;
        let body = with_history(core, call, move |history, job| {
            let mut body = Body::default();
            let (file, pipeline) = (history.file(), pipeline.as_deref());
            write_report_while(file, &span, pipeline, by, format, &mut body, &mut goes_on(job))?;
            Ok(body.0)
        })?;
        Ok(written(format, body))
    }

    pub(super) fn statistics(core: &Core, call: &Call<'_>) -> Handled {
        let formats = ReportFormat::ALL.iter().map(|format| format.as_str());
        let format = match call.request.parameter("format") {
            None => ReportFormat::Json,
            Some(_) => choice(call, "format", ReportFormat::named, formats)?,
        };
        let own = core.pipelines.first().map(Pipeline::zone).unwrap_or_default();
        let given = ["from", "to", "zone", "step"].map(|name| call.request.parameter(name));
        let [from, to, zone, step] = given.each_ref().map(Option::as_deref);
        let mut wanted = StatisticsWanted::parse(from, to, zone, step, &own, SystemTime::now())?;
        wanted.mount = call.request.parameter("mount");
        let body = with_history(core, call, move |history, job| {
            let statistics = read_statistics_while(history.file(), &wanted, &mut goes_on(job))?;
            let mut body = Vec::new();
            match format {
                ReportFormat::Csv => statistics.write_csv(&mut body)?,
                ReportFormat::Json => serde_json::to_writer(&mut body, &Statistics::of(&statistics))
                    .map_err(|error| Error::io("writing statistics")(error.into()))?,
            }
            Ok(body)
        })?;
        Ok(written(format, body))
    }

    pub(super) fn heard_at(
        core: &Core,
        call: &Call<'_>,
        pipeline: &Pipeline,
        at: SystemTime,
        burst: Duration,
    ) -> Result<Option<HeardTitle>, Problem> {
        if core.plays.history().is_none() {
            return Ok(None);
        }
        let (name, began_by) = (pipeline.name().to_owned(), at.checked_sub(burst).unwrap_or(at));
        let play = with_history(core, call, move |history, _| {
            match history.play_at(&name, millis_since_1970(began_by).unsigned_abs()) {
                Err(Error::NotFound(_)) => Ok(None),
                read => read,
            }
        })?;
        Ok(play.map(|play| HeardTitle::of_play(play, burst)))
    }

    /// What is asked for each row. The disk answers with each of them: the history must not take its file for
    /// one that hangs.
    fn goes_on(job: &Job) -> impl FnMut() -> bool + '_ {
        let begun = Instant::now();
        move || {
            if begun.elapsed() < REPORT_WITHIN {
                job.step();
            }
            !job.is_abandoned()
        }
    }

    fn written(format: ReportFormat, body: Vec<u8>) -> HttpAnswer {
        let content_type = match format {
            ReportFormat::Csv => "text/csv; charset=utf-8",
            ReportFormat::Json => "application/json",
        };
        HttpAnswer::new(200, content_type, body).with("Cache-Control", "no-store")
    }

    /// Has a thread `files` read the history.
    fn with_history<T: Send + 'static>(
        core: &Core,
        call: &Call<'_>,
        work: impl FnOnce(&History, &Job) -> crate::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let missing = || Problem::new("not-found", "this station writes down no plays: set history_file");
        let history = core.plays.history().ok_or_else(missing)?.clone();
        // Strangers share the place of a user without a name.
        let files = core.files.of_user(call.who.map_or("", |who| &who.name));
        let file = history.file().to_owned();
        let read = files.within(&file, FILE_WITHIN, move |job| work(&history, job))?;
        read.map_err(|error| match error {
            Error::NotFound(_) => Problem::new("not-found", "nothing has been written down yet"),
            // Of a report that has more than fits.
            Error::Io { cause, .. } => Problem::new("limit-reached", cause.to_string()),
            Error::File { reason, .. } => Problem::new("internal", reason),
            error => error.into(),
        })
    }

    /// A span in the time zone that is asked for, else in that of a pipeline.
    fn span(call: &Call<'_>, pipeline: Option<&Pipeline>) -> Result<ReportSpan, Problem> {
        let [from, to, zone] = ["from", "to", "zone"].map(|name| call.request.parameter(name));
        let own = pipeline.map(Pipeline::zone).unwrap_or_default();
        Ok(ReportSpan::parse(from.as_deref(), to.as_deref(), zone.as_deref(), &own)?)
    }

    /// A parameter that is one of some names.
    fn choice<T: Default>(
        call: &Call<'_>,
        key: &'static str,
        named: fn(&str) -> Option<T>,
        names: impl Iterator<Item = &'static str>,
    ) -> Result<T, Problem> {
        let Some(text) = call.request.parameter(key) else { return Ok(T::default()) };
        named(&text).ok_or_else(|| {
            let known: Vec<_> = names.collect();
            Problem::new("invalid-parameter", format!("{key}={text:?}: there is {}", known.join(", ")))
                .at(key)
        })
    }

    /// The body of an answer, with a bound.
    #[derive(Default)]
    struct Body(Vec<u8>);

    impl Write for Body {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.len() + bytes.len() > REPORT_MOST {
                let most = REPORT_MOST >> 20;
                return Err(io::Error::other(format!(
                    "the report has more than {most} MiB: ask for less time, or by=track"
                )));
            }
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

/// A build without the feature `library` keeps no history.
#[cfg(not(feature = "library"))]
mod kept {
    use std::time::{Duration, SystemTime};

    use crate::Pipeline;
    use crate::api::call::{Call, Handled};
    use crate::api::core::Core;
    use crate::api::nowplaying::HeardTitle;
    use crate::api::problem::Problem;

    pub(super) fn heard_at(
        _: &Core,
        _: &Call<'_>,
        _: &Pipeline,
        _: SystemTime,
        _: Duration,
    ) -> Result<Option<HeardTitle>, Problem> {
        Ok(None)
    }

    pub(super) fn plays(_: &Core, _: &Call<'_>) -> Handled {
        Err(Problem::new("not-found", "this build keeps no history"))
    }

    pub(super) fn report(_: &Core, _: &Call<'_>) -> Handled {
        Err(Problem::new("not-found", "this build keeps no history"))
    }

    pub(super) fn statistics(_: &Core, _: &Call<'_>) -> Handled {
        Err(Problem::new("not-found", "this build keeps no history"))
    }
}
