//! What the driver knows about files.

use super::Harness;
use crate::digest::Digest;
use crate::listing::{Entry, Kind, When};
use crate::server::ask::{Answer, FileAnswer, FileAsk, FileFailure, FileIdentity, Input, Ticket, Uploading};
use crate::wire::{ByteRange, PathName};

impl Harness {
    pub(super) fn ask_room(&mut self, ticket: Ticket, of: &Uploading) {
        assert_eq!(self.room, None, "a session asks for the room of one command");
        self.did.push(format!("room {of:?}"));
        if self.has_room {
            self.answer(ticket, Answer::Room);
        } else {
            self.room = Some(ticket);
        }
    }

    /// Whether a command waits for room.
    pub(in crate::server::tests) const fn waits_for_room(&self) -> bool {
        self.room.is_some()
    }

    /// There is room for the command that waits for it.
    #[track_caller]
    pub(in crate::server::tests) fn room_comes(&mut self) {
        let ticket = self.room.take().expect("nothing waits for room");
        self.input(Input::Answer(ticket, Answer::Room));
    }

    /// Answers all questions about files that wait for it.
    pub(in crate::server::tests) fn answer_files(&mut self) {
        for (ticket, found) in std::mem::take(&mut self.unanswered) {
            self.input(Input::Answer(ticket, Answer::File(found)));
        }
    }

    pub(super) fn look_up(&mut self, ask: FileAsk) -> Result<FileAnswer, FileFailure> {
        let known = |path: &PathName| self.files.get(&path.display()).copied().ok_or(FileFailure::NotFound);
        match ask {
            FileAsk::Facts(path) if path == PathName::root() => {
                Ok(FileAnswer::Entry(entry("/", Kind::Directory, None)))
            }
            FileAsk::Facts(path) => {
                let size = known(&path)?;
                Ok(FileAnswer::Entry(entry(&path.display(), Kind::File, Some(size))))
            }
            FileAsk::List(..) => {
                let line = |(name, size): (&String, &u64)| format!("-rw-r--r-- {size} {}", &name[1..]).into();
                let lines = self.files.iter().map(line).collect();
                Ok(FileAnswer::Lines { lines, more: false, omitted: self.omitted })
            }
            FileAsk::Space(_) => Ok(FileAnswer::Space(123_456)),
            FileAsk::Change { path, .. } => known(&path).map(|_| FileAnswer::Done),
            FileAsk::Link { .. } => Ok(FileAnswer::Done),
            FileAsk::Sync => self.opens.map(|()| FileAnswer::Done),
            FileAsk::Copy { from, .. } => known(&from).map(FileAnswer::Copied),
            FileAsk::RenameFrom(path) => {
                known(&path).map(|_| FileAnswer::Identity(FileIdentity { device: 1, number: 7 }))
            }
            FileAsk::Remove(path) | FileAsk::CopyFrom(path) => known(&path).map(|_| FileAnswer::Done),
            FileAsk::Hash { path, algorithm, range } => {
                let hex = "ab".repeat(algorithm.hex_len() / 2);
                let size = known(&path)?;
                let length = Some(range.within(size).ok_or(FileFailure::BeyondEnd)?);
                Ok(FileAnswer::Digest(Digest { algorithm, hex }, ByteRange { length, ..range }))
            }
            FileAsk::Compare(_, files) | FileAsk::RemoveSame(_, files) => self.left.clone().map(|left| {
                let same = u16::try_from(files.len() - left.len()).unwrap();
                FileAnswer::Compared { same, left }
            }),
            FileAsk::Look(..) | FileAsk::Keep(..) => self.left.clone().map(FileAnswer::LeftOut),
            FileAsk::Enter(_)
            | FileAsk::Drop(_)
            | FileAsk::MakeDirectory(_)
            | FileAsk::RemoveDirectory(_)
            | FileAsk::Rename { .. } => Ok(FileAnswer::Done),
        }
    }
}

fn entry(name: &str, kind: Kind, size: Option<u64>) -> Entry {
    Entry { size, modified: Some(When(86_400)), ..Entry::new(PathName::from_wire(name).unwrap(), kind) }
}
