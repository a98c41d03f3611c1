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
use integration_tests::performance::{BASELINE, SERVER, USER};
use integration_tests::site::sample;
use integration_tests::user::user;

use crate::contender::{Pair, Purpose};
use crate::plan::Plan;
use crate::report::Report;
use crate::suite::turns;
use commander::{Commander, End, Lftp, MIRRORS, Through, copied_by};

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

impl Pair {
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

/// One who copies the tree between one pair.
struct TreeContender<'a> {
    pair: &'a Pair,
    commander: &'a Commander,
}

impl TreeContender<'_> {
    /// The contender's name: with its own servers it says what it is, and between others whose they are.
    fn name(&self) -> &'static str {
        self.commander.name()
    }

    fn work(&self, count: usize) -> String {
        let pair = self.pair.name();
        if [SERVER, BASELINE, Kind::Globus.name()].contains(&pair) {
            format!("{count} x 4 KiB from server to server")
        } else {
            format!("{count} x 4 KiB between two {pair}")
        }
    }

    fn run(&self, count: usize, report: Option<&mut Report>) -> Result<(), String> {
        let before = self.pair.cpu();
        let start = Instant::now();
        let done = self.commander.copy(&self.pair.places(count));
        let seconds = start.elapsed().as_secs_f64();
        let cost = self.pair.cpu() - before;
        let cleared = self.pair.clear(count);
        done.and(cleared)?;
        if let Some(report) = report {
            let work = self.work(count);
            report.add(&work, "files/s", self.name(), count as f64 / seconds);
            let work = work.replace(" from server to server", "");
            report.add(
                &format!("{work}, both servers, each file"),
                "CPU ms",
                self.name(),
                cost * 1000.0 / count as f64,
            );
        }
        Ok(())
    }
}

/// The kinds of other people's servers.
const KINDS: &[Kind] = &[Kind::Globus, Kind::Vsftpd, Kind::Proftpd];

/// Part `tree`, where there are ports enough.
pub(crate) fn table(plan: &Plan, place: &Path, report: &mut Report) {
    // What is fetched is fetched from here: there is no path out of the other network.
    let commanders = Commander::all(plan, report);
    KINDS.iter().for_each(|kind| drop(kind.tool()));
    let through = Through::all(report);
    ports::with_many(plan.trees.clone(), |trees, missing| {
        if let Some(why) = missing {
            report.skip("larger trees", why);
        }
        if !trees.is_empty() {
            let pairs = pairs(plan, trees, place, report);
            copies(plan, trees, &commanders, &pairs, report);
            through_this_host(plan, &pairs[0], trees[0], &through, report);
            if !plan.is_quick {
                limited(plan, &pairs[0], trees[0], report);
                delayed(plan, &pairs, report);
                large::table(plan, place, report);
            }
        }
    });
}

/// All rounds of T6: each tree, each commander that can do it, each pair.
fn copies(plan: &Plan, trees: &[usize], commanders: &[Commander], pairs: &[Pair], report: &mut Report) {
    // The larger ones take long.
    let rounds = std::iter::once(plan.rounds).chain(std::iter::repeat(plan.rounds.min(3)));
    for (&count, rounds) in trees.iter().zip(rounds) {
        let mut contenders = Vec::new();
        for pair in pairs {
            let able = commanders.iter().filter(|commander| commander.commands(pair.name()));
            contenders.extend(able.map(|commander| TreeContender { pair, commander }));
        }
        // Whoever cannot do it has no part in this.
        contenders.retain(|contender| match contender.run(count, None) {
            Ok(()) => true,
            Err(why) => {
                report.skip(&format!("{} between two {}", contender.name(), contender.pair.name()), why);
                false
            }
        });
        for round in 0..rounds {
            turns(round, contenders.len())
                .for_each(|turn| contenders[turn].run(count, Some(&mut *report)).unwrap());
        }
    }
}

fn pairs(plan: &Plan, trees: &[usize], place: &Path, report: &mut Report) -> Vec<Pair> {
    let args = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8", "--log-level", "warn"];
    let purpose = Purpose { kinds: KINDS, tls: false, args: &args };
    let fill = |root: &Path| {
        for count in trees.iter().copied().chain([DELAYED, 1]) {
            let tree = root.join(named(count));
            fs::create_dir(&tree).unwrap();
            let content = sample(LENGTH);
            (0..count).for_each(|file| fs::write(tree.join(format!("{file:05}.bin")), &content).unwrap());
        }
    };
    Pair::all(plan, place, purpose, &fill, report)
}

/// `--limit`: one that does not bind beside none, and one with which the tree takes this time.
fn limited(plan: &Plan, pair: &Pair, count: usize, report: &mut Report) {
    let binding = (count * LENGTH) as f64 / BOUND_TIME.as_secs_f64();
    let limits = [None, Some(LOOSE), Some(binding as u64)];
    for round in 0..plan.rounds {
        for turn in turns(round, limits.len()) {
            let start = Instant::now();
            let done = copied_by(user(), &pair.places(count), limits[turn]);
            let seconds = start.elapsed().as_secs_f64();
            done.and(pair.clear(count)).unwrap();
            let rate = count as f64 / seconds;
            if turn == 2 {
                let deviation = (BOUND_TIME.as_secs_f64() / seconds - 1.0).abs() * 100.0;
                report.add("rate beside a limit that binds, deviation", "%", USER, deviation);
            } else {
                let name = if turn == 0 { "no limit" } else { USER };
                report.add("tree with a limit that does not bind", "files/s", name, rate);
            }
        }
    }
}

/// T13 with small files: everything passes this host.
fn through_this_host(plan: &Plan, pair: &Pair, count: usize, all: &[Through], report: &mut Report) {
    for round in 0..plan.rounds.min(3) {
        for turn in turns(round, all.len()) {
            let start = Instant::now();
            let done = all[turn].copy(&pair.places(count));
            let rate = count as f64 / start.elapsed().as_secs_f64();
            done.and(pair.clear(count)).unwrap();
            report.add(&format!("{count} x 4 KiB through this host"), "files/s", all[turn].name(), rate);
        }
    }
}

/// T7: how many round trips a file takes, by the time of two trees.
fn delayed(plan: &Plan, pairs: &[Pair], report: &mut Report) {
    for pair in pairs.iter().filter(|pair| pair.name() != Kind::Globus.name()) {
        let work = match pair.name() {
            SERVER | BASELINE => format!("{DELAYED} x 4 KiB over 50 ms, each file"),
            kind => format!("the same between two {kind}"),
        };
        let mirrors = MIRRORS.iter().map(|mirror| Lftp::mirror(*mirror));
        for commander in mirrors.chain([Ok(Commander::user(plan, pair.name()))]) {
            let Ok(commander) = commander else { continue };
            let delays = pair.ends.each_ref().map(|server| Delayed::before(server.door().at, ROUND_TRIP));
            let times = [1, DELAYED].map(|count| {
                let mut places = pair.places(count);
                places.iter_mut().zip(&delays).for_each(|(end, delay)| end.door.at = delay.address());
                let start = Instant::now();
                let done = commander.copy(&places);
                let seconds = start.elapsed().as_secs_f64();
                done.and(pair.clear(count)).map(|()| seconds)
            });
            match times {
                [Ok(one), Ok(all)] => {
                    let trips = (all - one) / ROUND_TRIP.as_secs_f64() / (DELAYED - 1) as f64;
                    report.add(&work, "round trips", commander.name(), trips);
                }
                [Err(why), _] | [_, Err(why)] => report.skip(&format!("{work}, {}", commander.name()), why),
            }
        }
    }
}
