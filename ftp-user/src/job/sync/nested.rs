//! Whether the destination of a sync contains its source, where no identity of directories shows it: a directory of the destination
//! that holds the names of the source's root may be that root. Only then both ends are asked: an empty directory is made in it,
//! and if the source shows that, it is the source.

use super::plan::cannot_keep;
use super::run::SyncRun;
use crate::endpoint::files;
use crate::failure::{Failure, Kind as FailureKind, Result};
use crate::job::checked_directories::{removal_if_empty, with_directories_above};
use crate::job::part::new_id;
use crate::job::removal::Scope;
use crate::job::retry::ask;
use crate::job::spool::{Spool, TreeEntry};
use crate::job::tree::contain_each_other;
use crate::journal::PartId;
use crate::place;
use crate::report::several;
use crate::session::{Facts, Role};
use ftp_proto::deletion::{Presence, Witness};
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::io;

/// Some names of the source's root: files rather than directories. A name that many servers hide or show in another form is
/// taken only if there are no others. By default there are none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct RootSample(Vec<SampledName>);

/// A name of the sample. The best ones come first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct SampledName {
    is_odd: bool,
    is_directory: bool,
    name: PathName,
}

impl RootSample {
    /// Takes in a name of the tree.
    pub(super) fn add(&mut self, path: &PathName, kind: Kind) {
        let bytes = path.as_bytes();
        if bytes.contains(&b'/') {
            return;
        }
        let is_odd = bytes.starts_with(b".") || !bytes.iter().all(u8::is_ascii_graphic);
        self.0.push(SampledName { is_odd, is_directory: kind == Kind::Directory, name: path.clone() });
        self.0.sort();
        self.0.truncate(SAMPLE);
        let all_odd = self.0.first().is_some_and(|first| first.is_odd);
        self.0.retain(|one| one.is_odd == all_odd);
    }

    fn has(&self, name: &PathName) -> bool {
        self.0.iter().any(|one| one.name == *name)
    }

    /// Whether a directory that holds so many of the names looks like the root. One may have been deleted since it was listed;
    /// sizes are not compared, because a file may grow.
    const fn is_held(&self, names: usize) -> bool {
        names > 0 && names * 4 >= self.0.len() * 3
    }
}

/// The directories of the destination that look like the source's root, while the names of the destination pass by in their
/// order. In each of them something would be deleted.
#[derive(Debug)]
pub(super) struct SuspectDirectories {
    sample: RootSample,
    /// The directories in which the last name was. Each is in the one before it.
    open: Vec<OpenDirectory>,
    found: Spool<PathName>,
}

/// A directory of the destination.
#[derive(Debug)]
struct OpenDirectory {
    path: PathName,
    /// How many names of the sample it holds.
    held: usize,
    /// Whether it or something in it would be deleted.
    goes: bool,
}

impl SuspectDirectories {
    /// No name has come yet.
    pub(super) fn new(sample: RootSample) -> Self {
        Self { sample, open: Vec::new(), found: Spool::default() }
    }

    /// Takes in the next name of the destination. `goes` says whether it would be deleted.
    pub(super) fn note(&mut self, entry: &TreeEntry, goes: bool) -> io::Result<()> {
        self.leave(Some(&entry.path))?;
        if let Some(directory) = self.open.last_mut() {
            let is_sampled = place::base_name(&entry.path).is_some_and(|name| self.sample.has(&name));
            directory.held += usize::from(is_sampled);
            directory.goes |= goes;
        }
        if entry.is_directory() {
            self.open.push(OpenDirectory { path: entry.path.clone(), held: 0, goes });
        }
        Ok(())
    }

    /// Judges the directories in which `next` is not.
    fn leave(&mut self, next: Option<&PathName>) -> io::Result<()> {
        let is_left = |open: &mut OpenDirectory| next.is_none_or(|next| !next.is_below(&open.path));
        while let Some(OpenDirectory { path, held, goes }) = self.open.pop_if(is_left) {
            if let Some(above) = self.open.last_mut() {
                above.goes |= goes;
            }
            if goes && self.sample.is_held(held) {
                self.found.push(path)?;
            }
        }
        Ok(())
    }

    /// The directories that look like the source's root. All names have come.
    pub(super) fn finish(mut self) -> io::Result<Spool<PathName>> {
        self.leave(None)?;
        Ok(self.found)
    }
}

/// Looks at each directory of the destination that may be the source itself, before anything is changed. Returns whether one is:
/// then nothing may be deleted or renamed. If nobody can tell, what is in the directory stays. A dry run only tells the suspicion.
///
/// # Errors
///
/// An end was given up, somebody has asked the program to stop, or the names cannot be kept on the disk.
pub(super) async fn contains_source(
    run: &mut SyncRun<'_>,
    mut suspects: Spool<PathName>,
    surplus: &mut Spool<TreeEntry>,
) -> Result<bool> {
    if run.is_dry() {
        let count = suspects.len() as u64;
        if let Some(first) = suspects.pop().map_err(|error| cannot_keep(&error))? {
            let (name, names) = (run.show_destination(Some(&first)), several(count, "directory"));
            run.context.run.events.warn(format!(
                "DEST may contain SOURCE: the names of SOURCE are in {names} of DEST; the first is {name}; without -n sync looks whether it is SOURCE, and then deletes nothing"
            ));
        }
        return Ok(false);
    }
    let mut unclear = HashSet::new();
    while let Some(directory) = suspects.pop().map_err(|error| cannot_keep(&error))? {
        match is_source(run, &directory).await {
            Ok(false) => {}
            Ok(true) => {
                let (from, name) = (run.show_source(None), run.show_destination(Some(&directory)));
                let failure = contain_each_other().during(&name);
                run.tally.failed(from, name, failure);
                return Ok(true);
            }
            Err(failure) if failure.ends_the_work() => return Err(failure),
            Err(failure) => {
                let (from, name) = (run.show_source(None), run.show_destination(Some(&directory)));
                let what = format!("nothing in {name} is deleted, because it may be SOURCE itself");
                run.tally.failed(from, name, failure.during(what));
                unclear.insert(directory);
            }
        }
    }
    if !unclear.is_empty() {
        keep(surplus, &unclear).map_err(|error| cannot_keep(&error))?;
    }
    Ok(false)
}

/// Whether a directory of the destination is the source: a new directory in it shows there.
///
/// # Errors
///
/// Nobody can tell.
async fn is_source(run: &mut SyncRun<'_>, below: &PathName) -> Result<bool> {
    let (context, scope) = (run.context, run.scope());
    let PartId(id) = new_id()?;
    // No name that begins with a dot: servers hide it, and may refuse to look at a directory of another user.
    let name = PathName::from_user(format!("{id:016x}.ftp-user.part"))
        .map_err(|bad| Failure::new(FailureKind::Other, bad.to_string()))?;
    let marker = place::join(Some(below), &name);
    let path = scope.path(Some(&marker));
    let host = &mut run.ends.destination;
    ask!(context, host, files::make_directory(context, host, &path))?;
    let shown = is_shown(run, &name).await;
    if let Err(failure) = remove(run, &scope, &marker).await {
        let place = run.show_destination(Some(&marker));
        context.run.events.warn(format!("the empty directory {place} can be deleted: {failure}"));
    }
    shown
}

/// Whether the source has this name in its root, by the same evidence that permits a deletion.
///
/// # Errors
///
/// Nobody can tell.
async fn is_shown(run: &mut SyncRun<'_>, name: &PathName) -> Result<bool> {
    let context = run.context;
    let directory = place::parent(&place::join(Some(&run.request.source.path), name));
    let names = std::slice::from_ref(name);
    let host = &mut run.ends.source;
    let said = ask!(context, host, files::lack(context, host, directory.as_ref(), names))?;
    match said.told().first().map(|lack| (lack.presence, lack.witness, lack.is_listed_whole)) {
        Some((Presence::There, ..)) => Ok(true),
        Some((Presence::Missing, Witness::Found | Witness::NotNeeded, true)) => Ok(false),
        Some((Presence::Missing | Presence::Unknown, ..)) | None => {
            let what = format!("nobody can tell whether {} shows it", run.show_source(None));
            Err(Failure::new(FailureKind::Unverified, what)
                .hint("leave it out with --exclude, or delete it with ftp-user rm"))
        }
    }
}

/// Removes the empty directory that was made to find out. Ctrl-C does not interrupt it.
async fn remove(run: &mut SyncRun<'_>, scope: &Scope, marker: &PathName) -> Result<()> {
    let (context, _) = run.context.for_cleanup();
    let host = &mut run.ends.destination;
    match removal_if_empty(&context, host, scope, Some(marker), Role::Destination).await? {
        Some(removal) => removal.carry_out(&context, host).await.map(|_| ()),
        None => Err(Failure::new(FailureKind::Unverified, "it does not seem to be empty")),
    }
}

/// What is at or below these directories stays.
fn keep(surplus: &mut Spool<TreeEntry>, directories: &HashSet<PathName>) -> io::Result<()> {
    for _ in 0..surplus.len() {
        let Some(mut entry) = surplus.pop()? else { break };
        let mut above = with_directories_above(Some(entry.path.clone())).flatten();
        if above.any(|directory| directories.contains(&directory)) {
            entry.facts = Facts::of_kind(Kind::Other);
        }
        surplus.push(entry)?;
    }
    Ok(())
}

/// The largest number of names of the sample.
const SAMPLE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathName {
        PathName::from_user(text.trim_end_matches('/')).unwrap()
    }

    fn kind(text: &str) -> Kind {
        if text.ends_with('/') { Kind::Directory } else { Kind::File }
    }

    fn sample(source: &[&str]) -> RootSample {
        let mut sample = RootSample::default();
        source.iter().for_each(|name| sample.add(&path(name), kind(name)));
        sample
    }

    #[test]
    fn the_sample_has_files_of_the_root_rather_than_directories_and_odd_names() {
        let check = |source: &[&str], expect: &str| {
            let names: Vec<String> = sample(source).0.iter().map(|one| one.name.display()).collect();
            assert_eq!(names.join(" "), expect, "{source:?}");
        };
        check(&[], "");
        check(&["d/", "d/x", "b", "a", ".hidden", "with blank"], "a b d");
        check(&[".b", ".a/", ".a/c"], ".b .a");
        check(&["9", "8", "7", "6", "d/", "5", "4", "3", "2", "1"], "1 2 3 4 5 6 7 8");
    }

    /// The directories that look like the root of `source`. What is deleted begins with `-`.
    fn suspects(source: &[&str], destination: &[&str]) -> String {
        let mut suspects = SuspectDirectories::new(sample(source));
        for name in destination {
            let (name, goes) = name.strip_prefix('-').map_or((*name, false), |name| (name, true));
            let entry = TreeEntry { path: path(name), facts: Facts::of_kind(kind(name)) };
            suspects.note(&entry, goes).unwrap();
        }
        let mut found = suspects.finish().unwrap();
        let mut names = Vec::new();
        while let Some(path) = found.pop().unwrap() {
            names.push(path.display());
        }
        names.join(" ")
    }

    #[test]
    fn a_directory_that_holds_the_sample_and_loses_something_is_suspect() {
        let check = |source: &[&str], destination: &[&str], expect: &str| {
            assert_eq!(suspects(source, destination), expect, "{source:?} {destination:?}");
        };
        let source = ["a", "b", "d/", "d/a", "d/b"];
        check(&source, &["-new/", "-new/a", "-new/b", "-new/d/", "-new/d/a", "-new/d/b", "-z"], "new");
        check(&source, &["x/", "-x/new/", "-x/new/a", "-x/new/b", "-x/new/d", "z"], "x/new");
        // Nothing of it goes.
        check(&source, &["new/", "new/a", "new/b", "new/d/", "-z"], "");
        // The source has the directory as well, and lacks something that is deep in it.
        check(&source, &["d/", "d/a", "d/b", "d/d/", "d/d/x/", "-d/d/x/y"], "d");
        // Too little of it is there; or it is there, and not in one directory.
        check(&source, &["-old/", "-old/a", "-old/b"], "");
        check(&source, &["-old/", "-old/a", "-old/d/", "-old/d/b", "-older/", "-older/b"], "");
        check(&["1", "2", "3", "4"], &["-new/", "-new/1", "-new/2", "-new/4"], "new");
        check(&["a"], &["-1/", "-1/a", "-2/", "-2/x/", "-2/x/a"], "1 2/x");
        // What is in the root of the destination is no directory in it, and nothing looks like an empty source.
        check(&source, &["-a", "-b", "-d/"], "");
        check(&[], &["-new/", "-new/a"], "");
    }

    #[test]
    fn what_is_in_a_directory_that_may_be_the_source_stays() {
        let mut surplus = Spool::new(10);
        for name in ["new", "new/", "new/a", "new/d/", "new/d/b", "newer", "x/new"] {
            surplus.push(TreeEntry { path: path(name), facts: Facts::of_kind(kind(name)) }).unwrap();
        }
        keep(&mut surplus, &HashSet::from([path("new/d"), path("x/new")])).unwrap();
        let mut left = Vec::new();
        while let Some(entry) = surplus.pop().unwrap() {
            left.extend(entry.is_left().then(|| entry.path.display()));
        }
        assert_eq!(left, ["new/d", "new/d/b", "x/new"]);
    }
}
