//! The same file through the host of the user agent, the last path of its ladder, beside rclone, which
//! has no other path between two FTP servers. Both compare sizes only.

use std::fs;
use std::time::Instant;

use integration_tests::foreign::{Desk, Skipped, Tool};
use integration_tests::performance;
use integration_tests::site::{PASSWORD, Server, USER};

use crate::plan::{FILE, Plan};
use crate::process::cpu_seconds_of_children;
use crate::report::Report;
use crate::suite::{Suite, copied, turns};

const WORK: &str = "one file through this host";

/// All programs in turn; without rclone, only ours.
pub(crate) fn table(plan: &Plan, suites: &[Suite], report: &mut Report) {
    let rclone = report.found("rclone", Rclone::find());
    for round in 0..plan.rounds {
        for turn in turns(round, suites.len() + 1) {
            match (suites.get(turn), &rclone) {
                (Some(suite), _) => {
                    let [source, destination] = &suite.servers;
                    let to = (destination.url(FILE), destination.path(FILE));
                    let from = source.url(FILE);
                    let taken = copied(plan, suite.user(), "user", &from, (&to.0, &to.1), "size");
                    let name = suite.contender(performance::USER);
                    report.moved(WORK, name, plan.bytes(), (taken.seconds, taken.cost.total()));
                    report.add(WORK, "MiB resident", name, taken.peak);
                }
                (None, Some(rclone)) => rclone.copy(plan, &suites[0].servers, report),
                (None, None) => {}
            }
        }
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
    fn copy(&self, plan: &Plan, servers: &[Server; 2], report: &mut Report) {
        let [from, to] = servers.each_ref().map(|server| {
            let at = server.address(ftp_proto::dialect::Dialect::Rfc959);
            format!(":ftp,host={},port={},user={USER},pass={}:{FILE}", at.ip(), at.port(), self.password)
        });
        let (start, before) = (Instant::now(), cpu_seconds_of_children());
        self.desk.run(&self.tool, &["--config", "", "--retries", "1", "copyto", &from, &to]);
        let seconds = start.elapsed().as_secs_f64();
        let cost = cpu_seconds_of_children().since(before).total();
        report.moved(WORK, "rclone", plan.bytes(), (seconds, cost));
        let copy = servers[1].path(FILE);
        assert_eq!(fs::metadata(&copy).unwrap().len(), plan.bytes());
        fs::remove_file(copy).unwrap();
    }
}
