//! Listings of a large directory by every server: the first byte, the whole, and the memory that it takes.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use integration_tests::foreign::Kind;

use crate::client::Client;
use crate::contender::{CROWD, Contender, Purpose};
use crate::figures::{Spread, met};
use crate::plan::Plan;
use crate::process::{forget_peak, peak_mib, resident_mib};
use crate::suite::turns;

const MANY: &str = "many";
/// The targets: milliseconds to the first byte, times the best peer's whole time, MiB more than before.
const FIRST: f64 = 10.0;
const TOTAL: f64 = 1.0;
const GROWTH: f64 = 2.0;

/// Milliseconds to the first and the last byte, and how much the memory of all processes has grown at
/// its peak, in MiB.
#[derive(Default)]
struct Row {
    firsts: Vec<f64>,
    totals: Vec<f64>,
    growths: Vec<f64>,
}

impl Row {
    /// Lists once, if the server knows the command.
    fn run(&mut self, plan: &Plan, server: &Contender, verb: &str) {
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
        self.firsts.push(first.unwrap().as_secs_f64() * 1000.0);
        self.totals.push(total.as_secs_f64() * 1000.0);
        self.growths.push(peak - before);
    }
}

pub(crate) fn table(plan: &Plan, place: &Path) {
    let kinds = &[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib];
    let purpose = Purpose { kinds, tls: false, args: CROWD };
    let servers = Contender::all(plan, place, purpose, &|root| {
        std::fs::create_dir(root.join(MANY)).unwrap();
        for number in 0..plan.entries {
            File::create(root.join(format!("{MANY}/an-entry-with-a-usual-name-{number:06}.txt"))).unwrap();
        }
    });
    for verb in ["LIST", "MLSD"] {
        let mut rows: Vec<Row> = servers.iter().map(|_| Row::default()).collect();
        for round in 0..plan.rounds {
            turns(round, servers.len()).for_each(|turn| rows[turn].run(plan, &servers[turn], verb));
        }
        println!("{verb} of {:<8}   first byte ms   total ms   peak growth MiB", plan.entries);
        let medians = |row: &Row| [&row.firsts, &row.totals, &row.growths].map(|all| Spread::of(all).median);
        let listed = || servers.iter().zip(&rows).filter(|(_, row)| !row.totals.is_empty());
        for (server, row) in listed() {
            let [first, total, growth] = medians(row);
            println!("{:<16}   {first:13.1}   {total:8.0}   {growth:15.1}", server.name);
        }
        let peers = listed().filter(|(server, _)| !matches!(server.name, "ftp-server" | "baseline"));
        let best = peers.map(|(_, row)| medians(row)[1]).min_by(f64::total_cmp);
        let [first, total, growth] = medians(&rows[0]);
        println!("target: first byte at most {FIRST} ms: {}", met(first <= FIRST));
        if let Some(best) = best {
            let ratio = total / best;
            println!("target: {ratio:.2} of the best peer's time, at most {TOTAL}: {}", met(ratio <= TOTAL));
        }
        println!("target: at most {GROWTH} MiB more: {}\n", met(growth <= GROWTH));
    }
}
