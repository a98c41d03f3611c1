//! How a seed chooses its scenario.

use super::Pair;
use super::conduct::Conduct;
use super::random::Random;
use super::scenario::{Delays, Fault, Manners, Obstacle, Path, Pin, Scenario, Stranger, Target, Tls, When};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::server::ask::Ending;
use ftp_proto::transfer::{DataTls, Opening, Posture, Postures, Roles, Side, Store};
use std::time::Duration;

impl Scenario {
    /// What this seed chooses.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let v6 = r.once_in(3);
        let dialect = Pair::of(|_| r.pick([Dialect::Rfc959, Dialect::Rfc959, Dialect::Rfc354]));
        let roles = some_roles(r, v6);
        let relay = r.once_in(3);
        let path = some_path(r, relay);
        let again = (0..r.below(4)).map(|_| (some_path(r, relay), some_roles(r, v6))).collect();
        let user_at = r.pick([None, None, None, None, Some(Side::Source), Some(Side::Destination)]);
        let user_at = user_at.filter(|_| !relay);
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
            roles,
            path,
            again,
            relay,
            user_at,
            store,
            restart,
            file: Some(file),
            old: r.pick([None, Some(0), Some(3_000)]),
            foreign,
            rendezvous,
            delays: Delays::quick(r),
            brisk: r.once_in(2),
            curious: r.once_in(2),
            ..Self::plain()
        };
        if !relay && r.once_in(3) {
            scenario.protect(r);
        }
        // Three in ten runs go without a hitch and must succeed.
        match r.below(10) {
            0..=2 => {}
            3 | 4 => scenario.delays = Delays::slow(r),
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
            roles: Roles {
                passive: Side::Destination,
                opening: Opening::Lstn,
                filter: true,
                first: None,
                tls: DataTls::Clear,
            },
            path: Path::Direct,
            again: Vec::new(),
            relay: false,
            user_at: None,
            store: Store::Replace,
            restart: None,
            file: Some(40_000),
            old: Some(3_000),
            foreign: Pair { source: Foreign::Proven, destination: Foreign::Proven },
            rendezvous: true,
            tls: None,
            probes: false,
            delays: Delays {
                control: Duration::from_millis(40),
                data: Duration::from_millis(20),
                answer: Duration::from_millis(2),
            },
            brisk: false,
            curious: false,
            obstacles: Vec::new(),
            faults: Vec::new(),
            strangers: Vec::new(),
            account: "anna",
            conduct: Conduct::Attempts,
            begins: Duration::ZERO,
            sabotage: None,
        }
    }

    /// Both servers have TLS. The file takes the direct path, the others would be in clear.
    fn protect(&mut self, r: &mut Random) {
        self.tls = Some(Tls::of(r));
        self.dialect = Pair::of(|_| Dialect::Rfc959);
        self.path = Path::Direct;
        self.again.iter_mut().for_each(|(path, _)| *path = Path::Direct);
    }

    /// Something about TLS is wrong from the start.
    fn spoil_tls(&mut self, r: &mut Random) {
        let Some(tls) = &mut self.tls else { return };
        match r.below(4) {
            0 => self.obstacles.push(Obstacle::Intercepted),
            1 => self.obstacles.push(Obstacle::NoHandshake),
            2 => *tls.pins.at_mut(r.pick([Side::Source, Side::Destination])) = Pin::Stranger,
            _ => tls.clients.source = tls.clients.destination,
        }
    }

    /// Something is wrong from the start.
    fn spoil(&mut self, r: &mut Random) {
        if self.tls.is_some() && r.once_in(3) {
            return self.spoil_tls(r);
        }
        let side = r.pick([Side::Source, Side::Destination]);
        let obstacle = match r.below(12) {
            _ if self.relay && r.once_in(4) => Obstacle::NoLeg(side),
            0 => {
                self.file = None;
                self.restart = None;
                return;
            }
            1 => Obstacle::Denied,
            2 => Obstacle::Full(r.length(6_000)),
            3 => Obstacle::NoPort(side),
            4 => Obstacle::WrongSecret(side),
            5 => Obstacle::LyingPassive,
            6 => Obstacle::Refused,
            7 => Obstacle::Unanswered,
            8 => Obstacle::NoPermit,
            9 => Obstacle::LatePermit(r.time(Duration::from_secs(20))),
            _ => {
                let manners = Manners::of(r);
                Obstacle::Bounce(r.pick([Target::Closed, Target::Dead, Target::Listener(manners)]))
            }
        };
        self.obstacles.push(obstacle);
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
                _ if self.relay && r.once_in(3) => match r.below(4) {
                    0 => Fault::RelayDies,
                    1 => Fault::RelayStops,
                    2 => Fault::CutRelay,
                    _ => Fault::StallRelay(stall),
                },
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
}

/// Any path; one through a relay only where it carries the control connections too.
fn some_path(r: &mut Random, relay: bool) -> Path {
    let postures = Postures {
        source: r.pick([Posture::Passive, Posture::Active]),
        destination: r.pick([Posture::Passive, Posture::Active]),
    };
    match (r.below(4), relay) {
        (0 | 1, true) => Path::Relayed(postures),
        (0, false) => Path::Through,
        // It must fail, and disturb nothing.
        (2, true) if r.once_in(8) => Path::Through,
        _ => Path::Direct,
    }
}

/// Any roles that the address family allows.
fn some_roles(r: &mut Random, v6: bool) -> Roles {
    // A 227 has no room for an IPv6 address.
    let openings = [Opening::Lstn, if v6 { Opening::Epsv } else { Opening::Pasv }, Opening::Epsv];
    Roles {
        opening: r.pick(openings),
        passive: r.pick([Side::Source, Side::Destination]),
        filter: r.once_in(2),
        first: r.pick([None, Some(Side::Source), Some(Side::Destination)]),
        tls: DataTls::Clear,
    }
}

impl Delays {
    /// So quick that no timer may fire.
    pub(super) fn quick(r: &mut Random) -> Self {
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
}

impl Tls {
    /// One of the servers is the TLS client, and each may be told the certificate of the other one.
    pub(super) fn of(r: &mut Random) -> Self {
        let source = r.once_in(2);
        Self {
            clients: Pair { source, destination: !source },
            pins: Pair::of(|_| r.pick([Pin::None, Pin::Right])),
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
            Self::Web,
        ])
    }
}
