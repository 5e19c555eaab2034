//! Goes through what is to be played, and tells what it finds.

use std::fs::{self, File, Metadata};
use std::io::{self, BufReader};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::lookup::{self, Refusal, shown};
use super::watch::Watch;
use super::{Entry, Format, Found, Item, Name, Problem, folder};

/// Of the problems within one playlist or folder so many are told; the rest is counted.
const TOLD: u64 = 5;
/// Lists within lists within lists …
const MAX_DEPTH: usize = 16;
/// … and how many of them: two lists that name two lists that name two lists are soon a million.
const MAX_LISTS: usize = 10_000;
/// A hundred times what a large station has, and about 200 MB.
const MAX_ENTRIES: usize = 1_000_000;
/// Half a million entries fit.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Reads files, folders and playlists, in this order, and tells what is found as it is found;
/// `found` may break it off. What it returns knows whether it would find something else later.
pub fn read(roots: &[PathBuf], found: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Watch {
    let mut reader = Reader { found, watch: Watch::default(), open: Vec::new(), lists: 0, entries: 0 };
    let _ = roots.iter().try_for_each(|root| reader.root(root));
    reader.watch
}

pub(super) struct Reader<'f> {
    found: &'f mut dyn FnMut(Found) -> ControlFlow<()>,
    pub watch: Watch,
    /// What is being read, each within the one before.
    open: Vec<Open>,
    lists: usize,
    entries: usize,
}

/// A playlist or a folder that is being read.
struct Open {
    path: PathBuf,
    /// Which file it is, whatever its name: device and inode. Folders have none: they name nothing.
    list: Option<(u64, u64)>,
    /// The line of a playlist that is being dealt with.
    line: u64,
    refused: u64,
}

impl Reader<'_> {
    fn root(&mut self, path: &Path) -> ControlFlow<()> {
        self.watch.see(path);
        match fs::metadata(path) {
            Ok(metadata) => self.any(path.to_owned(), &metadata, &shown(path), None),
            Err(error) => self.refuse(&shown(path), lookup::plain(&error)),
        }
    }

    /// Whatever it is; `name` is what it is called where it is named.
    fn any(
        &mut self,
        path: PathBuf,
        metadata: &Metadata,
        name: &str,
        text: Option<String>,
    ) -> ControlFlow<()> {
        if metadata.is_dir() {
            // A stray slash in a list is likelier than a station that plays a whole machine.
            if path.parent().is_none() && self.open.iter().any(|open| open.list.is_some()) {
                return self.refuse(name, "is the whole disk: name the folder with the music".into());
            }
            self.enter(&path, None);
            folder::read(self, path, metadata)?;
            return self.leave();
        }
        if !metadata.is_file() {
            return self.refuse(name, "is neither a file nor a folder".into());
        }
        match Format::of(&path) {
            Some(format) => self.list(path, format, metadata, name),
            None => self.entry(path, text),
        }
    }

    /// A file to play.
    pub fn entry(&mut self, path: PathBuf, extinf: Option<String>) -> ControlFlow<()> {
        if self.entries == MAX_ENTRIES {
            let _ = self.refuse(&shown(&path), format!("no more than {MAX_ENTRIES} files can be played"));
            return ControlFlow::Break(());
        }
        self.entries += 1;
        self.tell(Found::Entry(Entry { path, title: None, extinf }))
    }

    fn list(&mut self, path: PathBuf, format: Format, metadata: &Metadata, name: &str) -> ControlFlow<()> {
        let id = (metadata.dev(), metadata.ino());
        if let Some(at) = self.open.iter().position(|open| open.list == Some(id)) {
            let way: Vec<String> = self.open[at..].iter().map(|open| shown(&open.path)).collect();
            return self.refuse(name, format!("would name itself: {} is being read", way.join(" → ")));
        }
        if self.open.len() == MAX_DEPTH {
            return self.refuse(name, format!("lies deeper than {MAX_DEPTH} playlists within each other"));
        }
        if self.lists == MAX_LISTS {
            return self.refuse(name, format!("no more than {MAX_LISTS} playlists are read"));
        }
        if metadata.len() > MAX_LIST_BYTES {
            return self.refuse(name, format!("is larger than {} MiB", MAX_LIST_BYTES >> 20));
        }
        self.lists += 1;
        self.watch.see(&path);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => return self.refuse(name, lookup::plain(&error)),
        };
        // Entries are relative to where the list lies by the name that it was asked for.
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.enter(&path, Some(id));
        let read = super::parse(format, &mut BufReader::with_capacity(64 << 10, file), &mut |item| {
            self.item(&folder, item)
        });
        match read {
            Ok(flow) => flow?,
            // The list itself is at fault, and not what named it.
            Err(error) => {
                let reason = match error.kind() {
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                        format!("is damaged: {error}")
                    }
                    _ => lookup::plain(&error),
                };
                let what = shown(&path);
                self.tell(Found::Problem(Problem { what, named_by: None, reason }))?;
            }
        }
        self.leave()
    }

    fn item(&mut self, folder: &Path, item: Item) -> ControlFlow<()> {
        let (line, names, text) = match item {
            Item::Title(title) if self.open.len() == 1 => return self.tell(Found::Name(title)),
            Item::Title(_) => return ControlFlow::Continue(()),
            Item::Entry { line, names, text } => (line, names, text),
        };
        if let Some(open) = self.open.last_mut() {
            open.line = line;
        }
        let mut first = None;
        for name in &names {
            match name.find(folder) {
                Ok((path, metadata)) => return self.any(path, &metadata, &name.text(), text),
                Err(refusal) => first = first.or(Some((name, refusal))),
            }
        }
        first.map_or(ControlFlow::Continue(()), |(name, refusal)| self.missing(folder, name, &refusal))
    }

    fn missing(&mut self, folder: &Path, name: &Name, refusal: &Refusal) -> ControlFlow<()> {
        if let Refusal::System(_) = refusal {
            self.watch.miss(&folder.join(name.text()), folder);
        }
        self.refuse(&name.text(), refusal.reason())
    }

    /// Tells that something cannot be played, or counts it.
    pub fn refuse(&mut self, what: &str, reason: String) -> ControlFlow<()> {
        if let Some(open) = self.open.last_mut() {
            open.refused += 1;
            if open.refused > TOLD {
                return ControlFlow::Continue(());
            }
        }
        let list = self.open.iter().rfind(|open| open.list.is_some());
        let named_by = list.map(|list| (list.path.clone(), list.line));
        self.tell(Found::Problem(Problem { what: what.to_owned(), named_by, reason }))
    }

    fn enter(&mut self, path: &Path, list: Option<(u64, u64)>) {
        self.open.push(Open { path: path.to_owned(), list, line: 0, refused: 0 });
    }

    fn leave(&mut self) -> ControlFlow<()> {
        match self.open.pop() {
            Some(open) if open.refused > TOLD => self.tell(Found::Problem(Problem {
                what: shown(&open.path),
                named_by: None,
                reason: format!(
                    "{} more in it cannot be played, {} in all",
                    open.refused - TOLD,
                    open.refused
                ),
            })),
            _ => ControlFlow::Continue(()),
        }
    }

    pub fn tell(&mut self, found: Found) -> ControlFlow<()> {
        (self.found)(found)
    }
}
