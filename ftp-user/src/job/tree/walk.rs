//! What is in a directory, at any depth: a stream, so that copying starts before the walk ends.

use super::name::usable;
use crate::context::Context;
use crate::control::{Facts, Listing};
use crate::endpoint::{Host, local_path};
use crate::failure::{self, Failure};
use crate::job::Question;
use crate::place;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::os::unix::ffi::OsStrExt;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

/// What the walk comes by. Paths are relative to its root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Visit {
    /// A directory, before what is in it.
    Directory(PathName),
    /// A regular file, and what the listing says of it if that is enough.
    File(PathName, Option<Facts>),
    /// Something that is not copied, and why.
    Skipped(PathName, &'static str),
    /// Something that could not be looked at; `None` is the root.
    Failed(Option<PathName>, Failure),
}

/// Walks through `root` at `host`.
pub fn walk(context: Context, host: Host, root: PathName) -> impl Stream<Item = Visit> + Unpin {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut walk = Walk { context, host, root, sender };
        // Whoever listens may have had enough.
        let _ = walk.run().await;
        walk.host.release();
    });
    ReceiverStream::new(receiver)
}

struct Walk {
    context: Context,
    host: Host,
    root: PathName,
    sender: mpsc::Sender<Visit>,
}

struct NobodyListens;

impl Walk {
    async fn run(&mut self) -> Result<(), NobodyListens> {
        // The last one first: what is deeper is done before its neighbours, so that few wait.
        let mut waiting = vec![None];
        while let Some(directory) = waiting.pop() {
            let listed = match self.list(directory.as_ref()).await {
                Ok(listed) => listed,
                Err(failure) => {
                    self.say(Visit::Failed(directory, failure)).await?;
                    continue;
                }
            };
            for refused in listed.refused {
                let failure = Failure::new(failure::Kind::Usage, refused);
                self.say(Visit::Failed(directory.clone(), failure)).await?;
            }
            if listed.unread > 0 {
                let failure = Failure::new(
                    failure::Kind::Other,
                    format!("{} lines of the listing cannot be read", listed.unread),
                );
                self.say(Visit::Failed(directory.clone(), failure)).await?;
            }
            let mut below = Vec::new();
            for entry in listed.entries {
                if let Some(found) = self.visit(directory.as_ref(), entry).await? {
                    below.push(Some(found));
                }
            }
            waiting.extend(below.into_iter().rev());
        }
        Ok(())
    }

    /// Says what an entry is; gives it back if it is a directory.
    async fn visit(
        &mut self,
        directory: Option<&PathName>,
        entry: Entry,
    ) -> Result<Option<PathName>, NobodyListens> {
        let path = place::join(directory, &entry.name);
        if let Err(why) = usable(&entry.name) {
            self.say(Visit::Failed(Some(path), Failure::new(failure::Kind::Usage, why.to_string()))).await?;
            return Ok(None);
        }
        match entry.kind {
            Kind::File => {
                let facts = entry.size.map(|_| Facts::from(&entry));
                self.say(Visit::File(path, facts)).await?;
            }
            Kind::Directory => {
                self.say(Visit::Directory(path.clone())).await?;
                return Ok(Some(path));
            }
            Kind::Link => self.say(Visit::Skipped(path, "it is a symbolic link")).await?,
            Kind::Other => self.say(Visit::Skipped(path, "it is no regular file")).await?,
            Kind::Current | Kind::Parent => {}
        }
        Ok(None)
    }

    async fn list(&mut self, directory: Option<&PathName>) -> Result<Listing, Failure> {
        let path = directory.map_or_else(|| self.root.clone(), |path| place::join(Some(&self.root), path));
        let mut question = Question::new(&self.context);
        loop {
            question.connect(&mut self.host).await?;
            let listed = match &mut self.host {
                Host::Server(server) => match server.session(&self.context).await {
                    Ok(session) => session.list(Some(&path)).await,
                    Err(failure) => Err(failure),
                },
                Host::Local => here(&path),
            };
            match listed {
                Ok(listed) => return Ok(listed),
                Err(failure) => question.again(failure).await?,
            }
        }
    }

    async fn say(&self, visit: Visit) -> Result<(), NobodyListens> {
        self.sender.send(visit).await.map_err(|_| NobodyListens)
    }
}

/// A directory of this host, in the order of names.
fn here(path: &PathName) -> Result<Listing, Failure> {
    let failed =
        |error: std::io::Error| Failure::of_this_host(format!("cannot list {}", path.display()), &error);
    let mut listing = Listing::default();
    for found in std::fs::read_dir(local_path(path)).map_err(failed)? {
        let found = found.map_err(failed)?;
        let kind = found.file_type().map_err(failed)?;
        let kind = if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        match PathName::from_wire(found.file_name().as_bytes()) {
            Ok(name) => listing.entries.push(Entry::new(name, kind)),
            Err(_) => listing.unread += 1, // a line feed
        }
    }
    listing.entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}

/// How far the walk may be ahead of the copying.
const AHEAD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Cancel, Patience};
    use crate::report::{Reporter, Style};
    use std::time::Duration;
    use tokio_stream::StreamExt;

    #[tokio::test]
    async fn a_walk_finds_everything_and_follows_no_link() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        std::fs::write(root.path().join("a/b/deep"), "x").unwrap();
        std::fs::write(root.path().join("top"), "x").unwrap();
        std::os::unix::fs::symlink("top", root.path().join("link")).unwrap();
        let style = Style { json: true, quiet: true, verbose: false, color: false, progress: false };
        let (events, reporter) = Reporter::start(style, None);
        let second = Duration::from_secs(1);
        let context = Context {
            clock: ftp_io::clock::Clock::start(),
            events,
            cancel: Cancel::never(),
            patience: Patience { reply: second, stall: second, retries: 0, first_retries: 0 },
            family: None,
            relays: crate::config::Relays::default(),
            clear_data: false,
            trust: ftp_io::tls::Trust::default(),
        };
        let name = |text: &str| PathName::from_user(text).unwrap();
        let root = PathName::from_user(root.path().as_os_str().as_bytes()).unwrap();
        let found: Vec<Visit> = walk(context, Host::Local, root).collect().await;
        assert_eq!(
            found,
            [
                Visit::Directory(name("a")),
                Visit::Skipped(name("link"), "it is a symbolic link"),
                Visit::File(name("top"), None),
                Visit::Directory(name("a/b")),
                Visit::File(name("a/b/deep"), None),
            ]
        );
        reporter.finish().await.unwrap();
    }
}
