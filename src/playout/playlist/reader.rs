//! Reads files, folders and playlists, and reports what it finds.

use std::fs::{self, Metadata};
use std::io::{self, BufReader};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::folder::{self, Part};
use super::lookup::{self, Lookup, Refusal, shown};
use super::watch::Watch;
use super::{Entry, Format, Found, Item, Name, Problem, Reason};
use crate::metadata::one_line;
use crate::roots::Bounds;

/// The most problems within one playlist or folder that are reported. Further ones are only counted.
const TOLD: u64 = 5;
/// The most problems of one reading that are reported: those of a hundred lists.
const TOLD_IN_ALL: u64 = 500;
/// The greatest depth of lists within lists.
const MAX_DEPTH: usize = 16;
/// The most lists. Lists that each name two lists are soon a million.
const MAX_LISTS: usize = 10_000;
/// The most entries: a hundred times those of a large station, and about 200 MB.
const MAX_ENTRIES: usize = 1_000_000;
/// The most entries of what is read within bounds: of what somebody loads through the API.
pub(crate) const MAX_CONFINED_ENTRIES: usize = 200_000;
/// The longest list. Half a million entries fit in it.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Reads files, folders and playlists in this order, and reports each result at once. `found` may stop it.
/// The returned [`Watch`] tells later whether anything has changed on disk.
pub fn read(roots: &[PathBuf], found: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Watch {
    read_within(&Bounds::Anywhere, roots, found)
}

/// The same within bounds. What leads out of them is refused, however it is named. The entries are confined
/// if there are bounds.
pub(crate) fn read_within(
    bounds: &Bounds,
    roots: &[PathBuf],
    found: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Watch {
    let watch = Watch::default();
    let open = Vec::new();
    let (lookup, changing) = (Lookup::new(bounds), Vec::new());
    let mut reader =
        Reader { bounds, found, lookup, watch, open, changing, lists: 0, entries: 0, told: 0, untold: 0 };
    let read = roots.iter().try_for_each(|root| reader.root(root));
    if read.is_continue() && reader.settle_changing().is_continue() {
        reader.tell_rest();
    }
    reader.watch
}

struct Reader<'f> {
    bounds: &'f Bounds,
    found: &'f mut dyn FnMut(Found) -> ControlFlow<()>,
    lookup: Lookup<'f>,
    watch: Watch,
    /// The playlists and folders that are being read, each within the one before.
    open: Vec<Open>,
    /// The audio files in folders that have changed in the last seconds.
    changing: Vec<Changing>,
    lists: usize,
    entries: usize,
    /// Problems that were reported, and those that were not even counted by a list.
    told: u64,
    untold: u64,
}

/// An audio file that somebody may be writing, and the folder in whose reading it was found.
struct Changing {
    folder: PathBuf,
    file: PathBuf,
}

/// A playlist or a folder that is being read.
struct Open {
    path: PathBuf,
    /// The list's device and inode, which identify it under any name. `None` for folders.
    list: Option<(u64, u64)>,
    /// The current line of a playlist.
    line: u64,
    refused: u64,
}

impl Reader<'_> {
    fn root(&mut self, path: &Path) -> ControlFlow<()> {
        self.tell(Found::Step)?;
        self.watch.see(path);
        match fs::metadata(path) {
            Ok(metadata) => self.any(path.to_owned(), &metadata, &shown(path), None),
            Err(error) => self.refuse(&shown(path), lookup::plain(&error)),
        }
    }

    /// Reads a file, a folder or a playlist. `name` is its name in the list.
    fn any(
        &mut self,
        path: PathBuf,
        metadata: &Metadata,
        name: &str,
        text: Option<String>,
    ) -> ControlFlow<()> {
        if let Err(error) = self.bounds.check(&path) {
            return self.refuse(name, lookup::plain(&error));
        }
        if metadata.is_dir() {
            // In a list, this is more likely a stray slash than the wish to play a whole machine.
            if path.parent().is_none() && self.open.iter().any(|open| open.list.is_some()) {
                return self.refuse(name, "is the whole disk: name the folder with the music".into());
            }
            self.enter(&path, None);
            let bounds = self.bounds;
            folder::read(&path, metadata, bounds, &mut |part| self.part(&path, part))?;
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

    /// Takes in a part of this folder.
    fn part(&mut self, folder: &Path, part: Part) -> ControlFlow<()> {
        match part {
            Part::Folder(path) => {
                self.tell(Found::Step)?;
                self.watch.see(&path);
                ControlFlow::Continue(())
            }
            Part::Step => self.tell(Found::Step),
            Part::File(path, _) => self.entry(path, None),
            Part::Changing(path, _) => {
                if self.changing.len() < self.most_entries() {
                    self.changing.push(Changing { folder: folder.to_owned(), file: path });
                }
                ControlFlow::Continue(())
            }
            Part::Refused(path, reason) => self.refuse(&shown(&path), reason),
            Part::PassedOver(reason, count) => {
                self.tell(Found::PassedOver { folder: folder.to_owned(), reason, count })
            }
        }
    }

    /// Reports a file to play.
    fn entry(&mut self, path: PathBuf, extinf: Option<String>) -> ControlFlow<()> {
        let (confined, most) = (self.bounds.is_limited(), self.most_entries());
        if self.entries == most {
            let _ = self.refuse(&shown(&path), format!("no more than {most} files can be played"));
            return ControlFlow::Break(());
        }
        self.entries += 1;
        let extinf = extinf.map(|text| one_line(&text).into_owned());
        self.tell(Found::Entry(Entry { extinf, confined, ..Entry::new(path) }))
    }

    fn most_entries(&self) -> usize {
        if self.bounds.is_limited() { MAX_CONFINED_ENTRIES } else { MAX_ENTRIES }
    }

    /// Passes over the files of folders that are being written. But if there is nothing else, they play: a
    /// folder that has just been filled must not leave a station silent.
    fn settle_changing(&mut self) -> ControlFlow<()> {
        let changing = std::mem::take(&mut self.changing);
        if self.entries == 0 {
            return changing.into_iter().try_for_each(|changing| self.entry(changing.file, None));
        }
        for of_folder in changing.chunk_by(|a, b| a.folder == b.folder) {
            of_folder.iter().for_each(|changing| self.watch.await_quiet(&changing.file));
            let (folder, count) = (of_folder[0].folder.clone(), of_folder.len() as u64);
            self.tell(Found::PassedOver { folder, reason: Reason::Changing, count })?;
        }
        ControlFlow::Continue(())
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
        let file = match self.bounds.open(&path) {
            Ok(file) => file,
            Err(error) => return self.refuse(name, lookup::plain(&error)),
        };
        // Entries are relative to the folder of the list under the name by which it was opened.
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.enter(&path, Some(id));
        let read = super::parse(format, &mut BufReader::with_capacity(64 << 10, file), &mut |item| {
            self.item(&folder, item)
        });
        match read {
            Ok(flow) => flow?,
            // The fault is in the list itself, not in the list that named it.
            Err(error) => {
                let reason = match error.kind() {
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                        format!("is damaged: {error}")
                    }
                    _ => lookup::plain(&error),
                };
                let what = shown(&path);
                self.problem(Problem { what, named_by: None, reason })?;
            }
        }
        self.leave()
    }

    fn item(&mut self, folder: &Path, item: Item) -> ControlFlow<()> {
        let (line, names, text) = match item {
            Item::Title(title) if self.open.len() == 1 => {
                return self.tell(Found::Name(one_line(&title).into_owned()));
            }
            Item::Title(_) => return ControlFlow::Continue(()),
            Item::Entry { line, names, text } => (line, names, text),
        };
        if let Some(open) = self.open.last_mut() {
            open.line = line;
        }
        self.tell(Found::Step)?;
        let mut first = None;
        for name in &names {
            match self.lookup.find(name, folder) {
                Ok((path, metadata)) => return self.any(path, &metadata, &name.quoted(), text),
                Err(refusal) => first = first.or(Some((name, refusal))),
            }
        }
        first.map_or(ControlFlow::Continue(()), |(name, refusal)| self.missing(folder, name, &refusal))
    }

    fn missing(&mut self, folder: &Path, name: &Name, refusal: &Refusal) -> ControlFlow<()> {
        if let Refusal::System(_) = refusal
            && let Some(folder) = self.lookup.folder_of_missing(name, folder)
        {
            self.watch.miss(&folder);
        }
        self.refuse(&name.quoted(), refusal.reason())
    }

    /// Reports that something cannot be played, or counts it.
    fn refuse(&mut self, what: &str, reason: String) -> ControlFlow<()> {
        if let Some(open) = self.open.last_mut() {
            open.refused += 1;
            if open.refused > TOLD {
                return ControlFlow::Continue(());
            }
        }
        let list = self.open.iter().rfind(|open| open.list.is_some());
        let named_by = list.map(|list| (list.path.clone(), list.line));
        self.problem(Problem { what: what.to_owned(), named_by, reason })
    }

    fn enter(&mut self, path: &Path, list: Option<(u64, u64)>) {
        self.open.push(Open { path: path.to_owned(), list, line: 0, refused: 0 });
    }

    fn leave(&mut self) -> ControlFlow<()> {
        match self.open.pop() {
            Some(open) if open.refused > TOLD => self.problem(Problem {
                what: shown(&open.path),
                named_by: None,
                reason: format!(
                    "{} more in it cannot be played, {} in all",
                    open.refused - TOLD,
                    open.refused
                ),
            }),
            _ => ControlFlow::Continue(()),
        }
    }

    fn problem(&mut self, problem: Problem) -> ControlFlow<()> {
        if self.told == TOLD_IN_ALL {
            self.untold += 1;
            return ControlFlow::Continue(());
        }
        self.told += 1;
        self.tell(Found::Problem(problem))
    }

    /// Reports how many problems were not reported.
    fn tell_rest(&mut self) {
        if self.untold > 0 {
            let reason = format!("{} more problems are not told", self.untold);
            let problem = Problem { what: "the playlist".into(), named_by: None, reason };
            let _ = self.tell(Found::Problem(problem));
        }
    }

    fn tell(&mut self, found: Found) -> ControlFlow<()> {
        (self.found)(found)
    }
}
