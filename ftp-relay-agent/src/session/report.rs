//! Tells what happens in a session to the log and to the audit: addresses and numbers, never a secret, the name of a
//! file, or a byte that was carried.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ftp_proto::policy::RefusalReason;
use ftp_proto::relay::agent::{Event, Withdrawn};
use ftp_proto::relay::message::{Code, End, Id};
use ftp_proto::timer::Moment;

use super::shared::Shared;
use crate::operate::audit::{Carried, LinkOwner, Record, reason};
use crate::operate::session_log::{Lines, SessionLog};

/// Tells the log and the audit of one session.
#[derive(Debug)]
pub(super) struct Reporter {
    shared: Arc<Shared>,
    session_log: SessionLog,
    since: Moment,
    /// Tunnels and joins that are open; the machine bounds their number.
    open: HashMap<Id, Open>,
}

/// A tunnel or join that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    ends: Ends,
    since: Moment,
    lines: Lines,
}

#[derive(Clone, Copy, Debug)]
enum Ends {
    Tunnel(SocketAddr),
    /// The peers of leg A and leg B; `None` for another agent or the user agent.
    Join([Option<SocketAddr>; 2]),
}

impl Reporter {
    /// The session of `who` begins.
    pub(super) fn new(shared: Arc<Shared>, who: LinkOwner) -> Self {
        let since = shared.clock.now();
        let session_log = SessionLog::open(&shared.audit, who, since);
        Self { shared, session_log, since, open: HashMap::new() }
    }

    /// Something has happened in it.
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Refused { id: Id(id), code, why, address, text } => {
                let (code, why, target) = (*code, *why, *address);
                let record = Record::RequestRefused { id: *id, code, why, target, text };
                return self.refused(event, &record);
            }
            Event::TunnelReady { id, peer } => {
                return self.opened(event, *id, Ends::Tunnel(*peer));
            }
            Event::Joined { id, a, b } => return self.opened(event, *id, Ends::Join([*a, *b])),
            Event::Ended { id, a_to_b, b_to_a, how } => {
                return self.ended(event, *id, (*a_to_b, *b_to_a), *how);
            }
            Event::Stranger { join: Id(id), leg, from } => {
                let record = Record::StrangerReset { id: *id, leg: *leg, target: *from };
                return self.refused(event, &record);
            }
            Event::TimedOut(timer) => {
                let (now, record) = (self.shared.clock.now(), Record::TimedOut(*timer));
                let log = |untold| log(event, untold);
                return self.shared.audit.of_flow(self.session_log.who(), &record, now, log);
            }
            Event::Protocol(reason) => {
                let (now, record) = (self.shared.clock.now(), Record::ProtocolBroken { reason });
                return self.session_log.once(&self.shared.audit, &record, now, |untold| log(event, untold));
            }
            Event::Introduced { .. } if !self.session_log.is_listed() => return,
            Event::Denied(_) | Event::Introduced { .. } | Event::Granted(_) | Event::Greeted { .. } => {}
        }
        log(event, None);
    }

    /// What the user agent can cause as often as it likes, or a stranger who connects to its ports.
    fn refused(&self, event: &Event, record: &Record<'_>) {
        let now = self.shared.clock.now();
        self.shared.audit.refused(self.session_log.who(), record, now, |untold| log(event, untold));
    }

    /// The operator has withdrawn what the session may do.
    pub(super) fn revoked(&self, why: Withdrawn) {
        tracing::warn!(token = self.session_log.who().token, "{why}: the session ends");
        self.record(&Record::SessionRevoked(why));
    }

    /// Other rules hold for the session.
    pub(super) fn renewed(&self) {
        tracing::info!(token = self.session_log.who().token, "other rules hold from now on");
        self.record(&Record::RulesChanged);
    }

    /// The session is over.
    pub(super) fn close(&self) {
        let took = self.shared.clock.now().since(self.since);
        self.session_log.ended(&self.shared.audit, took, |untold| {
            tracing::info!(token = self.session_log.who().token, untold, "session ended");
        });
    }

    fn opened(&mut self, event: &Event, id: Id, ends: Ends) {
        let record = match ends {
            Ends::Tunnel(target) => Record::TunnelOpened { id: id.0, target },
            Ends::Join(peers) => Record::JoinOpened { id: id.0, peers },
        };
        let since = self.shared.clock.now();
        let lines = self.session_log.begins(&self.shared.audit, &record, since, |untold| log(event, untold));
        self.open.insert(id, Open { ends, since, lines });
    }

    /// One that never opened carried nothing: it was refused, or the user agent has given it up.
    fn ended(&mut self, event: &Event, id: Id, (a_to_b, b_to_a): (u64, u64), how: End) {
        let Some(Open { ends, since, lines }) = self.open.remove(&id) else {
            return tracing::debug!(id = id.0, ?how, "ended before it was open");
        };
        let carried = Carried { a_to_b, b_to_a, how, took: self.shared.clock.now().since(since) };
        let record = match ends {
            Ends::Tunnel(target) => Record::TunnelEnded { id: id.0, target, carried },
            Ends::Join(peers) => Record::JoinEnded { id: id.0, peers, carried },
        };
        self.session_log.ends(&self.shared.audit, lines, (&record, &carried), || log(event, None));
    }

    fn record(&self, record: &Record<'_>) {
        self.shared.audit.record(self.session_log.who(), record);
    }
}

/// How a refusal of the policy begins in the log: with the option that the operator may change.
const fn refused(why: RefusalReason) -> &'static str {
    match why {
        RefusalReason::DataPortNotNamed => "refused by --data-ports",
        RefusalReason::PortNotListed
        | RefusalReason::OutsideNetworks
        | RefusalReason::OwnAddress
        | RefusalReason::SpecialAddress
        | RefusalReason::Loopback
        | RefusalReason::PrivateNetwork => "refused by --allow",
        // No option changes these, or they are those of servers.
        RefusalReason::NotGreeted
        | RefusalReason::LowPort
        | RefusalReason::PortZero
        | RefusalReason::OwnListener
        | RefusalReason::AnotherHost
        | RefusalReason::ForeignNever
        | RefusalReason::NeedsProof
        | RefusalReason::NotThePeer
        | RefusalReason::ListingAbroad
        | RefusalReason::NoExchange
        | RefusalReason::NotExchanged
        | RefusalReason::ExchangeInClear
        | _ => "refused",
    }
}

/// Logs one event; `untold` like it have no line.
fn log(event: &Event, untold: Option<u64>) {
    match event {
        Event::Denied(denial) => tracing::warn!("denied: {denial}"),
        Event::Introduced { name, build } => tracing::info!(name, build, "user agent"),
        Event::Granted(Id(id)) => tracing::debug!(id, "granted"),
        Event::Refused { id: Id(id), code, why, address, text } => {
            let address = address.map(|address| address.to_string());
            match (why, code) {
                // A user agent asks every agent of a hub for every server.
                (Some(why), _) => tracing::info!(id, address, untold, "{}: {why}", refused(*why)),
                // It closes what has ended at the same moment.
                (None, Code::NoGrant) => {
                    tracing::debug!(id, address, untold, "refused: {}", reason(*code, text))
                }
                (None, _) => tracing::warn!(id, address, untold, "refused: {}", reason(*code, text)),
            }
        }
        Event::Greeted { id: Id(id), peer } => tracing::debug!(id, %peer, "greeted"),
        Event::TunnelReady { id: Id(id), peer } => tracing::info!(id, %peer, untold, "tunnel"),
        Event::Stranger { join: Id(id), leg, from } => {
            tracing::warn!(id, ?leg, %from, untold, "the connection of a stranger was reset");
        }
        Event::Joined { id: Id(id), a, b } => {
            let words =
                |peer: &Option<SocketAddr>| peer.map_or_else(|| "link".to_owned(), |at| at.to_string());
            tracing::info!(id, a = words(a), b = words(b), untold, "joined");
        }
        Event::Ended { id: Id(id), a_to_b, b_to_a, how } => {
            tracing::info!(id, a_to_b, b_to_a, ?how, "ended");
        }
        Event::TimedOut(timer) => tracing::info!(untold, "timed out: {}", timer.name()),
        Event::Protocol(what) => tracing::warn!(untold, "the user agent broke the protocol: {what}"),
    }
}
