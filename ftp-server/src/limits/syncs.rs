//! Syncs of whole file systems: one at a time of each, for all sessions that wait for it.
//!
//! ```text
//!  asked --> waits --> a place is free --> syncs for all that wait --> answered
//!              ^                                                         |
//!              '---- as much time as the sync has taken passes <---------'
//! ```
//!
//! A session that asks while a sync is under way waits for the next one, because the first may have begun before the last bytes
//! came. So a file system has one sync for any number of sessions, and at least half of its time without one. A client that
//! asks without pause takes nothing from the others but that.
//!
//! The system tells of a write that has failed once, to the first sync. Other sessions, of the same account too, may have lost
//! bytes as well. So a failure is told to everybody for [`TOLD`], and to each account at least once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_io::blocking;
use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_proto::timer::Moment;
use tokio::sync::{Semaphore, oneshot};

use super::Owner;
use super::limit::{Limit, MAX_SYNCS, Use};

/// Syncs a file system, on a thread that may block. Returns whether everything is on stable storage.
pub(super) type Sync = Box<dyn FnOnce() -> bool + Send>;

/// The syncs of all file systems.
#[derive(Debug)]
pub struct Syncs {
    clock: Clock,
    places: Semaphore,
    disks: Mutex<HashMap<u64, Disk>>,
}

/// A file system. It is known while somebody waits for it, and after a failure.
#[derive(Debug, Default)]
struct Disk {
    /// Whether a task sees to it.
    is_served: bool,
    waiting: Vec<SyncWaiter>,
    /// How many syncs have failed.
    failures: u64,
    /// When the last one has failed.
    failed: Option<Moment>,
    /// Of how many of them each account was told.
    told: HashMap<Owner, u64>,
}

/// Somebody who waits for a sync, and how that is made.
struct SyncWaiter(Waits, Sync);

/// Somebody who waits for a sync.
#[derive(Debug)]
struct Waits {
    owner: Owner,
    answer: oneshot::Sender<bool>,
}

impl Syncs {
    /// Nothing is being synced.
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, places: Semaphore::new(MAX_SYNCS), disks: Mutex::default() })
    }

    /// Asks for a sync of the file system `device` that begins after this call. The answer is whether everything that
    /// `owner` has there is on stable storage. `sync` is called unless somebody else's is.
    pub fn ask(self: &Arc<Self>, device: u64, owner: Owner, sync: Sync) -> oneshot::Receiver<bool> {
        let (answer, answered) = oneshot::channel();
        let mut disks = self.disks.locked();
        let disk = disks.entry(device).or_default();
        disk.waiting.push(SyncWaiter(Waits { owner, answer }, sync));
        if !std::mem::replace(&mut disk.is_served, true) {
            tokio::spawn(Arc::clone(self).serve(device));
        }
        answered
    }

    /// How many file systems are being synced.
    pub fn in_use(&self) -> Use {
        let used = MAX_SYNCS.saturating_sub(self.places.available_permits());
        Use { limit: Limit::Syncs, used, bound: Some(MAX_SYNCS) }
    }

    /// Syncs a file system while somebody waits for that.
    async fn serve(self: Arc<Self>, device: u64) {
        loop {
            let place = self.places.acquire().await;
            let Some((sync, waiting)) = self.begin(device) else { return };
            let begun = self.clock.now();
            let is_synced = blocking::spawn(sync).await.unwrap_or(false);
            let took = self.clock.now().since(begun);
            self.end(device, waiting, is_synced);
            drop(place);
            self.clock.sleep_until(Some(self.clock.now() + took.min(LONGEST_PAUSE))).await;
        }
    }

    /// The sync that begins now, and who waits for it. `None` if no session does; then the file system is not served any more.
    fn begin(&self, device: u64) -> Option<(Sync, Vec<Waits>)> {
        let mut disks = self.disks.locked();
        let disk = disks.get_mut(&device)?;
        let mut sync = None;
        let mut waiting = Vec::new();
        for SyncWaiter(waits, its_sync) in disk.waiting.drain(..) {
            if !waits.answer.is_closed() {
                sync.get_or_insert(its_sync);
                waiting.push(waits);
            }
        }
        if sync.is_none() {
            disk.is_served = false;
            disk.waiting = Vec::new();
            if disk.failures == 0 {
                disks.remove(&device);
            }
        }
        Some((sync?, waiting))
    }

    /// Answers all who waited for a sync.
    fn end(&self, device: u64, waiting: Vec<Waits>, is_synced: bool) {
        let mut disks = self.disks.locked();
        let disk = disks.entry(device).or_default();
        let now = self.clock.now();
        if !is_synced {
            disk.fails(now);
        }
        let safe: Vec<bool> = waiting.iter().map(|one| disk.is_safe_for(&one.owner, now)).collect();
        waiting.iter().for_each(|one| disk.tell(&one.owner));
        drop(disks);
        for (is_safe, one) in safe.into_iter().zip(waiting) {
            // The session may have ended meanwhile.
            let _ = one.answer.send(is_safe);
        }
    }
}

impl Disk {
    /// Notes that a sync has failed.
    fn fails(&mut self, now: Moment) {
        self.failures += 1;
        self.failed = Some(now);
    }

    /// Whether all that `owner` has there is on stable storage, after a sync that was good or whose failure was noted.
    fn is_safe_for(&self, owner: &Owner, now: Moment) -> bool {
        let is_new = self.failed.is_some_and(|failed| now.since(failed) < TOLD);
        !is_new && self.told.get(owner).copied().unwrap_or(0) == self.failures
    }

    /// Notes that `owner` is told of each failure.
    fn tell(&mut self, owner: &Owner) {
        if self.failures > 0 {
            if self.told.len() >= MOST_TOLD {
                // Some accounts are told once more.
                self.told.clear();
            }
            self.told.insert(owner.clone(), self.failures);
        }
    }
}

impl fmt::Debug for SyncWaiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waiting").field(&self.0).finish()
    }
}

/// How long a failure is told to everybody. A session that has lost bytes asks sooner, or ends.
const TOLD: Duration = Duration::from_secs(60 * 60);
/// How long the next sync of a file system waits at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Accounts of which is known what they were told about one file system.
const MOST_TOLD: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::named;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A sync that tells when it has begun and ends when it is told how.
    fn held() -> (Sync, oneshot::Receiver<()>, Sender<bool>) {
        let (begun, has_begun) = oneshot::channel();
        let (end, ends): (_, Receiver<bool>) = channel();
        let sync = move || {
            begun.send(()).unwrap();
            ends.recv().unwrap()
        };
        (Box::new(sync), has_begun, end)
    }

    fn never() -> Sync {
        Box::new(|| panic!("another sync counts for this one"))
    }

    #[tokio::test]
    async fn whoever_asks_during_a_sync_shares_the_next_one() {
        let syncs = Syncs::new(Clock::start());
        let (first, first_begun, end_first) = held();
        let ann = syncs.ask(1, named("ann"), first);
        first_begun.await.unwrap();
        let (second, mut second_begun, end_second) = held();
        let bob = syncs.ask(1, named("bob"), second);
        let later = [(); 50].map(|()| syncs.ask(1, named("ann"), never()));
        assert_eq!(syncs.in_use().used, 1);
        assert!(second_begun.try_recv().is_err(), "one file system has one sync at a time");
        // Another file system does not wait.
        assert!(syncs.ask(2, named("bob"), Box::new(|| true)).await.unwrap());
        end_first.send(true).unwrap();
        assert!(ann.await.unwrap());
        second_begun.await.unwrap();
        end_second.send(true).unwrap();
        assert!(bob.await.unwrap());
        for one in later {
            assert!(one.await.unwrap());
        }
    }

    #[test]
    fn a_failure_is_told_to_everybody_for_a_while_and_to_each_account_once() {
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        let mut disk = Disk::default();
        assert!(disk.is_safe_for(&named("ann"), at(0)));
        disk.fails(at(10));
        let hour = TOLD.as_secs();
        for (name, seconds, is_safe) in [
            ("ann", 10, false),
            ("ann", 11, false),
            ("bob", 11, false),
            ("ann", 9 + hour, false),
            ("ann", 10 + hour, true),
            ("eve", 10 + hour, false),
            ("eve", 10 + hour, true),
            ("bob", 10 + hour, true),
        ] {
            assert_eq!(disk.is_safe_for(&named(name), at(seconds)), is_safe, "{name} {seconds}");
            disk.tell(&named(name));
        }
        disk.fails(at(9 * hour));
        assert!(!disk.is_safe_for(&named("ann"), at(10 * hour)));
    }

    #[tokio::test]
    async fn a_sync_that_fails_or_panics_is_told_and_other_file_systems_are_not_concerned() {
        let syncs = Syncs::new(Clock::start());
        let works = || -> Sync { Box::new(|| true) };
        assert!(!syncs.ask(1, named("ann"), Box::new(|| false)).await.unwrap());
        assert!(!syncs.ask(1, named("ann"), works()).await.unwrap());
        assert!(syncs.ask(2, named("ann"), works()).await.unwrap());
        assert!(!syncs.ask(3, named("ann"), Box::new(|| panic!("no answer"))).await.unwrap());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_file_systems_for_which_nobody_waits() {
        let syncs = Syncs::new(Clock::start());
        let (sync, begun, end) = held();
        let gone = syncs.ask(1, named("ann"), sync);
        begun.await.unwrap();
        drop(gone);
        drop(syncs.ask(1, named("ann"), never()));
        end.send(true).unwrap();
        while !syncs.disks.locked().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(syncs.in_use().used, 0);
    }
}
