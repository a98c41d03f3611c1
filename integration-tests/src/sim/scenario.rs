//! What one seed has chosen.

use super::random::Random;
use super::{Pair, SIDES};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::server::ask::Ending;
use ftp_proto::third_party::{Opening, Plan, Side, Store};
use std::time::Duration;

/// A run, before it begins. All fields are public: a test may change what the seed has chosen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides the order of events, delays and octets.
    pub seed: u64,
    /// IPv6 instead of IPv4.
    pub v6: bool,
    /// The dialect of each server.
    pub dialect: Pair<Dialect>,
    /// Who listens and how.
    pub plan: Plan,
    /// The plans of further files over the same sessions.
    pub again: Vec<Plan>,
    /// The user sits at that server's host: for the other one that host is the user's own.
    pub user_at: Option<Side>,
    /// STOR or APPE.
    pub store: Store,
    /// Octets to skip at both ends; the destination has them.
    pub restart: Option<usize>,
    /// The file at the source; `None` is a missing one.
    pub file: Option<usize>,
    /// The old file at the destination.
    pub old: Option<usize>,
    /// The policy of each server.
    pub foreign: Pair<Foreign>,
    /// Whether the coordinator gives RNDZ secrets.
    pub rendezvous: bool,
    /// How slow everything is, at most.
    pub delays: Delays,
    /// The user's timers are short: slow servers are given up.
    pub brisk: bool,
    /// What is wrong from the start.
    pub troubles: Vec<Trouble>,
    /// What goes wrong on the way.
    pub faults: Vec<(When, Fault)>,
    /// Who has no business here.
    pub strangers: Vec<Stranger>,
    /// Breaks the simulated world, so that a test sees the simulator notice.
    pub sabotage: Option<Sabotage>,
}

/// The longest delays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delays {
    /// Of a message on a control connection.
    pub control: Duration,
    /// Of a segment on a data connection.
    pub data: Duration,
    /// Of an answer of a server's disk, user table, ports.
    pub answer: Duration,
}

/// What is wrong from the start, until the second attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The destination may not be written.
    Denied,
    /// The destination is full after so many octets.
    Full(usize),
    /// That server has no data port.
    NoPort(Side),
    /// That server gets another secret than the other one.
    WrongSecret(Side),
    /// The active end is told a stranger's address instead of its peer's.
    Bounce(Target),
    /// The passive end announces a stranger's address (227).
    LyingPassive,
    /// Connections between the servers are refused.
    Refused,
    /// Connections between the servers are never answered.
    Unanswered,
    /// The servers' limits forbid the SYN.
    NoPermit,
    /// The servers' limits allow the SYN late.
    LatePermit(Duration),
}

/// What stands at the address that a bounce aims at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Nothing: a closed port.
    Closed,
    /// A host that does not answer at all.
    Dead,
    /// A listener that behaves so.
    Listener(Manners),
}

/// How a stranger behaves on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manners {
    /// Says nothing.
    Silent,
    /// Says something else.
    Garbage,
    /// Greets like a mail server.
    Banner,
    /// Sends every octet back.
    Mirror,
    /// Sends a right hello and a wrong proof.
    Guess,
    /// Closes at once.
    Leave(Ending),
}

/// When a fault happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// So long after the attempt began.
    After(Duration),
    /// When so many messages have passed on that control connection since the attempt began.
    Messages(Side, u32),
    /// When so many segments have passed on data connections.
    Segments(u32),
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The control connection breaks.
    CutControl(Side),
    /// The control connection carries nothing for a time, or never again.
    StallControl(Side, Option<Duration>),
    /// All data connections are reset.
    ResetData,
    /// All data connections carry nothing for a time, or never again.
    StallData(Option<Duration>),
    /// The server's process dies: its control connection and its data connections close in order.
    Crash(Side),
    /// The server is told to stop: what moves may end.
    Shutdown(Side),
    /// The user gives up.
    Cancel,
}

/// Somebody who connects to listening ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stranger {
    /// When, after the listener has opened.
    pub after: Duration,
    /// From the peer server's host, or from elsewhere.
    pub at_peer: bool,
    /// What it does then.
    pub manners: Manners,
}

/// Breaks the simulated world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// An octet of a file is lost on the way and nobody notices.
    LoseOctet,
    /// The servers run without any policy and accept anybody.
    NoPolicy,
    /// The destination writes to the old file at once.
    WriteOver,
}

/// How a run must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Must {
    /// The file has moved.
    Move,
    /// It has not.
    Fail,
    /// Either, safely.
    Either,
}

impl Scenario {
    /// What this seed chooses.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let v6 = r.once_in(3);
        let dialect = Pair::of(|_| r.pick([Dialect::Rfc959, Dialect::Rfc959, Dialect::Rfc354]));
        let plan = a_plan(r, v6);
        let again = (0..r.below(4)).map(|_| a_plan(r, v6)).collect();
        let user_at = r.pick([None, None, None, None, Some(Side::Source), Some(Side::Destination)]);
        let rendezvous = !r.once_in(3);
        let foreign = if rendezvous { Foreign::Proven } else { Foreign::Authenticated };
        let foreign = Pair::of(|_| match r.below(20) {
            0 => Foreign::Never,
            1 => Foreign::Proven,
            2..=4 => Foreign::Authenticated,
            _ => foreign,
        });
        let length = |r: &mut Random| r.pick([0, 1, 100, 5_000, 40_000]);
        let file = length(r);
        let store = if r.once_in(8) { Store::Append } else { Store::Replace };
        let restart = (store == Store::Replace && file > 1 && r.once_in(8)).then(|| 1 + r.length(file - 1));
        let mut scenario = Self {
            seed: r.bits(),
            v6,
            dialect,
            plan,
            again,
            user_at,
            store,
            restart,
            file: Some(file),
            old: r.pick([None, Some(0), Some(3_000)]),
            foreign,
            rendezvous,
            delays: Delays::quick(r),
            brisk: r.once_in(2),
            troubles: Vec::new(),
            faults: Vec::new(),
            strangers: Vec::new(),
            sabotage: None,
        };
        // Four in ten runs go without a hitch and must succeed.
        match r.below(10) {
            0..=3 => {}
            4 => scenario.delays = Delays::slow(r),
            5 | 6 => scenario.spoil(r),
            7 | 8 => scenario.strike(r),
            _ => {
                scenario.spoil(r);
                scenario.strike(r);
            }
        }
        if r.once_in(3) {
            scenario.invite(r);
        }
        scenario
    }

    /// A quiet run under the default policy: both servers of today, the destination listens.
    pub fn plain() -> Self {
        Self {
            seed: 438,
            v6: false,
            dialect: Pair { source: Dialect::Rfc959, destination: Dialect::Rfc959 },
            plan: Plan { listener: Side::Destination, opening: Opening::Lstn, filter: true, first: None },
            again: Vec::new(),
            user_at: None,
            store: Store::Replace,
            restart: None,
            file: Some(40_000),
            old: Some(3_000),
            foreign: Pair { source: Foreign::Proven, destination: Foreign::Proven },
            rendezvous: true,
            delays: Delays {
                control: Duration::from_millis(40),
                data: Duration::from_millis(20),
                answer: Duration::from_millis(2),
            },
            brisk: false,
            troubles: Vec::new(),
            faults: Vec::new(),
            strangers: Vec::new(),
            sabotage: None,
        }
    }

    /// Something is wrong from the start.
    fn spoil(&mut self, r: &mut Random) {
        let side = r.pick([Side::Source, Side::Destination]);
        let trouble = match r.below(12) {
            0 => {
                self.file = None;
                self.restart = None;
                return;
            }
            1 => Trouble::Denied,
            2 => Trouble::Full(r.length(6_000)),
            3 => Trouble::NoPort(side),
            4 => Trouble::WrongSecret(side),
            5 => Trouble::LyingPassive,
            6 => Trouble::Refused,
            7 => Trouble::Unanswered,
            8 => Trouble::NoPermit,
            9 => Trouble::LatePermit(r.time(Duration::from_secs(20))),
            _ => {
                let manners = Manners::of(r);
                Trouble::Bounce(r.pick([Target::Closed, Target::Dead, Target::Listener(manners)]))
            }
        };
        self.troubles.push(trouble);
    }

    /// Something goes wrong on the way.
    fn strike(&mut self, r: &mut Random) {
        // Something must be on its way that can be struck.
        if self.file.is_some() && self.restart.is_none() && !r.once_in(4) {
            self.file = Some(40_000);
        }
        for _ in 0..1 + r.below(2) {
            let side = r.pick([Side::Source, Side::Destination]);
            let stall = r.pick([None, Some(2_000), Some(20_000), Some(90_000)]).map(Duration::from_millis);
            let fault = match r.below(8) {
                0 => Fault::CutControl(side),
                1 => Fault::StallControl(side, stall),
                2 => Fault::ResetData,
                3 => Fault::StallData(stall),
                4 => Fault::Crash(side),
                5 => Fault::Shutdown(side),
                _ => Fault::Cancel,
            };
            let when = match r.below(4) {
                0 => When::After(r.time(Duration::from_secs(10))),
                1 | 2 => When::Segments(u32::try_from(r.below(12)).unwrap_or(0)),
                _ => When::Messages(
                    r.pick([Side::Source, Side::Destination]),
                    u32::try_from(r.below(15)).unwrap_or(0),
                ),
            };
            self.faults.push((when, fault));
        }
    }

    /// Strangers come to the listening port.
    fn invite(&mut self, r: &mut Random) {
        for _ in 0..1 + r.below(12) {
            let stranger = Stranger {
                after: r.time(Duration::from_secs(4)),
                // Without proof and filter any process of the peer's host is as good as the peer.
                at_peer: self.rendezvous && r.once_in(3),
                manners: Manners::of(r),
            };
            self.strangers.push(stranger);
        }
    }

    /// Whether both servers' policies allow the transfer at all.
    pub fn is_allowed(&self) -> bool {
        SIDES.into_iter().all(|side| {
            self.is_own(side)
                || match self.foreign.at(side) {
                    Foreign::Never => false,
                    Foreign::Proven => self.rendezvous,
                    Foreign::Authenticated => true,
                }
        })
    }

    /// Whether the other server is the user's own host for that one.
    pub fn is_own(&self, side: Side) -> bool {
        self.user_at == Some(side.other())
    }

    /// How the first attempt must end.
    pub fn must(&self) -> Must {
        if !self.is_allowed() {
            return Must::Fail;
        }
        let mut must =
            if self.delays.are_quick() && self.faults.is_empty() { Must::Move } else { Must::Either };
        if self.file.is_none() {
            must = Must::Fail;
        }
        for trouble in &self.troubles {
            let new = match trouble {
                Trouble::Denied | Trouble::Refused | Trouble::Unanswered => Must::Fail,
                Trouble::WrongSecret(_) if self.rendezvous => Must::Fail,
                Trouble::Bounce(_) => Must::Fail,
                Trouble::Full(_) | Trouble::NoPort(_) | Trouble::NoPermit | Trouble::LatePermit(_) => {
                    Must::Either
                }
                // Only PASV announces an address.
                Trouble::LyingPassive if self.announces() => Must::Fail,
                Trouble::LyingPassive | Trouble::WrongSecret(_) => continue,
            };
            must = if must == Must::Fail { Must::Fail } else { new };
        }
        must
    }

    /// Whether the listening end announces a host and not only a port.
    fn announces(&self) -> bool {
        self.plan.opening == Opening::Pasv && *self.dialect.at(self.plan.listener) == Dialect::Rfc959
    }

    /// The next attempt, after everything has been put right: another file.
    pub fn healed(&self, file: usize) -> Self {
        let (plan, again) = match self.again.as_slice() {
            [] => (self.plan, Vec::new()),
            [next, later @ ..] => (*next, later.to_vec()),
        };
        Self {
            plan,
            again,
            file: Some(file),
            restart: None,
            troubles: Vec::new(),
            faults: Vec::new(),
            delays: self.delays.healed(),
            ..self.clone()
        }
    }
}

/// Any plan that the address family allows.
fn a_plan(r: &mut Random, v6: bool) -> Plan {
    // A 227 has no room for an IPv6 address.
    let openings = [Opening::Lstn, if v6 { Opening::Epsv } else { Opening::Pasv }, Opening::Epsv];
    Plan {
        opening: r.pick(openings),
        listener: r.pick([Side::Source, Side::Destination]),
        filter: r.once_in(2),
        first: r.pick([None, Some(Side::Source), Some(Side::Destination)]),
    }
}

impl Delays {
    /// So quick that no timer may fire.
    fn quick(r: &mut Random) -> Self {
        let most = |millis| Duration::from_millis(millis);
        Self {
            control: most(r.pick([0, 1, 50, 500, 1_000])),
            data: most(r.pick([0, 1, 50, 300])),
            answer: most(r.pick([0, 1, 100])),
        }
    }

    /// So slow that timers may fire.
    fn slow(r: &mut Random) -> Self {
        let most = |r: &mut Random| Duration::from_secs(r.pick([0, 1, 3, 5]));
        Self { control: most(r), data: most(r), answer: most(r) }
    }

    pub(super) fn are_quick(self) -> bool {
        self.control <= Duration::from_secs(1)
            && self.data <= Duration::from_millis(300)
            && self.answer <= Duration::from_millis(100)
    }

    fn healed(self) -> Self {
        Self {
            control: self.control.min(Duration::from_secs(1)),
            data: self.data.min(Duration::from_millis(300)),
            answer: self.answer.min(Duration::from_millis(100)),
        }
    }
}

impl Manners {
    fn of(r: &mut Random) -> Self {
        r.pick([
            Self::Silent,
            Self::Garbage,
            Self::Banner,
            Self::Mirror,
            Self::Guess,
            Self::Leave(Ending::Close),
            Self::Leave(Ending::Reset),
        ])
    }
}
