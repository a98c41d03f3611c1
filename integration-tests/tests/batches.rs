//! Small files of a tree that move together between two of our servers, over one data connection (MODE B).

use crate::workers::slow_destination;
use integration_tests::beside::each_beside;
use integration_tests::site::{PASSWORD, Server, Site, is_whole, sample, target};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use rustix::process::Signal;
use std::fs;
use std::time::{Duration, SystemTime};

fn tree(count: usize) -> Server {
    tree_at(Site::new("source"), count)
}

/// A site with a tree of small files in three directories.
pub(crate) fn tree_at(site: Site, count: usize) -> Server {
    let names = (0..count).map(|number| format!("tree/{}/{number}", number % 3));
    let site = names.fold(site, |site, name| {
        let bytes = sample(name.len() * 100);
        site.file(&name, bytes)
    });
    site.directory("tree/empty").start()
}

/// Copies the tree, and returns the trace.
fn copy(from: &Server, to: &Server, args: &[&str]) -> (Run, String) {
    copy_between([from.url("tree"), to.url("")], args)
}

/// Copies one file after the other, or several together, by one worker, and returns the trace.
pub(crate) fn copy_between(urls: [String; 2], args: &[&str]) -> (Run, String) {
    run_between("copy", urls, args)
}

/// The same with another verb.
pub(crate) fn run_between(verb: &str, urls: [String; 2], args: &[&str]) -> (Run, String) {
    let home = tempfile::tempdir().unwrap();
    let trace = home.path().join("trace");
    let run = user().args(["--trace", trace.to_str().unwrap(), "--json", verb, "-r", "-j", "1"]);
    let run = run.args(args).args(urls).run();
    let trace = fs::read_to_string(trace).unwrap();
    (run, trace)
}

#[test]
fn small_files_move_together_and_are_verified_and_named() {
    let (from, to) = (tree(120), target());
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in from.names().iter().filter(|name| !name.ends_with('/')) {
        fs::File::options().write(true).open(from.path(name)).unwrap().set_modified(old).unwrap();
    }
    let (run, trace) = copy(&from, &to, &[]);
    let run = run.exits(0);
    is_whole(&from, &to, &run);
    let files = run.events("file");
    assert_eq!(files.len(), 120, "{run}");
    assert!(files.iter().all(|file| file["verified"] == "sha-256"), "{run}");
    for name in from.names().iter().filter(|name| !name.ends_with('/')) {
        assert_eq!(fs::metadata(to.path(name)).unwrap().modified().unwrap(), old, "{name}");
    }
    // A few files go alone before and at the borders of directories.
    let count = |words: &str| trace.matches(words).count();
    assert!(count("> MODE B") >= 2, "{trace}");
    assert!(count("> LSTN") < 12, "{} connections: {trace}", count("> LSTN"));
    // Nothing needs another data connection in the end.
    assert!(count("> MODE S") < count("> MODE B"), "{trace}");
    // Three directories: a command for many files, and none of its own for most of them.
    let packs = [count("> PACK SEND"), count("> PACK STORE"), count("> PACK KEEP")];
    assert!((3..20).contains(&packs[0]) && packs == [packs[0]; 3], "{packs:?}: {trace}");
    assert!(count("> STOR ") < 20 && count("> PACK DROP") == 0, "{trace}");
}

#[test]
fn directories_of_a_tree_are_made_and_get_their_times_without_a_round_trip_each() {
    let names = (0..40).map(|number| format!("tree/{number}/file"));
    let from = names.fold(Site::new("source"), |site, name| site.file(&name, "file")).start();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in from.names().iter().filter(|name| name.ends_with('/')) {
        fs::File::open(from.path(name)).unwrap().set_modified(old).unwrap();
    }
    let to = target();
    let (run, trace) = copy(&from, &to, &[]);
    let run = run.exits(0);
    is_whole(&from, &to, &run);
    for name in from.names().iter().filter(|name| name.ends_with('/')) {
        assert_eq!(fs::metadata(to.path(name)).unwrap().modified().unwrap(), old, "{name}: {run}");
    }
    // The second one of two is sent before the reply to the first one.
    for (verb, reply) in [("> MKD ", "< 257 "), ("> MFMT ", "< 213 ")] {
        let said: Vec<bool> = trace
            .lines()
            .filter(|line| line.contains(verb) || line.contains(reply))
            .map(|line| line.contains(verb))
            .collect();
        let together = said.windows(2).filter(|two| two[0] && two[1]).count();
        assert!(together >= 10, "{verb} {together}: {trace}");
    }
}

#[test]
fn n16_inside_tls_small_files_move_together_over_one_private_connection() {
    let from = tree_at(Site::new("source").tls(), 120);
    let to = Site::new("target").at("127.0.0.3").tls().start();
    let urls = [from.explicit_url("tree"), to.implicit_url("")];
    let (run, trace) = copy_between(urls, &["--trust", "new"]);
    let run = run.exits(0);
    is_whole(&from, &to, &run);
    let files = run.events("file");
    assert_eq!(files.len(), 120, "{run}");
    assert!(files.iter().all(|file| file["verified"] == "sha-256"), "{run}");
    assert_eq!(run.summary()["protection"], "private", "{run}");
    let count = |words: &str| trace.matches(words).count();
    assert!(count("> MODE B") >= 2 && count("> PINC SHA-256") >= 2, "{trace}");
    assert!(count("> LSTN") < 12, "{} connections: {trace}", count("> LSTN"));
    // One end is the client for the whole tree, and nothing goes in clear.
    assert_eq!((count("> SSCN ON"), count("> PROT C")), (1, 0), "{trace}");
}

#[test]
fn i02_a_batch_goes_in_clear_from_a_server_inside_tls_only_where_that_is_permitted() {
    let from = tree_at(Site::new("source").tls(), 24);
    let to = target();
    let urls = || [from.explicit_url("tree"), to.url("")];
    let (run, trace) = copy_between(urls(), &["--trust", "new", "--allow-clear-data"]);
    let run = run.exits(0);
    is_whole(&from, &to, &run);
    assert!(trace.contains("> MODE B") && trace.contains("> PROT C"), "{trace}");
    let (run, trace) = copy_between(urls(), &["--trust", "new", "--overwrite", "always"]);
    let run = run.exits(0);
    is_whole(&from, &to, &run);
    // Otherwise it passes this host, in TLS up to here.
    assert!(!trace.contains("> PROT C") && run.summary()["path"] == "user", "{trace}");
}

#[test]
fn a_batch_leaves_what_is_there_to_the_overwrite_rule() {
    let from = tree(40);
    let other = || {
        let to = Site::new("target").at("127.0.0.3").directory("tree/0/6").file("tree/1/4", b"other");
        to.file("tree/0/3", from.bytes("tree/0/3")).start()
    };
    let to = other();
    let (run, trace) = copy(&from, &to, &[]);
    // A directory has the name of one file.
    let run = run.fails().says("tree/0/6");
    assert!(trace.contains("> MODE B"), "{trace}");
    assert_eq!((run.events("file").len(), run.events("failed").len()), (39, 1), "{run}");
    let skipped = run.events("file").into_iter().filter(|file| file["skipped"] == true);
    assert!(
        skipped.map(|file| file["source"].to_string()).eq([format!("\"{}\"", shown(&from, "tree/0/3"))]),
        "{run}"
    );
    assert!(to.bytes("tree/1/4") == from.bytes("tree/1/4"), "{run}");

    let to = other();
    let run = copy(&from, &to, &["--overwrite", "never"]).0.fails().says("exists");
    assert_eq!(run.events("failed").len(), 3, "{run}");
    assert_eq!(to.bytes("tree/1/4"), b"other", "{run}");
    assert!(!to.names().iter().any(|name| name.ends_with(".part")), "{run}");
}

/// How reports show a place at the source.
fn shown(server: &Server, path: &str) -> String {
    server.url(path).replace(&format!(":{}@", PASSWORD.replace(':', "%3A")), "@")
}

#[test]
fn n8_a_batch_whose_coordinator_is_killed_or_interrupted_goes_on_with_resume() {
    each_beside([Signal::KILL, Signal::INT], |signal| {
        // What the destination takes from its user in nine seconds: the end comes long before the last file, also where
        // this test has to wait for a processor, and although half a hundred files are ahead of the replies.
        const FILES: usize = 140;
        /// How many files may have their names without a word of it in the journal, where the user agent waits for a processor.
        const AHEAD: usize = 50;
        let names = (0..FILES).map(|number| format!("tree/{number}"));
        let from = names.fold(Site::new("source"), |site, name| site.file(&name, sample(40_000))).start();
        let (to, netrc) = slow_destination("600KB");
        let state = tempfile::tempdir().unwrap();
        let trace = state.path().join("trace");
        let user = || {
            let state =
                ["--state", state.path().to_str().unwrap(), "--json", "--trace", trace.to_str().unwrap()];
            user().private_file(".netrc", &netrc).args(state)
        };
        let url = to.url("").replace("ann:open%3Asesame@", "eve@");
        let run = user().args(["copy", "-r", "-j", "1", &from.url("tree"), &url]).start();
        // What waits for its name stands in a directory of its own.
        let is_final =
            |name: &str| name.strip_prefix("tree/").is_some_and(|last| last.parse::<usize>().is_ok());
        let named = |to: &Server| to.names().iter().filter(|name| is_final(name)).count();
        let is_batch = || fs::read_to_string(&trace).unwrap_or_default().contains("> MODE B");
        until("files of a batch have their names", || named(&to) >= 20 && is_batch());
        run.running.signal(signal);
        let _home = run.end();
        let before = named(&to);
        assert!(before < FILES, "it was over before {signal:?}");
        let run = user().args(["resume"]).run().exits(0);
        is_whole(&from, &to, &run);
        // What has its name is not sent again, except for what was named just before the end.
        let sent = run.events("file").iter().filter(|file| file["skipped"] == false).count();
        assert!(sent <= FILES - before + AHEAD, "{sent} files, {before} before {signal:?}: {run}");
    });
}

#[test]
fn n8_a_tree_whose_coordinator_ends_while_directories_are_made_at_once_is_whole_when_it_is_typed_again() {
    for signal in [Signal::KILL, Signal::INT] {
        let names = (0..200).map(|number| format!("tree/{number}/{}/file", number % 2));
        let from = names.fold(Site::new("source"), |site, name| site.file(&name, "file")).start();
        let (to, state) = (target(), tempfile::tempdir().unwrap());
        let user = || user().args(["--json", "--state", state.path().to_str().unwrap()]);
        let [tree, top] = [from.url("tree"), to.url("")];
        let copy = ["copy", "-r", "-j", "1", &tree, &top];
        let run = user().args(copy).start();
        until("directories are there", || to.names().len() >= 10);
        run.running.signal(signal);
        let first = run.end();
        // A job that has begun no file is not resumed.
        let run = user().args(copy).run().exits(0);
        assert_eq!(to.names(), from.names(), "{signal:?} {first}\n{run}");
    }
}

#[test]
fn n8_t7_files_of_a_killed_tree_that_were_only_claimed_move_in_groups_when_it_is_resumed() {
    // What the destination takes from its user in seconds: see above.
    const FILES: usize = 500;
    let names = (0..FILES).map(|number| format!("tree/{number}"));
    let from = names.fold(Site::new("source"), |site, name| site.file(&name, sample(1000))).start();
    let (to, netrc) = slow_destination("100KB");
    let state = tempfile::tempdir().unwrap();
    let trace = state.path().join("trace");
    let user = || {
        let state = ["--state", state.path().to_str().unwrap(), "--json", "--trace", trace.to_str().unwrap()];
        user().private_file(".netrc", &netrc).args(state)
    };
    let url = to.url("").replace("ann:open%3Asesame@", "eve@");
    let run = user().args(["copy", "-r", "-j", "1", &from.url("tree"), &url]).start();
    let is_final = |name: &str| name.strip_prefix("tree/").is_some_and(|last| last.parse::<usize>().is_ok());
    let named = || to.names().iter().filter(|name| is_final(name)).count();
    until("files have their names", || named() >= 50);
    let _home = run.kill();
    let before = named();
    assert!(before < FILES - 100, "it was nearly over: {before}");
    fs::remove_file(&trace).unwrap();
    let run = user().args(["resume"]).run().exits(0);
    is_whole(&from, &to, &run);
    let trace = fs::read_to_string(&trace).unwrap();
    let alone = trace.matches("> STOR ").count();
    assert!(alone <= 20, "{alone} went alone, {before} had their names: {run}");
}

#[test]
fn a_move_of_small_files_whose_names_are_taken_ends_in_order() {
    const FILES: usize = 150;
    // The first file finds the path. Of the others none is free, or the last one, or one here and there.
    let is_free: [fn(usize) -> bool; 3] = [|n| n < 3, |n| n < 3 || n == FILES - 1, |n| n % 40 < 3];
    for (path, is_free) in ["direct", "user"].iter().flat_map(|path| is_free.map(|is_free| (path, is_free))) {
        let from = tree(FILES);
        let name = |number: usize| format!("tree/{}/{number}", number % 3);
        let taken = (0..FILES).filter(|number| !is_free(*number));
        let to = Site::new("target").at("127.0.0.3");
        let to = taken.clone().fold(to, |to, number| to.file(&name(number), "theirs")).start();
        let urls = [from.url("tree"), to.url("")];
        let (run, trace) = run_between("move", urls, &["--overwrite", "never", "--path", path]);
        let run = run.fails().says("exists");
        let taken: Vec<usize> = taken.collect();
        assert_eq!(run.events("failed").len(), taken.len(), "{path}: {run}");
        assert!(taken.iter().all(|number| to.bytes(&name(*number)) == b"theirs"), "{path}: {run}");
        assert_eq!(from.names().iter().filter(|name| !name.ends_with('/')).count(), taken.len(), "{run}");
        // No session was given up.
        let (_, after) = trace.split_once("> PACK").unwrap();
        assert!(!after.contains("> USER"), "{path}: {trace}");
    }
}

#[test]
fn n8_what_a_killed_move_has_given_its_name_is_moved_and_not_already_there_when_it_is_resumed() {
    each_beside([Signal::KILL, Signal::INT], |signal| {
        const FILES: usize = 120;
        let names = (0..FILES).map(|number| format!("tree/{number}"));
        let from = names.fold(Site::new("source"), |site, name| site.file(&name, sample(40_000))).start();
        let (to, netrc) = slow_destination("600KB");
        // What was there before is not this job's.
        fs::create_dir(to.path("tree")).unwrap();
        fs::write(to.path("tree/7"), sample(40_000)).unwrap();
        let state = tempfile::tempdir().unwrap();
        let user = || {
            let state = ["--state", state.path().to_str().unwrap(), "--json"];
            user().private_file(".netrc", &netrc).args(state)
        };
        let url = to.url("").replace("ann:open%3Asesame@", "eve@");
        let run = user().args(["move", "-r", "-j", "1", &from.url("tree"), &url]).start();
        until("files of a batch have their names", || {
            to.names().iter().filter(|name| !name.ends_with(".part")).count() >= 20
        });
        run.running.signal(signal);
        let first = run.end();
        let run = user().args(["resume"]).run().exits(0);
        assert_eq!(from.names(), [""; 0], "{signal:?} {run}");
        let skipped: Vec<String> = run
            .events("file")
            .into_iter()
            .filter(|file| file["skipped"] == true)
            .map(|file| file["source"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect();
        let told = first.events("file").iter().any(|file| file["source"].as_str().unwrap().ends_with("/7"));
        assert!(skipped == ["7"] || (told && skipped.is_empty()), "{signal:?}: {skipped:?} {first} {run}");
        assert_eq!(run.summary()["files"], run.events("file").len(), "{run}");
    });
}
