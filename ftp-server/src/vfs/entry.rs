//! The facts of a file in listings, and what an account may do with it (RFC 3659 7.5).

use std::sync::Arc;

use ftp_proto::listing::{Entry, Kind, Owner, When};
use ftp_proto::server::ask::FileFailure;
use ftp_proto::server::{Right, Rights};
use ftp_proto::wire::PathName;
use rustix::fs::{FileType, Stat};
use rustix::process::{getegid, geteuid, getgroups};

/// What is wanted of the entries of a listing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// What a line of LIST shows.
    Shown,
    /// All facts (RFC 3659 7.5).
    Facts,
}

/// What the account may do in one place, and this process on its behalf.
#[derive(Clone, Debug)]
pub(super) struct AccessRights {
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

impl AccessRights {
    /// What an account with these rights may do.
    pub(super) fn new(account: Rights, process: &Arc<Process>) -> Self {
        Self { account, process: Arc::clone(process) }
    }
}

/// All facts of `stat` under `name`; `parent` is the directory that holds it.
pub(super) fn entry(name: PathName, stat: &Stat, parent: Option<&Stat>, may: &AccessRights) -> Entry {
    let mut entry = Entry::new(name, kind(stat));
    describe(&mut entry, stat, parent, may);
    entry
}

/// Makes `entry` all facts of `stat`, under the name that it has. A listing may have a million of them, so no
/// memory is taken where `entry` has some.
pub(super) fn describe(entry: &mut Entry, stat: &Stat, parent: Option<&Stat>, may: &AccessRights) {
    describe_shown(entry, stat);
    write_perm(entry.perm.get_or_insert_default(), stat, parent, may);
    write_unique(entry.unique.get_or_insert_default(), stat);
    entry.version = (entry.kind == Kind::File).then(|| version(stat));
}

/// Makes `entry` what a line of LIST shows of `stat`, under the name that it has.
pub(super) fn describe_shown(entry: &mut Entry, stat: &Stat) {
    entry.kind = kind(stat);
    entry.size = (entry.kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0));
    entry.modified = Some(When(stat.st_mtime));
    entry.mode = Some(stat.st_mode & 0o7777);
    entry.owner = Some(Owner { user: stat.st_uid, group: stat.st_gid });
    entry.target = None;
}

/// Makes `entry` what is told of a file at which the server cannot look, under the name that it has: its type, as its
/// directory has that. A line of LIST shows permissions, so these are none.
///
/// Returns whether there is a type.
pub(super) fn describe_unseen(entry: &mut Entry, file: FileType, detail: Detail) -> bool {
    let name = std::mem::replace(&mut entry.name, PathName::root());
    let mode = (detail == Detail::Shown).then_some(0);
    *entry = Entry { mode, ..Entry::new(name, kind_of(file)) };
    file != FileType::Unknown
}

/// The `unique` fact.
pub(super) fn unique_of(stat: &Stat) -> String {
    let mut unique = String::new();
    write_unique(&mut unique, stat);
    unique
}

/// The `unique` fact with the version behind it.
pub(super) fn exact_identity_of(stat: &Stat) -> String {
    let mut identity = unique_of(stat);
    identity.push('.');
    push_hex(&mut identity, version(stat));
    identity
}

/// The version of a file: when it was changed last, or its name, its times or its rights, in nanoseconds.
fn version(stat: &Stat) -> u64 {
    let seconds = stat.st_ctime.cast_unsigned().wrapping_mul(1_000_000_000);
    seconds.wrapping_add(stat.st_ctime_nsec)
}

/// Writes the `unique` fact (RFC 3659 7.5.2): the device and the number of the file there, in hexadecimal digits.
fn write_unique(unique: &mut String, stat: &Stat) {
    unique.clear();
    push_hex(unique, stat.st_dev);
    unique.push('g');
    push_hex(unique, stat.st_ino);
}

/// Appends `number` without leading zeros, and without the machinery of formats.
fn push_hex(text: &mut String, number: u64) {
    let digits = number.checked_ilog2().map_or(1, |bits| bits / 4 + 1);
    for position in (0..digits).rev() {
        let digit = (number >> (4 * position) & 0xf) as u8;
        text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
}

/// The kind of file that `stat` describes.
pub(super) fn kind(stat: &Stat) -> Kind {
    kind_of(FileType::from_raw_mode(stat.st_mode))
}

/// The kind of a file of this type.
const fn kind_of(file: FileType) -> Kind {
    match file {
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
    match kind(stat) {
        Kind::File => Ok(()),
        Kind::Directory => Err(FileFailure::IsDirectory),
        Kind::Link | Kind::Other | Kind::Current | Kind::Parent => Err(FileFailure::NotRegular),
    }
}

/// Writes the `perm` fact (RFC 3659 7.5.5); its letters are in alphabetical order.
fn write_perm(perm: &mut String, stat: &Stat, parent: Option<&Stat>, may: &AccessRights) {
    let AccessRights { account, process } = may;
    let changes = parent.is_some_and(|parent| process.gives(parent, 3));
    let (removable, renamable) =
        (changes && account.has(Right::Delete), changes && account.has(Right::Rename));
    let letters: &[(char, bool)] = match kind(stat) {
        Kind::Directory | Kind::Current | Kind::Parent => &[
            ('c', account.has(Right::Write) && process.gives(stat, 3)),
            ('d', removable),
            ('e', process.gives(stat, 1)),
            ('f', renamable),
            ('l', account.has(Right::List) && process.gives(stat, 5)),
            ('m', account.has(Right::Mkdir) && process.gives(stat, 3)),
            ('p', account.has(Right::Delete) && process.gives(stat, 3)),
        ],
        Kind::File => &[
            ('a', account.has(Right::Append) && process.gives(stat, 2)),
            ('d', removable),
            ('f', renamable),
            ('r', account.has(Right::Read) && process.gives(stat, 4)),
            ('w', account.has(Right::Write) && process.gives(stat, 2)),
        ],
        Kind::Link | Kind::Other => &[('d', removable), ('f', renamable)],
    };
    perm.clear();
    perm.extend(letters.iter().filter(|(_, given)| *given).map(|(letter, _)| *letter));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_facts_have_the_digits_of_their_numbers() {
        for number in [0, 1, 9, 15, 16, 255, 0x1000, 0xfee1_dead, u64::MAX] {
            let mut text = String::new();
            push_hex(&mut text, number);
            assert_eq!(text, format!("{number:x}"));
        }
    }
}
