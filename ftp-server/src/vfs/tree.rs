//! The view of a user: a root with other directories at paths in it (mounts). Each of them is a root of its
//! own, and no path leads out of it.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ftp_io::lock::Lock;
use ftp_proto::server::ask::FileFailure;
use ftp_proto::server::is_partial;
use ftp_proto::wire::PathName;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};
use rustix::io::Errno;

use super::durability::Durability;
use super::partial_names::{PartialNames, remove_listed, remove_old};
use super::path::Beneath;
use super::quota::{Amount, Id, Quota, QuotaLimits, RootQuota, SharedCounts, size};
use super::root::Root;
use super::upload::UploadBounds;

/// The directories of one user. Users with the same directories share the roots.
#[derive(Clone, Debug)]
pub struct Tree {
    root: Arc<Root>,
    mounts: Vec<Mount>,
    counts: Arc<SharedCounts>,
    quota: Quota,
    /// Maximum size of a file.
    max_file: Option<u64>,
    /// Bytes that uploads leave free on each disk.
    keep_free: Arc<AtomicU64>,
}

/// A directory at a path in a tree.
#[derive(Clone, Debug)]
struct Mount {
    at: Beneath,
    root: Arc<Root>,
}

/// What a path means: a place beneath one of the roots of a tree.
#[derive(Clone, Debug)]
pub(super) struct Resolved<'a> {
    pub(super) root: &'a Arc<Root>,
    pub(super) path: Beneath,
    pub(super) quota: RootQuota,
    pub(super) bounds: UploadBounds,
}

/// The roots of all users, each opened once, and what they hold.
#[derive(Debug, Default)]
pub struct Roots {
    open: Mutex<HashMap<Id, Arc<Root>>>,
    /// By device: what is open in the file system of a root.
    watched: Mutex<HashMap<u64, Arc<OwnedFd>>>,
    counts: Arc<SharedCounts>,
    partial_names: Arc<PartialNames>,
    keep_free: Arc<AtomicU64>,
}

impl Roots {
    /// Opens a directory as a root. The same directory is the same root, whatever its path is.
    ///
    /// # Errors
    /// It is not a directory, or may not be entered.
    pub fn open(&self, dir: &Path) -> io::Result<Arc<Root>> {
        let mut opened = Root::open(dir)?;
        opened.partial_names = Arc::clone(&self.partial_names);
        let id = opened.id;
        let mut roots = self.open.locked();
        let new = || {
            opened.watched = self.watched(&opened);
            Arc::new(opened)
        };
        Ok(Arc::clone(roots.entry(id).or_insert_with(new)))
    }

    /// What is open in the file system of `root`.
    fn watched(&self, root: &Root) -> Option<Arc<OwnedFd>> {
        let mut watched = self.watched.locked();
        let device = root.id.0;
        if let Some(file) = watched.get(&device) {
            return Some(Arc::clone(file));
        }
        let file = Arc::new(root.open_to_sync()?);
        watched.insert(device, Arc::clone(&file));
        Some(file)
    }

    /// Lists the temporary names of all roots in the file `list` from now on, and removes what an earlier run
    /// has left, as far as it lies beneath a root that is open. With [`Durability::Synced`] a power failure
    /// takes nothing from the list.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn list_partial_names_in(&self, list: &Path, durability: Durability) -> io::Result<()> {
        let roots = self.all();
        for (name, directory) in self.partial_names.keep_in(list, durability)? {
            roots.iter().any(|root| remove_listed(root, &directory, &name, durability));
            self.partial_names.remove(&name);
        }
        Ok(())
    }

    /// Removes temporary files that are not being written and are older than a day. Takes as long as a search
    /// of all directories: call it from a thread of its own.
    pub fn remove_old_names(&self) {
        for root in self.all() {
            remove_old(&root);
        }
    }

    fn all(&self) -> Vec<Arc<Root>> {
        self.open.locked().values().cloned().collect()
    }

    /// A tree of one root.
    pub fn tree(&self, root: Arc<Root>) -> Tree {
        Tree {
            root,
            mounts: Vec::new(),
            counts: Arc::clone(&self.counts),
            quota: Quota::default(),
            max_file: None,
            keep_free: Arc::clone(&self.keep_free),
        }
    }

    /// Sets how many bytes uploads leave free on each disk.
    pub fn keep_free(&self, bytes: u64) {
        self.keep_free.store(bytes, Ordering::Relaxed);
    }
}

impl Tree {
    /// The same with a quota over all its directories. What they hold is counted now, if it was not counted
    /// before. Takes as long as a search of all directories: call it from a thread that may block.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn limited(mut self, limits: QuotaLimits) -> io::Result<Self> {
        self.max_file = limits.file_bytes;
        if limits.is_unlimited() {
            return Ok(self);
        }
        for root in self.roots().filter(|root| !self.counts.has(root.id)) {
            self.counts.open(root.id, count(root)?);
        }
        self.quota = Quota::new(limits, self.roots().map(|root| root.id).collect());
        Ok(self)
    }

    /// The same with another directory at `at`. What the tree had there is hidden.
    ///
    /// # Errors
    /// The path is the root, or cannot be one.
    pub fn mount(mut self, at: &PathName, root: Arc<Root>) -> Result<Self, FileFailure> {
        let at = Beneath::parse(at)?;
        if at.split().is_none() {
            return Err(FileFailure::BadName);
        }
        self.mounts.push(Mount { at, root });
        Ok(self)
    }

    /// What `path` means. The longest matching mount wins.
    pub(super) fn find(&self, path: &PathName) -> Result<Resolved<'_>, FileFailure> {
        let path = Beneath::parse(path)?;
        let holding = self.mounts.iter().filter_map(|mount| Some((mount, path.below(&mount.at)?)));
        let longest = holding.max_by_key(|(mount, _)| mount.at.as_bytes().len());
        let bounds = UploadBounds { file: self.max_file, keep_free: self.keep_free.load(Ordering::Relaxed) };
        let (root, path) = longest.map_or((&self.root, path), |(mount, path)| (&mount.root, path));
        Ok(Resolved { root, path, quota: self.quota(root), bounds })
    }

    /// The mounts right in the directory `path`, by their names.
    pub(super) fn mounts_in(&self, path: &PathName) -> Vec<(PathName, Arc<Root>)> {
        let Ok(path) = Beneath::parse(path) else { return Vec::new() };
        let here = self.mounts.iter().filter_map(|mount| {
            let (dir, name) = mount.at.split()?;
            (dir == path.as_bytes())
                .then(|| Some((PathName::from_wire(name).ok()?, Arc::clone(&mount.root))))?
        });
        here.collect()
    }

    /// The absolute path of each root.
    pub(super) fn places(&self) -> impl Iterator<Item = (PathName, &Arc<Root>)> {
        let mounts = self.mounts.iter().filter_map(|mount| {
            let path = [b"/", mount.at.as_bytes()].concat();
            Some((PathName::from_wire(path).ok()?, &mount.root))
        });
        std::iter::once((PathName::root(), &self.root)).chain(mounts)
    }

    /// Whether a mount lies beneath `path`, so that `path` must stay where it is.
    pub(super) fn holds_mount(&self, path: &PathName) -> bool {
        Beneath::parse(path).is_ok_and(|path| self.mounts.iter().any(|mount| mount.at.below(&path).is_some()))
    }

    /// What the first root holds, as it is counted.
    #[cfg(test)]
    pub(super) fn held(&self) -> Option<Amount> {
        self.counts.held(self.root.id)
    }

    fn quota(&self, root: &Root) -> RootQuota {
        RootQuota::new(&self.counts, root.id, &self.quota)
    }

    /// Every root of the tree.
    fn roots(&self) -> impl Iterator<Item = &Arc<Root>> {
        std::iter::once(&self.root).chain(self.mounts.iter().map(|mount| &mount.root))
    }
}

/// Counts what a root holds. Symbolic links are not followed, and what a killed server has left under
/// temporary names is not counted.
fn count(root: &Root) -> io::Result<Amount> {
    let mut held = Amount::default();
    let mut directories = vec![Beneath::root()];
    while let Some(path) = directories.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let mut dir = match root.open_beneath(&path, flags).and_then(Dir::new) {
            Ok(dir) => dir,
            // It was removed or replaced meanwhile.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(error) => return Err(error.into()),
        };
        while let Some(found) = dir.read() {
            let found = found?;
            let name = found.file_name().to_bytes();
            if matches!(name, b"." | b"..") || is_partial(name) {
                continue;
            }
            let Ok(stat) = statat(dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            held.files += 1;
            held.bytes = held.bytes.saturating_add(size(&stat));
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                directories.push(path.join(name));
            }
        }
    }
    Ok(held)
}
