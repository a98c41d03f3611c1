//! One server: its machine and all that it holds.

use super::deeds::TransferCommands;
use super::detached::Alone;
use super::disk::{Disk, Prepared};
use super::group::GroupShelf;
use super::moving::Moving;
use super::place::{address, other_network, seen_user_address};
use super::scenario::{HELD, OF_ONE_ADDRESS, Sabotage, Scenario};
use ftp_proto::policy::{Foreign, Rules};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::server::ask::{ConnId, Ticket};
use ftp_proto::server::{Config, Connection, Session, Tls, TlsStart};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What every user of the simulated servers says.
pub(super) const PASSWORD_TEXT: &str = "correct horse";
pub(super) const PASSWORD: &[u8] = PASSWORD_TEXT.as_bytes();

/// One server: its machine and all that it holds.
pub(super) struct Host {
    pub(super) address: IpAddr,
    pub(super) session: Session,
    pub(super) wake: Option<Moment>,
    /// The machine has said Close.
    pub(super) closed: bool,
    /// The process has died.
    pub(super) crashed: bool,
    /// It was told to stop: it finishes what it has begun, and begins no transfer.
    pub(super) stopping: bool,
    pub(super) policy: Foreign,
    pub(super) reservations: BTreeMap<Ticket, u16>,
    pub(super) listeners: BTreeMap<Ticket, SocketAddr>,
    pub(super) cancelled: BTreeSet<Ticket>,
    pub(super) connecting: BTreeSet<Ticket>,
    pub(super) prepared: BTreeMap<Ticket, Prepared>,
    pub(super) moves: BTreeMap<Ticket, Moving>,
    pub(super) conns: BTreeMap<ConnId, (usize, usize)>,
    pub(super) next_conn: u64,
    pub(super) permits: BTreeMap<Ticket, SocketAddr>,
    /// Permits that wait for their turn.
    pub(super) queued: BTreeMap<Ticket, SocketAddr>,
    /// How many lines of a script are left, or were sent.
    pub(super) script: usize,
    pub(super) deeds: TransferCommands,
    /// What RNDZ gave it last.
    pub(super) secret: Option<RendezvousSecret>,
    pub(super) disk: Disk,
    /// Groups that wait for their names.
    pub(super) groups: GroupShelf,
    /// The connections that are kept between two files, and those that will be when their move has been answered.
    pub(super) kept: BTreeSet<ConnId>,
    pub(super) keeping: BTreeMap<Ticket, ConnId>,
    /// The move that may outlive the control connection, until its end was told, and the number of its file.
    pub(super) may_go_on: Option<(Ticket, Option<usize>)>,
    /// It goes on without its control connection.
    pub(super) alone: Option<Alone>,
    /// Since when its session is over but for the answer to a question that changes files.
    pub(super) awaits_since: Option<Moment>,
    /// Somebody has ended a transfer that went on alone.
    pub(super) stopped_by_others: bool,
    /// The file that a transfer which went on alone has called whole.
    pub(super) told_whole: Option<usize>,
}

impl Host {
    pub(super) fn new(side: Side, scenario: &Scenario, entropy: [u8; 32]) -> Self {
        let address = address(side, scenario.v6);
        let policy = *scenario.foreign.at(side);
        let networks = |net: &str| vec![net.parse().expect("a network")];
        let (foreign, foreign_networks) = match scenario.sabotage {
            Some(Sabotage::NoPolicy) => {
                (Foreign::Authenticated, networks(if scenario.v6 { "::/0" } else { "0.0.0.0/0" }))
            }
            _ => (policy, networks(&other_network(side, scenario.v6))),
        };
        let listed = foreign == Foreign::Authenticated;
        let config = Config {
            dialect: *scenario.dialect.at(side),
            rules: Rules {
                foreign,
                foreign_networks: listed.then_some(foreign_networks),
                ..Rules::default()
            },
            tls: Tls {
                begin: if scenario.tls.is_some() { TlsStart::Implicit } else { TlsStart::Never },
                ..Tls::default()
            },
            max_held: HELD,
            max_of_one_address: OF_ONE_ADDRESS,
            max_detached: std::time::Duration::from_secs(3600),
            has_hooks: false,
            software: "ftp-server simulated".to_owned(),
            ..Config::default()
        };
        let connection = Connection {
            peer: SocketAddr::new(seen_user_address(scenario), 50_000),
            local: SocketAddr::new(address, 21),
            proxied: false,
            public_address: None,
            entropy,
        };
        Self {
            address,
            session: Session::new(Arc::new(config), connection),
            wake: None,
            closed: false,
            crashed: false,
            stopping: false,
            policy: foreign,
            reservations: BTreeMap::new(),
            listeners: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            connecting: BTreeSet::new(),
            prepared: BTreeMap::new(),
            moves: BTreeMap::new(),
            conns: BTreeMap::new(),
            next_conn: 0,
            permits: BTreeMap::new(),
            queued: BTreeMap::new(),
            script: 0,
            deeds: TransferCommands::default(),
            secret: None,
            disk: Disk::default(),
            groups: GroupShelf::default(),
            kept: BTreeSet::new(),
            keeping: BTreeMap::new(),
            may_go_on: None,
            alone: None,
            awaits_since: None,
            stopped_by_others: false,
            told_whole: None,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Moment> {
        if self.is_gone() { None } else { self.wake }
    }

    /// Whether the machine runs no more.
    pub(super) const fn is_gone(&self) -> bool {
        self.closed || self.crashed
    }

    pub(super) const fn has_crashed(&self) -> bool {
        self.crashed
    }

    /// What the machine still holds although it does nothing.
    pub(super) fn leftovers(&self) -> Vec<&'static str> {
        let mut left = Vec::new();
        let mut note = |held: bool, what| {
            if held {
                left.push(what);
            }
        };
        note(!self.listeners.is_empty(), "a listener");
        note(self.reservations.len() > 2, "more than two reserved ports");
        note(!self.connecting.is_empty(), "an attempt to connect");
        note(!self.prepared.is_empty(), "a prepared file");
        note(!self.moves.is_empty(), "a move");
        note(self.groups.holds_groups(), "a group");
        note(!self.permits.is_empty() || !self.queued.is_empty(), "a permit");
        left
    }
}
