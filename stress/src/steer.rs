//! Clients of the API: requests at a steady rate, each of them timed, and streams of events that stay open.

use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::answer::{self, Reading};
use crate::followers::{self, FollowersReport};
use crate::net::{self, Target};
use crate::options::SteerArgs;
use crate::quantiles::Quantiles;
use crate::stop::Stop;
use crate::sys;

/// A request fails if nothing arrives for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the server answered.
#[derive(Debug, Serialize)]
pub struct SteerReport {
    pub label: String,
    pub seconds: f64,
    pub requests: Vec<RequestReport>,
    /// Times of all requests, from when they were due until the answer was complete.
    pub answer_ms: Quantiles,
    pub events: FollowersReport,
}

/// One kind of request.
#[derive(Debug, Serialize)]
pub struct RequestReport {
    pub request: String,
    pub answer_ms: Quantiles,
    /// Answered with another status than 2xx.
    pub refused: usize,
    /// Requests without an answer, and the reason for the last one.
    pub failed: usize,
    pub failure: Option<String>,
}

/// Runs until the time is over.
pub fn run(args: &SteerArgs, stop: &Stop) -> Result<SteerReport, String> {
    sys::raise_open_files().map_err(|error| format!("limit of open files: {error}"))?;
    let head = head(args)?;
    let plan: Vec<Planned> =
        args.request.iter().map(|request| Planned::parse(request, &head)).collect::<Result<_, _>>()?;
    if plan.is_empty() && args.events == 0 {
        return Err("nothing to do: give a --request, or --events".to_owned());
    }
    let start = Instant::now();
    let end = start + args.seconds;
    thread::scope(|scope| {
        let events = scope.spawn(|| followers::run(args, &head, end, stop));
        let clients = args.clients.max(1);
        let clients: Vec<_> = (0..clients)
            .filter(|_| !plan.is_empty())
            .map(|client| {
                let plan = &plan;
                // The clients take turns.
                let turns = (client..).step_by(clients);
                scope.spawn(move || ask(&args.url, plan, turns, args.rate, start, end, stop))
            })
            .collect();
        let answers: Vec<Answer> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        let events = events.join().unwrap().map_err(|error| format!("events: {error}"))?;
        Ok(report(args, &plan, answers, events, start.elapsed()))
    })
}

/// A request, ready to be sent.
struct Planned {
    name: String,
    bytes: Vec<u8>,
}

/// The result of a request.
struct Answer {
    /// Its place in the plan.
    kind: usize,
    after: Duration,
    status: Result<u16, String>,
}

impl Planned {
    /// `METHOD PATH [JSON]`.
    fn parse(text: &str, head: &str) -> Result<Planned, String> {
        let mut words = text.splitn(3, ' ');
        let (Some(method), Some(path)) = (words.next(), words.next().filter(|path| path.starts_with('/')))
        else {
            return Err(format!(
                "{text}: want METHOD PATH, like GET /health, and JSON after it if it has a body"
            ));
        };
        let body = words.next();
        let mut bytes = format!("{method} {path} HTTP/1.1\r\n{head}");
        if let Some(body) = body {
            bytes += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        bytes += "\r\n";
        bytes += body.unwrap_or_default();
        Ok(Planned { name: format!("{method} {path}"), bytes: bytes.into_bytes() })
    }
}

/// The headers that all requests have.
fn head(args: &SteerArgs) -> Result<String, String> {
    let mut head = format!("Host: {}\r\nUser-Agent: longwave-stress\r\n", args.url.host);
    if let Some(path) = &args.token_file {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        head += &format!("Authorization: Bearer {}\r\n", text.trim());
    }
    Ok(head)
}

/// A client with a persistent connection, and its share of the requests.
fn ask(
    url: &Target,
    plan: &[Planned],
    turns: impl Iterator<Item = usize>,
    rate: f64,
    start: Instant,
    end: Instant,
    stop: &Stop,
) -> Vec<Answer> {
    let mut connection = None;
    let mut answers = Vec::new();
    for turn in turns {
        let due = start + Duration::from_secs_f64(turn as f64 / rate);
        if due >= end || stop.asked() {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let kind = turn % plan.len();
        let status = exchange(url, &mut connection, &plan[kind].bytes);
        if status.is_err() {
            connection = None;
        }
        // The time counts from when the request was due. So one slow answer also shows in the requests that
        // it delays.
        let status = status.map_err(|error| error.to_string());
        answers.push(Answer { kind, after: due.elapsed(), status });
    }
    answers
}

fn exchange(url: &Target, connection: &mut Option<TcpStream>, request: &[u8]) -> io::Result<u16> {
    let socket = match connection {
        Some(socket) => socket,
        None => connection.insert(net::connect_patiently(url, PATIENCE)?),
    };
    socket.write_all(request)?;
    let mut answer = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        match answer::read(&answer) {
            Reading::Bad => return Err(io::Error::other("what came is no answer")),
            Reading::Partial => {}
            Reading::Whole(head, end) => match answer.len().cmp(&(end + head.length.unwrap_or(0))) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Ok(head.status),
                std::cmp::Ordering::Greater => return Err(io::Error::other("more than an answer came")),
            },
        }
        match socket.read(&mut part)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&part[..read]),
        }
    }
}

fn report(
    args: &SteerArgs,
    plan: &[Planned],
    answers: Vec<Answer>,
    events: FollowersReport,
    took: Duration,
) -> SteerReport {
    let times = |of: &dyn Fn(&&Answer) -> bool| {
        let answered = answers.iter().filter(of).filter(|answer| answer.status.is_ok());
        Quantiles::of(answered.map(|answer| answer.after.as_secs_f64() * 1e3).collect())
    };
    let requests = plan.iter().enumerate().map(|(kind, planned)| {
        let of_kind = || answers.iter().filter(|answer| answer.kind == kind);
        RequestReport {
            request: planned.name.clone(),
            answer_ms: times(&|answer| answer.kind == kind),
            refused: of_kind()
                .filter(|answer| answer.status.as_ref().is_ok_and(|status| !(200..300).contains(status)))
                .count(),
            failed: of_kind().filter(|answer| answer.status.is_err()).count(),
            failure: of_kind().filter_map(|answer| answer.status.clone().err()).next_back(),
        }
    });
    SteerReport {
        label: args.label.clone(),
        seconds: took.as_secs_f64(),
        requests: requests.collect(),
        answer_ms: times(&|_| true),
        events,
    }
}

impl SteerReport {
    /// What was wrong, in sentences.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for request in &self.requests {
            if request.refused > 0 {
                complaints.push(format!("{}: {} were refused", request.request, request.refused));
            }
            if let Some(failure) = &request.failure {
                complaints.push(format!("{}: {} failed: {failure}", request.request, request.failed));
            }
        }
        complaints.extend(self.events.complaint());
        complaints
    }
}

impl Display for SteerReport {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        writeln!(f, "{}, {:.0} s", self.label, self.seconds)?;
        let all = (&"all requests".to_owned(), &self.answer_ms);
        for (name, ms) in self.requests.iter().map(|one| (&one.request, &one.answer_ms)).chain([all]) {
            writeln!(
                f,
                "  {name:<44} {:>6} answered, ms: p50 {:.1}, p99 {:.1}, max {:.1}",
                ms.count, ms.p50, ms.p99, ms.max
            )?;
        }
        let events = &self.events;
        writeln!(
            f,
            "  {} of {} clients of events stayed, {} requests of theirs were refused; \
             {:.0} to {:.0} events each, {:.1} MB in all",
            events.stayed,
            events.clients,
            events.refused,
            events.events.min,
            events.events.max,
            events.bytes as f64 / 1e6
        )?;
        match self.complaints() {
            complaints if complaints.is_empty() => writeln!(f, "  nothing wrong"),
            complaints => complaints.iter().try_for_each(|complaint| writeln!(f, "  WRONG: {complaint}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Planned;

    #[test]
    fn requests_are_sent_as_they_are_written() {
        let plain = Planned::parse("GET /health", "Host: x\r\n").unwrap();
        assert_eq!(plain.bytes, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
        let body = Planned::parse(r#"POST /api {"a": 1}"#, "Host: x\r\n").unwrap();
        assert_eq!(body.name, "POST /api");
        assert!(body.bytes.ends_with(b"Content-Length: 8\r\n\r\n{\"a\": 1}"));
        assert!(Planned::parse("GET health", "").is_err());
    }
}
