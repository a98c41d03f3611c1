//! Which files of a batch move in one transfer.

use super::files::BatchFile;
use super::group::{Group, Member};
use crate::command::{Command, Pack};
use crate::transfer::request::PerSide;
use crate::wire::PathName;

/// Puts files into groups: each has files that follow each other and have the same directories, as many as PACK takes. The
/// first one is small, so that the data connection is soon proven. With them come the places of the files that PACK does not
/// take.
pub(super) fn groups(files: &[BatchFile]) -> (Vec<Group>, Vec<usize>) {
    let (mut groups, mut others) = (Vec::<Group>::new(), Vec::new());
    let mut room = Room::default();
    let mut last = None;
    for (index, file) in files.iter().enumerate() {
        let ((source, source_name), (target, target_name)) = (split(&file.source), split(&file.target));
        let Some(member) = Member::of(index, file, (source_name, target_name)) else {
            others.push(index);
            continue;
        };
        let most = if groups.len() > 1 { Pack::MAX_FILES } else { FIRST };
        let is_next = last == Some((source, target)) && room.take(most, &member);
        if is_next && let Some(Group { bytes, lines, asks, members, .. }) = groups.last_mut() {
            (*bytes, *lines) = (room.bytes, room.lines);
            *asks |= file.asks;
            members.push(member);
            continue;
        }
        let mut fresh = Room::new(source, target);
        let fits = fresh.take(1, &member);
        match Group::of(source, target, member).filter(|_| fits) {
            Some(mut group) => {
                (group.bytes, group.lines, group.asks) = (fresh.bytes, fresh.lines, file.asks);
                (room, last) = (fresh, Some((source, target)));
                groups.push(group);
            }
            None => others.push(index),
        }
    }
    (groups, others)
}

/// What a group may still take.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    files: usize,
    bytes: u64,
    /// Bytes of the two transfer commands so far.
    lines: PerSide<usize>,
}

impl Room {
    fn new(source: &[u8], target: &[u8]) -> Self {
        let line = |directory| COMMAND + escaped(directory);
        Self { files: 0, bytes: 0, lines: PerSide { source: line(source), destination: line(target) } }
    }

    /// Takes one more file, if there is room for it in a group of at most `most`.
    fn take(&mut self, most: usize, Member { sent, stored, .. }: &Member) -> bool {
        let unique = sent.unique.as_ref().map_or(1, String::len);
        let [source, target] = [&sent.name, &stored.name].map(|name| FACTS + escaped(name.as_bytes()));
        let next = Self {
            files: self.files + 1,
            bytes: self.bytes + u64::from(sent.size),
            lines: PerSide {
                source: self.lines.source + 1 + unique + source,
                destination: self.lines.destination + target,
            },
        };
        let fits = next.files <= most
            && next.bytes <= BYTES
            && next.lines.iter().all(|line| *line <= Command::MAX_LINE);
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
    use crate::command::GroupNumber;
    use crate::dialect::Dialect;

    fn path(text: impl Into<Vec<u8>>) -> PathName {
        PathName::from_wire(text).unwrap()
    }

    fn between(source: &str, target: &str, size: u64) -> BatchFile {
        BatchFile { source: path(source), target: path(target), size, ..file(0, 0, false, true) }
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
            let (groups, others) = groups(&files);
            assert_eq!(
                groups.iter().map(|group| group.members.len()).sum::<usize>() + others.len(),
                files.len()
            );
            assert!(groups[0].members.len() <= FIRST && others.is_empty());
            for group in &groups {
                assert!(group.bytes <= BYTES && BYTES <= Pack::MAX_BYTES);
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
