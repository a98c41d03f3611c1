//! What a walk has found and nobody has taken yet: a queue between the walk and the copying.

use crate::failure::Failure;
use crate::job::file::times::Attributes;
use crate::job::spool::{RECORDS_IN_MEMORY, Spool};
use crate::session::Facts;
use ftp_io::lock::Lock;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
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
    #[serde(skip)]
    Skipped(PathName, String),
    /// Something that could not be looked at.
    #[serde(skip)]
    Failed(FailedVisit),
}

/// Something of a tree that could not be looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// Entries that are only reported. They are returned first.
    told: VecDeque<Visit>,
    /// What was skipped, and what has failed, beyond what may wait to be told: the last of each, and how many there are
    /// beside it. A hostile listing has millions.
    untold: [Option<(Visit, u64)>; 2],
    /// The file has failed.
    broken: Option<io::Error>,
    /// The receiver has nothing to do until something is found.
    was_awaited: bool,
    /// The walk has ended.
    has_ended: bool,
    /// Nobody takes anything more.
    is_receiver_gone: bool,
    /// Nothing is taken before the walk has ended. What can only be told does not hold it up.
    is_kept_whole: bool,
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
        if let Visit::Skipped(..) | Visit::Failed(..) = visit {
            queue.tell(visit);
        } else if let Err(error) = queue.found.push(visit) {
            queue.broken.get_or_insert(error);
        }
        drop(queue);
        self.0.given.notify_one();
    }

    /// Whether the receiver had nothing else to do since the last call.
    pub(super) fn was_awaited(&self) -> bool {
        std::mem::take(&mut self.0.queue.locked().was_awaited)
    }

    /// Waits until so little waits to be taken that the walk may go on.
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

    /// Notes that nothing else can be done until something is found.
    pub(super) fn note_awaited(&self) {
        self.0.queue.locked().was_awaited = true;
    }

    /// Waits until the walk has ended, or the disk has no room for more.
    pub(super) async fn all_found(&self) {
        loop {
            let given = self.0.given.notified();
            {
                let mut queue = self.0.queue.locked();
                queue.is_kept_whole = true;
                self.0.taken.notify_one();
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
        if !is_directory || !queue.told.is_empty() || queue.broken.is_some() {
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
        let tells = self.is_kept_whole || self.told.len() < RECORDS_IN_MEMORY;
        self.broken.is_none() && self.found.on_disk() < MOST_ON_DISK && tells
    }

    /// Appends what can only be told, or counts it if very much waits.
    fn tell(&mut self, visit: Visit) {
        if self.told.len() < MOST_TOLD {
            return self.told.push_back(visit);
        }
        let [skipped, failed] = &mut self.untold;
        let untold = if let Visit::Failed(..) = visit { failed } else { skipped };
        let others = untold.as_ref().map_or(0, |(_, others)| others + 1);
        *untold = Some((visit, others));
    }

    fn next(&mut self) -> Option<Visit> {
        let untold = || self.untold.iter_mut().find_map(Option::take).map(|(last, others)| last.with(others));
        if let Some(told) = self.told.pop_front().or_else(untold) {
            return Some(told);
        }
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

    /// Adds to the text how many similar entries are left out.
    fn with(self, others: u64) -> Self {
        if others == 0 {
            return self;
        }
        let and = |what: &str| format!("{what}; {others} more are left out, for this or another reason");
        match self {
            Self::Skipped(path, why) => Self::Skipped(path, and(&why)),
            Self::Failed(mut failed) => {
                failed.failure.what = and(&failed.failure.what);
                Self::Failed(failed)
            }
            same @ (Self::Directory(..) | Self::File(..) | Self::Link(..)) => same,
        }
    }
}

/// The number of visits that wait to be told, one by one.
const MOST_TOLD: usize = 8 * RECORDS_IN_MEMORY;
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
            let queue = self.0.queue.locked();
            queue.found.in_memory() + queue.told.len()
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
    async fn what_can_only_be_told_is_counted_where_it_is_very_much() {
        let (sender, mut visits) = visit_queue();
        for number in 0..100_000 {
            let path = PathName::from_user(format!("n{number}")).unwrap();
            sender.send(match number % 2 {
                0 => Visit::Skipped(path, "a link".to_owned()),
                _ => Visit::failed(Some(path), Failure::new(failure::Kind::Refused, "no")),
            });
        }
        assert!(visits.in_memory() <= MOST_TOLD);
        drop(sender);
        let (mut skipped, mut failed) = (Vec::new(), Vec::new());
        while let Some(visit) = visits.next().await {
            match visit {
                Visit::Skipped(path, why) => skipped.push((path, why)),
                Visit::Failed(FailedVisit { path, failure, .. }) => {
                    failed.push((path.unwrap(), failure.to_string()))
                }
                Visit::Directory(..) | Visit::File(..) | Visit::Link(..) => panic!("{visit:?}"),
            }
        }
        assert_eq!((skipped.len(), failed.len()), (MOST_TOLD / 2 + 1, MOST_TOLD / 2 + 1));
        let others = 50_000 - MOST_TOLD / 2 - 1;
        for ((path, why), name) in [(skipped.last().unwrap(), "n99998"), (failed.last().unwrap(), "n99999")] {
            assert_eq!(path.as_bytes(), name.as_bytes());
            assert!(why.contains(&format!("{others} more are left out")), "{why}");
        }
    }

    #[tokio::test]
    async fn what_can_only_be_told_does_not_hold_up_a_walk_whose_end_is_awaited() {
        let (sender, visits) = visit_queue();
        for number in 0..2 * RECORDS_IN_MEMORY {
            let path = PathName::from_user(format!("n{number}")).unwrap();
            sender.send(Visit::Skipped(path, "a link".to_owned()));
        }
        let walk = async {
            assert!(sender.has_room().await.is_ok());
            drop(sender);
        };
        tokio::join!(visits.all_found(), walk);
    }

    #[tokio::test]
    async fn a_walk_that_nobody_listens_to_ends() {
        let (sender, visits) = visit_queue();
        drop(visits);
        assert!(sender.has_room().await.is_err());
    }
}
