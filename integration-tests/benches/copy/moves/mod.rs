//! `move` beside `copy` and a DELE for each file, which a client sends as fast as the source takes them: what it costs to look
//! again before a source goes. And how many commands jobs send that delete nothing.

mod commands;

use std::fs;
use std::path::Path;
use std::time::Instant;

use integration_tests::performance::USER;
use integration_tests::site::{Server, sample};
use integration_tests::trace;
use integration_tests::user::Run;

use crate::client::Client;
use crate::plan::Plan;
use crate::report::Report;
use crate::suite::{Suite, turns};

/// Large files, which have the size of the large file together.
const LARGE: usize = 20;
/// Files of one directory of a tree.
const TOGETHER: usize = 100;
const SMALL: usize = 4096;

/// The place at both servers.
const TREE: &str = "moved";

/// What is moved: files of one length.
struct Shape {
    name: &'static str,
    paths: Vec<String>,
    length: usize,
}

impl Shape {
    fn all(plan: &Plan) -> [Self; 3] {
        let count = plan.trees.iter().copied().max().unwrap_or_default();
        let flat = |count: usize| (0..count).map(|file| format!("{file:05}.bin")).collect();
        let branched = (0..count).map(|file| format!("{:03}/{file:05}.bin", file / TOGETHER)).collect();
        let large = usize::try_from(plan.bytes()).unwrap() / LARGE;
        [
            Self { name: "files in one directory", paths: flat(count), length: SMALL },
            Self { name: "files in directories of 100", paths: branched, length: SMALL },
            Self { name: "20 large files", paths: flat(LARGE), length: large },
        ]
    }

    /// Makes all files at the source, where nothing is.
    fn fill(&self, source: &Server) {
        let (root, content) = (source.path(TREE), sample(self.length));
        let mut last = None;
        for path in &self.paths {
            let path = root.join(path);
            if last.as_deref() != path.parent() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                last = path.parent().map(Path::to_owned);
            }
            fs::write(path, &content).unwrap();
        }
    }

    /// All files are at the destination, and none is at the source. Removes them.
    fn clear(&self, [source, destination]: &[Server; 2]) {
        for path in &self.paths {
            assert!(!source.path(TREE).join(path).exists(), "{path} was not deleted");
            let copy = fs::metadata(destination.path(TREE).join(path)).unwrap();
            assert_eq!(copy.len(), self.length as u64, "{path}");
        }
        drop(fs::remove_dir_all(source.path(TREE)));
        fs::remove_dir_all(destination.path(TREE)).unwrap();
    }
}

/// What one command took, in seconds.
fn moved(shape: &Shape, suite: &Suite) -> f64 {
    shape.fill(&suite.servers[0]);
    let start = Instant::now();
    drop(run(suite, "move", &[]));
    let seconds = start.elapsed().as_secs_f64();
    shape.clear(&suite.servers);
    seconds
}

/// A copy and the DELEs of its sources: what both took and what the DELEs took, in seconds.
fn copied(shape: &Shape, suite: &Suite) -> [f64; 2] {
    let source = &suite.servers[0];
    shape.fill(source);
    let start = Instant::now();
    drop(run(suite, "copy", &[]));
    let copied = start.elapsed().as_secs_f64();
    let mut client = Client::login(&source.into());
    client.ask_all(shape.paths.iter().map(|path| format!("DELE {TREE}/{path}")), "250");
    client.ask("QUIT", "221");
    let all = start.elapsed().as_secs_f64();
    shape.clear(&suite.servers);
    [all, all - copied]
}

fn run(suite: &Suite, verb: &str, options: &[&str]) -> Run {
    let [from, to] = suite.servers.each_ref().map(|server| server.url(TREE));
    let user = suite.user().args(options).args(["-q", verb, "-r", "--path", "direct"]);
    user.args([from, to]).run().exits(0)
}

pub(crate) fn table(plan: &Plan, suites: &[Suite], report: &mut Report) {
    for shape in Shape::all(plan) {
        let work = format!("move, {}", shape.name);
        for round in 0..=plan.rounds {
            for turn in turns(round, suites.len() * 2) {
                let suite = &suites[turn / 2];
                let seconds = if turn % 2 == 0 { [moved(&shape, suite), 0.0] } else { copied(&shape, suite) };
                // The first round does not count; the copy of the baseline is none of ours.
                match (turn, round > 0) {
                    (_, false) | (3.., true) => {}
                    (1, true) => {
                        report.add(&work, "s", "copy and DELEs", seconds[0]);
                        report.add(&format!("{work}, the DELEs alone"), "s", "copy and DELEs", seconds[1]);
                    }
                    (0 | 2, true) => report.add(&work, "s", suite.contender(USER), seconds[0]),
                }
            }
        }
        report.add(&format!("{work}, SITE SYNC in it"), "s", USER, synced(&shape, &suites[0]));
    }
    commands::table(plan, suites, report);
}

/// How long the destination was asked for stable storage in one more move.
fn synced(shape: &Shape, suite: &Suite) -> f64 {
    shape.fill(&suite.servers[0]);
    let traced = run(suite, "move", &["--trace", "trace.txt"]);
    shape.clear(&suite.servers);
    let text = String::from_utf8(traced.bytes("trace.txt")).unwrap();
    let syncs = trace::waited(&text, trace::DESTINATION, "SITE SYNC", "Everything is on stable storage");
    syncs.iter().map(std::time::Duration::as_secs_f64).sum()
}
