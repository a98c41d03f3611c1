//! Many small files from server to server: a data connection for each (MODE S), or one for all (MODE B).

use std::fs;
use std::time::Instant;

use ftp_proto::dialect::Dialect;
use integration_tests::performance::SERVER;
use integration_tests::raw::Raw;

use crate::plan::Plan;
use crate::process::cpu_seconds;
use crate::report::Report;
use crate::suite::{Suite, turns};

/// Files of one build in one round and mode.
const FILES: usize = 300;
const SMALL: &str = "many.bin";

/// Sessions with the source and with the destination.
struct Pair([Raw; 2]);

impl Pair {
    fn new(suite: &Suite, mode: &str) -> Self {
        let mut pair = Self(suite.servers.each_ref().map(|server| server.login(Dialect::Rfc959)));
        for command in ["TYPE I", &format!("MODE {mode}")] {
            pair.both([command, command], "200");
        }
        pair
    }

    /// A command to each end, at the same time.
    fn both(&mut self, commands: [&str; 2], expect: &str) {
        for (raw, command) in self.0.iter_mut().zip(commands) {
            raw.send(command);
        }
        for raw in &mut self.0 {
            raw.expect(expect);
        }
    }

    /// The next data connection goes from the source to the destination, and proves itself.
    fn connect(&mut self) {
        let rndz = format!("RNDZ {}", "5a".repeat(32));
        self.both([&rndz, &rndz], "200");
        let [source, destination] = &mut self.0;
        let port = destination.ask("EPSV", "229").port();
        source.ask(&format!("EPRT |1|127.0.0.3|{port}|"), "200");
    }

    fn copy(&mut self) {
        let commands = [format!("RETR {SMALL}"), format!("STOR {SMALL}")];
        self.both(commands.each_ref().map(String::as_str), "150|125");
        for raw in &mut self.0 {
            raw.expect("226|250");
        }
    }
}

fn run(suite: &Suite, mode: &str, report: Option<&mut Report>) {
    let ids = suite.servers.each_ref().map(|server| server.running.id());
    let cost = || ids.iter().map(|id| cpu_seconds(*id).total()).sum::<f64>();
    let mut pair = Pair::new(suite, mode);
    pair.connect();
    let (start, before) = (Instant::now(), cost());
    for number in 0..FILES {
        if mode == "S" && number > 0 {
            pair.connect();
        }
        pair.copy();
    }
    let (seconds, spent) = (start.elapsed().as_secs_f64(), (cost() - before) * 1000.0 / FILES as f64);
    fs::remove_file(suite.servers[1].path(SMALL)).unwrap();
    if let Some(report) = report {
        let work = format!("{FILES} x 1 KiB with a proof, MODE {mode}");
        let name = suite.contender(SERVER);
        report.add(&work, "files/s", name, FILES as f64 / seconds);
        report.add(&format!("{work}, both servers, each file"), "CPU ms", name, spent);
    }
}

pub(crate) fn table(plan: &Plan, suites: &[Suite], report: &mut Report) {
    let small = suites[0].servers[0].path(SMALL);
    fs::write(&small, [7; 1024]).unwrap();
    for round in 0..=plan.rounds {
        for turn in turns(round, suites.len()) {
            for mode in ["S", "B"] {
                // The first round does not count.
                run(&suites[turn], mode, (round > 0).then_some(&mut *report));
            }
        }
    }
    fs::remove_file(small).unwrap();
}
