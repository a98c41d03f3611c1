//! `move` beside `copy` and a DELE for each file, which a client sends as fast as the source takes them: what it costs to look
//! again before a source goes. And how many commands jobs send that delete nothing.

mod commands;

use std::fs;
use std::path::Path;
use std::time::Instant;

use integration_tests::site::{Server, sample};
use integration_tests::trace;
use integration_tests::user::Run;

use crate::client::Client;
use crate::compare::{self, Measure};
use crate::figures::{Spread, met, ratios};
use crate::plan::Plan;
use crate::suite::{Suite, turns};

/// The target: times the seconds of a copy and its DELEs, where a sync costs nothing.
const SLOWER: f64 = 1.1;
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
            Self { name: "large files", paths: flat(LARGE), length: large },
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

/// What every round has shown of one build, in seconds.
#[derive(Default)]
struct Row {
    moves: Vec<f64>,
    /// Copies with their DELEs.
    copies: Vec<f64>,
    /// The DELEs alone.
    deletions: Vec<f64>,
}

impl Row {
    fn moved(&mut self, shape: &Shape, suite: &Suite) {
        shape.fill(&suite.servers[0]);
        let start = Instant::now();
        drop(run(suite, "move", &[]));
        self.moves.push(start.elapsed().as_secs_f64());
        shape.clear(&suite.servers);
    }

    fn copied(&mut self, shape: &Shape, suite: &Suite) {
        let source = &suite.servers[0];
        shape.fill(source);
        let start = Instant::now();
        drop(run(suite, "copy", &[]));
        let copied = start.elapsed().as_secs_f64();
        let mut client = Client::login(&source.into());
        client.ask_all(shape.paths.iter().map(|path| format!("DELE {TREE}/{path}")), "250");
        client.ask("QUIT", "221");
        let all = start.elapsed().as_secs_f64();
        self.copies.push(all);
        self.deletions.push(all - copied);
        shape.clear(&suite.servers);
    }
}

fn run(suite: &Suite, verb: &str, options: &[&str]) -> Run {
    let [from, to] = suite.servers.each_ref().map(|server| server.url(TREE));
    let user = suite.user().args(options).args(["-q", verb, "-r", "--path", "direct"]);
    user.args([from, to]).run().exits(0)
}

pub(crate) fn table(plan: &Plan, suites: &[Suite]) {
    for shape in Shape::all(plan) {
        let mut rows: Vec<Row> = suites.iter().map(|_| Row::default()).collect();
        for round in 0..=plan.rounds {
            for turn in turns(round, suites.len() * 2) {
                let (row, suite) = (&mut rows[turn / 2], &suites[turn / 2]);
                if turn % 2 == 0 { row.moved(&shape, suite) } else { row.copied(&shape, suite) }
            }
            if round == 0 {
                rows.iter_mut().for_each(|row| *row = Row::default());
            }
        }
        shown(&shape, &rows);
        println!("{}\n", synced(&shape, &suites[0]));
    }
    commands::table(plan, suites);
}

fn shown(shape: &Shape, rows: &[Row]) {
    println!(
        "{} {} of {} KiB: seconds, median (min - max)",
        shape.paths.len(),
        shape.name,
        shape.length / 1024
    );
    let Row { moves, copies, deletions } = &rows[0];
    for (name, seconds) in [("move", moves), ("copy and DELEs", copies), ("  of it the DELEs", deletions)] {
        println!("{name:<20}   {}", Spread::of(seconds));
    }
    let ratio = ratios(moves, copies);
    println!(
        "target: {ratio} times the time of copy and DELEs, at most {SLOWER} where a sync costs nothing: {}",
        met(ratio.median <= SLOWER)
    );
    if let [new, baseline] = rows {
        let measure = Measure { name: "seconds", new: &new.moves, baseline: &baseline.moves };
        compare::table("move", &[measure]);
    }
}

/// How long the destination was asked for stable storage in one more move.
fn synced(shape: &Shape, suite: &Suite) -> String {
    shape.fill(&suite.servers[0]);
    let start = Instant::now();
    let traced = run(suite, "move", &["--trace", "trace.txt"]);
    let seconds = start.elapsed().as_secs_f64();
    shape.clear(&suite.servers);
    let text = String::from_utf8(traced.bytes("trace.txt")).unwrap();
    let syncs = trace::waited(&text, trace::DESTINATION, "SITE SYNC", "Everything is on stable storage");
    let waited: f64 = syncs.iter().map(std::time::Duration::as_secs_f64).sum();
    format!(
        "one more move with a trace: {seconds:.2} s, of it {waited:.2} s in {} times SITE SYNC",
        syncs.len()
    )
}
