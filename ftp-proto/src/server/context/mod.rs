//! What every part of a session works with.

mod failure;
pub(in crate::server) mod groups;
mod nonces;
pub(in crate::server) mod parameters;
pub(in crate::server) mod path;
pub(in crate::server) mod tls;
pub(in crate::server) mod user;

use crate::address::unmapped;
use crate::command::Verb;
use crate::policy::{self, Grant, Why};
use crate::reply::Meaning;
use crate::server::ask::{Answer, Ask, Event, FileFailure, Ticket, Uploading};
use crate::server::config::{Config, Connection};
use crate::server::outbox::Outbox;
use crate::server::rights::{Right, Rights};
use crate::server::sockets::Sockets;
use crate::server::timer::Timer;
use crate::timer::{Moment, Timers};
use crate::wire::PathName;
use groups::Groups;
use nonces::Nonces;
use parameters::Parameters;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::TlsState;
use user::{Login, User};

/// The state that the parts of a session share. The session passes it to each of them.
#[derive(Debug)]
pub(in crate::server) struct Context {
    pub(in crate::server) config: Arc<Config>,
    pub(in crate::server) connection: Connection,
    /// The time of the input that is being handled.
    pub(in crate::server) now: Moment,
    pub(in crate::server) timers: Timers<Timer>,
    pub(in crate::server) out: Outbox,
    pub(in crate::server) login: Login,
    /// How many logins have failed on this connection.
    pub(in crate::server) failed_logins: u32,
    /// The log knows that the client wanted to log in in clear.
    pub(in crate::server) told_clear_login: bool,
    pub(in crate::server) parameters: Parameters,
    /// Small files that wait for their names.
    pub(in crate::server) groups: Groups,
    pub(in crate::server) tls: TlsState,
    pub(in crate::server) sockets: Sockets,
    pub(in crate::server) nonces: Nonces,
}

/// A question to the driver that a command waits for, and what the answer is for.
#[derive(Debug)]
pub(in crate::server) struct Question<T> {
    pub(in crate::server) ticket: Ticket,
    pub(in crate::server) purpose: T,
}

impl Context {
    pub(in crate::server) fn new(config: Arc<Config>, connection: Connection) -> Self {
        Self {
            now: Moment::START,
            timers: Timers::new(),
            out: Outbox::new(config.dialect),
            login: Login::Nobody,
            failed_logins: 0,
            told_clear_login: false,
            parameters: Parameters::default(),
            groups: Groups::default(),
            tls: TlsState::new(),
            sockets: Sockets::new(config.gender),
            nonces: Nonces::new(connection.entropy),
            config,
            connection,
        }
    }

    /// Asks the driver something that later commands must wait for.
    pub(in crate::server) fn question<T>(
        &mut self,
        purpose: T,
        ask: impl FnOnce(Ticket) -> Ask,
    ) -> Question<T> {
        let ticket = self.out.ticket();
        self.out.ask(ask(ticket));
        self.await_answer();
        Question { ticket, purpose }
    }

    /// Asks the driver for room for the hooks after uploads.
    pub(in crate::server) fn ask_room(&mut self, ticket: Ticket, of: Uploading) {
        self.out.ask(Ask::Room { ticket, of });
        self.arm(Timer::Room, self.config.timeouts.room);
    }

    /// The driver owes an answer from now on.
    pub(in crate::server) fn await_answer(&mut self) {
        self.arm(Timer::Question, self.config.timeouts.question);
    }

    /// Notes an answer of the wrong kind, which is an error of the driver.
    pub(in crate::server) fn unexpected(&mut self, answer: Answer) {
        self.out.unwanted(answer);
        self.out.reply(Meaning::LocalError, "Local error");
    }

    /// Arms `timer` to fire after `wait`.
    pub(in crate::server) fn arm(&mut self, timer: Timer, wait: Duration) {
        self.timers.arm(timer, self.now + wait);
    }

    /// Who is logged in, if somebody is.
    pub(in crate::server) const fn user(&self) -> Option<&User> {
        match &self.login {
            Login::User(user) => Some(user),
            Login::Nobody | Login::Named(_) | Login::Charged(..) => None,
        }
    }

    /// Whether this data connection may exist, and on which terms.
    pub(in crate::server) fn decide(&self, ask: &policy::Ask<'_>) -> Result<Grant, Why> {
        self.user().map_or(Err(Why::ForeignNever), |user| user.decide(ask))
    }

    /// The control connection's local address. All data sockets use it (dialect-1973 16.20).
    pub(in crate::server) fn local_ip(&self) -> IpAddr {
        unmapped(self.connection.local.ip())
    }

    /// The client's address.
    pub(in crate::server) fn peer_ip(&self) -> IpAddr {
        unmapped(self.connection.peer.ip())
    }

    /// Which of the rights that are needed, each at its path, the account lacks.
    pub(in crate::server) fn lacks<'a>(
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

    /// Whether the account may change nothing anywhere.
    pub(in crate::server) fn may_change_nothing(&self) -> bool {
        self.user().is_none_or(|user| user.account.access.is_read_only())
    }

    /// The absolute path that `name` means. Returns `None` after sending a reply if the name is reserved.
    pub(in crate::server) fn resolve(&mut self, name: &PathName) -> Option<PathName> {
        let path = path::resolve(&self.parameters.cwd, name);
        if path.is_err() {
            self.refuse_file(Verb::Retr, FileFailure::BadName);
        }
        path.ok()
    }

    /// The same for a name that may be left out, which means the working directory.
    pub(in crate::server) fn resolve_or_cwd(&mut self, name: Option<&PathName>) -> Option<PathName> {
        match name {
            Some(name) => self.resolve(name),
            None => Some(self.parameters.cwd.clone()),
        }
    }

    /// The reply to `verb` when the file system has refused it.
    pub(in crate::server) fn refuse_file(&mut self, verb: Verb, failure: FileFailure) {
        self.out.reply(failure::meaning(verb, failure), failure.to_string());
    }

    /// A wait has ended by its timer.
    pub(in crate::server) fn timed_out(&mut self, timer: Timer) {
        self.out.event(Event::TimedOut(timer));
    }
}
