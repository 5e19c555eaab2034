//! Measures Icecast-like servers on this machine: thousands of listeners, each checked.

mod answer;
mod chart;
mod checker;
mod compare;
mod crowd;
mod feed;
mod floor;
mod followers;
mod icy;
mod level;
mod listener;
mod load;
mod measure;
mod net;
mod options;
mod packet;
mod plan;
mod players;
mod playing;
mod quantiles;
mod report;
mod sampler;
mod source;
mod stall;
mod steer;
mod stop;
mod strace;
mod svg;
#[allow(unsafe_code, reason = "system calls that no dependency wraps")]
mod sys;
mod tally;
mod usage;
mod walk;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::options::{
    ChartArgs, Command, LevelArgs, ListenersArgs, Options, PlayersArgs, StallArgs, SteerArgs,
};
use crate::report::Report;
use crate::stop::Stop;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(options.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("longwave-stress: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, String> {
    let stop = Stop::on_signals().map_err(|error| error.to_string())?;
    match command {
        Command::Listeners(args) => listeners(&args, &stop),
        Command::Players(args) => players(&args, &stop),
        Command::Stall(args) => stall(&args, &stop),
        Command::Floor(args) => floor::run(&args, &stop).map(|()| ExitCode::SUCCESS),
        Command::Source(args) => source::run(&args, &stop).map(|()| ExitCode::SUCCESS),
        Command::Crowd(args) => {
            let report = crowd::run(&args, &stop)?;
            print!("{report}");
            let failed = args.strict && !report.complaints().is_empty();
            Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Usage(args) => {
            usage::run(&args, &stop).map(|usage| print!("{usage}")).map(|()| ExitCode::SUCCESS)
        }
        Command::Level(args) => level(&args, &stop),
        Command::Steer(args) => steer(&args, &stop),
        Command::Chart(args) => chart(&args),
    }
}

fn listeners(args: &ListenersArgs, stop: &Stop) -> Result<ExitCode, String> {
    let report = load::run(args, stop)?;
    print!("{report}");
    if let Some(path) = &args.json {
        write(path, json(&report)?)?;
    }
    if let Some(path) = &args.csv {
        write(path, report.csv())?;
    }
    if let Some(path) = &args.svg {
        write(path, chart::over_time(&report))?;
    }
    let failed = args.strict && !report.complaints().is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn players(args: &PlayersArgs, stop: &Stop) -> Result<ExitCode, String> {
    let report = players::run(args, stop)?;
    print!("{report}");
    if let Some(path) = &args.json {
        write(path, json(&report)?)?;
    }
    let failed = args.strict && !report.complaints().is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn stall(args: &StallArgs, stop: &Stop) -> Result<ExitCode, String> {
    let report = stall::run(args, stop)?;
    print!("{report}");
    if let Some(path) = &args.json {
        write(path, json(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn steer(args: &SteerArgs, stop: &Stop) -> Result<ExitCode, String> {
    let report = steer::run(args, stop)?;
    print!("{report}");
    if let Some(path) = &args.json {
        write(path, json(&report)?)?;
    }
    let failed = args.strict && !report.complaints().is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn level(args: &LevelArgs, stop: &Stop) -> Result<ExitCode, String> {
    let report = level::run(args, stop)?;
    print!("{report}");
    if let Some(path) = &args.svg {
        write(path, chart::level(&report))?;
    }
    let failed = args.strict && !report.complaints().is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn chart(args: &ChartArgs) -> Result<ExitCode, String> {
    let mut reports = Vec::new();
    for path in &args.results {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let report: Report =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        reports.push(report);
    }
    print!("{}", compare::Comparison::of(&reports, &args.subject));
    if let Some(path) = &args.svg {
        write(path, chart::over_listeners(&reports))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}

fn write(path: &Path, text: String) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
