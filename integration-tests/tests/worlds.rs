//! The real programs in one process on a virtual clock, with faults that a seed chooses.
//!
//! `FTP_WORLD_FIRST=4711 FTP_WORLD_SEEDS=1` runs one seed again, and tells its story.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails at once, its helpers too"
)]

use integration_tests::trace;
use integration_tests::world::daemons::{
    DaemonsFault, DaemonsPlan, DaemonsSabotage, DaemonsTally, QueuedVerb, WaitingResult, run_daemons,
    shrink_daemons, wait_for_a_terminal,
};
use integration_tests::world::line::{Cut, LongLine};
use integration_tests::world::manners::Manners;
use integration_tests::world::plan::{Doing, Fault, Placement, Plan, Program, Sabotage, Verb, When};
use integration_tests::world::run::{Ended, run};
use integration_tests::world::shrink::shrink;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Runs `work` on a thread with room for what is not optimised.
fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(32 << 20);
        let thread = builder.spawn_scoped(scope, work).unwrap();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn ended(seed: u64) -> Ended {
    run(&Plan::of(seed, 50, 5)).unwrap()
}

#[test]
fn no_fault_loses_a_file() {
    let ended = each_seed(200, |seed, is_alone| {
        let ended = ended(seed);
        if is_alone {
            eprintln!("{}", ended.story);
        }
        if !ended.violations.is_empty() {
            assert_ne!(number("FTP_WORLD_SHRINKS", 1), 0, "\nseed {seed}: {:?}", ended.violations);
            let (plan, least) = shrink(&Plan::of(seed, 50, 5)).unwrap();
            let plan = serde_json::to_string_pretty(&plan).unwrap();
            panic!("seed {seed}: {:#?}\n{plan}\n{}", least.violations, least.story);
        }
        ended.faults
    });
    show_faults(ended.len(), &ended.concat());
}

/// Does `work` for each seed that is asked for, on two threads. It is told whether the seed is the only one.
fn each_seed<T: Send>(default: u64, work: impl Fn(u64, bool) -> T + Sync) -> Vec<T> {
    let (first, seeds) = (number("FTP_WORLD_FIRST", 0), number("FTP_WORLD_SEEDS", default));
    let next = AtomicU64::new(first);
    let some = || {
        let mut found = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return found;
            }
            found.push(with_room(|| work(seed, seeds == 1)));
        }
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(some), scope.spawn(some)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Shows which fault has met what.
fn show_faults(runs: usize, faults: &[(&str, Doing)]) {
    let doings: BTreeSet<Doing> = faults.iter().map(|(_, doing)| *doing).collect();
    let kinds: BTreeSet<&str> = faults.iter().map(|(kind, _)| *kind).collect();
    eprintln!("{runs} runs with {} faults. What the user agents did then: {doings:?}", faults.len());
    for kind in kinds {
        let hits = doings.iter().map(|doing| faults.iter().filter(|hit| **hit == (kind, *doing)).count());
        eprintln!("{kind:>25}: {}", hits.map(|hits| format!("{hits:>6}")).collect::<String>());
    }
}

#[test]
fn whoever_is_stopped_or_cut_off_daemons_that_share_a_store_lose_no_file() {
    let tallies = each_seed(20, |seed, is_alone| {
        let plan = DaemonsPlan::of(seed);
        let ended = run_daemons(&plan).unwrap();
        if is_alone {
            eprintln!("{}", ended.story);
        }
        if !ended.violations.is_empty() {
            assert_ne!(number("FTP_WORLD_SHRINKS", 1), 0, "\nseed {seed}: {:?}", ended.violations);
            let (plan, least) = shrink_daemons(&plan).unwrap();
            let plan = serde_json::to_string_pretty(&plan).unwrap();
            panic!("seed {seed}: {:#?}\n{plan}\n{}", least.violations, least.story);
        }
        ended.tally
    });
    let mut all = DaemonsTally::default();
    let runs = tallies.len();
    tallies.into_iter().for_each(|tally| all.add(tally));
    show_faults(runs, &std::mem::take(&mut all.faults));
    eprintln!("{all:?}");
}

/// Plans that failed once, shrunk.
#[test]
fn plans_of_daemons_that_once_failed_succeed() {
    let plans: Vec<_> =
        std::fs::read_dir("fixtures/daemons").unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!plans.is_empty());
    for path in plans {
        let plan: DaemonsPlan = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let ended = with_room(|| run_daemons(&plan).unwrap());
        assert_eq!(ended.violations, [""; 0], "{path:?}: {}", ended.story);
    }
}

/// `FTP_WORLD_PLAN=plan.json` carries out a plan that a failure has printed.
#[test]
fn a_plan_of_daemons_is_carried_out_twice_alike() {
    let plan = match std::env::var_os("FTP_WORLD_PLAN") {
        Some(path) => serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
        None => DaemonsPlan::of(1),
    };
    let printed = serde_json::to_string_pretty(&plan).unwrap();
    let again: DaemonsPlan = serde_json::from_str(&printed).unwrap();
    let [first, second] = [plan, again].map(|plan| with_room(|| run_daemons(&plan).unwrap()));
    eprintln!("{}", first.story);
    assert_eq!((first.story, first.violations), (second.story, Vec::new()));
}

#[test]
fn a_job_of_the_queue_waits_as_long_as_a_terminal_has_its_destination() {
    let waited = with_room(|| wait_for_a_terminal(300_000).unwrap());
    let WaitingResult { causes, waits, tries, terminal, ended: (later, exit) } = &waited;
    let cause = causes.iter().next().map_or("", String::as_str);
    assert!(
        cause.contains(" stores at ") && cause.ends_with("this one goes on when that has ended"),
        "{waited:?}"
    );
    assert_eq!((causes.len(), *tries, *exit), (1, 0, 0), "{waited:?}");
    // It looks again each half a minute, and does not begin.
    let is_long = *terminal > Duration::from_secs(120);
    assert!(is_long && *waits == 1 && *later < Duration::from_secs(60), "{waited:?}");
}

/// The laws are laws: a run in which one is broken says so.
#[test]
fn what_must_not_be_is_found_of_daemons() {
    let check = |verb, when, sabotage, says: &str| {
        let mut plans = (0..).map(DaemonsPlan::of);
        let mut plan = plans.find(|plan| plan.jobs[0].verb == verb).unwrap();
        plan.jobs.truncate(1);
        plan.faults = vec![(when, DaemonsFault::Sabotage(sabotage))];
        let ended = with_room(|| run_daemons(&plan).unwrap());
        assert!(ended.violations.iter().any(|found| found.contains(says)), "{sabotage:?}: {}", ended.story);
    };
    let (soon, at_the_end) = (When::After(30), When::After(u64::MAX));
    check(QueuedVerb::Copy, soon, DaemonsSabotage::Deletes, "is at neither end");
    check(QueuedVerb::Move, soon, DaemonsSabotage::Deletes, "is at neither end");
    check(QueuedVerb::Copy, soon, DaemonsSabotage::Halves, "something else under its final name");
    check(QueuedVerb::Move, at_the_end, DaemonsSabotage::Leaves, "has left something");
    check(QueuedVerb::Sync, at_the_end, DaemonsSabotage::StoresAgain, "was done, and something has changed");
}

#[test]
fn whatever_two_servers_know_a_tree_is_copied_moved_and_made_equal() {
    use Manners::{Iis, Ours, Proftpd, PureFtpd, Standard, Vsftpd};
    let all = [Ours, Proftpd, PureFtpd, Vsftpd, Iis, Standard];
    let pairs = all.into_iter().flat_map(|source| all.map(|destination| [source, destination]));
    for (number, manners) in pairs.enumerate() {
        for verb in [Verb::Copy, Verb::Move, Verb::SyncDelete] {
            // Of a source without times nobody can tell whether it has changed, so it stays.
            if verb == Verb::Move && manners[0] == Standard {
                continue;
            }
            let fits = |plan: &Plan| plan.verb == verb && plan.second.is_none();
            let mut plans = (1_000 * number as u64..).map(|seed| Plan::of(seed, 6, 0));
            let plan = Plan { manners, ..plans.find(fits).unwrap() };
            let ended = with_room(|| run(&plan).unwrap());
            assert_eq!(ended.violations, [""; 0], "{manners:?}: {}", ended.story);
            assert!(!ended.story.contains("user 0: retry"), "{manners:?}: {}", ended.story);
        }
    }
}

/// Plans that failed once, shrunk.
#[test]
fn plans_that_once_failed_succeed() {
    let plans: Vec<_> =
        std::fs::read_dir("fixtures/plans").unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(plans.len() >= 15, "{plans:?}");
    for path in plans {
        let plan: Plan = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let ended = with_room(|| run(&plan).unwrap());
        assert_eq!(ended.violations, [""; 0], "{path:?}: {}", ended.story);
    }
}

/// `FTP_WORLD_PLAN=plan.json` carries out a plan that a failure has printed.
#[test]
fn a_plan_is_carried_out_as_it_is_printed() {
    let plan = match std::env::var_os("FTP_WORLD_PLAN") {
        Some(path) => serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
        None => Plan::of(4, 3, 3),
    };
    let printed = serde_json::to_string_pretty(&plan).unwrap();
    let again: Plan = serde_json::from_str(&printed).unwrap();
    let (first, second) = (with_room(|| run(&plan).unwrap()), with_room(|| run(&again).unwrap()));
    eprintln!("{}", first.story);
    assert_eq!((first.story, first.violations), (second.story, Vec::new()));
}

#[test]
fn a_seed_makes_the_same_run_again() {
    for seed in 0..number("FTP_WORLD_TWICE", 10) {
        let (first, second) = (with_room(|| ended(seed)), with_room(|| ended(seed)));
        assert_eq!(first.story, second.story, "seed {seed}");
    }
}

/// The laws are laws: a run in which one is broken says so.
#[test]
fn what_must_not_be_is_found() {
    let check = |verb, sabotage, says: &str| {
        let mut plans = (0..).map(|seed| Plan::of(seed, 50, 0));
        let fits = |plan: &Plan| {
            plan.verb == verb
                && plan.destination.is_empty() != (verb == Verb::Sync)
                && (sabotage != Sabotage::DeletesLeftOut || plan.left_out.is_some())
                && (sabotage != Sabotage::HalvesSide || !plan.third.is_empty())
        };
        let mut plan = plans.find(fits).unwrap();
        plan.faults = vec![(When::After(30), Fault::Sabotage(sabotage))];
        let ended = with_room(|| run(&plan).unwrap());
        assert!(ended.violations.iter().any(|found| found.contains(says)), "{sabotage:?}: {}", ended.story);
    };
    check(Verb::Copy, Sabotage::Deletes, "is at neither end");
    check(Verb::Move, Sabotage::Deletes, "is at neither end");
    check(Verb::Copy, Sabotage::Halves, "something else under its final name");
    check(Verb::Sync, Sabotage::DeletesOther, "has changed");
    check(Verb::Move, Sabotage::DeletesLeftOut, "which a filter leaves out, has changed");
    check(Verb::Copy, Sabotage::HalvesSide, "is no whole file");
    check(Verb::Copy, Sabotage::Leaves, "it has not done all");
    check(Verb::Copy, Sabotage::PrintsSecret, "a secret is printed");
    check(Verb::Copy, Sabotage::Panics, "a task has panicked");
}

/// The account that may only read is logged in, and what it sends is carried out: with all rights it does harm.
#[test]
fn what_a_hostile_account_sends_is_carried_out() {
    let does_harm = |choice: u64, has_rights: bool| {
        let mut plans = (0..).map(|seed| Plan::of(seed, 5, 0));
        let fits = |plan: &Plan| {
            plan.verb == Verb::Sync
                && plan.second.is_none()
                && !plan.tls
                && plan.placement == Placement::AtServers
                && plan.third.is_empty()
        };
        let mut plan = plans.find(fits).unwrap();
        let account = Fault::HostileAccount { host: Program::Destination, choice };
        plan.faults = vec![(When::After(30), account)];
        if has_rights {
            plan.faults.push((When::After(30), Fault::Sabotage(Sabotage::Permits)));
        }
        let ended = with_room(|| run(&plan).unwrap());
        !ended.violations.is_empty()
    };
    assert!((0..10).any(|choice| does_harm(choice, true)));
    assert!(!(0..10).any(|choice| does_harm(choice, false)));
}

/// A server of a world greets as soon as the first packet of a connection reaches it. Over TCP it waits for the third one, so that
/// each connection with a greeting takes one round trip more.
#[test]
fn t20_a_copy_over_a_long_line_takes_few_round_trips() {
    for (tls, most_before, most_after) in [(false, 5.1, 2.5), (true, 9.2, 2.5)] {
        with_room(|| {
            let mut line = LongLine::start(tls).unwrap();
            for name in ["cold.bin", "remembered.bin"] {
                let took = line.copy(name, 5_000).unwrap();
                let is_met = took.before_first_byte <= most_before && took.after_last_byte <= most_after;
                assert!(is_met, "{name}, TLS {tls}: {took:?}\n{}", took.trace);
            }
        });
    }
}

/// The first run looks for a path with one file, and the second one takes the same at once. Files share a data connection, which may
/// be that of the first one, however many batches they are, until a large one goes alone: MODE B ends before its commands.
#[test]
fn t19_small_files_take_the_path_of_an_earlier_run_at_once_and_keep_their_data_connection() {
    with_room(|| {
        let mut line = LongLine::start(false).unwrap();
        for (name, first, most) in [("cold", &["MODE B", "RETR"][..], 8.6), ("remembered", &["MODE B"], 4.1)]
        {
            let trace = line.copy_tree(name, 1_000, None).unwrap();
            let mut modes = Vec::new();
            for said in trace::commands(&trace, trace::SOURCE) {
                let verb = said.split(' ').next().unwrap_or(said);
                if said.starts_with("MODE") || verb == "RETR" {
                    modes.push(if verb == "RETR" { verb } else { said });
                }
            }
            assert_eq!(modes, [first, &["MODE S", "RETR", "MODE B"]].concat(), "{name}: {trace}");
            let first = trace.lines().find(|said| said.contains("> PACK SEND")).unwrap();
            assert!(line.round_trips_until(first) <= most, "{name}: {first}");
        }
    });
}

/// A listing tells some files earlier than others. Those that are found while others move join them, and nobody waits for the end
/// of these.
#[test]
fn t19_files_that_are_found_while_others_move_join_them() {
    with_room(|| {
        let mut line = LongLine::start(false).unwrap();
        line.copy_tree("cold", 10, None).unwrap();
        // How many names come at once depends on the widths of inode numbers, so there are many.
        let trace = line.copy_tree("known", 1_400, None).unwrap();
        let mut sent = Vec::new();
        for said in trace.lines().take_while(|said| !said.contains("> RETR")) {
            if said.contains("> PACK SEND") {
                sent.push(line.round_trips_until(said));
            }
        }
        assert!(sent[0] <= 4.1, "{}: {trace}", sent[0]);
        // The first group proves the data connection, and the others wait for that.
        let pauses: Vec<f64> = sent.windows(2).skip(1).map(|two| two[1] - two[0]).collect();
        assert!(pauses.len() >= 4 && pauses.iter().all(|pause| *pause <= 1.6), "{pauses:?}: {trace}");
    });
}

/// Both servers are asked about many files and directories at once, and only those move that differ. One pair of sessions is enough.
/// How many names come with the first bytes of a listing depends on the widths of inode numbers: 30.3 round trips, or one or two more.
#[test]
fn t19_files_that_are_there_already_are_compared_together() {
    with_room(|| {
        let mut line = LongLine::start(false).unwrap();
        let files: Vec<String> = (0..500).map(|number| format!("{}/{number}", number % 2)).collect();
        assert_eq!(line.copy_files("tree/", &files, &[], None).unwrap(), 0);
        let state = tempfile::tempdir().unwrap();
        let unknown = ["--state", state.path().to_str().unwrap(), "-j", "1"];
        for (options, changed, most) in
            [(&unknown[..], 0, 33.0), (&["-j", "1"], 0, 33.0), (&[], 0, 33.0), (&[], 5, 75.0)]
        {
            for number in 0..changed {
                line.change_copy("tree/", &files[number * 90]).unwrap();
            }
            assert_eq!(line.copy_files("tree/", &files, options, None).unwrap(), 0);
            let trace = line.trace().unwrap();
            for column in [trace::SOURCE, trace::DESTINATION] {
                let hashed = trace::commands(&trace, column).filter(|said| said.starts_with("HASH"));
                assert_eq!(hashed.count(), files.len() + changed, "{options:?}: {trace}");
            }
            let sent = trace::commands(&trace, trace::SOURCE).filter(|said| said.starts_with("RETR"));
            assert_eq!(sent.count(), changed, "{options:?}: {trace}");
            let took = line.round_trips_until(trace.lines().last().unwrap());
            assert!(took <= most, "{options:?} {took}: {trace}");
        }
    });
}

/// The first listing has a connection of its own, and those behind it share one. Directories beside each other are asked for at once.
#[test]
fn t19_directories_are_listed_together_over_one_data_connection() {
    for (tls, most) in [(false, 9.0), (true, 15.0)] {
        with_room(|| {
            let mut line = LongLine::start(tls).unwrap();
            assert_eq!(line.copy_files("tree/", &directories(40), &["-j", "1"], None).unwrap(), 0);
            assert_eq!(line.copy_files("tree/", &directories(40), &["-j", "1"], None).unwrap(), 0);
            let trace = line.trace().unwrap();
            let number = |verb: &str| {
                trace::commands(&trace, trace::SOURCE).filter(|said| said.starts_with(verb)).count()
            };
            assert_eq!((number("MLSD"), number("EPSV")), (41, 2), "TLS {tls}: {trace}");
            let last = trace.lines().rfind(|said| said.contains("> MLSD")).unwrap();
            let took = line.round_trips_until(last);
            assert!(took <= most, "TLS {tls}: {took}: {trace}");
        });
    }
}

/// Other people's servers list one directory for each data connection. So several sessions list a tree of which somebody waits for the
/// listing, as many as files may be copied at the same time and as the server permits.
#[test]
fn t19_directories_of_other_servers_are_listed_by_several_sessions() {
    use Manners::{Ours, Proftpd, Vsftpd};
    for (manners, sessions, options, most_logins, most) in [
        (Ours, 0, &[][..], 1, 14.0),
        (Proftpd, 0, &[], 8, 61.0),
        (Vsftpd, 0, &[], 8, 66.0),
        (Proftpd, 0, &["-j", "3"], 3, 121.0),
        // Two more are asked for when the second one is there, and refused.
        (Proftpd, 2, &[], 4, 166.0),
        (Proftpd, 0, &["-j", "1"], 1, 310.0),
    ] {
        with_room(|| {
            let mut line = LongLine::with_sessions(false, sessions).unwrap();
            assert_eq!(line.copy_files("tree", &directories(100), &[], None).unwrap(), 0);
            line.disguise(manners);
            let trace = line.sync("tree", options).unwrap();
            let number = |verb: &str| {
                trace::commands(&trace, trace::SOURCE).filter(|said| said.starts_with(verb)).count()
            };
            let what = format!("{manners:?}, {sessions} sessions, {options:?}");
            let (listings, logins) = (number("MLSD") + number("LIST"), number("PASS"));
            let last =
                trace.lines().rfind(|said| said.contains("> MLSD") || said.contains("> LIST")).unwrap();
            let took = line.round_trips_until(last);
            assert_eq!((listings, logins), (101, most_logins), "{what}: {trace}");
            assert!(took <= most, "{what}: {took}: {trace}");
        });
    }
}

/// A server ends sessions in which nobody asks anything, an `ftp-server` after ten minutes. Those of the walk and of workers without
/// files end before.
#[test]
fn sessions_that_nobody_uses_end_before_their_server_ends_them() {
    with_room(|| {
        let mut line = LongLine::start(false).unwrap();
        line.disguise(Manners::Proftpd);
        line.add_file("tree/large", 6_000_000).unwrap();
        for name in directories(40) {
            line.add_file(&format!("tree/{name}"), 10).unwrap();
        }
        let trace = line.sync("tree", &["--limit", "6k", "-j", "4"]).unwrap();
        let number = |column, verb: &str| {
            trace::commands(&trace, column).filter(|said| said.starts_with(verb)).count()
        };
        let first = trace.lines().find(|said| said.contains("> QUIT")).unwrap();
        let [first, last] = [first, trace.lines().last().unwrap()].map(|said| line.round_trips_until(said));
        assert!(first < 1_000.0 && last > 4_000.0, "{first} {last}: {trace}");
        for column in [trace::SOURCE, trace::DESTINATION] {
            assert!(number(column, "PASS") > 1, "{trace}");
            assert_eq!(number(column, "QUIT"), number(column, "PASS"), "{trace}");
        }
        assert!(!trace.contains("< 421"), "{trace}");
        assert_eq!(number(trace::SOURCE, "MLSD"), 41, "{trace}");
    });
}

/// One file of a tree is large, and the first one. The others go while it moves, also those that are found meanwhile.
#[test]
fn a_large_file_does_not_keep_the_others_waiting() {
    let below = |files: Vec<String>| files.iter().map(|file| format!("d/{file}")).collect::<Vec<_>>();
    let flat: Vec<String> = (0..300).map(|number| format!("d/{number}")).collect();
    for (manners, sends, files, options, least) in [
        (Manners::Ours, false, directories(40), &["--limit", "1M"][..], 40),
        (Manners::Ours, false, below(chain(12)), &["--limit", "1M"], 12),
        (Manners::Ours, false, flat.clone(), &["--limit", "1M"], 300),
        (Manners::Ours, true, flat.clone(), &["--limit", "1M"], 100),
        (Manners::Proftpd, false, flat, &["--limit", "1M"], 40),
        (Manners::Proftpd, false, directories(40), &["--limit", "1M", "-j", "3"], 10),
    ] {
        with_room(|| {
            let mut line = LongLine::start(false).unwrap();
            if sends {
                line.send_from_here();
            }
            line.disguise(manners);
            line.add_file("tree/large", 20_000_000).unwrap();
            assert_eq!(line.copy_files("tree", &files, options, None).unwrap(), 0);
            let trace = line.trace().unwrap();
            let said: Vec<&str> = trace::commands(&trace, trace::DESTINATION).collect();
            let large = said.iter().position(|said| said.starts_with("RNTO") && said.ends_with("/large"));
            let named =
                |said: &&str| match said.strip_prefix("PACK KEEP ").and_then(|rest| rest.split_once(' ')) {
                    Some((_, range)) => {
                        let (first, last) = range.split_once('-').unwrap_or((range, range));
                        last.parse::<usize>().unwrap() + 1 - first.parse::<usize>().unwrap()
                    }
                    None => usize::from(said.starts_with("RNTO")),
                };
            let before: usize = said[..large.unwrap()].iter().map(named).sum();
            assert!(before >= least, "{manners:?}, {sends}, {before} of {}: {trace}", files.len());
        });
    }
}

/// A walk that lists with several sessions leaves some to those who copy.
#[test]
fn n8_a_tree_is_copied_where_other_servers_permit_few_sessions() {
    for sessions in [1, 2, 4, 5] {
        with_room(|| {
            let mut line = LongLine::with_sessions(false, sessions).unwrap();
            line.disguise(Manners::Proftpd);
            let files: Vec<String> = (0..200).map(|number| format!("{}/{number}", number % 60)).collect();
            assert_eq!(line.copy_files("tree", &files, &[], None).unwrap(), 0, "{sessions} sessions");
        });
    }
}

/// A tree of so many directories with a file in each.
fn directories(number: usize) -> Vec<String> {
    (0..number).map(|number| format!("{number}/file")).collect()
}

/// A tree of so many directories, each with a file and the next one in it.
fn chain(number: usize) -> Vec<String> {
    (0..number).map(|depth| format!("{}file", "d/".repeat(depth))).collect()
}

/// The walk has the only session, for longer than a refused session is tried again. Then the files have it.
#[test]
fn n8_a_tree_whose_walk_takes_long_is_copied_where_the_servers_permit_one_session() {
    with_room(|| {
        let mut line = LongLine::with_sessions(false, 1).unwrap();
        assert_eq!(line.copy_files("tree", &chain(60), &[], None).unwrap(), 0);
    });
}

/// What makes a user agent give up soon.
const IMPATIENT: [&str; 4] = ["--timeout", "1s", "--retries", "1"];

/// A connection that a firewall drops counts as a refused session. The server is not given up while another session is open, so a lost
/// one can be replaced.
#[test]
fn n8_a_tree_is_copied_where_a_firewall_drops_all_but_one_session() {
    with_room(|| {
        let mut line = LongLine::start(false).unwrap();
        line.drop_control_connections_beyond(1);
        let cut = Cut { after: Duration::from_secs(10), number: 10, permitted: 1 };
        assert_eq!(line.copy_files("tree", &chain(60), &IMPATIENT, Some(cut)).unwrap(), 0);
        assert!(line.cuts > 0, "nothing was cut");
    });
}

/// Workers whose sessions were lost behind such a firewall leave their files to the one that has a session.
#[test]
fn n8_a_worker_whose_session_cannot_be_replaced_leaves_its_files_to_others() {
    with_room(|| {
        let mut line = LongLine::start(false).unwrap();
        let files: Vec<String> = (0..300).map(|number| number.to_string()).collect();
        let options = [&["-j", "4", "--verify", "size"], &IMPATIENT[..]].concat();
        let cut = Cut { after: Duration::from_secs(20), number: 3, permitted: 1 };
        let failed = line.copy_files("tree", &files, &options, Some(cut)).unwrap();
        assert!(line.cuts == 3 && failed <= 3, "{} cuts, {failed} failed", line.cuts);
    });
}

/// Where a path of an earlier run does not work any more, one file looks for another one after a short time, and the others wait for it.
#[test]
fn t19_a_path_of_an_earlier_run_that_is_closed_is_given_up_soon() {
    for (tls, most) in [(false, 32.0), (true, 39.0)] {
        with_room(|| {
            let mut line = LongLine::start(tls).unwrap();
            line.copy_tree("open", 100, None).unwrap();
            line.close_data_ports_of_destination();
            let trace = line.copy_tree("closed", 100, None).unwrap();
            // The one that looks for a path, twice, and the large one.
            let alone = trace::commands(&trace, trace::SOURCE).filter(|said| said.starts_with("RETR"));
            assert_eq!(alone.count(), 3, "TLS {tls}: {trace}");
            let first = trace.lines().find(|said| said.contains("> RETR")).unwrap();
            assert!(line.round_trips_until(first) <= most, "TLS {tls}: {trace}");
        });
    }
}

/// Files share a data connection that stays open between batches. Whenever it is cut, no file is lost, and one goes alone before the
/// others move together again.
#[test]
fn t19_a_kept_data_connection_that_is_cut_costs_no_file() {
    with_room(|| {
        let mut line = LongLine::start(false).unwrap();
        line.copy_tree("whole", 400, None).unwrap();
        for cut in 5..20 {
            let trace = line.copy_tree(&format!("cut after {cut}"), 400, Some(cut)).unwrap();
            let alone = trace::commands(&trace, trace::SOURCE).filter(|said| said.starts_with("RETR"));
            assert!(alone.count() <= 5, "{trace}");
        }
        assert!(line.cuts >= 5, "{} data connections were cut", line.cuts);
    });
}
