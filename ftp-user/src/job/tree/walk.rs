//! What is in a directory, at any depth: copying starts before the walk ends, and little of what was found is in memory.
//!
//! The walk ends whatever the server shows: no directory is entered twice on one chain, no path is longer than
//! [`LONGEST_PATH`], no more than [`MOST_WAITING`] directories wait, and a tree has no more names than the context allows.

mod ahead;
mod level;

use self::ahead::{ListingsAhead, WaitingListing};
use self::level::{CHILDREN_IN_MEMORY, EnteredDirectory, FoundDirectory, Identity, Level, NextDirectory};
use super::visits::{FailedVisit, ReceiverGone, Visit, VisitSender, Visits, visit_queue};
use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files;
use crate::failure::{About, Failure, Kind as FailureKind, Result};
use crate::job::check::usable;
use crate::job::checked_directories::real;
use crate::job::file::times::Attributes;
use crate::job::request::filter::Filter;
use crate::job::request::job::Links;
use crate::job::retry::ask;
use crate::job::spool::{NameSet, Spool};
use crate::place;
use crate::report::{Event, FoundFiles};
use crate::session::Facts;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::{PathName, counted};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Which names of a tree are told, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct WalkRules {
    /// Which files are told.
    pub(crate) filter: Filter,
    /// What happens to symbolic links.
    pub(crate) links: Links,
    /// Why the tree is visited.
    pub(crate) purpose: WalkPurpose,
    /// How many sessions may list it beside that of the walk.
    pub(crate) sessions_beside: usize,
}

/// Why a tree is visited.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum WalkPurpose {
    /// What it holds is copied.
    #[default]
    Copied,
    /// The same, and deleted then. The links of a directory are told before its files, so that no file has gone when a link to it is
    /// looked at.
    Moved,
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
        matches!(self, Self::Deleted | Self::Destination { .. })
    }

    /// Whether the names are compared with those of another tree.
    const fn compares(&self) -> bool {
        matches!(self, Self::Source { .. } | Self::Destination { .. })
    }

    /// Whether a directory with this identity must not be in the tree.
    fn forbids(&self, unique: Option<&String>) -> bool {
        match self {
            Self::Copied | Self::Moved | Self::Deleted => false,
            Self::Source { other_root } | Self::Destination { other_root } => {
                other_root.as_ref().zip(unique).is_some_and(|(one, other)| is_one_directory(one, other))
            }
        }
    }
}

/// Whether two `unique` facts are those of one directory, which two servers show, or a server and this host.
fn is_one_directory(one: &str, other: &str) -> bool {
    one == other || numbers(one).is_some_and(|numbers_of_one| numbers(other) == Some(numbers_of_one))
}

/// The numbers of a device and of a file there. This host writes them as `8-31`, `ftp-server` and Pure-FTPd as `8g1f`, ProFTPD as
/// `8U1F`.
fn numbers(unique: &str) -> Option<(u64, u64)> {
    let (radix, (device, file)) = match unique.split_once('-') {
        Some(parts) => (10, parts),
        None => (16, unique.split_once(['g', 'U'])?),
    };
    Some((u64::from_str_radix(device, radix).ok()?, u64::from_str_radix(file, radix).ok()?))
}

/// Walks through `root` at `host`. `unique` is the server's own identity of the root, if it is known.
pub(crate) fn walk(
    context: Context,
    host: Host,
    root: PathName,
    unique: Option<String>,
    rules: WalkRules,
) -> Visits {
    let (sender, visits) = visit_queue();
    tokio::spawn(async move {
        let (levels, next, asked, waiting, names) = (Vec::new(), VecDeque::new(), 0, 0, 0);
        let ahead = ListingsAhead::new(rules.sessions_beside);
        let mut walk =
            Walk { context, host, root, rules, sender, levels, next, asked, waiting, names, ahead };
        // The receiver may be gone.
        let _ = walk.run(unique).await;
        if !walk.rules.purpose.compares() {
            walk.context.run.events.say(Event::Found(walk.context.run.finding.tree_ends()));
        }
        walk.ahead.release().await;
        walk.host.release();
    });
    visits
}

struct Walk {
    context: Context,
    host: Host,
    root: PathName,
    rules: WalkRules,
    sender: VisitSender,
    /// The directories that were entered, each with those in it that were not taken yet.
    levels: Vec<Level>,
    /// The directories that are entered next.
    next: VecDeque<NextDirectory>,
    /// How many of the first of them were listed together and are not entered yet.
    asked: usize,
    /// How many directories were not entered yet.
    waiting: usize,
    /// How many names were found.
    names: u64,
    ahead: ListingsAhead,
}

impl Walk {
    async fn run(&mut self, unique: Option<String>) -> Result<(), ReceiverGone> {
        let mut identity = Identity { unique, real: None };
        if self.rules.links == Links::Follow && identity.unique.is_none() {
            // Without it a loop ends where its path is too long.
            identity.real = real(&self.context, &mut self.host, &self.root).await.ok().flatten();
        }
        self.enter(Arc::new(EnteredDirectory { path: None, identity, parent: None }), None).await?;
        while let Some(next) = self.next().await {
            self.waiting = self.waiting.saturating_sub(1);
            let most = self.context.settings.listing.names;
            if self.names > most {
                let what = format!("the tree has more than {most} names, and may have no end");
                let failure = Failure::new(FailureKind::Other, what)
                    .hint("check whether a directory contains a link to itself, or name parts of the tree");
                self.sender.send(Visit::failed(None, failure));
                break;
            }
            let path = Some(next.path());
            let NextDirectory { parent, found: FoundDirectory { identity, .. }, listing } = next;
            self.enter(Arc::new(EnteredDirectory { path, identity, parent: Some(parent) }), listing).await?;
        }
        Ok(())
    }

    /// The directory that is entered next. It is listed together with others if that can be.
    async fn next(&mut self) -> Option<NextDirectory> {
        if self.asked == 0 {
            let is_awaited = self.rules.purpose.compares() || self.sender.was_awaited();
            let by = self.ahead.listed_by(&mut self.host, is_awaited);
            let most = if self.levels.len() < MOST_LEVELS { self.ahead.at_once(by) } else { 1 };
            while (self.next.is_empty() || self.next.len() < most)
                && let Some(next) = self.take_deepest()
            {
                self.next.push_back(next);
            }
            if most > 1 && self.next.len() > 1 {
                let path = |next: &NextDirectory| place::join(Some(&self.root), &next.path());
                let paths: Vec<PathName> = self.next.iter().take(most).map(path).collect();
                let (context, host) = (&self.context, &mut self.host);
                let listings = self.ahead.list(by, context, host, &paths, self.waiting).await;
                self.asked = listings.len();
                for (next, listing) in self.next.iter_mut().zip(listings) {
                    next.listing = listing;
                }
            }
        }
        self.asked = self.asked.saturating_sub(1);
        self.next.pop_front()
    }

    /// Takes the next directory of the one that was entered last. What is deeper comes before its neighbours, so that few wait.
    fn take_deepest(&mut self) -> Option<NextDirectory> {
        while let Some(level) = self.levels.last_mut() {
            let parent = Arc::clone(&level.directory);
            match level.children.pop() {
                Ok(Some(found)) => return Some(NextDirectory { parent, found, listing: None }),
                Ok(None) => {}
                Err(error) => self.sender.send(Visit::failed(parent.path.clone(), cannot_keep(&error))),
            }
            self.levels.pop();
        }
        None
    }

    /// Lists a directory, unless the server has sent its `listing`, and tells what is in it.
    async fn enter(
        &mut self,
        directory: Arc<EnteredDirectory>,
        listing: Option<WaitingListing>,
    ) -> Result<(), ReceiverGone> {
        self.sender.has_room().await?;
        let Self { context, host, root, rules, sender, .. } = self;
        let (context, sender) = (&*context, &*sender);
        let above = directory.path.as_ref().map_or(0, |path| path.as_bytes().len() + 1);
        let longest = LONGEST_PATH.saturating_sub(root.as_bytes().len() + 1 + above);
        let at = Arc::clone(&directory);
        let mut listed = ListedDirectory::new(context, rules, sender, at, self.waiting, longest);
        listed.is_local = host.is_local();
        let path = place::at_or_below(root, directory.path.as_ref());
        let now = context.world.clock.now();
        let ahead = &mut self.ahead;
        let listing = match listing.and_then(|waiting| ahead.take(waiting, now)) {
            Some(mut listing) => {
                listing.entries.drain(..).for_each(|entry| listed.entry(entry));
                Ok(listing)
            }
            None => ask!(context, host, async {
                listed.listings += 1;
                files::list_each(context, host, &path, &mut |entry| listed.entry(entry)).await
            }),
        };
        let failed =
            |failure, is_unlisted| FailedVisit { path: directory.path.clone(), failure, is_unlisted };
        match listing {
            Ok(listing) => {
                let gaps = listing.gaps().into_iter();
                gaps.for_each(|gap| sender.send(Visit::Failed(failed(gap, false))));
            }
            Err(failure) => sender.send(Visit::Failed(failed(failure, true))),
        }
        while let Some(link) = read_back(listed.links.pop(), sender, &directory) {
            sender.has_room().await?;
            listed.link(host, root, link.name).await;
        }
        while let Some(file) = read_back(listed.files.pop(), sender, &directory) {
            sender.has_room().await?;
            sender.send(file);
        }
        listed.tell_left_out();
        listed.tell_found();
        let ListedDirectory { level, names, .. } = listed;
        self.names += names;
        self.ahead.note(names);
        self.waiting += level.children.len();
        if level.children.len() > 0 {
            self.levels.push(level);
        }
        Ok(())
    }
}

/// What was kept of a directory; nothing if it cannot be read, which is told.
fn read_back<T>(
    popped: io::Result<Option<T>>,
    sender: &VisitSender,
    directory: &EnteredDirectory,
) -> Option<T> {
    popped.unwrap_or_else(|error| {
        sender.send(Visit::failed(directory.path.clone(), cannot_keep(&error)));
        None
    })
}

/// A directory while it is listed: takes its entries as they come.
struct ListedDirectory<'a> {
    context: &'a Context,
    rules: &'a WalkRules,
    sender: &'a VisitSender,
    level: Level,
    /// How many bytes a name may have here.
    longest: usize,
    /// Symbolic links, which are looked at when the listing has ended.
    links: Spool<FoundDirectory>,
    /// Files that are told after the links.
    files: Spool<Visit>,
    /// How many directories wait already.
    waiting: usize,
    /// Whether the files are on this host.
    is_local: bool,
    left_out: LeftOut,
    /// What was found and is not told yet.
    found: FoundFiles,
    names: u64,
    /// Names that have come from a server. A listing that breaks is asked for again from its beginning.
    seen: NameSet,
    /// How many times the listing was asked for.
    listings: u32,
}

/// How many names of a directory are not told one by one.
#[derive(Default)]
struct LeftOut {
    too_long: u64,
    /// Entries whose names stood in the listing before.
    twice: u64,
    /// Names that cannot be used. The first few are told.
    unusable: u64,
    /// Directories that are not entered because too many wait.
    beyond: u64,
}

impl<'a> ListedDirectory<'a> {
    /// Nothing was taken of the directory of a server yet, and `waiting` directories wait.
    fn new(
        context: &'a Context,
        rules: &'a WalkRules,
        sender: &'a VisitSender,
        directory: Arc<EnteredDirectory>,
        waiting: usize,
        longest: usize,
    ) -> Self {
        Self {
            context,
            rules,
            sender,
            level: Level::new(directory),
            longest,
            links: Spool::new(CHILDREN_IN_MEMORY),
            files: Spool::new(CHILDREN_IN_MEMORY),
            waiting,
            is_local: false,
            left_out: LeftOut::default(),
            found: FoundFiles::default(),
            names: 0,
            seen: NameSet::default(),
            listings: 0,
        }
    }

    fn entry(&mut self, entry: Entry) {
        if !self.is_local && !self.seen.insert(entry.name.as_bytes()) {
            self.left_out.twice += u64::from(self.listings <= 1);
            return;
        }
        self.names += 1;
        if entry.name.as_bytes().len() > self.longest {
            self.left_out.too_long += 1;
            return;
        }
        let path = place::join(self.level.directory.path.as_ref(), &entry.name);
        if let Err(why) = usable(&entry.name) {
            self.left_out.unusable += 1;
            if self.left_out.unusable <= UNUSABLE_TOLD {
                self.fail(path, Failure::new(FailureKind::Usage, why.to_string()));
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
                self.directory(path, attributes, entry.name, Identity { unique: entry.unique, real });
            }
            Kind::Link | Kind::Other if self.rules.purpose.takes_everything() => {
                self.file(path, self.rules.purpose.compares().then(|| Facts::from(&entry)));
            }
            Kind::Link => {
                let link = FoundDirectory { name: entry.name, identity: Identity::default() };
                if let Err(error) = self.links.push(link) {
                    self.fail(path, cannot_keep(&error));
                }
            }
            Kind::Other => self.skip(path, "it is not a regular file"),
            Kind::Current | Kind::Parent => {}
        }
    }

    /// Tells a file, if the filter takes it.
    fn file(&mut self, path: PathName, facts: Option<Facts>) {
        // A file of this host is looked at when it is copied, which costs nothing and is never out of date.
        let is_kept =
            !self.is_local || !matches!(self.rules.purpose, WalkPurpose::Copied | WalkPurpose::Moved);
        self.told(path, facts.filter(|_| is_kept), Visit::File);
    }

    /// Tells a file, or a symbolic link to one.
    fn told(&mut self, path: PathName, facts: Option<Facts>, visit: fn(PathName, Option<Facts>) -> Visit) {
        if !self.rules.filter.takes(&path) {
            return self.note(path);
        }
        if self.rules.purpose.compares() {
            return self.sender.send(visit(path, facts));
        }
        self.found.add(facts.as_ref().and_then(|facts| facts.size));
        if self.found.files >= TOLD_AT_ONCE {
            self.tell_found();
        }
        let visit = visit(path, facts);
        if self.rules.purpose != WalkPurpose::Moved || matches!(visit, Visit::Link(..)) {
            return self.sender.send(visit);
        }
        if let Err(error) = self.files.push(visit) {
            self.sender.send(Visit::failed(self.level.directory.path.clone(), cannot_keep(&error)));
        }
    }

    fn directory(&mut self, path: PathName, attributes: Attributes, name: PathName, identity: Identity) {
        if !self.rules.filter.enters(&path) {
            return self.note(path);
        }
        if self.rules.purpose.forbids(identity.unique.as_ref()) {
            return self.fail(path, contain_each_other());
        }
        if let Some(same) = self.level.directory.find(&identity) {
            // It may be a symbolic link that the server shows as a directory.
            if self.rules.purpose.takes_everything() {
                return self.file(path, None);
            }
            let why = format!("it is the same directory as {}, which contains it", same.name());
            self.note(path.clone());
            return self.sender.send(Visit::Skipped(path, why));
        }
        if self.waiting + self.level.children.len() >= MOST_WAITING {
            self.left_out.beyond += 1;
            return;
        }
        self.sender.send(Visit::Directory(path.clone(), attributes));
        if let Err(error) = self.level.children.push(FoundDirectory { name, identity }) {
            self.fail(path, cannot_keep(&error));
        }
    }

    /// Tells what a symbolic link leads to.
    async fn link(&mut self, host: &mut Host, root: &PathName, name: PathName) {
        let path = place::join(self.level.directory.path.as_ref(), &name);
        if self.rules.links == Links::Skip {
            return self.skip(path, "it is a symbolic link");
        }
        let (context, full) = (self.context, place::join(Some(root), &path));
        let found = match ask!(context, host, files::behind(context, host, &full)) {
            Ok(Some(found)) => found,
            Ok(None) => return self.skip(path, "it is a symbolic link that leads nowhere"),
            // It leads out of what the server shows, or into a circle.
            Err(failure) if failure.kind == FailureKind::Refused && !failure.ends_the_work() => {
                let said = failure.said.unwrap_or(failure.what);
                return self.skip(path, &format!("it is a symbolic link that cannot be followed: {said}"));
            }
            Err(failure) => return self.fail(path, failure),
        };
        match (found.kind, self.rules.links) {
            (Kind::File, _) => self.told(path, Some(found), Visit::Link),
            (Kind::Directory | Kind::Current | Kind::Parent, Links::Follow) => {
                let attributes = Attributes { modified: found.modified, mode: found.mode };
                let mut identity = Identity { unique: found.unique, real: None };
                if identity.unique.is_none() {
                    match real(context, host, &full).await {
                        Ok(real) => identity.real = real,
                        Err(failure) => return self.fail(path, failure),
                    }
                }
                self.directory(path, attributes, name, identity);
            }
            (Kind::Directory | Kind::Current | Kind::Parent, _) => {
                self.skip(path, "it is a symbolic link to a directory (--links follow copies what is in it)");
            }
            (Kind::Link | Kind::Other, _) => {
                self.skip(path, "it is a symbolic link to something that is not a regular file");
            }
        }
    }

    /// Tells of the whole listing what was not told name by name.
    fn tell_left_out(&self) {
        let LeftOut { too_long, twice, unusable, beyond } = self.left_out;
        let fail = |count: u64, kind, what: String, hint: &str| {
            if count > 0 {
                let failure = Failure::new(kind, what);
                let failure = if hint.is_empty() { failure } else { failure.hint(hint) };
                self.sender.send(Visit::failed(self.level.directory.path.clone(), failure));
            }
        };
        let what = format!("{too_long} paths in it are longer than {LONGEST_PATH} bytes");
        let hint = "check whether a directory contains a link to itself";
        fail(too_long, FailureKind::Other, what, hint);
        let (names, stand) = (counted(twice, "name"), if twice == 1 { "stands" } else { "stand" });
        let what = format!("{names} in it {stand} twice in the listing, and only the first of each is taken");
        let hint = "two names may differ in characters that this server does not show";
        fail(twice, FailureKind::Other, what, hint);
        let what = format!("{beyond} directories in it are not entered, because {MOST_WAITING} wait");
        fail(beyond, FailureKind::Other, what, "name parts of the tree");
        let more = unusable.saturating_sub(UNUSABLE_TOLD);
        fail(more, FailureKind::Usage, format!("{more} more names in it cannot be used"), "");
    }

    /// Tells how many files were found since the last time.
    fn tell_found(&mut self) {
        let found = std::mem::take(&mut self.found);
        if found.files > 0 {
            let run = &self.context.run;
            run.events.say(Event::Found(run.finding.in_tree(found)));
        }
    }

    /// Tells the name of something that is left out, if names are compared.
    fn note(&self, path: PathName) {
        if self.rules.purpose.compares() {
            self.sender.send(Visit::File(path, Some(Facts::of_kind(Kind::Other))));
        }
    }

    /// Tells that something is not copied, if the filter would have taken it.
    fn skip(&self, path: PathName, why: &str) {
        self.note(path.clone());
        if self.rules.filter.takes(&path) {
            self.sender.send(Visit::Skipped(path, why.to_owned()));
        }
    }

    fn fail(&self, path: PathName, failure: Failure) {
        self.sender.send(Visit::failed(Some(path), failure));
    }
}

/// The failure at a directory of one tree that is the root of the other one.
pub(crate) fn contain_each_other() -> Failure {
    Failure::new(FailureKind::Usage, "SOURCE and DEST of this sync contain each other")
        .hint("leave it out with --exclude, or choose another destination")
        .about(About::Nested)
}

/// The failure if what was found cannot be kept on the disk.
fn cannot_keep(error: &io::Error) -> Failure {
    Failure::of_temporary_files("the names of the tree", error)
}

/// The number of files that are told together.
const TOLD_AT_ONCE: u64 = 256;
/// The length of the longest path, in bytes.
const LONGEST_PATH: usize = 4096;
/// The number of entered directories up to which others are listed together. Each keeps up to
/// [`CHILDREN_IN_MEMORY`] of its directories in memory.
const MOST_LEVELS: usize = 512;
/// The number of directories that may wait to be entered.
const MOST_WAITING: usize = 2_000_000;
/// The number of unusable names of a directory that are told one by one.
const UNUSABLE_TOLD: u64 = 1000;

#[cfg(test)]
mod tests;
