//! File descriptors: who gets one while there are few.
//!
//! The system gives each new file or socket the lowest free number. The number of the newest descriptor is
//! therefore a lower bound of the count. The last descriptors are reserved for sessions that have logged in:
//!
//! ```text
//! 0                                      for_newcomers     for_unused  for_ports    the limit
//! |--------------- everybody ----------------|-- sessions -----|- needed -|- files ----|
//! ```

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Mutex;

use ftp_io::lock::Lock;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::limit::{Limit, Use};

/// The descriptors of the process.
#[derive(Debug)]
pub struct Descriptors {
    /// How many there may be; `None` means that the system has no limit.
    limit: Option<u64>,
    /// Kept open, so that there is one for telling a client that there is none.
    reserve: Mutex<Option<File>>,
}

/// How few descriptors are left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scarcity {
    /// There are enough for everybody.
    Enough,
    /// There are none for new sessions.
    ForSessions,
    /// There are none for data connections that no transfer uses yet.
    ForTransfers,
    /// There are none for data ports.
    ForFiles,
}

impl Descriptors {
    /// Reads the limit of the process, and opens the reserve.
    pub fn open() -> Self {
        Self { limit: getrlimit(Resource::Nofile).current, reserve: Mutex::new(reserve()) }
    }

    /// How few are left, as `newest` shows, which was opened just now; what is no descriptor of the system takes none.
    pub fn scarcity(&self, newest: Option<BorrowedFd<'_>>) -> Scarcity {
        let number = newest.map_or(0, |newest| u64::try_from(newest.as_raw_fd()).unwrap_or(0));
        self.limit.map_or(Scarcity::Enough, |limit| scarcity(limit, number))
    }

    /// Runs `work` with one descriptor more than there was.
    pub async fn with_reserve<T>(&self, work: impl Future<Output = T>) -> T {
        drop(self.reserve.locked().take());
        let done = work.await;
        *self.reserve.locked() = reserve();
        done
    }

    /// How many sessions the limit is enough for, if that is less than `wanted`.
    pub fn too_few_for(&self, wanted: Option<usize>) -> Option<u64> {
        let limit = self.limit?;
        let sessions = limit.saturating_sub(kept(limit));
        wanted
            .is_none_or(|wanted| u64::try_from(wanted).is_ok_and(|wanted| wanted > sessions))
            .then_some(sessions)
    }

    /// How many descriptors are in use at least.
    pub fn in_use(&self) -> Use {
        let bound = self.limit.and_then(|limit| usize::try_from(limit).ok());
        let newest = reserve().map(|file| file.as_raw_fd());
        // Without a free one, all are in use.
        let used = newest.map_or(bound, |newest| usize::try_from(newest).ok());
        Use { limit: Limit::Descriptors, used: used.unwrap_or(0), bound }
    }
}

/// Whether an error says that there is no descriptor.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

/// How many descriptors are reserved for open sessions.
fn kept(limit: u64) -> u64 {
    (limit / KEPT_FRACTION).clamp(MIN_KEPT.min(limit / 2), MAX_KEPT)
}

fn scarcity(limit: u64, number: u64) -> Scarcity {
    let (kept, free) = (kept(limit), limit.saturating_sub(number));
    if free > kept {
        Scarcity::Enough
    } else if free > kept / 2 {
        Scarcity::ForSessions
    } else if free > kept / 4 {
        Scarcity::ForTransfers
    } else {
        Scarcity::ForFiles
    }
}

/// The part of all descriptors that is reserved for open sessions: one in this many.
const KEPT_FRACTION: u64 = 8;
/// Minimum number of reserved descriptors.
const MIN_KEPT: u64 = 32;
/// Maximum number of reserved descriptors.
const MAX_KEPT: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_descriptors_are_for_those_who_are_inside() {
        let kinds = [95, 96, 112, 120, 127].map(|number| scarcity(128, number));
        use Scarcity::{Enough, ForFiles, ForSessions, ForTransfers};
        assert_eq!(kinds, [Enough, ForSessions, ForTransfers, ForFiles, ForFiles]);
        assert_eq!(scarcity(20_000, 17_499), Enough);
        assert_eq!(scarcity(1_000_000, 995_903), Enough);
        assert_eq!(scarcity(16, 7), Enough);
        assert_eq!(scarcity(0, 3), ForFiles);
    }

    #[test]
    fn a_limit_that_does_not_cover_the_sessions_is_told() {
        let with = |limit| Descriptors { limit, reserve: Mutex::default() };
        assert_eq!(with(Some(1_024)).too_few_for(Some(10_000)), Some(896));
        assert_eq!(with(Some(1_024)).too_few_for(None), Some(896));
        assert_eq!(with(Some(20_000)).too_few_for(Some(10_000)), None);
        assert_eq!(with(None).too_few_for(None), None);
    }

    #[tokio::test]
    async fn the_reserve_is_there_again_afterwards() {
        let descriptors = Descriptors::open();
        assert!(descriptors.with_reserve(async { descriptors.reserve.locked().take().is_none() }).await);
        assert!(descriptors.reserve.locked().take().is_some());
    }
}
