//! Sends requests to a station, with a credential from an option, the environment or a token file.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

use super::args::Ctl;
use crate::cli::text::one_line;
use crate::cli::{Failure, token_place};

/// The station, unless an option or the environment says otherwise.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8000";
const DEFAULT_PORT: u16 = 80;
/// The longest file with a credential, which has one line.
const LONGEST_CREDENTIAL: u64 = 64 << 10;
/// The longest text that is printed.
const LONGEST_TEXT: u64 = 64 << 20;
/// Answers take milliseconds; a longer wait is in vain.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file is looked at before it is answered, and its disk may be slow.
const FILE_PATIENCE: Duration = Duration::from_secs(120);

pub struct Client {
    agent: Agent,
    server: String,
    authorization: Option<String>,
}

impl Client {
    pub fn new(args: &Ctl) -> Result<Client, Failure> {
        let server = args.server.clone().or_else(|| env::var("LONGWAVE_SERVER").ok());
        let server = server.unwrap_or_else(|| DEFAULT_SERVER.into());
        let server = if server.contains("://") { server } else { format!("http://{server}") };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .user_agent(concat!("longwave-ctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let server = server.trim_end_matches('/').to_owned();
        let authorization = authorization(args, &server)?;
        Ok(Client { agent, server, authorization })
    }

    /// Sends a request. Returns the answer (null if it has no body), or why it was refused.
    pub fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let mut response = self.send(method, path, body, "application/json")?;
        let text = response.body_mut().read_to_string().map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(serde_json::from_str(&text).unwrap_or_default());
        }
        Err(self.refused(response.status().as_u16(), &text))
    }

    /// Gets what is no JSON, or is printed as it is.
    pub fn text(&self, path: &str) -> Result<String, Failure> {
        let mut response = self.send("GET", path, None, "*/*")?;
        let text = response.body_mut().with_config().limit(LONGEST_TEXT).read_to_string();
        let text = text.map_err(|error| self.unreachable(&error))?;
        match response.status().is_success() {
            true => Ok(text),
            false => Err(self.refused(response.status().as_u16(), &text)),
        }
    }

    /// Puts a file, however long it takes. Returns the answer, or why it was refused.
    pub fn send_file(&self, path: &str, file: File) -> Result<Value, Failure> {
        let request = Request::put(format!("{}{path}", self.server))
            .header("Accept", "application/json")
            .header("Content-Type", "application/octet-stream")
            // What is refused anyway is not sent first.
            .header("Expect", "100-continue");
        let request = match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        };
        let request = request.body(file).map_err(|error| self.wrong(&error))?;
        let request =
            self.agent.configure_request(request).timeout_recv_response(Some(FILE_PATIENCE)).build();
        let mut response = self.agent.run(request).map_err(|error| self.unreachable(&error))?;
        let text = response.body_mut().read_to_string().map_err(|error| self.unreachable(&error))?;
        match response.status().is_success() {
            true => Ok(serde_json::from_str(&text).unwrap_or_default()),
            false => Err(self.refused(response.status().as_u16(), &text)),
        }
    }

    /// Writes a file of the station, however long it takes.
    pub fn fetch(&self, path: &str, to: &mut impl Write) -> Result<(), Failure> {
        let mut response = self.send("GET", path, None, "*/*")?;
        if !response.status().is_success() {
            let text = response.body_mut().read_to_string().unwrap_or_default();
            return Err(self.refused(response.status().as_u16(), &text));
        }
        let copied = io::copy(&mut response.body_mut().as_reader(), to).and_then(|_| to.flush());
        copied.map_err(|error| Failure::Refused(format!("longwave: it was not fetched whole: {error}")))
    }

    /// The path of the pipeline with this name, or of the only pipeline.
    pub fn pipeline(&self, name: Option<&str>) -> Result<String, Failure> {
        let named = |name: &str| format!("/api/v1/pipelines/{}", super::encoded(name));
        if let Some(name) = name {
            return Ok(named(name));
        }
        let pipelines = self.ask("GET", "/api/v1/pipelines", None)?;
        let names: Vec<&str> = pipelines
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|pipeline| pipeline["name"].as_str())
            .collect();
        match names[..] {
            [only] => Ok(named(only)),
            _ => Err(Failure::Usage(format!("longwave: say which --pipeline: {}", names.join(", ")))),
        }
    }

    /// The health of the whole station. One that fails answers with 503, and says why.
    pub fn health(&self) -> Result<Value, Failure> {
        let mut response = self.send("GET", "/api/v1/health", None, "application/json")?;
        let text = response.body_mut().read_to_string().unwrap_or_default();
        let health: Value = serde_json::from_str(&text).unwrap_or_default();
        match health["warnings"].is_array() {
            true => Ok(health),
            false => Err(self.refused(response.status().as_u16(), &text)),
        }
    }

    /// Calls `on_event` with the name and the data of each event, until it returns false.
    pub fn follow(&self, path: &str, on_event: impl Fn(&str, &str) -> bool) -> Result<(), Failure> {
        let mut response = self.send("GET", path, None, "text/event-stream")?;
        if !response.status().is_success() {
            let text = response.body_mut().read_to_string().unwrap_or_default();
            return Err(self.refused(response.status().as_u16(), &text));
        }
        let (mut name, mut data) = (String::new(), String::new());
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line =
                line.map_err(|error| Failure::Refused(format!("longwave: {}: {error}", self.server)))?;
            match line.split_once(": ") {
                Some(("event", event)) => event.clone_into(&mut name),
                Some(("data", text)) => data.push_str(text),
                _ if line.is_empty() && !name.is_empty() => {
                    if !on_event(&name, &data) {
                        return Ok(());
                    }
                    name.clear();
                    data.clear();
                }
                _ => {}
            }
        }
        Err(Failure::Refused(format!("longwave: the station at {} has stopped", self.server)))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        accept: &str,
    ) -> Result<Response<Body>, Failure> {
        let takes_body = !matches!(method, "GET" | "DELETE");
        let method = Method::from_bytes(method.as_bytes()).expect("it is one");
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.server)).header("Accept", accept);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let wrong = |error: ureq::http::Error| self.wrong(&error);
        let sent = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_string()).map_err(wrong)?)
            }
            // A request that may have a body needs a Content-Length.
            None if takes_body => self.agent.run(request.body("").map_err(wrong)?),
            None => self.agent.run(request.body(()).map_err(wrong)?),
        };
        sent.map_err(|error| self.unreachable(&error))
    }

    fn wrong(&self, error: &ureq::http::Error) -> Failure {
        Failure::Usage(format!("longwave: --server {}: {error}", self.server))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::Refused(format!("longwave: no answer from {}: {error}", self.server))
    }

    fn refused(&self, status: u16, text: &str) -> Failure {
        let problem: Value = serde_json::from_str(text).unwrap_or_default();
        let detail = match problem["detail"].as_str() {
            // A configuration has a problem a line.
            Some(detail) => detail.lines().map(one_line).collect::<Vec<_>>().join("\n"),
            None => format!("{} answered {status}", self.server),
        };
        let field =
            problem["field"].as_str().map_or_else(String::new, |field| format!("{}: ", one_line(field)));
        let hint = match status {
            401 => " (--credentials FILE, or LONGWAVE_TOKEN)",
            _ => "",
        };
        Failure::Refused(format!("longwave: {field}{detail}{hint}"))
    }
}

/// The header `Authorization`: from a file or the environment, or from the token file of a station that this
/// user started on this machine.
fn authorization(args: &Ctl, server: &str) -> Result<Option<String>, Failure> {
    let file = args.credentials.clone().or_else(|| env::var_os("LONGWAVE_CREDENTIALS").map(Into::into));
    let credential = match (file, env::var("LONGWAVE_TOKEN")) {
        (Some(file), _) => Some(read(&file)?),
        (None, Ok(token)) => Some(token),
        (None, Err(_)) => {
            let authority = server.split_once("://").map_or(server, |(_, rest)| rest);
            let port =
                authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(DEFAULT_PORT);
            token_place::read(port)
        }
    };
    Ok(credential.map(|credential| match credential.contains(':') {
        true => format!("Basic {}", BASE64_STANDARD.encode(credential)),
        false => format!("Bearer {credential}"),
    }))
}

fn read(file: &Path) -> Result<String, Failure> {
    let text = longwave::read_whole(file, LONGEST_CREDENTIAL)
        .map_err(|error| Failure::Usage(format!("longwave: {}: {error}", file.display())))?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
