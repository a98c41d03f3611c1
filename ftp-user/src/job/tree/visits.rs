//! What a walk has found and nobody has taken yet: a queue between the walk and the copying.

use crate::failure::Failure;
use crate::job::file::times::Attributes;
use crate::job::spool::Spool;
use crate::session::Facts;
use ftp_io::lock::Lock;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What the walk finds. Paths are relative to its root.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) enum Visit {
    /// A directory, before what is in it.
    Directory(PathName, Attributes),
    /// A regular file, and what the listing says about it if that is enough.
    File(PathName, Option<Facts>),
    /// A symbolic link that is copied, and the file to which it leads.
    Link(PathName, Option<Facts>),
    /// Something that is not copied, and why.
    Skipped(PathName, String),
    /// Something that could not be looked at.
    Failed(FailedVisit),
}

/// Something of a tree that could not be looked at.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct FailedVisit {
    /// Its path; `None` is the root.
    pub(crate) path: Option<PathName>,
    /// Why it could not be looked at.
    pub(crate) failure: Failure,
    /// It is a directory that could not be listed. Otherwise it is something in the directory, or below it.
    pub(crate) is_unlisted: bool,
}

/// The receiving end of the queue.
#[derive(Debug)]
pub(crate) struct Visits(Arc<Shared>);

/// The sending end of the queue.
#[derive(Debug)]
pub(in crate::job) struct VisitSender(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to take, or there will be nothing more.
    given: Notify,
    /// There is more room, or nobody takes anything more.
    taken: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    found: Spool<Visit>,
    /// The file has failed.
    broken: Option<io::Error>,
    /// The walk has ended.
    has_ended: bool,
    /// Nobody takes anything more.
    is_receiver_gone: bool,
}

/// The receiver of the visits is gone.
#[derive(Debug)]
pub(super) struct ReceiverGone;

/// An empty queue.
pub(in crate::job) fn visit_queue() -> (VisitSender, Visits) {
    let shared = Arc::<Shared>::default();
    (VisitSender(Arc::clone(&shared)), Visits(shared))
}

impl VisitSender {
    /// Appends a visit. It waits for nobody.
    pub(in crate::job) fn send(&self, visit: Visit) {
        let mut queue = self.0.queue.locked();
        if let Err(error) = queue.found.push(visit) {
            queue.broken.get_or_insert(error);
        }
        drop(queue);
        self.0.given.notify_one();
    }

    /// Waits until so little waits to be taken that the walk may go on.
    ///
    /// # Errors
    ///
    /// Nobody takes anything more.
    pub(super) async fn has_room(&self) -> Result<(), ReceiverGone> {
        loop {
            let taken = self.0.taken.notified();
            {
                let queue = self.0.queue.locked();
                if queue.is_receiver_gone || queue.broken.is_some() {
                    return Err(ReceiverGone);
                }
                if queue.has_room() {
                    return Ok(());
                }
            }
            taken.await;
        }
    }
}

impl Drop for VisitSender {
    fn drop(&mut self) {
        self.0.queue.locked().has_ended = true;
        self.0.given.notify_one();
    }
}

impl Visits {
    /// The next visit; `None` after the last one. May be dropped without losing anything.
    pub(crate) async fn next(&mut self) -> Option<Visit> {
        loop {
            let given = self.0.given.notified();
            {
                let mut queue = self.0.queue.locked();
                let next = queue.next();
                self.0.taken.notify_one();
                if next.is_some() || queue.has_ended {
                    return next;
                }
            }
            given.await;
        }
    }

    /// Waits until the walk has ended, or the disk has no room for more.
    pub(super) async fn all_found(&self) {
        loop {
            let given = self.0.given.notified();
            {
                let queue = self.0.queue.locked();
                if queue.has_ended || !queue.has_room() {
                    return;
                }
            }
            given.await;
        }
    }

    /// The next visit, if it is a directory and has been found already.
    pub(super) fn next_directory(&mut self) -> Option<Visit> {
        let mut queue = self.0.queue.locked();
        let is_directory = matches!(queue.found.front(), Some(Visit::Directory(..)));
        if !is_directory || queue.broken.is_some() {
            return None;
        }
        let next = queue.next();
        self.0.taken.notify_one();
        next
    }
}

impl Drop for Visits {
    fn drop(&mut self) {
        self.0.queue.locked().is_receiver_gone = true;
        self.0.taken.notify_one();
    }
}

impl Queue {
    /// Whether so little waits to be taken that the walk may go on.
    fn has_room(&self) -> bool {
        self.broken.is_none() && self.found.on_disk() < MOST_ON_DISK
    }

    fn next(&mut self) -> Option<Visit> {
        if self.broken.is_none() {
            match self.found.pop() {
                Ok(visit) => return visit,
                Err(error) => self.broken = Some(error),
            }
        }
        let error = self.broken.as_ref().filter(|_| self.found.len() > 0)?;
        let failure = Failure::of_temporary_files("the names of the tree", error);
        self.found = Spool::default();
        Some(Visit::failed(None, failure))
    }
}

impl Visit {
    /// Something at or below a path that could not be looked at, other than a directory that could not be listed.
    pub(super) const fn failed(path: Option<PathName>, failure: Failure) -> Self {
        Self::Failed(FailedVisit { path, failure, is_unlisted: false })
    }
}

/// The number of bytes that may wait on the disk: millions of visits.
const MOST_ON_DISK: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure;
    use ftp_proto::listing::{Kind, When};

    impl Visits {
        /// How many visits are in memory.
        pub(in crate::job::tree) fn in_memory(&self) -> usize {
            self.0.queue.locked().found.in_memory()
        }
    }

    #[tokio::test]
    async fn visits_come_as_they_were_given_and_few_are_in_memory() {
        let (sender, mut visits) = visit_queue();
        let name = |text: String| PathName::from_user(text).unwrap();
        let visit = |number: u64| match number % 3 {
            0 => {
                let modified = Some(When(-5));
                Visit::Directory(name(format!("d{number}")), Attributes { modified, mode: Some(0o750) })
            }
            1 => Visit::File(name(format!("f\t{number}")), None),
            _ => {
                let (size, unique) = (Some(number), number.is_multiple_of(2).then(|| "1-2".to_owned()));
                let kind = [Kind::File, Kind::Link, Kind::Other][usize::try_from(number / 3 % 3).unwrap()];
                let facts = Facts { kind, size, modified: None, unique, version: Some(number), mode: None };
                Visit::File(name(format!("k{number}")), Some(facts))
            }
        };
        for number in 0..200_000 {
            sender.send(visit(number));
            assert!(visits.in_memory() < 20_000);
        }
        assert!(sender.has_room().await.is_ok());
        for number in 0..200_000 {
            assert_eq!(visits.next().await, Some(visit(number)));
            assert!(visits.in_memory() < 20_000);
        }
        drop(sender);
        assert_eq!(visits.next().await, None);
    }

    #[tokio::test]
    async fn what_can_only_be_told_waits_with_the_rest_and_holds_up_no_walk() {
        let (sender, mut visits) = visit_queue();
        let visit = |number: u64| {
            let path = PathName::from_user(format!("n{number}")).unwrap();
            match number % 3 {
                0 => Visit::File(path, None),
                1 => Visit::Skipped(path, "a link".to_owned()),
                _ => Visit::Failed(FailedVisit {
                    path: Some(path),
                    failure: Failure::new(failure::Kind::Refused, "no").said("a").hint("b"),
                    is_unlisted: number.is_multiple_of(2),
                }),
            }
        };
        for number in 0..100_000 {
            sender.send(visit(number));
            assert!(visits.in_memory() < 20_000);
        }
        let walk = async {
            assert!(sender.has_room().await.is_ok());
            drop(sender);
        };
        tokio::join!(visits.all_found(), walk);
        for number in 0..100_000 {
            assert_eq!(visits.next().await, Some(visit(number)));
        }
        assert_eq!(visits.next().await, None);
    }

    #[tokio::test]
    async fn a_walk_that_nobody_listens_to_ends() {
        let (sender, visits) = visit_queue();
        drop(visits);
        assert!(sender.has_room().await.is_err());
    }
}
