//! Questions about files, and what becomes of them. All paths are absolute and normalised.

use crate::calendar::When;
use crate::command::{Direction, FileNumbers, FileToSend, FileToStore, GroupNumber};
use crate::digest::{Algorithm, Digest};
use crate::listing::{Entry, Pattern};
use crate::reply::LeftOut;
use crate::server::rights::Right;
use crate::wire::{ByteRange, FileName, PathName};
use std::borrow::Cow;
use std::sync::Arc;

/// What a transfer is to do with its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// RETR: send the file.
    Send {
        /// Which part of it.
        range: ByteRange,
    },
    /// STOR: write a new file and replace the old one with it in one step.
    Replace,
    /// STOR after REST n (n > 0) or RANG: write in place, and truncate nothing.
    WriteAt {
        /// Where the first byte goes, and how many there may be.
        range: ByteRange,
    },
    /// STOR after RANG to the name of a part ([`is_part_of_agent`](crate::server::is_part_of_agent)): write in place, also behind
    /// the end of the file and beside other such writers of the account, creating the file if there is none.
    WriteRange {
        /// Where the first byte goes, and how many there may be.
        range: ByteRange,
    },
    /// APPE: write in place at the end, creating the file if there is none.
    Append,
    /// PROB: nothing; only the data connection is wanted.
    Probe(Direction),
    /// LIST, NLST or MLSD: send a listing.
    List(ListStyle),
    /// PACK SEND: send these files of the directory, one behind the other
    /// ([`PackReader`](crate::coding::PackReader)).
    SendGroup {
        /// The files, in the order in which they are sent.
        files: Arc<[FileToSend]>,
        /// The algorithm of the digest of each file.
        algorithm: Algorithm,
    },
    /// PACK STORE: receive these files of the directory without their names, and hold them.
    StoreGroup {
        /// The number of the group, for [`FileAsk::Keep`] and [`FileAsk::Drop`].
        group: GroupNumber,
        /// The files, in the order in which they come.
        files: Arc<[FileToStore]>,
        /// The algorithm of the digest of each file.
        algorithm: Algorithm,
    },
}

/// What a command is about to upload, and a hook runs after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Uploading {
    /// STOR, APPE, STOU: a file.
    File,
    /// PACK KEEP: so many files of a group.
    Group(u16),
    /// SITE CPTO: a copy of a file.
    Copy,
    /// RNTO: what has this name until then gets another one. A hook runs unless it is a directory.
    Renamed(PathName),
}

impl Intent {
    /// The direction of the data, seen from this server.
    pub const fn direction(&self) -> Direction {
        match self {
            Self::Probe(direction) => *direction,
            Self::Send { .. } | Self::List(_) | Self::SendGroup { .. } => Direction::Send,
            Self::Replace
            | Self::WriteAt { .. }
            | Self::WriteRange { .. }
            | Self::Append
            | Self::StoreGroup { .. } => Direction::Receive,
        }
    }

    /// Whether a file gets its name or its bytes when it is done. A group waits for its names.
    pub const fn uploads(&self) -> bool {
        matches!(self, Self::Replace | Self::WriteAt { .. } | Self::WriteRange { .. } | Self::Append)
    }

    /// Whether it moves a group of small files (PACK).
    pub const fn is_group(&self) -> bool {
        matches!(self, Self::SendGroup { .. } | Self::StoreGroup { .. })
    }

    /// The right that a transfer needs at its path; for a group, at the path of each file.
    pub const fn needs(&self) -> Right {
        match self {
            Self::Send { .. } | Self::SendGroup { .. } | Self::Probe(Direction::Send) => Right::Read,
            Self::Replace
            | Self::WriteAt { .. }
            | Self::WriteRange { .. }
            | Self::StoreGroup { .. }
            | Self::Probe(Direction::Receive) => Right::Write,
            Self::Append => Right::Append,
            Self::List(_) => Right::List,
        }
    }
}

/// How the lines of a listing look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListStyle {
    /// LIST: the lines of `ls -l`.
    Long,
    /// NLST: each name as RETR takes it (E19).
    Names {
        /// What stands before each name: nothing, or `dir/`.
        prefix: Vec<u8>,
    },
    /// LIST or NLST of the names in a directory that match a pattern.
    Matching {
        /// Which names are listed.
        pattern: Pattern,
        /// How their lines look.
        style: Box<Self>,
    },
    /// MLSD with these facts; `None` is all of them.
    Facts(Option<Vec<String>>),
}

/// A question about files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileAsk {
    /// The facts of one entry -> [`FileAnswer::Entry`].
    Facts(PathName),
    /// A file or the entries of a directory, up to this number, for STAT on the control connection
    /// -> [`FileAnswer::Lines`].
    List(PathName, usize),
    /// Whether this is a directory that may be entered -> [`FileAnswer::Done`].
    Enter(PathName),
    /// Make a directory -> [`FileAnswer::Done`].
    MakeDirectory(PathName),
    /// Remove an empty directory -> [`FileAnswer::Done`].
    RemoveDirectory(PathName),
    /// Remove a file -> [`FileAnswer::Done`].
    Remove(PathName),
    /// Whether this exists and may be renamed -> [`FileAnswer::Identity`], or [`FileAnswer::Done`] if nothing tells files apart.
    RenameFrom(PathName),
    /// Rename. A regular file at the new name is replaced in one step -> [`FileAnswer::Done`].
    Rename {
        /// The old name.
        from: PathName,
        /// What had the old name when it was asked for, if that is known. Another file keeps its name.
        is: Option<FileIdentity>,
        /// The new name.
        to: PathName,
    },
    /// Whether this is a file that may be copied -> [`FileAnswer::Done`].
    CopyFrom(PathName),
    /// Copy a file. The copy gets its name when it is whole, and replaces a regular file of that name in one step
    /// -> [`FileAnswer::Copied`]. [`Ask::Stop`](super::Ask::Stop) ends it; then it is [`FileFailure::Stopped`], or done.
    Copy {
        /// The path of the file.
        from: PathName,
        /// The path of its copy.
        to: PathName,
    },
    /// Change facts of a file or directory -> [`FileAnswer::Done`].
    Change {
        /// The path of the file or directory.
        path: PathName,
        /// When it was modified last.
        modified: Option<When>,
        /// Its permission bits, up to 0777.
        mode: Option<u32>,
    },
    /// Make a symbolic link -> [`FileAnswer::Done`].
    Link {
        /// The absolute path that the link leads to. It need not exist.
        target: PathName,
        /// The link to be made.
        link: PathName,
    },
    /// Which of these names in a directory something has -> [`FileAnswer::LeftOut`].
    Look(PathName, Arc<[FileName]>),
    /// Which of these files in a directory are regular files with this size, time and identity; of a link it is not asked where
    /// it leads -> [`FileAnswer::Compared`].
    Compare(PathName, Arc<[FileToSend]>),
    /// Remove those of these files of a directory that are regular files with this size, time and identity; of a link it is not
    /// asked where it leads -> [`FileAnswer::Compared`], where those that are the same are removed.
    RemoveSame(PathName, Arc<[FileToSend]>),
    /// Give these files of a group, which the session holds, their names in the directory where PACK STORE has put them,
    /// if that is still the same one, and replace nothing. The other files are removed, and the group is held no more
    /// -> [`FileAnswer::LeftOut`], which tells of the files that did not get their names.
    Keep(GroupNumber, PathName, FileNumbers),
    /// Remove the files of a group that the session holds -> [`FileAnswer::Done`].
    Drop(GroupNumber),
    /// How many bytes may still be stored in a directory -> [`FileAnswer::Space`].
    Space(PathName),
    /// Bring everything that the account has stored, renamed or made in any session to stable storage
    /// -> [`FileAnswer::Done`].
    Sync,
    /// The digest of a file or of a part of it -> [`FileAnswer::Digest`]. A part that begins behind the end of
    /// the file is [`FileFailure::BeyondEnd`].
    Hash {
        /// The path of the file.
        path: PathName,
        /// How to compute the digest.
        algorithm: Algorithm,
        /// Which part of the file.
        range: ByteRange,
    },
}

impl FileAsk {
    /// What a question changes, if it changes something: its path, and the new name or the target of a
    /// link. What becomes of a group is told as transfers of its files; a copy, and each of many files that are removed, has an
    /// event of its own.
    pub const fn changes(&self) -> Option<(&PathName, Option<&PathName>)> {
        match self {
            Self::Facts(_)
            | Self::List(..)
            | Self::Enter(_)
            | Self::RenameFrom(_)
            | Self::CopyFrom(_)
            | Self::Copy { .. }
            | Self::Look(..)
            | Self::Compare(..)
            | Self::RemoveSame(..)
            | Self::Keep(..)
            | Self::Drop(_)
            | Self::Space(_)
            | Self::Sync
            | Self::Hash { .. } => None,
            Self::MakeDirectory(path)
            | Self::RemoveDirectory(path)
            | Self::Remove(path)
            | Self::Change { path, .. } => Some((path, None)),
            Self::Rename { from, to, .. } => Some((from, Some(to))),
            Self::Link { target, link } => Some((link, Some(target))),
        }
    }

    /// Whether a question changes files; a group that is dropped has none.
    pub const fn changes_files(&self) -> bool {
        matches!(self, Self::Keep(..) | Self::Copy { .. } | Self::RemoveSame(..)) || self.changes().is_some()
    }

    /// The rights that a question needs, each with the path where it is needed. The facts of one name (SIZE,
    /// MDTM, MLST, CWD, PACK SAME) need none, because a client that may write has to compare what was written.
    pub fn needs(&self) -> Vec<(Cow<'_, PathName>, Right)> {
        if let Self::RemoveSame(directory, files) = self {
            let paths = files.iter().map(|file| file.name.in_directory(directory));
            return paths.map(|path| (Cow::Owned(path), Right::Delete)).collect();
        }
        self.needs_of_names().into_iter().map(|(path, right)| (Cow::Borrowed(path), right)).collect()
    }

    /// The same of a question that has all its paths.
    fn needs_of_names(&self) -> Vec<(&PathName, Right)> {
        match self {
            Self::Facts(_)
            | Self::Enter(_)
            | Self::Space(_)
            | Self::Sync
            | Self::Look(..)
            | Self::Compare(..) => Vec::new(),
            // PACK STORE has asked for them.
            Self::Keep(..) | Self::Drop(_) | Self::RemoveSame(..) => Vec::new(),
            Self::Change { path, .. } => vec![(path, Right::Chmod)],
            Self::Link { link, .. } => vec![(link, Right::Write)],
            Self::List(path, _) => vec![(path, Right::List)],
            Self::MakeDirectory(path) => vec![(path, Right::Mkdir)],
            Self::RemoveDirectory(path) | Self::Remove(path) => vec![(path, Right::Delete)],
            Self::RenameFrom(path) => vec![(path, Right::Rename)],
            // A file at the new name is replaced.
            Self::Rename { from, to, .. } => {
                vec![(from, Right::Rename), (to, Right::Rename), (to, Right::Write)]
            }
            Self::Hash { path, .. } | Self::CopyFrom(path) => vec![(path, Right::Read)],
            Self::Copy { from, to } => vec![(from, Right::Read), (to, Right::Write)],
        }
    }
}

/// What tells a file from every other one of the server, whatever its name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileIdentity {
    /// The number of the file system.
    pub device: u64,
    /// The number of the file there.
    pub number: u64,
}

/// What a question about files found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileAnswer {
    /// It is done, and there is nothing to tell.
    Done,
    /// Which file it is.
    Identity(FileIdentity),
    /// The facts of one entry.
    Entry(Entry),
    /// Entries as the lines of `ls -l`.
    Lines {
        /// One line for each entry, without its end.
        lines: Vec<Vec<u8>>,
        /// Whether there were more entries.
        more: bool,
        /// How many names were left out because they hold CR, LF or NUL, which FTP cannot carry.
        omitted: u64,
    },
    /// What was left out of a group of files: their numbers, which count from 1, and why.
    LeftOut(Vec<(u16, LeftOut)>),
    /// What was found of files that were compared.
    Compared {
        /// How many are the same.
        same: u16,
        /// The others by their numbers, which count from 1, and why.
        left: Vec<(u16, LeftOut)>,
    },
    /// A number of bytes.
    Space(u64),
    /// How many bytes a copy has.
    Copied(u64),
    /// A digest, and the bytes that it was computed from; the length is known now.
    Digest(Digest, ByteRange),
}

/// Why an operation on a file failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum FileFailure {
    /// There is no such file or directory.
    #[error("No such file or directory")]
    NotFound,
    /// The server may not do that.
    #[error("Permission denied")]
    Denied,
    /// The account may only read.
    #[error("This account may only read")]
    ReadOnly,
    /// The account lacks this right at that path.
    #[error("This account may not {} here", .0.permits())]
    Lacks(Right),
    /// It is a directory, and a file is needed.
    #[error("Is a directory")]
    IsDirectory,
    /// It is not a directory, and one is needed.
    #[error("Not a directory")]
    NotDirectory,
    /// It is a device, a FIFO or a socket.
    #[error("Not a regular file")]
    NotRegular,
    /// The directory is not empty.
    #[error("Directory not empty")]
    NotEmpty,
    /// The name is taken already.
    #[error("File exists")]
    Exists,
    /// The name is reserved, too long, or leads outside.
    #[error("Name not allowed")]
    BadName,
    /// Somebody is writing the file.
    #[error("File is in use")]
    Busy,
    /// The restart point lies beyond the end of the file.
    #[error("Restart point beyond the end of the file")]
    BeyondEnd,
    /// There are more bytes than RANG has named.
    #[error("More bytes than RANG has named")]
    BeyondRange,
    /// The disk is full.
    #[error("No space left")]
    NoSpace,
    /// Nothing is left of the disk but what uploads have to leave free.
    #[error("No space left beyond what is kept free (keep-free)")]
    KeptFree,
    /// The two names lie in different directories of the operator's, between which nothing is renamed.
    #[error("Nothing can be renamed between these directories; copy it")]
    OtherRoot,
    /// The target of a link lies neither in the directory of the link nor below it.
    #[error("A link leads only to what lies in its own directory or below")]
    LeadsUp,
    /// The quota of bytes of the account is reached.
    #[error("Quota of bytes reached (quota-bytes)")]
    QuotaBytes,
    /// The quota of files, directories and links of the account is reached.
    #[error("Quota of files reached (quota-files)")]
    QuotaFiles,
    /// The quota of the file system is reached.
    #[error("Quota of the disk reached")]
    DiskQuota,
    /// The file is larger than the account permits.
    #[error("File larger than this account may store (max-file-size)")]
    MaxFileSize,
    /// The file is larger than the file system permits.
    #[error("File too large for the disk")]
    TooLarge,
    /// Too many hooks wait after uploads, and those of the account are too many of them.
    #[error("Too many uploads wait for their hooks (hooks-waiting); try again later")]
    HooksWait,
    /// As many transfers write ranges of this file as there may be at the same time.
    #[error("Too many transfers write ranges of this file; try again when one has ended")]
    RangeWriters,
    /// No session has to give way to one more group.
    #[error("Too many groups are held (held-groups); try again later")]
    HeldGroups,
    /// What came is not the stream of the group.
    #[error("What came is not the group of files that the command has named")]
    NotTheGroup,
    /// The path of a group means another directory than when its files came.
    #[error("Another directory has this path now, so nothing was named")]
    OtherDirectory,
    /// The file was replaced or changed during the operation.
    #[error("File changed during the operation")]
    Changed,
    /// Both names mean one file.
    #[error("Both names mean the same file")]
    SameFile,
    /// Something that the account has stored may not be on stable storage.
    #[error("Something may not be on stable storage: the disk has failed")]
    NotSynced,
    /// A listing lacks something that could not be looked at.
    #[error("The listing is incomplete: the server cannot look at everything here")]
    Incomplete,
    /// It was ended before it was done.
    #[error("Ended before it was done")]
    Stopped,
    /// Something else went wrong.
    #[error("Local error")]
    Other,
}

impl FileFailure {
    /// Those that the server or its disk has, whatever the client has asked for.
    pub const OF_THE_SERVER: [Self; 4] = [Self::NoSpace, Self::NotSynced, Self::Incomplete, Self::Other];

    /// Whether it is one of [`Self::OF_THE_SERVER`].
    pub fn is_of_the_server(self) -> bool {
        Self::OF_THE_SERVER.contains(&self)
    }
}
