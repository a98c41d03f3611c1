//! Many small files from server to server: a data connection for each (MODE S), or one for all (MODE B).

use std::fs;
use std::time::Instant;

use ftp_proto::dialect::Dialect;
use integration_tests::raw::Raw;

use crate::compare::{self, Measure};
use crate::figures::{Spread, ratios};
use crate::plan::Plan;
use crate::process::cpu_seconds;
use crate::suite::{Suite, turns};

/// Files of one build in one round and mode.
const FILES: usize = 300;
const SMALL: &str = "many.bin";

/// Files in a second, and milliseconds of both servers' processors for one file, in each round.
#[derive(Default)]
struct Row {
    rates: Vec<f64>,
    costs: Vec<f64>,
}

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

impl Row {
    fn run(&mut self, suite: &Suite, mode: &str) {
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
        self.rates.push(FILES as f64 / start.elapsed().as_secs_f64());
        self.costs.push((cost() - before) * 1000.0 / FILES as f64);
        fs::remove_file(suite.servers[1].path(SMALL)).unwrap();
    }
}

pub(crate) fn table(plan: &Plan, suites: &[Suite]) {
    let small = suites[0].servers[0].path(SMALL);
    fs::write(&small, [7; 1024]).unwrap();
    let mut rows: Vec<[Row; 2]> = suites.iter().map(|_| Default::default()).collect();
    for round in 0..=plan.rounds {
        for turn in turns(round, suites.len()) {
            for (row, mode) in rows[turn].iter_mut().zip(["S", "B"]) {
                row.run(&suites[turn], mode);
            }
        }
        if round == 0 {
            rows.iter_mut().flatten().for_each(|row| *row = Row::default());
        }
    }
    fs::remove_file(small).unwrap();
    println!(
        "{FILES} files of 1 KiB from server to server, with a proof: files/s   CPU ms of both servers per file"
    );
    for ([stream, block], name) in rows.iter().zip(["", " of the baseline"]) {
        for (row, mode) in [(stream, "a connection each, MODE S"), (block, "one connection, MODE B")] {
            let [rate, cost] = [&row.rates, &row.costs].map(|all| Spread::of(all));
            println!("{:<58}{:7.0}   {:10.2}", format!("{mode}{name}"), rate.median, cost.median);
        }
        let ratio = ratios(&block.rates, &stream.rates);
        println!("ratio: min {:.2}, median {:.2}, max {:.2}\n", ratio.least, ratio.median, ratio.most);
    }
    if let [[_, new], [_, baseline]] = &rows[..] {
        let measure = Measure { name: "files/s", new: &new.rates, baseline: &baseline.rates };
        compare::table("many files in MODE B", &[measure]);
    }
}
