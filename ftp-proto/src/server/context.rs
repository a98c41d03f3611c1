//! What every part of a session works with.

use super::ask::{Answer, Ask, Event, FileFailure, Ticket};
use super::config::{Config, Connection};
use super::failure;
use super::nonces::Nonces;
use super::outbox::Outbox;
use super::parameters::Parameters;
use super::path;
use super::privacy::Privacy;
use super::rights::{Right, Rights};
use super::sockets::Sockets;
use super::timer::Timer;
use super::user::{Login, User};
use crate::address::unmapped;
use crate::command::Verb;
use crate::policy::{self, Grant, Why};
use crate::reply::Meaning;
use crate::timer::{Moment, Timers};
use crate::wire::PathName;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The state that the parts of a session share. The session passes it to each of them.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) config: Arc<Config>,
    pub(super) connection: Connection,
    /// The time of the input that is being handled.
    pub(super) now: Moment,
    pub(super) timers: Timers<Timer>,
    pub(super) out: Outbox,
    pub(super) login: Login,
    /// How many logins have failed on this connection.
    pub(super) failed_logins: u32,
    pub(super) parameters: Parameters,
    pub(super) privacy: Privacy,
    pub(super) sockets: Sockets,
    pub(super) nonces: Nonces,
}

/// A question to the driver that a command waits for, and what the answer is for.
#[derive(Debug)]
pub(super) struct Question<T> {
    pub(super) ticket: Ticket,
    pub(super) purpose: T,
}

impl Context {
    pub(super) fn new(config: Arc<Config>, connection: Connection) -> Self {
        Self {
            now: Moment::START,
            timers: Timers::new(),
            out: Outbox::new(config.dialect),
            login: Login::Nobody,
            failed_logins: 0,
            parameters: Parameters::default(),
            privacy: Privacy::new(),
            sockets: Sockets::new(config.gender),
            nonces: Nonces::new(connection.entropy),
            config,
            connection,
        }
    }

    /// Asks the driver something that later commands must wait for.
    pub(super) fn question<T>(&mut self, purpose: T, ask: impl FnOnce(Ticket) -> Ask) -> Question<T> {
        let ticket = self.out.ticket();
        self.out.ask(ask(ticket));
        self.await_answer();
        Question { ticket, purpose }
    }

    /// The driver owes an answer from now on.
    pub(super) fn await_answer(&mut self) {
        self.arm(Timer::Question, self.config.timeouts.question);
    }

    /// Notes an answer of the wrong kind, which is an error of the driver.
    pub(super) fn unexpected(&mut self, answer: Answer) {
        self.out.unwanted(answer);
        self.out.reply(Meaning::LocalError, "Local error");
    }

    /// Arms `timer` to fire after `wait`.
    pub(super) fn arm(&mut self, timer: Timer, wait: Duration) {
        self.timers.arm(timer, self.now + wait);
    }

    /// Who is logged in, if somebody is.
    pub(super) const fn user(&self) -> Option<&User> {
        match &self.login {
            Login::User(user) => Some(user),
            Login::Nobody | Login::Named(_) | Login::Charged(..) => None,
        }
    }

    /// Whether this data connection may exist, and on which terms.
    pub(super) fn decide(&self, ask: &policy::Ask<'_>) -> Result<Grant, Why> {
        self.user().map_or(Err(Why::ForeignNever), |user| user.decide(ask))
    }

    /// The control connection's local address. All data sockets use it (dialect-1973 16.20).
    pub(super) fn local_ip(&self) -> IpAddr {
        unmapped(self.connection.local.ip())
    }

    /// The client's address.
    pub(super) fn peer_ip(&self) -> IpAddr {
        unmapped(self.connection.peer.ip())
    }

    /// Which of the rights that are needed, each at its path, the account lacks.
    pub(super) fn lacks<'a>(
        &self,
        needed: impl IntoIterator<Item = (&'a PathName, Right)>,
    ) -> Option<FileFailure> {
        match self.user() {
            None => Some(FileFailure::Denied),
            Some(user) => user.account.access.missing(needed).map(|right| {
                let changes = !Rights::READ_ONLY.has(right);
                let only_reads = user.account.access.is_read_only();
                if changes && only_reads { FileFailure::ReadOnly } else { FileFailure::Lacks(right) }
            }),
        }
    }

    /// The absolute path that `name` means. `None` if no command may use that name, which has been
    /// said.
    pub(super) fn resolve(&mut self, name: &PathName) -> Option<PathName> {
        let path = path::resolve(&self.parameters.cwd, name);
        if path.is_err() {
            self.refuse_file(Verb::Retr, FileFailure::BadName);
        }
        path.ok()
    }

    /// The same for a name that may be left out, which means the working directory.
    pub(super) fn resolve_or_cwd(&mut self, name: Option<&PathName>) -> Option<PathName> {
        match name {
            Some(name) => self.resolve(name),
            None => Some(self.parameters.cwd.clone()),
        }
    }

    /// The reply to `verb` when the file system has refused it.
    pub(super) fn refuse_file(&mut self, verb: Verb, failure: FileFailure) {
        self.out.reply(failure::meaning(verb, failure), failure.to_string());
    }

    /// A wait has ended by its timer.
    pub(super) fn timed_out(&mut self, timer: Timer) {
        self.out.event(Event::TimedOut(timer));
    }
}
