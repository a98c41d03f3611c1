//! How much each root holds, and how much an account may store.
//!
//! A root is counted if a quota is about it: once, when its users are read, and from then on with each
//! change. What arrives is counted before it is written, under its temporary name too, so that no number of
//! uploads at the same time exceeds a quota. Bytes that were counted and not written are released.
//!
//! The system has the bytes of a file until the last transfer has closed it, whether it has names or not, and so long they are
//! counted.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex};

use ftp_io::copy::{Budget, Meter};
use ftp_io::lock::Lock;
use ftp_proto::server::ask::FileFailure;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Stat, fstat, statat, unlinkat};
use rustix::io::Errno;

use super::{beyond, failure};

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
struct Counts {
    roots: BTreeMap<Id, Amount>,
    open_files: OpenFiles,
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

/// A file that a transfer has open. It is counted until the last clone is dropped, whether it has a name or not.
#[derive(Clone, Debug)]
pub struct CountedFile(Arc<OpenMark>);

#[derive(Debug)]
struct OpenMark {
    root: Arc<CountedRoot>,
    file: Id,
}

/// A file that grows. It is the budget of the copy that writes it.
#[derive(Debug)]
pub(super) struct GrowingFile {
    file: CountedFile,
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
        self.0.locked().roots.insert(root, held);
    }

    /// Whether a root is counted.
    pub(super) fn has(&self, root: Id) -> bool {
        self.0.locked().roots.contains_key(&root)
    }

    /// What a root holds, as it is counted.
    #[cfg(test)]
    pub(super) fn held(&self, root: Id) -> Option<Amount> {
        self.0.locked().roots.get(&root).copied()
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

    /// Counts what the system holds anyway.
    fn add_without_limit(&mut self, root: Id, bytes: u64) {
        if let Some(held) = self.roots.get_mut(&root) {
            held.bytes = held.bytes.saturating_add(bytes);
        }
    }

    fn subtract(&mut self, root: Id, less: Amount) {
        if let Some(held) = self.roots.get_mut(&root) {
            held.bytes = held.bytes.saturating_sub(less.bytes);
            held.files = held.files.saturating_sub(less.files);
        }
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
        Some(limit.saturating_sub(root.counts.0.locked().total(&root.quota).bytes))
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
        let mut counts = root.counts.0.locked();
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
        root.counts.0.locked().add(root.id, &root.quota, ONE_NAME)?;
        make().inspect_err(|_| root.counts.0.locked().subtract(root.id, ONE_NAME))
    }

    /// Gives a file that is counted a new name with `rename`, which replaces nothing. No name is removed or
    /// replaced meanwhile.
    ///
    /// # Errors
    /// What `rename` returns.
    pub(super) fn change_name<T, E>(&self, rename: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _counts = self.0.as_ref().map(|root| root.counts.0.locked());
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
        let mut counts = root.counts.0.locked();
        let gone = look()?;
        let done = remove()?;
        if let Some(gone) = gone {
            let bytes = counts.open_files.remove_name(&gone);
            counts.subtract(root.id, Amount { bytes, files: 1 });
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

    /// A file is open to be written. `None` if it is not counted.
    ///
    /// # Errors
    /// The state of the file cannot be told.
    pub(super) fn write(&self, file: impl AsFd) -> Result<Option<CountedFile>, FileFailure> {
        let Some(root) = &self.0 else { return Ok(None) };
        let mut counts = root.counts.0.locked();
        // Names are removed under the same lock: a file without a name is not counted any more.
        let stat = fstat(file).map_err(failure)?;
        counts.open_files.write(&stat);
        Ok(Some(root.mark(&stat)))
    }

    /// A file is open to be read. `None` if it is not counted, or if no quota of bytes is about the account that reads.
    ///
    /// # Errors
    /// The state of the file cannot be told.
    pub(super) fn read(&self, file: impl AsFd) -> Result<Option<CountedFile>, FileFailure> {
        let limited = self.0.as_ref().filter(|root| root.quota.limits.bytes.is_some());
        let Some(root) = limited else { return Ok(None) };
        let mut counts = root.counts.0.locked();
        let stat = fstat(file).map_err(failure)?;
        let bytes = counts.open_files.read(&stat);
        counts.add_without_limit(root.id, bytes);
        Ok(Some(root.mark(&stat)))
    }

    /// A file that is being written was cut off at its start.
    pub(super) fn truncated(&self, file: &Stat) {
        if let Some(root) = &self.0 {
            let mut counts = root.counts.0.locked();
            let bytes = counts.open_files.truncate(id(file));
            counts.subtract(root.id, Amount { bytes, files: 0 });
        }
    }

    /// A file is no longer written; `now` is its state at the end. What was counted and not written is
    /// given back.
    pub(super) fn settle(&self, now: &Stat) {
        if let Some(root) = &self.0 {
            let mut counts = root.counts.0.locked();
            let (counted, bytes) = counts.open_files.settle(now);
            counts.subtract(root.id, Amount { bytes: counted, files: 0 });
            counts.add_without_limit(root.id, bytes);
        }
    }
}

impl CountedRoot {
    fn mark(self: &Arc<Self>, file: &Stat) -> CountedFile {
        CountedFile(Arc::new(OpenMark { root: Arc::clone(self), file: id(file) }))
    }
}

impl CountedFile {
    /// The budget of the copy that writes the file from `position` on.
    pub(super) fn growing(&self, position: u64) -> GrowingFile {
        GrowingFile { file: self.clone(), position }
    }

    /// `meter` is stopped when the last name of the file is removed.
    pub(super) fn stop_with_name(&self, meter: &Meter) {
        self.0.root.counts.0.locked().open_files.stop_with_name(self.0.file, meter);
    }

    /// Whether the last name of the file was removed.
    pub(super) fn is_unnamed(&self) -> bool {
        self.0.root.counts.0.locked().open_files.is_unnamed(self.0.file)
    }
}

impl Budget for GrowingFile {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        let OpenMark { root, file } = &*self.file.0;
        let mut counts = root.counts.0.locked();
        let end = self.position.saturating_add(bytes);
        // If its name is gone, the transfer ends.
        let more = counts.open_files.missing(*file, end).ok_or_else(|| beyond(FileFailure::Changed))?;
        counts.add(root.id, &root.quota, Amount { bytes: more, files: 0 }).map_err(beyond)?;
        counts.open_files.count(*file, more);
        drop(counts);
        self.position = end;
        Ok(())
    }
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        let mut counts = self.root.counts.0.locked();
        let bytes = counts.open_files.close(self.file);
        counts.subtract(self.root.id, Amount { bytes, files: 0 });
    }
}

/// One more name.
const ONE_NAME: Amount = Amount { bytes: 0, files: 1 };

/// Names a file or directory of this host: its device and its inode.
pub(super) type Id = (u64, u64);

/// All of them.
#[derive(Debug, Default)]
struct OpenFiles(HashMap<Id, OpenFile>);

#[derive(Debug, Default)]
struct OpenFile {
    /// How many transfers have it open.
    transfers: u32,
    /// What is counted of it while it is written.
    written: Option<WrittenFile>,
    /// The bytes that are counted of it although its last name is gone.
    unnamed: Option<u64>,
}

/// A file that is being written. Each of its names is counted with the bytes of the file; what is
/// written now is counted once until it is settled.
#[derive(Debug)]
struct WrittenFile {
    /// Its size when that began.
    first: u64,
    /// How many of its bytes are counted under one of its names.
    bytes: u64,
    /// How many transfers write it.
    writers: u32,
    /// They move the bytes. They are stopped when the last name is removed.
    meters: Vec<Meter>,
}

impl OpenFiles {
    /// A transfer opens a file to read it. Returns the bytes to count again, if its last name is gone already.
    fn read(&mut self, file: &Stat) -> u64 {
        let open = self.0.entry(id(file)).or_default();
        open.transfers += 1;
        if file.st_nlink > 0 || open.unnamed.is_some() {
            return 0;
        }
        open.unnamed = Some(size(file));
        size(file)
    }

    /// A transfer opens a file to write it.
    fn write(&mut self, file: &Stat) {
        let open = self.0.entry(id(file)).or_default();
        if open.transfers == 0 {
            open.written = None; // a writer that was dropped has left it
        }
        open.transfers += 1;
        if file.st_nlink == 0 {
            open.unnamed.get_or_insert(0);
            return;
        }
        let new = || WrittenFile { first: size(file), bytes: size(file), writers: 0, meters: Vec::new() };
        open.written.get_or_insert_with(new).writers += 1;
    }

    /// `meter` is stopped when the last name of a file that is being written is removed.
    fn stop_with_name(&mut self, file: Id, meter: &Meter) {
        match self.0.get_mut(&file) {
            Some(OpenFile { unnamed: Some(_), .. }) => meter.stop(),
            Some(OpenFile { written: Some(written), .. }) => written.meters.push(meter.clone()),
            Some(OpenFile { written: None, .. }) | None => {}
        }
    }

    /// How many bytes a file needs beyond what is counted, to be written up to `end`. `None` if it has no name
    /// any more, or is not being written.
    fn missing(&self, file: Id, end: u64) -> Option<u64> {
        let open = self.0.get(&file).filter(|open| open.unnamed.is_none())?;
        open.written.as_ref().map(|written| end.saturating_sub(written.bytes))
    }

    /// So many more bytes of a file that is being written are counted.
    fn count(&mut self, file: Id, more: u64) {
        if let Some(written) = self.0.get_mut(&file).and_then(|open| open.written.as_mut()) {
            written.bytes = written.bytes.saturating_add(more);
        }
    }

    /// A file that is being written was cut off at its start. Returns the bytes to give back.
    fn truncate(&mut self, file: Id) -> u64 {
        let written = self.0.get_mut(&file).and_then(|open| open.written.as_mut());
        written.map_or(0, |written| std::mem::take(&mut written.bytes))
    }

    /// A name of a file is gone; `file` is its state before. Returns the bytes to give back now.
    fn remove_name(&mut self, file: &Stat) -> u64 {
        let Some(open) = self.0.get_mut(&id(file)) else { return size(file) };
        if file.st_nlink > 1 {
            return open.written.as_ref().map_or(size(file), |written| written.first);
        }
        if open.unnamed.is_some() {
            return 0;
        }
        let written = open.written.take();
        let counted = written.as_ref().map_or(size(file), |written| written.bytes);
        if open.transfers == 0 {
            self.0.remove(&id(file));
            return counted;
        }
        open.unnamed = Some(counted);
        for meter in written.into_iter().flat_map(|written| written.meters) {
            meter.stop();
        }
        0
    }

    /// A file is no longer written by one transfer; `now` is its state. Returns the bytes that were counted and the bytes to
    /// count instead, under all its names, if that was the last one.
    fn settle(&mut self, now: &Stat) -> (u64, u64) {
        let Some(open) = self.0.get_mut(&id(now)) else { return (0, 0) };
        if let Some(written) = open.written.as_mut().filter(|written| written.writers > 1) {
            written.writers -= 1;
            return (0, 0);
        }
        let Some(WrittenFile { first, bytes, .. }) = open.written.take() else { return (0, 0) };
        let others = now.st_nlink.saturating_sub(1);
        let counted = bytes.saturating_add(first.saturating_mul(others));
        (counted, size(now).saturating_mul(others.saturating_add(1)))
    }

    /// A transfer has closed a file. Returns the bytes to give back.
    fn close(&mut self, file: Id) -> u64 {
        let Some(open) = self.0.get_mut(&file) else { return 0 };
        open.transfers = open.transfers.saturating_sub(1);
        if open.transfers > 0 || (open.written.is_some() && open.unnamed.is_none()) {
            return 0;
        }
        let unnamed = open.unnamed.unwrap_or(0);
        self.0.remove(&file);
        unnamed
    }

    /// Whether a file has lost its last name while it is open.
    fn is_unnamed(&self, file: Id) -> bool {
        self.0.get(&file).is_some_and(|open| open.unnamed.is_some())
    }
}

/// The device and the inode of a file.
pub(super) fn id(stat: &Stat) -> Id {
    (stat.st_dev, stat.st_ino)
}

/// The bytes that a name counts with: those of a regular file.
pub(super) fn size(stat: &Stat) -> u64 {
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    if is_file { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 }
}
