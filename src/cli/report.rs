//! `longwave report`: what was played, for licensing societies.

use std::io::{self, BufWriter, Write};

use longwave::{Config, Error, ReportBy, ReportFormat, ReportSpan, write_report};

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
    let span = ReportSpan::parse(Some(&args.from), Some(&args.to), args.zone.as_deref());
    let span = span.map_err(|error| usage(format!("--{error}")))?;
    if let Some(name) = &args.pipeline
        && config.pipelines.iter().all(|pipeline| pipeline.name != *name)
    {
        log::warn!("there is no pipeline {name:?} any more");
    }
    let by = named("by", &args.by, ReportBy::ALL, ReportBy::as_str)?;
    let format = named("format", &args.format, ReportFormat::ALL, ReportFormat::as_str)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match write_report(&file, &span, args.pipeline.as_deref(), by, format, &mut out) {
        // Whoever reads it has enough.
        Err(Error::Io { cause, .. }) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.and_then(|()| out.flush().map_err(Error::io("writing a report")))?),
    }
}

/// The value of an option that is one of some names.
fn named<T: Copy>(option: &str, text: &str, all: &[T], name_of: fn(T) -> &'static str) -> Result<T, Failure> {
    all.iter().copied().find(|one| name_of(*one) == text).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|one| name_of(*one)).collect();
        Failure::Usage(format!("longwave: --{option} {text:?}: there is {}", known.join(", ")))
    })
}
