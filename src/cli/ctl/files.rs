//! Files that pass between this machine and the station: shows that are sent, and recordings that are
//! fetched.

use std::fs::File;
use std::io;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use super::client::Client;
use super::{Out, encoded, query, table};
use crate::cli::Failure;

/// `longwave ctl upload FILE`
pub(super) fn upload(
    path: &Path,
    name: Option<&str>,
    replace: bool,
    client: &Client,
    out: &Out,
) -> Result<(), Failure> {
    let unread = |error: io::Error| Failure::Usage(format!("longwave: {}: {error}", path.display()));
    let file = File::open(path).map_err(unread)?;
    if !file.metadata().map_err(unread)?.is_file() {
        return Err(Failure::Usage(format!("longwave: {}: is no file", path.display())));
    }
    let own = path.file_name().and_then(|name| name.to_str());
    let name = name.or(own).ok_or_else(|| {
        let reason = "its name is no text: give it another one with --name";
        Failure::Usage(format!("longwave: {}: {reason}", path.display()))
    })?;
    // Some systems take a name apart into letters and accents.
    let name: String = name.nfc().collect();
    let replace = query(&[("replace", replace.then_some("true"))]);
    let sent = client.send_file(&format!("/api/v1/library/inbox/{}{replace}", encoded(&name)), file)?;
    out.show(&sent, table::facts)
}

/// `longwave ctl recordings`
pub(super) fn recordings(get: Option<&str>, client: &Client, out: &Out) -> Result<(), Failure> {
    match get {
        None => out.show(&client.ask("GET", "/api/v1/recordings", None)?, table::recordings),
        Some(name) => {
            let path = format!("/api/v1/recordings/{}", encoded(name));
            client.fetch(&path, &mut io::stdout().lock())
        }
    }
}
