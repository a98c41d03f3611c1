//! What signals do to a run of the user agent: it cleans up before it ends.

use integration_tests::binary::Program;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::user::{Started, User, is_hangup_ignored, user, user_at};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;

/// A destination that has stored the file and does this when HASH comes.
fn destination(hash: &str) -> Peer {
    let able = "FEAT: 211-F\\r\\n SIZE\\r\\n HASH SHA-256*\\r\\n211 End\nOPTS: 200 noted";
    Peer::start("127.0.0.3", &format!("SIZE b.txt: 550 No such file\n{able}\nHASH: {hash}\n{MODERN}"), MODERN)
}

fn copying(run: User, to: &Peer) -> Started {
    let run = run.file("a.txt", "hello").args(["copy", "a.txt", &to.url("b.txt")]).start();
    to.wait_for("HASH");
    run
}

#[test]
fn every_signal_that_ends_a_run_leaves_nothing_at_the_destination() {
    let ignored = is_hangup_ignored();
    for signal in [Signal::HUP, Signal::TERM, Signal::INT].into_iter().skip(usize::from(ignored)) {
        let to = destination("await ABOR");
        let run = copying(user(), &to);
        run.running.signal(signal);
        let run = run.end().exits(10).says("interrupted").never_says("failed");
        assert_eq!((to.seen_of(&["DELE"]).len(), to.seen_of(&["RNTO"]).len()), (1, 0), "{signal:?}: {run}");
    }
}

#[test]
fn a_run_that_was_started_with_sighup_ignored_goes_on() {
    let to = destination(&format!("pause 700 ; 213 SHA-256 0-5 {HELLO} b.txt"));
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("nohup");
    let program = Program::User.path();
    std::fs::write(&script, format!("#!/bin/sh\ntrap '' HUP\nexec '{}' \"$@\"\n", program.display()))
        .unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let run = copying(user_at(&script), &to);
    run.running.signal(Signal::HUP);
    drop(run.end().exits(0).says("verified sha-256"));
}

/// The SHA-256 of `hello`.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
