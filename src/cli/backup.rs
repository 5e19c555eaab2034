//! `longwave backup` and `longwave restore`.

use std::fmt::Write as _;

use longwave::{Config, Error, RestoreOptions, back_up, restore as unpack};

use super::args::{Backup, Restore};
use super::{Failure, say};

/// Packs what the station knows. It may be on the air.
pub fn run(args: &Backup) -> Result<(), Failure> {
    let config = Config::read(&args.config.path)?;
    let backup = back_up(&config, &args.config.path, &args.archive)?;
    let mut text = String::new();
    for file in &backup.files {
        let _ = writeln!(text, "packed    {}", file.display());
    }
    let _ = writeln!(text, "into      {}, {} bytes", args.archive.display(), backup.bytes);
    say(&text);
    Ok(())
}

/// Puts back what is in an archive.
pub fn restore(args: &Restore) -> Result<(), Failure> {
    let options = RestoreOptions { to: args.to.clone(), force: args.force };
    let restored = unpack(&args.archive, &options).map_err(|error| match error {
        // Nothing has failed: the user must decide.
        Error::Exists(what) => Failure::Refused(format!("longwave: {what}: it exists already")),
        error => error.into(),
    })?;
    let mut text = String::new();
    for file in &restored.files {
        let _ = writeln!(text, "restored  {}", file.display());
    }
    say(&text);
    for file in &restored.moved {
        log::warn!("{}: the configuration may name another place for it", file.display());
    }
    Ok(())
}
