//! What all parts of a session share: the commands under way and their replies in order, their reply timer, and the outputs.
//! A STAT during a transfer is out of order; what an abort changes is in [`super::abort`].

use super::{CommandId, Config, Event, Failure, Output, Security, Standing, Timer, UnusedListener};
use crate::command::{Command, Verb};
use crate::dialect::Dialect;
use crate::reply::{Code, Meaning, Reply, ReplyReader, is_status};
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::time::Duration;

/// The whole login, and each command, may take this many reply timeouts. A server that asks for
/// patience again and again does not get more.
pub(super) const RENEWALS: u32 = 8;
/// The number of replies after one command that end no command: one marker every 5 s makes so many in a day.
const MOST_SURPLUS: usize = 20_000;

/// The control connection as the parts of a session see it.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) config: Config,
    pub(super) dialect: Dialect,
    pub(super) reader: ReplyReader,
    pub(super) pipeline: Pipeline,
    pub(super) timers: Timers<Timer>,
    /// TLS protects the control connection.
    pub(super) secured: bool,
    /// An abort is under way. It has its own timer, and the reply timer is off.
    pub(super) aborting: bool,
    standing: Standing,
    /// Replies since the last command was sent that have ended no command.
    surplus: usize,
    /// The greeting is that of a server that takes the commands of a login together.
    pub(super) takes_ahead: bool,
    /// The greeting says that there is no TLS.
    pub(super) has_no_tls: bool,
    /// All commands of the set-up were sent, and no reply can ask for another one: what the caller sends may follow.
    pub(super) takes_more: bool,
    /// Commands of the set-up that were sent before it asked for them.
    ahead: VecDeque<Verb>,
    /// How many replies to such commands nobody awaits.
    unasked_for: usize,
    out: VecDeque<Output>,
    over: bool,
}

impl Control {
    pub(super) fn new(config: Config) -> Self {
        Self { secured: config.security == Security::Implicit, config, ..Self::default() }
    }

    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Notes that the reply to the last LSTN has told where the server listens.
    pub(super) const fn note_listener(&mut self, listener: UnusedListener) {
        self.standing.unused = Some(listener);
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.timers.next()))
    }

    pub(super) fn output(&mut self, output: Output) {
        self.out.push_back(output);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.output(Output::Event(event));
    }

    /// Ends the session. Only the first call has an effect.
    pub(super) fn end(&mut self, failure: Failure) {
        if self.over {
            return;
        }
        self.over = true;
        self.timers.clear();
        self.event(Event::Ended(failure));
        self.output(Output::Close);
    }

    /// Takes note that a command was refused.
    pub(super) const fn refused(&mut self, verb: Verb) {
        self.standing.refused(verb);
    }

    /// Sends a command of the set-up. If it was sent ahead, its reply is on its way. What was sent ahead and is not
    /// needed has replies, too, which come first.
    pub(super) fn send_in_setup(&mut self, now: Moment, command: &Command) {
        let verb = command.verb();
        let needless = self.ahead.iter().position(|ahead| *ahead == verb).unwrap_or(self.ahead.len());
        self.ahead.drain(..needless);
        self.unasked_for += needless;
        if self.ahead.pop_front().is_none() {
            self.send(now, Owner::Setup, command, None);
        }
    }

    /// Sends a command of the set-up that will be needed if all goes well, before the replies to those before it.
    pub(super) fn send_ahead(&mut self, now: Moment, command: &Command) {
        self.ahead.push_back(command.verb());
        self.send(now, Owner::Setup, command, None);
    }

    /// Whether the reply that has come answers a command that was sent ahead and is not needed.
    pub(super) const fn skips_reply(&mut self) -> bool {
        let skips = self.unasked_for > 0;
        self.unasked_for = self.unasked_for.saturating_sub(1);
        skips
    }

    /// Sends one command.
    pub(super) fn send(&mut self, now: Moment, owner: Owner, command: &Command, patience: Option<Duration>) {
        let first = self.pipeline.is_empty();
        self.standing.note(command);
        self.surplus = 0;
        if self.config.traces {
            self.event(Event::Sent(command.traced(self.dialect)));
        }
        self.output(Output::Send(command.to_line(self.dialect)));
        self.pipeline.push(owner, command, patience);
        if first {
            self.watch(now);
        }
    }

    /// Arms the reply timer for the command whose reply is due next.
    pub(super) fn watch(&mut self, now: Moment) {
        self.timers.disarm(Timer::Reply);
        let Some((head, since)) = self.pipeline.head_since(now) else { return };
        if self.aborting || (head.transfer && head.started && head.patience.is_none()) {
            return;
        }
        // Many servers send the first reply only when the other end has connected (modern-servers 1).
        let usual = self.config.reply_timeout.saturating_mul(if head.transfer { 2 } else { 1 });
        let patience = head.patience.unwrap_or(usual);
        let last = since + patience.saturating_mul(RENEWALS);
        self.timers.arm(Timer::Reply, last.min(now + patience));
    }

    /// Counts a reply that ends no command. A server that sends such replies without end would be read for ever,
    /// because its replies renew no timer that could end this.
    pub(super) fn count_surplus(&mut self) {
        self.surplus += 1;
        if self.surplus > MOST_SURPLUS {
            self.end(Failure::OutOfStep);
        }
    }

    /// Handles a reply that answers no command. It is reported, so that it cannot be taken for the
    /// answer to the next command (RFC 1123 section 4.1.4.4).
    pub(super) fn unasked(&mut self, reply: Reply) {
        self.event(Event::Unasked(reply));
    }
}

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
