//! Which reply answers which command: first in, first out, for as long as nothing is aborted.

use super::CommandId;
use crate::command::{Command, Verb};
use std::collections::VecDeque;
use std::time::Duration;

/// Who said a command, which is: who wants its reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// The driver.
    Caller(CommandId),
    /// USER, PASS, ACCT.
    Login,
    /// FEAT or HELP.
    Features,
    /// OPTS UTF8.
    Utf8,
    /// ABOR.
    Abort,
    /// NOOP, to find out where the replies stand.
    Probe,
    /// QUIT or BYE.
    Quit,
}

/// A command that was sent and has no final reply yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) owner: Owner,
    pub(super) verb: Verb,
    /// Its replies are those of a transfer: a preliminary one, then a final one.
    pub(super) transfer: bool,
    /// The preliminary reply came.
    pub(super) started: bool,
    pub(super) patience: Option<Duration>,
}

/// A command that has to wait: for the login, or for the end of an abort.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) owner: Owner,
    pub(super) command: Command,
    pub(super) patience: Option<Duration>,
}

/// The commands under way, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    queue: VecDeque<Pending>,
}

impl Pipeline {
    pub(super) fn push(&mut self, owner: Owner, command: &Command, patience: Option<Duration>) {
        self.queue.push_back(Pending {
            owner,
            verb: command.verb(),
            transfer: command.is_transfer(),
            started: false,
            patience,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Pending> {
        self.queue.get(index)
    }

    /// The command whose reply is awaited next.
    pub(super) fn head(&self) -> Option<&Pending> {
        self.queue.front()
    }

    pub(super) fn position(&self, owner: Owner) -> Option<usize> {
        self.queue.iter().position(|pending| pending.owner == owner)
    }

    /// The first transfer without a final reply.
    pub(super) fn transfer(&self) -> Option<usize> {
        self.queue.iter().position(|pending| pending.transfer)
    }

    pub(super) fn start(&mut self, index: usize) {
        if let Some(pending) = self.queue.get_mut(index) {
            pending.started = true;
        }
    }

    /// The command at `index` has its final reply.
    pub(super) fn finish(&mut self, index: usize) {
        self.queue.remove(index);
    }

    /// The command at `index` has its final reply, and the server has forgotten those before it.
    pub(super) fn finish_through(&mut self, index: usize) {
        for _ in 0..=index {
            self.queue.pop_front();
        }
    }

    /// Whether everything before `index` is a transfer or ABOR, whose replies a server may forget.
    pub(super) fn forgettable_before(&self, index: usize) -> bool {
        self.queue.iter().take(index).all(|pending| pending.transfer || pending.owner == Owner::Abort)
    }
}
