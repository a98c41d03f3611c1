//! Many small files: a whole tree from server to server (T6), the same with a delay on the control connections (T7),
//! through this host (T13), and what a very large tree costs before it is copied (T15).

mod commander;
mod large;
mod ports;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use integration_tests::delay::Delayed;
use integration_tests::foreign::Kind;
use integration_tests::site::sample;
use integration_tests::user::user;

use crate::contender::{Contender, Purpose};
use crate::figures::{Spread, met};
use crate::plan::Plan;
use crate::suite::turns;
use commander::{Commander, End, Lftp, MIRRORS, Through, copied_by};

/// The targets of T6: times the rate of globus-url-copy and of each of lftp's mirrors, and milliseconds of both servers'
/// processors for each file. Between other people's servers: times the rate of lftp's best.
const OVER_GLOBUS: f64 = 2.0;
const OVER_LFTP: f64 = 10.0;
const CPU: f64 = 0.1;
const OVER_LFTP_ELSEWHERE: f64 = 2.0;
/// T7: round trips for each file, between ours and between others.
const TRIPS: f64 = 0.1;
const TRIPS_ELSEWHERE: f64 = 1.0;
/// T13 with small files: times the rate of rclone.
const OVER_RCLONE: f64 = 2.0;

/// A limit that no copy reaches, in bytes per second, and how long a tree takes whose limit binds.
const LOOSE: u64 = 100_000_000_000;
const BOUND_TIME: Duration = Duration::from_secs(10);

/// From a command to its reply, with delays.
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// Files of the tree with delays.
const DELAYED: usize = 200;
const LENGTH: usize = 4096;

/// The directories of a copy: one for each size, and what is made.
const COPIED: &str = "copied";

fn named(count: usize) -> String {
    format!("tree-{count}")
}

/// Two servers of a kind: the source has the trees.
struct Pair {
    ends: [Contender; 2],
}

impl Pair {
    fn name(&self) -> &'static str {
        self.ends[0].name
    }

    fn cpu(&self) -> f64 {
        self.ends.iter().map(|server| server.cpu().total()).sum()
    }

    /// The source's tree of `count` files, and where its copy is made.
    fn places(&self, count: usize) -> [End; 2] {
        let [source, destination] = &self.ends;
        [End::of(source, &named(count)), End::of(destination, COPIED)]
    }

    /// Deletes the copy, which must be whole.
    fn clear(&self, count: usize) -> Result<(), String> {
        let copied = self.ends[1].path(COPIED);
        let arrived = fs::read_dir(&copied).map_or(0, |all| {
            let whole = |file: &fs::DirEntry| file.metadata().is_ok_and(|file| file.len() == LENGTH as u64);
            all.filter_map(Result::ok).filter(whole).count()
        });
        drop(fs::remove_dir_all(copied));
        if arrived == count { Ok(()) } else { Err(format!("{arrived} of {count} files arrived")) }
    }
}

/// One who copies the tree between one pair, and what every round has shown.
struct Row<'a> {
    pair: &'a Pair,
    commander: &'a Commander,
    /// Files in a second.
    rates: Vec<f64>,
    /// Milliseconds of both servers' processors for a file.
    costs: Vec<f64>,
}

impl Row<'_> {
    fn run(&mut self, count: usize) -> Result<(), String> {
        let before = self.pair.cpu();
        let start = Instant::now();
        let done = self.commander.copy(&self.pair.places(count));
        let seconds = start.elapsed().as_secs_f64();
        let cost = self.pair.cpu() - before;
        let cleared = self.pair.clear(count);
        done.and(cleared)?;
        self.rates.push(count as f64 / seconds);
        self.costs.push(cost * 1000.0 / count as f64);
        Ok(())
    }

    fn rate(&self) -> f64 {
        Spread::of(&self.rates).median
    }
}

/// The kinds of other people's servers.
const KINDS: &[Kind] = &[Kind::Globus, Kind::Vsftpd, Kind::Proftpd];

/// Part `tree`, where there are ports enough.
pub(crate) fn table(plan: &Plan, place: &Path) {
    // What is fetched is fetched from here: there is no way out of the other network.
    let commanders = Commander::all(plan);
    KINDS.iter().for_each(|kind| drop(kind.tool()));
    drop(Through::all());
    ports::with_many(plan.trees.clone(), |trees| measured(plan, trees, &commanders, place));
}

fn measured(plan: &Plan, trees: &[usize], commanders: &[Commander], place: &Path) {
    if trees.is_empty() {
        return;
    }
    let pairs = pairs(plan, trees, place);
    // The larger ones take long.
    let rounds = std::iter::once(plan.rounds).chain(std::iter::repeat(plan.rounds.min(3)));
    for (&count, rounds) in trees.iter().zip(rounds) {
        let mut rows = Vec::new();
        for pair in &pairs {
            let able = commanders.iter().filter(|commander| commander.commands(pair.name()));
            rows.extend(able.map(|commander| Row { pair, commander, rates: Vec::new(), costs: Vec::new() }));
        }
        copied(&mut rows, count, rounds);
    }
    limited(plan, &pairs[0], trees[0]);
    through(plan, &pairs[0], trees[0]);
    delayed(plan, &pairs);
    large::table(plan, place);
}

fn pairs(plan: &Plan, trees: &[usize], place: &Path) -> Vec<Pair> {
    let args = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8", "--log-level", "warn"];
    let purpose = Purpose { kinds: KINDS, tls: false, args: &args };
    let sources = Contender::all(plan, place, purpose, &|root| {
        for count in trees.iter().copied().chain([DELAYED, 1]) {
            let tree = root.join(named(count));
            fs::create_dir(&tree).unwrap();
            let content = sample(LENGTH);
            (0..count).for_each(|file| fs::write(tree.join(format!("{file:05}.bin")), &content).unwrap());
        }
    });
    let mut destinations = Contender::all(plan, place, purpose, &|_| {});
    let mut pairs = Vec::new();
    for source in sources {
        if let Some(at) = destinations.iter().position(|to| to.name == source.name) {
            pairs.push(Pair { ends: [source, destinations.remove(at)] });
        }
    }
    pairs
}

/// All rounds of T6 with a tree of `count` files.
fn copied(rows: &mut Vec<Row<'_>>, count: usize, rounds: usize) {
    // Whoever cannot do it has no part in this.
    rows.retain_mut(|row| match row.run(count) {
        Ok(()) => true,
        Err(why) => {
            println!("{} between two {} skipped: {why}", row.commander.name(), row.pair.name());
            false
        }
    });
    for row in &mut *rows {
        row.rates.clear();
        row.costs.clear();
    }
    for round in 0..rounds {
        turns(round, rows.len()).for_each(|turn| rows[turn].run(count).unwrap());
    }
    println!(
        "{count} files of 4 KiB, median (min - max)      files/s            CPU ms of both servers per file"
    );
    for row in &*rows {
        let Spread { least, median, most } = Spread::of(&row.rates);
        let name = format!("{}, {}", row.pair.name(), row.commander.name());
        println!("{name:<40}   {median:6.0} ({least:5.0} - {most:5.0})   {}", Spread::of(&row.costs));
    }
    let find = |pair: &str, commander: &str| {
        rows.iter().find(|row| row.pair.name() == pair && row.commander.name() == commander)
    };
    let best = |pair: &str| {
        let mirrors = MIRRORS.iter().filter_map(|mirror| find(pair, mirror.name)).map(Row::rate);
        mirrors.max_by(f64::total_cmp)
    };
    let Some(ours) = find("ftp-server", "ftp-user") else { return println!() };
    if let Some(theirs) = find("globus", "globus-url-copy") {
        target(ours.rate() / theirs.rate(), "globus-url-copy", OVER_GLOBUS);
    }
    for mirror in MIRRORS {
        if let Some(theirs) = find("ftp-server", mirror.name) {
            target(ours.rate() / theirs.rate(), mirror.name, OVER_LFTP);
        }
    }
    let cost = Spread::of(&ours.costs).median;
    println!("target: {cost:.2} ms of both servers for each file, at most {CPU}: {}", met(cost <= CPU));
    for kind in ["vsftpd", "proftpd"] {
        if let (Some(row), Some(lftp)) = (find(kind, "ftp-user"), best(kind)) {
            target(row.rate() / lftp, &format!("lftp's best between two {kind}"), OVER_LFTP_ELSEWHERE);
        }
    }
    println!();
}

fn target(ratio: f64, whose: &str, least: f64) {
    println!("target: {ratio:.2} times the rate of {whose}, at least {least}: {}", met(ratio >= least));
}

/// `--limit`: one that does not bind beside none, and one with which the tree takes this time.
fn limited(plan: &Plan, pair: &Pair, count: usize) {
    let bytes = (count * LENGTH) as f64;
    let binding = bytes / BOUND_TIME.as_secs_f64();
    let limits = [None, Some(LOOSE), Some(binding as u64)];
    let mut rates: [Vec<f64>; 3] = Default::default();
    for round in 0..plan.rounds {
        for turn in turns(round, limits.len()) {
            let start = Instant::now();
            let done = copied_by(user(), &pair.places(count), limits[turn]);
            rates[turn].push(bytes / start.elapsed().as_secs_f64());
            done.and(pair.clear(count)).unwrap();
        }
    }
    let [free, loose, bound] = rates.each_ref().map(|rates| Spread::of(rates).median);
    let (loose, bound) = (loose / free, bound / binding);
    println!("{count} files of 4 KiB with --limit");
    println!("target: {loose:.2} of the rate where it does not bind, at least 0.9: {}", met(loose >= 0.9));
    let within = (bound - 1.0).abs() <= 0.05;
    println!("target: {bound:.3} of the limit where it binds, within 0.05: {}\n", met(within));
}

/// T13 with small files: everything passes this host.
fn through(plan: &Plan, pair: &Pair, count: usize) {
    let all = Through::all();
    let mut rates: Vec<Vec<f64>> = all.iter().map(|_| Vec::new()).collect();
    for round in 0..plan.rounds.min(3) {
        for turn in turns(round, all.len()) {
            let start = Instant::now();
            let done = all[turn].copy(&pair.places(count));
            rates[turn].push(count as f64 / start.elapsed().as_secs_f64());
            done.and(pair.clear(count)).unwrap();
        }
    }
    println!("{count} files of 4 KiB through this host          files/s");
    for (who, rates) in all.iter().zip(&rates) {
        println!("{:<40}   {:6.0}", who.name(), Spread::of(rates).median);
    }
    if let [ours, theirs] = &rates[..] {
        target(Spread::of(ours).median / Spread::of(theirs).median, "rclone", OVER_RCLONE);
    }
    println!();
}

/// T7: how many round trips a file takes, by the time of two trees.
fn delayed(plan: &Plan, pairs: &[Pair]) {
    println!(
        "{DELAYED} files of 4 KiB, 50 ms of delay         files/s   round trips per file, start-up aside"
    );
    for pair in pairs.iter().filter(|pair| pair.name() != "globus") {
        let mut best: Option<f64> = None;
        let mirrors = MIRRORS.iter().map(|mirror| Lftp::mirror(*mirror));
        for commander in mirrors.chain([Ok(Commander::user(plan, pair.name()))]) {
            let Ok(commander) = commander else { continue };
            let delays = pair.ends.each_ref().map(|server| Delayed::before(server.door().at, ROUND_TRIP));
            let times = [1, DELAYED].map(|count| {
                let mut places = pair.places(count);
                places.iter_mut().zip(&delays).for_each(|(end, delay)| end.at = delay.address());
                let start = Instant::now();
                let done = commander.copy(&places);
                let seconds = start.elapsed().as_secs_f64();
                done.and(pair.clear(count)).map(|()| seconds)
            });
            let name = format!("{}, {}", pair.name(), commander.name());
            let [Ok(one), Ok(all)] = times else {
                println!("{name:<40}   skipped: {times:?}");
                continue;
            };
            let trips = (all - one) / ROUND_TRIP.as_secs_f64() / (DELAYED - 1) as f64;
            println!("{name:<40}   {:7.1}   {trips:6.2}", DELAYED as f64 / all);
            if commander.name() == "ftp-user" {
                let most = if pair.name() == "ftp-server" { TRIPS } else { TRIPS_ELSEWHERE };
                println!(
                    "target: {trips:.2} round trips for each file, at most {most}: {}",
                    met(trips <= most)
                );
            } else {
                best = Some(best.map_or(trips, |best| best.min(trips)));
            }
        }
        if let Some(best) = best {
            println!("lftp's best takes {best:.2}");
        }
    }
    println!();
}
