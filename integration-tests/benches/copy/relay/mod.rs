//! Bytes from one program to another through a relay: our agent beside what other people put there.
//!
//! No file is written and no server has a part in it, so that the relay's own cost shows. Every run
//! starts all programs anew; what a relay has spent is read while its connections still stand.

mod contender;
mod lab;
mod many;
mod part;

use std::path::Path;

use integration_tests::foreign::Skipped;

pub(crate) use part::{is_part, part};

use crate::process::{cpu_seconds, peak_mib};
use crate::{GIB, Plan, met, size};
use contender::Contender;
use lab::{End, Lab};

/// How fast beside haproxy, and for how much of its CPU time, at the medians.
const SPEED: f64 = 1.0;
const CPU: f64 = 1.0;

/// One relay, and what each round has shown.
struct Row {
    contender: Contender,
    rates: Vec<f64>,
    costs: Vec<f64>,
    peak: f64,
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
            self.peak = self.peak.max(peak_mib(relay.id));
        }
    }

    fn print(&self) {
        print!("{:<18}   {}", self.contender.name(), Spread::of(&self.rates));
        if self.costs.is_empty() {
            return println!();
        }
        println!("   {}   {:17.1}", Spread::of(&self.costs), self.peak);
    }
}

/// Over loopback, and between hosts where that can be had; then the memory of many joins.
pub(crate) fn table(plan: &Plan, file: &Path) {
    rounds(plan, file, &Lab::loopback());
    match Lab::veth() {
        Ok(lab) => rounds(plan, file, &lab),
        Err(Skipped(reason)) => println!("relays over veth skipped: {reason}\n"),
    }
    many::table();
}

fn rounds(plan: &Plan, file: &Path, lab: &Lab) {
    let row = |contender| Row { contender, rates: Vec::new(), costs: Vec::new(), peak: 0.0 };
    let mut rows: Vec<Row> = Contender::all().into_iter().map(row).collect();
    rows.iter_mut().for_each(|row| row.run(lab, file, plan.bytes(), false));
    for round in 0..plan.rounds {
        for turn in 0..rows.len() {
            let index = (round + turn) % rows.len();
            rows[index].run(lab, file, plan.bytes(), true);
        }
    }
    println!("relay of {} over {}, {} rounds, median (min - max)", size(plan.bytes()), lab.name, plan.rounds);
    println!("                                GiB/s              CPU s/GiB   peak resident MiB");
    rows.iter().for_each(Row::print);
    let find = |wanted: fn(&Contender) -> bool| rows.iter().find(|row| wanted(&row.contender));
    let ours = find(|contender| matches!(contender, Contender::Agent(_)));
    match (ours, find(|contender| matches!(contender, Contender::Haproxy(_)))) {
        (Some(ours), Some(theirs)) => {
            let speed = ratios(&ours.rates, &theirs.rates);
            let cost = ratios(&ours.costs, &theirs.costs);
            println!(
                "target: {speed} times as fast as haproxy, at least {SPEED}: {}",
                met(speed.median >= SPEED)
            );
            println!("target: {cost} of its CPU time, at most {CPU}: {}\n", met(cost.median <= CPU));
        }
        _ => println!("target: no haproxy to compare with\n"),
    }
}

/// Round by round.
fn ratios(ours: &[f64], theirs: &[f64]) -> Spread {
    let each: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Spread::of(&each)
}

/// The middle of some figures, and how far they lie apart.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { least: sorted[0], median: sorted[sorted.len() / 2], most: sorted[sorted.len() - 1] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:5.2} ({:.2} - {:.2})", self.median, self.least, self.most)
    }
}
