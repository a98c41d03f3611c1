//! How many commands jobs send to both servers, and how often they wait for replies before they send more: what `move` and
//! `sync --delete` look at again costs nothing where nothing is deleted and no session is lost.

use std::fs;

use integration_tests::performance::USER;
use integration_tests::trace::{DESTINATION, SOURCE, commands, turns};

use crate::plan::Plan;
use crate::report::Report;
use crate::suite::{ENDS, Suite};

/// How many files a directory has.
const TOGETHER: usize = 1000;
/// Runs of a copy in one round.
const COPIES: usize = 8;
const FILE: &str = "one.bin";
const TREE: &str = "few";
const EQUAL: &str = "equal";

/// A job: its words before the two places, where the source is, and where the destination.
struct Job {
    name: &'static str,
    words: &'static [&'static str],
    places: [&'static str; 2],
    /// Whether it makes the second place.
    makes: bool,
    /// Whether each server has one session.
    is_single: bool,
}

const JOBS: [Job; 3] = [
    Job { name: "copy of a file", words: &["copy"], places: [FILE, "new.bin"], makes: true, is_single: true },
    Job {
        name: "copy of 12 files",
        words: &["copy", "-r", "-j", "1"],
        places: [TREE, "new"],
        makes: true,
        is_single: false,
    },
    Job {
        name: "sync of equal trees",
        words: &["sync", "--delete"],
        places: [EQUAL, EQUAL],
        makes: false,
        is_single: false,
    },
];

/// What a job takes, at the source and at the destination.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Count {
    commands: [usize; 2],
    turns: [usize; 2],
}

impl Count {
    fn of(job: &Job, suite: &Suite) -> Self {
        let [source, destination] = &suite.servers;
        let user = suite.user().args(["-q", "--trace", "trace.txt"]).args(job.words);
        let run = user.args([source.url(job.places[0]), destination.url(job.places[1])]).run().exits(0);
        if job.makes {
            let made = destination.path(job.places[1]);
            drop(fs::remove_file(&made).or_else(|_| fs::remove_dir_all(&made)));
        }
        let text = String::from_utf8(run.bytes("trace.txt")).unwrap();
        let columns = [SOURCE, DESTINATION];
        Self {
            commands: columns.map(|column| commands(&text, column).count()),
            turns: columns.map(|column| turns(&text, column)),
        }
    }

    /// The smaller number of each. A busy machine can let a command wait although it needs no reply.
    fn least(self, other: Self) -> Self {
        let least = |ours: [usize; 2], theirs: [usize; 2]| [0, 1].map(|end| ours[end].min(theirs[end]));
        Self { commands: least(self.commands, other.commands), turns: least(self.turns, other.turns) }
    }
}

pub(super) fn table(plan: &Plan, suites: &[Suite], report: &mut Report) {
    fill(plan, &suites[0]);
    for job in &JOBS {
        for suite in suites {
            let runs = if job.makes { plan.rounds * COPIES } else { plan.rounds };
            let least = (0..runs).map(|_| Count::of(job, suite)).reduce(Count::least).unwrap();
            for (end, name) in ENDS.iter().enumerate() {
                let mut add = |unit, count: usize| {
                    report.add(&format!("{}, {name}", job.name), unit, suite.contender(USER), count as f64);
                };
                add("commands", least.commands[end]);
                // The turns of several sessions vary with what happens to be heard first.
                if job.is_single {
                    add("turns", least.turns[end]);
                }
            }
        }
    }
    for (server, place) in [(0, EQUAL), (1, EQUAL), (0, TREE)] {
        fs::remove_dir_all(suites[0].servers[server].path(place)).unwrap();
    }
    fs::remove_file(suites[0].servers[0].path(FILE)).unwrap();
}

/// Makes a file, a small tree, and two equal trees of empty files.
fn fill(plan: &Plan, suite: &Suite) {
    let [source, destination] = &suite.servers;
    fs::write(source.path(FILE), [7; 1024]).unwrap();
    for number in 0..12 {
        let directory = source.path(&format!("{TREE}/{}", number % 3));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{number}.bin")), [7; 1024]).unwrap();
    }
    for number in 0..plan.entries {
        let path = format!("{EQUAL}/{:04}/an-entry-with-a-usual-name-{number:07}.txt", number / TOGETHER);
        let [from, to] = [source.path(&path), destination.path(&path)];
        if number % TOGETHER == 0 {
            for file in [&from, &to] {
                fs::create_dir_all(file.parent().unwrap()).unwrap();
            }
        }
        fs::write(&from, "some").unwrap();
        // One file with two names has one time.
        fs::hard_link(from, to).unwrap();
    }
}
