//! What is in a directory, at any depth: a stream, so that copying starts before the walk ends.
//!
//! The walk ends whatever the server shows: no directory is entered twice on one chain, no path is longer than
//! [`LONGEST_PATH`], and no more than [`MOST_WAITING`] directories wait.

use super::name::usable;
use crate::context::Context;
use crate::control::{Facts, Listing};
use crate::endpoint::{Host, list};
use crate::failure::{self, Failure};
use crate::job::filter::Filter;
use crate::job::options::Links;
use crate::job::outage::Question;
use crate::place;
use crate::report::Event;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

/// What the walk finds. Paths are relative to its root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Visit {
    /// A directory, before what is in it.
    Directory(PathName),
    /// A regular file, and what the listing says about it if that is enough.
    File(PathName, Option<Facts>),
    /// Something that is not copied, and why.
    Skipped(PathName, String),
    /// Something that could not be looked at; `None` is the root.
    Failed(Option<PathName>, Failure),
}

/// What of a tree is copied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) struct Rules {
    /// Which files are copied.
    pub(in crate::job) filter: Filter,
    /// What happens to symbolic links.
    pub(in crate::job) links: Links,
}

/// Walks through `root` at `host`. `unique` is the server's own identity of the root, if it is known.
pub(super) fn walk(
    context: Context,
    host: Host,
    (root, unique): (PathName, Option<String>),
    rules: Rules,
) -> impl Stream<Item = Visit> + Unpin {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut walk =
            Walk { context, host, root, rules, sender, waiting: Vec::new(), found: Count::default() };
        // The receiver may be gone.
        let _ = walk.run(unique).await;
        walk.tell_found();
        walk.context.events.say(Event::Found(walk.context.finding.tree_ends()));
        walk.host.release();
    });
    ReceiverStream::new(receiver)
}

struct Walk {
    context: Context,
    host: Host,
    root: PathName,
    rules: Rules,
    sender: mpsc::Sender<Visit>,
    /// Directories that were found and not entered yet, the next one last.
    waiting: Vec<Waiting>,
    /// What was found and is not told yet.
    found: Count,
}

/// Files that were found.
#[derive(Debug, Default)]
struct Count {
    files: u64,
    /// The bytes of those that tell their sizes.
    bytes: u64,
    unsized_files: u64,
}

/// A directory that was found and not entered yet.
struct Waiting {
    parent: Arc<Directory>,
    name: PathName,
    identity: Identity,
}

/// What shows that two paths lead to the same directory. Nothing need be known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Identity {
    /// The server's own identity of it.
    unique: Option<String>,
    /// Its path without symbolic links.
    real: Option<PathName>,
}

impl Identity {
    fn is(&self, other: &Self) -> bool {
        let same_unique = self.unique.is_some() && self.unique == other.unique;
        same_unique || (self.real.is_some() && self.real == other.real)
    }
}

/// A directory that was entered.
#[derive(Debug)]
struct Directory {
    /// Relative to the root; `None` is the root.
    path: Option<PathName>,
    identity: Identity,
    parent: Option<Arc<Self>>,
}

impl Directory {
    /// The directory of this chain, from this one up, that has this identity.
    fn find(&self, identity: &Identity) -> Option<&Self> {
        std::iter::successors(Some(self), |directory| directory.parent.as_deref())
            .find(|directory| directory.identity.is(identity))
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "the directory that is copied".to_owned(), PathName::display)
    }
}

/// The receiver of the visits is gone.
struct Unheard;

impl Walk {
    async fn run(&mut self, unique: Option<String>) -> Result<(), Unheard> {
        let mut identity = Identity { unique, real: None };
        if self.rules.links == Links::Follow && identity.unique.is_none() {
            // Without it a loop ends where its path is too long.
            identity.real = self.real(None).await.ok().flatten();
        }
        self.enter(Arc::new(Directory { path: None, identity, parent: None })).await?;
        // The last one first: what is deeper comes before its neighbours, so that few wait.
        while let Some(Waiting { parent, name, identity }) = self.waiting.pop() {
            let path = Some(place::join(parent.path.as_ref(), &name));
            self.enter(Arc::new(Directory { path, identity, parent: Some(parent) })).await?;
        }
        Ok(())
    }

    /// Lists a directory and tells what is in it.
    async fn enter(&mut self, directory: Arc<Directory>) -> Result<(), Unheard> {
        let listing = match self.list(directory.path.as_ref()).await {
            Ok(listing) => listing,
            Err(failure) => return self.tell(Visit::Failed(directory.path.clone(), failure)).await,
        };
        for failure in listing.gaps() {
            self.tell(Visit::Failed(directory.path.clone(), failure)).await?;
        }
        let before = self.waiting.len();
        let mut too_long = 0;
        for entry in listing.entries {
            if self.is_too_long(&directory, &entry.name) {
                too_long += 1;
            } else {
                self.visit(&directory, entry).await?;
            }
        }
        if too_long > 0 {
            let what = format!("{too_long} paths in it are longer than {LONGEST_PATH} bytes");
            let failure = Failure::new(failure::Kind::Other, what)
                .hint("check whether a directory contains a link to itself");
            self.tell(Visit::Failed(directory.path.clone(), failure)).await?;
        }
        self.waiting.get_mut(before..).unwrap_or_default().reverse();
        self.tell_found();
        Ok(())
    }

    fn is_too_long(&self, directory: &Directory, name: &PathName) -> bool {
        let above = directory.path.as_ref().map_or(0, |path| path.as_bytes().len() + 1);
        self.root.as_bytes().len() + 1 + above + name.as_bytes().len() > LONGEST_PATH
    }

    /// Tells what an entry is. A directory waits to be entered.
    async fn visit(&mut self, directory: &Arc<Directory>, entry: Entry) -> Result<(), Unheard> {
        let path = place::join(directory.path.as_ref(), &entry.name);
        if let Err(why) = usable(&entry.name) {
            let failure = Failure::new(failure::Kind::Usage, why.to_string());
            return self.tell(Visit::Failed(Some(path), failure)).await;
        }
        match entry.kind {
            Kind::File => {
                let facts = entry.size.map(|_| Facts::from(&entry));
                self.file(path, facts).await
            }
            Kind::Directory => {
                let real =
                    directory.identity.real.as_ref().map(|above| place::join(Some(above), &entry.name));
                let identity = Identity { unique: entry.unique, real };
                self.directory(directory, path, (entry.name, identity)).await
            }
            Kind::Link => self.link(directory, path, entry.name).await,
            Kind::Other => self.skip(path, "it is not a regular file").await,
            Kind::Current | Kind::Parent => Ok(()),
        }
    }

    /// Tells a file, if the filter takes it.
    async fn file(&mut self, path: PathName, facts: Option<Facts>) -> Result<(), Unheard> {
        if !self.rules.filter.takes(&path) {
            return Ok(());
        }
        let size = facts.as_ref().and_then(|facts| facts.size);
        self.found.files += 1;
        self.found.bytes = self.found.bytes.saturating_add(size.unwrap_or(0));
        self.found.unsized_files += u64::from(size.is_none());
        if self.found.files >= TOLD_AT_ONCE {
            self.tell_found();
        }
        // A file of this host is looked at when it is copied, which costs nothing and is never out of date.
        self.tell(Visit::File(path, facts.filter(|_| !self.host.is_local()))).await
    }

    /// Tells how many files were found since the last time.
    fn tell_found(&mut self) {
        let Count { files, bytes, unsized_files } = std::mem::take(&mut self.found);
        if files > 0 {
            self.context.events.say(Event::Found(self.context.finding.in_tree(files, bytes, unsized_files)));
        }
    }

    /// Tells that something is not copied, if the filter would have taken it.
    async fn skip(&self, path: PathName, why: &str) -> Result<(), Unheard> {
        if self.rules.filter.takes(&path) {
            self.tell(Visit::Skipped(path, why.to_owned())).await
        } else {
            Ok(())
        }
    }

    /// Tells what a symbolic link leads to.
    async fn link(&mut self, parent: &Arc<Directory>, path: PathName, name: PathName) -> Result<(), Unheard> {
        if self.rules.links == Links::Skip {
            return self.skip(path, "it is a symbolic link").await;
        }
        let found = match self.behind(&path).await {
            Ok(Some(found)) => found,
            Ok(None) => return self.skip(path, "it is a symbolic link that leads nowhere").await,
            Err(failure) => return self.tell(Visit::Failed(Some(path), failure)).await,
        };
        match (found.kind, self.rules.links) {
            (Kind::File, _) => self.file(path, Some(found).filter(|found| found.size.is_some())).await,
            (Kind::Directory | Kind::Current | Kind::Parent, Links::Follow) => {
                let mut identity = Identity { unique: found.unique, real: None };
                if identity.unique.is_none() {
                    identity.real = match self.real(Some(&path)).await {
                        Ok(real) => real,
                        Err(failure) => return self.tell(Visit::Failed(Some(path), failure)).await,
                    };
                }
                self.directory(parent, path, (name, identity)).await
            }
            (Kind::Directory | Kind::Current | Kind::Parent, _) => {
                self.skip(path, "it is a symbolic link to a directory (--links follow copies what is in it)")
                    .await
            }
            (Kind::Link | Kind::Other, _) => {
                self.skip(path, "it is a symbolic link to something that is not a regular file").await
            }
        }
    }

    async fn directory(
        &mut self,
        parent: &Arc<Directory>,
        path: PathName,
        (name, identity): (PathName, Identity),
    ) -> Result<(), Unheard> {
        if !self.rules.filter.enters(&path) {
            return Ok(());
        }
        if let Some(same) = parent.find(&identity) {
            let why = format!("it is the same directory as {}, which contains it", same.name());
            return self.tell(Visit::Skipped(path, why)).await;
        }
        self.tell(Visit::Directory(path.clone())).await?;
        if self.waiting.len() >= MOST_WAITING {
            let what = format!("more than {MOST_WAITING} directories wait to be listed");
            let failure = Failure::new(failure::Kind::Other, what);
            return self.tell(Visit::Failed(Some(path), failure)).await;
        }
        self.waiting.push(Waiting { parent: Arc::clone(parent), name, identity });
        Ok(())
    }

    async fn list(&mut self, directory: Option<&PathName>) -> Result<Listing, Failure> {
        let path = directory.map_or_else(|| self.root.clone(), |path| place::join(Some(&self.root), path));
        let mut question = Question::new(&self.context);
        loop {
            question.connect(&mut self.host).await?;
            match list(&self.context, &mut self.host, &path).await {
                Ok(listing) => return Ok(listing),
                Err(failure) => question.again(failure).await?,
            }
        }
    }

    /// What a symbolic link leads to; `None` if it leads nowhere.
    async fn behind(&mut self, path: &PathName) -> Result<Option<Facts>, Failure> {
        let path = place::join(Some(&self.root), path);
        let mut question = Question::new(&self.context);
        loop {
            question.connect(&mut self.host).await?;
            match self.host.behind(&self.context, &path).await {
                Ok(found) => return Ok(found),
                Err(failure) => question.again(failure).await?,
            }
        }
    }

    /// The path of a directory without symbolic links, if the server tells it.
    async fn real(&mut self, path: Option<&PathName>) -> Result<Option<PathName>, Failure> {
        let path = path.map_or_else(|| self.root.clone(), |path| place::join(Some(&self.root), path));
        let mut question = Question::new(&self.context);
        loop {
            question.connect(&mut self.host).await?;
            match self.host.real_directory(&self.context, &path).await {
                Ok(found) => return Ok(found),
                Err(failure) => question.again(failure).await?,
            }
        }
    }

    async fn tell(&self, visit: Visit) -> Result<(), Unheard> {
        self.sender.send(visit).await.map_err(|_| Unheard)
    }
}

/// The number of files that are told together.
const TOLD_AT_ONCE: u64 = 256;
/// How far the walk may be ahead of the copying.
const AHEAD: usize = 256;
/// The length of the longest path, in bytes.
const LONGEST_PATH: usize = 4096;
/// The number of directories that may wait to be entered.
const MOST_WAITING: usize = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use std::os::unix::ffi::OsStrExt;
    use tokio_stream::StreamExt;

    /// What a walk through `root` finds.
    async fn found(root: &std::path::Path, links: Links) -> Vec<Visit> {
        let context = Context::for_tests(Cancel::never());
        let root = PathName::from_user(root.as_os_str().as_bytes()).unwrap();
        let unique = Host::Local(None).facts(&context, &root).await.unwrap().unwrap().unique;
        let rules = Rules { links, filter: Filter::default() };
        let visits = walk(context, Host::Local(None), (root, unique), rules);
        let visits = visits.map(|visit| match visit {
            Visit::File(path, _) => Visit::File(path, None),
            other @ (Visit::Directory(_) | Visit::Skipped(..) | Visit::Failed(..)) => other,
        });
        visits.collect().await
    }

    #[tokio::test]
    async fn a_walk_finds_everything_and_follows_links_as_it_is_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        std::fs::write(root.path().join("a/b/deep"), "x").unwrap();
        std::fs::write(root.path().join("top"), "x").unwrap();
        for (target, link) in [("top", "link"), ("a", "to"), ("none", "wrong"), ("..", "a/up")] {
            std::os::unix::fs::symlink(target, root.path().join(link)).unwrap();
        }
        let name = |text: &str| PathName::from_user(text).unwrap();
        let skipped = |path: &str, why: &str| Visit::Skipped(name(path), format!("it is {why}"));
        const DIRECTORY: &str = "a symbolic link to a directory (--links follow copies what is in it)";
        const NOWHERE: &str = "a symbolic link that leads nowhere";
        const LOOP: &str = "the same directory as the directory that is copied, which contains it";
        let directory = |path: &str| Visit::Directory(name(path));
        let file = |path: &str| Visit::File(name(path), None);
        assert_eq!(
            found(root.path(), Links::Skip).await,
            [
                directory("a"),
                skipped("link", "a symbolic link"),
                skipped("to", "a symbolic link"),
                file("top"),
                skipped("wrong", "a symbolic link"),
                directory("a/b"),
                skipped("a/up", "a symbolic link"),
                file("a/b/deep"),
            ]
        );
        assert_eq!(
            found(root.path(), Links::Files).await,
            [
                directory("a"),
                file("link"),
                skipped("to", DIRECTORY),
                file("top"),
                skipped("wrong", NOWHERE),
                directory("a/b"),
                skipped("a/up", DIRECTORY),
                file("a/b/deep"),
            ]
        );
        assert_eq!(
            found(root.path(), Links::Follow).await,
            [
                directory("a"),
                file("link"),
                directory("to"),
                file("top"),
                skipped("wrong", NOWHERE),
                directory("a/b"),
                skipped("a/up", LOOP),
                file("a/b/deep"),
                directory("to/b"),
                skipped("to/up", LOOP),
                file("to/b/deep"),
            ]
        );
    }
}
