//! A dry run of `sync` over two large trees that are equal but for a few files.

use std::fs::{self, File};
use std::io::Write;

use integration_tests::performance::USER;

use crate::plan::Plan;
use crate::report::Report;
use crate::suite::{Suite, measured};

const TREE: &str = "tree";
/// How many files a directory has.
const TOGETHER: usize = 1000;
pub(crate) fn table(plan: &Plan, suite: &Suite, report: &mut Report) {
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
    for round in 0..=plan.rounds {
        let [source, destination] = suite.servers.each_ref().map(|server| server.url(TREE));
        let words = ["sync", "--json", "--dry-run", "--delete", &source, &destination];
        let taken = measured(suite.user().args(words));
        let missing = plan.entries.div_ceil(TOGETHER);
        assert_eq!(taken.run.events("plan").len(), missing, "{}", taken.run);
        assert_eq!(taken.run.summary()["skipped"], plan.entries - missing, "{}", taken.run);
        if round > 0 {
            report.add("dry run of sync --delete, a thousandth differs", "s", USER, taken.seconds);
            report.add("dry run of sync --delete, a thousandth differs", "CPU s", USER, taken.cost.total());
            report.add("dry run of sync --delete, resident", "MiB", USER, taken.peak);
        }
    }
    for tree in [from, to] {
        fs::remove_dir_all(tree).unwrap();
    }
}
