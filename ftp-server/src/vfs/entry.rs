//! The facts of a file in listings, and what an account may do with it (RFC 3659 7.5).

use ftp_proto::listing::{Entry, Kind, When};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;
use rustix::fs::{FileType, Stat};
use rustix::process::{getegid, geteuid, getgroups};

/// What the account may do, and this process on its behalf.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    pub(super) read_only: bool,
    user: u32,
    groups: Vec<u32>,
}

impl Rights {
    pub(super) fn new(read_only: bool) -> Self {
        let groups = getgroups().unwrap_or_default().into_iter().chain([getegid()]);
        Self { read_only, user: geteuid().as_raw(), groups: groups.map(|group| group.as_raw()).collect() }
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

    fn writes(&self, stat: &Stat, bits: u32) -> bool {
        !self.read_only && self.gives(stat, bits)
    }
}

/// The facts of `stat` under `name`; `parent` is the directory that holds it.
pub(super) fn entry(name: PathName, stat: &Stat, parent: Option<&Stat>, rights: &Rights) -> Entry {
    let kind = kind(stat);
    Entry {
        size: (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
        modified: Some(When(stat.st_mtime)),
        mode: Some(stat.st_mode & 0o7777),
        perm: Some(perm(kind, stat, parent, rights)),
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
fn perm(kind: Kind, stat: &Stat, parent: Option<&Stat>, rights: &Rights) -> String {
    let removable = parent.is_some_and(|parent| rights.writes(parent, 3));
    let letters: &[(char, bool)] = match kind {
        Kind::Directory | Kind::Current | Kind::Parent => &[
            ('c', rights.writes(stat, 3)),
            ('d', removable),
            ('e', rights.gives(stat, 1)),
            ('f', removable),
            ('l', rights.gives(stat, 5)),
            ('m', rights.writes(stat, 3)),
            ('p', rights.writes(stat, 3)),
        ],
        Kind::File => &[
            ('a', rights.writes(stat, 2)),
            ('d', removable),
            ('f', removable),
            ('r', rights.gives(stat, 4)),
            ('w', rights.writes(stat, 2)),
        ],
        Kind::Link | Kind::Other => &[('d', removable), ('f', removable)],
    };
    letters.iter().filter(|(_, given)| *given).map(|(letter, _)| letter).collect()
}
