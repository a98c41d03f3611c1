//! How much each root holds, and how much an account may store.
//!
//! A root is counted if a quota is about it: once, when its users are read, and from then on with each
//! change. What arrives is counted before it is written, under its temporary name too, so that no number of
//! uploads at the same time exceeds a quota. Bytes that were counted and not written are released.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ftp_io::copy::Budget;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Stat, fstat, statat, unlinkat};
use rustix::io::Errno;

use super::failure::{beyond, failure};

/// Names a file or directory of this host: its device and its inode.
pub(super) type Id = (u64, u64);

/// What a root holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Amount {
    /// The bytes of all regular files.
    pub(super) bytes: u64,
    /// All names: files, directories and links.
    pub(super) files: u64,
}

/// How much an account may store beneath all its directories; `None` means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QuotaLimits {
    /// The bytes of all regular files.
    pub bytes: Option<u64>,
    /// All names: files, directories and links.
    pub files: Option<u64>,
    /// The bytes of one file.
    pub file_bytes: Option<u64>,
}

/// What all counted roots hold.
#[derive(Debug, Default)]
pub(super) struct SharedCounts(Mutex<Counts>);

#[derive(Debug, Default)]
pub(super) struct Counts {
    roots: BTreeMap<Id, Amount>,
    /// Files that are being written.
    growing: HashMap<Id, Growing>,
    /// The number of the last of them.
    last: u64,
}

/// A file that is being written.
#[derive(Clone, Copy, Debug)]
struct Growing {
    /// Tells it from one that was written before.
    number: u64,
    /// How many of its bytes are counted.
    bytes: u64,
    /// Whether a [`GrowingFile`] exists: its transfer has not ended.
    is_open: bool,
    /// Whether its name is gone. The system has its bytes until the transfer ends, and so long they are counted.
    is_removed: bool,
}

/// The quota of one account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Quota {
    limits: QuotaLimits,
    /// The roots that the quota is about.
    roots: Vec<Id>,
}

/// The quota of an account in one root. If the root is not counted, it does nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct RootQuota(Option<Arc<CountedRoot>>);

#[derive(Debug)]
struct CountedRoot {
    counts: Arc<SharedCounts>,
    id: Id,
    quota: Quota,
}

/// A file that grows. It is the budget of the copy that writes it.
#[derive(Debug)]
pub(super) struct GrowingFile {
    root: Arc<CountedRoot>,
    file: Id,
    /// The number of the file among those that grow.
    number: u64,
    position: u64,
}

impl Quota {
    /// A quota of `limits` over `roots`.
    pub(super) fn new(limits: QuotaLimits, roots: Vec<Id>) -> Self {
        Self { limits, roots }
    }
}

impl QuotaLimits {
    /// Whether nothing has to be counted.
    pub const fn is_unlimited(&self) -> bool {
        self.bytes.is_none() && self.files.is_none()
    }
}

impl SharedCounts {
    /// Counts a root from now on. `held` is what it holds.
    pub(super) fn open(&self, root: Id, held: Amount) {
        self.lock().roots.insert(root, held);
    }

    /// Whether a root is counted.
    pub(super) fn has(&self, root: Id) -> bool {
        self.lock().roots.contains_key(&root)
    }

    /// What a root holds, as it is counted.
    #[cfg(test)]
    pub(super) fn held(&self, root: Id) -> Option<Amount> {
        self.lock().roots.get(&root).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody holds the lock now.
    #[cfg(test)]
    pub(super) fn is_locked(&self) -> bool {
        self.0.try_lock().is_err()
    }
}

impl Counts {
    /// What all roots of a quota hold.
    fn total(&self, quota: &Quota) -> Amount {
        let mut total = Amount::default();
        for held in quota.roots.iter().filter_map(|root| self.roots.get(root)) {
            total.bytes = total.bytes.saturating_add(held.bytes);
            total.files = total.files.saturating_add(held.files);
        }
        total
    }

    /// Counts more, if the quota has room for it.
    fn add(&mut self, root: Id, quota: &Quota, more: Amount) -> Result<(), FileFailure> {
        let total = self.total(quota);
        let exceeds = |held: u64, more: u64, limit: Option<u64>| {
            more > 0 && limit.is_some_and(|limit| held.saturating_add(more) > limit)
        };
        if exceeds(total.bytes, more.bytes, quota.limits.bytes) {
            return Err(FileFailure::QuotaBytes);
        }
        if exceeds(total.files, more.files, quota.limits.files) {
            return Err(FileFailure::QuotaFiles);
        }
        if let Some(held) = self.roots.get_mut(&root) {
            held.bytes = held.bytes.saturating_add(more.bytes);
            held.files = held.files.saturating_add(more.files);
        }
        Ok(())
    }

    fn subtract(&mut self, root: Id, less: Amount) {
        if let Some(held) = self.roots.get_mut(&root) {
            held.bytes = held.bytes.saturating_sub(less.bytes);
            held.files = held.files.saturating_sub(less.files);
        }
    }

    /// A name is gone. What is counted of a file that is being written is given back when its transfer has ended, and that is
    /// not its size now.
    fn remove(&mut self, root: Id, stat: &Stat) {
        let bytes = match self.growing.get_mut(&id(stat)) {
            Some(growing) if growing.is_open && !growing.is_removed => {
                growing.is_removed = true;
                0
            }
            Some(growing) if !growing.is_open => {
                let bytes = growing.bytes;
                self.growing.remove(&id(stat));
                bytes
            }
            Some(_) | None => size(stat),
        };
        self.subtract(root, Amount { bytes, files: 1 });
    }
}

impl RootQuota {
    /// The quota of an account with `quota` in `root`, counted in `counts`.
    pub(super) fn new(counts: &Arc<SharedCounts>, root: Id, quota: &Quota) -> Self {
        let counted = counts.has(root);
        Self(
            counted.then(|| {
                Arc::new(CountedRoot { counts: Arc::clone(counts), id: root, quota: quota.clone() })
            }),
        )
    }

    /// How many more bytes the quota permits; `None` if it permits any number.
    pub(super) fn remaining(&self) -> Option<u64> {
        let root = self.0.as_ref()?;
        let limit = root.quota.limits.bytes?;
        Some(limit.saturating_sub(root.counts.lock().total(&root.quota).bytes))
    }

    /// Makes a name with `make`, if the quota has room for it. No name is removed or replaced meanwhile.
    ///
    /// # Errors
    /// [`FileFailure::QuotaFiles`], or what `make` returns.
    pub(super) fn add_name<T>(
        &self,
        make: impl FnOnce() -> Result<T, FileFailure>,
    ) -> Result<T, FileFailure> {
        let Some(root) = &self.0 else { return make() };
        let mut counts = root.counts.lock();
        counts.add(root.id, &root.quota, ONE_NAME)?;
        make().inspect_err(|_| counts.subtract(root.id, ONE_NAME))
    }

    /// Makes a temporary name with `make`, which may wait. Nothing is ever renamed to such a name.
    ///
    /// # Errors
    /// [`FileFailure::QuotaFiles`], or what `make` returns.
    pub(super) fn add_temporary_name<T>(
        &self,
        make: impl FnOnce() -> Result<T, FileFailure>,
    ) -> Result<T, FileFailure> {
        let Some(root) = &self.0 else { return make() };
        root.counts.lock().add(root.id, &root.quota, ONE_NAME)?;
        make().inspect_err(|_| root.counts.lock().subtract(root.id, ONE_NAME))
    }

    /// Gives a file that is counted a new name with `rename`, which replaces nothing. No name is removed or
    /// replaced meanwhile.
    ///
    /// # Errors
    /// What `rename` returns.
    pub(super) fn change_name<T, E>(&self, rename: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _counts = self.0.as_ref().map(|root| root.counts.lock());
        rename()
    }

    /// Removes a name with `remove`. `look` returns the state of what it names, if it names
    /// something. Both run under one lock, so the counts do not change in between.
    ///
    /// # Errors
    /// What `look` or `remove` returns.
    pub(super) fn remove_name<T, E>(
        &self,
        look: impl FnOnce() -> Result<Option<Stat>, E>,
        remove: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(root) = &self.0 else { return remove() };
        let mut counts = root.counts.lock();
        let gone = look()?;
        let done = remove()?;
        if let Some(gone) = gone {
            counts.remove(root.id, &gone);
        }
        Ok(done)
    }

    /// Removes a name of a directory: of a file, or with `REMOVEDIR` of an empty directory.
    ///
    /// # Errors
    /// What the system returns.
    pub(super) fn unlink(&self, dir: &OwnedFd, name: &[u8], flags: AtFlags) -> Result<(), Errno> {
        let look = || statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(Some);
        self.remove_name(look, || unlinkat(dir, name, flags))
    }

    /// A file begins to be written at `position`. `None` if it is not counted.
    ///
    /// # Errors
    /// The state of the file cannot be told.
    pub(super) fn grow(&self, file: impl AsFd, position: u64) -> Result<Option<GrowingFile>, FileFailure> {
        let Some(root) = &self.0 else { return Ok(None) };
        let mut counts = root.counts.lock();
        // Names are removed under the same lock: a file without a name is not counted any more.
        let stat = fstat(file).map_err(failure)?;
        counts.last += 1;
        let number = counts.last;
        if stat.st_nlink > 0 {
            let growing = Growing { number, bytes: size(&stat), is_open: true, is_removed: false };
            counts.growing.insert(id(&stat), growing);
        }
        Ok(Some(GrowingFile { root: Arc::clone(root), file: id(&stat), number, position }))
    }

    /// A file that is being written was cut off at its start.
    pub(super) fn truncated(&self, file: &Stat) {
        if let Some(root) = &self.0 {
            let mut counts = root.counts.lock();
            if let Some(counted) = counts.growing.get_mut(&id(file)) {
                let bytes = std::mem::take(&mut counted.bytes);
                counts.subtract(root.id, Amount { bytes, files: 0 });
            }
        }
    }

    /// A file is no longer written; `now` is its state at the end. What was counted and not written is
    /// given back.
    pub(super) fn settle(&self, now: &Stat) {
        if let Some(root) = &self.0 {
            let mut counts = root.counts.lock();
            if let Some(counted) = counts.growing.remove(&id(now)) {
                let kept = if counted.is_removed { 0 } else { size(now) };
                counts.subtract(root.id, Amount { bytes: counted.bytes.saturating_sub(kept), files: 0 });
            }
        }
    }
}

impl Budget for GrowingFile {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        let mut counts = self.root.counts.lock();
        // If its name is gone, the transfer ends.
        let growing = counts.growing.get(&self.file).copied();
        let growing = growing.filter(|growing| growing.number == self.number && !growing.is_removed);
        let growing = growing.ok_or(Errno::STALE)?;
        let end = self.position.saturating_add(bytes);
        let more = end.saturating_sub(growing.bytes);
        counts.add(self.root.id, &self.root.quota, Amount { bytes: more, files: 0 }).map_err(beyond)?;
        counts.growing.insert(self.file, Growing { bytes: growing.bytes.max(end), ..growing });
        drop(counts);
        self.position = end;
        Ok(())
    }
}

impl Drop for GrowingFile {
    fn drop(&mut self) {
        let mut counts = self.root.counts.lock();
        let Some(growing) = counts.growing.get_mut(&self.file) else { return };
        if growing.number != self.number {
            return;
        }
        growing.is_open = false;
        if growing.is_removed {
            let bytes = growing.bytes;
            counts.growing.remove(&self.file);
            counts.subtract(self.root.id, Amount { bytes, files: 0 });
        }
    }
}

/// One more name.
const ONE_NAME: Amount = Amount { bytes: 0, files: 1 };

/// The device and the inode of a file.
pub(super) fn id(stat: &Stat) -> Id {
    (stat.st_dev, stat.st_ino)
}

/// The bytes that a name counts with: those of a regular file.
pub(super) fn size(stat: &Stat) -> u64 {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => u64::try_from(stat.st_size).unwrap_or(0),
        FileType::Directory
        | FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => 0,
    }
}
