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
    let mut secret = Secret::None;
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        secret = match secret.within(line) {
            Some(goes_on) => {
                out.push_str(LEFT_OUT);
                goes_on
            }
            None if line.trim().is_empty() => {
                out.push_str(line);
                secret
            }
            None => match value_of_secret(line) {
                Some(at) => {
                    out.push_str(&without_logins(&line[..at]));
                    out.push(' ');
                    out.push_str(LEFT_OUT);
                    Secret::begins(&line[at..], is_comment(line))
                }
                None => {
                    out.push_str(&without_logins(line));
                    Secret::None
                }
            },
        };
        out.push_str(end);
    }
    out
}

/// The secret that goes on in the next line.
#[derive(Clone, Copy)]
enum Secret {
    None,
    /// Only its name was there, in a comment or not. Its value comes.
    Named {
        in_comment: bool,
    },
    /// Ends with these three quotes.
    Quoted(&'static str),
    /// Ends when so many brackets are closed.
    Bracketed(usize),
}

impl Secret {
    /// What goes on behind a line that has so much of a value.
    fn begins(value: &str, in_comment: bool) -> Secret {
        let value = value.trim();
        if value.is_empty() {
            return Secret::Named { in_comment };
        }
        for quotes in ["\"\"\"", "'''"] {
            if let Some(rest) = value.strip_prefix(quotes) {
                return if rest.contains(quotes) { Secret::None } else { Secret::Quoted(quotes) };
            }
        }
        match value.starts_with(['[', '{']) {
            true => Secret::bracketed(0, value),
            false => Secret::None,
        }
    }

    /// What goes on behind a line of a secret; `None` if the line has nothing of it.
    fn within(self, line: &str) -> Option<Secret> {
        match self {
            Secret::None => None,
            Secret::Named { in_comment } if line.trim().is_empty() || is_comment(line) != in_comment => None,
            Secret::Named { in_comment } => {
                Some(Secret::begins(line.trim_start().trim_start_matches('#'), in_comment))
            }
            Secret::Quoted(quotes) if line.contains(quotes) => Some(Secret::None),
            Secret::Quoted(_) => Some(self),
            Secret::Bracketed(open) => Some(Secret::bracketed(open, line)),
        }
    }

    /// Within so many brackets before the line. Those in strings and comments do not count.
    fn bracketed(mut open: usize, line: &str) -> Secret {
        let mut quote = None;
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some('"'), '\\') => drop(chars.next()),
                (Some(opened), c) if c == opened => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '#') => break,
                (None, '[' | '{') => open += 1,
                (None, ']' | '}') => open = open.saturating_sub(1),
                (None, _) => {}
            }
        }
        if open == 0 { Secret::None } else { Secret::Bracketed(open) }
    }
}

/// Where the value begins of the first key in a line that is called like a secret.
fn value_of_secret(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let found = SECRET.iter().filter_map(|name| lower.find(name)).min()?;
    // `users_file` and the like have none of these names; a sentence that speaks of a password has no value.
    let after = line[found..].find(['=', ':'])?;
    Some(found + after + 1)
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
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
            ("tokens = [[\"]\"], # ]\n[\"\\\"]\"]\n]\na = 1", "tokens = …\n…\n…\na = 1"),
            ("tokens = {\n a = ['}']\n}\na = 1", "tokens = …\n…\n…\na = 1"),
            ("secret = {a = \"lw-1\"}\nb = 1", "secret = …\nb = 1"),
            ("{\"token\":\n\n  \"lw-1\",\n \"a\": 1}", "{\"token\": …\n\n…\n \"a\": 1}"),
            ("{\"token\":\n [\n \"lw-1\"\n], \"a\": 1}\nb", "{\"token\": …\n…\n…\n…\nb"),
            ("# password:\n# geheim\na = 1", "# password: …\n…\na = 1"),
            ("# give a password:\na = 1", "# give a password: …\na = 1"),
            ("a = \"http://ana:geheim@host\", password = \"x\"", "a = \"http://…@host\", password = …"),
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
