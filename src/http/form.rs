//! Names and values as forms write them (`a=b&c=d%20e+f`), in queries and in bodies.

use std::borrow::Cow;

use crate::percent;

/// The decoded value of the first pair of this name. `%20` and `+` are both spaces. The value may be in any
/// charset.
pub(crate) fn form_value(form: &str, name: &str) -> Option<Vec<u8>> {
    let mut pairs = form.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| decoded(key) == name.as_bytes())?;
    Some(decoded(value))
}

fn decoded(text: &str) -> Vec<u8> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent::decode(spaced.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_decoded() {
        let form = "a=1&b=x+y%20z&a=2&c&%64=%e4%2B";
        let value = |name| form_value(form, name);
        assert_eq!(value("a"), Some(b"1".to_vec()));
        assert_eq!(value("b"), Some(b"x y z".to_vec()));
        assert_eq!(value("c"), Some(Vec::new()));
        assert_eq!(value("d"), Some(b"\xe4+".to_vec()));
        assert_eq!((value("e"), form_value("", "a")), (None, None));
    }
}
