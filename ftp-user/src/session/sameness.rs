//! Whether files are what they were, asked for many with one command: `PACK SAME` of `ftp-server`.

use super::answer::Answer;
use super::connection::Session;
use ftp_proto::command::{Command, FileToSend, Pack, Verb};
use ftp_proto::reply::same_files;
use ftp_proto::wire::PathName;

impl Session {
    /// Whether each of these files of a directory is there as it is described: a regular file of this size, and of this time
    /// and identity where they are given. `false` says nothing of a file: it is to be asked for alone.
    pub async fn are_same(&mut self, directory: &PathName, files: &[FileToSend]) -> Vec<bool> {
        let mut all = Vec::with_capacity(files.len());
        if self.capabilities.pack && self.capabilities.takes_ahead {
            let groups = groups(directory, files);
            let question = |(group, bytes): &(&[FileToSend], usize)| {
                (Pack::Same(directory.clone(), group.to_vec()), *bytes)
            };
            let answers = self.ask_packs(groups.iter().map(question)).await;
            for ((group, _), answer) in groups.iter().zip(answers) {
                let same = if answer.is_done() { same_files(&answer.reply.lines, group.len()) } else { None };
                all.extend(same.unwrap_or_else(|| vec![false; group.len()]));
            }
        }
        all.resize(files.len(), false);
        all
    }

    /// The answers to these commands, each with the bytes of its line at most.
    pub(super) async fn ask_packs(&mut self, packs: impl Iterator<Item = (Pack, usize)>) -> Vec<Answer> {
        self.gather(true);
        let commands = packs.map(|(pack, bytes)| (Command::Pack(Box::new(pack)), bytes));
        let answers = self.ask_each_ahead(Verb::Pack, commands).await;
        self.gather(false);
        answers
    }
}

/// The files of each command, and the bytes of its line at most.
pub(super) fn groups<'a>(directory: &PathName, files: &'a [FileToSend]) -> Vec<(&'a [FileToSend], usize)> {
    let empty = COMMAND + escaped(directory.as_bytes());
    let (mut groups, mut rest) = (Vec::new(), files);
    while !rest.is_empty() {
        let (mut count, mut bytes) = (0, empty);
        for file in rest.iter().take(Pack::MAX_FILES) {
            let next = FACTS + file.unique.as_ref().map_or(1, String::len) + escaped(file.name.as_bytes());
            if count > 0 && bytes + next > Command::MAX_LINE {
                break;
            }
            (count, bytes) = (count + 1, bytes + next);
        }
        let (group, others) = rest.split_at(count);
        groups.push((group, bytes));
        rest = others;
    }
    groups
}

/// How many bytes of a line these are at most: Telnet doubles some.
fn escaped(bytes: &[u8]) -> usize {
    bytes.len() + bytes.iter().filter(|byte| matches!(**byte, b'\r' | u8::MAX)).count()
}

/// Bytes of a command beside its directory and its files, with the end of the line.
const COMMAND: usize = 16;
/// Bytes of the size and the time of a file, with three commas and the slash before them.
const FACTS: usize = 1 + 10 + 1 + 14 + 1 + 1;

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::dialect::Dialect;
    use ftp_proto::listing::When;
    use ftp_proto::wire::FileName;

    #[test]
    fn every_file_is_in_a_command_that_a_server_takes() {
        let directory = PathName::from_user("a/directory").unwrap();
        let file = |number: usize| FileToSend {
            size: u32::MAX,
            modified: Some(When(1_000_000_000)),
            unique: Some(format!("8g{number}")),
            name: FileName::from_wire(format!("{number:\u{ff}<40}").as_bytes()).unwrap(),
        };
        let files: Vec<FileToSend> = (0..1000).map(file).collect();
        let groups = groups(&directory, &files);
        let all: Vec<FileToSend> = groups.iter().flat_map(|(group, _)| group.to_vec()).collect();
        assert_eq!(all, files);
        assert!(groups.len() > 10 && groups.len() < 100, "{}", groups.len());
        for (group, bytes) in groups {
            let command = Command::Pack(Box::new(Pack::Same(directory.clone(), group.to_vec())));
            let line = command.to_line(Dialect::Rfc959);
            assert!(line.len() <= bytes && bytes <= Command::MAX_LINE, "{} {bytes}", line.len());
        }
        assert_eq!(super::groups(&directory, &[]).len(), 0);
    }
}
