//! Files of a batch that move in one transfer: which they are, and what both servers say of them.

use super::files::{BatchEnd, BatchFile};
use crate::command::{Command, FileNumbers, FileToSend, FileToStore, GroupNumber, Pack};
use crate::digest::Algorithm;
use crate::reply::{FileOutcome, file_outcomes};
use crate::transfer::request::{PerSide, Side};
use crate::wire::{FileName, PathName};

/// Files of one directory that go to one directory.
#[derive(Debug)]
pub(super) struct Group {
    /// The directory at the source.
    source: PathName,
    /// The directory at the destination.
    target: PathName,
    /// Bytes of its files, and of those that have ended.
    pub(super) bytes: u64,
    /// The most bytes of the line for the source, and of each of those for the destination.
    pub(super) lines: PerSide<usize>,
    /// Whether something may have the name of one of them.
    pub(super) asks: bool,
    pub(super) progress: Progress,
}

/// A file of a group.
#[derive(Debug)]
pub(super) struct Member {
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) sent: FileToSend,
    pub(super) stored: FileToStore,
    /// The digest that both servers have told, if the file is verified.
    digest: Option<String>,
}

/// A file of a group that both servers have moved.
#[derive(Debug)]
pub(super) struct Numbered {
    /// The number of the file in its transfer.
    number: u16,
    member: Member,
}

/// How far a group is, with its files that have not ended.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing was asked yet.
    Waiting(Vec<Member>),
    /// The destination was asked which names something has.
    Asked(Vec<Member>),
    /// Nothing has the names of its files.
    Clear(Vec<Member>),
    /// Both transfer commands were sent, and this is what the servers have said.
    Moving(Vec<Member>, PerSide<Said>),
    /// These files are verified, perhaps none.
    Verified(Vec<Numbered>),
    /// These are to get their names.
    Naming(Vec<Numbered>),
    /// The destination says that they have their names.
    Named(Vec<Member>),
    /// Nothing more is asked for.
    Over,
}

/// What a server says of a transfer.
#[derive(Debug, Default)]
pub(super) enum Said {
    /// The server has yet to reply.
    #[default]
    Nothing,
    /// The transfer has failed.
    Failed,
    /// What became of each file.
    Files(Vec<FileOutcome>),
}

/// What both servers together say of a group.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Judged {
    /// One of them has yet to reply.
    Open,
    /// The destination holds nothing.
    Nothing,
    /// The destination holds files, and those with these numbers are verified: perhaps none.
    Held(Vec<u16>),
    /// They contradict each other, so nothing that they say can be believed.
    Contradicted,
}

impl PerSide<Said> {
    /// The digests that the source has told, one for each file and then none without end.
    fn take_digests(&mut self) -> impl Iterator<Item = Option<String>> + use<> {
        let said = match std::mem::take(&mut self.source) {
            Said::Files(files) => files,
            Said::Nothing | Said::Failed => Vec::new(),
        };
        let digests = said.into_iter().map(|said| match said {
            FileOutcome::Moved { digest, .. } => Some(digest.hex),
            FileOutcome::LeftOut(_) => None,
        });
        digests.chain(std::iter::repeat(None))
    }

    /// What follows from that for files of these sizes.
    fn judge(&self, sizes: impl IntoIterator<Item = u32>) -> Judged {
        match (&self.source, &self.destination) {
            (Said::Nothing, _) | (_, Said::Nothing) => Judged::Open,
            (_, Said::Failed) => Judged::Nothing,
            (Said::Failed, Said::Files(_)) => Judged::Held(Vec::new()),
            (Said::Files(sent), Said::Files(stored)) => {
                let mut verified = Vec::with_capacity(sent.len());
                for (((sent, stored), size), number) in sent.iter().zip(stored).zip(sizes).zip(1..) {
                    match (sent, stored) {
                        (FileOutcome::Moved { bytes, .. }, stored) if sent == stored && *bytes == size => {
                            verified.push(number);
                        }
                        // The destination has stored what nobody has sent.
                        (_, FileOutcome::Moved { .. }) => return Judged::Contradicted,
                        (_, FileOutcome::LeftOut(_)) => {}
                    }
                }
                Judged::Held(verified)
            }
        }
    }
}

impl Group {
    /// A group of this file alone, between these directories.
    pub(super) fn of(source: &[u8], target: &[u8], member: Member) -> Option<Self> {
        let directory = |bytes: &[u8]| PathName::from_wire(bytes).ok();
        let (source, target, progress) =
            (directory(source)?, directory(target)?, Progress::Waiting(vec![member]));
        Some(Self { source, target, bytes: 0, lines: PerSide::default(), asks: false, progress })
    }

    /// The files that are asked for, as long as none of them was verified, or those that the destination says it has named.
    /// None while the group is verified or gets its names.
    pub(super) fn members(&self) -> &[Member] {
        match &self.progress {
            Progress::Waiting(members)
            | Progress::Asked(members)
            | Progress::Clear(members)
            | Progress::Moving(members, _)
            | Progress::Named(members) => members,
            Progress::Verified(_) | Progress::Naming(_) | Progress::Over => &[],
        }
    }

    /// How many files these are.
    pub(super) fn len(&self) -> usize {
        self.members().len()
    }

    /// Asks which names something has.
    pub(super) fn look(&self) -> Command {
        let names = self.members().iter().map(|member| member.stored.name.clone()).collect();
        Command::Pack(Box::new(Pack::Look(self.target.clone(), names)))
    }

    /// Has the source send the files.
    pub(super) fn send(&self) -> Command {
        let files = self.members().iter().map(|member| member.sent.clone()).collect();
        Command::Pack(Box::new(Pack::Send(self.source.clone(), files)))
    }

    /// Has the destination store them under this number.
    pub(super) fn store(&self, number: GroupNumber) -> Command {
        let files = self.members().iter().map(|member| member.stored.clone()).collect();
        Command::Pack(Box::new(Pack::Store(number, self.target.clone(), files)))
    }

    /// Has the destination name these files. If there are none, it removes all of them.
    pub(super) fn keep(number: GroupNumber, verified: &[Numbered]) -> Command {
        let pack = match FileNumbers::new(verified.iter().map(|file| file.number)) {
            Some(numbers) => Pack::Keep(number, numbers),
            None => Pack::Drop(number),
        };
        Command::Pack(Box::new(pack))
    }

    /// The first file that the destination says it has named, or is to name, by its place in the batch.
    pub(super) fn first_named(&self) -> Option<usize> {
        if let Progress::Verified(files) = &self.progress {
            files.first().map(|file| file.member.index)
        } else if let Progress::Named(members) = &self.progress {
            members.first().map(|member| member.index)
        } else {
            None
        }
    }

    /// Whether the destination says that it has named this file.
    pub(super) fn has_named(&self, index: usize) -> bool {
        let Progress::Named(members) = &self.progress else { return false };
        members.iter().any(|member| member.index == index)
    }

    /// The destination is asked which names something has (`asks`), or nothing has them.
    pub(super) fn waits_for(&mut self, asks: bool) {
        if let Progress::Waiting(members) = std::mem::replace(&mut self.progress, Progress::Over) {
            self.progress = if asks { Progress::Asked(members) } else { Progress::Clear(members) };
        }
    }

    /// Takes the answer to [`look`](Self::look): what is said of each file. Those of which something is said leave the group.
    pub(super) fn looked(&mut self, said: Vec<Option<FileOutcome>>) -> Vec<usize> {
        let Progress::Asked(members) = std::mem::replace(&mut self.progress, Progress::Over) else {
            return Vec::new();
        };
        let (free, taken): (Vec<_>, Vec<_>) =
            members.into_iter().zip(said).partition(|(_, said)| said.is_none());
        self.progress = Progress::Clear(free.into_iter().map(|(member, _)| member).collect());
        taken.into_iter().map(|(member, _)| member.index).collect()
    }

    /// The transfer commands are sent.
    pub(super) fn moves(&mut self) {
        if let Progress::Clear(members) = std::mem::replace(&mut self.progress, Progress::Over) {
            self.progress = Progress::Moving(members, PerSide::default());
        }
    }

    /// Takes what a server says of the transfer. What follows, and the files that leave the group.
    pub(super) fn moved(&mut self, side: Side, said: Said) -> (Judged, Vec<usize>) {
        let Progress::Moving(members, moved) = &mut self.progress else { return (Judged::Open, Vec::new()) };
        *moved.of_mut(side) = said;
        let judged = moved.judge(members.iter().map(|member| member.sent.size));
        let Judged::Held(numbers) = &judged else { return (judged, Vec::new()) };
        let members = std::mem::take(members).into_iter().zip(moved.take_digests());
        let members = members.map(|(member, digest)| Member { digest, ..member }).zip(1_u16..);
        let mut wanted = numbers.iter().copied().peekable();
        let (kept, others): (Vec<_>, Vec<_>) =
            members.partition(|(_, number)| wanted.next_if_eq(number).is_some());
        let numbered = |(member, number)| Numbered { number, member };
        self.progress = Progress::Verified(kept.into_iter().map(numbered).collect());
        (judged, others.into_iter().map(|(member, _)| member.index).collect())
    }

    /// The verified files, by their places in the batch, and the digests that both servers have told.
    pub(super) fn digests(&self) -> impl Iterator<Item = (usize, &str)> {
        let files = if let Progress::Verified(files) = &self.progress { files.as_slice() } else { &[] };
        files.iter().filter_map(|file| Some((file.member.index, file.member.digest.as_deref()?)))
    }

    /// Has the destination name the verified files; the command for that is sent. Returns whether there are any.
    pub(super) fn names(&mut self) -> bool {
        let Progress::Verified(files) = &mut self.progress else { return false };
        let files = std::mem::take(files);
        let has_files = !files.is_empty();
        self.progress = if has_files { Progress::Naming(files) } else { Progress::Over };
        has_files
    }

    /// Takes the lines of the reply to PACK KEEP. Returns the files that have not got their names, which leave the group; `None`
    /// if the lines cannot be read, or speak of others.
    pub(super) fn named(&mut self, lines: &[Vec<u8>], algorithm: Algorithm) -> Option<Vec<usize>> {
        let Progress::Naming(files) = &mut self.progress else { return None };
        let numbers: Vec<u16> = files.iter().map(|file| file.number).collect();
        let unnamed = unnamed(&numbers, lines, algorithm)?;
        let (left, done): (Vec<_>, Vec<_>) =
            std::mem::take(files).into_iter().partition(|file| unnamed.contains(&file.number));
        self.progress = Progress::Named(done.into_iter().map(|file| file.member).collect());
        Some(left.into_iter().map(|file| file.member.index).collect())
    }

    /// The files that have not ended, and how they end if nothing more is done. Nothing more is asked for them.
    pub(super) fn end(&mut self) -> (Vec<usize>, BatchEnd) {
        let indexes = |members: Vec<Member>| members.into_iter().map(|member| member.index).collect();
        let numbered = |files: Vec<Numbered>| files.into_iter().map(|file| file.member.index).collect();
        match std::mem::replace(&mut self.progress, Progress::Over) {
            Progress::Waiting(members)
            | Progress::Asked(members)
            | Progress::Clear(members)
            | Progress::Moving(members, _) => (indexes(members), BatchEnd::UNTOUCHED),
            Progress::Verified(files) => (numbered(files), BatchEnd::UNTOUCHED),
            Progress::Naming(files) => (numbered(files), BatchEnd::PERHAPS),
            Progress::Named(members) => (indexes(members), BatchEnd::PERHAPS),
            Progress::Over => (Vec::new(), BatchEnd::UNTOUCHED),
        }
    }
}

/// Which of the files with these numbers have not got their names, according to the reply to PACK KEEP. `None` if it cannot be
/// read, or speaks of others.
fn unnamed(numbers: &[u16], lines: &[Vec<u8>], algorithm: Algorithm) -> Option<Vec<u16>> {
    let most = numbers.last().copied().unwrap_or_default();
    let said = file_outcomes(lines, algorithm, most.into())?;
    let said = said.into_iter().zip(1..).filter_map(|(said, number)| Some((said?, number)));
    said.map(|(said, number)| match said {
        FileOutcome::LeftOut(_) if numbers.contains(&number) => Some(number),
        FileOutcome::LeftOut(_) | FileOutcome::Moved { .. } => None,
    })
    .collect()
}

impl Member {
    /// What is said of a file with these names to both servers, if PACK takes it at all.
    pub(super) fn of(index: usize, file: &BatchFile, (source, target): (&[u8], &[u8])) -> Option<Self> {
        let size = u32::try_from(file.size).ok().filter(|size| *size <= Pack::MAX_FILE)?;
        let (modified, unique) = (file.modified, file.unique.clone());
        let sent = FileToSend { size, modified, unique, name: FileName::from_wire(source)? };
        let modified = file.modified.filter(|_| file.sets_time);
        let stored = FileToStore { size, modified, name: FileName::from_wire(target)? };
        Some(Self { index, sent, stored, digest: None })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::world::file;
    use super::*;
    use crate::digest::Digest;
    use crate::reply::LeftOut;

    #[test]
    fn files_are_kept_by_their_numbers_and_a_group_without_verified_files_is_dropped() {
        let names: (&[u8], &[u8]) = (b"a", b"a");
        let numbered =
            |number| Numbered { number, member: Member::of(0, &file(0, 1, false, true), names).unwrap() };
        assert_eq!(
            Group::keep(GroupNumber(7), &[1, 3, 2].map(numbered)),
            Command::Pack(Box::new(Pack::Keep(GroupNumber(7), FileNumbers::new(1..4).unwrap())))
        );
        assert_eq!(Group::keep(GroupNumber(7), &[]), Command::Pack(Box::new(Pack::Drop(GroupNumber(7)))));
    }

    #[test]
    fn a_reply_to_keep_speaks_only_of_files_that_were_to_be_named() {
        let check = |lines: &[&str], expect: Option<Vec<u16>>| {
            let lines: Vec<Vec<u8>> =
                lines.iter().chain(&["Named."]).map(|line| line.as_bytes().to_vec()).collect();
            assert_eq!(unnamed(&[2, 3, 5], &lines, Algorithm::Crc32), expect, "{lines:?}");
        };
        check(&[], Some(vec![]));
        check(&["3 left taken", "2 left failed"], Some(vec![2, 3]));
        check(&["4 left taken"], None);
        check(&["6 left taken"], None);
        check(&["3 left taken", "3 left taken"], None);
        check(&["3 5 0badcafe"], None);
    }

    #[test]
    fn what_both_servers_tell_of_a_file_is_compared() {
        let moved = |bytes, hex: &str| {
            let digest = Digest { algorithm: Algorithm::Crc32, hex: hex.to_owned() };
            FileOutcome::Moved { bytes, digest }
        };
        let left = || FileOutcome::LeftOut(LeftOut::Changed);
        let judge = |sent: FileOutcome, stored: FileOutcome| {
            let mut both = PerSide::default();
            *both.of_mut(Side::Source) = Said::Files(vec![sent]);
            assert_eq!(both.judge([5]), Judged::Open);
            *both.of_mut(Side::Destination) = Said::Files(vec![stored]);
            both.judge([5])
        };
        assert_eq!(judge(moved(5, "0badcafe"), moved(5, "0badcafe")), Judged::Held(vec![1]));
        assert_eq!(judge(moved(5, "0badcafe"), left()), Judged::Held(vec![]));
        assert_eq!(judge(left(), left()), Judged::Held(vec![]));
        for (sent, stored) in [
            (moved(5, "0badcafe"), moved(5, "1badcafe")),
            (moved(5, "0badcafe"), moved(6, "0badcafe")),
            (moved(6, "0badcafe"), moved(6, "0badcafe")),
            (left(), moved(5, "0badcafe")),
        ] {
            assert_eq!(judge(sent, stored), Judged::Contradicted);
        }
        let one = |source: Said, destination: Said| {
            let mut both = PerSide::default();
            *both.of_mut(Side::Destination) = destination;
            *both.of_mut(Side::Source) = source;
            both.judge([5])
        };
        assert_eq!(one(Said::Failed, Said::Files(vec![moved(5, "0badcafe")])), Judged::Held(vec![]));
        assert_eq!(one(Said::Files(vec![left()]), Said::Failed), Judged::Nothing);
        assert_eq!(one(Said::Nothing, Said::Failed), Judged::Open);
    }
}
