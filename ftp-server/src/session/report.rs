//! Writes what happens in a session to the log and the audit. The machine has masked the secrets.

use std::net::SocketAddr;
use std::sync::Arc;

use ftp_proto::address::Group;
use ftp_proto::command::{Direction, Verb};
use ftp_proto::server::Timer;
use ftp_proto::server::ask::Event;
use ftp_proto::timer::Moment;

use super::Shared;
use crate::auth::{NoLogin, is_anonymous};
use crate::limits::{NoPlace, Owner};
use crate::operate::audit::{Cause, Record, Transfer};
use crate::operate::live::Presence;
use crate::operate::xferlog::Actor;

/// Records what happens in one session, from its beginning to its end.
pub(super) struct Reporter {
    shared: Arc<Shared>,
    presence: Presence,
    from: SocketAddr,
    since: Moment,
    user: Option<Vec<u8>>,
    sent: u64,
    received: u64,
    /// Why the session ends, if it ends now and the client has not just left.
    cause: Option<Cause>,
}

impl Reporter {
    pub(super) fn new(shared: Arc<Shared>, id: u64, from: SocketAddr) -> Self {
        let since = shared.clock.now();
        let presence = shared.live.enter(id, from, since);
        let (user, cause) = (None, None);
        let reporter = Self { shared, presence, from, since, user, sent: 0, received: 0, cause };
        reporter.record(&Record::Connected);
        reporter
    }

    /// Returns when the operator ends the session.
    pub(super) async fn kicked(&self) {
        self.presence.kicked().await;
    }

    /// Records one event. `moved` tells how many bytes a move that is under way has brought.
    pub(super) fn event(&mut self, event: &Event, moved: impl Fn() -> u64) {
        match event {
            Event::Command(line) => {
                self.presence.commanded(line);
                self.cause = is_farewell(line).then_some(Cause::Quit);
                tracing::debug!(command = line, "received");
            }
            Event::Replied(line) => tracing::debug!(reply = line, "said"),
            Event::LoggedIn { name, private } => {
                self.presence.logged_in(name);
                self.user = Some(name.clone());
                self.record(&Record::LoggedIn { private: *private });
            }
            Event::LoggedOut => {
                self.leaves();
                self.record(&Record::LoggedOut);
                self.presence.logged_out();
                self.user = None;
            }
            // The check of a password has recorded its failure itself.
            Event::LoginFailed { name, acct } => self.login_failed(name, *acct),
            Event::LoginInClear { name } => self.record(&Record::LoginInClear { user: name }),
            Event::DataInClear { verb } => self.record(&Record::DataInClear { verb: *verb }),
            Event::Refused { why, address } => {
                self.record(&Record::Refused { why: *why, address: *address });
            }
            Event::Stranger { from } => self.record(&Record::Stranger { from: *from }),
            Event::GavePortsUp => self.record(&Record::GavePortsUp),
            Event::GaveConnectionsUp => self.record(&Record::GaveConnectionsUp),
            Event::Detached { id } => {
                self.presence.detached(&id.to_string());
                self.record(&Record::Detached { id: *id });
            }
            Event::NotPrivate { from, why } => {
                // Without TLS on the control connection the session ends.
                if *from == self.from {
                    self.cause = Some(Cause::NotPrivate);
                }
                self.record(&Record::NotPrivate { from: *from, why });
            }
            Event::NotFtp(protocol) => {
                self.cause = Some(Cause::NotFtp);
                self.record(&Record::NotFtp(protocol));
            }
            Event::TimedOut(timer) => {
                if matches!(timer, Timer::Login | Timer::Idle) {
                    self.cause = Some(Cause::TimedOut(*timer));
                }
                self.record(&Record::TimedOut(*timer));
            }
            Event::Changed { verb, path, to, failure } => {
                let (verb, to, failure) = (*verb, to.as_ref(), *failure);
                self.record(&Record::Changed { verb, path, to, failure });
            }
            Event::Copied { from, to, outcome, took } => {
                self.record(&Record::Copied { from, to, outcome: *outcome, took: *took });
            }
            Event::Transfer { verb, path, direction, data_type, bytes, took, peer, private, failure } => {
                let transfer = Transfer {
                    verb: *verb,
                    path,
                    direction: *direction,
                    data_type: *data_type,
                    bytes: bytes.unwrap_or_else(moved),
                    took: *took,
                    peer: *peer,
                    private: *private,
                    failure: failure.as_ref(),
                };
                self.transfer(transfer);
            }
            // Events that a later version of the machine may have.
            other => tracing::debug!("{other:?}"),
        }
    }

    fn login_failed(&mut self, user: &[u8], acct: bool) {
        self.cause = Some(Cause::WrongLogins);
        if acct {
            self.record(&Record::LoginFailed { user, why: NoLogin::WrongAcct, shown: None });
        }
    }

    fn transfer(&mut self, transfer: Transfer<'_>) {
        let count = match transfer.direction {
            Direction::Send => &mut self.sent,
            Direction::Receive => &mut self.received,
        };
        *count = count.saturating_add(transfer.bytes);
        let lists = matches!(transfer.verb, Verb::List | Verb::Nlst | Verb::Mlsd);
        self.record(&if lists { Record::Listed(transfer) } else { Record::Moved(transfer) });
    }

    /// Who the refusals of this session are charged to.
    fn owner(&self) -> Owner {
        match &self.user {
            Some(name) if !is_anonymous(name) => Owner::Account(name.clone()),
            Some(_) | None => Owner::Address(Group::of(self.from.ip())),
        }
    }

    /// So many refusals of this kind had no line.
    fn tell_untold(&self, event: &'static str, count: u64) {
        if count > 0 {
            self.shared.record_of(self.user.as_deref(), &Record::Untold { event, count });
        }
    }

    /// The user leaves: what had no line yet is told.
    fn leaves(&self) {
        for (event, count) in self.shared.refusals.take_untold(&self.owner()) {
            self.tell_untold(event, count);
        }
    }

    /// The operator ends the session.
    pub(super) fn kick(&mut self) {
        self.record(&Record::Kicked);
        self.ends(Cause::Kicked);
    }

    /// The session has to end, because its place or its account is gone.
    pub(super) fn displace(&mut self, why: NoPlace) {
        self.record(&Record::Displaced(why));
        self.ends(Cause::Displaced(why));
    }

    /// The session is about to end because of this.
    pub(super) const fn ends(&mut self, cause: Cause) {
        self.cause = Some(cause);
    }

    /// The client has closed the control connection, before the server has ended the session for wrong logins.
    pub(super) fn left(&mut self) {
        self.cause = self.cause.filter(|cause| *cause != Cause::WrongLogins);
    }

    /// The session ends while the server stops: because of that, if there is no other cause.
    pub(super) fn stopped(&mut self) {
        self.left();
        self.cause = self.cause.or(Some(Cause::Stopped));
    }

    /// Records the end of the session.
    pub(super) fn end(self) {
        self.leaves();
        let took = self.shared.clock.now().since(self.since);
        let Self { sent, received, .. } = self;
        let cause = self.cause.unwrap_or(Cause::Left);
        self.record(&Record::Ended { took, sent, received, cause });
    }

    /// Records something that the machine does not know of.
    pub(super) fn record(&self, record: &Record<'_>) {
        if record.is_refusal() {
            let event = record.name();
            let due = self.shared.refusals.due(event, self.owner(), self.shared.clock.now());
            let Some(untold) = due else { return self.shared.metrics.count(record) };
            self.tell_untold(event, untold);
        }
        self.shared.record_of(self.user.as_deref(), record);
        if let (Some(xferlog), Some(user)) = (&self.shared.xferlog, &self.user) {
            xferlog.add(record, &Actor { user, anonymous: is_anonymous(user), from: self.from.ip() });
        }
    }
}

/// Whether a command ends the session, in either dialect.
fn is_farewell(line: &str) -> bool {
    matches!(line.split(' ').next(), Some("QUIT" | "BYE"))
}
