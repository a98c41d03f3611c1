//! The copy from server to server, beside the limit program.

use integration_tests::performance::SERVER;

use crate::figures::GIB;
use crate::limit;
use crate::plan::{FILE, Plan};
use crate::process::{Cost, cpu_seconds, forget_peak, peak_mib};
use crate::report::Report;
use crate::suite::{ENDS, Suite, turns};

const LIMIT: &str = "limit.bin";
const MEMORY: [&str; 2] = ["the source while it sends", "the destination while it receives"];

/// Runs all rounds; the first suite is this build, the second one the baseline.
pub(crate) fn table(plan: &Plan, suites: &[Suite], report: &mut Report) {
    let paths = [suites[0].servers[0].path(FILE), suites[0].servers[1].path(LIMIT)];
    let sink = limit::best_sink(&paths[0], &paths[1]);
    println!("limit: sendfile to a connection, {} from there to a file, one process each", sink.name());
    // The first copy of each server does not count.
    suites.iter().for_each(|suite| drop(suite.copy(plan, "size")));
    for round in 0..plan.rounds {
        for turn in turns(round, suites.len() + 1) {
            match suites.get(turn) {
                Some(suite) => copy(plan, suite, report),
                None => {
                    let (seconds, spent) = limit::run(&paths[0], &paths[1], sink);
                    add(plan, report, "limit", seconds, spent);
                }
            }
        }
    }
    report.add("one file, --verify hash", "s", SERVER, suites[0].copy(plan, "hash").seconds);
}

fn copy(plan: &Plan, suite: &Suite, report: &mut Report) {
    let ids = suite.servers.each_ref().map(|server| server.running.id());
    ids.iter().for_each(|id| forget_peak(*id));
    let before = ids.map(cpu_seconds);
    let seconds = suite.copy(plan, "size").seconds;
    let spent = [0, 1].map(|end| cpu_seconds(ids[end]).since(before[end]));
    let name = suite.contender(SERVER);
    add(plan, report, name, seconds, spent);
    MEMORY.iter().zip(ids).for_each(|(what, id)| report.add(what, "MiB", name, peak_mib(id)));
}

fn add(plan: &Plan, report: &mut Report, name: &str, seconds: f64, spent: [Cost; 2]) {
    let gib = plan.bytes() as f64 / GIB;
    report.add("one file from server to server", "GiB/s", name, gib / seconds);
    for (end, cost) in ENDS.iter().zip(spent) {
        report.add(&format!("one file, {end}"), "CPU s/GiB", name, cost.over(gib).total());
    }
}
