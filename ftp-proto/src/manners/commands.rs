//! Which command is next: for the time and the rights of a file, for parts of files, and for many files at a time.

use super::Manners;
use crate::command::{Command, DataType, DigestCommand, FileToSend, NewFact, Pack, Partial, Practice, Site};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::listing::When;
use crate::wire::PathName;
use std::num::NonZeroU64;

/// What this program has set in a session, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    /// The TYPE in force.
    pub data_type: Option<DataType>,
    /// The algorithm in force for HASH.
    pub digest: Option<Algorithm>,
    /// REST or RANG has named a byte at which the next transfer may begin.
    pub restarts: bool,
    /// What RATE has said.
    pub rate: Option<NonZeroU64>,
    /// What OPTS STOR PARTIAL has said.
    pub partial: Option<Partial>,
    /// PROT C is in force.
    pub is_clear: bool,
    /// The server was given a secret for its next data connection, and nothing shows that it has used it up.
    pub demands_proof: bool,
}

impl SessionSettings {
    /// Takes note of a command that is sent.
    pub const fn note_sent(&mut self, command: &Command) {
        if let Command::Rest(offset) = command {
            self.restarts = *offset > 0;
        }
        if let Command::Rang(part) = command {
            self.restarts = part.is_some();
        }
        if let Command::Rndz(secret) = command {
            self.demands_proof = secret.is_some();
        }
    }
}

impl Manners {
    /// The command that sets the time of a file at this server, if there is one.
    pub fn time_command(&self, path: &PathName, time: When) -> Option<Command> {
        if self.dialect == Dialect::Rfc959 { self.capabilities.time_command(path, time) } else { None }
    }

    /// The command that sets the permission bits of a file or directory. Servers do not announce SITE CHMOD, so that it is
    /// tried.
    pub fn mode_command(&self, path: &PathName, mode: u32) -> Command {
        let is_mff = |line: &String| {
            let line = line.to_ascii_uppercase();
            line.starts_with("MFF ") && line.contains("UNIX.MODE")
        };
        Command::Practice(match self.capabilities.others.iter().any(is_mff) {
            true => Practice::Mff(vec![NewFact::Mode(mode)], path.clone()),
            false => Practice::Site(Site::Chmod(mode, path.clone())),
        })
    }

    /// Remembers that the server does not know a command that computes this digest.
    pub fn strike_digest(&mut self, command: DigestCommand, algorithm: Algorithm) {
        match command {
            DigestCommand::Hash => self.capabilities.hash.retain(|known| *known != algorithm),
            DigestCommand::X(digest) => self.capabilities.x_digests.retain(|known| *known != digest),
        }
    }

    /// How many parts of this file the server is asked for at the same time: all of it has room in its queue.
    pub fn parts_ahead(&self, path: &PathName) -> usize {
        if !self.capabilities.takes_ahead {
            return 1;
        }
        // A byte of a name may be written as two.
        let bytes = 2 * path.as_bytes().len() + LINES;
        (Command::MAX_WAITING_BYTES / bytes).clamp(1, PARTS_AHEAD)
    }

    /// Whether the server deletes files if they are what a command says of them.
    pub const fn deletes_if_same(&self) -> bool {
        self.capabilities.pack_delete && self.capabilities.takes_ahead
    }
}

/// How many parts a server is asked for at the same time.
const PARTS_AHEAD: usize = 16;
/// Bytes of RANG and HASH beside a path.
const LINES: usize = 64;

/// The files of each command, and the bytes of its line at most.
pub fn files_of_packs<'a>(directory: &PathName, files: &'a [FileToSend]) -> Vec<(&'a [FileToSend], usize)> {
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
    use crate::wire::FileName;

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
        let groups = files_of_packs(&directory, &files);
        let all: Vec<FileToSend> = groups.iter().flat_map(|(group, _)| group.to_vec()).collect();
        assert_eq!(all, files);
        assert!(groups.len() > 10 && groups.len() < 100, "{}", groups.len());
        for (group, bytes) in groups {
            let command = Command::Pack(Box::new(Pack::Same(directory.clone(), group.to_vec())));
            let line = command.to_line(Dialect::Rfc959);
            assert!(line.len() <= bytes && bytes <= Command::MAX_LINE, "{} {bytes}", line.len());
        }
        assert_eq!(files_of_packs(&directory, &[]).len(), 0);
    }

    #[test]
    fn rights_are_set_by_mff_where_that_is_announced() {
        let path = PathName::from_user("a").unwrap();
        let mut manners = Manners::default();
        let line = |manners: &Manners| {
            String::from_utf8_lossy(&manners.mode_command(&path, 0o640).to_line(Dialect::Rfc959))
                .trim_end()
                .to_owned()
        };
        assert_eq!(line(&manners), "SITE CHMOD 640 a");
        manners.capabilities.others = vec!["MFF modify;unix.mode;".to_owned()];
        assert!(line(&manners).starts_with("MFF UNIX.mode=0640; a"), "{}", line(&manners));
    }
}
