//! How soon a file is there where paths are dead without a word: a copy of 1 KiB in every small internet that has a
//! direct path, with the usual timeouts and nothing remembered.

use std::time::Instant;

use integration_tests::performance::USER;
use integration_tests::topology::{Lab, TOPOLOGIES, Topology};
use integration_tests::user::user;

use crate::plan::Plan;
use crate::report::Report;

/// Milliseconds of the whole command, in each round.
fn rounds(plan: &Plan, topology: Topology) -> Result<Vec<f64>, String> {
    let lab = Lab::new(topology, &[7; 1024], |site| site).map_err(|skipped| skipped.0)?;
    let (path, rung) = topology.direct.unwrap_or_default();
    let times = (0..plan.rounds).map(|round| {
        let run = user().args(["copy", "--json", &lab.url(0, "a.bin"), &lab.url(1, &format!("{round}.bin"))]);
        let (time, run) = lab.user.run(|| {
            let start = Instant::now();
            let run = run.run();
            (start.elapsed(), run)
        });
        let summary = run.exits(0).summary();
        assert_eq!((&summary["path"], &summary["rung"]), (&path.into(), &rung.into()), "{summary}");
        time.as_secs_f64() * 1000.0
    });
    Ok(times.collect())
}

pub(crate) fn table(plan: &Plan, report: &mut Report) {
    let mut slowest = vec![0.0_f64; plan.rounds];
    for topology in TOPOLOGIES.into_iter().filter(|topology| topology.direct.is_some()) {
        match rounds(plan, topology) {
            Ok(times) => {
                report.rounds("copy of 1 KiB, cold", "ms", topology.name, &times);
                slowest.iter_mut().zip(times).for_each(|(slowest, time)| *slowest = slowest.max(time));
            }
            Err(why) => return report.skip("small internets", why),
        }
    }
    report.rounds("copy of 1 KiB where paths are dead", "ms", USER, &slowest);
}
