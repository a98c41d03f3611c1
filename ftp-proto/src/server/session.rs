//! One session: inputs in, outputs out, one command after the other by its row of the verb table.

use super::ask::{Answer, Ask, ConnId, Ending, Event, Input, Output, Ticket};
use super::files;
use super::outbox::Outbox;
use super::queue::{Queue, Waiting};
use super::sockets::Sockets;
use super::state::{Asked, Member, Parameters, Stage, Work};
use super::transfer::Phase;
use super::transfer::prove::Nonces;
use super::{Config, Connection};
use crate::address::unmapped;
use crate::command::Verb;
use crate::command::verbs::Busy;
use crate::dialect::Dialect;
use crate::policy::{self, Grant, Why};
use crate::reply::Meaning;
use crate::timer::{Moment, Timer, Timers};
use crate::wire::{Item, LineReader, PathName};
use std::net::IpAddr;
use std::sync::Arc;

/// Octets of a command line at most: a path of 4,096 and room for the verb (A13).
const MAX_LINE: usize = 4352;

/// The machine of one control connection.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Arc<Config>,
    pub(super) connection: Connection,
    pub(super) now: Moment,
    pub(super) timers: Timers,
    pub(super) out: Outbox,
    lines: LineReader,
    pub(super) queue: Queue,
    pub(super) stage: Stage,
    /// Wrong logins of this connection.
    pub(super) wrong_logins: u32,
    pub(super) parameters: Parameters,
    pub(super) sockets: Sockets,
    pub(super) nonces: Nonces,
    pub(super) work: Work,
    /// BYE came during a transfer: its reply has been sent, the session ends after the queue.
    pub(super) leaving: bool,
    /// The server stops.
    stopping: bool,
}

impl Session {
    /// A session that has said nothing yet; [`Input::Start`] makes it greet.
    pub fn new(config: Arc<Config>, connection: Connection) -> Self {
        Self {
            now: Moment::START,
            timers: Timers::new(),
            out: Outbox::new(config.dialect),
            lines: LineReader::new(MAX_LINE),
            queue: Queue::default(),
            stage: Stage::Nobody,
            wrong_logins: 0,
            parameters: Parameters::default(),
            sockets: Sockets::default(),
            nonces: Nonces::new(connection.entropy),
            work: Work::Idle,
            leaving: false,
            stopping: false,
            config,
            connection,
        }
    }

    /// Takes one input. Drain with [`Self::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        if matches!(self.work, Work::Over) {
            return;
        }
        self.now = now;
        match input {
            Input::Start => self.greet(),
            Input::Bytes(octets) => self.bytes(octets),
            Input::Closed => {
                self.out.discard(); // A24: the driver releases everything
                self.end();
            }
            Input::Answer(ticket, answer) => self.answered(ticket, answer),
            Input::Arrived { listener, conn, from } => self.arrived(listener, conn, from),
            Input::Data { conn, octets } => self.data(conn, octets),
            Input::Lost(conn) => {
                self.dial_lost(conn);
                self.candidate_lost(conn);
            }
            Input::Timeout => {
                while let Some(timer) = self.timers.fire(now) {
                    self.fired(timer);
                }
            }
            Input::Shutdown => self.stopping = true,
        }
    }

    /// The next output; after [`Output::Wait`] there is nothing more until the next input.
    pub fn poll(&mut self) -> Output {
        loop {
            if let Some(output) = self.out.pop() {
                return output;
            }
            if !self.advance() {
                self.set_idle_timers();
                return Output::Wait(self.timers.next());
            }
        }
    }

    fn greet(&mut self) {
        let text = format!("{} ready", self.config.software);
        self.out.reply(Meaning::Ready, text);
    }

    fn bytes(&mut self, octets: &[u8]) {
        self.lines.push(octets);
        while let Some(item) = self.lines.next() {
            match item {
                Item::Line(line) => self.queue.push(Waiting::Line(line)),
                Item::TooLong => self.queue.push(Waiting::TooLong),
                Item::Respond(answer) => self.out.send(answer),
            }
        }
    }

    /// Takes the next waiting line whose turn it is. Whether there was one.
    fn advance(&mut self) -> bool {
        let next = match &self.work {
            Work::Over => None,
            Work::Idle if self.stopping => {
                self.out.reply(Meaning::Unavailable, "The server is stopping");
                self.end();
                return true;
            }
            Work::Idle => {
                let next = self.queue.pop();
                if next.is_none() && self.leaving {
                    self.end();
                    return true;
                }
                next
            }
            // Only a digest takes so long that ABOR must not wait behind it.
            Work::Question { asked, .. } if asked.is_long() => {
                self.queue.pop_during_transfer(|item| item.verb() != Some(Verb::Abor))
            }
            Work::Question { .. } => None,
            Work::Transfer(transfer) => {
                let status = matches!(&transfer.phase, Phase::Moving(moving) if moving.stat.is_some());
                let dialect = self.config.dialect;
                self.queue.pop_during_transfer(|item| status || waits(item, dialect))
            }
        };
        let Some(next) = next else { return false };
        self.timers.disarm(Timer::Idle); // it starts again when there is nothing to do
        match next {
            Waiting::Line(line) => self.line(&line),
            Waiting::TooLong => self.out.reply(Meaning::TooLong, "That line is too long"),
            Waiting::Overflow(_) => {
                let text = "Too many commands were waiting; this one was dropped";
                self.out.reply(Meaning::BadSequence, text);
            }
        }
        true
    }

    /// The timers that depend on nothing but the state.
    fn set_idle_timers(&mut self) {
        let timeouts = &self.config.timeouts;
        let logged_in = matches!(self.stage, Stage::In(_));
        let (idle, over) = (matches!(self.work, Work::Idle), matches!(self.work, Work::Over));
        if over {
            return;
        }
        for (timer, due, wait) in
            [(Timer::Idle, idle && logged_in, timeouts.idle), (Timer::Login, !logged_in, timeouts.login)]
        {
            if !due {
                self.timers.disarm(timer);
            } else if !self.timers.is_armed(timer) {
                self.timers.arm(timer, self.now + wait);
            }
        }
        let oldest =
            self.sockets.listeners().flat_map(|listener| &listener.held).map(|held| held.since).min();
        let unused = self.sockets.idle_since().filter(|_| idle);
        for (timer, since, wait) in
            [(Timer::Held, oldest, timeouts.held), (Timer::ListenIdle, unused, timeouts.listen_idle)]
        {
            match since {
                Some(since) => self.timers.arm(timer, since + wait),
                None => self.timers.disarm(timer),
            }
        }
    }

    /// Asks the driver something that later commands must wait for.
    pub(super) fn question(&mut self, asked: Asked, ask: impl FnOnce(Ticket) -> Ask) {
        let ticket = self.out.ticket();
        self.out.ask(ask(ticket));
        self.work = Work::Question { ticket, asked };
        self.timers.arm(Timer::Question, self.now + self.config.timeouts.question);
    }

    fn answered(&mut self, ticket: Ticket, answer: Answer) {
        match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Question { ticket: waits, asked } if waits == ticket => {
                self.timers.disarm(Timer::Question);
                match (asked, answer) {
                    (Asked::Login(name), Answer::Login(account)) => self.logged_in(name, account),
                    (Asked::Reserve(purpose), Answer::Port(port)) => self.reserved(purpose, ticket, port),
                    (Asked::Listen(purpose, reservation), Answer::Port(port)) => {
                        self.listening(purpose, reservation, ticket, port);
                    }
                    (Asked::File(purpose), Answer::File(found)) => self.found(purpose, found),
                    (_, other) => {
                        self.ignore(other);
                        self.out.reply(Meaning::LocalError, "Local error");
                    }
                }
            }
            work @ (Work::Question { .. } | Work::Transfer(_) | Work::Idle | Work::Over) => {
                self.work = work;
                self.transfer_answered(ticket, answer);
            }
        }
    }

    /// An answer that nobody waits for any more: a connection in it must not stay open.
    pub(super) fn ignore(&mut self, answer: Answer) {
        if let Answer::Connected { conn } = answer {
            self.out.ask(Ask::Drop { conn, how: Ending::Reset });
        }
    }

    fn data(&mut self, conn: ConnId, octets: &[u8]) {
        self.dial_heard(conn, octets);
        self.candidate_heard(conn, octets);
    }

    fn fired(&mut self, timer: Timer) {
        match timer {
            Timer::Login | Timer::Idle => {
                self.out.event(Event::TimedOut(timer));
                let text = format!("Nothing for too long ({}), goodbye", timer.name());
                self.out.reply(Meaning::Unavailable, text);
                self.end();
            }
            Timer::ListenIdle => {
                self.out.event(Event::TimedOut(timer));
                self.sockets.close_idle(self.now, self.config.timeouts.listen_idle, &mut self.out);
            }
            Timer::PeerArrival => self.accept_timed_out(),
            Timer::Connect => self.dial_timed_out(),
            Timer::Retry => self.attempt(),
            Timer::Held => self.drop_old_held(),
            Timer::Stall => self.look_for_stall(),
            Timer::Question => self.unanswered(),
            Timer::Greeting
            | Timer::Reply
            | Timer::HalfDone
            | Timer::Preliminary
            | Timer::AbortDrain
            | Timer::Closing
            | Timer::Leg
            | Timer::Expiry
            | Timer::Ping => {} // a client's
        }
    }

    /// The driver has not answered: it is in no state to go on with this.
    fn unanswered(&mut self) {
        self.out.event(Event::TimedOut(Timer::Question));
        self.out.reply(Meaning::Unavailable, "Local error: no answer from this server's own parts");
        self.end();
    }

    /// Nothing after this but what is already promised.
    pub(super) fn end(&mut self) {
        self.release_attempt();
        self.out.close();
        self.work = Work::Over;
        self.timers.clear();
        self.queue.clear();
        self.sockets.rendezvous = None;
    }

    pub(super) const fn member(&self) -> Option<&Member> {
        match &self.stage {
            Stage::In(member) => Some(member),
            Stage::Nobody | Stage::Named(_) => None,
        }
    }

    pub(super) fn decide(&self, ask: &policy::Ask) -> Result<Grant, Why> {
        self.member().map_or(Err(Why::ForeignNever), |member| member.decide(ask))
    }

    /// The control connection's local address: all data sockets use it (dialect-1973 16.20).
    pub(super) fn local_ip(&self) -> IpAddr {
        unmapped(self.connection.local.ip())
    }

    pub(super) fn peer_ip(&self) -> IpAddr {
        unmapped(self.connection.peer.ip())
    }

    /// The absolute path of a command's name, or the refusal.
    pub(super) fn resolve(&mut self, name: &PathName) -> Option<PathName> {
        let path = super::path::resolve(&self.parameters.cwd, name);
        if path.is_err() {
            let failure = super::ask::FileFailure::BadName;
            self.out.reply(files::meaning(Verb::Retr, failure), failure.to_string());
        }
        path.ok()
    }

    /// The same for commands whose name may be left out: then it is the working directory.
    pub(super) fn resolve_or_cwd(&mut self, name: Option<&PathName>) -> Option<PathName> {
        match name {
            Some(name) => self.resolve(name),
            None => Some(self.parameters.cwd.clone()),
        }
    }
}

/// Whether a line waits for the end of a transfer.
fn waits(item: &Waiting, dialect: Dialect) -> bool {
    match (item.verb(), item.busy()) {
        // RFC 959: its reply comes after the transfer's. BYE of 1973 has one of its own (A21).
        (Some(Verb::Quit), _) => dialect == Dialect::Rfc959,
        // STAT of a path is a question about files, not about the transfer.
        (Some(Verb::Stat), Busy::Now) => matches!(item, Waiting::Line(line) if line.trim_ascii().len() > 4),
        (_, Busy::Now | Busy::Refuse) => false,
        (_, Busy::Queue) => true,
    }
}
