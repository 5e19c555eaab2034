//! What a station's first credential is, and where it is found: in a file that only its owner reads.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use longwave::{ApiSettings, Role, Users, write_private};

/// The name of the first user, and of the token of a station without users.
const FIRST: &str = "admin";

/// A token's file, which goes when the station does.
pub struct Token(Option<PathBuf>);

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            let _ = fs::remove_file(file);
        }
    }
}

/// Sees that somebody can steer the station that listens at `port`, and says where to find what that takes. What
/// goes wrong costs the control of the station, but not the station.
pub fn provide(settings: &mut ApiSettings, port: u16) -> Token {
    let provided = match settings.users_file.clone() {
        Some(file) => first_user(&file).map(|()| None),
        None => token(settings, port).map(Some),
    };
    Token(provided.unwrap_or_else(|error| {
        log::warn!("nobody can steer this station: {error}");
        None
    }))
}

/// An admin where there is nobody yet.
fn first_user(file: &Path) -> longwave::Result<()> {
    let mut users = Users::read(file)?;
    if !users.is_empty() {
        return Ok(());
    }
    let password = Users::random_password()?;
    users.add(FIRST, Role::Admin, &password)?;
    let note = note_of(file);
    // First the password: without it, nobody could use what the users file says.
    write_private(&note, format!("{FIRST}:{password}\n").as_bytes())?;
    users.write(file)?;
    log::warn!(
        "there was no user yet: the name and the password of the first are in {}; change it by `longwave user passwd {FIRST} --file {}`",
        note.display(),
        file.display()
    );
    Ok(())
}

fn note_of(users_file: &Path) -> PathBuf {
    let mut name = users_file.as_os_str().to_owned();
    name.push(".first");
    name.into()
}

/// A token for as long as this process runs.
fn token(settings: &mut ApiSettings, port: u16) -> longwave::Result<PathBuf> {
    let token = settings.users.add_token(FIRST, Role::Admin)?;
    let folder = folder().map_err(longwave::Error::io("making a folder for the API's token"))?;
    let file = token_file(&folder, port);
    write_private(&file, format!("{token}\n").as_bytes())?;
    log::info!("`longwave ctl` and the API take the token in {}", file.display());
    Ok(file)
}

/// Where the token of the station at this port is, if this user started one here.
pub fn token_file_of(port: u16) -> Option<PathBuf> {
    let file = token_file(&place(), port);
    file.is_file().then_some(file)
}

fn token_file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("{port}.token"))
}

/// Where this user's tokens are; nobody else can have put anything there.
fn folder() -> io::Result<PathBuf> {
    let folder = place();
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let about = folder.symlink_metadata()?;
    let own = about.is_dir() && about.uid() == nix::unistd::geteuid().as_raw() && about.mode() & 0o077 == 0;
    if own {
        return Ok(folder);
    }
    Err(io::Error::other(format!("{} is not a folder that only this user reads", folder.display())))
}

fn place() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match set("XDG_RUNTIME_DIR") {
        Some(folder) => folder.join("longwave"),
        None => std::env::temp_dir().join(format!("longwave-{}", nix::unistd::geteuid())),
    }
}
