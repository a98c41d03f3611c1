//! Listings of a large directory by every server: the first byte, the whole, and the memory that it takes.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use integration_tests::foreign::Kind;

use crate::client::Client;
use crate::contender::{CROWD, Contender, KINDS, Purpose};
use crate::plan::Plan;
use crate::process::{forget_peak, peak_mib, resident_mib};
use crate::report::Report;
use crate::suite::turns;

const MANY: &str = "many";
/// Lists once, if the server knows the command.
fn list(plan: &Plan, server: &Contender, verb: &str, report: &mut Report) {
    let mut client = Client::login(&server.door());
    if verb == "MLSD" && server.name == Kind::Vsftpd.name() {
        return;
    }
    let ids = server.ids();
    let before: f64 = ids.iter().map(|id| resident_mib(*id)).sum();
    ids.iter().for_each(|id| forget_peak(*id));
    let mut data = client.passive();
    let start = Instant::now();
    client.ask(&format!("{verb} {}", server.named(MANY)), "1");
    let (mut first, mut lines, mut piece) = (None, 0, vec![0; 1 << 16]);
    while let read @ 1.. = data.read(&mut piece).unwrap() {
        first.get_or_insert_with(|| start.elapsed());
        lines += piece[..read].iter().filter(|byte| **byte == b'\n').count();
    }
    let total = start.elapsed();
    drop(data);
    client.expect("226");
    let peak: f64 = ids.iter().map(|id| peak_mib(*id)).sum();
    client.ask("QUIT", "221");
    assert!(lines >= plan.entries, "{}: {lines} lines", server.name);
    let mut add = |name: String, unit, value| report.add(&name, unit, server.name, value);
    add(format!("first byte of {verb}"), "ms", first.unwrap().as_secs_f64() * 1000.0);
    add(format!("all of {verb}"), "ms", total.as_secs_f64() * 1000.0);
    add(format!("memory more for {verb}"), "MiB", peak - before);
}

pub(crate) fn table(plan: &Plan, place: &Path, report: &mut Report) {
    let purpose = Purpose { kinds: &KINDS, tls: false, args: CROWD };
    let fill = |root: &Path| {
        std::fs::create_dir(root.join(MANY)).unwrap();
        for number in 0..plan.entries {
            File::create(root.join(format!("{MANY}/an-entry-with-a-usual-name-{number:06}.txt"))).unwrap();
        }
    };
    let servers = Contender::all(plan, place, purpose, &fill, report);
    for verb in ["LIST", "MLSD"] {
        for round in 0..plan.rounds {
            turns(round, servers.len()).for_each(|turn| list(plan, &servers[turn], verb, report));
        }
    }
}
