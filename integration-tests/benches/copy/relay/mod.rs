//! Sends bytes from one program to another through a relay: our agent, and the relays of other people.
//!
//! No file is written and no FTP server takes part, so that the relay's own cost shows. Every run
//! starts all programs anew. The cost of a relay is read while its connections are still open.

mod contender;
mod crowd;
mod lab;
mod many;
mod part;

use std::path::Path;

use integration_tests::foreign::Skipped;

pub(crate) use part::{is_part, part};

use crate::compare::{self, Measure};
use crate::figures::{GIB, Spread, met, ratios, size};
use crate::plan::Plan;
use crate::process::{cpu_seconds, peak_mib};
use crate::suite::turns;
use contender::{Build, Contender};
use lab::{End, Lab};

/// How fast beside haproxy, and for how much of its CPU time, at the medians.
const SPEED: f64 = 1.0;
const CPU: f64 = 1.0;

/// One relay, and what each round has shown.
struct Row {
    contender: Contender,
    rates: Vec<f64>,
    costs: Vec<f64>,
    peaks: Vec<f64>,
}

impl Row {
    fn run(&mut self, lab: &Lab, file: &Path, bytes: u64, counts: bool) {
        let (mut sink, at) = lab.on(End::Sink, || part::sink(lab.ip(End::Sink)));
        let relay = self.contender.start(lab, at, 1);
        let before = relay.as_ref().map(|relay| cpu_seconds(relay.id));
        let to = relay.as_ref().map_or(at, |relay| relay.entrances[0]);
        let source = lab.on(End::Source, || part::source(to, file, bytes));
        let (taken, seconds) = part::taken(&mut sink);
        assert_eq!(taken, bytes, "{}: {}", self.contender.name(), source.said());
        if !counts {
            return;
        }
        let gib = bytes as f64 / GIB;
        self.rates.push(gib / seconds);
        if let (Some(relay), Some(before)) = (&relay, before) {
            self.costs.push(cpu_seconds(relay.id).since(before).over(gib).total());
            self.peaks.push(peak_mib(relay.id));
        }
    }

    fn print(&self) {
        print!("{:<18}   {}", self.contender.name(), Spread::of(&self.rates));
        if self.costs.is_empty() {
            return println!();
        }
        println!("   {}   {:17.1}", Spread::of(&self.costs), Spread::of(&self.peaks).most);
    }
}

/// Over loopback, and between hosts where that can be had; then the memory of many joins.
pub(crate) fn table(plan: &Plan, file: &Path) {
    rounds(plan, file, &Lab::loopback());
    match Lab::veth() {
        Ok(lab) => rounds(plan, file, &lab),
        Err(Skipped(reason)) => println!("relays over veth skipped: {reason}\n"),
    }
    many::table(plan.baseline.as_deref());
}

/// Many joins and user agents, an idle agent, and the hop through a hub.
pub(crate) fn crowd(plan: &Plan) {
    crowd::table(plan);
}

fn rounds(plan: &Plan, file: &Path, lab: &Lab) {
    let row = |contender| Row { contender, rates: Vec::new(), costs: Vec::new(), peaks: Vec::new() };
    let mut rows: Vec<Row> = Contender::all(plan.baseline.as_deref()).into_iter().map(row).collect();
    rows.iter_mut().for_each(|row| row.run(lab, file, plan.bytes(), false));
    for round in 0..plan.rounds {
        turns(round, rows.len()).for_each(|turn| rows[turn].run(lab, file, plan.bytes(), true));
    }
    println!("relay of {} over {}, {} rounds, median (min - max)", size(plan.bytes()), lab.name, plan.rounds);
    println!("                                GiB/s              CPU s/GiB   peak resident MiB");
    rows.iter().for_each(Row::print);
    let find = |wanted: fn(&Contender) -> bool| rows.iter().find(|row| wanted(&row.contender));
    let ours = find(|contender| matches!(contender, Contender::Agent(Build::Release)));
    match (ours, find(|contender| matches!(contender, Contender::Haproxy(_)))) {
        (Some(ours), Some(theirs)) => targets(ours, theirs),
        _ => println!("target: no haproxy to compare with\n"),
    }
    let baseline = find(|contender| matches!(contender, Contender::Agent(Build::Baseline(_))));
    if let (Some(new), Some(baseline)) = (ours, baseline) {
        compared(lab, new, baseline);
    }
}

fn targets(ours: &Row, theirs: &Row) {
    let speed = ratios(&ours.rates, &theirs.rates);
    let cost = ratios(&ours.costs, &theirs.costs);
    println!("target: {speed} times as fast as haproxy, at least {SPEED}: {}", met(speed.median >= SPEED));
    println!("target: {cost} of its CPU time, at most {CPU}: {}\n", met(cost.median <= CPU));
}

fn compared(lab: &Lab, new: &Row, baseline: &Row) {
    compare::table(
        &format!("relay over {}", lab.name),
        &[
            Measure { name: "GiB/s", new: &new.rates, baseline: &baseline.rates },
            Measure { name: "CPU s/GiB of the relay", new: &new.costs, baseline: &baseline.costs },
            Measure { name: "peak resident MiB of the relay", new: &new.peaks, baseline: &baseline.peaks },
        ],
    );
}
