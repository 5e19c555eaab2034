//! Reads a configuration again. The station applies its part; the API applies users and media roots. The file
//! can be looked at before, with what a reload would change.

use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::core::{Core, Declared, FILE_WITHIN};
use super::media::Media;
use super::problem::Problem;
use crate::access::{Identity, Users};
use crate::filework::{Job, NoAnswer};
use crate::pipeline::Reloaded;
use crate::setting::differences;
use crate::{ApiSettings, Config, ConfigProblem, InspectedConfig};

impl Core {
    /// Reads the configuration again and applies it. If anything is wrong with it, nothing changes. Reading
    /// its files takes time.
    pub(crate) fn reload(&self) -> Result<Reloaded, Problem> {
        let mut declared = self.declared()?;
        let file = declared.file.clone();
        // Users that are changed meanwhile are changed before it, or after it.
        let mut users_file = self.users_file.lock().unwrap_or_else(PoisonError::into_inner);
        let read =
            self.files.ordered().within(&declared.file, FILE_WITHIN * 2, move |job| read_all(&file, job));
        let Read { mut config, users, media } = read.map_err(Problem::from)??;
        config.api.users = declared.api.users.clone();
        let api = config.api.clone();
        let users = self.users_of(&api, users);
        users_file.clone_from(&api.users_file);

        let mut report = declared.station.apply(&config.into());
        self.apply(&declared.api, &api, users, media, &mut report);
        declared.api = api;
        for (what, list) in
            [("changed", &report.changed), ("needs a restart", &report.restart), ("failed", &report.failed)]
        {
            list.iter().for_each(|item| log::info!("reloaded: {what}: {item}"));
        }
        Ok(report)
    }

    /// Looks at the configuration file as it is now, by order of this user: what it says, what is wrong with
    /// it, and what a reload would change. Nothing changes. Reading its files takes time.
    pub(crate) fn inspect(&self, who: &Identity) -> Result<Inspected, Problem> {
        let file = self.declared()?.file.clone();
        let own = file.clone();
        let files = self.files.of_user(&who.name);
        let (InspectedConfig { text, is_shortened, config }, users) =
            files.within(&file, FILE_WITHIN * 2, move |job| inspect_all(&own, job))??;
        let mut inspected = Inspected { text, is_shortened, ..Inspected::of(&file) };
        let config = match config {
            Ok(config) => config,
            Err(error) => return Ok(Inspected { problems: error.problems, ..inspected }),
        };
        inspected.warnings = config.advice(&file);
        let declared = self.declared()?;
        let mut reload: Vec<String> = differing(&declared.api, &config.api).collect();
        let api = ApiSettings { users: declared.api.users.clone(), ..config.api.clone() };
        match self.users_of(&api, users) {
            Ok(users) if *self.guard.users() == users => {}
            Ok(_) => reload.push("users".into()),
            Err(reason) => inspected.warnings.push(ConfigProblem::of_file(&file, reason)),
        }
        inspected.warnings.extend(config.closed_to(&self.guard.users(), &file));
        let mut rehearsed = declared.station.rehearse(&config.into());
        rehearsed.changed.extend(reload);
        Ok(Inspected { reload: Some(rehearsed), ..inspected })
    }

    /// What the station was started from. Refused while it is being read.
    fn declared(&self) -> Result<MutexGuard<'_, Declared>, Problem> {
        let Some(declared) = &self.declared else {
            return Err(Problem::new("stopped", "this station was not started from a configuration"));
        };
        match declared.try_lock() {
            Ok(declared) => Ok(declared),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                let problem = Problem::new("busy", "the configuration is being read already: try again soon");
                Err(problem.retry_after(Duration::from_secs(1)))
            }
        }
    }

    /// The users by these settings and what was read of their file. An error if they stay as they are: the
    /// file cannot be read, or it has vanished. Nobody takes away all rights by accident.
    fn users_of(&self, api: &ApiSettings, read: ReadUsers) -> Result<Users, String> {
        let has_others = || self.guard.users().list().count() > api.users.list().count();
        let reason = match (read, &api.users_file) {
            (Ok(Some(users)), _) => return Ok(users.and(&api.users)),
            (Ok(None), Some(file)) if has_others() => format!("{} is gone or empty", file.display()),
            (Ok(None), _) => return Ok(api.users.clone()),
            (Err(error), _) => error.to_string(),
        };
        Err(format!("users: {reason}; they stay as they were"))
    }

    /// Applies the API's settings. All of them can change while the station runs.
    fn apply(
        &self,
        old: &ApiSettings,
        new: &ApiSettings,
        users: Result<Users, String>,
        media: Media,
        report: &mut Reloaded,
    ) {
        if old.media_roots != new.media_roots {
            self.media.store(media.into());
            for pipeline in &self.pipelines {
                // One that has stopped opens no files.
                let _ = pipeline.set_media_roots(new.media_roots.clone());
            }
        }
        report.changed.extend(differing(old, new));
        // Everybody can read the note; the reason is for the operator.
        let note =
            "the users file cannot be read, is gone or empty: the users stay as they were (see the log)";
        self.guard.note(users.is_err().then(|| note.to_owned()));
        let users = match users {
            Ok(users) => users,
            Err(reason) => return report.failed.push(reason),
        };
        if self.guard.set_users(users) {
            report.changed.push("users".into());
            // The thread `api` ends the streams of those who lost their right.
            self.bell.ring();
        }
    }
}

/// A configuration file as it is now.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) file: PathBuf,
    /// Without secrets; `None` if it cannot be read.
    pub(crate) text: Option<String>,
    pub(crate) is_shortened: bool,
    /// If there are any, a reload changes nothing.
    pub(crate) problems: Vec<ConfigProblem>,
    pub(crate) warnings: Vec<ConfigProblem>,
    /// What a reload would change, if the file is good.
    pub(crate) reload: Option<Reloaded>,
}

impl Inspected {
    /// Nothing is known yet.
    fn of(file: &Path) -> Inspected {
        Inspected {
            file: file.to_owned(),
            text: None,
            is_shortened: false,
            problems: Vec::new(),
            warnings: Vec::new(),
            reload: None,
        }
    }
}

/// The keys of the API that differ.
fn differing<'a>(old: &'a ApiSettings, new: &'a ApiSettings) -> impl Iterator<Item = String> + 'a {
    differences(old, new).map(|setting| format!("server.{}", setting.declared.key))
}

/// The users in a file, or `None` without a users file, or if it is gone or empty.
type ReadUsers = crate::Result<Option<Users>>;

/// Reads all that an inspection needs from disk.
fn inspect_all(file: &Path, job: &Job) -> Result<(InspectedConfig, ReadUsers), NoAnswer> {
    let inspected = Config::inspect(file);
    let users_file = inspected.config.as_ref().ok().and_then(|config| config.api.users_file.as_deref());
    let users = match users_file {
        None => Ok(None),
        Some(users) => {
            job.at(users)?;
            Users::read_if_there(users)
        }
    };
    Ok((inspected, users))
}

/// The result of reading a configuration and the files that it names.
struct Read {
    config: Config,
    users: ReadUsers,
    media: Media,
}

/// Reads all that a reload needs from disk.
fn read_all(file: &Path, job: &Job) -> Result<Read, Problem> {
    let invalid = |text: String| Problem::new("invalid-configuration", text);
    let config = Config::read(file).map_err(|error| invalid(error.to_string()))?;
    if let Some(users) = &config.api.users_file {
        job.at(users)?;
    }
    let users = config.api.users_file.as_deref().map_or(Ok(None), Users::read_if_there);
    job.at(file)?;
    let media = Media::new(&config.api.media_roots);
    Ok(Read { config, users, media })
}

/// Reads the users file, if one is set.
pub(crate) fn read_users(settings: &ApiSettings) -> crate::Result<Users> {
    settings.users_file.as_deref().map_or_else(|| Ok(Users::default()), |file: &Path| Users::read(file))
}

#[cfg(all(test, feature = "mp3"))]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use crate::setting::{Reload, declared};
    use crate::{Api, ApiSettings, Config, Role, Station, StationSettings, Users};

    /// It goes through the declarations, so it covers new keys, too.
    #[test]
    fn every_key_of_the_api_is_applied() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("station.toml");
        let write = |line: &str| {
            let text = format!(
                "[server]\nlisten = '127.0.0.1:0'\n{line}\n[[pipeline]]\n[[pipeline.output]]\nformat = 'mp3'"
            );
            fs::write(&file, text).unwrap();
        };
        write("");
        let config = Config::read(&file).unwrap();
        let station = Station::start(StationSettings::from(config.clone())).unwrap();
        let api = Api::start_reloadable(&station, config, &file).unwrap();
        for key in declared::<ApiSettings>() {
            let value = match key.key {
                "users_file" => "'users'",
                "media_roots" => "'.'",
                other => panic!("give an example of the key {other:?} here"),
            };
            fs::write(folder.path().join("users"), "").unwrap();
            write(&format!("{} = {value}", key.key));
            assert_eq!(key.reload, Reload::Applied, "{}", key.key);
            let report = api.reload().unwrap();
            assert_eq!(report.changed, [format!("server.{}", key.key)]);
            assert_eq!(api.reload().unwrap(), crate::Reloaded::default(), "{}", key.key);
            write("");
            api.reload().unwrap();
        }
        api.stop();
    }
    #[test]
    fn a_token_that_is_removed_while_its_body_comes_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (file, users_file) = (folder.path().join("station.toml"), folder.path().join("users"));
        let text = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n[[pipeline]]\n\
                    [[pipeline.output]]\nformat = 'mp3'";
        fs::write(&file, text).unwrap();
        let mut users = Users::default();
        let token = users.add_token("steward", Role::Admin).unwrap();
        users.write(&users_file).unwrap();
        let config = Config::read(&file).unwrap();
        let station = Station::start(StationSettings::from(config.clone())).unwrap();
        let api = Api::start_reloadable(&station, config, &file).unwrap();

        let mut client = TcpStream::connect(station.server().local_addrs()[0]).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(
            client,
            "PUT /api/v1/pipelines/main/metadata HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n\
             Content-Length: 13\r\n\r\n"
        )
        .unwrap();
        let mut interim = [0; 25];
        client.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n", "the token was good");
        Users::default().write(&users_file).unwrap();
        assert_eq!(api.reload().unwrap().changed, ["users"]);
        client.write_all(b"{\"title\":\"x\"}").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        api.stop();
    }
}
