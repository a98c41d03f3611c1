//! A24: what becomes of a session whose client has ended the control connection.

use super::Harness;
use super::harness::{FOREIGN, OWN, both, modern, open_to_all, seconds};
use crate::dialect::Dialect;
use crate::server::ask::{End, Input};

/// A file is being received from the user's own host.
fn receiving(mut h: Harness, command: &str) -> Harness {
    let port = h.port("PASV");
    h.arrive(port, &format!("{OWN}:7000"));
    h.say(command);
    assert!(h.is_moving());
    h.did();
    h
}

#[test]
fn a24_a_file_that_is_being_received_is_received_to_its_end() {
    for h in both() {
        let mut h = receiving(h, "STOR c");
        h.input(Input::HungUp);
        assert!(!h.closed);
        assert_eq!(h.did(), ["doubt None"]);
        h.finish(7, End::Whole);
        assert!(h.closed);
    }
}

#[test]
fn a24_allo_tells_how_many_bytes_are_the_whole_file() {
    let mut h = modern();
    h.check("ALLO 1000", &["202"]);
    let mut h = receiving(h, "STOR c");
    h.input(Input::HungUp);
    assert_eq!(h.did(), ["doubt Some(1000)"]);
    // It holds for one file.
    let mut h = modern();
    h.check("ALLO 1000", &["202"]);
    let mut h = receiving(h, "STOR c");
    h.finish(1000, End::Whole);
    let mut h = receiving(h, "STOR d");
    h.input(Input::HungUp);
    assert_eq!(h.did(), ["doubt None"]);
}

#[test]
fn a24_what_shows_its_own_end_or_is_written_in_place_is_not_doubted() {
    let mut block = modern();
    block.check("MODE B", &["200"]);
    let mut at = modern();
    at.check("REST 3", &["350"]);
    for (h, command) in [(block, "STOR c"), (at, "STOR b"), (modern(), "APPE c")] {
        let mut h = receiving(h, command);
        h.input(Input::HungUp);
        assert_eq!(h.did(), Vec::<String>::new(), "{command}");
        assert!(!h.closed);
    }
}

#[test]
fn a24_it_goes_on_as_long_as_a_byte_comes_within_five_seconds() {
    let mut h = receiving(modern(), "STOR c");
    h.input(Input::HungUp);
    for n in 1..10 {
        h.progress = (n, 0);
        h.pass(seconds(4));
        assert!(!h.closed);
    }
    h.did();
    h.pass(seconds(11));
    assert!(h.did().contains(&"stop".to_owned()));
    assert!(h.closed);
}

#[test]
fn a24_everything_else_ends_at_once() {
    let mut idle = modern();
    idle.port("LSTN R");
    let mut waits = modern();
    waits.port("PASV");
    waits.say("STOR c");
    let mut sends = modern();
    let port = sends.port("PASV");
    sends.arrive(port, &format!("{OWN}:7000"));
    sends.say("RETR a");
    let mut aborts = receiving(modern(), "STOR c");
    aborts.stops = false;
    aborts.say("ABOR");
    let mut foreign = open_to_all(Dialect::Rfc959);
    let port = foreign.port("PASV");
    foreign.arrive(port, &format!("{FOREIGN}:7000"));
    foreign.say("STOR c");
    assert!(foreign.is_moving());
    for (mut h, what) in
        [(idle, "idle"), (waits, "waits"), (sends, "sends"), (aborts, "aborts"), (foreign, "foreign")]
    {
        h.input(Input::HungUp);
        assert!(h.closed, "{what}");
    }
    // A connection that breaks says nothing about the client.
    let mut h = receiving(modern(), "STOR c");
    h.input(Input::Closed);
    assert!(h.closed);
}

#[test]
fn a24_commands_that_wait_behind_the_file_are_dropped() {
    let mut h = receiving(modern(), "STOR c");
    h.send("DELE a\r\n");
    h.input(Input::HungUp);
    h.did();
    h.finish(7, End::Whole);
    assert!(h.closed);
    assert!(!h.did().iter().any(|did| did.contains("Remove")));
}
