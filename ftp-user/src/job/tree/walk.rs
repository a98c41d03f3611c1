//! What is in a directory, at any depth: a stream, so that copying starts before the walk ends.
//!
//! The walk ends whatever the server shows: no directory is entered twice on one chain, no path is longer than
//! [`LONGEST_PATH`], and no more than [`MOST_WAITING`] directories wait.

use super::name::usable;
use crate::context::Context;
use crate::control::{Facts, Listing};
use crate::endpoint::{Host, list};
use crate::failure::{self, Failure};
use crate::job::outage::Question;
use crate::place;
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

/// Walks through `root` at `host`. `unique` is the server's own identity of the root, if it is known.
pub(super) fn walk(
    context: Context,
    host: Host,
    root: PathName,
    unique: Option<String>,
) -> impl Stream<Item = Visit> + Unpin {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut walk = Walk { context, host, root, sender, waiting: Vec::new() };
        // The receiver may be gone.
        let _ = walk.run(unique).await;
        walk.host.release();
    });
    ReceiverStream::new(receiver)
}

struct Walk {
    context: Context,
    host: Host,
    root: PathName,
    sender: mpsc::Sender<Visit>,
    /// Directories that were found and not entered yet, the next one last.
    waiting: Vec<Waiting>,
}

/// A directory that was found and not entered yet.
struct Waiting {
    parent: Arc<Directory>,
    name: PathName,
    unique: Option<String>,
}

/// A directory that was entered.
#[derive(Debug)]
struct Directory {
    /// Relative to the root; `None` is the root.
    path: Option<PathName>,
    /// The server's own identity of it.
    unique: Option<String>,
    parent: Option<Arc<Self>>,
}

impl Directory {
    /// The directory of this chain, from this one up, that has this identity.
    fn find(&self, unique: &str) -> Option<&Self> {
        std::iter::successors(Some(self), |directory| directory.parent.as_deref())
            .find(|directory| directory.unique.as_deref() == Some(unique))
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "the directory that is copied".to_owned(), PathName::display)
    }
}

/// The receiver of the visits is gone.
struct Unheard;

impl Walk {
    async fn run(&mut self, unique: Option<String>) -> Result<(), Unheard> {
        self.enter(Arc::new(Directory { path: None, unique, parent: None })).await?;
        // The last one first: what is deeper comes before its neighbours, so that few wait.
        while let Some(Waiting { parent, name, unique }) = self.waiting.pop() {
            let path = Some(place::join(parent.path.as_ref(), &name));
            self.enter(Arc::new(Directory { path, unique, parent: Some(parent) })).await?;
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
                self.tell(Visit::File(path, facts)).await
            }
            Kind::Directory => self.directory(directory, path, entry).await,
            Kind::Link => self.tell(Visit::Skipped(path, "it is a symbolic link".to_owned())).await,
            Kind::Other => self.tell(Visit::Skipped(path, "it is not a regular file".to_owned())).await,
            Kind::Current | Kind::Parent => Ok(()),
        }
    }

    async fn directory(
        &mut self,
        parent: &Arc<Directory>,
        path: PathName,
        entry: Entry,
    ) -> Result<(), Unheard> {
        if let Some(same) = entry.unique.as_deref().and_then(|unique| parent.find(unique)) {
            let why = format!("it is the same directory as {}, which contains it", same.name());
            return self.tell(Visit::Skipped(path, why)).await;
        }
        self.tell(Visit::Directory(path.clone())).await?;
        if self.waiting.len() >= MOST_WAITING {
            let what = format!("more than {MOST_WAITING} directories wait to be listed");
            let failure = Failure::new(failure::Kind::Other, what);
            return self.tell(Visit::Failed(Some(path), failure)).await;
        }
        let Entry { name, unique, .. } = entry;
        self.waiting.push(Waiting { parent: Arc::clone(parent), name, unique });
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

    async fn tell(&self, visit: Visit) -> Result<(), Unheard> {
        self.sender.send(visit).await.map_err(|_| Unheard)
    }
}

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

    #[tokio::test]
    async fn a_walk_finds_everything_and_follows_no_link() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        std::fs::write(root.path().join("a/b/deep"), "x").unwrap();
        std::fs::write(root.path().join("top"), "x").unwrap();
        std::os::unix::fs::symlink("top", root.path().join("link")).unwrap();
        let context = Context::for_tests(Cancel::never());
        let name = |text: &str| PathName::from_user(text).unwrap();
        let root = PathName::from_user(root.path().as_os_str().as_bytes()).unwrap();
        let found: Vec<Visit> = walk(context, Host::Local(None), root, None).collect().await;
        assert_eq!(
            found,
            [
                Visit::Directory(name("a")),
                Visit::Skipped(name("link"), "it is a symbolic link".to_owned()),
                Visit::File(name("top"), None),
                Visit::Directory(name("a/b")),
                Visit::File(name("a/b/deep"), None),
            ]
        );
    }
}
