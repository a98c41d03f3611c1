//! A server that is gone is a fact about the server, not about a file: one round of retries for all files.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, user};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The number of connections that a peer has seen.
fn connections(peer: &Peer) -> usize {
    peer.seen().iter().filter(|line| *line == "connected").count()
}

/// The reply to LIST for so many files.
fn listing(files: usize) -> String {
    let lines: Vec<String> =
        (0..files).map(|n| format!("-rw-r--r-- 1 ann ann 1000 Jan 01 2020 f{n:04}")).collect();
    format!("LIST t: 150 opening ; connection ; text {}\\r\\n ; end ; 226 done", lines.join("\\r\\n"))
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_tree_gets_one_round_of_retries() {
    const FILES: usize = 1500;
    let script = format!(
        "{}\nSIZE t: 550 t: not a plain file\nCWD: 250 there\nRETR t/f0003: die\nSIZE t/f*: 213 1000",
        listing(FILES)
    );
    let from = Peer::start("127.0.0.2", &script, MODERN);
    let start = Instant::now();
    let run = user()
        .args(["copy", "--no-race", "-r", "--json", "--retries", "2", "--timeout", "5s", "--verify", "size"])
        .args([&from.url("t"), "d/"])
        .run()
        .exits(9);
    let summary = run.summary();
    assert_eq!((summary["files"].as_u64(), summary["failed"].as_u64()), (Some(3), Some(1497)), "{run}");
    // One for the walk, one for the files, one attempt more for the file, then the round of the outage.
    assert!(connections(&from) <= 2 + 1 + 3, "{} connections: {:?}", connections(&from), from.seen());
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
}

#[test]
fn a_server_that_was_never_there_is_asked_once_unless_retries_are_given() {
    let check = |greeting: &str, arguments: &[&str], expect: usize| {
        let nobody = Peer::start("127.0.0.2", &format!("greet {greeting}"), "");
        let places = ["a", "b", "c"].map(|name| nobody.url(name));
        let run = user().args(["copy", "--no-race", "--json", "--timeout", "5s"]).args(arguments);
        run.args(places).args(["d/"]).run().exits(5);
        assert_eq!(connections(&nobody), expect, "{greeting} {arguments:?}: {:?}", nobody.seen());
    };
    for greeting in ["close", "421 too many ; close"] {
        check(greeting, &[], 1);
        check(greeting, &["--retries", "1"], 2);
    }
    check("close", &["--retries", "0"], 1);
}

#[test]
fn a_port_that_does_not_begin_implicit_tls_is_asked_once() {
    let silent = Peer::start("127.0.0.2", "greet hang", "");
    let place = silent.url("a").replacen("ftp://", "ftps://", 1);
    let run = user().args(["copy", "--no-race", "--timeout", "1s", &place, "d/"]).run().exits(5);
    assert_eq!(connections(&silent), 1, "{run}: {:?}", silent.seen());
    run.says("did not begin TLS in time; is this a port of implicit TLS?").never_says("trying again");
}

#[test]
fn several_sources_of_a_server_that_dies_share_one_round_of_retries() {
    let from = Peer::start("127.0.0.2", "RETR b: die\nSIZE: 213 1000", MODERN);
    let places = ["a", "b", "c", "d", "e"].map(|name| from.url(name));
    let run = user()
        .args(["copy", "--no-race", "--json", "--retries", "2", "--timeout", "5s", "--verify", "size"])
        .args(places)
        .args(["into/"])
        .run()
        .exits(9);
    let summary = run.summary();
    assert_eq!((summary["files"].as_u64(), summary["failed"].as_u64()), (Some(1), Some(4)), "{run}");
    assert!(connections(&from) <= 1 + 1 + 3, "{:?}", from.seen());
}

#[test]
fn a_destination_that_dies_fails_the_rest_of_a_tree_at_once() {
    let to = Peer::start(
        "127.0.0.3",
        "SIZE d: 550 d: not a plain file\nCWD d: 250 there\nCWD /: 250 back\nCWD: 550 no\nMKD: 257 made\nSTOR *: die",
        MODERN,
    );
    let home = user().args([
        "copy",
        "--no-race",
        "-r",
        "--json",
        "--retries",
        "1",
        "--timeout",
        "5s",
        "--verify",
        "none",
    ]);
    let state = tempfile::tempdir().unwrap();
    let home = home.args(["--state", state.path().to_str().unwrap()]);
    let home = (0..40).fold(home, |home, n| home.file(&format!("f{n}"), "x"));
    let run = home.args(["./", &to.url("d/")]).run().exits(5);
    assert!(connections(&to) <= 6, "{:?}", to.seen());
    assert_eq!(run.summary()["failed"], 40, "{run}");
}

/// The source and the event of each file, the last event of a file last.
fn ends_of(run: &Run) -> Vec<(String, &'static str)> {
    let of = |kind| {
        run.events(kind).into_iter().map(move |event| (event["source"].as_str().unwrap().to_owned(), kind))
    };
    of("file").chain(of("failed")).collect()
}

#[test]
fn what_a_destination_has_stored_before_it_dies_is_told_once_as_not_confirmed() {
    const FILES: usize = 20;
    const STORED: usize = 3;
    for verb in ["copy", "move"] {
        let stored = "once STOR *: 150 opening ; connection ; drain ; 226 stored\n".repeat(STORED);
        let rules = format!(
            "SIZE d: 550 d: not a plain file\nCWD d: 250 there\nCWD /: 250 back\nCWD: 550 no\nMKD: 257 made\nSIZE d/F*: 550 no such file\n{stored}STOR *: die"
        );
        let to = Peer::start("127.0.0.3", &rules, MODERN);
        let home = user().args([verb, "--no-race", "-r", "-j", "1", "--retries", "0", "--timeout", "5s"]);
        let home = home.args(["--json", "--verify", "size"]);
        std::fs::create_dir(home.home().join("t")).unwrap();
        let home = (0..FILES).fold(home, |home, n| home.file(&format!("t/f{n:02}"), "x"));
        let run = home.args(["t/", &to.url("d/")]).run().exits(5);
        let summary = run.summary();
        let number = |key: &str| summary[key].as_u64().unwrap_or(0) as usize;
        let counts = ["files", "failed", "unconfirmed", "stays"].map(number);
        assert_eq!(counts, [0, FILES, STORED, 0], "{run}");
        let ends = ends_of(&run);
        let of = |kind| ends.iter().filter(|(_, end)| *end == kind).collect::<BTreeSet<_>>();
        assert_eq!((of("failed").len(), of("file").len()), (FILES, STORED), "{verb}: {run}");
        assert_eq!(ends.len(), FILES + STORED, "each file fails once\n{verb}: {run}");
        // Somebody reads why nobody can tell, also where the files have failed already because their sources stay.
        let run = run.says("stored, but is not confirmed");
        // Something may be there: another run goes on with the job, as a timer with `resume` does.
        let listed =
            user().environment("HOME", run.home().to_str().unwrap()).args(["jobs", "--json"]).run().exits(0);
        assert_eq!(listed.events("job")[0]["state"], "interrupted", "{verb}: {listed}");
    }
}

#[test]
fn a_server_that_does_not_say_how_an_upload_ended_is_waited_for_as_long_as_the_options_say() {
    for (times, seconds) in [(["1s", "2s"], 2), (["2s", "1s"], 2)] {
        let to = Peer::start("127.0.0.3", "STOR: 150 opening ; connection ; drain ; hang", MODERN);
        let [timeout, stall] = times;
        let home = user().args(["copy", "--retries", "0", "--timeout", timeout, "--stall", stall]);
        let run = home.file("f", "x").args(["--verify", "size", "f", &to.url("f")]).run().exits(5);
        run.says(&format!("did not say in {seconds} s how the transfer ended"));
    }
}

#[test]
fn a_deletion_whose_server_dies_says_how_many_names_it_has_deleted_and_how_many_are_undecided() {
    const FILES: usize = 20;
    let rules = format!(
        "{}\nLIST: 150 opening ; connection ; text drwxr-xr-x 1 ann ann 0 Jan 01 2020 t\\r\\n ; end ; 226 done\n\
         SIZE t: 550 t: not a plain file\nSIZE t/f*: 213 1000\nCWD t: enter ; 250 there\nCWD /: enter ; 250 back\nCWD: 550 no\n\
         DELE t/f0003: die\nDELE t/f*: 250 deleted\nDELE: 550 a directory",
        listing(FILES)
    );
    for (verb, done) in [(&["rm", "-r"][..], "files"), (&["sync", "--delete", "s/"], "deleted")] {
        let at = Peer::start("127.0.0.2", &rules, MODERN);
        let home = user().args(verb).args(["--yes", "--json", "--retries", "0", "--timeout", "5s"]);
        std::fs::create_dir(home.home().join("s")).unwrap();
        let run = home.args([&at.url("t")]).run().exits(9);
        let summary = run.summary();
        // The file that was deleted last has failed alone. Those behind it fail together, once.
        let counts = [done, "failed", "undecided"].map(|key| summary[key].as_u64().unwrap_or(0) as usize);
        assert_eq!(counts, [3, 2, FILES - 4], "{run}");
        assert_eq!(run.events("failed").len(), 2, "{run}");
    }
}

#[test]
fn a_name_whose_session_ends_in_its_deletion_is_asked_for_in_the_next_one() {
    const FILES: usize = 6;
    let rules = format!(
        "{}\nLIST: 150 opening ; connection ; text drwxr-xr-x 1 ann ann 0 Jan 01 2020 t\\r\\n ; end ; 226 done\n\
         SIZE t: 550 t: not a plain file\nSIZE t/f*: 213 1000\nCWD t: enter ; 250 there\nCWD /: enter ; 250 back\nCWD: 550 no\n\
         once DELE t/f0003: close\nDELE t/f*: 250 deleted\nDELE: 550 a directory\nRMD: 250 removed",
        listing(FILES)
    );
    let at = Peer::start("127.0.0.2", &rules, MODERN);
    let rm = user().args(["rm", "-r", "--yes", "--json", "--retries", "1", "--timeout", "5s"]);
    let run = rm.args([&at.url("t")]).run().exits(0);
    assert_eq!(run.summary()["files"], FILES, "{run}");
    let asked = at.seen_of(&["DELE"]).into_iter().filter(|line| line.ends_with("f0003")).count();
    assert_eq!(asked, 2, "{:?}", at.seen());
}

#[test]
fn many_failures_of_one_kind_are_told_by_ten_of_them_and_a_number() {
    let to = Peer::start(
        "127.0.0.3",
        "SIZE d: 550 d: not a plain file\nCWD d: 250 there\nCWD /: 250 back\nCWD: 550 no\nMKD: 257 made\nSTOR *: 553 no",
        MODERN,
    );
    let home =
        user().args(["copy", "--no-race", "-r", "--retries", "0", "--timeout", "5s", "--verify", "none"]);
    let state = tempfile::tempdir().unwrap();
    let home = home.args(["--state", state.path().to_str().unwrap()]);
    let home = (0..12).fold(home, |home, n| home.file(&format!("f{n}"), "x"));
    let run = home.args(["./", &to.url("d/")]).run().exits(4).says("refused:").says("and 2 other files");
    let named = (0..12).filter(|n| run.said.lines().any(|line| line.ends_with(&format!("  ./f{n}"))));
    assert_eq!((run.said.matches("cannot copy").count(), named.count()), (1, 9), "{run}");
}

#[test]
fn a_listing_that_breaks_is_retried() {
    let check = |verb: &str, rules: &str, place: &str, retried: &str| {
        let peer = Peer::start("127.0.0.2", rules, MODERN);
        let asked =
            || user().args([verb, "--json", "--retries", "1", "--timeout", "5s"]).args([peer.url(place)]);
        asked().run().exits(0).says("trying again");
        assert_eq!(peer.seen_of(&[retried]).len(), 2, "{:?}", peer.seen());
    };
    let directory = "CWD d: 250 there\nCWD /: 250 back\nSIZE d: 550 d: not a plain file";
    let broken = format!("once LIST: 150 opening ; connection ; close\n{}\n{directory}", listing(2));
    check("ls", &broken.replace("LIST t", "LIST"), "d", "LIST");
    let facts = "250-here\\r\\n type=file;size=5; /a.txt\\r\\n250 end";
    let known = "FEAT: 211-Features\\r\\n MLST type*;size*;\\r\\n211 End";
    check("stat", &format!("{known}\nonce MLST: 450 busy\nMLST: {facts}"), "a.txt", "MLST");
}
