//! Files of a batch that move in one transfer: which files do, and what both servers say of them.

use super::files::{BatchEnd, BatchFile, Files};
use crate::command::{Command, FileNumbers, FileToSend, FileToStore, GroupNumber, Pack};
use crate::digest::Algorithm;
use crate::reply::{FileOutcome, file_outcomes};
use crate::transfer::request::{PerSide, Side};
use crate::wire::{FileName, PathName, escaped_len};

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
    /// Its files that have not ended.
    pub(super) members: Vec<Member>,
    pub(super) progress: Progress,
}

/// A file of a group.
#[derive(Debug)]
pub(super) struct Member {
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) sent: FileToSend,
    pub(super) stored: FileToStore,
    /// The number of the file in its transfer, if it is verified.
    number: u16,
    /// The digest that both servers have told, if the file is verified.
    digest: Option<String>,
}

/// How far a group is.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing was asked yet.
    Waiting,
    /// The destination was asked which names something has.
    Asked,
    /// Nothing has the names of its files.
    Clear,
    /// Both transfer commands were sent, and this is what the servers have said.
    Moving(PerSide<TransferReply>),
    /// Its files are verified, perhaps none.
    Verified,
    /// They are to get their names.
    Naming,
    /// The destination says that they have their names.
    Named,
    /// Nothing more is asked for.
    Over,
}

/// What a server says of a transfer.
#[derive(Debug, Default)]
pub(super) enum TransferReply {
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
pub(super) enum GroupVerdict {
    /// One of them has yet to reply.
    Open,
    /// The destination holds nothing.
    Nothing,
    /// The destination holds files, and those with these numbers are verified: perhaps none.
    Held(Vec<u16>),
    /// They contradict each other, so nothing that they say can be believed.
    Contradicted,
}

impl PerSide<TransferReply> {
    /// The digests that the source has told, one for each file and then none without end.
    fn into_digests(self) -> impl Iterator<Item = Option<String>> {
        let said = if let TransferReply::Files(files) = self.source { files } else { Vec::new() };
        let digest =
            |said| if let FileOutcome::Moved { digest, .. } = said { Some(digest.hex) } else { None };
        said.into_iter().map(digest).chain(std::iter::repeat(None))
    }

    /// What follows from that for files of these sizes.
    fn judge(&self, sizes: impl IntoIterator<Item = u32>) -> GroupVerdict {
        match (&self.source, &self.destination) {
            (TransferReply::Nothing, _) | (_, TransferReply::Nothing) => GroupVerdict::Open,
            (_, TransferReply::Failed) => GroupVerdict::Nothing,
            (TransferReply::Failed, TransferReply::Files(_)) => GroupVerdict::Held(Vec::new()),
            (TransferReply::Files(sent), TransferReply::Files(stored)) => {
                let mut verified = Vec::with_capacity(sent.len());
                for (((sent, stored), size), number) in sent.iter().zip(stored).zip(sizes).zip(1..) {
                    match (sent, stored) {
                        (FileOutcome::Moved { bytes, .. }, stored) if sent == stored && *bytes == size => {
                            verified.push(number);
                        }
                        // The destination has stored what nobody has sent.
                        (_, FileOutcome::Moved { .. }) => return GroupVerdict::Contradicted,
                        (_, FileOutcome::LeftOut(_)) => {}
                    }
                }
                GroupVerdict::Held(verified)
            }
        }
    }
}

impl Group {
    /// The next group: the first files that are in none, as long as they have the same two directories. It has at most
    /// `most_files` files and `most_bytes` bytes; a single file may have more. Files that PACK does not take end.
    pub(super) fn next(files: &mut Files, most_files: usize, most_bytes: u64) -> Option<Self> {
        let mut formed: Option<Self> = None;
        while let Some((index, file)) = files.first_ungrouped() {
            let ((source, source_name), (target, target_name)) = (split(&file.source), split(&file.target));
            let member = Member::of(index, file, (source_name, target_name));
            let is_full = |room: &Room| room.files > most_files || room.bytes > most_bytes;
            let is_taken = match (&mut formed, member) {
                (Some(group), Some(member)) => {
                    let room = group.room().with(&member).filter(|room| !is_full(room));
                    let Some(room) = room.filter(|_| group.is_between(source, target)) else { break };
                    group.add(member, room, file.asks);
                    true
                }
                (None, Some(member)) => {
                    let room = Room::new(source, target).with(&member);
                    formed = room.and_then(|room| {
                        let mut group = Self::of(source, target)?;
                        group.add(member, room, file.asks);
                        Some(group)
                    });
                    formed.is_some()
                }
                (_, None) => false,
            };
            if is_taken { files.group_first() } else { files.leave_first() }
        }
        formed
    }

    /// A group without files, between these directories.
    fn of(source: &[u8], target: &[u8]) -> Option<Self> {
        let directory = |bytes: &[u8]| PathName::from_wire(bytes).ok();
        let (source, target, members) = (directory(source)?, directory(target)?, Vec::new());
        let (lines, progress) = (PerSide::default(), Progress::Waiting);
        Some(Self { source, target, bytes: 0, lines, asks: false, members, progress })
    }

    /// Whether its files are between these directories.
    fn is_between(&self, source: &[u8], target: &[u8]) -> bool {
        self.source.as_bytes() == source && self.target.as_bytes() == target
    }

    /// What its files take.
    const fn room(&self) -> Room {
        Room { files: self.members.len(), bytes: self.bytes, lines: self.lines }
    }

    /// Adds a file. With it, the group takes `room`.
    fn add(&mut self, member: Member, room: Room, asks: bool) {
        (self.bytes, self.lines) = (room.bytes, room.lines);
        self.asks |= asks;
        self.members.push(member);
    }

    /// Asks which names something has.
    pub(super) fn look(&self) -> Command {
        let names = self.members.iter().map(|member| member.stored.name.clone()).collect();
        Command::Pack(Box::new(Pack::Look(self.target.clone(), names)))
    }

    /// Has the source send the files.
    pub(super) fn send(&self) -> Command {
        let files = self.members.iter().map(|member| member.sent.clone()).collect();
        Command::Pack(Box::new(Pack::Send(self.source.clone(), files)))
    }

    /// Has the destination store them under this number.
    pub(super) fn store(&self, number: GroupNumber) -> Command {
        let files = self.members.iter().map(|member| member.stored.clone()).collect();
        Command::Pack(Box::new(Pack::Store(number, self.target.clone(), files)))
    }

    /// Has the destination name the verified files. If there are none, it removes all of them.
    pub(super) fn keep(&self, number: GroupNumber) -> Command {
        let pack = match FileNumbers::new(self.members.iter().map(|member| member.number)) {
            Some(numbers) => Pack::Keep(number, numbers),
            None => Pack::Drop(number),
        };
        Command::Pack(Box::new(pack))
    }

    /// The first file that the destination says it has named, or is to name, by its place in the batch.
    pub(super) fn first_named(&self) -> Option<usize> {
        let is_named = matches!(self.progress, Progress::Verified | Progress::Named);
        self.members.first().filter(|_| is_named).map(|member| member.index)
    }

    /// Whether the destination says that it has named this file.
    pub(super) fn has_named(&self, index: usize) -> bool {
        matches!(self.progress, Progress::Named) && self.members.iter().any(|member| member.index == index)
    }

    /// The destination is asked which names something has (`asks`), or nothing has them.
    pub(super) fn waits_for(&mut self, asks: bool) {
        if let Progress::Waiting = self.progress {
            self.progress = if asks { Progress::Asked } else { Progress::Clear };
        }
    }

    /// Takes the answer to [`look`](Self::look): what is said of each file. Those of which something is said leave the group.
    pub(super) fn looked(&mut self, said: Vec<Option<FileOutcome>>) -> Vec<usize> {
        let Progress::Asked = self.progress else { return Vec::new() };
        self.progress = Progress::Clear;
        let mut said = said.into_iter();
        self.drop_if(|_| said.next().flatten().is_some())
    }

    /// The transfer commands are sent.
    pub(super) fn moves(&mut self) {
        if let Progress::Clear = self.progress {
            self.progress = Progress::Moving(PerSide::default());
        }
    }

    /// Takes what a server says of the transfer. What follows, and the files that leave the group.
    pub(super) fn moved(&mut self, side: Side, said: TransferReply) -> (GroupVerdict, Vec<usize>) {
        let Progress::Moving(moved) = &mut self.progress else { return (GroupVerdict::Open, Vec::new()) };
        *moved.of_mut(side) = said;
        let judged = moved.judge(self.members.iter().map(|member| member.sent.size));
        let GroupVerdict::Held(numbers) = &judged else { return (judged, Vec::new()) };
        for ((member, digest), number) in
            self.members.iter_mut().zip(std::mem::take(moved).into_digests()).zip(1..)
        {
            (member.digest, member.number) = (digest, number);
        }
        self.progress = Progress::Verified;
        let mut wanted = numbers.iter().copied().peekable();
        let left = self.drop_if(|member| wanted.next_if_eq(&member.number).is_none());
        (judged, left)
    }

    /// The files that are meant leave the group. Returns their places in the batch.
    fn drop_if(&mut self, is_meant: impl FnMut(&mut Member) -> bool) -> Vec<usize> {
        self.members.extract_if(.., is_meant).map(|member| member.index).collect()
    }

    /// The verified files, by their places in the batch, and the digests that both servers have told.
    pub(super) fn digests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.members.iter().filter_map(|member| Some((member.index, member.digest.as_deref()?)))
    }

    /// Has the destination name the verified files; the command for that is sent. Returns whether there are any.
    pub(super) fn names(&mut self) -> bool {
        let has_files = !self.members.is_empty();
        self.progress = if has_files { Progress::Naming } else { Progress::Over };
        has_files
    }

    /// Takes the lines of the reply to PACK KEEP. Returns the files that have not got their names, which leave the group; `None`
    /// if the lines cannot be read, or speak of others.
    pub(super) fn named(&mut self, lines: &[Vec<u8>], algorithm: Algorithm) -> Option<Vec<usize>> {
        let Progress::Naming = self.progress else { return None };
        let numbers: Vec<u16> = self.members.iter().map(|member| member.number).collect();
        let unnamed = unnamed(&numbers, lines, algorithm)?;
        self.progress = Progress::Named;
        Some(self.drop_if(|member| unnamed.contains(&member.number)))
    }

    /// The files that have not ended, and how they end if nothing more is done. Nothing more is asked for them.
    pub(super) fn end(&mut self) -> (Vec<usize>, BatchEnd) {
        let may_be_named = matches!(self.progress, Progress::Naming | Progress::Named);
        self.progress = Progress::Over;
        let members = std::mem::take(&mut self.members).into_iter();
        let end = if may_be_named { BatchEnd::PERHAPS } else { BatchEnd::UNTOUCHED };
        (members.map(|member| member.index).collect(), end)
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
        Some(Self { index, sent, stored, number: 0, digest: None })
    }
}

/// What the files of a group take.
#[derive(Clone, Copy, Debug)]
struct Room {
    files: usize,
    bytes: u64,
    /// Bytes of the two transfer commands.
    lines: PerSide<usize>,
}

impl Room {
    /// That of no files between these directories.
    fn new(source: &[u8], target: &[u8]) -> Self {
        let line = |directory| COMMAND + escaped_len(directory);
        Self { files: 0, bytes: 0, lines: PerSide { source: line(source), destination: line(target) } }
    }

    /// The same with one more file, if both commands have room for it.
    fn with(self, Member { sent, stored, .. }: &Member) -> Option<Self> {
        let unique = sent.unique.as_ref().map_or(1, String::len);
        let [source, target] = [&sent.name, &stored.name].map(|name| FACTS + escaped_len(name.as_bytes()));
        let next = Self {
            files: self.files + 1,
            bytes: self.bytes + u64::from(sent.size),
            lines: PerSide {
                source: self.lines.source + 1 + unique + source,
                destination: self.lines.destination + target,
            },
        };
        next.lines.iter().all(|line| *line <= Command::MAX_LINE).then_some(next)
    }
}

/// The directory of a path, and its last name. A path without a directory is in the working directory.
fn split(path: &PathName) -> (&[u8], &[u8]) {
    let bytes = path.as_bytes();
    match bytes.iter().rposition(|byte| *byte == b'/') {
        Some(0) => bytes.split_at(1),
        Some(at) => (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..).unwrap_or_default()),
        None => (b".", bytes),
    }
}

/// Bytes of a command beside its directory and its files: `PACK STORE 4294967295 ` and the end of the line.
const COMMAND: usize = 32;
/// Bytes of the size and the time of a file, with their commas and the slash before them.
const FACTS: usize = 1 + 6 + 1 + 14 + 1;

#[cfg(test)]
mod tests {
    use super::super::pace::LARGE;
    use super::super::tests::world::file;
    use super::*;
    use crate::command::GroupNumber;
    use crate::dialect::Dialect;
    use crate::digest::Digest;
    use crate::reply::LeftOut;

    #[test]
    fn files_are_kept_by_their_numbers_and_a_group_without_verified_files_is_dropped() {
        let member = |number| {
            let member = Member::of(0, &file(0, 1, false, true), (b"a", b"a")).unwrap();
            Member { number, ..member }
        };
        let mut group = Group::of(b"/", b"/").unwrap();
        group.members.extend([1, 3, 2].map(member));
        assert_eq!(
            group.keep(GroupNumber(7)),
            Command::Pack(Box::new(Pack::Keep(GroupNumber(7), FileNumbers::new(1..4).unwrap())))
        );
        group.members.clear();
        assert_eq!(group.keep(GroupNumber(7)), Command::Pack(Box::new(Pack::Drop(GroupNumber(7)))));
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
            *both.of_mut(Side::Source) = TransferReply::Files(vec![sent]);
            assert_eq!(both.judge([5]), GroupVerdict::Open);
            *both.of_mut(Side::Destination) = TransferReply::Files(vec![stored]);
            both.judge([5])
        };
        assert_eq!(judge(moved(5, "0badcafe"), moved(5, "0badcafe")), GroupVerdict::Held(vec![1]));
        assert_eq!(judge(moved(5, "0badcafe"), left()), GroupVerdict::Held(vec![]));
        assert_eq!(judge(left(), left()), GroupVerdict::Held(vec![]));
        for (sent, stored) in [
            (moved(5, "0badcafe"), moved(5, "1badcafe")),
            (moved(5, "0badcafe"), moved(6, "0badcafe")),
            (moved(6, "0badcafe"), moved(6, "0badcafe")),
            (left(), moved(5, "0badcafe")),
        ] {
            assert_eq!(judge(sent, stored), GroupVerdict::Contradicted);
        }
        let one = |source: TransferReply, destination: TransferReply| {
            let mut both = PerSide::default();
            *both.of_mut(Side::Destination) = destination;
            *both.of_mut(Side::Source) = source;
            both.judge([5])
        };
        assert_eq!(
            one(TransferReply::Failed, TransferReply::Files(vec![moved(5, "0badcafe")])),
            GroupVerdict::Held(vec![])
        );
        assert_eq!(one(TransferReply::Files(vec![left()]), TransferReply::Failed), GroupVerdict::Nothing);
        assert_eq!(one(TransferReply::Nothing, TransferReply::Failed), GroupVerdict::Open);
    }

    fn path(text: impl Into<Vec<u8>>) -> PathName {
        PathName::from_wire(text).unwrap()
    }

    fn between(source: &str, target: &str, size: u64) -> BatchFile {
        BatchFile { source: path(source), target: path(target), size, ..file(0, 0, false, true) }
    }

    /// The groups of these files, and those that PACK does not take.
    fn groups(files: &[BatchFile]) -> (Vec<Group>, Vec<usize>) {
        let mut all = Files::default();
        all.add_all(files.to_vec());
        let mut groups = Vec::new();
        while let Some(group) = Group::next(&mut all, Pack::MAX_FILES, LARGE) {
            groups.push(group);
        }
        let others = std::iter::from_fn(|| all.next_end()).map(|(index, end)| {
            assert_eq!(end, BatchEnd::UNTOUCHED);
            index
        });
        (groups, others.collect())
    }

    fn members(files: &[BatchFile]) -> Vec<Vec<usize>> {
        let (groups, _) = groups(files);
        groups.iter().map(|group| group.members.iter().map(|member| member.index).collect()).collect()
    }

    #[test]
    fn files_of_the_same_directories_that_follow_each_other_are_a_group() {
        let files = [
            between("s/a", "d/a", 1),
            between("s/b", "d/b", 1),
            between("s/t/c", "d/c", 1),
            between("/e", "/e", 1),
            between("f", "g", 1),
            between("s/..", "d/h", 1),
            between("s/i", "d/i", 300_000),
        ];
        assert_eq!(members(&files), [vec![0, 1], vec![2], vec![3], vec![4]]);
        let (groups, others) = groups(&files);
        assert_eq!(others, [5, 6]);
        let lines: Vec<String> = groups
            .iter()
            .flat_map(|group| [group.look(), group.send(), group.store(GroupNumber(7))])
            .map(|command| String::from_utf8(command.to_line(Dialect::Rfc959)).unwrap())
            .collect();
        assert_eq!(lines[0], "PACK LOOK d//a/b\r\n");
        assert_eq!(lines[1], "PACK SEND s//1,20260102030400,-,a/1,20260102030400,-,b\r\n");
        assert_eq!(lines[2], "PACK STORE 7 d//1,20260102030400,a/1,20260102030400,b\r\n");
        assert_eq!(lines[6], "PACK LOOK ///e\r\n");
        assert_eq!(lines[10], "PACK SEND .//1,20260102030400,-,f\r\n");
    }

    #[test]
    fn a_group_has_no_more_than_one_command_takes() {
        for (name, unique) in
            [("a", 1), ("a name that is somewhat longer", 12), ("\u{e9}", 4_000), (&"x".repeat(250), 9)]
        {
            let files: Vec<BatchFile> = (0..1_000)
                .map(|index| {
                    let unique = Some("u".repeat(unique));
                    let (source, target) = (format!("s/{index}{name}"), format!("d/{index}{name}"));
                    BatchFile { unique, ..between(&source, &target, 262_144 * (index % 2)) }
                })
                .collect();
            let (groups, others) = groups(&files);
            assert_eq!(
                groups.iter().map(|group| group.members.len()).sum::<usize>() + others.len(),
                files.len()
            );
            assert!(others.is_empty());
            for group in &groups {
                assert!(group.bytes <= LARGE);
                for command in [group.send(), group.store(GroupNumber(u32::MAX)), group.look()] {
                    assert!(command.to_line(Dialect::Rfc959).len() <= Command::MAX_LINE);
                }
            }
        }
        // A line that one file does not fit into is none.
        let (groups, others) = groups(&[between(&format!("{}/a", "s".repeat(4_330)), "d/a", 1)]);
        assert!(groups.is_empty() && others == [0]);
    }
}
