//! How fast a file goes from one server to another, beside the fastest that the machine can do, and
//! what it costs: `cargo bench -p integration-tests`.
//!
//! Every round copies the same file once with the suite (two servers and the user agent, release
//! build) and once with the limit program (see `limit`); then with other people's servers (see `peers`),
//! through the user agent (see `through`), and bytes go through relays (see `relay`). Machines are
//! noisy: only the ratio of one round means something.
//!
//! | environment | meaning | default |
//! |---|---|---|
//! | `FTP_BENCH_MIB` | size of the file | 2048 |
//! | `FTP_BENCH_ROUNDS` | rounds that count, after one that does not | 5 |
//! | `FTP_BENCH_PARTS` | which of `limit`, `peers`, `through`, `relay`, `list` | all |
//! | `FTP_BENCH_ENTRIES` | entries of the listed directory | 100000 |
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

mod limit;
mod peers;
mod process;
mod relay;
mod through;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ftp_proto::dialect::Dialect;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket;
use integration_tests::user::user;
use process::{Cost, cpu_seconds, forget_peak, peak_mib};
use tempfile::TempDir;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if limit::is_part(&args) {
        return limit::part(&args);
    }
    if relay::is_part(&args) {
        return relay::part(&args);
    }
    if !args.iter().any(|arg| arg == "--bench") {
        return println!("minutes of copying, only on purpose: cargo bench -p integration-tests");
    }
    let plan = Plan::from_environment();
    let place = plan.place();
    let source = place.path().join("source");
    let destination = place.path().join("destination");
    for directory in [&source, &destination] {
        fs::create_dir(directory).unwrap();
    }
    plan.write_file(&source.join(FILE));
    let servers = [
        Site::new("source").at("127.0.0.2").start_in(source),
        Site::new("destination").at("127.0.0.3").start_in(destination),
    ];
    println!(
        "{} from server to server, {} rounds, files in {} ({})",
        size(plan.bytes()),
        plan.rounds,
        place.path().parent().unwrap().display(),
        process::file_system(place.path()),
    );
    println!("{} processors, load average {} before the first round", process::processors(), process::load());
    if plan.has("limit") {
        let sink = limit::best_sink(&servers[0].path(FILE), &servers[1].path(LIMIT));
        println!("limit: sendfile to a connection, {} from there to a file, one process each\n", sink.name());
        copies(&plan, &servers, sink);
    }
    if plan.has("peers") {
        peers::table(&plan, place.path(), &servers);
    }
    if plan.has("through") {
        through::table(&plan, &servers);
    }
    if plan.has("relay") {
        relay::table(&plan, &servers[0].path(FILE));
    }
    if plan.has("list") {
        listings(&plan, &servers);
    }
}

const FILE: &str = "file.bin";
const LIMIT: &str = "limit.bin";
/// What issue and documents ask of the median ratio, and of each server's resident memory in MiB.
const RATIO: f64 = 0.85;
const MEMORY: f64 = 24.0;

struct Plan {
    mib: u64,
    rounds: usize,
    parts: Option<String>,
    entries: usize,
    directory: Option<PathBuf>,
}

impl Plan {
    fn from_environment() -> Self {
        fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
            let Ok(text) = std::env::var(name) else { return default };
            text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
        }
        Self {
            mib: number("FTP_BENCH_MIB", 2048),
            rounds: number("FTP_BENCH_ROUNDS", 5).max(1),
            parts: std::env::var("FTP_BENCH_PARTS").ok(),
            entries: number("FTP_BENCH_ENTRIES", 100_000),
            directory: std::env::var_os("FTP_BENCH_DIR").map(PathBuf::from),
        }
    }

    /// Whether a part of the benchmark was asked for.
    fn has(&self, part: &str) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts.split([',', ' ']).any(|asked| asked == part))
    }

    fn bytes(&self) -> u64 {
        self.mib << 20
    }

    /// Source, the copy and the limit's copy, which are never there at the same time, and something
    /// for everybody else.
    fn place(&self) -> TempDir {
        let needed = self.bytes() * 2 + (1 << 30);
        let memory = Path::new("/dev/shm");
        let directory = match &self.directory {
            Some(directory) => directory.clone(),
            None if process::room(memory) >= needed => memory.into(),
            None => std::env::temp_dir(),
        };
        tempfile::Builder::new().prefix("ftp-bench-").tempdir_in(directory).unwrap()
    }

    fn write_file(&self, path: &Path) {
        let mut file = File::create(path).unwrap();
        let mut block = sample(1 << 20);
        for number in 0..self.mib {
            block[..8].copy_from_slice(&number.to_le_bytes());
            file.write_all(&block).unwrap();
        }
    }
}

/// The rounds, their ratios, and what both servers spent.
fn copies(plan: &Plan, servers: &[Server; 2], sink: limit::Sink) {
    let [source, destination] = servers;
    suite(plan, servers);
    for server in servers {
        forget_peak(server.running.id());
    }
    let before = servers.each_ref().map(|server| cpu_seconds(server.running.id()));
    let mut spent = [Cost::default(); 2];
    let mut ratios = Vec::new();
    println!("round   suite GiB/s   limit GiB/s   ratio");
    for round in 1..=plan.rounds {
        // Neither is always the one that comes second.
        let copy = || plan.bytes() as f64 / GIB / suite(plan, servers);
        let mut bound = || {
            let (seconds, costs) = limit::run(&source.path(FILE), &destination.path(LIMIT), sink);
            spent.iter_mut().zip(costs).for_each(|(all, one)| all.add(one));
            plan.bytes() as f64 / GIB / seconds
        };
        let (ours, limit) = if round % 2 == 0 {
            (copy(), bound())
        } else {
            let limit = bound();
            (copy(), limit)
        };
        ratios.push(ours / limit);
        println!("{round:5}   {ours:11.2}   {limit:11.2}   {:5.2}", ours / limit);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("\nratio: min {:.2}, median {median:.2}, max {:.2}", ratios[0], ratios[ratios.len() - 1]);
    println!("target: median at least {RATIO}: {}\n", met(median >= RATIO));

    println!("              CPU s/GiB (user + system)   limit's   peak resident MiB");
    let gib = plan.bytes() as f64 / GIB * plan.rounds as f64;
    let (mut small, mut ours, mut limits) = (true, 0.0, 0.0);
    for (index, name) in ["source", "destination"].into_iter().enumerate() {
        let id = servers[index].running.id();
        let cost = cpu_seconds(id).since(before[index]).over(gib);
        let (limit, peak) = (spent[index].over(gib).total(), peak_mib(id));
        small &= peak < MEMORY;
        (ours, limits) = (ours + cost.total(), limits + limit);
        println!(
            "{name:11}   {:5.2} ({:.2} + {:.2})          {limit:10.2}   {peak:17.1}",
            cost.total(),
            cost.user,
            cost.system
        );
    }
    println!(
        "both          {ours:5.2}                         {limits:10.2}   ({:.2} of ours)",
        limits / ours
    );
    println!("target: each below {MEMORY} MiB: {}\n", met(small));
    let hashed = verified(plan, servers);
    println!("with both digests compared (--verify hash): {hashed:.2} s\n");
}

/// One copy by the suite, from the start of the user agent to its end: seconds.
fn suite(plan: &Plan, servers: &[Server; 2]) -> f64 {
    copied(plan, servers, "size")
}

fn verified(plan: &Plan, servers: &[Server; 2]) -> f64 {
    copied(plan, servers, "hash")
}

fn copied(plan: &Plan, [source, destination]: &[Server; 2], verify: &str) -> f64 {
    direct(plan, &source.url(FILE), (&destination.url(FILE), &destination.path(FILE)), verify)
}

/// One copy from server to server by the user agent; the file that it has made is gone afterwards.
fn direct(plan: &Plan, from: &str, (to, copy): (&str, &Path), verify: &str) -> f64 {
    let run = user().args(["copy", "--json", "--path", "direct", "--verify", verify]).args([from, to]);
    let start = Instant::now();
    let run = run.run();
    let seconds = start.elapsed().as_secs_f64();
    let summary = run.exits(0).summary();
    assert_eq!(summary["bytes"], plan.bytes(), "{summary}");
    assert_eq!(summary["path"], "direct", "{summary}");
    assert_eq!(fs::metadata(copy).unwrap().len(), plan.bytes());
    fs::remove_file(copy).unwrap();
    seconds
}

/// Each server lists a large directory for a client that reads as fast as it can.
fn listings(plan: &Plan, servers: &[Server; 2]) {
    println!("MLSD of {} entries   first byte ms   total ms   peak resident MiB", plan.entries);
    let mut small = true;
    for (server, name) in servers.iter().zip(["source", "destination"]) {
        let directory = server.path("many");
        fs::create_dir(&directory).unwrap();
        for number in 0..plan.entries {
            File::create(directory.join(format!("an-entry-with-a-usual-name-{number:06}.txt"))).unwrap();
        }
        let mut control = server.login(Dialect::Rfc959);
        forget_peak(server.running.id());
        let port = control.ask("EPSV", "229").port();
        let start = Instant::now();
        let mut data = socket::connect(control_host(), (server.ip(), port).into());
        control.ask("MLSD many", "150");
        let (mut first, mut lines, mut piece) = (None, 0, vec![0; 1 << 16]);
        while let Ok(read @ 1..) = data.read(&mut piece) {
            first.get_or_insert_with(|| start.elapsed());
            lines += piece[..read].iter().filter(|byte| **byte == b'\n').count();
        }
        let total = start.elapsed();
        drop(data);
        control.expect("226");
        assert!(lines >= plan.entries, "{lines} lines");
        let peak = peak_mib(server.running.id());
        small &= peak < MEMORY;
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
        println!("{name:<22}   {:14.1}   {:8.0}   {peak:17.1}", ms(first.unwrap()), ms(total));
        fs::remove_dir_all(directory).unwrap();
    }
    println!("target: each below {MEMORY} MiB: {}", met(small));
}

/// Data connections of a listing come from the client's own host, else they are refused.
fn control_host() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn met(good: bool) -> &'static str {
    if good { "met" } else { "MISSED" }
}

fn size(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / GIB)
}

const GIB: f64 = (1_u64 << 30) as f64;
