//! How a seed chooses a crowd: coordinators with files to copy, and hostile accounts at the same servers.

use super::Pair;
use super::conduct::Conduct;
use super::random::Random;
use super::scenario::{Delays, Fault, Scenario, Tls};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use std::time::Duration;

impl Scenario {
    /// What this seed chooses: one to three coordinators, then up to six users of hostile accounts, each with a session at both servers.
    pub fn crowd(seed: u64) -> Vec<Self> {
        let mut random = Random::new(seed);
        let r = &mut random;
        let coordinators =
            (0..1 + r.below(3)).map(|_| Self::of(r.bits()).among_others(r)).collect::<Vec<_>>();
        let hostile = (0..1 + r.below(6)).map(|_| Self::some_hostile(r)).collect::<Vec<_>>();
        coordinators.into_iter().chain(hostile).collect()
    }

    /// A coordinator among others. The servers' processes live: what ends is only what is its own.
    fn among_others(mut self, r: &mut Random) -> Self {
        self.account = r.pick(["anna", "ben"]);
        self.begins = r.time(Duration::from_secs(120));
        self.faults.retain(|(_, fault)| !matches!(fault, Fault::Crash(_) | Fault::Shutdown(_)));
        self
    }

    /// A hostile account at two servers of the default policy.
    pub fn hostile(seed: u64) -> Self {
        Self { seed, account: "eve", conduct: Conduct::Hostile, ..Self::plain() }
    }

    fn some_hostile(r: &mut Random) -> Self {
        let most = |r: &mut Random| Duration::from_millis(r.pick([0, 1, 50, 500]));
        let policy = |r: &mut Random| {
            r.pick([
                Foreign::Proven,
                Foreign::Proven,
                Foreign::Proven,
                Foreign::Never,
                Foreign::Authenticated,
            ])
        };
        let some = Self {
            v6: r.once_in(3),
            dialect: Pair::of(|_| r.pick([Dialect::Rfc959, Dialect::Rfc959, Dialect::Rfc354])),
            foreign: Pair::of(|_| policy(r)),
            delays: Delays { control: most(r), data: most(r), answer: most(r) },
            account: r.pick(["eve", "eve", "mallory"]),
            begins: r.time(Duration::from_secs(60)),
            tls: r.once_in(3).then(|| Tls::of(r)),
            ..Self::hostile(r.bits())
        };
        // The listener of 1973 has no TLS.
        match some.tls {
            Some(_) => Self { dialect: Pair::of(|_| Dialect::Rfc959), ..some },
            None => some,
        }
    }
}
