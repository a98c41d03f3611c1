//! DETA: transfers that outlive their control connection.

use super::Harness;
use super::harness::{OWN, both, config, modern, seconds};
use crate::server::ask::{ConnId, DetachedState, DetachedTransfer, End, Event, Input};

/// A transfer that may outlive its control connection, with bytes on their way.
#[track_caller]
fn moving(h: &mut Harness, command: &str) -> ConnId {
    let replies = h.say("DETA 60");
    assert_eq!(replies, [format!("200 {}", h.detached.unwrap())]);
    let port = h.port("PASV");
    h.say(command);
    let conn = h.arrive(port, &format!("{OWN}:5000"));
    assert!(h.has_move());
    assert_eq!(h.terms.and_then(|terms| terms.detach), h.detached);
    h.take();
    h.did();
    conn
}

/// Why the last transfer is not whole, as the log has it; `None` if it is.
#[track_caller]
fn failure(h: &Harness) -> Option<&str> {
    let ended = h.events.iter().rev().find_map(|event| {
        if let Event::Transfer { failure, .. } = event {
            Some(failure.as_ref().map(|failure| failure.why.as_str()))
        } else {
            None
        }
    });
    ended.expect("a transfer has ended")
}

#[test]
fn a_transfer_with_leave_outlives_its_control_connection() {
    for command in ["RETR a", "STOR c", "LIST"] {
        for mut h in both() {
            moving(&mut h, command);
            let id = h.detached.unwrap();
            h.input(Input::Closed);
            assert!(!h.closed && h.session.is_detached());
            assert!(h.events.contains(&Event::Detached { id }));
            // A24: a client that was killed ends an upload in clear as one that is done.
            let doubt: &[&str] = if command == "STOR c" { &["doubt None"] } else { &[] };
            assert_eq!(h.did(), doubt, "nothing is stopped or dropped");
            h.finish_quietly(1000, End::WHOLE_FILE);
            assert!(h.closed && !h.session.is_detached());
            assert_eq!(h.take(), [""; 0], "nobody hears a reply");
            assert_eq!(failure(&h), None);
        }
    }
}

#[test]
fn nothing_behind_the_end_of_the_control_connection_is_carried_out() {
    let mut h = modern();
    moving(&mut h, "RETR a");
    h.input(Input::Closed);
    h.input(Input::Bytes(b"RETR b\r\n"));
    h.finish_quietly(1000, End::WHOLE_FILE);
    assert!(h.closed && h.did().is_empty(), "{:?}", h.did());
}

#[test]
fn a24_without_leave_or_without_a_data_connection_everything_ends_with_the_control_connection() {
    let mut h = modern();
    moving(&mut h, "RETR a");
    h.finish(1000, End::WHOLE_FILE);
    // The leave was for one transfer.
    let port = h.port("PASV");
    h.say("RETR a");
    h.arrive(port, &format!("{OWN}:5000"));
    assert_eq!(h.terms.and_then(|terms| terms.detach), None);
    h.input(Input::Closed);
    assert!(h.closed);
    // A command that fails has used it up.
    let mut h = modern();
    h.say("DETA 60");
    h.say("RETR missing");
    h.check("RETR a", &["425"]);
    let port = h.port("PASV");
    h.say("RETR a");
    h.arrive(port, &format!("{OWN}:5000"));
    h.input(Input::Closed);
    assert!(h.closed);
    // Nobody has proven anything yet.
    let mut h = modern();
    h.say("DETA 60");
    h.say("PASV");
    h.say("RETR a");
    h.input(Input::Closed);
    assert!(h.closed);
}

#[test]
fn its_time_and_its_stall_go_on() {
    let mut h = modern();
    moving(&mut h, "STOR c");
    h.input(Input::Closed);
    h.progress = (5, 0);
    h.pass(seconds(59));
    assert!(!h.closed);
    h.pass(seconds(1));
    assert_eq!(h.did(), ["doubt None", "stop"]);
    assert!(h.closed);
    assert_eq!(failure(&h), Some("the time without control connection is over"));

    let mut h = modern();
    h.say("DETA 3600");
    let port = h.port("PASV");
    h.say("STOR c");
    h.arrive(port, &format!("{OWN}:5000"));
    h.input(Input::Closed);
    h.pass(seconds(601));
    assert!(h.closed);
    assert_eq!(failure(&h), Some("nothing moved for too long"));
}

#[test]
fn the_server_ends_it_as_every_session() {
    let mut h = modern();
    moving(&mut h, "STOR c");
    h.input(Input::Closed);
    h.input(Input::Shutdown);
    assert!(!h.closed, "a file that moves may be completed");
    h.input(Input::End("Your account was removed"));
    assert!(h.closed);
}

#[test]
fn deta_is_bounded_and_for_named_users() {
    for mut h in both() {
        for (line, codes) in
            [("DETA", "502/501"), ("DETA 0", "503/501"), ("DETA 3601", "503/501"), ("DETA soon", "501/501")]
        {
            h.check(line, &[codes]);
        }
        h.check("DETA 3600", &["200"]);
        let first = h.detached;
        h.check("DETA 1", &["200"]);
        assert_ne!(h.detached, first);
        h.places = false;
        h.check("DETA 1", &["455/450"]);
    }
    let mut h = Harness::new(config());
    h.take();
    h.check("DETA 60", &["530"]);
    h.say("USER anonymous");
    h.say("PASS me");
    h.check("DETA 60", &["550"]);
}

#[test]
fn a_later_session_asks_and_ends_by_the_name() {
    let mut h = modern();
    h.say("DETA 60");
    let id = h.detached.unwrap();
    for (state, said, ends) in [
        (DetachedState::Moving, "State moving", "226"),
        (DetachedState::Whole, "State complete", "225"),
        (DetachedState::Failed("stopped".to_owned()), "State failed: stopped", "225"),
    ] {
        h.transfer = Some(DetachedTransfer { moved: 7, durable: 0, state });
        let lines = h.say(&format!("STAT #{id}"));
        assert_eq!(lines[0], format!("211-Transfer {id}"));
        for line in ["Bytes 7", "Durable 0", said] {
            assert!(lines.iter().any(|found| found.trim() == line), "{lines:?}");
        }
        h.check(&format!("ABOR #{id}"), &[ends]);
    }
    h.check(&format!("STAT #{}", "0".repeat(32)), &["550"]);
    h.check(&format!("ABOR #{}", "0".repeat(32)), &["550"]);
    // It does not concern what this session does, and waits for its end.
    let port = h.port("PASV");
    h.say("RETR a");
    h.arrive(port, &format!("{OWN}:5000"));
    h.take();
    h.did();
    h.check(&format!("ABOR #{id}"), &[]);
    assert!(h.did().is_empty() && h.has_move());
    let replies = h.finish(5, End::WHOLE_FILE);
    assert!(replies[0].starts_with("226 ") && replies[1].starts_with("225 "), "{replies:?}");
}
