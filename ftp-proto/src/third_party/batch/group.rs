//! Files of a batch that move in one transfer: which they are, and what both servers say of them.

use super::file::{BatchEnd, BatchFile};
use crate::command::{Command, Numbers, Pack, PackedSource, PackedTarget};
use crate::digest::Algorithm;
use crate::reply::{Packed, packed_lines};
use crate::third_party::transfer::Side;
use crate::wire::{FileName, PathName};

/// Files of one directory that go to one directory.
#[derive(Debug)]
pub(super) struct Group {
    /// The directory at the source.
    source: PathName,
    /// The directory at the destination.
    target: PathName,
    /// The files that have not ended, by their places in the batch.
    pub(super) members: Vec<usize>,
    /// Bytes of these files, and of those that have ended.
    pub(super) bytes: u64,
    /// The most bytes of the line for the source, and of each of those for the destination.
    pub(super) lines: [usize; 2],
    pub(super) progress: Progress,
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
    /// Both transfer commands were sent.
    Moving(Moved),
    /// The files with these numbers are verified, which are its members. It has no members where none is.
    Verified(Vec<u16>),
    /// The members are to get their names: the numbers are theirs.
    Naming(Vec<u16>),
    /// The destination says that the members have their names.
    Named,
    /// Nothing more is asked for.
    Over,
}

/// What is known of a group whose transfer commands were sent.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// What the source says.
    sent: Said,
    /// What the destination says.
    stored: Said,
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
    Files(Vec<Packed>),
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

impl Progress {
    /// How the members end if nothing more is done.
    pub(super) const fn left(&self) -> BatchEnd {
        match self {
            Self::Waiting | Self::Asked | Self::Clear | Self::Moving(_) | Self::Verified(_) | Self::Over => {
                BatchEnd::UNTOUCHED
            }
            Self::Naming(_) | Self::Named => BatchEnd::PERHAPS,
        }
    }
}

impl Moved {
    /// Notes what a server says.
    pub(super) fn note(&mut self, side: Side, said: Said) {
        match side {
            Side::Source => self.sent = said,
            Side::Destination => self.stored = said,
        }
    }

    /// What follows from that for files of these sizes.
    pub(super) fn judge(&self, sizes: &[u64]) -> Judged {
        match (&self.sent, &self.stored) {
            (Said::Nothing, _) | (_, Said::Nothing) => Judged::Open,
            (_, Said::Failed) => Judged::Nothing,
            (Said::Failed, Said::Files(_)) => Judged::Held(Vec::new()),
            (Said::Files(sent), Said::Files(stored)) => {
                let mut verified = Vec::with_capacity(sizes.len());
                for (((sent, stored), size), number) in sent.iter().zip(stored).zip(sizes).zip(1..) {
                    match (sent, stored) {
                        (Packed::Moved(sent, one), Packed::Moved(stored, other))
                            if sent == stored && u64::from(*sent) == *size && one == other =>
                        {
                            verified.push(number);
                        }
                        // The destination has stored what nobody has sent.
                        (_, Packed::Moved(..)) => return Judged::Contradicted,
                        (_, Packed::Left(_)) => {}
                    }
                }
                Judged::Held(verified)
            }
        }
    }
}

impl Group {
    /// A group without files, between these directories.
    fn between(source: &[u8], target: &[u8]) -> Option<Self> {
        let directory = |bytes: &[u8]| PathName::from_wire(bytes).ok();
        Some(Self {
            source: directory(source)?,
            target: directory(target)?,
            members: Vec::new(),
            bytes: 0,
            lines: [0; 2],
            progress: Progress::Waiting,
        })
    }

    /// Asks which names something has.
    pub(super) fn look(&self, files: &[BatchFile]) -> Command {
        let names = self.files(files).filter_map(|file| name(&file.target)).collect();
        Command::Pack(Box::new(Pack::Look(self.target.clone(), names)))
    }

    /// Has the source send the files.
    pub(super) fn send(&self, files: &[BatchFile]) -> Command {
        let packed = |file: &BatchFile| {
            let (size, unique) = (u32::try_from(file.size).ok()?, file.unique.clone());
            Some(PackedSource { size, modified: file.modified, unique, name: name(&file.source)? })
        };
        let files = self.files(files).filter_map(packed).collect();
        Command::Pack(Box::new(Pack::Send(self.source.clone(), files)))
    }

    /// Has the destination store them under this number.
    pub(super) fn store(&self, number: u32, files: &[BatchFile]) -> Command {
        let packed = |file: &BatchFile| {
            let (size, modified) = (u32::try_from(file.size).ok()?, file.modified.filter(|_| file.sets_time));
            Some(PackedTarget { size, modified, name: name(&file.target)? })
        };
        let files = self.files(files).filter_map(packed).collect();
        Command::Pack(Box::new(Pack::Store(number, self.target.clone(), files)))
    }

    /// Has the destination name the files with these numbers. `None` if there are none: then it removes all of them.
    pub(super) fn keep(number: u32, verified: &[u16]) -> Command {
        let pack = match Numbers::new(verified.iter().copied()) {
            Some(numbers) => Pack::Keep(number, numbers),
            None => Pack::Drop(number),
        };
        Command::Pack(Box::new(pack))
    }

    /// Takes out the members that do not have one of these numbers, which are ascending and count from 1. Bytes are those of the
    /// transfer.
    pub(super) fn take_all_but(&mut self, numbers: &[u16]) -> Vec<usize> {
        let mut wanted = numbers.iter().copied().peekable();
        let members = std::mem::take(&mut self.members).into_iter().zip(1_u16..);
        let (kept, others): (Vec<_>, Vec<_>) =
            members.partition(|(_, number)| wanted.next_if_eq(number).is_some());
        self.members = kept.into_iter().map(|(index, _)| index).collect();
        others.into_iter().map(|(index, _)| index).collect()
    }

    fn files<'a>(&self, files: &'a [BatchFile]) -> impl Iterator<Item = &'a BatchFile> {
        self.members.iter().filter_map(move |member| files.get(*member))
    }
}

/// Which of the files with these numbers have not got their names, according to the reply to PACK KEEP. `None` if it cannot be
/// read, or speaks of others.
pub(super) fn unnamed(numbers: &[u16], lines: &[Vec<u8>], algorithm: Algorithm) -> Option<Vec<u16>> {
    let most = numbers.last().copied().unwrap_or_default();
    let said = packed_lines(lines, algorithm, most.into())?;
    let said = said.into_iter().zip(1..).filter_map(|(said, number)| Some((said?, number)));
    said.map(|(said, number)| match said {
        Packed::Left(_) if numbers.contains(&number) => Some(number),
        Packed::Left(_) | Packed::Moved(..) => None,
    })
    .collect()
}

/// Puts files into groups: each has files that follow each other and have the same directories, as many as PACK takes. The
/// first one is small, so that the data connection is soon proven. A file that PACK does not take is in none of them.
pub(super) fn groups(files: &[BatchFile]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut room = Room::default();
    let mut last = None;
    for (index, file) in files.iter().enumerate() {
        let ((source, source_name), (target, target_name)) = (split(&file.source), split(&file.target));
        let is_whole = [source_name, target_name].into_iter().all(|name| FileName::from_wire(name).is_some());
        if file.size > u64::from(Pack::MAX_FILE) || !is_whole {
            continue;
        }
        let most = if groups.len() > 1 { Pack::MAX_FILES } else { FIRST };
        let is_next = last == Some((source, target)) && room.take(most, file, (source_name, target_name));
        if !is_next {
            let fresh = Room::new(source, target).with_first(file, (source_name, target_name));
            let Some((group, fresh)) = Group::between(source, target).zip(fresh) else { continue };
            (room, last) = (fresh, Some((source, target)));
            groups.push(group);
        }
        if let Some(group) = groups.last_mut() {
            group.members.push(index);
            (group.bytes, group.lines) = (room.bytes, room.lines);
        }
    }
    groups
}

/// What a group may still take.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    files: usize,
    bytes: u64,
    /// Bytes of the two transfer commands so far.
    lines: [usize; 2],
}

impl Room {
    fn new(source: &[u8], target: &[u8]) -> Self {
        Self { files: 0, bytes: 0, lines: [source, target].map(|directory| COMMAND + escaped(directory)) }
    }

    /// The same with the first file, if a command takes it at all.
    fn with_first(mut self, file: &BatchFile, names: (&[u8], &[u8])) -> Option<Self> {
        self.take(1, file, names).then_some(self)
    }

    /// Takes one more file, if there is room for it in a group of at most `most`.
    fn take(&mut self, most: usize, file: &BatchFile, (source, target): (&[u8], &[u8])) -> bool {
        let unique = file.unique.as_ref().map_or(1, String::len);
        let [send, store] = self.lines;
        let next = Self {
            files: self.files + 1,
            bytes: self.bytes + file.size,
            lines: [send + FACTS + 1 + unique + escaped(source), store + FACTS + escaped(target)],
        };
        let fits = next.files <= most
            && next.bytes <= BYTES
            && next.lines.into_iter().all(|line| line <= Pack::MAX_LINE);
        if fits {
            *self = next;
        }
        fits
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

fn name(path: &PathName) -> Option<FileName> {
    FileName::from_wire(split(path).1)
}

/// How many bytes of a line these are: Telnet doubles 255.
fn escaped(bytes: &[u8]) -> usize {
    bytes.len() + bytes.iter().filter(|byte| **byte == u8::MAX || **byte == b'\r').count()
}

/// The most files of the first group.
const FIRST: usize = 16;
/// The most bytes of a group: what is lost with a connection, and what nobody hears of, stays small.
const BYTES: u64 = 1 << 20;
/// Bytes of a command beside its directory and its files: `PACK STORE 4294967295 ` and the end of the line.
const COMMAND: usize = 32;
/// Bytes of the size and the time of a file, with their commas and the slash before them.
const FACTS: usize = 1 + 6 + 1 + 14 + 1;

#[cfg(test)]
mod tests {
    use super::super::tests::world::file;
    use super::*;
    use crate::dialect::Dialect;
    use crate::digest::Digest;
    use crate::reply::Left;

    fn path(text: impl Into<Vec<u8>>) -> PathName {
        PathName::from_wire(text).unwrap()
    }

    fn between(source: &str, target: &str, size: u64) -> BatchFile {
        BatchFile { source: path(source), target: path(target), size, ..file(0, 0, false, true) }
    }

    fn members(files: &[BatchFile]) -> Vec<Vec<usize>> {
        groups(files).into_iter().map(|group| group.members).collect()
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
        let lines: Vec<String> = groups(&files)
            .iter()
            .flat_map(|group| [group.look(&files), group.send(&files), group.store(7, &files)])
            .map(|command| String::from_utf8(command.to_line(Dialect::Rfc959)).unwrap())
            .collect();
        assert_eq!(lines[0], "PACK LOOK d//a/b\r\n");
        assert_eq!(lines[1], "PACK SEND s//1,20260102030400,-,a/1,20260102030400,-,b\r\n");
        assert_eq!(lines[2], "PACK STORE 7 d//1,20260102030400,a/1,20260102030400,b\r\n");
        assert_eq!(lines[6], "PACK LOOK ///e\r\n");
        assert_eq!(lines[10], "PACK SEND .//1,20260102030400,-,f\r\n");
        assert_eq!(
            Group::keep(7, &[1, 3, 2]),
            Command::Pack(Box::new(Pack::Keep(7, Numbers::new(1..4).unwrap())))
        );
        assert_eq!(Group::keep(7, &[]), Command::Pack(Box::new(Pack::Drop(7))));
    }

    #[test]
    fn a_group_has_no_more_than_one_command_takes_and_the_first_one_is_small() {
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
            let groups = groups(&files);
            assert_eq!(groups.iter().map(|group| group.members.len()).sum::<usize>(), files.len());
            assert!(groups[0].members.len() <= FIRST);
            for group in &groups {
                assert!(group.bytes <= BYTES && BYTES <= Pack::MAX_BYTES);
                for command in [group.send(&files), group.store(u32::MAX, &files), group.look(&files)] {
                    assert!(command.to_line(Dialect::Rfc959).len() <= Pack::MAX_LINE);
                }
            }
        }
        // A line that one file does not fit into is none.
        assert!(groups(&[between(&format!("{}/a", "s".repeat(4_330)), "d/a", 1)]).is_empty());
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
        let moved = |count, hex: &str| {
            Packed::Moved(count, Digest { algorithm: Algorithm::Crc32, hex: hex.to_owned() })
        };
        let left = || Packed::Left(Left::Changed);
        let judge = |sent: Packed, stored: Packed| {
            let mut both = Moved::default();
            both.note(Side::Source, Said::Files(vec![sent]));
            assert_eq!(both.judge(&[5]), Judged::Open);
            both.note(Side::Destination, Said::Files(vec![stored]));
            both.judge(&[5])
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
            let mut both = Moved::default();
            both.note(Side::Destination, destination);
            both.note(Side::Source, source);
            both.judge(&[5])
        };
        assert_eq!(one(Said::Failed, Said::Files(vec![moved(5, "0badcafe")])), Judged::Held(vec![]));
        assert_eq!(one(Said::Files(vec![left()]), Said::Failed), Judged::Nothing);
        assert_eq!(one(Said::Nothing, Said::Failed), Judged::Open);
    }
}
