//! Groups of small files at a simulated disk (PACK): what is sent, what waits for its names, and what gets them.

use super::conduct::Untruth;
use super::disk::{Disk, Prepared};
use ftp_proto::coding::{PackPiece, PackReader, write_pack_head, write_unsent};
use ftp_proto::command::{FileNumbers, FileToSend, FileToStore, GroupNumber};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::reply::{FileOutcome, LeftOut};
use ftp_proto::server::ask::{FileAnswer, FileAsk, FileFailure, Intent};
use ftp_proto::wire::{FileName, PathName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The files of a group that wait for their names: the bytes of each, unless it was left out.
#[derive(Clone, Debug)]
struct HeldFiles {
    files: Vec<(PathName, Option<Vec<u8>>)>,
}

/// A group that is being received.
#[derive(Debug)]
pub(super) struct IncomingGroup {
    number: GroupNumber,
    directory: PathName,
    files: Arc<[FileToStore]>,
    algorithm: Algorithm,
    reader: PackReader,
    /// The files that have come; the last one may be open.
    stored: Vec<Option<Vec<u8>>>,
    written: usize,
}

/// What is wrong with what a disk does with groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Oddity {
    /// Its server lies.
    Lies(Untruth),
    /// The simulated world is broken: KEEP replaces what has the name.
    Replaces,
    /// The same: KEEP gives other bytes the name.
    Spoils,
    /// The same: no group is forgotten.
    Keeps,
}

/// The groups of a server that wait for their names.
#[derive(Debug, Default)]
pub(super) struct GroupShelf {
    groups: BTreeMap<GroupNumber, HeldFiles>,
    /// What is wrong with what it does with groups, and how often it does not before.
    pub(super) oddity: Option<(Oddity, u32)>,
    /// Names that something gets when a group was stored.
    pub(super) appearing: BTreeSet<PathName>,
}

impl GroupShelf {
    /// How a group is to be treated this time.
    fn oddity(&mut self, is_due: impl Fn(Oddity) -> bool) -> Option<Oddity> {
        let (oddity, after) = self.oddity.as_mut().filter(|(oddity, _)| is_due(*oddity))?;
        if *after > 0 {
            *after -= 1;
            return None;
        }
        Some(*oddity)
    }

    fn lies(&mut self, what: Untruth) -> bool {
        self.oddity(|oddity| oddity == Oddity::Lies(what)).is_some()
    }

    /// The stream of a prepared sending of a group, and what is said of its files. `None` if it is no group.
    pub(super) fn read(&mut self, disk: &Disk, prepared: &Prepared) -> Option<(Vec<u8>, Vec<FileOutcome>)> {
        let Intent::SendGroup { files, algorithm } = &prepared.intent else { return None };
        let (mut stream, mut outcomes) = (Vec::new(), Vec::new());
        let mut spoils = self.lies(Untruth::OtherBytes);
        for file in files.iter() {
            match read_small(disk, &prepared.path, file) {
                Ok(bytes) => {
                    let digest = digest(*algorithm, &bytes);
                    write_pack_head(file.size, &mut stream);
                    let spoiled = spoils && !bytes.is_empty();
                    stream.extend(bytes.iter().map(|byte| if spoiled { !byte } else { *byte }));
                    spoils &= !spoiled;
                    outcomes.push(FileOutcome::Moved { bytes: file.size, digest });
                }
                Err(why) => {
                    write_unsent(&mut stream);
                    outcomes.push(FileOutcome::LeftOut(why));
                }
            }
        }
        Some((stream, outcomes))
    }

    /// A group has come: it is held until it gets its names.
    pub(super) fn hold(
        &mut self,
        disk: &mut Disk,
        group: IncomingGroup,
    ) -> Result<Vec<FileOutcome>, FileFailure> {
        if !group.reader.has_ended() {
            return Err(FileFailure::NotTheGroup);
        }
        let IncomingGroup { number, directory, files, algorithm, stored, .. } = group;
        let paths: Vec<PathName> = files.iter().map(|file| file.name.in_directory(&directory)).collect();
        for path in paths.iter().filter(|path| self.appearing.contains(path)) {
            disk.put(path, b"somebody else's".to_vec());
        }
        let mut lies = self.lies(Untruth::OtherDigest);
        let outcome = |bytes: &Option<Vec<u8>>| match bytes {
            Some(bytes) => {
                let told = if std::mem::take(&mut lies) { &b"another file"[..] } else { bytes };
                let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                FileOutcome::Moved { bytes: size, digest: digest(algorithm, told) }
            }
            None => FileOutcome::LeftOut(LeftOut::Unsent),
        };
        let outcomes = stored.iter().map(outcome).collect();
        self.groups.insert(number, HeldFiles { files: paths.into_iter().zip(stored).collect() });
        Ok(outcomes)
    }

    /// LOOK: which of these names something has.
    fn look(&mut self, disk: &Disk, directory: &PathName, names: &[FileName]) -> Vec<(u16, LeftOut)> {
        let (all, none) = (self.lies(Untruth::AllTaken), self.lies(Untruth::NoneTaken));
        let is_taken = |name: &FileName| all || !none && disk.get(&name.in_directory(directory)).is_some();
        (1..)
            .zip(names)
            .filter(|(_, name)| is_taken(name))
            .map(|(number, _)| (number, LeftOut::Taken))
            .collect()
    }

    /// KEEP: these files get their names, and the group is held no more.
    fn keep(
        &mut self,
        disk: &mut Disk,
        number: GroupNumber,
        numbers: &FileNumbers,
    ) -> Result<Vec<(u16, LeftOut)>, FileFailure> {
        let keeps = self.oddity(|oddity| oddity == Oddity::Keeps).is_some();
        let group = if keeps { self.groups.get(&number).cloned() } else { self.groups.remove(&number) };
        let group = group.ok_or(FileFailure::NotFound)?;
        if self.lies(Untruth::NamesNothing) {
            return Ok(Vec::new());
        }
        let replaces = self.oddity(|oddity| oddity == Oddity::Replaces).is_some();
        let spoils = self.oddity(|oddity| oddity == Oddity::Spoils).is_some();
        let mut left = Vec::new();
        for (number, (path, bytes)) in (1..).zip(group.files).filter(|(number, _)| numbers.has(*number)) {
            match bytes {
                None => left.push((number, LeftOut::Unsent)),
                Some(_) if disk.refuses(&path) => left.push((number, LeftOut::Refused)),
                Some(_) if disk.get(&path).is_some() && !replaces => left.push((number, LeftOut::Taken)),
                Some(mut bytes) => {
                    if spoils {
                        bytes.iter_mut().for_each(|byte| *byte = !*byte);
                    }
                    disk.put(&path, bytes);
                }
            }
        }
        if self.lies(Untruth::NamesAndFails) { Err(FileFailure::Other) } else { Ok(left) }
    }

    /// Answers a question about groups; `None` if it is about something else.
    pub(super) fn answer(
        &mut self,
        disk: &mut Disk,
        ask: &FileAsk,
    ) -> Option<Result<FileAnswer, FileFailure>> {
        if let FileAsk::Look(directory, names) = ask {
            Some(Ok(FileAnswer::LeftOut(self.look(disk, directory, names))))
        } else if let FileAsk::Keep(group, _, numbers) = ask {
            Some(self.keep(disk, *group, numbers).map(FileAnswer::LeftOut))
        } else if let FileAsk::Drop(group) = ask {
            self.remove(*group);
            Some(Ok(FileAnswer::Done))
        } else {
            None
        }
    }

    /// Removes a group.
    pub(super) fn remove(&mut self, number: GroupNumber) {
        self.groups.remove(&number);
    }

    /// Removes all groups, because their session or its login has ended.
    pub(super) fn clear(&mut self) {
        if !matches!(self.oddity, Some((Oddity::Keeps, _))) {
            self.groups.clear();
        }
    }

    /// Whether a group waits for its names.
    pub(super) fn holds_groups(&self) -> bool {
        !self.groups.is_empty()
    }
}

fn read_small(disk: &Disk, directory: &PathName, file: &FileToSend) -> Result<Vec<u8>, LeftOut> {
    let path = file.name.in_directory(directory);
    let bytes = disk.get(&path).ok_or(LeftOut::Gone)?;
    let is_other = file.unique.as_ref().is_some_and(|unique| *unique != disk.unique(&path));
    if bytes.len() as u64 != u64::from(file.size) || is_other {
        return Err(LeftOut::Changed);
    }
    Ok(bytes.to_vec())
}

impl IncomingGroup {
    /// Begins to receive what was prepared; `None` if that is no group.
    pub(super) fn new(prepared: &Prepared) -> Option<Self> {
        let Intent::StoreGroup { group, files, algorithm } = &prepared.intent else { return None };
        Some(Self {
            number: *group,
            directory: prepared.path.clone(),
            files: Arc::clone(files),
            algorithm: *algorithm,
            reader: PackReader::new(files.iter().map(|file| file.size)),
            stored: Vec::new(),
            written: 0,
        })
    }

    /// Writes what has arrived, if there is `space` for it.
    pub(super) fn write(&mut self, mut bytes: &[u8], space: Option<usize>) -> Result<(), FileFailure> {
        self.written += bytes.len();
        if space.is_some_and(|space| self.written > space) {
            return Err(FileFailure::NoSpace);
        }
        while let Some(piece) = self.reader.next(&mut bytes).map_err(|_| FileFailure::NotTheGroup)? {
            match piece {
                PackPiece::Unsent => self.stored.push(None),
                PackPiece::Begin => self.stored.push(Some(Vec::new())),
                PackPiece::Bytes(bytes) => {
                    let open = self.stored.last_mut().and_then(Option::as_mut);
                    open.ok_or(FileFailure::NotTheGroup)?.extend_from_slice(bytes);
                }
                PackPiece::End => {}
            }
        }
        Ok(())
    }
}

/// A sum that both servers compute in the same way.
fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hex = format!("{sum:016x}").repeat(4);
    Digest { algorithm, hex: hex.get(..algorithm.hex_len()).unwrap_or_default().to_owned() }
}
