//! How a seed chooses several files, and who asks about them.

use super::Pair;
use super::conduct::{Asks, Batch, Conduct, Piece};
use super::random::Random;
use super::scenario::{Delays, Fault, Manners, Obstacle, Path, Scenario, Stranger, Tls, When};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::transfer::{Opening, Side};
use std::time::Duration;

impl Scenario {
    /// What this seed chooses for several files.
    pub fn several(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let one = Self::of(r.bits());
        let block = !r.once_in(3);
        let symmetric = r.once_in(3);
        let batch = Batch {
            files: (0..1 + r.below(5)).map(|_| Piece::of(r)).collect(),
            block,
            symmetric,
            ahead: if block { r.pick([1, 1, 2, 5]) } else { 1 },
            detach: r.once_in(2).then(|| Duration::from_secs(r.pick([1, 30, 3_600, 3_600]))),
            allocates: r.once_in(2),
        };
        let rendezvous = one.rendezvous || symmetric;
        let foreign = if rendezvous { Foreign::Proven } else { Foreign::Authenticated };
        let mut scenario = Self {
            conduct: Conduct::Batch(batch),
            path: Path::Direct,
            again: Vec::new(),
            relay: false,
            rendezvous,
            foreign: Pair::of(|_| foreign),
            restart: None,
            delays: Delays { answer: one.delays.answer.min(Duration::from_millis(100)), ..one.delays },
            tls: None,
            obstacles: Vec::new(),
            faults: Vec::new(),
            strangers: Vec::new(),
            ..one
        };
        // The blocks of 1973 are not those of today.
        if scenario.batch_is_in_blocks() {
            scenario.dialect.destination = scenario.dialect.source;
        }
        // A 227 is not read here.
        if scenario.roles.opening == Opening::Pasv {
            scenario.roles.opening = Opening::Lstn;
        }
        if r.once_in(4) {
            scenario.tls = Some(Tls::of(r));
            scenario.dialect = Pair::of(|_| Dialect::Rfc959);
        }
        scenario.disturb(r);
        scenario
    }

    fn batch_is_in_blocks(&self) -> bool {
        matches!(&self.conduct, Conduct::Batch(Batch { block: true, .. }))
    }

    fn disturb(&mut self, r: &mut Random) {
        match r.below(8) {
            0..=2 => {}
            3 => {
                let side = r.pick([Side::Source, Side::Destination]);
                self.obstacles.push(r.pick([
                    Obstacle::NoPort(side),
                    Obstacle::WrongSecret(side),
                    Obstacle::Full(4_000),
                    Obstacle::Denied,
                ]));
            }
            // Both control connections break, mostly while bytes move.
            4 | 5 => {
                let when = When::Segments(u32::try_from(2 + r.below(30)).unwrap_or(2));
                for side in super::SIDES {
                    self.faults.push((when, Fault::CutControl(side)));
                }
            }
            _ => {
                for _ in 0..1 + r.below(2) {
                    self.faults.push(some_fault(r));
                }
            }
        }
        if self.rendezvous && r.once_in(3) {
            for _ in 0..1 + r.below(6) {
                let after = r.time(Duration::from_secs(10));
                let manners = r.pick([Manners::Silent, Manners::Garbage, Manners::Mirror, Manners::Guess]);
                self.strangers.push(Stranger { after, at_peer: r.once_in(3), manners });
            }
        }
    }

    /// A user who asks about detached transfers at the two servers of `other`.
    pub fn asks(seed: u64, account: &'static str, asks: Asks, other: &Self) -> Self {
        let Self { v6, dialect, foreign, .. } = *other;
        Self { seed, account, conduct: Conduct::Asks(asks), v6, dialect, foreign, ..Self::plain() }
    }
}

impl Piece {
    fn of(r: &mut Random) -> Self {
        let length = r.pick([0, 1, 100, 5_000, 40_000]);
        match r.below(8) {
            0 => Self::Missing,
            1 => Self::Refused(length),
            _ => Self::Good(length),
        }
    }
}

fn some_fault(r: &mut Random) -> (When, Fault) {
    let side = r.pick([Side::Source, Side::Destination]);
    let stall = r.pick([Some(2_000), Some(20_000), Some(90_000), None]).map(Duration::from_millis);
    let fault = match r.below(7) {
        0 => Fault::CutControl(side),
        1 => Fault::StallControl(side, stall),
        2 => Fault::ResetData,
        3 => Fault::StallData(stall),
        4 => Fault::Crash(side),
        5 => Fault::Shutdown(side),
        _ => Fault::StallData(Some(Duration::from_secs(400))),
    };
    let when = match r.below(3) {
        0 => When::After(r.time(Duration::from_secs(30))),
        1 => When::Segments(u32::try_from(r.below(40)).unwrap_or(0)),
        _ => When::Messages(side, u32::try_from(r.below(60)).unwrap_or(0)),
    };
    (when, fault)
}
