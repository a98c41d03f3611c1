//! How a seed chooses small files that are copied in groups.

use super::conduct::{BadLine, Conduct, Fate, Groups, Lie, Small, Untruth};
use super::random::Random;
use super::scenario::{Path, Scenario};
use super::{Pair, SIDES};
use ftp_proto::dialect::Dialect;
use ftp_proto::transfer::{Opening, Side, Store};

impl Scenario {
    /// What this seed chooses for small files in groups.
    pub fn grouped(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let one = Self::of(r.bits());
        let mut files: Vec<Small> = (0..1 + r.below(60)).map(|_| Small::of(r)).collect();
        let mut lie =
            r.once_in(4).then(|| Lie { after: u32::try_from(r.below(4)).unwrap_or(0), what: untruth(r) });
        // The destination says of a file without its name that it has it.
        let missing = Untruth::Line(Side::Destination, BadLine::Missing);
        let hides = lie.is_some_and(|lie| lie.what == Untruth::NamesNothing || lie.what == missing);
        // Then what somebody else has stored there shows the name that was asked for.
        for file in files.iter_mut().filter(|file| hides && file.fate.has_other_file()) {
            file.fate = Fate::Good;
        }
        // A batch asks for the first name alone and believes the others. `PACK SAME` tells of them before a deletion.
        if let Some(lie) = lie.as_mut().filter(|_| hides) {
            lie.after = 0;
        }
        let groups = Groups { files, directories: 1 + r.length(4), lie };
        let path = if one.path == Path::Through { Path::Direct } else { one.path };
        let mut scenario = Self {
            conduct: Conduct::Groups(groups),
            dialect: Pair::of(|_| Dialect::Rfc959),
            path,
            again: Vec::new(),
            store: Store::Replace,
            restart: None,
            rendezvous: true,
            file: Some(1),
            probes: false,
            curious: false,
            ..one
        };
        scenario.roles.opening = Opening::Lstn;
        scenario
    }
}

impl Small {
    fn of(r: &mut Random) -> Self {
        let fate = match r.below(24) {
            0 => Fate::Gone,
            1 => Fate::Grown,
            2 => Fate::Replaced,
            3 => Fate::Taken,
            4 => Fate::Appears,
            5 => Fate::Refused,
            _ => Fate::Good,
        };
        Self { size: r.pick([0, 1, 7, 100, 2_000]), fate, asks: r.once_in(2) }
    }
}

impl Fate {
    /// Whether the destination has a file of somebody else under the name.
    const fn has_other_file(self) -> bool {
        matches!(self, Self::Taken | Self::Appears)
    }
}

fn untruth(r: &mut Random) -> Untruth {
    let side: Side = r.pick(SIDES);
    r.pick([
        Untruth::AllTaken,
        Untruth::NoneTaken,
        Untruth::OtherDigest,
        Untruth::OtherBytes,
        Untruth::NamesNothing,
        Untruth::NamesAndFails,
        Untruth::Line(side, BadLine::Missing),
        Untruth::Line(side, BadLine::Twice),
        Untruth::Line(side, BadLine::Beyond),
        Untruth::Line(side, BadLine::Unreadable),
    ])
}
