//! The files as one account sees them: what a path means, what may be done with it, and how a name gets another one.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_proto::command::{FileNumbers, FileToSend};
use ftp_proto::digest::Algorithm;
use ftp_proto::listing::{Entry, Kind, list_line};
use ftp_proto::reply::LeftOut;
use ftp_proto::server::Access;
use ftp_proto::server::ask::{FileAnswer, FileAsk, FileFailure, FileIdentity, Intent, ListStyle};
use ftp_proto::wire::{FileName, PathName};
use rustix::fd::OwnedFd;
use rustix::fs::{
    Access as Permission, AtFlags, Mode, OFlags, Stat, accessat, fstat, mkdirat, renameat, statat,
};
use rustix::io::Errno;

use super::copying::{Copying, Subject};
use super::durability::Durability;
use super::entry::{AccessRights, Detail, Process, entry, kind, regular};
use super::group::{GroupRequest, GroupSource, GroupTarget, HeldGroup, compare, look};
use super::list::{Listing, Mounted, Next};
use super::prepared::{PreparedTransfer, whole};
use super::quota::{RootQuota, id};
use super::root::{Located, Root};
use super::tree::Tree;
use super::upload::Target;
use super::{attributes, failure};

/// The root as one account sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct View {
    pub(super) tree: Arc<Tree>,
    access: Arc<Access>,
    /// Tells its writers of ranges from those of other accounts.
    account: Arc<[u8]>,
    process: Arc<Process>,
}

impl View {
    /// What an account with these rights sees. The session judges each operation by them
    /// ([`Access::missing`]); here they are only shown, as facts of files.
    pub fn new(tree: &Arc<Tree>, access: &Access) -> Self {
        Self {
            tree: Arc::clone(tree),
            access: Arc::new(access.clone()),
            account: Arc::default(),
            process: Arc::new(Process::current()),
        }
    }

    /// The same for the account with that name.
    #[must_use]
    pub fn of_account(self, name: &[u8]) -> Self {
        Self { account: Arc::from(name), ..self }
    }

    /// The roots in which the account may change something, each with its path.
    pub(super) fn places_to_change(&self) -> impl Iterator<Item = (PathName, &Arc<Root>)> {
        self.tree.places().filter(|(path, _)| !self.access.is_read_only_beneath(path))
    }

    /// What the account may do at `path`, as facts show it.
    pub(super) fn may(&self, path: &PathName) -> AccessRights {
        AccessRights::new(self.access.at(path), &self.process)
    }

    /// The path of a file for other programs of this host, which nothing keeps beneath the root.
    pub fn host_path_of(&self, path: &PathName) -> Option<PathBuf> {
        let found = self.tree.find(path).ok()?;
        found.root.host_path_of(&found.path)
    }

    /// Checks that a transfer is possible, and returns the size of a file to send. Changes nothing.
    ///
    /// # Errors
    /// There is no such file, or the account may not do that.
    pub fn prepare(
        &self,
        path: &PathName,
        intent: &Intent,
    ) -> Result<(PreparedTransfer, Option<u64>), FileFailure> {
        match intent {
            Intent::Send { range } => {
                let (file, size) = self.open_file(path)?;
                // RANG may begin anywhere: behind the end there is nothing to send.
                if range.length.is_none() && range.first > size {
                    return Err(FileFailure::BeyondEnd);
                }
                let whole = whole(size, *range, false, |room, at| file.read_at(room, at));
                let counted = if whole.is_some() { None } else { self.tree.find(path)?.quota.read(&file)? };
                Ok((PreparedTransfer::Send { file, range: *range, whole, counted }, Some(size)))
            }
            Intent::Replace | Intent::WriteAt { .. } | Intent::WriteRange { .. } | Intent::Append => {
                let found = self.tree.find(path)?;
                let at = found.root.locate(&found.path)?;
                let bounds = (found.quota, found.bounds);
                let target = Target::check(found.root, bounds, at, &self.account, intent)?;
                Ok((PreparedTransfer::Receive(target), None))
            }
            Intent::SendGroup { files, algorithm } => {
                let found = self.tree.find(path)?;
                let wanted = self.wanted(path, files, *algorithm);
                let source = GroupSource::open(found.root, found.path, wanted)?;
                Ok((PreparedTransfer::SendGroup(source), None))
            }
            Intent::StoreGroup { group, files, algorithm } => {
                let (found, mounts) = (self.tree.find(path)?, self.mounted_names(path));
                let target = GroupTarget::check(found, &mounts, *group, files, *algorithm)?;
                Ok((PreparedTransfer::ReceiveGroup(target), None))
            }
            // PROB is about no file, so the machine never asks for one.
            Intent::Probe(_) => Err(FileFailure::Other),
            Intent::List(style) => {
                let file_too = !matches!(style, ListStyle::Facts(_) | ListStyle::Matching { .. });
                let listing = self.listing(path, file_too)?;
                Ok((PreparedTransfer::List { listing, style: style.clone() }, None))
            }
        }
    }

    /// Answers a question about files as [`Self::answer`] does. New names of files and directories count as there as
    /// `durability` says.
    ///
    /// # Errors
    /// The same, or the names could not be synced.
    pub fn answer_durably(&self, ask: &FileAsk, durability: Durability) -> Result<FileAnswer, FileFailure> {
        let answer = self.answer(ask)?;
        if durability == Durability::Synced {
            if let FileAsk::Rename { to: path, .. } | FileAsk::MakeDirectory(path) = ask {
                self.sync_names(path)?;
            }
            // The old name is gone as well, where it stood in another directory.
            if let FileAsk::Rename { from, .. } = ask {
                self.sync_names(from)?;
            }
        }
        Ok(answer)
    }

    /// Waits until the names beside `path` are on stable storage.
    fn sync_names(&self, path: &PathName) -> Result<(), FileFailure> {
        match self.parent(path)? {
            Some((at, _)) => at.sync_names().map_err(failure),
            None => Ok(()),
        }
    }

    /// Answers a question about files. A hash is made of [`Self::subject`] instead.
    ///
    /// # Errors
    /// There is no such file, or the account may not do that.
    pub fn answer(&self, ask: &FileAsk) -> Result<FileAnswer, FileFailure> {
        match ask {
            FileAsk::Facts(path) => self.facts(path, path.clone()).map(FileAnswer::Entry),
            FileAsk::List(path, limit) => self.some_entries(path, *limit),
            FileAsk::Enter(path) => self.enter(path),
            FileAsk::MakeDirectory(path) => {
                let (at, quota) = self.parent(path)?.ok_or(FileFailure::Exists)?;
                at.may_be_made()?;
                let mode = Mode::from_raw_mode(0o777);
                quota
                    .add_name(|| mkdirat(at.dir, &*at.name, mode).map_err(failure))
                    .map(|()| FileAnswer::Done)
            }
            FileAsk::RemoveDirectory(path) => {
                let (at, quota) = self.parent(path)?.ok_or(FileFailure::Denied)?;
                done(at.remove(&quota, AtFlags::REMOVEDIR))
            }
            FileAsk::Remove(path) => {
                let (at, quota) = self.parent(path)?.ok_or(FileFailure::IsDirectory)?;
                done(at.remove(&quota, AtFlags::empty()))
            }
            FileAsk::RenameFrom(path) => {
                let (Located { dir, name, .. }, _) = self.parent(path)?.ok_or(FileFailure::Denied)?;
                let found = statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW).map_err(failure)?;
                Ok(FileAnswer::Identity(identity(&found)))
            }
            FileAsk::Rename { from, is, to } => self.rename(from, *is, to),
            FileAsk::CopyFrom(path) => self.open_file(path).map(|_| FileAnswer::Done),
            // It is made of `copying`.
            FileAsk::Copy { .. } => Err(FileFailure::Other),
            FileAsk::Change { path, modified, mode } => {
                let at = self.tree.find(path)?;
                attributes::change(at.root, &at.path, *modified, *mode)?;
                Ok(FileAnswer::Done)
            }
            FileAsk::Link { target, link } => {
                let (target, link) = (self.tree.find(target)?, self.tree.find(link)?);
                if !Arc::ptr_eq(target.root, link.root) {
                    return Err(FileFailure::LeadsUp);
                }
                let make = || attributes::link(link.root, &target.path, &link.path);
                link.quota.add_name(make).map(|()| FileAnswer::Done)
            }
            FileAsk::Look(path, names) => self.look(path, names).map(FileAnswer::LeftOut),
            FileAsk::Compare(path, files) => self.compare(path, files, |_, _| Ok(())),
            FileAsk::RemoveSame(path, files) => {
                let quota = self.tree.find(path)?.quota;
                self.compare(path, files, |dir, name| quota.unlink(dir, name, AtFlags::empty()))
            }
            // The session holds the groups.
            FileAsk::Keep(..) | FileAsk::Drop(_) => Err(FileFailure::Other),
            FileAsk::Space(path) => {
                let at = self.tree.find(path)?;
                let space = attributes::space(at.root, &at.path)?;
                let space = space.saturating_sub(at.bounds.keep_free);
                Ok(FileAnswer::Space(at.quota.remaining().map_or(space, |room| space.min(room))))
            }
            // It is done with `file_systems`.
            FileAsk::Sync => Err(FileFailure::Other),
            FileAsk::Hash { path, .. } => self.subject(path).map(|_| FileAnswer::Done),
        }
    }

    /// Opens a file that is to be hashed.
    ///
    /// # Errors
    /// It cannot be read, or somebody is writing it.
    pub fn subject(&self, path: &PathName) -> Result<Subject, FileFailure> {
        let (file, _) = self.open_file(path)?;
        Subject::new(file)
    }

    /// Begins a copy of the file `from` that will have the name `to`.
    ///
    /// # Errors
    /// The file cannot be read, somebody is writing it, or the name cannot be that of its copy.
    pub fn copying(
        &self,
        from: &PathName,
        to: &PathName,
        durability: Durability,
    ) -> Result<Copying, FileFailure> {
        let subject = self.subject(from)?;
        match self.prepare(to, &Intent::Replace)? {
            (PreparedTransfer::Receive(target), _) => Copying::begin(subject, target, durability),
            _ => Err(FileFailure::Other),
        }
    }

    /// A regular file for reading, and its size.
    fn open_file(&self, path: &PathName) -> Result<(File, u64), FileFailure> {
        let found = self.tree.find(path)?;
        // NONBLOCK: opening a FIFO must not wait for its writer.
        let fd = found.root.open_beneath(&found.path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(failure)?;
        let stat = fstat(&fd).map_err(failure)?;
        regular(&stat)?;
        Ok((File::from(fd), u64::try_from(stat.st_size).unwrap_or(0)))
    }

    fn facts(&self, path: &PathName, name: PathName) -> Result<Entry, FileFailure> {
        let may = self.may(path);
        let found = self.tree.find(path)?;
        let fd = found.root.open_beneath(&found.path, OFlags::PATH).map_err(failure)?;
        let parent = match found.root.parent(&found.path).map_err(failure)? {
            Some(at) => Some(fstat(&at.dir).map_err(failure)?),
            None => None,
        };
        Ok(entry(name, &fstat(&fd).map_err(failure)?, parent.as_ref(), &may))
    }

    /// Opens what `path` names. LIST and NLST take a file, too; MLSD does not (RFC 3659 7.2).
    fn listing(&self, path: &PathName, file_too: bool) -> Result<Listing, FileFailure> {
        let found = self.tree.find(path)?;
        match Listing::of_directory(found.root, self.may(path), found.path.clone()) {
            Err(Errno::NOTDIR) if file_too => {
                let name = PathName::from_wire(found.path.last()).map_err(|_| FileFailure::BadName)?;
                let file = self.facts(path, name)?;
                Ok(Listing::of_file(self.may(path), found.path, file))
            }
            listing => Ok(listing.map_err(failure)?.with_mounts(self.mounts_in(path))),
        }
    }

    /// The names in a directory that mean other directories.
    fn mounted_names(&self, path: &PathName) -> Vec<PathName> {
        self.tree.mounts_in(path).into_iter().map(|(name, _)| name).collect()
    }

    /// What is asked for in the directory `path`.
    pub(super) fn wanted(
        &self,
        path: &PathName,
        files: &Arc<[FileToSend]>,
        algorithm: Algorithm,
    ) -> GroupRequest {
        GroupRequest { files: Arc::clone(files), algorithm, mounts: self.mounted_names(path) }
    }

    /// Gives these files of a group their names in the directory `path`, and replaces nothing. The other files are
    /// removed. Returns which did not get their names, and why.
    ///
    /// # Errors
    /// `path` means another directory than PACK STORE has found, or the names could not be synced.
    pub fn keep(
        &self,
        group: HeldGroup,
        path: &PathName,
        numbers: &FileNumbers,
        durability: Durability,
    ) -> Result<Vec<(u16, LeftOut)>, FileFailure> {
        let found = self.tree.find(path)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let now = found.root.open_beneath(&found.path, flags).map_err(failure)?;
        group.keep(&now, numbers, durability)
    }

    /// Which of these names in a directory something has, by their numbers from 1.
    fn look(&self, path: &PathName, names: &[FileName]) -> Result<Vec<(u16, LeftOut)>, FileFailure> {
        let found = self.tree.find(path)?;
        let dir = found.root.open_beneath(&found.path, OFlags::PATH | OFlags::DIRECTORY).map_err(failure)?;
        Ok(look(&dir, &self.mounted_names(path), names))
    }

    /// Which of these files of a directory are what is said of them; `then` is done to those.
    fn compare(
        &self,
        path: &PathName,
        files: &[FileToSend],
        then: impl Fn(&OwnedFd, &[u8]) -> Result<(), Errno>,
    ) -> Result<FileAnswer, FileFailure> {
        let found = self.tree.find(path)?;
        let dir = found.root.open_beneath(&found.path, OFlags::PATH | OFlags::DIRECTORY).map_err(failure)?;
        let left = compare(&dir, &self.mounted_names(path), files, |name| then(&dir, name));
        let same = u16::try_from(files.len().saturating_sub(left.len())).map_err(|_| FileFailure::Other)?;
        Ok(FileAnswer::Compared { same, left })
    }

    /// The mounts right in a directory.
    fn mounts_in(&self, path: &PathName) -> Vec<Mounted> {
        let mounts = self.tree.mounts_in(path).into_iter();
        let mounted = |(name, root): (PathName, Arc<Root>)| {
            let slash: &[u8] = if path.as_bytes().ends_with(b"/") { b"" } else { b"/" };
            let at = PathName::from_wire([path.as_bytes(), slash, name.as_bytes()].concat());
            Some(Mounted { may: self.may(&at.ok()?), name, root })
        };
        mounts.filter_map(mounted).collect()
    }

    /// The entries of a directory as lines of `ls -l`, not more than `limit`.
    fn some_entries(&self, path: &PathName, limit: usize) -> Result<FileAnswer, FileFailure> {
        let (mut lines, mut omitted, today) = (Vec::new(), 0, Clock::today());
        let mut listing = self.listing(path, true)?;
        let more = loop {
            match listing.next_entry(Detail::Shown).map_err(unread)? {
                Next::Found(_) if lines.len() == limit => break true,
                Next::Found(entry) => lines.push(list_line(entry, today)),
                Next::Hidden => {}
                Next::Unknown(_) => {
                    listing.log_unseen();
                    return Err(FileFailure::Incomplete);
                }
                Next::Omitted(_) => omitted += 1,
                Next::End => break false,
            }
        };
        listing.log_unseen();
        Ok(FileAnswer::Lines { lines, more, omitted })
    }

    fn enter(&self, path: &PathName) -> Result<FileAnswer, FileFailure> {
        let found = self.tree.find(path)?;
        let dir = found.root.open_beneath(&found.path, OFlags::PATH | OFlags::DIRECTORY).map_err(failure)?;
        done(accessat(dir, ".", Permission::EXEC_OK, AtFlags::EACCESS))
    }

    /// The directory and the name of something to make, remove or rename. A symbolic link at the end
    /// means the link itself. `None` for a root; what holds a mount stays where it is.
    fn parent(&self, path: &PathName) -> Result<Option<(Located, RootQuota)>, FileFailure> {
        self.parent_beside(path, None)
    }

    /// The same, without opening a directory again that was opened for `other`, which is beneath the same root.
    fn parent_beside(
        &self,
        path: &PathName,
        other: Option<&Located>,
    ) -> Result<Option<(Located, RootQuota)>, FileFailure> {
        if self.tree.holds_mount(path) {
            return Ok(None);
        }
        let found = self.tree.find(path)?;
        let at = match other {
            Some(other) => found.root.parent_beside(&found.path, other),
            None => found.root.parent_to_change(&found.path),
        };
        let at = at.map_err(failure)?;
        if found.path.is_directory()
            && let Some(at) = &at
        {
            at.is_no_file()?;
        }
        Ok(at.map(|at| (at, found.quota)))
    }

    fn rename(
        &self,
        from: &PathName,
        is: Option<FileIdentity>,
        to: &PathName,
    ) -> Result<FileAnswer, FileFailure> {
        let roots = [self.tree.find(from)?.root, self.tree.find(to)?.root];
        let means_directory = self.tree.find(to)?.path.is_directory();
        let is_one_root = Arc::ptr_eq(roots[0], roots[1]);
        let (from, _) = self.parent(from)?.ok_or(FileFailure::Denied)?;
        let (to, quota) =
            self.parent_beside(to, Some(&from).filter(|_| is_one_root))?.ok_or(FileFailure::Exists)?;
        if !is_one_root {
            return Err(FileFailure::OtherRoot);
        }
        let now = from.stat().map_err(failure)?;
        if is.is_some_and(|is| now.is_none_or(|now| identity(&now) != is)) {
            return Err(FileFailure::NotFound);
        }
        rename(&from, &to, &quota, means_directory).map(|()| FileAnswer::Done)
    }
}

/// A directory cannot be read to its end.
fn unread(error: Errno) -> FileFailure {
    tracing::warn!(%error, "cannot read a directory to its end");
    FileFailure::Incomplete
}

/// What tells this file from every other one.
pub(super) const fn identity(stat: &Stat) -> FileIdentity {
    FileIdentity { device: stat.st_dev, number: stat.st_ino }
}

fn done(result: Result<(), Errno>) -> Result<FileAnswer, FileFailure> {
    result.map(|()| FileAnswer::Done).map_err(failure)
}

/// Gives `from` the name `to`, which may be one of a directory only if it had a slash at its end. A regular file at the new
/// name is replaced atomically; nothing else is replaced.
pub(super) fn rename(
    from: &Located,
    to: &Located,
    quota: &RootQuota,
    means_directory: bool,
) -> Result<(), FileFailure> {
    to.may_be_made()?;
    let old = from.stat().map_err(failure)?.ok_or(FileFailure::NotFound)?;
    match to.stat().map_err(failure)? {
        Some(there) if id(&there) == id(&old) => {}
        Some(there) if kind(&there) != Kind::File => return Err(FileFailure::Exists),
        Some(_) if kind(&old) == Kind::Directory => return Err(FileFailure::Exists),
        None if means_directory && kind(&old) != Kind::Directory => return Err(FileFailure::NotDirectory),
        Some(_) | None => {}
    }
    // Others may have renamed and made files meanwhile; under the lock of the quota nothing changes.
    let look = || replaced(from, to);
    match quota.remove_name(look, || renameat(&from.dir, &*from.name, &to.dir, &*to.name)) {
        // The root has several file systems; the name does not lead out.
        Err(Errno::XDEV) => Err(FileFailure::Other),
        // A directory cannot be moved into itself.
        Err(Errno::INVAL) => Err(FileFailure::BadName),
        other => other.map_err(failure),
    }
}

/// What stands at `to` and will be gone when `from` is renamed to it. Nothing, if both name one file.
fn replaced(from: &Located, to: &Located) -> Result<Option<Stat>, Errno> {
    let old = from.stat()?.ok_or(Errno::NOENT)?;
    Ok(to.stat()?.filter(|there| id(there) != id(&old)))
}
