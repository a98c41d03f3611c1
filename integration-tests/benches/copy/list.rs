//! Each server lists a large directory for a client that reads as fast as it can.

use std::fs::{self, File};
use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ftp_proto::dialect::Dialect;
use integration_tests::site::Server;
use integration_tests::socket;

use crate::compare::{self, Measure};
use crate::figures::{Spread, met};
use crate::plan::Plan;
use crate::process::{cpu_seconds, forget_peak, peak_mib};
use crate::suite::{ENDS, Suite, turns};

const MANY: &str = "many";
/// What each server may have resident, in MiB.
const MEMORY: f64 = 24.0;

/// What every round has shown: milliseconds, seconds of processor time, and MiB.
#[derive(Default)]
struct Row {
    firsts: Vec<f64>,
    totals: Vec<f64>,
    costs: Vec<f64>,
    peaks: Vec<f64>,
}

pub(crate) fn table(plan: &Plan, suites: &[Suite]) {
    println!("MLSD of {} entries   first byte ms   total ms   peak resident MiB", plan.entries);
    let mut small = true;
    let mut all = Vec::new();
    for (end, name) in ENDS.into_iter().enumerate() {
        let directory = suites[0].servers[end].path(MANY);
        fs::create_dir(&directory).unwrap();
        for number in 0..plan.entries {
            File::create(directory.join(format!("an-entry-with-a-usual-name-{number:06}.txt"))).unwrap();
        }
        let mut rows: Vec<Row> = suites.iter().map(|_| Row::default()).collect();
        for round in 0..plan.rounds {
            turns(round, suites.len()).for_each(|turn| rows[turn].run(plan, &suites[turn].servers[end]));
        }
        fs::remove_dir_all(directory).unwrap();
        let [first, total, peak] =
            [&rows[0].firsts, &rows[0].totals, &rows[0].peaks].map(|all| Spread::of(all));
        small &= peak.most < MEMORY;
        println!("{name:<22}   {:13.1}   {:8.0}   {:17.1}", first.median, total.median, peak.most);
        all.push(rows);
    }
    println!("target: each below {MEMORY} MiB: {}\n", met(small));
    for (name, rows) in ENDS.into_iter().zip(&all) {
        if let [new, baseline] = &rows[..] {
            compared(name, new, baseline);
        }
    }
}

impl Row {
    fn run(&mut self, plan: &Plan, server: &Server) {
        let mut control = server.login(Dialect::Rfc959);
        let id = server.running.id();
        forget_peak(id);
        let before = cpu_seconds(id);
        let port = control.ask("EPSV", "229").port();
        let start = Instant::now();
        let mut data = socket::connect(control_host(), (server.ip(), port).into());
        control.ask(&format!("MLSD {MANY}"), "150");
        let (mut first, mut lines, mut piece) = (None, 0, vec![0; 1 << 16]);
        while let Ok(read @ 1..) = data.read(&mut piece) {
            first.get_or_insert_with(|| start.elapsed());
            lines += piece[..read].iter().filter(|byte| **byte == b'\n').count();
        }
        let total = start.elapsed();
        drop(data);
        control.expect("226");
        assert!(lines >= plan.entries, "{lines} lines");
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        self.firsts.push(ms(first.unwrap()));
        self.totals.push(ms(total));
        self.costs.push(cpu_seconds(id).since(before).total());
        self.peaks.push(peak_mib(id));
    }
}

fn compared(name: &str, new: &Row, baseline: &Row) {
    compare::table(
        &format!("listing, {name}"),
        &[
            Measure { name: "first byte, ms", new: &new.firsts, baseline: &baseline.firsts },
            Measure { name: "total, ms", new: &new.totals, baseline: &baseline.totals },
            Measure { name: "CPU s", new: &new.costs, baseline: &baseline.costs },
            Measure { name: "peak resident MiB", new: &new.peaks, baseline: &baseline.peaks },
        ],
    );
}

/// The server refuses the data connection of a listing unless it comes from the client's own host.
fn control_host() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}
