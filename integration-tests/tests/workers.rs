//! Several files of a tree at the same time, each on sessions of its own.

use crate::accounts::user as account;
use crate::batches::tree_at;
use crate::progress::with_three_files;
use integration_tests::beside::each_beside;
use integration_tests::delay::Delayed;
use integration_tests::site::{PASSWORD, Server, Site, is_whole, sample, target};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use rustix::process::Signal;
use std::time::Duration;

fn tree() -> Server {
    tree_at(Site::new("source"), 48)
}

fn copy(from: &Server, to: &Server, args: &[&str]) -> Run {
    user().args(["copy", "-r", "-v"]).args(args).args([from.url("tree"), to.url("")]).run()
}

fn logins(server: &Server) -> usize {
    server.running.said().matches("logged in").count()
}

#[test]
fn a_tree_is_copied_by_as_many_workers_as_were_asked_for() {
    let (from, to) = (tree(), target());
    copy(&from, &to, &["-j", "4"]).exits(0).says("copied 48 files").says("verified sha-256");
    is_whole(&from, &to, &"");
    // One session for each worker. At the source the walk has one, which a worker gets if the walk ends early.
    assert_eq!(logins(&to), 4, "{}", to.running.said());
    assert!((4..=5).contains(&logins(&from)), "{}", from.running.said());
}

#[test]
fn one_job_uses_one_pair_of_sessions() {
    let (from, to) = (tree(), target());
    copy(&from, &to, &["--jobs", "1"]).exits(0);
    is_whole(&from, &to, &"");
    assert_eq!((logins(&from), logins(&to)), (2, 1));
}

#[test]
fn a_server_that_refuses_more_sessions_gets_the_tree_by_fewer() {
    let (from, to) = (tree(), Site::new("target").at("127.0.0.3").args(["--max-sessions", "2"]).start());
    let run = copy(&from, &to, &["-j", "8"]).exits(0);
    run.says("2 files at the same time: a server permits no more sessions").says("copied 48 files");
    is_whole(&from, &to, &"");
}

#[test]
fn the_number_of_workers_and_its_reason_are_an_event() {
    let (from, to) = (tree(), Site::new("target").at("127.0.0.3").args(["--max-sessions", "2"]).start());
    let run = copy(&from, &to, &["-j", "8", "--json"]).exits(0);
    let jobs = run.events("jobs");
    let [found] = jobs.as_slice() else { panic!("{run}") };
    assert_eq!((found["number"].as_u64(), found["reason"].as_str()), (Some(2), Some("refused")), "{run}");
    assert!(found["why"].as_str().unwrap().starts_with("a server permits no more sessions: "), "{run}");
    // Nothing is found out where the user has named the number.
    let (from, to) = (tree(), target());
    let run = copy(&from, &to, &["-j", "2", "--json"]).exits(0);
    assert!(run.events("jobs").is_empty(), "{run}");
}

/// Copies files between two servers that are far away, and returns the number that the copy has found.
fn found_far_away() -> (usize, Run) {
    // They are too large to move together.
    let names = (0..120).map(|number| format!("tree/{number}"));
    let from = names.fold(Site::new("source"), |site, name| site.file(&name, sample(300_000))).start();
    let to = target();
    let urls = [from.url("tree"), to.url("")].map(|url| Delayed::url(&url, Duration::from_millis(40)));
    let run = user().args(["copy", "-r", "--verify", "size", "--json"]).args(urls).run().exits(0);
    is_whole(&from, &to, &"");
    let jobs = run.events("jobs");
    let found = jobs.first().filter(|jobs| matches!(jobs["reason"].as_str(), Some("most" | "no-faster")));
    let number =
        found.and_then(|jobs| jobs["number"].as_u64()).map_or(0, |number| number.try_into().unwrap());
    assert!(logins(&to) >= number, "{run}");
    (number, run)
}

#[test]
fn n15_jobs_auto_finds_by_measuring_that_several_files_at_a_time_are_faster() {
    // While one waits for a reply, another one moves. A machine under load can hide that; nothing else can show it.
    let mut shown = found_far_away();
    for _ in 0..3 {
        if shown.0 > 1 {
            return;
        }
        shown = found_far_away();
    }
    panic!("{}", shown.1);
}

#[test]
fn the_first_failure_ends_a_tree_that_should_fail_fast() {
    let from = tree();
    let to = Site::new("target").at("127.0.0.3").directory("tree/0/0").directory("tree/1/1").start();
    let run = copy(&from, &to, &["-j", "4", "--fail-fast"]).fails();
    assert!(to.names().len() < from.names().len(), "{run}");
    assert!(!to.names().iter().any(|name| name.ends_with(".part")), "{run}");
}

/// A destination that takes no more than this from its user eve, and `.netrc` for a copy from 127.0.0.2 to it.
pub(crate) fn slow_destination(rate: &str) -> (Server, String) {
    let config = account("eve", "x", &format!("rate-up = \"{rate}\""));
    let to = Site::new("target").at("127.0.0.3").config(&config).start();
    let netrc =
        format!("machine 127.0.0.2 login ann password {PASSWORD}\nmachine 127.0.0.3 login eve password x\n");
    (to, netrc)
}

#[test]
fn n8_a_tree_with_a_file_under_way_at_each_of_several_workers_goes_on_after_ctrl_c_and_after_a_kill() {
    each_beside([Signal::INT, Signal::KILL], |signal| {
        let names = (0..8).map(|number| format!("tree/{number}"));
        let from = names.fold(Site::new("source"), |site, name| site.file(&name, sample(1_000_000))).start();
        // So slow that every worker has a file under way.
        let (to, netrc) = slow_destination("500KB");
        let state = tempfile::tempdir().unwrap();
        let user = || user().private_file(".netrc", &netrc).args(["--state", state.path().to_str().unwrap()]);
        let url = to.url("").replace("ann:open%3Asesame@", "eve@");
        let run = user().args(["copy", "-r", "-j", "4", &from.url("tree"), &url]).start();
        let parts = |to: &Server| to.names().iter().filter(|name| name.ends_with(".part")).count();
        until("a second worker has begun", || parts(&to) >= 2);
        run.running.signal(signal);
        let _home = run.end();
        user().args(["resume"]).run().exits(0);
        is_whole(&from, &to, &"");
    });
}

#[test]
fn numbers_of_workers_that_cannot_be_are_refused() {
    for jobs in ["0", "65", "x", ""] {
        let run = user().args(["copy", "--jobs", jobs, "ftp://a/x", "ftp://b/y"]).run();
        run.exits(2).says("between 1 and 64");
    }
}

/// Copies three files from a server that does this when it is asked for the second one, with one pair of sessions.
fn with_one_that_hangs(address: &str, hangs: &str) {
    let from = with_three_files(address, hangs);
    let run = user().args(["copy", "-r", "-j", "1", "--json"]);
    let run = run.args(["--retries", "0", "--timeout", "3s", "--stall", "2s"]);
    let run = run.args([&from.url("t/"), "./to"]).run().exits(9);
    let copied = run.events("file").into_iter().map(|file| file["dest"].as_str().unwrap().to_owned());
    let copied: Vec<String> = copied.map(|dest| dest.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(copied, ["a", "c"], "{hangs}: {run}");
    assert_eq!(run.summary()["failed"], 1, "{hangs}: {run}");
}

#[test]
fn one_file_whose_server_hangs_keeps_no_other_from_one_pair_of_sessions() {
    let hangs = [("127.0.0.2", "hang"), ("127.0.0.3", "150 opening ; accept ; data 700 ; await ABOR")];
    let runs = hangs.map(|(at, hangs)| std::thread::spawn(move || with_one_that_hangs(at, hangs)));
    for run in runs {
        run.join().unwrap();
    }
}
