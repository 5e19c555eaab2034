//! `longwave report`: what was played, for licensing societies.

use std::io::{self, BufWriter, Write};

use longwave::{Config, Error, PipelineSettings, ReportBy, ReportFormat, ReportSpan, write_report};

use super::Failure;
use super::args::Report;

/// Writes the report to standard output. The station may be on the air.
pub fn run(args: &Report) -> Result<(), Failure> {
    let config = Config::read(&args.config.path)?;
    let usage = |text: String| Failure::Usage(format!("longwave: {text}"));
    let Some(file) = config.history.file else {
        let config = args.config.path.display();
        return Err(usage(format!("{config}: no plays are written down: set history_file in [server]")));
    };
    let wanted = args.pipeline.as_ref();
    let own = |pipeline: &&PipelineSettings| wanted.is_none_or(|name| pipeline.name == *name);
    let pipeline = config.pipelines.iter().find(own);
    if let (Some(name), None) = (wanted, pipeline) {
        log::warn!("there is no pipeline {name:?} any more");
    }
    let pipeline = pipeline.or(config.pipelines.first());
    let zone = pipeline.map(|pipeline| pipeline.schedule.zone.clone()).unwrap_or_default();
    let span = ReportSpan::parse(Some(&args.from), Some(&args.to), args.zone.as_deref(), &zone);
    let span = span.map_err(|error| usage(format!("--{error}")))?;
    let by = ReportBy::named(&args.by)
        .ok_or_else(|| unknown("by", &args.by, ReportBy::ALL.iter().map(|by| by.as_str())))?;
    let format = ReportFormat::named(&args.format).ok_or_else(|| {
        unknown("format", &args.format, ReportFormat::ALL.iter().map(|format| format.as_str()))
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    match write_report(&file, &span, args.pipeline.as_deref(), by, format, &mut out) {
        // Whoever reads it has enough.
        Err(Error::Io { cause, .. }) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.and_then(|()| out.flush().map_err(Error::io("writing a report")))?),
    }
}

/// An option that is none of these names.
fn unknown(option: &str, text: &str, names: impl Iterator<Item = &'static str>) -> Failure {
    let known: Vec<_> = names.collect();
    Failure::Usage(format!("longwave: --{option} {text:?}: there is {}", known.join(", ")))
}
