//! One writer per file: an exclusive lock on the inode. The kernel keeps it between processes too, and
//! releases it with the last descriptor, however the writer ends. Those that write ranges of one part share it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_io::lock::Lock;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::failure;
use super::quota::Id;

/// Makes the caller the only writer until `file` is closed. Others may only look whether there is a writer, as those do who
/// hash the file. The caller waits until they have looked, at most about a second: a session that hashes a file again and
/// again refuses it to no writer.
///
/// # Errors
/// [`FileFailure::Busy`] if there is a writer.
pub(super) fn write(file: impl AsFd) -> Result<(), FileFailure> {
    write_after_looks(file, || std::thread::sleep(LOOK))
}

/// The same, with a pause after each try that has met somebody who looks.
fn write_after_looks(file: impl AsFd, mut pause: impl FnMut()) -> Result<(), FileFailure> {
    let mut tries = 0;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // A writer shares its lock with nobody.
            Err(Errno::WOULDBLOCK) if tries < MOST_TRIES && unwritten(&file).is_ok() => {
                tries += 1;
                pause();
            }
            locked => return locked.map_err(failure),
        }
    }
}

/// The files of a root of which ranges are written. All writers of a file have one lock together.
#[derive(Debug, Default)]
pub(super) struct RangeWriters(Mutex<HashMap<Id, SharedLock>>);

#[derive(Debug)]
struct SharedLock {
    /// Has the lock.
    _file: OwnedFd,
    /// Whose file it is now.
    account: Arc<[u8]>,
    writers: usize,
}

/// One of the writers of ranges of a file. Dropping it ends its share of the lock.
#[derive(Debug)]
pub(super) struct RangeWriter {
    all: Arc<RangeWriters>,
    file: Id,
}

impl RangeWriters {
    /// Makes the caller one of the writers of the file `id`, which `open` opens to lock it.
    ///
    /// # Errors
    /// [`FileFailure::Busy`] if there is a writer of another kind or of another account, [`FileFailure::RangeWriters`] if there
    /// are [`MOST_RANGE_WRITERS`].
    pub(super) fn enter(
        self: &Arc<Self>,
        id: Id,
        account: &Arc<[u8]>,
        open: impl Fn() -> Result<OwnedFd, FileFailure>,
    ) -> Result<RangeWriter, FileFailure> {
        for _ in 0..=MOST_TRIES {
            match self.try_enter(id, account, &open) {
                // Somebody looks at the lock. Others may come and go meanwhile.
                Err(FileFailure::Busy) if open().and_then(unwritten).is_ok() => std::thread::sleep(LOOK),
                entered => return entered,
            }
        }
        Err(FileFailure::Busy)
    }

    fn try_enter(
        self: &Arc<Self>,
        id: Id,
        account: &Arc<[u8]>,
        open: impl Fn() -> Result<OwnedFd, FileFailure>,
    ) -> Result<RangeWriter, FileFailure> {
        match self.0.locked().entry(id) {
            Entry::Occupied(shared) if shared.get().account != *account => return Err(FileFailure::Busy),
            Entry::Occupied(shared) if shared.get().writers >= MOST_RANGE_WRITERS => {
                return Err(FileFailure::RangeWriters);
            }
            Entry::Occupied(mut shared) => shared.get_mut().writers += 1,
            Entry::Vacant(none) => {
                let file = open()?;
                flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(failure)?;
                none.insert(SharedLock { _file: file, account: Arc::clone(account), writers: 1 });
            }
        }
        Ok(RangeWriter { all: Arc::clone(self), file: id })
    }
}

impl Drop for RangeWriter {
    fn drop(&mut self) {
        // The lock is released before anybody else can ask for it.
        if let Entry::Occupied(mut shared) = self.all.0.locked().entry(self.file) {
            shared.get_mut().writers -= 1;
            if shared.get().writers == 0 {
                shared.remove();
            }
        }
    }
}

/// How many sessions may write ranges of one file at the same time.
pub(super) const MOST_RANGE_WRITERS: usize = 16;

/// A look at a lock takes less.
const LOOK: Duration = Duration::from_millis(1);
/// The largest number of pauses. Another program may keep a lock that it shares.
const MOST_TRIES: u32 = 1000;

/// Waits for the lock. This blocks only while a sweep checks the file.
///
/// # Errors
/// The file system has no locks.
pub(super) fn write_waiting(file: impl AsFd) -> Result<(), FileFailure> {
    flock(file, FlockOperation::LockExclusive).map_err(failure)
}

/// Checks that the file is not being written in place. It keeps no lock, because a session that reads or
/// hashes must not stop a writer.
///
/// # Errors
/// [`FileFailure::Busy`] if there is a writer.
pub(super) fn unwritten(file: impl AsFd) -> Result<(), FileFailure> {
    flock(&file, FlockOperation::NonBlockingLockShared).map_err(failure)?;
    flock(file, FlockOperation::Unlock).map_err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    #[test]
    fn a_writer_waits_for_those_who_look_and_never_for_a_writer() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let open = || File::open(named.path()).unwrap();
        let lock = |how| {
            let file = open();
            flock(&file, how).unwrap();
            Some(file)
        };
        for (other, leaves_after, expect, pauses) in [
            (FlockOperation::LockShared, 3, true, 3),
            (FlockOperation::LockShared, u32::MAX, false, MOST_TRIES),
            (FlockOperation::LockExclusive, u32::MAX, false, 0),
        ] {
            let (mut other, mut paused) = (lock(other), 0);
            let written = write_after_looks(open(), || {
                paused += 1;
                if paused == leaves_after {
                    other = None;
                }
            });
            assert_eq!((written.is_ok(), paused), (expect, pauses), "{other:?}: {written:?}");
        }
    }

    #[test]
    fn whoever_looks_again_and_again_refuses_a_file_to_no_writer() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let file = File::open(named.path()).unwrap();
                    while !is_over.load(Relaxed) {
                        // While there is a writer, it is busy for those who look.
                        let _ = unwritten(&file);
                    }
                });
            }
            for number in 0..500 {
                let written = write(File::open(named.path()).unwrap());
                is_over.store(written.is_err() || number == 499, Relaxed);
                written.unwrap();
            }
        });
    }
}
