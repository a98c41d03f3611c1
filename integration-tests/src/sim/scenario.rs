//! A run, before it begins: everything that a seed chooses or a test says.

use super::conduct::{Batch, Conduct, Groups};
use super::{Pair, SIDES};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::server::ask::Ending;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{Opening, Posture, Postures, Roles, Side, Store};
use std::time::Duration;

/// A run, before it begins. All fields are public: a test may change what the seed has chosen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides the order of events, delays and bytes.
    pub seed: u64,
    /// IPv6 instead of IPv4.
    pub v6: bool,
    /// The dialect of each server.
    pub dialect: Pair<Dialect>,
    /// Who listens and how.
    pub roles: Roles,
    /// The path that the file takes.
    pub path: Path,
    /// The paths and roles for further files over the same sessions.
    pub again: Vec<(Path, Roles)>,
    /// A relay carries both control connections.
    pub relay: bool,
    /// The user sits at that server's host: for the other one that host is the user's own.
    pub user_at: Option<Side>,
    /// STOR or APPE.
    pub store: Store,
    /// Bytes to skip at both ends; the destination has them.
    pub restart: Option<usize>,
    /// The file at the source; `None` is a missing one.
    pub file: Option<usize>,
    /// The old file at the destination.
    pub old: Option<usize>,
    /// The policy of each server.
    pub foreign: Pair<Foreign>,
    /// Whether the coordinator gives RNDZ secrets.
    pub rendezvous: bool,
    /// Both servers have TLS, on control connections and on data connections.
    pub tls: Option<Tls>,
    /// How slow everything is, at most.
    pub delays: Delays,
    /// The attempt only probes: it obtains a data connection and moves nothing (PROB).
    pub probes: bool,
    /// The user's timers are short: slow servers are given up.
    pub brisk: bool,
    /// The user asks with STAT how far it is.
    pub curious: bool,
    /// What is wrong from the start.
    pub obstacles: Vec<Obstacle>,
    /// What goes wrong on the way.
    pub faults: Vec<(When, Fault)>,
    /// Who has no business here.
    pub strangers: Vec<Stranger>,
    /// The name of the user at both servers.
    pub account: &'static str,
    /// What the user does.
    pub conduct: Conduct,
    /// When the user comes.
    pub begins: Duration,
    /// Breaks the simulated world, so that a test sees the simulator notice.
    pub sabotage: Option<Sabotage>,
}

/// How many connections a listener holds until the transfer command comes.
pub(super) const HELD: usize = 8;
/// How many of these may come from one address, where a proof is due.
pub(super) const OF_ONE_ADDRESS: usize = 4;

/// What the coordinator says about TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tls {
    /// Which servers become the TLS client of the data connection (SSCN ON): one of them should.
    pub clients: Pair<bool>,
    /// The certificate that each server is to demand of the other one (PINC).
    pub pins: Pair<Pin>,
}

/// A certificate that a server is to demand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pin {
    /// No certificate in particular.
    #[default]
    None,
    /// That of the other server.
    Right,
    /// That of somebody who has no business here, such as a public web server.
    Stranger,
}

/// The path that a file takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// From server to server.
    Direct,
    /// Through the relay, which has a data connection with each server.
    Relayed(Postures),
    /// Through the user agent.
    Through,
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
pub enum Obstacle {
    /// The destination may not be written.
    Denied,
    /// The destination is full after so many bytes.
    Full(usize),
    /// That server has no data port.
    NoPort(Side),
    /// That server gets another secret than the other one.
    WrongSecret(Side),
    /// The active end is told a stranger's address instead of its peer's.
    Bounce(Target),
    /// The passive end announces a stranger's address (227).
    LyingPassive,
    /// Data connections are refused.
    Refused,
    /// Data connections are never answered.
    Unanswered,
    /// The servers' limits forbid the SYN.
    NoPermit,
    /// The servers' limits allow the SYN late.
    LatePermit(Duration),
    /// Data connections of the user agent are never answered. It may listen itself.
    Walled,
    /// The relay has no data connection with that server.
    NoLeg(Side),
    /// A host between the servers ends TLS on both sides, with a certificate of its own.
    Intercepted,
    /// No handshake of a data connection ever ends.
    NoHandshake,
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
    /// Says nothing at all.
    Silent,
    /// Says something else.
    Garbage,
    /// Greets like a mail server.
    Banner,
    /// Sends every byte back.
    Mirror,
    /// Sends a right hello and a wrong proof.
    Guess,
    /// Closes at once.
    Leave(Ending),
    /// Is a web server: speaks TLS with whoever wants, and answers HTTP.
    Web,
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
    /// The relay's process dies: all its connections close in order.
    RelayDies,
    /// The relay is told to stop: nothing new begins there.
    RelayStops,
    /// The user agent's link to the relay breaks.
    CutRelay,
    /// The user agent's link to the relay carries nothing for a time, or never again.
    StallRelay(Option<Duration>),
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
    /// A byte of a file is lost on the way and nobody notices.
    LoseByte,
    /// The servers run without any policy and accept anybody.
    NoPolicy,
    /// The destination writes to the old file at once.
    WriteOver,
    /// Strangers come to the relay's listeners from the address that the relay expects there.
    ForgeAddress,
    /// A host in the middle never closes its data connections.
    KeepData,
    /// Each SYN to a victim makes two connections.
    ConnectTwice,
    /// Each byte for a victim is sent twice.
    WriteTwice,
    /// The servers' clocks are 100 ms late.
    LateClock,
    /// The servers count all failures for one account.
    OneAccount,
    /// The relay agent's machine has no timer.
    NoRelayTimer,
    /// The relay never stops to listen.
    KeepListener,
    /// TLS begins on data connections without a handshake.
    NoHandshake,
    /// A host between the servers has the same exporter on both sides.
    SameExporter,
    /// What stands behind the last block of a file is read and lost.
    LoseBehind,
    /// The end of the data connection is the end of a file in MODE B too.
    EndIsEnd,
    /// Two SYNs that cross make two connections.
    CrossTwice,
    /// A server counts detached transfers of all accounts for one account.
    OneOwner,
    /// A server that is told to doubt a file believes it.
    NoDoubt,
    /// The user agent says that it listens, and does not.
    Deaf,
    /// The user agent takes whoever comes to its listener for its server.
    Credulous,
    /// PACK KEEP replaces what has the name.
    KeepReplaces,
    /// PACK KEEP gives other bytes the name than those that have come.
    KeepSpoils,
    /// A server forgets no group.
    KeepsGroups,
}

/// How a run must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpectedEnd {
    /// The file has moved.
    Move,
    /// It has not.
    Fail,
    /// It may move or fail, but safely.
    Either,
}

impl Scenario {
    /// Whether the user copies files.
    pub fn copies(&self) -> bool {
        matches!(self.conduct, Conduct::Attempts | Conduct::Batch(_) | Conduct::Groups(_))
    }

    /// The several files that the user copies, if they are several.
    pub(super) fn batch(&self) -> Option<&Batch> {
        if let Conduct::Batch(batch) = &self.conduct { Some(batch) } else { None }
    }

    /// The small files that the user copies in groups, if he does.
    pub(super) fn groups(&self) -> Option<&Groups> {
        if let Conduct::Groups(groups) = &self.conduct { Some(groups) } else { None }
    }

    /// Whether the user is hostile.
    pub fn is_hostile(&self) -> bool {
        self.conduct == Conduct::Hostile
    }

    /// When the user comes.
    pub(super) fn start(&self) -> Moment {
        Moment::after_start(self.begins)
    }

    /// Whether both servers' policies allow the transfer at all.
    pub fn is_allowed(&self) -> bool {
        // The servers see the relay as their user's host, and know no other.
        if self.path == Path::Through && self.relay {
            return false;
        }
        SIDES.into_iter().all(|side| {
            self.is_own(side)
                || match self.foreign.at(side) {
                    Foreign::Never => false,
                    Foreign::Proven => self.rendezvous,
                    Foreign::Authenticated => true,
                }
        })
    }

    /// Whether the host at the other end of that server's data connection is its user's own host.
    pub fn is_own(&self, side: Side) -> bool {
        match self.path {
            Path::Direct => !self.relay && self.user_at == Some(side.other()),
            Path::Relayed(_) => self.relay,
            Path::Through => !self.relay,
        }
    }

    /// Whether that server connects, and is told where to.
    pub fn is_active(&self, side: Side) -> bool {
        match self.path {
            Path::Direct => side != self.roles.passive,
            Path::Relayed(postures) => *postures.of(side) == Posture::Active,
            Path::Through => false,
        }
    }

    /// Whether both ends prove themselves before anything moves.
    pub fn is_proven(&self) -> bool {
        self.rendezvous && self.path != Path::Through
    }

    /// Whether what the coordinator says about TLS lets the servers shake hands.
    fn is_private_or_clear(&self) -> bool {
        self.tls.is_none_or(|tls| {
            tls.clients.source != tls.clients.destination && tls.pins.both(|pin| *pin != Pin::Stranger)
        })
    }

    /// How the first attempt must end.
    pub fn must(&self) -> ExpectedEnd {
        if !self.is_allowed() || !self.is_private_or_clear() {
            return ExpectedEnd::Fail;
        }
        let mut must = if self.delays.are_quick() && self.faults.is_empty() {
            ExpectedEnd::Move
        } else {
            ExpectedEnd::Either
        };
        if self.may_be_crowded_out() {
            must = ExpectedEnd::Either;
        }
        if self.file.is_none() && !self.probes {
            must = ExpectedEnd::Fail;
        }
        for obstacle in &self.obstacles {
            let new = match obstacle {
                // No file is looked at.
                Obstacle::Denied if self.probes => ExpectedEnd::Either,
                Obstacle::Denied | Obstacle::Refused | Obstacle::Unanswered => ExpectedEnd::Fail,
                Obstacle::WrongSecret(_) if self.is_proven() => ExpectedEnd::Fail,
                Obstacle::Bounce(_) if SIDES.into_iter().any(|side| self.is_active(side)) => {
                    ExpectedEnd::Fail
                }
                Obstacle::Intercepted | Obstacle::NoHandshake if self.tls.is_some() => ExpectedEnd::Fail,
                Obstacle::NoLeg(_) if matches!(self.path, Path::Relayed(_)) => ExpectedEnd::Fail,
                Obstacle::Full(_) | Obstacle::NoPort(_) | Obstacle::NoPermit | Obstacle::LatePermit(_) => {
                    ExpectedEnd::Either
                }
                // Only PASV announces an address.
                Obstacle::LyingPassive if self.announces() => ExpectedEnd::Fail,
                Obstacle::LyingPassive
                | Obstacle::Intercepted
                | Obstacle::NoHandshake
                | Obstacle::WrongSecret(_)
                | Obstacle::Bounce(_)
                | Obstacle::Walled
                | Obstacle::NoLeg(_) => continue,
            };
            must = if must == ExpectedEnd::Fail { ExpectedEnd::Fail } else { new };
        }
        must
    }

    /// Whether strangers at the peer's own address may take the peer's share of the places in which a
    /// listener holds connections until its transfer command comes. A relay connects before that command, and a server
    /// may, because both ends get their commands at the same time. Until then nothing tells its connection from theirs.
    fn may_be_crowded_out(&self) -> bool {
        let early = match self.path {
            Path::Relayed(_) => SIDES.into_iter().any(|side| !self.is_active(side)),
            Path::Direct => true,
            Path::Through => false,
        };
        let at_peer = self.strangers.iter().filter(|stranger| stranger.at_peer).count();
        early && self.rendezvous && at_peer >= OF_ONE_ADDRESS
    }

    /// Whether the listening end announces a host and not only a port.
    fn announces(&self) -> bool {
        self.path == Path::Direct
            && self.roles.opening == Opening::Pasv
            && *self.dialect.at(self.roles.passive) == Dialect::Rfc959
    }

    /// The next attempt, after everything has been put right: another file.
    pub fn healed(&self, file: usize) -> Self {
        let ((path, roles), again) = match self.again.as_slice() {
            [] => ((self.path, self.roles), Vec::new()),
            [next, later @ ..] => (*next, later.to_vec()),
        };
        Self {
            path,
            roles,
            again,
            file: Some(file),
            restart: None,
            obstacles: Vec::new(),
            faults: Vec::new(),
            tls: self.tls.map(Tls::healed),
            delays: self.delays.healed(),
            ..self.clone()
        }
    }
}

impl Tls {
    /// One server is the client, and whoever demands a certificate demands the right one.
    pub(super) fn healed(self) -> Self {
        let clients = match self.clients {
            Pair { source, destination } if source == destination => {
                Pair { source: true, destination: false }
            }
            right => right,
        };
        let pins = Pair::of(|side| match self.pins.at(side) {
            Pin::None => Pin::None,
            Pin::Right | Pin::Stranger => Pin::Right,
        });
        Self { clients, pins }
    }
}

impl Delays {
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
