//! What candidates have stored under names of their own is gone at the end of the run, whatever the destination does, or
//! the run says that it is not.

use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Run, user};
use std::collections::BTreeSet;

const DESTINATION: &str = "SIZE b.txt: 550 no such file\nMLST: 500 no\nCWD b.txt: 550 no directory\nCWD: 250 there\n\
    STOR: await ABOR\nABOR: silent\nNOOP: silent";

/// Two candidates run until nothing has moved for too long. The destination, which has these rules too, does not answer
/// ABOR in any session.
fn two_stall(rules: &str) -> (Peer, Run) {
    let source = "SIZE a.txt: 213 1000\nMLST: 500 no\nCWD a.txt: 550 no directory\n\
        RETR: 150 opening ; await ABOR\nABOR: 426 stopped ; 226 aborted";
    let from = Peer::start("127.0.0.2", source, MODERN);
    let to = Peer::start("127.0.0.3", &format!("{rules}\n{DESTINATION}"), MODERN);
    let run = user()
        .args(["copy", "--path", "direct", "--retries", "0", "--timeout", "10s", "--stall", "3s"])
        .args([from.url("a.txt"), to.url("b.txt")])
        .run();
    for peer in [&from, &to] {
        peer.wait_for_the_end_of_all();
    }
    (to, run.exits(5))
}

/// The names with which the destination got that command.
fn named(to: &Peer, verb: &str) -> BTreeSet<String> {
    to.seen_of(&[verb]).iter().map(|line| line[verb.len() + 1..].to_owned()).collect()
}

#[test]
fn h20_the_parts_of_all_candidates_are_removed_where_no_abort_is_answered() {
    let (to, run) = two_stall("");
    let stored = named(&to, "STOR");
    assert_eq!(stored.len(), 2, "each candidate has its own name\n{run}");
    assert_eq!(named(&to, "DELE"), stored, "{run}");
    run.never_says("may still be there");
}

#[test]
fn h20_a_server_that_is_slow_to_release_a_file_is_asked_again_before_the_run_ends() {
    let (to, run) = two_stall("once DELE: 450 file busy\nonce DELE: 450 file busy");
    let stored = named(&to, "STOR");
    assert_eq!((stored.len(), named(&to, "DELE")), (2, stored.clone()), "{run}");
    assert_eq!(to.seen_of(&["DELE"]).len(), 4, "{:?}\n{run}", to.seen_of(&["DELE"]));
    run.never_says("may still be there");
}

#[test]
fn h20_a_file_that_a_deaf_session_makes_late_is_removed_as_well() {
    let missing = "once DELE: 550 No such file";
    let (to, run) = two_stall(&format!("{missing}\n{missing}\n{missing}"));
    let stored = named(&to, "STOR");
    assert_eq!((stored.len(), named(&to, "DELE")), (2, stored.clone()), "{run}");
    assert_eq!(to.seen_of(&["DELE"]).len(), 5, "{:?}\n{run}", to.seen_of(&["DELE"]));
    run.never_says("may still be there");
}

#[test]
fn h20_a_file_that_a_deaf_session_may_still_make_after_the_run_is_named() {
    let (to, run) = two_stall("DELE: 550 No such file");
    let stored = named(&to, "STOR");
    assert_eq!((stored.len(), named(&to, "DELE")), (2, stored.clone()), "{run}");
    let told: Vec<&str> = run.said.lines().filter(|line| line.contains("may still be there")).collect();
    assert!(
        stored.iter().all(|name| told.iter().any(|line| line.contains(name.as_str()))),
        "{told:?}\n{run}"
    );
}

#[test]
fn h20_parts_that_cannot_be_removed_are_named() {
    let (to, run) = two_stall("DELE: 550 Permission denied");
    let stored = named(&to, "STOR");
    assert_eq!((stored.len(), named(&to, "DELE")), (2, stored.clone()), "{run}");
    for name in stored {
        let told =
            run.said.lines().filter(|line| line.contains(&name) && line.contains("may still be there"));
        assert_eq!(told.count(), 1, "{name} is told once\n{run}");
    }
}

#[test]
fn nothing_is_left_of_an_upload_that_was_refused_before_it_began() {
    let rules = "SIZE: 550 no such file\nMLST: 500 no\nCWD b.txt: 550 no directory\nCWD: 250 there\n\
        STOR: 550 This account may only read\nDELE: 550 This account may only read";
    let to = Peer::start("127.0.0.3", rules, MODERN);
    let state = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let run = user()
            .file("a.txt", "content")
            .args(["--state".as_ref(), state.path().as_os_str()])
            .args(["copy", "--retries", "0", "a.txt", &to.url("b.txt")])
            .run()
            .exits(4);
        run.says("This account may only read").never_says("may still be there");
    }
    assert_eq!(to.seen_of(&["STOR"]).len(), 2);
    assert_eq!(to.seen_of(&["DELE"]).len(), 0, "{:?}", to.seen_of(&["DELE"]));
}

#[test]
fn a_server_that_neither_renames_nor_deletes_gets_one_file_of_a_tree_and_no_more() {
    let rules = "SIZE: 550 no such file\nMLST: 500 no\nCWD *.txt: 550 no directory\nCWD: 250 there\nRNFR: 550 not permitted\n\
        DELE: 550 not permitted\nSTOR: 150 opening ; connection ; drain ; 226 stored";
    let to = Peer::start("127.0.0.3", rules, MODERN);
    let here = user();
    std::fs::create_dir(here.home().join("t")).unwrap();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"] {
        std::fs::write(here.home().join("t").join(name), "content").unwrap();
    }
    let run = here
        .args(["copy", "-r", "--jobs", "1", "--retries", "0", "--verify", "none", "--no-times", "t/"])
        .args([to.url("u/")])
        .run()
        .exits(4);
    let stored = named(&to, "STOR");
    assert_eq!(stored.len(), 1, "{stored:?}\n{run}");
    assert_eq!(run.said.matches("may still be there").count(), 1, "{run}");
    assert_eq!(run.said.matches("nothing more is sent there").count(), 1, "{run}");
    run.says("the rights to rename and to delete").says("was not copied");
}
