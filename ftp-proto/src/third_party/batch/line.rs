//! What is under way at one server: its commands, in the order of their replies.

use super::settings::Window;
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
    /// MLST at the destination: has something the name of this file?
    Look(usize),
    /// RETR or STOR.
    Move(usize),
    /// MLST at the source: is it still the same file?
    Again(usize),
    /// MFMT: the time of a verified file.
    Time(usize),
    /// RNFR: the name of its part.
    From(usize),
    /// RNTO: its final name.
    To(usize),
    /// MLST at the destination: does it show the file under its final name?
    Named(usize),
    /// MODE S: the batch is over.
    Close,
}

/// The commands without a reply at one server.
#[derive(Debug, Default)]
pub(super) struct Line {
    asked: VecDeque<(Task, usize)>,
    bytes: usize,
    /// The command at the head has had a preliminary reply.
    has_begun: bool,
}

impl Line {
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

    /// Whether so many short commands may be sent as well. Ask this before they are made.
    pub(super) fn has_places(&self, window: Window, commands: usize) -> bool {
        self.asked.is_empty() || self.asked.len() + commands <= window.commands
    }

    /// Whether these commands may be sent as well.
    pub(super) fn has_room<'a>(
        &self,
        window: Window,
        commands: impl IntoIterator<Item = &'a Weighed>,
    ) -> bool {
        let (mut count, mut bytes) = (0, self.bytes);
        for command in commands {
            count += 1;
            bytes += command.bytes;
        }
        self.asked.is_empty() || (self.has_places(window, count) && bytes <= window.line_bytes)
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
    bytes: usize,
}

impl From<Command> for Weighed {
    fn from(command: Command) -> Self {
        let bytes = command.to_line(Dialect::Rfc959).len();
        Self { command, bytes }
    }
}
