//! Which reply answers which command: first in, first out, but for STAT during a transfer. What an
//! abort changes is in [`super::abort`].

use super::CommandId;
use crate::command::{Command, Verb};
use crate::dialect::Dialect;
use crate::reply::{Code, Meaning, is_status};
use crate::timer::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Who said a command, which is: who wants its reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// The driver.
    Caller(CommandId),
    /// AUTH.
    Auth,
    /// PBSZ.
    Pbsz,
    /// PROT.
    Prot,
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
    /// When its turn to be answered came.
    pub(super) since: Option<Moment>,
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
            since: None,
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

    /// Notes that its turn has come, if that is new.
    pub(super) fn head_since(&mut self, now: Moment) -> Option<(Pending, Moment)> {
        let head = self.queue.front_mut()?;
        let since = *head.since.get_or_insert(now);
        Some((*head, since))
    }

    pub(super) fn position(&self, owner: Owner) -> Option<usize> {
        self.queue.iter().position(|pending| pending.owner == owner)
    }

    /// The command that a reply answers, when nothing is aborted.
    pub(super) fn answered_by(&self, dialect: Dialect, code: Code) -> usize {
        self.status(dialect, code).unwrap_or(0)
    }

    /// The STAT that a reply answers before its turn: many servers answer it while data moves, many
    /// keep it until the end.
    pub(super) fn status(&self, dialect: Dialect, code: Code) -> Option<usize> {
        let head = self.head().filter(|head| head.transfer)?;
        let stat = self.queue.iter().position(|pending| pending.verb == Verb::Stat)?;
        let refusals = [Meaning::Unrecognised, Meaning::NotImplemented, Meaning::BadSequence];
        let refused = refusals.iter().any(|meaning| code == meaning.code(dialect));
        // A transfer that has begun does not end with "unknown command".
        (is_status(dialect, code) || (refused && head.started)).then_some(stat)
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

    /// Whether everything before `index` is a transfer, STAT or ABOR, whose replies a server that
    /// aborts may forget.
    pub(super) fn forgettable_before(&self, index: usize) -> bool {
        let forgettable = |pending: &Pending| {
            pending.transfer || pending.verb == Verb::Stat || pending.owner == Owner::Abort
        };
        self.queue.iter().take(index).all(forgettable)
    }
}
