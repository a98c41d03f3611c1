//! Which reply answers which command: in order, except for STAT during a transfer. What an abort
//! changes is in [`super::abort`].

use super::CommandId;
use crate::command::{Command, Verb};
use crate::dialect::Dialect;
use crate::reply::{Code, Meaning, is_status};
use crate::timer::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Who sent a command and so gets its reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// The caller of [`Session::send`](super::Session::send).
    Caller(CommandId),
    /// The set-up: AUTH, login, features.
    Setup,
    /// The abort: ABOR.
    Abort,
    /// The abort: NOOP, which finds out where the replies stand.
    Probe,
    /// The end of the session: QUIT or BYE.
    Quit,
}

/// A command that was sent and has no final reply yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) owner: Owner,
    pub(super) verb: Verb,
    /// It has a preliminary reply and then a final one.
    pub(super) transfer: bool,
    /// The preliminary reply was received; for STAT, a first part of the answer.
    pub(super) started: bool,
    pub(super) patience: Option<Duration>,
    /// When its reply became the next one that is due.
    pub(super) since: Option<Moment>,
}

/// A command that waits for the end of the set-up or of an abort.
#[derive(Debug)]
pub(super) struct WaitingCommand {
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
            since: None,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Pending> {
        self.queue.get(index)
    }

    /// The command whose reply is due next.
    pub(super) fn head(&self) -> Option<&Pending> {
        self.queue.front()
    }

    /// The command whose reply is due next, and since when: `now` if that is new.
    pub(super) fn head_since(&mut self, now: Moment) -> Option<(Pending, Moment)> {
        let head = self.queue.front_mut()?;
        let since = *head.since.get_or_insert(now);
        Some((*head, since))
    }

    pub(super) fn position(&self, owner: Owner) -> Option<usize> {
        self.queue.iter().position(|pending| pending.owner == owner)
    }

    /// The command that a reply answers, unless an abort is under way.
    pub(super) fn answered_by(&self, dialect: Dialect, code: Code) -> usize {
        self.status(dialect, code).unwrap_or(0)
    }

    /// The STAT that a reply answers out of order: many servers answer it while data moves, and many
    /// others only at the end of the transfer.
    pub(super) fn status(&self, dialect: Dialect, code: Code) -> Option<usize> {
        let head = self.head().filter(|head| head.transfer)?;
        let stat = self.queue.iter().position(|pending| pending.verb == Verb::Stat)?;
        let refusals = [Meaning::Unrecognised, Meaning::NotImplemented, Meaning::BadSequence];
        let refused = refusals.iter().any(|meaning| code == meaning.code(dialect));
        // A transfer that has begun does not end with "unknown command".
        (is_status(dialect, code) || (refused && head.started)).then_some(stat)
    }

    /// The STAT whose answer has begun and is due next: no server says anything else in between.
    pub(super) fn status_in_parts(&self) -> Option<usize> {
        self.head().filter(|head| head.verb == Verb::Stat && head.started).map(|_| 0)
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

    /// Removes the command at `index`, which has its final reply.
    pub(super) fn finish(&mut self, index: usize) {
        self.queue.remove(index);
    }

    /// Removes the command at `index`, which has its final reply, and all before it: the server will
    /// not answer them any more.
    pub(super) fn finish_through(&mut self, index: usize) {
        for _ in 0..=index {
            self.queue.pop_front();
        }
    }

    /// Whether all commands before `index` are transfers, STAT or ABOR, whose replies a server that
    /// aborts may leave out.
    pub(super) fn forgettable_before(&self, index: usize) -> bool {
        let forgettable = |pending: &Pending| {
            pending.transfer || pending.verb == Verb::Stat || pending.owner == Owner::Abort
        };
        self.queue.iter().take(index).all(forgettable)
    }
}
