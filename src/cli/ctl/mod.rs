//! `longwave ctl`: a client of a running station's HTTP API.
//!
//! `client` sends the requests, `table` prints the answers for people. `--json` prints them unchanged.

pub mod args;
mod client;
mod files;
pub mod library;
pub mod schedule;
mod table;

pub use table::planned;

use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Value, json};

use self::args::{Ctl, CtlCommand, ListCommand, LiveCommand, QueueCommand, RequestsCommand};
use self::client::Client;
use super::Failure;
use super::text::one_line;

/// Runs the command.
pub fn run(args: &Ctl) -> Result<(), Failure> {
    let client = Client::new(args)?;
    let out = Out { json: args.json };
    if let CtlCommand::Watch = args.command {
        return watch(&client, &out);
    }
    match &args.command {
        CtlCommand::Reload => {
            let done = client.ask("POST", "/api/v1/reload", None)?;
            out.show(&done, table::reloaded)?;
            return match done["failed"].as_array().is_none_or(Vec::is_empty) {
                true => Ok(()),
                false => Err(Failure::Refused("longwave: a part of the reload has failed".into())),
            };
        }
        CtlCommand::Library { command } => return library::run(command.as_ref(), &client, &out),
        CtlCommand::Requests { command } => return requests(command, args, &client, &out),
        CtlCommand::Listeners { mount } => {
            let mount = mount.as_ref().map_or_else(String::new, |mount| format!("?mount={}", encoded(mount)));
            return out
                .show(&client.ask("GET", &format!("/api/v1/listeners{mount}"), None)?, table::listeners);
        }
        CtlCommand::Kick { id } => {
            return out.done(&client.ask("DELETE", &format!("/api/v1/listeners/{id}"), None)?);
        }
        CtlCommand::Deny { listener, address, even_own } => {
            let whom = match address {
                Some(address) => json!({ "address": address, "even_own": even_own }),
                None => json!({ "listener": listener, "even_own": even_own }),
            };
            return out.done(&client.ask("POST", "/api/v1/denied", Some(whom))?);
        }
        CtlCommand::Denied { allow: None } => {
            return out.show(&client.ask("GET", "/api/v1/denied", None)?, table::denied);
        }
        CtlCommand::Denied { allow: Some(id) } => {
            return out.done(&client.ask("DELETE", &format!("/api/v1/denied/{id}"), None)?);
        }
        CtlCommand::Sources { kick: None } => {
            return out.show(&client.ask("GET", "/api/v1/sources", None)?, table::sources);
        }
        CtlCommand::Sources { kick: Some(id) } => {
            return out.done(&client.ask("DELETE", &format!("/api/v1/sources/{id}"), None)?);
        }
        CtlCommand::Sessions { end: None } => {
            return out.show(&client.ask("GET", "/api/v1/sessions", None)?, table::sessions);
        }
        CtlCommand::Sessions { end: Some(id) } => {
            return out.done(&client.ask("DELETE", &format!("/api/v1/sessions/{id}"), None)?);
        }
        CtlCommand::Users { remove: None } => {
            return out.show(&client.ask("GET", "/api/v1/users", None)?, table::users);
        }
        CtlCommand::Users { remove: Some(name) } => {
            return out.done(&client.ask("DELETE", &format!("/api/v1/users/{}", encoded(name)), None)?);
        }
        CtlCommand::Upload { file, name, replace } => {
            return files::upload(file, name.as_deref(), *replace, &client, &out);
        }
        CtlCommand::Recordings { get } => return files::recordings(get.as_deref(), &client, &out),
        CtlCommand::Report { from, to, by } => {
            let wanted = query(&[
                ("from", Some(from.as_str())),
                ("to", Some(to.as_str())),
                ("by", Some(by.as_str())),
                ("format", Some(if args.json { "json" } else { "csv" })),
                ("pipeline", args.pipeline.as_deref()),
            ]);
            super::say(&client.text(&format!("/api/v1/report{wanted}"))?);
            return Ok(());
        }
        CtlCommand::Statistics { from, to, step, mount } => {
            let wanted = query(&[
                ("from", from.as_deref()),
                ("to", to.as_deref()),
                ("step", step.as_deref()),
                ("mount", mount.as_deref()),
                ("format", Some(if args.json { "json" } else { "csv" })),
            ]);
            let text = client.text(&format!("/api/v1/statistics{wanted}"))?;
            super::say(&if args.json { format!("{text}\n") } else { text });
            return Ok(());
        }
        CtlCommand::Played { at, mount: Some(mount) } => return played(at, mount, &client, &out),
        CtlCommand::Announce { all: true, .. } if args.pipeline.is_some() => {
            return Err(Failure::Usage("longwave: --all cannot be used with --pipeline".into()));
        }
        CtlCommand::Announce { file, all: true, stop } => {
            return announce_everywhere(file.as_deref(), *stop, &client, &out);
        }
        CtlCommand::Status if args.pipeline.is_none() => {
            return status(&client.ask("GET", "/api/v1/pipelines", None)?, &client, &out);
        }
        _ => {}
    }
    let pipeline = Pipeline { base: client.pipeline(args.pipeline.as_deref())?, client: &client };
    of_pipeline(&args.command, &pipeline, &out)
}

/// A pipeline of the station.
struct Pipeline<'a> {
    base: String,
    client: &'a Client,
}

impl Pipeline<'_> {
    fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        self.client.ask(method, &format!("{}{path}", self.base), body)
    }
}

fn of_pipeline(command: &CtlCommand, pipeline: &Pipeline<'_>, out: &Out) -> Result<(), Failure> {
    match command {
        CtlCommand::Status => status(&json!([pipeline.ask("GET", "", None)?]), pipeline.client, out),
        CtlCommand::History { from, to, limit } => {
            let limit = limit.map(|limit| limit.to_string());
            let wanted =
                query(&[("from", from.as_deref()), ("to", to.as_deref()), ("limit", limit.as_deref())]);
            let shown = if wanted.is_empty() { table::history } else { table::plays };
            out.show(&pipeline.ask("GET", &format!("/history{wanted}"), None)?, shown)
        }
        CtlCommand::Played { at, mount: None } => {
            let state = pipeline.ask("GET", "", None)?;
            let none = || Failure::Refused("longwave: the pipeline has no mount".into());
            played(at, state["mounts"][0].as_str().ok_or_else(none)?, pipeline.client, out)
        }
        CtlCommand::Why => out.show(&pipeline.ask("GET", "", None)?, table::why),
        CtlCommand::Schedule { hours, command } => schedule::run(command.as_ref(), *hours, pipeline, out),
        CtlCommand::Next { count } => {
            out.show(&pipeline.ask("GET", &format!("/up-next?count={count}"), None)?, table::entries)
        }
        CtlCommand::Skip => out.done(&pipeline.ask("POST", "/skip", None)?),
        CtlCommand::Seek { to } => out.done(&pipeline.ask("POST", "/seek", Some(json!({ "to": to })))?),
        CtlCommand::Play { file, title } => {
            let body = with(json!({ "file": file }), "title", title.as_deref());
            let answer = pipeline.ask("POST", "/play", Some(body))?;
            out.answer(&answer, table::waits)
        }
        CtlCommand::Hold { fade, after_current } => {
            let body = match after_current {
                true => json!({ "when": "after-current" }),
                false => json!({ "fade": fade }),
            };
            out.done(&pipeline.ask("POST", "/hold", Some(body))?)
        }
        CtlCommand::Resume { fade } => {
            out.done(&pipeline.ask("POST", "/resume", Some(json!({ "fade": fade })))?)
        }
        CtlCommand::Title { title: Some(title), mount, url, until_cleared, clear: false } => {
            let holds = if *until_cleared { "until-cleared" } else { "until-next-track" };
            let body = with(json!({ "title": title, "holds": holds }), "mount", mount.as_deref());
            out.done(&pipeline.ask("PUT", "/metadata", Some(with(body, "url", url.as_deref())))?)
        }
        CtlCommand::Title { mount, .. } => {
            let mount = mount.as_ref().map_or_else(String::new, |mount| format!("?mount={}", encoded(mount)));
            out.done(&pipeline.ask("DELETE", &format!("/metadata{mount}"), None)?)
        }
        CtlCommand::Announce { file, all: _, stop } => {
            out.answer(&announce(file.as_deref(), *stop, pipeline)?, table::announced)
        }
        CtlCommand::Hls => out.show(&pipeline.ask("GET", "/hls", None)?, table::hls),
        CtlCommand::Live { command } => {
            let order = match command {
                None => None,
                Some(LiveCommand::Force { to }) => Some(("/live/force", Some(json!({ "to": to })))),
                Some(LiveCommand::Release) => Some(("/live/release", None)),
                Some(LiveCommand::Mute { path }) => Some(("/live/mute", Some(json!({ "path": path })))),
                Some(LiveCommand::Unmute { path }) => Some(("/live/unmute", Some(json!({ "path": path })))),
            };
            match order {
                None => out.show(&pipeline.ask("GET", "/live", None)?, table::live_inputs),
                Some((path, body)) => out.done(&pipeline.ask("POST", path, body)?),
            }
        }
        CtlCommand::Queue { command } => match command {
            QueueCommand::List => out.show(&pipeline.ask("GET", "/queue", None)?, table::entries),
            QueueCommand::Add { files, next } => {
                let body = json!({ "files": files, "place": if *next { "next" } else { "end" } });
                out.done(&pipeline.ask("POST", "/queue", Some(body))?)
            }
            QueueCommand::Remove { id } => {
                out.done(&pipeline.ask("DELETE", &format!("/queue/{id}"), None)?)
            }
            QueueCommand::Clear => out.done(&pipeline.ask("DELETE", "/queue", None)?),
        },
        CtlCommand::Playlist { command } => match command {
            ListCommand::Show => out.show(&pipeline.ask("GET", "/playlist", None)?, table::playlist),
            ListCommand::Load { files, now, after_current: _, repeat, shuffle } => {
                let when = if *now { "now" } else { "after-current" };
                let body = json!({ "files": files, "when": when, "loop": repeat, "shuffle": shuffle });
                out.done(&pipeline.ask("PUT", "/playlist", Some(body))?)
            }
        },
        CtlCommand::Reload
        | CtlCommand::Library { .. }
        | CtlCommand::Requests { .. }
        | CtlCommand::Listeners { .. }
        | CtlCommand::Kick { .. }
        | CtlCommand::Sources { .. }
        | CtlCommand::Sessions { .. }
        | CtlCommand::Users { .. }
        | CtlCommand::Deny { .. }
        | CtlCommand::Denied { .. }
        | CtlCommand::Played { mount: Some(_), .. }
        | CtlCommand::Recordings { .. }
        | CtlCommand::Report { .. }
        | CtlCommand::Statistics { .. }
        | CtlCommand::Upload { .. }
        | CtlCommand::Watch => Ok(()),
    }
}

/// Shows what was heard at a mount.
fn played(at: &str, mount: &str, client: &Client, out: &Out) -> Result<(), Failure> {
    let path: Vec<_> = mount.split('/').map(|segment| encoded(segment).to_string()).collect();
    let path = format!("/played{}{}", path.join("/"), query(&[("at", Some(at))]));
    out.show(&client.ask("GET", &path, None)?, table::heard)
}

/// What listeners do. Without `--pipeline` the station finds the one that takes requests.
fn requests(command: &RequestsCommand, args: &Ctl, client: &Client, out: &Out) -> Result<(), Failure> {
    match command {
        RequestsCommand::Search { words } => {
            let words = words.join(" ");
            let wanted = query(&[("q", Some(words.as_str())), ("pipeline", args.pipeline.as_deref())]);
            out.show(&client.ask("GET", &format!("/requests/search{wanted}"), None)?, table::offered)
        }
        RequestsCommand::Add { track } => {
            let body = with(json!({ "track": track }), "pipeline", args.pipeline.as_deref());
            out.done(&client.ask("POST", "/requests", Some(body))?)
        }
    }
}

/// Announces a file on a pipeline, or stops what is announced there.
fn announce(file: Option<&str>, stop: bool, pipeline: &Pipeline<'_>) -> Result<Value, Failure> {
    match stop {
        true => pipeline.ask("DELETE", "/announcements", None),
        false => pipeline.ask("POST", "/announce", Some(json!({ "file": file }))),
    }
}

/// The same on all pipelines. One that refuses does not keep the others from it.
fn announce_everywhere(file: Option<&str>, stop: bool, client: &Client, out: &Out) -> Result<(), Failure> {
    let pipelines = client.ask("GET", "/api/v1/pipelines", None)?;
    let (mut answers, mut refused) = (serde_json::Map::new(), Vec::new());
    for name in pipelines.as_array().into_iter().flatten().filter_map(|pipeline| pipeline["name"].as_str()) {
        let pipeline = Pipeline { base: client.pipeline(Some(name))?, client };
        match announce(file, stop, &pipeline) {
            Ok(answer) => drop(answers.insert(name.to_owned(), answer)),
            Err(failure) => refused.push(format!("{failure} (on {})", one_line(name))),
        }
    }
    // Every pipeline says the same of where it is not heard.
    let heard = answers.values().next().cloned().unwrap_or_default();
    match out.json {
        true => out.done(&Value::Object(answers))?,
        false => out.answer(&heard, table::announced)?,
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::Refused(refused.join("\n"))) }
}

/// Shows pipelines and, for people, what is wrong with the station as a whole.
fn status(pipelines: &Value, client: &Client, out: &Out) -> Result<(), Failure> {
    out.show(pipelines, table::pipelines)?;
    if !out.json {
        super::say(&table::of_station(&client.health()?));
    }
    Ok(())
}

/// Adds a field, if there is a value.
fn with(mut body: Value, key: &str, value: Option<&str>) -> Value {
    if let Some(value) = value {
        body[key] = value.into();
    }
    body
}

/// Prints events until the station stops or standard output is closed.
fn watch(client: &Client, out: &Out) -> Result<(), Failure> {
    client.follow("/api/v1/events", |name, data| {
        let data: Value = serde_json::from_str(data).unwrap_or_default();
        if out.json {
            return out.line(&json!({ "event": name, "data": data }).to_string());
        }
        out.line(&table::event(name, &data))
    })
}

/// Standard output, for people or for programs.
struct Out {
    json: bool,
}

impl Out {
    fn show(&self, answer: &Value, table: impl Fn(&Value) -> String) -> Result<(), Failure> {
        super::say(&if self.json { format!("{answer}\n") } else { table(answer) });
        Ok(())
    }

    /// Prints the answer to a change: what people should know of it, if there is anything.
    fn answer(&self, answer: &Value, remark: fn(&Value) -> Option<String>) -> Result<(), Failure> {
        match (self.json, remark(answer)) {
            (true, _) => return self.done(answer),
            (false, Some(remark)) => super::say(&format!("{remark}\n")),
            (false, None) => {}
        }
        Ok(())
    }

    /// Prints the answer to a change (ids, for example) for programs only.
    fn done(&self, answer: &Value) -> Result<(), Failure> {
        if self.json && !answer.is_null() {
            super::say(&format!("{answer}\n"));
        }
        Ok(())
    }

    /// Prints a line. False if standard output is closed.
    fn line(&self, line: &str) -> bool {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{}\n", one_line(line)).as_bytes()).and_then(|()| out.flush()).is_ok()
    }
}

/// The parameters that are given, as the query of a URL.
fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded((*value)?))));
    let given: Vec<_> = given.collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

/// The text as a segment or a parameter of a URL.
fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
