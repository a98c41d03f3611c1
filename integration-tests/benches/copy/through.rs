//! The same file through the host of the user agent, the last path of its ladder, beside rclone, which
//! has no other path between two FTP servers. Both compare sizes only.

use std::fs;
use std::time::Instant;

use integration_tests::foreign::{Desk, Skipped, Tool};
use integration_tests::site::{PASSWORD, Server, USER};

use crate::compare::{self, Measure};
use crate::figures::{GIB, Spread, met};
use crate::plan::{FILE, Plan};
use crate::process::{Cost, cpu_seconds_of_children};
use crate::suite::{Suite, copied, turns};

/// The targets: how much faster than rclone, and for how much of its CPU time.
const SPEED: f64 = 1.3;
const CPU: f64 = 0.5;

/// What every round has shown of one program.
struct Row {
    name: &'static str,
    rates: Vec<f64>,
    /// For one GiB.
    costs: Vec<f64>,
    peaks: Vec<f64>,
}

impl Row {
    const fn new(name: &'static str) -> Self {
        Self { name, rates: Vec::new(), costs: Vec::new(), peaks: Vec::new() }
    }

    fn add(&mut self, plan: &Plan, seconds: f64, cost: Cost) {
        let gib = plan.bytes() as f64 / GIB;
        self.rates.push(gib / seconds);
        self.costs.push(cost.over(gib).total());
    }

    fn copy(&mut self, plan: &Plan, suite: &Suite) {
        let [source, destination] = &suite.servers;
        let to = (destination.url(FILE), destination.path(FILE));
        let taken = copied(plan, suite.user(), "user", &source.url(FILE), (&to.0, &to.1), "size");
        self.add(plan, taken.seconds, taken.cost);
        self.peaks.push(taken.peak);
    }

    fn rate(&self) -> f64 {
        Spread::of(&self.rates).median
    }

    /// The mean of all rounds.
    fn cost(&self) -> f64 {
        self.costs.iter().sum::<f64>() / self.costs.len() as f64
    }

    fn print(&self) {
        println!("{:<22}   {:12.2}   {:9.2}", self.name, self.rate(), self.cost());
    }
}

/// All programs in turn; without rclone, only ours.
pub(crate) fn table(plan: &Plan, suites: &[Suite]) {
    let rclone = Rclone::find();
    let mut rows: Vec<Row> = suites.iter().map(|_| Row::new("ftp-user")).collect();
    let mut theirs = Row::new("rclone");
    for round in 0..plan.rounds {
        for turn in turns(round, suites.len() + 1) {
            match (suites.get(turn), &rclone) {
                (Some(suite), _) => rows[turn].copy(plan, suite),
                (None, Ok(rclone)) => rclone.copy(plan, &suites[0].servers, &mut theirs),
                (None, Err(_)) => {}
            }
        }
    }
    println!("through the agent        median GiB/s   CPU s/GiB of the agent");
    rows[0].print();
    match rclone {
        Ok(_) => {
            theirs.print();
            let (speed, cost) = (rows[0].rate() / theirs.rate(), rows[0].cost() / theirs.cost());
            println!("target: {speed:.2} times as fast, at least {SPEED}: {}", met(speed >= SPEED));
            println!("target: {cost:.2} of its CPU time, at most {CPU}: {}\n", met(cost <= CPU));
        }
        Err(Skipped(reason)) => println!("rclone                   skipped: {reason}\n"),
    }
    if let [new, baseline] = &rows[..] {
        compare::table(
            "through the agent",
            &[
                Measure { name: "GiB/s", new: &new.rates, baseline: &baseline.rates },
                Measure { name: "CPU s/GiB of the agent", new: &new.costs, baseline: &baseline.costs },
                Measure {
                    name: "peak resident MiB of the agent",
                    new: &new.peaks,
                    baseline: &baseline.peaks,
                },
            ],
        );
    }
}

struct Rclone {
    tool: Tool,
    desk: Desk,
    password: String,
}

impl Rclone {
    fn find() -> Result<Self, Skipped> {
        let tool = Tool::debian("rclone", &["rclone"], "bin/rclone")?;
        let desk = Desk::new();
        let password = desk.run(&tool, &["obscure", PASSWORD]).trim().to_owned();
        Ok(Self { tool, desk, password })
    }

    /// Copies once, and deletes what it has made.
    fn copy(&self, plan: &Plan, servers: &[Server; 2], row: &mut Row) {
        let [from, to] = servers.each_ref().map(|server| {
            let at = server.address(ftp_proto::dialect::Dialect::Rfc959);
            format!(":ftp,host={},port={},user={USER},pass={}:{FILE}", at.ip(), at.port(), self.password)
        });
        let (start, before) = (Instant::now(), cpu_seconds_of_children());
        self.desk.run(&self.tool, &["--config", "", "--retries", "1", "copyto", &from, &to]);
        row.add(plan, start.elapsed().as_secs_f64(), cpu_seconds_of_children().since(before));
        let copy = servers[1].path(FILE);
        assert_eq!(fs::metadata(&copy).unwrap().len(), plan.bytes());
        fs::remove_file(copy).unwrap();
    }
}
