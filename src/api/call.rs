//! The input and the result of a handler.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::access::Identity;
use crate::{HttpAnswer, HttpRequest, percent};

/// A handler's result.
pub(crate) type Handled = Result<HttpAnswer, Problem>;

/// A request, and the values of the braces in its route.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) held: &'a [String],
    /// The user, unless the route is public.
    pub(crate) who: Option<&'a Identity>,
}

impl<'a> Call<'a> {
    /// The user. A public route may have none, and asks [`who`](Call::who).
    pub(crate) fn user(&self) -> &'a Identity {
        self.who.expect("the route has a condition, so its user is known")
    }

    /// Reads the body, which must be a JSON object of this form.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        // A form on a page of another origin can send any content type but this one.
        let content_type = self.request.header("content-type").unwrap_or_default();
        if !content_type.split(',').all(is_json) {
            let detail = "send the body as JSON, with Content-Type: application/json";
            return Err(Problem::new("unsupported-media-type", detail));
        }
        let body = self.request.body();
        // PowerShell sends files with their byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        // Serde would also accept a list, as the fields in their order.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::new("invalid-body", "the body is a list: an object is wanted, {…}"));
        }
        let mut json = serde_json::Deserializer::from_slice(body);
        let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            let inner = error.inner();
            let code = if inner.is_data() { "invalid-body" } else { "invalid-json" };
            let problem = Problem::new(code, inner.to_string());
            if field == "." { problem } else { problem.at(field) }
        })?;
        json.end().map_err(|error| Problem::new("invalid-json", error.to_string()))?;
        Ok(value)
    }

    /// Reads the body like [`body`](Call::body). Without a body, it returns the default.
    pub(crate) fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.request.body().is_empty() { Ok(T::default()) } else { self.body() }
    }

    /// Parses a parameter of the query, if it is given.
    pub(crate) fn parameter<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        let Some(text) = self.request.parameter(name) else { return Ok(None) };
        let wrong =
            |_| Problem::new("invalid-parameter", format!("{name}={text:?} cannot be understood")).at(name);
        text.parse().map(Some).map_err(wrong)
    }

    /// Parses the value of the route's `index`th braces as a number.
    pub(crate) fn number(&self, index: usize) -> Result<u64, Problem> {
        self.held[index]
            .parse()
            .map_err(|_| Problem::new("not-found", format!("{:?} is no id", self.held[index])))
    }
}

/// Whether a content type is JSON's, with or without parameters. Scripts that set the header twice send a
/// list.
pub(super) fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// A JSON answer, for pages of the same origin.
pub(crate) fn json(status: u16, body: &impl Serialize) -> HttpAnswer {
    written(status, body).with("Cache-Control", "no-store")
}

/// The same for an answer whose client may keep it: the caller says for how long.
#[cfg(feature = "library")]
pub(crate) fn kept_json(body: &impl Serialize) -> HttpAnswer {
    written(200, body)
}

fn written(status: u16, body: &impl Serialize) -> HttpAnswer {
    let body = serde_json::to_vec(body).expect("what is answered can be written as JSON");
    HttpAnswer::new(status, "application/json", body)
}

/// A JSON answer that pages of any origin may read.
pub(crate) fn open_json(status: u16, body: &impl Serialize) -> HttpAnswer {
    json(status, body).readable_by_all()
}

/// The answer of a handler that has succeeded and has nothing to show.
pub(crate) fn done() -> Handled {
    Ok(HttpAnswer::empty(204).with("Cache-Control", "no-store"))
}

/// The header `Content-Disposition` of a file that browsers save under this name. Players play it all the
/// same.
pub(crate) fn saved_as(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' { c } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", percent::encode_plainly(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_saved_under_its_name() {
        let name = saved_as("2000-gäst \"ö\".mp3");
        assert!(
            name.starts_with("attachment; filename=\"2000-g_st____.mp3\"; filename*=UTF-8''2000-g%C3%A4st"),
            "{name}"
        );
        assert!(!name.contains('ö') && name.is_ascii());
    }
}
