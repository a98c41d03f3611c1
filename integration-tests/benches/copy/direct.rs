//! The copy from server to server, beside the limit program.

use crate::compare::{self, Measure};
use crate::figures::{GIB, Spread, met, ratios};
use crate::limit;
use crate::plan::{FILE, Plan};
use crate::process::{Cost, cpu_seconds, forget_peak, peak_mib};
use crate::suite::{ENDS, Suite, turns};

const LIMIT: &str = "limit.bin";

/// The targets: the median ratio to the limit, and each server's resident memory in MiB.
const RATIO: f64 = 0.85;
const MEMORY: f64 = 24.0;

/// What every round has shown. The arrays have a place for each end; costs are for one GiB.
#[derive(Default)]
struct Row {
    rates: Vec<f64>,
    costs: [Vec<Cost>; 2],
    peaks: [Vec<f64>; 2],
}

impl Row {
    fn copy(&mut self, plan: &Plan, suite: &Suite) {
        let ids = suite.servers.each_ref().map(|server| server.running.id());
        ids.iter().for_each(|id| forget_peak(*id));
        let before = ids.map(cpu_seconds);
        let seconds = suite.copy(plan, "size").seconds;
        let spent = [0, 1].map(|end| cpu_seconds(ids[end]).since(before[end]));
        self.add(plan, seconds, spent);
        self.peaks.iter_mut().zip(ids).for_each(|(peaks, id)| peaks.push(peak_mib(id)));
    }

    fn add(&mut self, plan: &Plan, seconds: f64, spent: [Cost; 2]) {
        let gib = plan.bytes() as f64 / GIB;
        self.rates.push(gib / seconds);
        self.costs.iter_mut().zip(spent).for_each(|(costs, cost)| costs.push(cost.over(gib)));
    }

    /// The mean of all rounds.
    fn cost(&self, end: usize) -> Cost {
        let mut all = Cost::default();
        self.costs[end].iter().for_each(|cost| all.add(*cost));
        all.over(self.costs[end].len() as f64)
    }

    fn totals(&self, end: usize) -> Vec<f64> {
        self.costs[end].iter().map(|cost| cost.total()).collect()
    }
}

/// Runs all rounds; the first suite is this build, the second one the baseline.
pub(crate) fn table(plan: &Plan, suites: &[Suite]) {
    let paths = [suites[0].servers[0].path(FILE), suites[0].servers[1].path(LIMIT)];
    let sink = limit::best_sink(&paths[0], &paths[1]);
    println!("limit: sendfile to a connection, {} from there to a file, one process each\n", sink.name());
    // The first copy of each server does not count.
    suites.iter().for_each(|suite| drop(suite.copy(plan, "size")));
    let mut rows: Vec<Row> = suites.iter().map(|_| Row::default()).collect();
    let mut bound = Row::default();
    println!("round   suite GiB/s   limit GiB/s   ratio");
    for round in 0..plan.rounds {
        for turn in turns(round, suites.len() + 1) {
            match suites.get(turn) {
                Some(suite) => rows[turn].copy(plan, suite),
                None => {
                    let (seconds, spent) = limit::run(&paths[0], &paths[1], sink);
                    bound.add(plan, seconds, spent);
                }
            }
        }
        let (ours, limit) = (rows[0].rates[round], bound.rates[round]);
        println!("{:5}   {ours:11.2}   {limit:11.2}   {:5.2}", round + 1, ours / limit);
    }
    let ratio = ratios(&rows[0].rates, &bound.rates);
    println!("\nratio: min {:.2}, median {:.2}, max {:.2}", ratio.least, ratio.median, ratio.most);
    println!("target: median at least {RATIO}: {}\n", met(ratio.median >= RATIO));
    costs(&rows[0], &bound);
    if let [new, baseline] = &rows[..] {
        compared(new, baseline);
    }
    println!("with both digests compared (--verify hash): {:.2} s\n", suites[0].copy(plan, "hash").seconds);
}

fn costs(row: &Row, bound: &Row) {
    println!("              CPU s/GiB (user + system)   limit's   peak resident MiB");
    let (mut small, mut ours, mut limits) = (true, 0.0, 0.0);
    for (end, name) in ENDS.into_iter().enumerate() {
        let (cost, limit) = (row.cost(end), bound.cost(end).total());
        let (all, user, system) = (cost.total(), cost.user, cost.system);
        let peak = Spread::of(&row.peaks[end]).most;
        small &= peak < MEMORY;
        (ours, limits) = (ours + all, limits + limit);
        println!("{name:11}   {all:5.2} ({user:.2} + {system:.2})          {limit:10.2}   {peak:17.1}");
    }
    let share = limits / ours;
    println!("both          {ours:5.2}                         {limits:10.2}   ({share:.2} of ours)");
    println!("target: each below {MEMORY} MiB: {}\n", met(small));
}

fn compared(new: &Row, baseline: &Row) {
    let totals = [0, 1].map(|end| [new.totals(end), baseline.totals(end)]);
    let both = |row: &Row| -> Vec<f64> {
        row.totals(0).iter().zip(row.totals(1)).map(|(source, destination)| source + destination).collect()
    };
    let [source, destination] = &totals;
    let measure = |name, new, baseline| Measure { name, new, baseline };
    compare::table(
        "direct copy",
        &[
            measure("GiB/s", &new.rates, &baseline.rates),
            measure("CPU s/GiB, source", &source[0], &source[1]),
            measure("CPU s/GiB, destination", &destination[0], &destination[1]),
            measure("CPU s/GiB, both", &both(new), &both(baseline)),
            measure("peak resident MiB, source", &new.peaks[0], &baseline.peaks[0]),
            measure("peak resident MiB, destination", &new.peaks[1], &baseline.peaks[1]),
        ],
    );
}
