//! The facts of a file in listings, and what an account may do with it (RFC 3659 7.5).

use std::sync::Arc;

use ftp_proto::listing::{Entry, Kind, When};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::server::{Right, Rights};
use ftp_proto::wire::PathName;
use rustix::fs::{FileType, Stat};
use rustix::process::{getegid, geteuid, getgroups};

/// What the account may do in one place, and this process on its behalf.
#[derive(Clone, Debug)]
pub(super) struct May {
    account: Rights,
    process: Arc<Process>,
}

/// Who this process is.
#[derive(Debug)]
pub(super) struct Process {
    user: u32,
    groups: Vec<u32>,
}

impl Process {
    /// Asks the system who this process is.
    pub(super) fn current() -> Self {
        let groups = getgroups().unwrap_or_default().into_iter().chain([getegid()]);
        Self { user: geteuid().as_raw(), groups: groups.map(|group| group.as_raw()).collect() }
    }

    /// Whether the permission bits give this process all of `bits` (4 read, 2 write, 1 search).
    fn gives(&self, stat: &Stat, bits: u32) -> bool {
        let position = match () {
            () if self.user == 0 => return true,
            () if stat.st_uid == self.user => 6,
            () if self.groups.contains(&stat.st_gid) => 3,
            () => 0,
        };
        (stat.st_mode >> position) & bits == bits
    }
}

impl May {
    /// What an account with these rights may do.
    pub(super) fn new(account: Rights, process: &Arc<Process>) -> Self {
        Self { account, process: Arc::clone(process) }
    }

    fn gives(&self, stat: &Stat, bits: u32) -> bool {
        self.process.gives(stat, bits)
    }

    fn has(&self, right: Right) -> bool {
        self.account.has(right)
    }
}

/// The facts of `stat` under `name`; `parent` is the directory that holds it.
pub(super) fn entry(name: PathName, stat: &Stat, parent: Option<&Stat>, may: &May) -> Entry {
    let kind = kind(stat);
    Entry {
        size: (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
        modified: Some(When(stat.st_mtime)),
        mode: Some(stat.st_mode & 0o7777),
        perm: Some(perm(kind, stat, parent, may)),
        unique: Some(format!("{:x}g{:x}", stat.st_dev, stat.st_ino)),
        ..Entry::new(name, kind)
    }
}

/// The kind of file that `stat` describes.
pub(super) fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Kind::Other,
    }
}

/// Refuses what is not a regular file.
pub(super) fn regular(stat: &Stat) -> Result<(), FileFailure> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(FileFailure::IsDirectory),
        FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Err(FileFailure::NotRegular),
    }
}

/// The `perm` fact (RFC 3659 7.5.5); its letters are in alphabetical order.
fn perm(kind: Kind, stat: &Stat, parent: Option<&Stat>, may: &May) -> String {
    let changes = parent.is_some_and(|parent| may.gives(parent, 3));
    let (removable, renamable) = (changes && may.has(Right::Delete), changes && may.has(Right::Rename));
    let letters: &[(char, bool)] = match kind {
        Kind::Directory | Kind::Current | Kind::Parent => &[
            ('c', may.has(Right::Write) && may.gives(stat, 3)),
            ('d', removable),
            ('e', may.gives(stat, 1)),
            ('f', renamable),
            ('l', may.has(Right::List) && may.gives(stat, 5)),
            ('m', may.has(Right::Mkdir) && may.gives(stat, 3)),
            ('p', may.has(Right::Delete) && may.gives(stat, 3)),
        ],
        Kind::File => &[
            ('a', may.has(Right::Append) && may.gives(stat, 2)),
            ('d', removable),
            ('f', renamable),
            ('r', may.has(Right::Read) && may.gives(stat, 4)),
            ('w', may.has(Right::Write) && may.gives(stat, 2)),
        ],
        Kind::Link | Kind::Other => &[('d', removable), ('f', renamable)],
    };
    letters.iter().filter(|(_, given)| *given).map(|(letter, _)| letter).collect()
}
