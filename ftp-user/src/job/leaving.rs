//! The sources of `move`: each is deleted when its copy is verified and it is what it was when it was read, then the
//! directories that are empty.
//!
//! The journal has the end of every copy on the disk before the first source is deleted. So whoever finds a source missing
//! in a later run knows that its copy is there.

use super::aside::{MOST_LOOKED, name_back, name_of, named_again, set_aside};
use super::claims::names::directory_at;
use super::entered::{Entered, Entry, Why};
use super::item::{Done, Item};
use super::retrying::outage::{Question, asked, facts};
use super::spool::{Fields, Record, Spool, put_bytes, put_number, put_some};
use super::summary::tally::Tally;
use crate::check::{Licence, Removal, Scope};
use crate::context::Context;
use crate::control::Facts;
use crate::endpoint::{self, Host, list};
use crate::failure::{Failure, Kind};
use crate::place;
use crate::report::{Change, Event};
use crate::route::Ends;
use ftp_proto::listing::{self, When};
use ftp_proto::wire::PathName;

/// The sources of a tree that may be deleted.
#[derive(Debug)]
pub(in crate::job) struct Leaving {
    scope: Scope,
    /// Where the copies are.
    destination: PathName,
    files: Spool<Left>,
    /// Directories below the root that were entered, each before those in it.
    directories: Vec<PathName>,
    /// Whether the root itself is removed if it is empty.
    with_root: bool,
    /// How many names were looked for that an earlier run may have given.
    looked: u32,
}

/// A file that may be deleted.
#[derive(Debug)]
struct Left {
    below: PathName,
    licence: Licence,
}

impl Record for Left {
    fn write(&self, out: &mut Vec<u8>) {
        let (Facts { size, modified, unique, .. }, is_by_hash) = self.licence.parts();
        put_bytes(out, self.below.as_bytes());
        put_number(out, u64::from(is_by_hash));
        put_number(out, u64::from(self.licence.is_doubtful()));
        put_some(out, *size);
        put_some(out, modified.map(|When(seconds)| seconds.cast_unsigned()));
        put_number(out, u64::from(unique.is_some()));
        put_bytes(out, unique.as_deref().unwrap_or_default().as_bytes());
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let below = PathName::from_wire(fields.bytes()?).ok()?;
        let (is_by_hash, is_doubtful) = (fields.number()? > 0, fields.number()? > 0);
        let size = fields.some()?;
        let modified = fields.some()?.map(|seconds| When(seconds.cast_signed()));
        let has_unique = fields.number()? > 0;
        let unique = String::from_utf8(fields.bytes()?.to_vec()).ok()?;
        let unique = has_unique.then_some(unique);
        let source = Facts { kind: listing::Kind::File, size, modified, unique, mode: None };
        Some(Self { below, licence: Licence::kept(source, is_by_hash, is_doubtful) })
    }
}

impl Leaving {
    /// Nothing may be deleted yet.
    pub(in crate::job) fn new(root: &PathName, destination: &PathName, with_root: bool) -> Self {
        let (scope, destination) = (Scope::of_source(root), destination.clone());
        Self {
            scope,
            destination,
            files: Spool::new(IN_MEMORY),
            directories: Vec::new(),
            with_root,
            looked: 0,
        }
    }

    /// Notes a directory that was entered.
    pub(in crate::job) fn directory(&mut self, below: &PathName) {
        if self.directories.len() < MOST_DIRECTORIES {
            self.directories.push(below.clone());
        }
    }

    /// Notes that the file at `source` was copied.
    ///
    /// # Errors
    ///
    /// Its source stays, and why.
    pub(in crate::job) fn copied(&mut self, source: &PathName, done: &Done) -> Result<(), Failure> {
        let licence = licence(source, done)?;
        let below = self.below(source).ok_or_else(|| Failure::usage("it is not below the tree"))?;
        let cannot = |error| Failure::of_temporary_files("the names of what was copied", &error);
        self.files.push(Left { below, licence }).map_err(cannot)
    }

    /// Gives a source its name back that an earlier run of the job was about to delete under the name `aside`, and returns
    /// that name below the root; `None` if it is no such name, or if very many were looked for.
    ///
    /// # Errors
    ///
    /// The server does not rename it.
    pub(in crate::job) async fn put_back(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        aside: &PathName,
    ) -> Result<Option<PathName>, Failure> {
        self.looked += 1;
        if self.looked > MOST_LOOKED {
            return Ok(None);
        }
        let root = self.scope.root();
        let aside = place::join(Some(root), aside);
        let destination = directory_at(&ends.destination, &self.destination);
        let Some(below) = name_of(context, (root, &destination), &aside) else { return Ok(None) };
        name_back(context, &mut ends.source, (&aside, &place::join(Some(root), &below))).await?;
        Ok(Some(below))
    }

    /// The path of a file below the root.
    fn below(&self, source: &PathName) -> Option<PathName> {
        let rest = source.as_bytes().strip_prefix(self.scope.root().as_bytes())?;
        let start = rest.iter().position(|byte| *byte != b'/')?;
        PathName::from_wire(rest.get(start..)?).ok()
    }

    /// Deletes the files, then the directories that are empty. Failures go to `tally`.
    pub(in crate::job) async fn carry_out(mut self, context: &Context, ends: &mut Ends, tally: &mut Tally) {
        context.job_journal.settled().await;
        let mut entered = Entered::new(&self.scope, Why::Moved);
        loop {
            if context.cancel.is_cancelled() {
                return;
            }
            match self.files.pop() {
                Ok(Some(Left { below, licence })) => {
                    let source = place::join(Some(self.scope.root()), &below);
                    let copy = place::join(Some(&self.destination), &below);
                    let at = (&self.scope, Some(&below), &copy);
                    if let Err(failure) = delete(context, ends, (at, &mut entered), &licence).await {
                        tally.failed(ends.source.show(&source), ends.destination.show(&copy), failure);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let what = "the names of what was copied cannot be read again, so their sources stay";
                    let failure = Failure::of_this_host(what, &error);
                    let (source, copy) = (self.scope.root(), &self.destination);
                    return tally.failed(ends.source.show(source), ends.destination.show(copy), failure);
                }
            }
        }
        let host = &mut ends.source;
        let directories = std::mem::take(&mut self.directories);
        let root = self.with_root.then_some(None);
        for below in directories.into_iter().rev().map(Some).chain(root) {
            if context.cancel.is_cancelled() {
                return;
            }
            if let Err(failure) =
                remove_if_empty(context, host, (&self.scope, below.as_ref()), &mut entered).await
            {
                let root = self.scope.root();
                let path = below.map_or_else(|| root.clone(), |below| place::join(Some(root), &below));
                tally.failed(host.show(&path), String::new(), failure);
            }
        }
    }
}

/// Files that were named one by one, or by a pattern, and whose sources may be deleted.
#[derive(Debug)]
pub(in crate::job) struct LeavingFiles(Spool<LeftFile>);

/// A file with a path of its own.
#[derive(Debug)]
struct LeftFile {
    /// Below its path there is nothing.
    left: Left,
    copy: PathName,
}

impl Record for LeftFile {
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.copy.as_bytes());
        self.left.write(out);
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let copy = PathName::from_wire(fields.bytes()?).ok()?;
        Some(Self { left: Left::read(fields)?, copy })
    }
}

impl Default for LeavingFiles {
    fn default() -> Self {
        Self(Spool::new(IN_MEMORY))
    }
}

impl LeavingFiles {
    /// Notes that a file was copied.
    ///
    /// # Errors
    ///
    /// Its source stays, and why.
    pub(in crate::job) fn copied(&mut self, item: &Item, done: &Done) -> Result<(), Failure> {
        if done.earlier.is_some() {
            // It was deleted in an earlier run.
            return Ok(());
        }
        let left = Left { below: item.source.clone(), licence: licence(&item.source, done)? };
        let cannot = |error| Failure::of_temporary_files("the names of what was copied", &error);
        self.0.push(LeftFile { left, copy: item.destination.clone() }).map_err(cannot)
    }

    /// Deletes all of them, once. Failures go to `tally`.
    pub(in crate::job) async fn carry_out(&mut self, context: &Context, ends: &mut Ends, tally: &mut Tally) {
        if self.0.len() > 0 {
            context.job_journal.settled().await;
        }
        while self.0.len() > 0 && !context.cancel.is_cancelled() {
            let (source, copy, deleted) = match self.0.pop() {
                Ok(Some(LeftFile { left: Left { below: source, licence }, copy })) => {
                    let deleted = delete_file(context, ends, (&source, &copy), &licence).await;
                    (ends.source.show(&source), ends.destination.show(&copy), deleted)
                }
                Ok(None) => return,
                Err(error) => {
                    let what = "the names of what was copied cannot be read again, so their sources stay";
                    self.0 = Spool::new(IN_MEMORY);
                    (ends.source.name(), ends.destination.name(), Err(Failure::of_this_host(what, &error)))
                }
            };
            if let Err(failure) = deleted {
                tally.failed(source, copy, failure);
            }
        }
    }
}

/// Deletes a file that was named itself.
async fn delete_file(
    context: &Context,
    ends: &mut Ends,
    (source, copy): (&PathName, &PathName),
    licence: &Licence,
) -> Result<(), Failure> {
    let scope = Scope::of_source(source);
    let mut entered = Entered::new(&scope, Why::Moved);
    delete(context, ends, ((&scope, None, copy), &mut entered), licence).await
}

/// Deletes the source of a single file that was copied.
///
/// # Errors
///
/// Why it stays.
pub(in crate::job) async fn leave(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    done: &Done,
) -> Result<(), Failure> {
    if done.earlier.is_some() {
        // It was deleted in an earlier run.
        return Ok(());
    }
    let licence = licence(&item.source, done)?;
    context.job_journal.settled().await;
    delete_file(context, ends, (&item.source, &item.destination), &licence).await
}

/// The licence to delete the source of a copy.
fn licence(source: &PathName, done: &Done) -> Result<Licence, Failure> {
    let before = (done.rung.is_none(), done.was_taken);
    Licence::of(done.source.clone(), done.verified, before).map_err(|why| {
        let what = format!("{} stays, because {why}", source.display());
        Failure::new(Kind::Unverified, what).hint("compare both, and delete it with ftp-user rm")
    })
}

/// Deletes a source whose copy is `copy`.
async fn delete(
    context: &Context,
    ends: &mut Ends,
    ((scope, below, copy), entered): ((&Scope, Option<&PathName>, &PathName), &mut Entered),
    licence: &Licence,
) -> Result<(), Failure> {
    let path = below.map_or_else(|| scope.root().clone(), |below| place::join(Some(scope.root()), below));
    if let Some(below) = below
        && !is_within(context, &mut ends.source, place::parent(below), entered).await?
    {
        return Ok(());
    }
    let Some(now) = facts(context, &mut ends.source, &path).await? else { return Ok(()) };
    let removal = Removal::moved(scope, below, licence, &now)?;
    // A power failure must not take both.
    endpoint::make_durable(&ends.destination, copy).await?;
    let removal = match licence.is_doubtful() {
        true => set_aside(context, ends, removal, (copy, now.size)).await?,
        false => removal,
    };
    if let Err(failure) = carry_out(context, &mut ends.source, &removal).await {
        let failure = failure.during_unless_interrupted("its copy is verified, and it stays");
        return Err(match removal.path() == &path {
            true => failure,
            false => named_again(context, &mut ends.source, (removal.path(), &path), failure).await,
        });
    }
    tell(context, &ends.source, &path, (listing::Kind::File, now.size));
    Ok(())
}

/// Whether a directory of the tree is still one. If it was a symbolic link, the link is deleted, and what it leads to stays.
///
/// # Errors
///
/// What is in it stays, and why.
async fn is_within(
    context: &Context,
    host: &mut Host,
    directory: Option<PathName>,
    entered: &mut Entered,
) -> Result<bool, Failure> {
    match entered.enter(context, host, directory.as_ref()).await? {
        Entry::Directory => Ok(true),
        Entry::Link(_) => Ok(false),
        Entry::Elsewhere(_, failure) => Err(failure),
    }
}

async fn remove_if_empty(
    context: &Context,
    host: &mut Host,
    (scope, below): (&Scope, Option<&PathName>),
    entered: &mut Entered,
) -> Result<(), Failure> {
    let path = below.map_or_else(|| scope.root().clone(), |below| place::join(Some(scope.root()), below));
    if let Some(below) = below
        && (entered.was_link(below) || !is_within(context, host, place::parent(below), entered).await?)
    {
        return Ok(());
    }
    let listing = asked(context, host, async |host| list(context, host, &path).await).await?;
    let Some(removal) = Removal::emptied(scope, below, &listing)? else { return Ok(()) };
    carry_out(context, host, &removal).await?;
    tell(context, host, &path, (listing::Kind::Directory, None));
    Ok(())
}

async fn carry_out(context: &Context, host: &mut Host, removal: &Removal) -> Result<(), Failure> {
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        match removal.carry_out(context, host).await {
            Ok(_) => return Ok(()),
            Err(failure) => question.again(failure).await?,
        }
    }
}

/// Tells that a source was deleted.
fn tell(context: &Context, host: &Host, path: &PathName, (kind, size): (listing::Kind, Option<u64>)) {
    let (verb, dest, dry_run) = ("move", None, false);
    context.events.say(Event::Changed(Change { verb, place: host.show(path), dest, kind, size, dry_run }));
}

/// The number of files that wait in memory to be deleted.
const IN_MEMORY: usize = 1024;
/// The largest number of directories that are removed. Others stay, empty.
const MOST_DIRECTORIES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_on_the_disk_is_read_as_it_was() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let facts = |number: u64| Facts {
            kind: listing::Kind::File,
            size: number.is_multiple_of(3).then_some(number),
            modified: number.is_multiple_of(2).then_some(When(-5)),
            unique: number.is_multiple_of(5).then(|| "1-2".to_owned()),
            mode: None,
        };
        let mut spool = Spool::new(2);
        for number in 0..5000 {
            let licence = Licence::kept(facts(number), number % 7 == 0, number % 4 == 0);
            spool.push(Left { below: name(&format!("d/{number}")), licence }).unwrap();
        }
        for number in 0..5000 {
            let Left { below, licence } = spool.pop().unwrap().unwrap();
            assert_eq!(below, name(&format!("d/{number}")));
            assert_eq!(licence.parts(), (&facts(number), number % 7 == 0));
            assert_eq!(licence.is_doubtful(), number % 4 == 0);
        }
    }

    #[test]
    fn a_file_is_named_below_its_root() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let check = |root: &str, path: &str, expect: Option<&str>| {
            let found = Leaving::new(&name(root), &name("d"), true).below(&name(path));
            assert_eq!(found.map(|found| found.display()).as_deref(), expect, "{root} {path}");
        };
        check("t", "t/a/b", Some("a/b"));
        check("t/", "t/a", Some("a"));
        check("/", "/a", Some("a"));
        check(".", "./a", Some("a"));
        check("t", "u/a", None);
        check("t", "t", None);
    }
}
