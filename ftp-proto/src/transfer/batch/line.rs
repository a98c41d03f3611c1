//! What is under way at one server: its commands, in the order of their replies.

use super::files::Window;
use crate::command::Command;
use crate::dialect::Dialect;
use std::collections::VecDeque;

/// What a command is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// ACTV: its refusal does not matter.
    Activate,
    /// TYPE, MODE B, DGST, RNDZ: what has to be in force for all files.
    Setting,
    /// LSTN: its reply says where the end listens.
    Listen,
    /// SOCK at the active end, or as the filter of the passive end.
    Connect,
    /// PACK LOOK: has something the names of the files of this group?
    Look(usize),
    /// PACK SEND or PACK STORE.
    Move(usize),
    /// PACK KEEP: the verified files of this group get their names.
    Keep(usize),
    /// PACK DROP: nothing of this group is kept. Its reply does not matter.
    Drop,
    /// MLST at the destination: does it show the file under its final name?
    Named(usize),
}

/// The commands without a reply at one server.
#[derive(Debug, Default)]
pub(super) struct CommandQueue {
    asked: VecDeque<(Task, usize)>,
    bytes: usize,
    /// The command at the head has had a preliminary reply.
    has_begun: bool,
}

impl CommandQueue {
    /// Notes that a command is sent.
    pub(super) fn ask(&mut self, task: Task, command: &Weighed) {
        self.asked.push_back((task, command.bytes));
        self.bytes += command.bytes;
    }

    /// What the next reply answers.
    pub(super) fn head(&self) -> Option<Task> {
        self.asked.front().map(|(task, _)| *task)
    }

    /// Notes a preliminary reply. Returns whether it is the first one to its command: others tell nothing.
    pub(super) const fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.has_begun, true)
    }

    /// Notes a final reply.
    pub(super) fn answered(&mut self) {
        self.has_begun = false;
        if let Some((_, bytes)) = self.asked.pop_front() {
            self.bytes -= bytes;
        }
    }

    /// Whether commands with lines of so many bytes may be sent as well.
    pub(super) fn has_room(&self, window: Window, lines: impl IntoIterator<Item = usize>) -> bool {
        let (mut count, mut bytes) = (0, self.bytes);
        for line in lines {
            count += 1;
            bytes += line;
        }
        self.asked.is_empty() || (self.asked.len() + count <= window.commands && bytes <= window.line_bytes)
    }

    /// Whether every command has its reply.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

/// A command and the number of bytes of its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Weighed {
    pub(super) command: Command,
    pub(super) bytes: usize,
}

impl From<Command> for Weighed {
    fn from(command: Command) -> Self {
        let bytes = command.to_line(Dialect::Rfc959).len();
        Self { command, bytes }
    }
}
