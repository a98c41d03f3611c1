//! What all parts of a session share: the commands under way, their reply timer, and the outputs.

use super::pipeline::{Owner, Pipeline};
use super::{Config, Event, Failure, Output, Security, Standing, Timer};
use crate::command::{Command, Verb};
use crate::dialect::Dialect;
use crate::reply::{Reply, ReplyReader};
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::time::Duration;

/// The whole login, and each command, may take this many reply timeouts. A server that asks for
/// patience again and again does not get more.
pub(super) const RENEWALS: u32 = 8;
/// The number of replies after one command that end no command: one marker every 5 s makes so many in a day.
const MOST_SURPLUS: usize = 20_000;

/// The control connection as the parts of a session see it.
#[derive(Debug)]
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
        Self {
            secured: config.security == Security::Implicit,
            config,
            dialect: Dialect::Rfc959,
            reader: ReplyReader::new(),
            pipeline: Pipeline::default(),
            timers: Timers::new(),
            aborting: false,
            standing: Standing::default(),
            surplus: 0,
            takes_ahead: false,
            has_no_tls: false,
            takes_more: false,
            ahead: VecDeque::new(),
            unasked_for: 0,
            out: VecDeque::new(),
            over: false,
        }
    }

    pub(super) const fn standing(&self) -> Standing {
        self.standing
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
        self.event(Event::Sent(command.traced(self.dialect)));
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
