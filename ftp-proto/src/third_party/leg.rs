//! One end of the attempt: what it was asked, what it has said, what it still owes.

use super::judge::{is_decisive, transfer_blame};
use super::script::Step;
use super::{Heard, Party};
use crate::command::Verb;
use crate::reply::{Blame, Reply};
use crate::timer::{Moment, Timer, Timers};
use std::collections::VecDeque;
use std::time::Duration;

/// What a command under way is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    Setup(Step),
    Transfer,
}

/// The command that awaits its final reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub(super) task: Task,
    pub(super) verb: Verb,
}

impl Asked {
    /// The command as people read it in an error.
    pub(super) fn name(self) -> &'static str {
        name(self.verb)
    }
}

/// The verb as people read it in an error.
pub(super) fn name(verb: Verb) -> &'static str {
    verb.row().map_or("command", |row| row.name)
}

/// How far the transfer command has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Run {
    /// Not sent.
    Not,
    /// Sent.
    Sent,
    /// Preliminary reply.
    Moving,
    /// Final reply: complete.
    Complete(Reply),
    /// Refused for the file's sake before anything was touched.
    Refused,
    /// Failed in any other way.
    Failed,
    /// Its session ended before the final reply.
    Lost,
}

/// How the end's session fares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// In step, or about to be: each command has its reply or its timer.
    Following,
    /// ABORted; its replies are awaited.
    Aborting,
    /// Over.
    Closed,
}

/// One end.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) party: Party,
    pub(super) steps: VecDeque<Step>,
    pub(super) asked: Option<Asked>,
    pub(super) run: Run,
    /// It listens, or was asked to, and no transfer command has used that.
    pub(super) listening: bool,
    /// The data socket that its 255 announced.
    pub(super) socket: Option<u16>,
    /// Its preliminary reply came.
    pub(super) started: bool,
    pub(super) fate: Fate,
    pub(super) timers: Timers,
}

impl Leg {
    pub(super) fn new(party: Party, steps: VecDeque<Step>) -> Self {
        Self {
            party,
            steps,
            asked: None,
            run: Run::Not,
            listening: false,
            socket: None,
            started: false,
            fate: Fate::Following,
            timers: Timers::new(),
        }
    }

    /// A command was sent. Transfer commands have the timers of both ends, the others their own.
    pub(super) fn ask(&mut self, task: Task, verb: Verb, now: Moment, patience: Duration) {
        self.asked = Some(Asked { task, verb });
        match task {
            Task::Setup(step) => {
                self.listening |= step == Step::Listen;
                self.timers.arm(Timer::Reply, now + patience);
            }
            Task::Transfer => {
                self.listening = false;
                self.run = Run::Sent;
            }
        }
    }

    /// The final reply came.
    pub(super) fn answered(&mut self) {
        self.asked = None;
        self.timers.disarm(Timer::Reply);
    }

    /// It will not listen before PRET: both once more.
    pub(super) fn learn_pret(&mut self) {
        self.answered();
        self.listening = false;
        self.party.capabilities.pret = true;
        self.steps.push_front(Step::Listen);
        self.steps.push_front(Step::Announce);
    }

    /// Notes the final reply of the transfer command; gives the blame where it is a failure.
    pub(super) fn end_of_run(&mut self, verb: Verb, heard: Heard) -> Option<Blame> {
        let Some(blame) = transfer_blame(verb, &self.party, &heard) else {
            self.run = Run::Complete(heard.reply);
            return None;
        };
        let untouched = !self.started && (is_decisive(blame) || blame == Blame::Unsupported);
        self.run = if untouched { Run::Refused } else { Run::Failed };
        Some(blame)
    }

    /// Nothing is left of the set-up.
    pub(super) fn prepared(&self) -> bool {
        self.steps.is_empty() && self.asked.is_none()
    }

    /// A reply to the transfer command came.
    pub(super) fn begun(&self) -> bool {
        !matches!(self.run, Run::Not | Run::Sent)
    }

    /// The transfer command was sent and has no final reply.
    pub(super) fn runs(&self) -> bool {
        matches!(self.run, Run::Sent | Run::Moving)
    }

    /// Its final reply, where that says that it is complete.
    pub(super) const fn complete(&self) -> Option<&Reply> {
        if let Run::Complete(reply) = &self.run { Some(reply) } else { None }
    }

    /// Its abort is complete; whether it was asked for.
    pub(super) fn aborted(&mut self) -> bool {
        let asked = self.fate == Fate::Aborting;
        if asked {
            self.fate = Fate::Following;
            self.asked = None;
            self.timers.clear();
        }
        asked
    }

    /// Its session is over.
    pub(super) fn close(&mut self) {
        self.fate = Fate::Closed;
        self.asked = None;
        self.timers.clear();
    }

    /// Nothing more is to come from this end.
    pub(super) fn settled(&self) -> bool {
        match self.fate {
            Fate::Following => self.asked.is_none(),
            Fate::Aborting => false,
            Fate::Closed => true,
        }
    }

    /// Whether octets may have reached its file: there is no telling what a server does between its
    /// transfer command and its first reply, except that RNDZ holds its hand until the proof. Without
    /// a final reply there is no telling either: its other replies may be on their way.
    pub(super) fn may_have_written(&self, proven: bool) -> bool {
        match self.run {
            Run::Not | Run::Refused => false,
            Run::Failed => self.started || !proven,
            Run::Sent | Run::Lost | Run::Moving | Run::Complete(_) => true,
        }
    }
}
