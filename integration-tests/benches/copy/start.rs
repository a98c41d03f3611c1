//! What a copy costs before its first byte: the user agent copies one small file again and again.

use std::fs;

use integration_tests::performance::USER;

use crate::plan::Plan;
use crate::report::Report;
use crate::suite::{Suite, Taken, measured, turns};

const SMALL: &str = "small.bin";
/// Copies of one build in one round. Processor time is counted in hundredths of a second, so that the
/// sum of many is needed.
const COPIES: usize = 50;

fn small_copy(suite: &Suite) -> Taken {
    let [source, destination] = &suite.servers;
    let run = suite.user().args(["copy", "--json", "--path", "direct", "--verify", "size"]);
    let taken = measured(run.args([source.url(SMALL), destination.url(SMALL)]));
    fs::remove_file(destination.path(SMALL)).unwrap();
    taken
}

pub(crate) fn table(plan: &Plan, suites: &[Suite], report: &mut Report) {
    let small = suites[0].servers[0].path(SMALL);
    fs::write(&small, [7; 1024]).unwrap();
    suites.iter().for_each(|suite| drop(small_copy(suite)));
    for round in 0..plan.rounds {
        for turn in turns(round, suites.len()) {
            let copies: Vec<Taken> = (0..COPIES).map(|_| small_copy(&suites[turn])).collect();
            let name = suites[turn].contender(USER);
            let mean = |of: fn(&Taken) -> f64| copies.iter().map(of).sum::<f64>() * 1000.0 / COPIES as f64;
            report.add("copy of 1 KiB, the whole command", "ms", name, mean(|copy| copy.seconds));
            report.add("copy of 1 KiB, the user agent", "CPU ms", name, mean(|copy| copy.cost.total()));
            let peak = copies.iter().map(|copy| copy.peak).fold(0.0, f64::max);
            report.add("copy of 1 KiB, the user agent", "MiB", name, peak);
        }
    }
    fs::remove_file(small).unwrap();
}
