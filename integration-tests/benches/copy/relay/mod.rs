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

pub(crate) use part::{is_part, part};

use crate::figures::GIB;
use crate::plan::Plan;
use crate::process::{cpu_seconds, peak_mib};
use crate::report::Report;
use crate::suite::turns;
use contender::Contender;
use lab::{End, Lab};

/// One run: what the relay does, unless it does not count.
fn run(contender: &Contender, lab: &Lab, (file, bytes): (&Path, u64), report: Option<&mut Report>) {
    let (mut sink, at) = lab.on(End::Sink, || part::sink(lab.ip(End::Sink)));
    let relay = contender.start(lab, at, 1);
    let before = relay.as_ref().map(|relay| cpu_seconds(relay.id));
    let to = relay.as_ref().map_or(at, |relay| relay.entrances[0]);
    let source = lab.on(End::Source, || part::source(to, file, bytes));
    let (taken, seconds) = part::taken(&mut sink);
    assert_eq!(taken, bytes, "{}: {}", contender.name(), source.said());
    let Some(report) = report else { return };
    let (work, name, gib) = (format!("relay over {}", lab.name), contender.name(), bytes as f64 / GIB);
    report.add(&work, "GiB/s", name, gib / seconds);
    if let (Some(relay), Some(before)) = (&relay, before) {
        report.add(&work, "CPU s/GiB", name, cpu_seconds(relay.id).since(before).over(gib).total());
        report.add(&work, "MiB resident", name, peak_mib(relay.id));
    }
}

/// Over loopback, and between hosts where that can be had; then the memory of many joins.
pub(crate) fn table(plan: &Plan, file: &Path, report: &mut Report) {
    let all = Contender::all(plan.baseline.as_deref(), report);
    rounds(plan, file, &Lab::loopback(), &all, report);
    if let Some(lab) = report.found("relays over veth", Lab::veth()) {
        rounds(plan, file, &lab, &all, report);
    }
    many::table(plan, all, report);
}

/// Many joins and user agents, an idle agent, and the hop through a hub.
pub(crate) fn crowd(plan: &Plan, report: &mut Report) {
    crowd::table(plan, report);
}

fn rounds(plan: &Plan, file: &Path, lab: &Lab, all: &[Contender], report: &mut Report) {
    let sent = (file, plan.bytes());
    all.iter().for_each(|contender| run(contender, lab, sent, None));
    for round in 0..plan.rounds {
        turns(round, all.len()).for_each(|turn| run(&all[turn], lab, sent, Some(&mut *report)));
    }
}
