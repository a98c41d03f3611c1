//! Files that a pattern matches, that several sources name, or that a list has: they go through the same workers as the files of
//! a tree.

use crate::workers::slow_destination;
use integration_tests::beside::each_beside;
use integration_tests::site::{Server, Site, sample, target};
use integration_tests::socket::until;
use integration_tests::user::{User, user};
use rustix::process::Signal;
use std::fs;
use std::path::Path;

/// How the files of the directory `d` of a source are named.
#[derive(Clone, Copy, Debug)]
enum Named {
    ByPattern,
    ByList,
    OneByOne,
}

const ALL: [Named; 3] = [Named::ByPattern, Named::ByList, Named::OneByOne];

impl Named {
    /// A run that copies or moves them to the directory `to`. A list is stored in `lists`.
    fn run(self, user: User, words: &[&str], (from, to): (&Server, &str), lists: &Path) -> User {
        let names: Vec<String> = from.names().into_iter().filter(|name| !name.ends_with('/')).collect();
        let run = |user: User| user.args(words);
        match self {
            Self::ByPattern => run(user).args([from.url("d/*"), to.to_owned()]),
            Self::ByList => {
                let line = |name: &String| format!("{}\t{to}{}\n", from.url(name), &name[2..]);
                let list: String = names.iter().map(line).collect();
                let path = lists.join("list");
                fs::write(&path, list).unwrap();
                run(user).args(["--from-file", path.to_str().unwrap()])
            }
            Self::OneByOne => run(user).args(names.iter().map(|name| from.url(name)).chain([to.to_owned()])),
        }
    }
}

/// A source of so many files of so many bytes each.
fn source(count: usize, bytes: usize) -> Server {
    let names = (0..count).map(|number| format!("d/{number}"));
    names.fold(Site::new("source"), |site, name| site.file(&name, sample(bytes))).start()
}

/// Everything of `d` is in `to`, and nothing else is there.
fn is_whole(from: &Server, to: &Server, run: &impl std::fmt::Display) {
    let names: Vec<String> = from.names().iter().map(|name| name.replacen('d', "to", 1)).collect();
    assert_eq!(to.names(), names, "{run}");
    for name in names.iter().filter(|name| !name.ends_with('/')) {
        assert!(to.bytes(name) == from.bytes(&name.replacen("to", "d", 1)), "{name}: {run}");
    }
}

fn logins(server: &Server) -> usize {
    server.running.said().matches("logged in").count()
}

#[test]
fn files_of_a_pattern_of_several_sources_and_of_a_list_are_copied_by_as_many_workers_as_were_asked_for() {
    let lists = tempfile::tempdir().unwrap();
    for named in ALL {
        let (from, to) = (source(40, 300), target());
        let run = named
            .run(user(), &["copy", "-v", "-j", "4"], (&from, &to.url("to/")), lists.path())
            .run()
            .exits(0);
        is_whole(&from, &to, &run.says("copied 40 files").says("verified sha-256"));
        assert_eq!(logins(&to), 4, "{named:?}: {}", to.running.said());
        let to = Site::new("target").at("127.0.0.3").args(["--max-sessions", "2"]).start();
        let run = named
            .run(user(), &["copy", "--json", "-j", "8"], (&from, &to.url("to/")), lists.path())
            .run()
            .exits(0);
        let jobs = run.events("jobs");
        let [found] = jobs.as_slice() else { panic!("{named:?}: {run}") };
        assert_eq!((found["number"].as_u64(), found["reason"].as_str()), (Some(2), Some("refused")), "{run}");
        is_whole(&from, &to, &run);
    }
}

#[test]
fn the_first_failure_ends_a_pattern_or_a_list_that_should_fail_fast() {
    let lists = tempfile::tempdir().unwrap();
    for named in ALL {
        let from = source(48, 300);
        let to = Site::new("target").at("127.0.0.3").directory("to/0/0").directory("to/1/1").start();
        let words = ["copy", "-j", "4", "--fail-fast"];
        let run = named.run(user(), &words, (&from, &to.url("to/")), lists.path()).run().fails();
        assert!(to.names().len() < from.names().len(), "{named:?}: {run}");
        assert!(!to.names().iter().any(|name| name.ends_with(".part")), "{run}");
    }
}

#[test]
fn n8_a_pattern_a_list_and_several_sources_whose_run_was_killed_or_interrupted_go_on_with_resume() {
    // They wait for the destination most of the time.
    let cases = ALL.into_iter().flat_map(|named| [(named, Signal::KILL), (named, Signal::INT)]);
    each_beside(cases, |(named, signal)| goes_on(named, signal));
}

/// A run that ends by `signal` goes on with `resume`.
fn goes_on(named: Named, signal: Signal) {
    // The destination takes nine seconds for all of them.
    const FILES: usize = 140;
    /// How many files may have their names without a word of it in the journal.
    const AHEAD: usize = 50;
    let from = source(FILES, 40_000);
    let (to, netrc) = slow_destination("600KB");
    let (state, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let user = || {
        let user = user().private_file(".netrc", &netrc).here(home.path());
        user.args(["--state", state.path().to_str().unwrap(), "--json"])
    };
    let url = to.url("to/").replace("ann:open%3Asesame@", "eve@");
    let run = named.run(user(), &["copy", "-j", "1"], (&from, &url), home.path()).start();
    let is_final = |name: &str| name.strip_prefix("to/").is_some_and(|last| last.parse::<u32>().is_ok());
    let there = || to.names().iter().filter(|name| is_final(name)).count();
    until("files have their names", || there() >= 20);
    run.running.signal(signal);
    let _home = run.end();
    let before = there();
    assert!(before < FILES, "it was over before {signal:?}");
    let run = user().args(["resume"]).run().exits(0);
    is_whole(&from, &to, &run);
    let sent = run.events("file").iter().filter(|file| file["skipped"] == false).count();
    assert!(sent <= FILES - before + AHEAD, "{named:?}, {signal:?}: {sent} files, {before} before: {run}");
    assert_eq!(run.summary()["files"], FILES, "{run}");
}

#[test]
fn a_move_of_a_pattern_of_several_sources_and_of_a_list_deletes_what_is_verified() {
    let lists = tempfile::tempdir().unwrap();
    for named in ALL {
        let from = source(30, 300);
        // One of them cannot be copied: the name that it would get is that of a directory.
        let to = Site::new("target").at("127.0.0.3").directory("to/7/7").start();
        let run =
            named.run(user(), &["move", "--json"], (&from, &to.url("to/")), lists.path()).run().exits(9);
        assert_eq!(from.names(), ["d/", "d/7"], "{named:?}: {run}");
        assert_eq!((run.summary()["files"].as_u64(), run.summary()["failed"].as_u64()), (Some(29), Some(1)));
        let files = to.names().iter().filter(|name| !name.ends_with('/')).count();
        assert_eq!((files, to.bytes("to/8")), (29, sample(300)), "{run}");
    }
}

#[test]
fn a_line_of_a_list_finds_what_the_lines_before_it_have_made() {
    let (from, to) = (source(3, 300), target());
    let copy = |lines: &[(String, String)]| {
        let list: String = lines.iter().map(|(source, dest)| format!("{source}\t{dest}\n")).collect();
        user().file("list", list).args(["copy", "-r", "--json", "--from-file", "list"]).run()
    };
    // A copy within one server, and the way back between two.
    let run = copy(&[
        (from.url("d/0"), from.url("d/x")),
        (from.url("d/x"), from.url("d/y")),
        (from.url("d/y"), to.url("z")),
        (to.url("z"), from.url("d/back")),
    ]);
    assert_eq!(run.exits(0).summary()["files"], 4);
    assert_eq!((to.names(), from.bytes("d/back")), (vec!["z".to_owned()], sample(300)));
    // Directories that lines before have made, as destinations and as trees.
    let run = copy(&[
        (from.url("d/0"), to.url("new/")),
        (from.url("d/1"), to.url("new")),
        (from.url("d/2"), to.url("a/b/c")),
        (from.url("d/1"), to.url("a/b")),
        (from.url("d/"), to.url("tree")),
        (from.url("d/none"), to.url("none")),
        (from.url("d/0"), to.url("tree/last")),
    ]);
    let run = run.exits(9);
    assert_eq!(run.summary()["failed"], 1, "{run}");
    let names = to.names();
    let names: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !name.starts_with("tree/")).collect();
    assert_eq!(names, ["a/", "a/b/", "a/b/1", "a/b/c", "new/", "new/0", "new/1", "z"], "{run}");
    assert_eq!((to.bytes("tree/back"), to.bytes("tree/last")), (sample(300), sample(300)), "{run}");
}
