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

/// All facts of `stat` under `name`; `parent` is the directory that holds it.
pub(super) fn entry(name: PathName, stat: &Stat, parent: Option<&Stat>, may: &May) -> Entry {
    let shown = shown_entry(name, stat);
    Entry { perm: Some(perm(shown.kind, stat, parent, may)), unique: Some(unique(stat)), ..shown }
}

/// What a line of LIST shows of `stat` under `name`.
pub(super) fn shown_entry(name: PathName, stat: &Stat) -> Entry {
    let kind = kind(stat);
    Entry {
        size: (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
        modified: Some(When(stat.st_mtime)),
        mode: Some(stat.st_mode & 0o7777),
        ..Entry::new(name, kind)
    }
}

/// The `unique` fact (RFC 3659 7.5.2): the device and the number of the file there, in hexadecimal digits.
/// A listing may have a million of them, so it is made without the machinery of formats.
fn unique(stat: &Stat) -> String {
    let mut text = Vec::with_capacity(33);
    push_hex(&mut text, stat.st_dev);
    text.push(b'g');
    push_hex(&mut text, stat.st_ino);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends `number` without leading zeros.
fn push_hex(text: &mut Vec<u8>, number: u64) {
    let digits = number.checked_ilog2().map_or(1, |bits| bits / 4 + 1);
    for position in (0..digits).rev() {
        let digit = (number >> (4 * position) & 0xf) as u8;
        text.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
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
    let letters: &[(u8, bool)] = match kind {
        Kind::Directory | Kind::Current | Kind::Parent => &[
            (b'c', may.has(Right::Write) && may.gives(stat, 3)),
            (b'd', removable),
            (b'e', may.gives(stat, 1)),
            (b'f', renamable),
            (b'l', may.has(Right::List) && may.gives(stat, 5)),
            (b'm', may.has(Right::Mkdir) && may.gives(stat, 3)),
            (b'p', may.has(Right::Delete) && may.gives(stat, 3)),
        ],
        Kind::File => &[
            (b'a', may.has(Right::Append) && may.gives(stat, 2)),
            (b'd', removable),
            (b'f', renamable),
            (b'r', may.has(Right::Read) && may.gives(stat, 4)),
            (b'w', may.has(Right::Write) && may.gives(stat, 2)),
        ],
        Kind::Link | Kind::Other => &[(b'd', removable), (b'f', renamable)],
    };
    let perm = letters.iter().filter(|(_, given)| *given).map(|(letter, _)| *letter);
    String::from_utf8(perm.collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_facts_have_the_digits_of_their_numbers() {
        for number in [0, 1, 9, 15, 16, 255, 0x1000, 0xfee1_dead, u64::MAX] {
            let mut text = Vec::new();
            push_hex(&mut text, number);
            assert_eq!(String::from_utf8(text).unwrap(), format!("{number:x}"));
        }
    }
}
