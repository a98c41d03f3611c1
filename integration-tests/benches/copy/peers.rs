//! The same file between two servers of other people, driven by the same user agent, beside two of
//! ours: in every round all of them, each round begun by another one.

use std::fs;
use std::path::Path;

use integration_tests::performance::BASELINE;
use integration_tests::user::user;

use crate::contender::{KINDS, Pair, Purpose};
use crate::figures::GIB;
use crate::plan::{FILE, Plan};
use crate::report::Report;
use crate::suite::{copied, turns};

/// One copy, in seconds.
fn run(plan: &Plan, Pair { ends: [source, destination] }: &Pair) -> f64 {
    let [from, to] = [source, destination].map(|server| server.door().url("ftp", &server.named(FILE)));
    copied(plan, user(), "direct", &from, (&to, &destination.path(FILE)), "size").seconds
}

/// All pairs in turn. Each source has the very file of ours under another name, so that memory holds it once.
pub(crate) fn table(plan: &Plan, place: &Path, file: &Path, report: &mut Report) {
    let purpose = Purpose { kinds: &KINDS, tls: false, args: &[] };
    let fill = |root: &Path| fs::hard_link(file, root.join(FILE)).unwrap();
    let mut pairs = Pair::all(plan, place, purpose, &fill, report);
    pairs.retain(|pair| pair.name() != BASELINE);
    // The first copy of each does not count.
    pairs.iter().for_each(|pair| _ = run(plan, pair));
    let gib = plan.bytes() as f64 / GIB;
    for round in 0..plan.rounds {
        for turn in turns(round, pairs.len()) {
            let pair = &pairs[turn];
            let before = pair.cpu();
            report.add("one file from server to server", "GiB/s", pair.name(), gib / run(plan, pair));
            let spent = pair.cpu() - before;
            report.add("one file, source and destination", "CPU s/GiB", pair.name(), spent / gib);
        }
    }
}
