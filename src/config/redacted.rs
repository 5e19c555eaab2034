//! The text of a configuration for who may see it on a screen: without what may be a secret. No key of ours
//! holds one, but people write more into a file than keys.

/// What a name of a secret has in it.
const SECRET: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "credential", "api_key", "apikey"];
/// What stands for a secret.
const LEFT_OUT: &str = "…";

/// The text with the values of keys that are called like secrets left out, also in comments, and with the
/// logins in URLs.
pub(super) fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // What ends a secret that goes on in further lines.
    let mut goes_on: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if let Some(closing) = goes_on {
            if line.contains(closing) {
                goes_on = None;
            }
            out.push_str(LEFT_OUT);
        } else if let Some(at) = value_of_secret(line) {
            out.push_str(&line[..at]);
            out.push(' ');
            out.push_str(LEFT_OUT);
            goes_on = opened(line[at..].trim_start());
        } else {
            out.push_str(&without_logins(line));
        }
        out.push_str(end);
    }
    out
}

/// Where the value begins of the first key in a line that is called like a secret.
fn value_of_secret(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let found = SECRET.iter().filter_map(|name| lower.find(name)).min()?;
    // `users_file` and the like have none of these names; a sentence that speaks of a password has no value.
    let after = line[found..].find(['=', ':'])?;
    Some(found + after + 1)
}

/// What ends a value that begins so and does not end on its line.
fn opened(value: &str) -> Option<&'static str> {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(rest) = value.strip_prefix(quotes) {
            return (!rest.contains(quotes)).then_some(quotes);
        }
    }
    (value.starts_with('[') && !value.contains(']')).then_some("]")
}

/// A line without the logins in its URLs: `http://ana:geheim@host/` is `http://…@host/`.
fn without_logins(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(tail.len());
        match tail[..end].rfind('@') {
            Some(login) => {
                out.push_str(LEFT_OUT);
                rest = &tail[login..];
            }
            None => rest = tail,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_left_out_and_nothing_else() {
        for (text, shown) in [
            ("[server]\nlisten = \"127.0.0.1:8000\"\n", "[server]\nlisten = \"127.0.0.1:8000\"\n"),
            ("users_file = \"users\"", "users_file = \"users\""),
            ("password = \"geheim\"", "password = …"),
            ("icy_Password=\"geheim\" # x", "icy_Password= …"),
            ("# the old password: geheim\na = 1", "# the old password: …\na = 1"),
            ("# ask for a password first", "# ask for a password first"),
            ("{\"name\": \"x\", \"token\": \"lw-1\", \"a\": 1}", "{\"name\": \"x\", \"token\": …"),
            ("secret = \"\"\"\nline one\nline two\"\"\"\na = 1", "secret = …\n…\n…\na = 1"),
            ("tokens = [\n \"lw-1\",\n]\na = 1", "tokens = …\n…\n…\na = 1"),
            ("url = \"http://ana:geheim@host/a\"", "url = \"http://…@host/a\""),
            (
                "a = \"http://ana:ge@heim@host\", \"http://host/a@b\"",
                "a = \"http://…@host\", \"http://host/a@b\"",
            ),
            ("jóga = \"passwört\"", "jóga = \"passwört\""),
            ("", ""),
        ] {
            assert_eq!(redacted(text), shown, "{text}");
        }
    }
}
