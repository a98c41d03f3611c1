//! What a copy costs before its first byte: the user agent copies one small file again and again.

use std::fs;

use crate::compare::{self, Measure};
use crate::figures::Spread;
use crate::plan::Plan;
use crate::suite::{Suite, Taken, measured, turns};

const SMALL: &str = "small.bin";
/// Copies of one build in one round. Processor time is counted in hundredths of a second, so that the
/// sum of many is needed.
const COPIES: usize = 50;

/// For one copy, in each round: milliseconds, those of the processor, and the peak in MiB.
#[derive(Default)]
struct Row {
    times: Vec<f64>,
    costs: Vec<f64>,
    peaks: Vec<f64>,
}

impl Row {
    fn run(&mut self, suite: &Suite) {
        let (mut time, mut cost, mut peak) = (0.0, 0.0, 0.0_f64);
        for _ in 0..COPIES {
            let taken = small_copy(suite);
            time += taken.seconds;
            cost += taken.cost.total();
            peak = peak.max(taken.peak);
        }
        let ms = 1000.0 / COPIES as f64;
        self.times.push(time * ms);
        self.costs.push(cost * ms);
        self.peaks.push(peak);
    }
}

fn small_copy(suite: &Suite) -> Taken {
    let [source, destination] = &suite.servers;
    let run = suite.user().args(["copy", "--json", "--path", "direct", "--verify", "size"]);
    let taken = measured(run.args([source.url(SMALL), destination.url(SMALL)]));
    fs::remove_file(destination.path(SMALL)).unwrap();
    taken
}

pub(crate) fn table(plan: &Plan, suites: &[Suite]) {
    let small = suites[0].servers[0].path(SMALL);
    fs::write(&small, [7; 1024]).unwrap();
    let mut rows: Vec<Row> = suites.iter().map(|_| Row::default()).collect();
    suites.iter().for_each(|suite| drop(small_copy(suite)));
    for round in 0..plan.rounds {
        turns(round, suites.len()).for_each(|turn| rows[turn].run(&suites[turn]));
    }
    fs::remove_file(small).unwrap();
    println!("copy of 1 KiB, the whole command: ms   CPU ms of the agent   peak resident MiB");
    let [times, costs, peaks] = [&rows[0].times, &rows[0].costs, &rows[0].peaks].map(|all| Spread::of(all));
    println!("ftp-user        {:22.1}   {:19.1}   {:17.1}\n", times.median, costs.median, peaks.most);
    if let [new, baseline] = &rows[..] {
        compare::table(
            "copy of 1 KiB",
            &[
                Measure { name: "ms", new: &new.times, baseline: &baseline.times },
                Measure { name: "CPU ms of the agent", new: &new.costs, baseline: &baseline.costs },
                Measure {
                    name: "peak resident MiB of the agent",
                    new: &new.peaks,
                    baseline: &baseline.peaks,
                },
            ],
        );
    }
}
