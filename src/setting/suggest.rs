//! Suggestions for unknown names.

/// The reason why `key` is unknown in a table with these `keys`, and the nearest of them. `home` is the
/// header of the table that the key belongs to, if there is one.
pub(crate) fn unknown_key<'k>(key: &str, keys: &[&'k str], home: Option<&str>) -> (String, Option<&'k str>) {
    if let Some(nearest) = nearest(key, keys) {
        return ("unknown key".to_owned(), Some(nearest));
    }
    if let Some(header) = home {
        return (format!("this key belongs under {header}"), None);
    }
    (format!("unknown key; the keys here are {}", keys.join(", ")), None)
}

/// The reason why `name` is wrong for a value that must be one of `names`.
pub(crate) fn unknown_name(name: &str, names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let (last, rest) = quoted.split_last().expect("a choice has names");
    let choice = if rest.is_empty() { last.clone() } else { format!("{} or {last}", rest.join(", ")) };
    match nearest(name, names) {
        Some(nearest) => format!("{name:?} is unknown; did you mean {nearest:?}? (It takes {choice}.)"),
        None => format!("{name:?} is unknown; it takes {choice}"),
    }
}

/// The reason why there is no mount at `path`, with the existing mounts.
pub(crate) fn unknown_mount(path: &str, others: &[&str]) -> String {
    match (nearest(path, others), others) {
        (Some(nearest), _) => format!("this station has no mount {path}; did you mean {nearest}?"),
        (None, []) => format!("this station has no mount {path}, and no other that could stand in"),
        (None, others) => format!("this station has no mount {path}; the others are {}", others.join(", ")),
    }
}

/// The name nearest to `word`, if it is near enough to have been meant.
fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let word = plain(word);
    let (distance, name) = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &plain(name)), *name))
        .min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong. A short word with that many errors is another word.
    if distance <= word.chars().count() / 3 {
        return Some(name);
    }
    let prefix = |name: &&&str| word.starts_with(&plain(name)) || plain(name).starts_with(&word);
    (word.len() >= 4).then(|| names.iter().find(prefix).copied()).flatten()
}

/// Keeps letters and digits only: `Sample-Rate` becomes `samplerate`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_nothing_gets_the_list() {
        let (reason, nearest) = unknown_key("zzz", &["a_key", "b_key"], None);
        assert_eq!((reason.as_str(), nearest), ("unknown key; the keys here are a_key, b_key", None));
    }

    #[test]
    fn choices_are_listed() {
        assert_eq!(unknown_name("ogg", &["mp3", "aac"]), "\"ogg\" is unknown; it takes \"mp3\" or \"aac\"");
        assert_eq!(
            unknown_name("MP-3", &["mp3", "aac"]),
            "\"MP-3\" is unknown; did you mean \"mp3\"? (It takes \"mp3\" or \"aac\".)"
        );
    }
}
