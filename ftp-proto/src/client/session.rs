//! One session: input, poll.

use super::abort::{self, Drain};
use super::login::Progress;
use super::pipeline::{Held, Owner, Pipeline};
use super::{CommandId, Config, Event, Failure, Output, Standing};
use crate::command::Command;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{Class, Reply, ReplyReader, classify, ends_session};
use crate::timer::{Moment, Timer, Timers};
use std::collections::VecDeque;
use std::time::Duration;

/// The whole login, and each command, may take as many reply timeouts as this: a server that asks
/// for patience again and again does not get all of it.
const RENEWALS: u32 = 8;
/// The lines that HELP may have before its final reply.
const HELP_LINES: usize = 1000;

/// Where the session stands.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing but the greeting can come.
    Greeting,
    /// AUTH.
    Auth,
    /// The driver begins TLS: nothing may come in clear any more.
    Securing,
    /// USER, PASS, ACCT.
    Login(Progress),
    /// PBSZ, PROT.
    Protecting,
    /// FEAT or HELP, with the lines that came before its final reply.
    Features(Vec<Vec<u8>>),
    /// OPTS UTF8, with what FEAT said.
    Utf8(Capabilities),
    /// The caller's commands.
    Ready,
    /// Ended; nothing goes in or out.
    Over,
}

/// The machine of one control connection, user side.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) dialect: Dialect,
    /// What only the greeting tells of its capabilities.
    pub(super) loses_early: bool,
    pub(super) pipeline: Pipeline,
    pub(super) drain: Option<Drain>,
    pub(super) timers: Timers,
    pub(super) out: VecDeque<Output>,
    reader: ReplyReader,
    held: VecDeque<Held>,
    standing: Standing,
    next: u64,
    quitting: bool,
    /// The reply with which the server announced that it will close.
    farewell: Option<Reply>,
}

impl Session {
    /// Waits for the greeting from `now` on.
    pub fn new(config: Config, now: Moment) -> Self {
        let mut timers = Timers::new();
        timers.arm(Timer::Greeting, now + config.reply_timeout);
        timers.arm(Timer::Login, now + config.reply_timeout.saturating_mul(RENEWALS));
        Self {
            config,
            state: State::Greeting,
            dialect: Dialect::Rfc959,
            loses_early: false,
            pipeline: Pipeline::default(),
            drain: None,
            timers,
            out: VecDeque::new(),
            reader: ReplyReader::new(),
            held: VecDeque::new(),
            standing: Standing::default(),
            next: 0,
            quitting: false,
            farewell: None,
        }
    }

    /// Takes octets of the server.
    pub fn bytes(&mut self, now: Moment, octets: &[u8]) {
        if self.is_over() {
            return;
        }
        if matches!(self.state, State::Securing) {
            return self.end(Failure::Injected);
        }
        self.reader.push(octets);
        while !self.is_over() {
            match self.reader.next() {
                Ok(Some(reply)) => self.heard(now, reply),
                Ok(None) => break,
                Err(why) => self.end(Failure::NotFtp(why.to_string())),
            }
        }
    }

    /// The connection has ended or broken.
    pub fn closed(&mut self, _now: Moment) {
        let failure = match self.farewell.take() {
            _ if self.quitting => Failure::Quit,
            Some(reply) => Failure::Unavailable(reply),
            None => Failure::Closed,
        };
        self.end(failure);
    }

    /// The deadline of the last [`Output::Wait`] has come.
    pub fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.fire(now) {
            match timer {
                Timer::AbortDrain => self.drain_timeout(now),
                Timer::Reply if self.help_without_end(now) => {}
                Timer::Greeting | Timer::Login | Timer::Reply | Timer::Closing => {
                    self.end(Failure::Silent(timer));
                }
                Timer::Idle
                | Timer::ListenIdle
                | Timer::PeerArrival
                | Timer::Connect
                | Timer::Retry
                | Timer::Held
                | Timer::Stall
                | Timer::Question
                | Timer::HalfDone
                | Timer::Preliminary
                | Timer::Leg
                | Timer::Expiry
                | Timer::Ping => {} // of other machines
            }
        }
    }

    /// Sends a command. Several may be under way; replies are matched in order, but for STAT, which
    /// a server may answer during a transfer. `patience` replaces the reply timeout for this command
    /// (HASH of a large file).
    ///
    /// A preliminary reply starts the timeout anew. Of a transfer only the first reply has one: how
    /// long octets may take is for the one who counts them. A transfer with a `patience` has it for
    /// its last reply as well, so that it bounds the whole transfer.
    ///
    /// Before [`Event::Ready`] and during an abort commands wait for their turn. After the end and
    /// after [`Self::quit`] they are not sent any more.
    pub fn send(&mut self, now: Moment, command: Command, patience: Option<Duration>) -> CommandId {
        let id = CommandId(self.next);
        self.next += 1;
        if !self.quitting {
            self.send_or_hold(now, Owner::Caller(id), command, patience);
        }
        id
    }

    /// Sends QUIT or BYE and ends: with the reply, with the end of the connection or with the
    /// closing timer. Before the greeting there is nobody to say it to.
    pub fn quit(&mut self, now: Moment) {
        if self.is_over() || self.quitting {
            return;
        }
        self.quitting = true;
        if matches!(self.state, State::Greeting) {
            return self.end(Failure::Quit);
        }
        self.timers.arm(Timer::Closing, now + self.config.reply_timeout);
        self.send_or_hold(now, Owner::Quit, Command::Quit, None);
    }

    /// What the commands so far may have left standing at the server.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// The next output.
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.timers.next()))
    }

    /// Whether octets have come that belong to no whole reply yet.
    pub(super) fn has_unread(&self) -> bool {
        self.reader.has_unread()
    }

    /// Forgets what was said in clear.
    pub(super) fn read_anew(&mut self) {
        self.reader = ReplyReader::new();
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Ends the session, once.
    pub(super) fn end(&mut self, failure: Failure) {
        if self.is_over() {
            return;
        }
        self.state = State::Over;
        self.timers.clear();
        self.held.clear();
        self.event(Event::Ended(failure));
        self.out.push_back(Output::Close);
    }

    fn send_or_hold(&mut self, now: Moment, owner: Owner, command: Command, patience: Option<Duration>) {
        match self.state {
            State::Over => {}
            State::Ready if self.drain.is_none() => self.write(now, owner, &command, patience),
            State::Greeting
            | State::Auth
            | State::Securing
            | State::Login(_)
            | State::Protecting
            | State::Features(_)
            | State::Utf8(_)
            | State::Ready => {
                self.held.push_back(Held { owner, command, patience });
            }
        }
    }

    /// Sends what had to wait.
    pub(super) fn release(&mut self, now: Moment) {
        for Held { owner, command, patience } in std::mem::take(&mut self.held) {
            self.write(now, owner, &command, patience);
        }
    }

    /// Puts one command on the wire.
    pub(super) fn write(&mut self, now: Moment, owner: Owner, command: &Command, patience: Option<Duration>) {
        let first = self.pipeline.is_empty();
        self.standing.note(command);
        self.event(Event::Sent(command.redacted(self.dialect)));
        self.out.push_back(Output::Send(command.to_line(self.dialect)));
        self.pipeline.push(owner, command, patience);
        if first {
            self.watch(now);
        }
    }

    /// Arms the reply timer for the command whose turn it is.
    fn watch(&mut self, now: Moment) {
        self.timers.disarm(Timer::Reply);
        let Some((head, since)) = self.pipeline.head_since(now) else { return };
        if self.drain.is_some() || (head.transfer && head.started && head.patience.is_none()) {
            return;
        }
        // Many servers say 150 when their peer has come (modern-servers 1).
        let usual = self.config.reply_timeout.saturating_mul(if head.transfer { 2 } else { 1 });
        let patience = head.patience.unwrap_or(usual);
        let last = since + patience.saturating_mul(RENEWALS);
        self.timers.arm(Timer::Reply, last.min(now + patience));
    }

    /// One reply.
    fn heard(&mut self, now: Moment, reply: Reply) {
        let lines = self.reader.take_wire();
        self.event(Event::Received { reply: reply.clone(), lines });
        if matches!(self.state, State::Greeting) {
            return self.greeted(now, reply);
        }
        let index = match &mut self.drain {
            Some(drain) => {
                drain.heard = true;
                abort::owner(&self.pipeline, self.dialect, reply.code)
            }
            None => Some(self.pipeline.answered_by(self.dialect, reply.code)),
        };
        let Some((index, pending)) = index.and_then(|i| Some((i, *self.pipeline.get(i)?))) else {
            return self.unexpected(reply);
        };
        let code = reply.code;
        let class = classify(self.dialect, pending.verb, code);
        if class.is_final() {
            self.farewell = ends_session(self.dialect, reply.code).then(|| reply.clone());
            if self.drain.is_some() && pending.owner == Owner::Probe {
                self.pipeline.finish_through(index);
            } else {
                self.pipeline.finish(index);
            }
            if index == 0 {
                self.watch(now);
            }
            self.answered(now, pending.owner, reply, class);
            self.drain_on(now, pending.owner, code);
        } else {
            if class == Class::Preliminary {
                self.pipeline.start(index);
            }
            if index == 0 {
                self.watch(now);
            }
            if let Owner::Caller(to) = pending.owner {
                self.event(Event::Reply { to, reply, class });
            } else if let State::Features(before) = &mut self.state
                && before.len() < HELP_LINES
            {
                before.extend(reply.lines);
            }
        }
    }

    /// A command has its final reply.
    fn answered(&mut self, now: Moment, owner: Owner, reply: Reply, class: Class) {
        match owner {
            Owner::Caller(to) => self.event(Event::Reply { to, reply, class }),
            Owner::Auth => self.auth_heard(now, reply, class),
            Owner::Pbsz => self.pbsz_heard(now),
            Owner::Prot => self.prot_heard(now, reply, class),
            Owner::Login => self.login_heard(now, reply, class),
            Owner::Features => self.features_heard(now, reply, class),
            Owner::Utf8 => self.utf8_heard(now),
            Owner::Probe => self.help_ended(now, &reply),
            Owner::Abort => {}
            Owner::Quit => self.end(Failure::Quit),
        }
    }

    /// A reply that answers nothing: a farewell ends the session, a status or a second final reply
    /// is told here so that it cannot slip into the next command (RFC 1123 4.1.4.4). What comes in an
    /// abort belongs to it.
    fn unexpected(&mut self, reply: Reply) {
        if self.drain.is_some() {
            return;
        }
        if ends_session(self.dialect, reply.code) {
            self.end(Failure::Unavailable(reply));
        } else {
            self.event(Event::Unasked(reply));
        }
    }
}
