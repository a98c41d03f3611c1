//! Files in memory, with the semantics that the server machine's contract promises: a received file
//! is written beside its target and renamed over it, so that nobody ever sees a half one there.

use ftp_proto::command::Partial;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::server::ask::{FileAnswer, FileAsk, FileFailure, Intent};
use ftp_proto::wire::PathName;
use std::collections::{BTreeMap, BTreeSet};

/// One server's files.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<PathName, Vec<u8>>,
    /// How often each file was put there: its identity.
    versions: BTreeMap<PathName, u32>,
    /// Writing is refused.
    pub(super) read_only: bool,
    /// Files that may not be written.
    refused: BTreeSet<PathName>,
    /// A received file fails beyond so many bytes.
    pub(super) space: Option<usize>,
}

/// What was prepared for a move.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) path: PathName,
    pub(super) intent: Intent,
}

/// A file that is being received.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    path: PathName,
    /// `None` writes in place.
    temporary: Option<Vec<u8>>,
    existed: bool,
    at: usize,
    partial: Partial,
}

impl Disk {
    pub(super) fn put(&mut self, path: &PathName, bytes: Vec<u8>) {
        self.files.insert(path.clone(), bytes);
        *self.versions.entry(path.clone()).or_default() += 1;
    }

    pub(super) fn remove(&mut self, path: &PathName) {
        self.files.remove(path);
    }

    /// Nobody may write this file.
    pub(super) fn refuse(&mut self, path: &PathName) {
        self.refused.insert(path.clone());
    }

    /// Whether nobody may write this file.
    pub(super) fn refuses(&self, path: &PathName) -> bool {
        self.refused.contains(path)
    }

    /// The identity of a file, as its listing tells it.
    pub(super) fn unique(&self, path: &PathName) -> String {
        format!("v{}", self.versions.get(path).copied().unwrap_or(0))
    }

    pub(super) fn get(&self, path: &PathName) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &PathName> {
        self.files.keys()
    }

    /// Checks that a transfer may happen; touches nothing (RFC 614.3).
    pub(super) fn prepare(&self, path: &PathName, intent: &Intent) -> Result<Option<u64>, FileFailure> {
        let size = self.files.get(path).map(Vec::len);
        match intent {
            Intent::Send { range } => {
                let size = size.ok_or(FileFailure::NotFound)? as u64;
                if range.first > size { Err(FileFailure::BeyondEnd) } else { Ok(Some(size)) }
            }
            Intent::SendGroup { .. } => Ok(None),
            _ if self.read_only || self.refused.contains(path) => Err(FileFailure::Denied),
            Intent::WriteAt { range } if range.first > size.unwrap_or(0) as u64 => {
                Err(FileFailure::BeyondEnd)
            }
            Intent::WriteAt { .. }
            | Intent::WriteRange { .. }
            | Intent::Replace
            | Intent::Append
            | Intent::StoreGroup { .. }
            | Intent::Probe(_)
            | Intent::List(_) => Ok(None),
        }
    }

    /// What a prepared sending sends.
    pub(super) fn read(&self, prepared: &Prepared) -> Result<Vec<u8>, FileFailure> {
        let Intent::Send { range } = prepared.intent else { return Ok(Vec::new()) };
        let file = self.files.get(&prepared.path).ok_or(FileFailure::NotFound)?;
        Ok(file.iter().skip(usize::try_from(range.first).unwrap_or(usize::MAX)).copied().collect())
    }

    /// Opens what a prepared receiving writes to.
    pub(super) fn create(&mut self, prepared: &Prepared, partial: Partial) -> Result<Incoming, FileFailure> {
        let old = self.files.get(&prepared.path);
        let existed = old.is_some();
        let (temporary, at) = match prepared.intent {
            Intent::WriteAt { range } | Intent::WriteRange { range } => {
                (None, usize::try_from(range.first).unwrap_or(usize::MAX))
            }
            Intent::Append => (None, old.map_or(0, Vec::len)),
            Intent::Replace
            | Intent::Send { .. }
            | Intent::Probe(_)
            | Intent::SendGroup { .. }
            | Intent::StoreGroup { .. }
            | Intent::List(_) => (Some(Vec::new()), 0),
        };
        if temporary.is_none() {
            self.files.entry(prepared.path.clone()).or_default();
        }
        Ok(Incoming { path: prepared.path.clone(), temporary, existed, at, partial })
    }

    /// Writes what has arrived.
    pub(super) fn write(&mut self, incoming: &mut Incoming, bytes: &[u8]) -> Result<(), FileFailure> {
        if self.space.is_some_and(|space| incoming.at + bytes.len() > space) {
            return Err(FileFailure::NoSpace);
        }
        let file = match &mut incoming.temporary {
            Some(file) => file,
            None => self.files.get_mut(&incoming.path).ok_or(FileFailure::Changed)?,
        };
        let end = incoming.at + bytes.len();
        file.resize(file.len().max(end), 0);
        let room = file.get_mut(incoming.at..end).ok_or(FileFailure::Other)?;
        room.copy_from_slice(bytes);
        incoming.at = end;
        Ok(())
    }

    /// The whole file is there: it gets its name.
    pub(super) fn finish(&mut self, incoming: Incoming) {
        if let Some(bytes) = incoming.temporary {
            self.files.insert(incoming.path, bytes);
        }
    }

    /// It broke: an old file stays; where there was none the first part may stand under the name.
    pub(super) fn give_up(&mut self, incoming: Incoming) {
        let Some(bytes) = incoming.temporary else { return };
        let publish = incoming.partial != Partial::Discard;
        if publish && !incoming.existed && !self.files.contains_key(&incoming.path) {
            self.files.insert(incoming.path, bytes);
        }
    }

    /// A question about files.
    pub(super) fn answer(&self, ask: &FileAsk) -> Result<FileAnswer, FileFailure> {
        match ask {
            FileAsk::Enter(_) | FileAsk::Sync => Ok(FileAnswer::Done),
            FileAsk::RenameFrom(path) if self.files.contains_key(path) => Ok(FileAnswer::Done),
            FileAsk::Facts(path) if self.files.contains_key(path) => {
                let size = self.files.get(path).map(|file| file.len() as u64);
                Ok(FileAnswer::Entry(Entry { size, ..Entry::new(path.clone(), Kind::File) }))
            }
            FileAsk::Facts(_)
            | FileAsk::List(..)
            | FileAsk::Change { .. }
            | FileAsk::Link { .. }
            | FileAsk::Space(_)
            | FileAsk::MakeDirectory(_)
            | FileAsk::RemoveDirectory(_)
            | FileAsk::Remove(_)
            | FileAsk::RenameFrom(_)
            | FileAsk::Rename { .. }
            | FileAsk::CopyFrom(_)
            | FileAsk::Copy { .. }
            // Those about groups are answered elsewhere.
            | FileAsk::Look(..)
            | FileAsk::Compare(..)
            | FileAsk::RemoveSame(..)
            | FileAsk::Keep(..)
            | FileAsk::Drop(_)
            | FileAsk::Hash { .. } => Err(FileFailure::NotFound),
        }
    }
}
