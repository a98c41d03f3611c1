//! The same file through the user agent, the last rung of its ladder, beside rclone, which knows no
//! other way between two FTP servers. Both compare sizes only.

use std::fs;
use std::time::Instant;

use integration_tests::foreign::{Desk, Skipped, Tool};
use integration_tests::site::{PASSWORD, Server, USER};
use integration_tests::user::user;

use crate::process::{Cost, cpu_seconds_of_children};
use crate::{FILE, GIB, Plan, met};

/// How much faster than rclone, and for how much of its CPU time.
const SPEED: f64 = 1.3;
const CPU: f64 = 0.5;

/// What one program needed for all rounds.
struct Row {
    name: &'static str,
    gib: f64,
    seconds: Vec<f64>,
    cost: Cost,
}

impl Row {
    fn new(name: &'static str, plan: &Plan) -> Self {
        Self { name, gib: plan.bytes() as f64 / GIB, seconds: Vec::new(), cost: Cost::default() }
    }

    /// Runs `copy` once, and deletes what it has made.
    fn run(&mut self, plan: &Plan, destination: &Server, copy: impl FnOnce()) {
        let (start, before) = (Instant::now(), cpu_seconds_of_children());
        copy();
        self.seconds.push(start.elapsed().as_secs_f64());
        self.cost.add(cpu_seconds_of_children().since(before));
        let copy = destination.path(FILE);
        assert_eq!(fs::metadata(&copy).unwrap().len(), plan.bytes());
        fs::remove_file(copy).unwrap();
    }

    fn rate(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        self.gib / seconds[seconds.len() / 2]
    }

    fn cost(&self) -> f64 {
        self.cost.over(self.gib * self.seconds.len() as f64).total()
    }

    fn print(&self) {
        println!("{:<22}   {:12.2}   {:9.2}", self.name, self.rate(), self.cost());
    }
}

/// Both programs in turn, or ours alone where the other one cannot be had.
pub(crate) fn table(plan: &Plan, [source, destination]: &[Server; 2]) {
    let rclone = Rclone::find();
    let mut ours = Row::new("ftp-user", plan);
    let mut theirs = Row::new("rclone", plan);
    for _ in 0..plan.rounds {
        ours.run(plan, destination, || {
            let run = user().args(["copy", "--json", "--path", "user", "--verify", "size"]);
            let summary = run.args([source.url(FILE), destination.url(FILE)]).run().exits(0).summary();
            assert_eq!(summary["path"], "user", "{summary}");
        });
        if let Ok(rclone) = &rclone {
            theirs.run(plan, destination, || rclone.copy(source, destination));
        }
    }
    println!("through the agent        median GiB/s   CPU s/GiB of the agent");
    ours.print();
    match rclone {
        Ok(_) => {
            theirs.print();
            let (speed, cost) = (ours.rate() / theirs.rate(), ours.cost() / theirs.cost());
            println!("target: {speed:.2} times as fast, at least {SPEED}: {}", met(speed >= SPEED));
            println!("target: {cost:.2} of its CPU time, at most {CPU}: {}\n", met(cost <= CPU));
        }
        Err(Skipped(reason)) => println!("rclone                   skipped: {reason}\n"),
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

    fn copy(&self, source: &Server, destination: &Server) {
        let [from, to] = [source, destination].map(|server| {
            let at = server.address(ftp_proto::dialect::Dialect::Rfc959);
            format!(":ftp,host={},port={},user={USER},pass={}:{FILE}", at.ip(), at.port(), self.password)
        });
        self.desk.run(&self.tool, &["--config", "", "--retries", "1", "copyto", &from, &to]);
    }
}
