//! Each file of a station has one purpose: two keys that name one file would destroy what the other keeps in
//! it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::problem::{Place, Problems};
use crate::filework::look;
use crate::path_text::cleaned;

/// How many links are followed from one path, as the system does.
const MOST_LINKS: usize = 40;

/// The files that a configuration names, and the keys that name them.
#[derive(Debug, Default)]
pub(super) struct FileClaims {
    claims: Vec<Claim>,
    /// The index of the first claim of each file.
    of: HashMap<Identity, usize>,
}

#[derive(Debug)]
struct Claim {
    owner: Owner,
    purpose: Purpose,
}

#[derive(Debug)]
enum Owner {
    /// The configuration itself.
    Configuration,
    Key(Place),
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is played. Any number of keys may name it.
    Played,
    /// It belongs to one key alone.
    Own,
}

/// Two paths lead to one file if they have one of these in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Identity {
    Path(PathBuf),
    /// Device and inode: two names of one file (hard links).
    Inode(u64, u64),
}

impl FileClaims {
    /// The claims of a configuration in this file.
    pub fn of_configuration(file: Option<&Path>) -> FileClaims {
        let mut claims = FileClaims::default();
        if let Some(file) = file {
            // Nothing was claimed before it.
            let _ = claims.enter(Owner::Configuration, Purpose::Own, &[file.to_owned()]);
        }
        claims
    }

    /// Claims these files for a key. A problem, and false, if one of them belongs to another key.
    pub fn claim(
        &mut self,
        place: Place,
        purpose: Purpose,
        files: &[PathBuf],
        problems: &mut Problems,
    ) -> bool {
        let entered = self.enter(Owner::Key(place.clone()), purpose, files);
        let is_free = entered.is_ok();
        entered.unwrap_or_else(|reason| problems.add(&place, reason));
        is_free
    }

    fn enter(&mut self, owner: Owner, purpose: Purpose, files: &[PathBuf]) -> Result<(), String> {
        let index = self.claims.len();
        let mut result = Ok(());
        for (file, identities) in files.iter().zip(identities_in_time(files)) {
            for identity in identities {
                let first = *self.of.entry(identity).or_insert(index);
                let other = self.claims.get(first);
                if let Some(other) =
                    other.filter(|other| (other.purpose, purpose) != (Purpose::Played, Purpose::Played))
                    && result.is_ok()
                {
                    result = Err(other.refusal(file));
                }
            }
        }
        self.claims.push(Claim { owner, purpose });
        result
    }
}

impl Claim {
    fn refusal(&self, file: &Path) -> String {
        let file = file.display();
        match &self.owner {
            Owner::Configuration => format!("the file {file} is this configuration itself: name another"),
            Owner::Key(place) => {
                let line = place.line.map_or_else(String::new, |line| format!(", on line {line}"));
                format!("the file {file} belongs to {} already{line}: name another", place.shown_key())
            }
        }
    }
}

/// What these paths lead to. Where a disk does not answer, their texts alone count.
fn identities_in_time(files: &[PathBuf]) -> Vec<Vec<Identity>> {
    let Some(first) = files.first() else { return Vec::new() };
    let own = files.to_vec();
    let seen = look(first, move || own.iter().map(|file| identities(file)).collect());
    seen.unwrap_or_else(|_| files.iter().map(|file| vec![Identity::Path(cleaned(file))]).collect())
}

/// What this path leads to. Nothing for a folder or a device: these hold nothing that is overwritten.
fn identities(file: &Path) -> Vec<Identity> {
    match fs::metadata(file) {
        Ok(there) if !there.is_file() => Vec::new(),
        Ok(there) => vec![Identity::Path(target(file)), Identity::Inode(there.dev(), there.ino())],
        Err(_) => vec![Identity::Path(target(file))],
    }
}

/// The path without links. A file that does not exist yet is the one that writing to the path would make.
fn target(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    for _ in 0..MOST_LINKS {
        if let Ok(real) = file.canonicalize() {
            return real;
        }
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        let Ok(leads_to) = fs::read_link(&file) else {
            let real = cleaned(&folder).canonicalize().ok().zip(file.file_name());
            return real.map_or_else(|| cleaned(&file), |(folder, name)| folder.join(name));
        };
        file = folder.join(leads_to);
    }
    cleaned(&file)
}
