//! The user agent: two client sessions, the machine of a transfer, and where in its run it is.

use super::host::PASSWORD;
use super::scenario::Scenario;
use super::wire::Place;
use super::{Pair, SIDES};
use ftp_proto::client::{self, CommandId, Session};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::batch::BatchEnd;
use ftp_proto::transfer::{Machine, Outcome, Side, Timeouts};
use ftp_proto::wire::{PathName, Secret};
use std::collections::BTreeMap;
use std::time::Duration;

/// A person gives up then.
pub(super) const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// After this time nothing of a finished attempt may be left at a server.
pub(super) const REST: Duration = Duration::from_secs(400);

/// The user agent.
pub(super) struct User {
    pub(super) ends: Pair<End>,
    /// What moves files between the two servers.
    pub(super) machine: Option<Machine>,
    pub(super) machine_wake: Option<Moment>,
    /// How each of the small files has ended that are copied in groups.
    pub(super) small_ends: Vec<Option<BatchEnd>>,
    /// How many replies about files each server has sent.
    pub(super) lies: Pair<u32>,
    pub(super) phase: Phase,
    /// When the phase is over at the latest.
    pub(super) alarm: Option<Moment>,
    pub(super) outcomes: Vec<Outcome>,
    /// Its own data connections, and how many bytes it has copied from one to the other while it does.
    pub(super) data: Pair<Option<Place>>,
    pub(super) copying: Option<u64>,
    pub(super) usable: Pair<bool>,
    pub(super) source_path: PathName,
    pub(super) destination_path: PathName,
    pub(super) secret: [u8; 32],
}

pub(super) struct End {
    pub(super) session: Session,
    pub(super) wake: Option<Moment>,
    pub(super) party: Option<(ftp_proto::dialect::Dialect, ftp_proto::feature::Capabilities)>,
    pub(super) over: bool,
    pub(super) aborting: bool,
    /// Bytes move here: how long that may take is this user's to say (the alarm of the phase), not
    /// the machines'.
    pub(super) moving: bool,
    /// A restart point was sent: the server keeps it until a transfer command uses it (E14).
    pub(super) restarts: bool,
    /// When STAT asks how far it is.
    pub(super) ask_at: Option<Moment>,
    pub(super) waiting: BTreeMap<CommandId, Purpose>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Transfer,
    Status,
    Noop,
}

/// Where in its run the user agent is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Login,
    Attempt,
    /// Are the sessions in step?
    Noop,
    Rest,
    LastNoop,
    Quit,
    Over,
}

impl User {
    pub(super) fn new(scenario: &Scenario, secret: [u8; 32]) -> Self {
        let Timeouts { reply, abort, .. } = timeouts(scenario.brisk);
        let config = client::Config {
            user: scenario.account.as_bytes().to_vec(),
            password: Some(Secret::new(PASSWORD)),
            security: match scenario.tls {
                Some(_) => client::Security::Implicit,
                None => client::Security::Clear,
            },
            reply_timeout: reply,
            abort_timeout: abort,
            ..client::Config::default()
        };
        let name = |text: &str| PathName::from_user(text).expect("a name");
        Self {
            ends: Pair::of(|_| End {
                session: Session::new(config.clone(), scenario.start()),
                wake: None,
                party: None,
                over: false,
                aborting: false,
                moving: false,
                restarts: false,
                ask_at: None,
                waiting: BTreeMap::new(),
            }),
            machine: None,
            machine_wake: None,
            small_ends: Vec::new(),
            lies: Pair::default(),
            phase: Phase::Login,
            alarm: None,
            outcomes: Vec::new(),
            data: Pair::default(),
            copying: None,
            usable: Pair { source: false, destination: false },
            source_path: name("/from"),
            destination_path: name("/to"),
            secret,
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        let sessions = SIDES.into_iter().filter_map(|side| self.ends.at(side).wake);
        let questions = SIDES.into_iter().filter_map(|side| self.ends.at(side).ask_at);
        sessions.chain(questions).chain(self.machine_wake).chain(self.alarm).min()
    }

    /// How many small files have their names.
    pub(super) fn published(&self) -> usize {
        self.small_ends.iter().flatten().filter(|end| matches!(end, BatchEnd::Published { .. })).count()
    }

    /// The machines and clocks that are due.
    pub(super) fn due(&self, now: Moment) -> Vec<Clock> {
        let is_due = |wake: Option<Moment>| wake.is_some_and(|at| at <= now);
        let sessions = SIDES.into_iter().filter(|side| is_due(self.ends.at(*side).wake)).map(Clock::Session);
        let machine = is_due(self.machine_wake).then_some(Clock::Machine);
        let alarm = is_due(self.alarm).then_some(Clock::Alarm);
        let questions =
            SIDES.into_iter().filter(|side| is_due(self.ends.at(*side).ask_at)).map(Clock::Question);
        sessions.chain(questions).chain(machine).chain(alarm).collect()
    }
}

/// What may be due.
#[derive(Clone, Copy)]
pub(super) enum Clock {
    Session(Side),
    Question(Side),
    Machine,
    Alarm,
}

/// The patience of the sessions and of an attempt.
pub(super) fn timeouts(brisk: bool) -> Timeouts {
    let s = Duration::from_secs;
    if brisk {
        Timeouts {
            reply: s(10),
            connect: s(20),
            preliminary: s(2),
            half_done: s(10),
            stored: s(5),
            abort: s(5),
        }
    } else {
        Timeouts {
            reply: s(60),
            connect: s(90),
            preliminary: s(5),
            half_done: s(60),
            stored: s(60),
            abort: s(20),
        }
    }
}
