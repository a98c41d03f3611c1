//! Measures how fast a file goes from one server to another, beside the fastest that the machine can do,
//! and what it costs: `cargo bench -p integration-tests`.
//!
//! Each part runs in interleaved rounds, because machines are noisy and only the ratio within one round
//! means something. With `FTP_BENCH_BASELINE`, every part but `peers` also runs with the programs in that
//! directory (an earlier release build) and prints the ratio of this build to it.
//!
//! | environment | meaning | default |
//! |---|---|---|
//! | `FTP_BENCH_MIB` | size of the file, and of all large files of `move` | 2048 |
//! | `FTP_BENCH_ROUNDS` | rounds that count, after one that does not | 5 |
//! | `FTP_BENCH_PARTS` | which of `limit`, `start`, `peers`, `through`, `relay`, `crowd`, `list`, `files`, `login`, `idle`, `guesses`, `drain`, `digest`, `tls`, `fxp`, `first`, `tree`, `move`, `sync`, `shell`, `insiders`, `queue` | all |
//! | `FTP_BENCH_BASELINE` | directory with `ftp-server`, `ftp-user` and `ftp-relay-agent` to compare with | none |
//! | `FTP_BENCH_ENTRIES` | entries of the listed directory, and of each tree of `sync` and `move` | 100000 |
//! | `FTP_BENCH_SESSIONS` | idle sessions of our server | 10000 |
//! | `FTP_BENCH_TREES` | how many files the trees of `tree` have, and the largest of them those of `move` | 2000,10000 |
//! | `FTP_BENCH_FILES` | files of the very large directory of `tree` | 100000 |
//! | `FTP_BENCH_SECONDS` | how long each attack of `insiders` goes on | 60 |
//! | `FTP_BENCH_DIR` | where the files are | `/dev/shm` if there is room, else the temporary directory |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark says what it measures, or fails"
)]

mod client;
mod compare;
mod contender;
mod direct;
mod drain;
mod figures;
mod files;
mod first;
mod fxp;
mod guesses;
mod idle;
mod insiders;
mod limit;
mod list;
mod listings;
mod login;
mod moves;
mod peers;
mod plan;
mod process;
mod queue;
mod relay;
mod shell;
mod start;
mod suite;
mod sync;
mod through;
mod tls;
mod tree;

use std::fs;
use std::path::Path;

use plan::{FILE, Plan};
use suite::{ENDS, Suite};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if limit::is_part(&args) {
        return limit::part(&args);
    }
    if relay::is_part(&args) {
        return relay::part(&args);
    }
    if !args.iter().any(|arg| arg == "--bench") {
        return println!("the benchmark takes minutes and runs only with: cargo bench -p integration-tests");
    }
    run(&Plan::from_environment());
}

fn run(plan: &Plan) {
    let place = plan.place();
    ENDS.iter().for_each(|end| fs::create_dir(place.path().join(end)).unwrap());
    if plan.needs_file() {
        plan.write_file(&place.path().join(ENDS[0]).join(FILE));
    }
    let mut suites = vec![Suite::start(None, place.path())];
    suites.extend(plan.baseline.iter().map(|programs| Suite::start(Some(programs), place.path())));
    println!(
        "{} from server to server, {} rounds, files in {} ({})",
        figures::size(plan.bytes()),
        plan.rounds,
        place.path().parent().unwrap().display(),
        process::file_system(place.path()),
    );
    println!("{} processors, load average {} before the first round", process::processors(), process::load());
    if let Some(baseline) = &plan.baseline {
        println!("baseline: the programs in {}", baseline.display());
    }
    if begins(plan, "limit") {
        direct::table(plan, &suites);
    }
    if begins(plan, "start") {
        start::table(plan, &suites);
    }
    if begins(plan, "peers") {
        peers::table(plan, place.path(), &suites[0]);
    }
    if begins(plan, "through") {
        through::table(plan, &suites);
    }
    relays(plan, &suites[0]);
    names(plan, place.path(), &suites);
    if begins(plan, "login") {
        login::table(plan, place.path());
    }
    if begins(plan, "idle") {
        idle::table(plan, place.path());
    }
    if begins(plan, "guesses") {
        guesses::table(plan, place.path());
    }
    let file = suites[0].servers[0].path(FILE);
    if begins(plan, "drain") {
        drain::table(plan, place.path(), &file);
    }
    if begins(plan, "digest") {
        drain::digests(plan, place.path(), &file);
    }
    if begins(plan, "tls") {
        tls::curl(plan, place.path(), &file);
    }
    if begins(plan, "first") {
        first::table(plan);
    }
    if begins(plan, "queue") {
        queue::table(plan, place.path(), &suites[0]);
    }
    if begins(plan, "fxp") {
        fxp::table(plan, place.path(), &file);
    }
}

/// What goes through a relay.
fn relays(plan: &Plan, suite: &Suite) {
    if begins(plan, "relay") {
        relay::table(plan, &suite.servers[0].path(FILE));
    }
    if begins(plan, "crowd") {
        relay::crowd(plan);
    }
    if begins(plan, "insiders") {
        insiders::table(plan);
    }
}

/// The parts with many names: listings, trees, and what people type.
fn names(plan: &Plan, place: &Path, suites: &[Suite]) {
    if begins(plan, "list") {
        list::table(plan, suites);
        listings::table(plan, place);
    }
    if begins(plan, "files") {
        files::table(plan, suites);
    }
    if begins(plan, "tree") {
        tree::table(plan, place);
    }
    if begins(plan, "move") {
        moves::table(plan, suites);
    }
    if begins(plan, "sync") {
        sync::table(plan, &suites[0]);
    }
    if begins(plan, "shell") {
        shell::table(plan);
    }
}

/// Whether `part` is asked for. It begins when the system has back the local ports that the part before used up.
fn begins(plan: &Plan, part: &str) -> bool {
    let asked = plan.has(part);
    if asked {
        process::wait_for_local_ports();
    }
    asked
}
