//! What may have been meant by a name that is not known.

use super::raw::TABLES;

/// Why `key` is not known in the table that has `keys`, and the one it comes nearest to.
pub(super) fn unknown_key<'k>(key: &str, keys: &[&'k str]) -> (String, Option<&'k str>) {
    if let Some(nearest) = nearest(key, keys) {
        return ("unknown key".to_owned(), Some(nearest));
    }
    if let Some((table, _)) = TABLES.iter().find(|(_, keys)| keys.contains(&key)) {
        return (format!("this key belongs under {table}"), None);
    }
    (format!("unknown key; the keys here are {}", keys.join(", ")), None)
}

/// Why `name` is none of `names`, for a value that must be one of them.
pub(super) fn unknown_name(name: &str, names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let (last, rest) = quoted.split_last().expect("a choice has names");
    let choice = if rest.is_empty() { last.clone() } else { format!("{} or {last}", rest.join(", ")) };
    match nearest(name, names) {
        Some(nearest) => format!("{name:?} is unknown; did you mean {nearest:?}? (It takes {choice}.)"),
        None => format!("{name:?} is unknown; it takes {choice}"),
    }
}

/// Why there is no mount at `path`, where there are these others.
pub(super) fn unknown_mount(path: &str, others: &[&str]) -> String {
    match (nearest(path, others), others) {
        (Some(nearest), _) => format!("this station has no mount {path}; did you mean {nearest}?"),
        (None, []) => format!("this station has no mount {path}, and no other that could stand in"),
        (None, others) => format!("this station has no mount {path}; the others are {}", others.join(", ")),
    }
}

/// The name nearest to `word`, if one is near enough to have been meant.
fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let word = plain(word);
    let (distance, name) = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &plain(name)), *name))
        .min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong; a short word is another word then.
    if distance <= word.chars().count() / 3 {
        return Some(name);
    }
    let prefix = |name: &&&str| word.starts_with(&plain(name)) || plain(name).starts_with(&word);
    (word.len() >= 4).then(|| names.iter().find(prefix).copied()).flatten()
}

/// Letters and digits only: `Sample-Rate` is `samplerate`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::super::raw::{OUTPUT_KEYS, PIPELINE_KEYS, SERVER_KEYS};
    use super::*;

    #[test]
    fn slips_are_understood() {
        for (slip, keys, meant) in [
            ("bitrat", OUTPUT_KEYS, "bitrate"),
            ("BitRate", OUTPUT_KEYS, "bitrate"),
            ("sample-rate", PIPELINE_KEYS, "sample_rate"),
            ("samplerate", PIPELINE_KEYS, "sample_rate"),
            ("crosfade", PIPELINE_KEYS, "crossfade"),
            ("crossfade_duration", PIPELINE_KEYS, "crossfade"),
            ("lop", PIPELINE_KEYS, "loop"),
            ("outputs", PIPELINE_KEYS, "output"),
            ("maxlisteners", SERVER_KEYS, "max_listeners"),
            ("write_timout", SERVER_KEYS, "write_timeout"),
            ("burst_size", SERVER_KEYS, "burst"),
        ] {
            assert_eq!(unknown_key(slip, keys), ("unknown key".into(), Some(meant)), "{slip}");
        }
    }

    #[test]
    fn a_key_of_another_table_is_sent_there() {
        assert_eq!(
            unknown_key("bitrate", PIPELINE_KEYS),
            ("this key belongs under [[pipeline.output]]".into(), None)
        );
    }

    #[test]
    fn what_is_like_nothing_gets_the_list() {
        let (reason, nearest) = unknown_key("zzz", &["a_key", "b_key"]);
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
