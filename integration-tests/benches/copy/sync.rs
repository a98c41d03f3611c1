//! A dry run of `sync` over two large trees that are equal but for a few files.

use std::fs::{self, File};
use std::io::Write;

use crate::figures::{Spread, met};
use crate::plan::Plan;
use crate::suite::{Suite, measured};

const TREE: &str = "tree";
/// How many files a directory has.
const TOGETHER: usize = 1000;
/// The targets: seconds, and MiB resident.
const SECONDS: f64 = 5.0;
const MEMORY: f64 = 200.0;

pub(crate) fn table(plan: &Plan, suite: &Suite) {
    let [from, to] = suite.servers.each_ref().map(|server| server.path(TREE));
    for number in 0..plan.entries {
        let name = format!("{:04}/an-entry-with-a-usual-name-{number:07}.txt", number / TOGETHER);
        if number % TOGETHER == 0 {
            for tree in [&from, &to] {
                fs::create_dir_all(tree.join(&name).parent().unwrap()).unwrap();
            }
        }
        File::create(from.join(&name)).unwrap().write_all(b"some").unwrap();
        // One file with two names has one time. One in a thousand is missing.
        if number % TOGETHER != 7 {
            fs::hard_link(from.join(&name), to.join(&name)).unwrap();
        }
    }
    let (mut times, mut peaks, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=plan.rounds {
        let [source, destination] = suite.servers.each_ref().map(|server| server.url(TREE));
        let words = ["sync", "--json", "--dry-run", "--delete", &source, &destination];
        let taken = measured(suite.user().args(words));
        let missing = plan.entries.div_ceil(TOGETHER);
        assert_eq!(taken.run.events("plan").len(), missing, "{}", taken.run);
        assert_eq!(taken.run.summary()["skipped"], plan.entries - missing, "{}", taken.run);
        if round > 0 {
            times.push(taken.seconds);
            peaks.push(taken.peak);
            costs.push(taken.cost.total());
        }
    }
    for tree in [from, to] {
        fs::remove_dir_all(tree).unwrap();
    }
    let [time, peak, cost] = [&times, &peaks, &costs].map(|all| Spread::of(all));
    println!("dry run of sync, {} entries a side   seconds   CPU s   peak resident MiB", plan.entries);
    println!("ftp-user {:>38.2}   {:5.2}   {:17.1}", time.median, cost.median, peak.most);
    let is_met = met(time.median < SECONDS && peak.most < MEMORY);
    println!("target for 100000 entries: below {SECONDS} s and {MEMORY} MiB: {is_met}\n");
}
