//! What is in a directory, at any depth: copying starts before the walk ends, and little of what was found is in memory.
//!
//! The walk ends whatever the server shows: no directory is entered twice on one chain, no path is longer than
//! [`LONGEST_PATH`], no more than [`MOST_WAITING`] directories wait, and a tree has no more names than the context allows.

use super::chain::{Child, Directory, Identity};
use super::hashes::Hashes;
use super::visits::{Giver, Unheard, Visit, Visits, queue};
use crate::check::usable;
use crate::context::Context;
use crate::endpoint::{Host, list_each};
use crate::failure::{self, Failure};
use crate::job::file::times::Attributes;
use crate::job::request::filter::Filter;
use crate::job::request::options::Links;
use crate::job::retry::Question;
use crate::job::spool::Spool;
use crate::place;
use crate::report::Event;
use crate::session::{Facts, Listing};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::{PathName, counted};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Which names of a tree are told, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Rules {
    /// Which files are told.
    pub(crate) filter: Filter,
    /// What happens to symbolic links.
    pub(crate) links: Links,
    /// Why the tree is visited.
    pub(crate) purpose: WalkPurpose,
}

/// Why a tree is visited.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum WalkPurpose {
    /// What it holds is copied.
    #[default]
    Copied,
    /// It is deleted.
    Deleted,
    /// Another tree is made like it. All facts are told, also the names that the filter leaves out, and nothing is counted.
    Source {
        /// The identity of the other tree's directory, which must not be in this one.
        other_root: Option<String>,
    },
    /// It is made like another tree. The same is told.
    Destination {
        /// The identity of the other tree's directory, which must not be in this one.
        other_root: Option<String>,
    },
}

impl WalkPurpose {
    /// Whether everything is visited under its own name, because it may be deleted: symbolic links are not followed, and what
    /// is no regular file is not skipped.
    const fn takes_everything(&self) -> bool {
        match self {
            Self::Copied | Self::Source { .. } => false,
            Self::Deleted | Self::Destination { .. } => true,
        }
    }

    /// Whether the names are compared with those of another tree.
    const fn compares(&self) -> bool {
        match self {
            Self::Copied | Self::Deleted => false,
            Self::Source { .. } | Self::Destination { .. } => true,
        }
    }

    /// Whether a directory with this identity must not be in the tree.
    fn forbids(&self, unique: Option<&String>) -> bool {
        match self {
            Self::Copied | Self::Deleted => false,
            Self::Source { other_root } | Self::Destination { other_root } => {
                unique.is_some() && other_root.as_ref() == unique
            }
        }
    }
}

/// Walks through `root` at `host`. `unique` is the server's own identity of the root, if it is known.
pub(crate) fn walk(
    context: Context,
    host: Host,
    (root, unique): (PathName, Option<String>),
    rules: Rules,
) -> Visits {
    let (giver, visits) = queue();
    tokio::spawn(async move {
        let mut walk = Walk { context, host, root, rules, giver, levels: Vec::new(), waiting: 0, names: 0 };
        // The receiver may be gone.
        let _ = walk.run(unique).await;
        if !walk.rules.purpose.compares() {
            walk.context.run.events.say(Event::Found(walk.context.run.finding.tree_ends()));
        }
        walk.host.release();
    });
    visits
}

struct Walk {
    context: Context,
    host: Host,
    root: PathName,
    rules: Rules,
    giver: Giver,
    /// The directories of the chain that was entered, each with those in it that were not entered yet.
    levels: Vec<Level>,
    /// How many directories were not entered yet.
    waiting: usize,
    /// How many names were found.
    names: u64,
}

/// A directory that was entered.
struct Level {
    directory: Arc<Directory>,
    /// Directories in it that were not entered yet.
    children: Spool<Child>,
}

/// Takes the entries of one directory as they come.
struct Taking<'a> {
    context: &'a Context,
    rules: &'a Rules,
    giver: &'a Giver,
    level: Level,
    /// How many bytes a name may have here.
    longest: usize,
    /// Symbolic links, which are looked at when the listing has ended.
    links: Spool<Child>,
    too_long: u64,
    /// Entries whose names stood in the listing before.
    twice: u64,
    /// Names that cannot be used. Those behind the first few are only counted.
    unusable: u64,
    /// How many directories wait already.
    waiting: usize,
    /// Directories that are not entered because too many wait.
    beyond: u64,
    /// What was found and is not told yet.
    found: Count,
    names: u64,
    /// Whether the files are on this host.
    is_local: bool,
    /// Names that have come from a server, by their hashes. A listing that breaks is asked for again from its beginning.
    seen: Hashes,
    hasher: RandomState,
    is_repeated: bool,
}

/// Files that were found.
#[derive(Debug, Default)]
struct Count {
    files: u64,
    /// The bytes of those that tell their sizes.
    bytes: u64,
    unsized_files: u64,
}

impl<'a> Taking<'a> {
    /// Nothing was taken of the directory of a server yet, and `waiting` directories wait.
    fn new(
        (context, rules, giver): (&'a Context, &'a Rules, &'a Giver),
        directory: Arc<Directory>,
        waiting: usize,
        longest: usize,
    ) -> Self {
        Self {
            context,
            rules,
            giver,
            level: Level { directory, children: Spool::new(CHILDREN_IN_MEMORY) },
            longest,
            links: Spool::new(CHILDREN_IN_MEMORY),
            too_long: 0,
            twice: 0,
            unusable: 0,
            waiting,
            beyond: 0,
            found: Count::default(),
            names: 0,
            is_local: false,
            seen: Hashes::default(),
            hasher: RandomState::new(),
            is_repeated: false,
        }
    }

    fn entry(&mut self, entry: Entry) {
        if !self.is_local {
            let is_new = self.seen.insert(self.hasher.hash_one(entry.name.as_bytes()));
            if !is_new {
                self.twice += u64::from(!self.is_repeated);
                return;
            }
        }
        self.names += 1;
        if entry.name.as_bytes().len() > self.longest {
            self.too_long += 1;
            return;
        }
        let path = place::join(self.level.directory.path.as_ref(), &entry.name);
        if let Err(why) = usable(&entry.name) {
            self.unusable += 1;
            if self.unusable <= UNUSABLE_TOLD {
                let failure = Failure::new(failure::Kind::Usage, why.to_string());
                self.giver.give(Visit::Failed(Some(path), failure));
            }
            return;
        }
        match entry.kind {
            Kind::File => {
                let facts = entry.size.is_some() || self.rules.purpose.compares();
                self.file(path, facts.then(|| Facts::from(&entry)));
            }
            Kind::Directory => {
                let attributes = Attributes { modified: entry.exactly_modified(), mode: entry.mode };
                let above = self.level.directory.identity.real.as_ref();
                let real = above.map(|above| place::join(Some(above), &entry.name));
                let identity = Identity { unique: entry.unique, real };
                self.directory(path, attributes, Child { name: entry.name, identity });
            }
            Kind::Link | Kind::Other if self.rules.purpose.takes_everything() => {
                self.file(path, self.rules.purpose.compares().then(|| Facts::from(&entry)));
            }
            Kind::Link => {
                let link = Child { name: entry.name, identity: Identity::default() };
                if let Err(error) = self.links.push(link) {
                    self.giver.give(Visit::Failed(Some(path), cannot_keep(&error)));
                }
            }
            Kind::Other => self.skip(path, "it is not a regular file"),
            Kind::Current | Kind::Parent => {}
        }
    }

    /// Tells a file, if the filter takes it.
    fn file(&mut self, path: PathName, facts: Option<Facts>) {
        if !self.rules.filter.takes(&path) {
            return self.note(path);
        }
        if self.rules.purpose.compares() {
            return self.giver.give(Visit::File(path, facts));
        }
        let size = facts.as_ref().and_then(|facts| facts.size);
        self.found.files += 1;
        self.found.bytes = self.found.bytes.saturating_add(size.unwrap_or(0));
        self.found.unsized_files += u64::from(size.is_none());
        if self.found.files >= TOLD_AT_ONCE {
            self.tell_found();
        }
        // A file of this host is looked at when it is copied, which costs nothing and is never out of date.
        self.giver.give(Visit::File(
            path,
            facts.filter(|_| !self.is_local || self.rules.purpose.takes_everything()),
        ));
    }

    /// Tells the name of something that is left out, if names are compared.
    fn note(&self, path: PathName) {
        if self.rules.purpose.compares() {
            self.giver.give(Visit::File(path, Some(Facts::of_kind(Kind::Other))));
        }
    }

    /// Tells of the whole listing what was not told name by name.
    fn tell_left_out(&self) {
        let fail = |failure| self.giver.give(Visit::Failed(self.level.directory.path.clone(), failure));
        if self.too_long > 0 {
            let what = format!("{} paths in it are longer than {LONGEST_PATH} bytes", self.too_long);
            let failure = Failure::new(failure::Kind::Other, what);
            fail(failure.hint("check whether a directory contains a link to itself"));
        }
        if self.twice > 0 {
            let stand = if self.twice == 1 { "stands" } else { "stand" };
            let names = counted(self.twice, "name");
            let what =
                format!("{names} in it {stand} twice in the listing, and only the first of each is taken");
            let failure = Failure::new(failure::Kind::Other, what);
            fail(failure.hint("two names may differ in characters that this server does not show"));
        }
        if self.beyond > 0 {
            let what =
                format!("{} directories in it are not entered, because {MOST_WAITING} wait", self.beyond);
            fail(Failure::new(failure::Kind::Other, what).hint("name parts of the tree"));
        }
        if self.unusable > UNUSABLE_TOLD {
            let what = format!("{} more names in it cannot be used", self.unusable - UNUSABLE_TOLD);
            fail(Failure::new(failure::Kind::Usage, what));
        }
    }

    /// Tells how many files were found since the last time.
    fn tell_found(&mut self) {
        let Count { files, bytes, unsized_files } = std::mem::take(&mut self.found);
        if files > 0 {
            self.context.run.events.say(Event::Found(self.context.run.finding.in_tree(
                files,
                bytes,
                unsized_files,
            )));
        }
    }

    /// Tells that something is not copied, if the filter would have taken it.
    fn skip(&self, path: PathName, why: &str) {
        self.note(path.clone());
        if self.rules.filter.takes(&path) {
            self.giver.give(Visit::Skipped(path, why.to_owned()));
        }
    }

    fn directory(&mut self, path: PathName, attributes: Attributes, child: Child) {
        if !self.rules.filter.enters(&path) {
            return self.note(path);
        }
        if self.rules.purpose.forbids(child.identity.unique.as_ref()) {
            let failure =
                Failure::new(failure::Kind::Usage, "SOURCE and DEST of this sync contain each other");
            let failure = failure
                .hint("leave it out with --exclude, or choose another destination")
                .about(failure::About::Nested);
            return self.giver.give(Visit::Failed(Some(path), failure));
        }
        if let Some(same) = self.level.directory.find(&child.identity) {
            // It may be a symbolic link that the server shows as a directory.
            if self.rules.purpose.takes_everything() {
                return self.file(path, None);
            }
            let why = format!("it is the same directory as {}, which contains it", same.name());
            self.note(path.clone());
            return self.giver.give(Visit::Skipped(path, why));
        }
        if self.waiting + self.level.children.len() >= MOST_WAITING {
            self.beyond += 1;
            return;
        }
        self.giver.give(Visit::Directory(path.clone(), attributes));
        if let Err(error) = self.level.children.push(child) {
            self.giver.give(Visit::Failed(Some(path), cannot_keep(&error)));
        }
    }
}

/// The failure if what was found cannot be kept on the disk.
fn cannot_keep(error: &std::io::Error) -> Failure {
    Failure::of_temporary_files("the names of the tree", error)
}

impl Walk {
    async fn run(&mut self, unique: Option<String>) -> Result<(), Unheard> {
        let mut identity = Identity { unique, real: None };
        if self.rules.links == Links::Follow && identity.unique.is_none() {
            // Without it a loop ends where its path is too long.
            identity.real = self.real(None).await.ok().flatten();
        }
        self.enter(Arc::new(Directory { path: None, identity, parent: None })).await?;
        // What is deeper comes before its neighbours, so that few wait.
        while let Some(level) = self.levels.last_mut() {
            let parent = Arc::clone(&level.directory);
            let child = match level.children.pop() {
                Ok(Some(child)) => child,
                Ok(None) => {
                    self.levels.pop();
                    continue;
                }
                Err(error) => {
                    self.levels.pop();
                    self.giver.give(Visit::Failed(parent.path.clone(), cannot_keep(&error)));
                    continue;
                }
            };
            self.waiting = self.waiting.saturating_sub(1);
            let most = self.context.settings.listing.names;
            if self.names > most {
                let what = format!("the tree has more than {most} names, and may have no end");
                let failure = Failure::new(failure::Kind::Other, what)
                    .hint("check whether a directory contains a link to itself, or name parts of the tree");
                self.giver.give(Visit::Failed(None, failure));
                break;
            }
            let Child { name, identity } = child;
            let path = Some(place::join(parent.path.as_ref(), &name));
            self.enter(Arc::new(Directory { path, identity, parent: Some(parent) })).await?;
        }
        Ok(())
    }

    /// Lists a directory and tells what is in it.
    async fn enter(&mut self, directory: Arc<Directory>) -> Result<(), Unheard> {
        self.giver.has_room().await?;
        let (context, rules) = (self.context.clone(), self.rules.clone());
        let above = directory.path.as_ref().map_or(0, |path| path.as_bytes().len() + 1);
        let (giver, waiting) = (&self.giver, self.waiting);
        let longest = LONGEST_PATH.saturating_sub(self.root.as_bytes().len() + 1 + above);
        let at = (&context, &rules, giver);
        let mut taking = Taking::new(at, Arc::clone(&directory), waiting, longest);
        taking.is_local = self.host.is_local();
        match list(&context, (&mut self.host, &self.root), &mut taking).await {
            Ok(listing) => {
                let gaps = listing.gaps().into_iter();
                gaps.for_each(|failure| giver.give(Visit::Failed(directory.path.clone(), failure)));
            }
            Err(failure) => giver.give(Visit::Failed(directory.path.clone(), failure)),
        }
        loop {
            match taking.links.pop() {
                Ok(Some(Child { name, .. })) => {
                    giver.has_room().await?;
                    link(&context, (&mut self.host, &self.root), &mut taking, name).await;
                }
                Ok(None) => break,
                Err(error) => break giver.give(Visit::Failed(directory.path.clone(), cannot_keep(&error))),
            }
        }
        taking.tell_left_out();
        taking.tell_found();
        let Taking { level, names, .. } = taking;
        self.names += names;
        self.waiting += level.children.len();
        self.levels.push(level);
        Ok(())
    }

    /// The path of a directory without symbolic links, if the server tells it.
    async fn real(&mut self, path: Option<&PathName>) -> Result<Option<PathName>, Failure> {
        real(&self.context, (&mut self.host, &self.root), path).await
    }
}

/// Where a walk is: its host, and its root there.
type At<'a> = (&'a mut Host, &'a PathName);

/// Lists the directory of `taking`.
async fn list(context: &Context, (host, root): At<'_>, taking: &mut Taking<'_>) -> Result<Listing, Failure> {
    let directory = taking.level.directory.path.as_ref();
    let path = directory.map_or_else(|| root.clone(), |path| place::join(Some(root), path));
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        match list_each(context, host, &path, &mut |entry| taking.entry(entry)).await {
            Ok(listing) => return Ok(listing),
            Err(failure) => question.again(failure).await?,
        }
        taking.is_repeated = true;
    }
}

/// Tells what a symbolic link leads to.
async fn link(context: &Context, (host, root): At<'_>, taking: &mut Taking<'_>, name: PathName) {
    let path = place::join(taking.level.directory.path.as_ref(), &name);
    if taking.rules.links == Links::Skip {
        return taking.skip(path, "it is a symbolic link");
    }
    let found = match behind(context, (host, root), &path).await {
        Ok(Some(found)) => found,
        Ok(None) => return taking.skip(path, "it is a symbolic link that leads nowhere"),
        Err(failure) => return taking.giver.give(Visit::Failed(Some(path), failure)),
    };
    match (found.kind, taking.rules.links) {
        (Kind::File, _) => taking.file(path, Some(found).filter(|found| found.size.is_some())),
        (Kind::Directory | Kind::Current | Kind::Parent, Links::Follow) => {
            let attributes = Attributes { modified: found.modified, mode: found.mode };
            let mut identity = Identity { unique: found.unique, real: None };
            if identity.unique.is_none() {
                identity.real = match real(context, (host, root), Some(&path)).await {
                    Ok(real) => real,
                    Err(failure) => return taking.giver.give(Visit::Failed(Some(path), failure)),
                };
            }
            taking.directory(path, attributes, Child { name, identity });
        }
        (Kind::Directory | Kind::Current | Kind::Parent, _) => {
            let why = "it is a symbolic link to a directory (--links follow copies what is in it)";
            taking.skip(path, why);
        }
        (Kind::Link | Kind::Other, _) => {
            taking.skip(path, "it is a symbolic link to something that is not a regular file");
        }
    }
}

/// What a symbolic link leads to; `None` if it leads nowhere.
async fn behind(context: &Context, (host, root): At<'_>, path: &PathName) -> Result<Option<Facts>, Failure> {
    let path = place::join(Some(root), path);
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        match host.behind(context, &path).await {
            Ok(found) => return Ok(found),
            Err(failure) => question.again(failure).await?,
        }
    }
}

/// The path of a directory without symbolic links, if the server tells it.
async fn real(
    context: &Context,
    (host, root): At<'_>,
    path: Option<&PathName>,
) -> Result<Option<PathName>, Failure> {
    let path = path.map_or_else(|| root.clone(), |path| place::join(Some(root), path));
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        match host.real_directory(context, &path).await {
            Ok(found) => return Ok(found),
            Err(failure) => question.again(failure).await?,
        }
    }
}

/// The number of files that are told together.
const TOLD_AT_ONCE: u64 = 256;
/// The length of the longest path, in bytes.
const LONGEST_PATH: usize = 4096;
/// The number of directories that may wait to be entered.
const MOST_WAITING: usize = 2_000_000;
/// How many of them are in memory, for each directory of the chain.
const CHILDREN_IN_MEMORY: usize = 256;
/// The number of unusable names of a directory that are told one by one.
const UNUSABLE_TOLD: u64 = 1000;

#[cfg(test)]
mod tests;
