//! RNDZ: proofs, and a failure that shows nothing.

use super::Harness;
use super::harness::{Config, FOREIGN, OWN, config, modern, seconds};
use crate::command::Direction;
use crate::policy::Rules;
use crate::server::ask::{ConnId, End};
use std::time::Duration;

const SECRET: [u8; 32] = [7; 32];

/// A session with the secret of the next data connection.
fn with_secret() -> Harness {
    let mut h = modern();
    give_secret(&mut h);
    h
}

fn give_secret(h: &mut Harness) {
    h.check(&format!("RNDZ {}", "07".repeat(32)), &["200"]);
}

/// The same, and whoever connects to this port proves itself first.
fn awaits_proof() -> (Harness, u16) {
    let mut h = with_secret();
    let port = h.port("PASV");
    h.check("STOR c", &[]);
    (h, port)
}

/// What a peer does on a connection.
type Act = fn(&mut Harness, ConnId);

/// What a peer does that does not prove itself.
const FAILURES: [(&str, Act); 3] = [
    ("wrong bytes", |h, conn| h.bytes(conn, b"220 mail.example ESMTP\r\n")),
    ("wrong proof", |h, conn| h.prove(conn, [8; 32], Direction::Receive)),
    ("closed", |h, conn| h.lose(conn)),
];

/// The connecting end with a foreign target, up to its transfer command.
fn dials_foreign() -> Harness {
    let mut h = with_secret();
    h.check(&format!("SOCK {FOREIGN},40004"), &["255"]);
    h.did();
    h
}

#[test]
fn the_right_proof_moves_the_file_and_is_told() {
    let mut h = with_secret();
    let port = h.port("LSTN R");
    let conn = h.arrive(port, &format!("{FOREIGN}:40127"));
    h.check("STOR c", &[]);
    h.prove(conn, SECRET, Direction::Send);
    assert!(h.take()[0].starts_with("150"));
    assert!(h.did().contains(&"they found Proven".to_owned()));
    assert_eq!(
        h.finish(7, End::WHOLE_FILE),
        [
            "226-Peer 198.51.100.9:40127 proven-by=rndz",
            "226-Strangers-refused 0",
            "226-Bytes 7",
            "226 Transfer complete."
        ]
    );
}

#[test]
fn the_limits_are_told_of_a_foreign_host_that_proves_itself_at_a_listener() {
    for (host, told) in [(FOREIGN, true), (OWN, false)] {
        let (mut h, port) = awaits_proof();
        let wrong = h.arrive(port, &format!("{FOREIGN}:40126"));
        h.prove(wrong, [8; 32], Direction::Send);
        let conn = h.arrive(port, &format!("{host}:40127"));
        assert!(!h.did().iter().any(|did| did.contains("has proof")), "nobody has proven anything");
        h.prove(conn, SECRET, Direction::Send);
        assert_eq!(h.did().contains(&format!("u has proof of {host}")), told, "{host}");
    }
}

#[test]
fn nothing_is_opened_and_nothing_said_before_the_proof() {
    let (mut h, port) = awaits_proof();
    let conn = h.arrive(port, &format!("{FOREIGN}:40127"));
    assert_eq!(h.written[&conn].len(), 32, "our hello");
    assert!(!h.is_moving());
    assert_eq!(h.take(), Vec::<String>::new());
}

#[test]
fn a_wrong_proof_closes_that_one_and_the_wait_goes_on() {
    let (mut h, port) = awaits_proof();
    let wrong = h.arrive(port, "203.0.113.5:1");
    let mirror = h.arrive(port, "203.0.113.6:1");
    let same_role = h.arrive(port, "203.0.113.7:1");
    let right = h.arrive(port, &format!("{FOREIGN}:40127"));
    h.prove(wrong, [8; 32], Direction::Send);
    let hello = h.written[&mirror].clone();
    h.bytes(mirror, &hello);
    h.prove(same_role, SECRET, Direction::Receive);
    assert_eq!((h.open.len(), h.strangers()), (1, 3));
    h.prove(right, SECRET, Direction::Send);
    assert!(h.is_moving());
    let replies = h.finish(7, End::WHOLE_FILE);
    assert!(replies.contains(&"226-Strangers-refused 3".to_owned()), "{replies:?}");
}

#[test]
fn own_peers_prove_themselves_too() {
    let mut h = with_secret();
    let conn = h.own_host_connects();
    h.check("RETR a", &[]);
    h.prove(conn, SECRET, Direction::Receive);
    assert_eq!(h.finish(1000, End::WHOLE_FILE).len(), 2, "150 and a 226 without facts");
}

#[test]
fn candidates_prove_at_the_same_time_and_the_longest_silent_one_goes_first() {
    let (mut h, port) = awaits_proof();
    let conns: Vec<_> = (0..16u8)
        .map(|n| {
            h.pass(Duration::from_millis(1));
            h.arrive(port, &format!("203.0.113.{n}:1"))
        })
        .collect();
    assert_eq!(h.strangers(), 0);
    h.pass(Duration::from_millis(1));
    h.bytes(conns[0], b"RNDZ1");
    h.arrive(port, "198.51.100.1:1");
    assert!(h.open.contains(&conns[0]) && !h.open.contains(&conns[1]));
    h.prove(conns[9], SECRET, Direction::Send);
    assert!(h.is_moving());
    assert_eq!((h.open.len(), h.strangers()), (0, 16));
}

#[test]
fn a_candidate_that_goes_away_is_a_stranger() {
    let (mut h, port) = awaits_proof();
    let conn = h.arrive(port, "203.0.113.5:1");
    h.lose(conn);
    assert_eq!((h.open.len(), h.strangers()), (0, 1));
}

#[test]
fn with_sock_the_address_and_the_proof_are_needed() {
    let mut h = with_secret();
    let port = h.port("LSTN R");
    assert_eq!(h.port(&format!("SOCK {FOREIGN},40127")), port);
    h.check("STOR c", &[]);
    h.arrive(port, &format!("{FOREIGN}:40128"));
    assert_eq!(h.strangers(), 1);
    let conn = h.arrive(port, &format!("{FOREIGN}:40127"));
    assert!(!h.is_moving());
    h.prove(conn, SECRET, Direction::Send);
    assert!(h.is_moving());
}

#[test]
fn the_secret_is_for_one_connection() {
    // used by a proof
    let mut h = with_secret();
    let port = h.port("LSTN R");
    let conn = h.arrive(port, &format!("{FOREIGN}:40127"));
    h.say("STOR c");
    h.prove(conn, SECRET, Direction::Send);
    h.finish(7, End::WHOLE_FILE);
    h.arrive(port, &format!("{FOREIGN}:40127"));
    assert_eq!(h.strangers(), 1, "a sticky LSTN needs a new RNDZ");
    // kept by a file error, used up by a failed connection phase
    let mut h = with_secret();
    h.port("PASV");
    h.check("RETR missing", &["550"]);
    h.check(&format!("SOCK {FOREIGN},40004"), &["255"]);
    h.check("RETR a", &[]);
    h.pass(seconds(60));
    h.take();
    h.check(&format!("SOCK {FOREIGN},40004"), &["504"]);
    // forgotten
    for line in ["ABOR", "RNDZ"] {
        let mut h = with_secret();
        h.say(line);
        h.check(&format!("SOCK {FOREIGN},40004"), &["504"]);
    }
    let mut h = dials_foreign();
    h.say("RNDZ");
    h.check("RETR a", &["425"]);
    assert!(!h.did().iter().any(|did| did.starts_with("connect")));
}

#[test]
fn the_connecting_end_proves_and_is_proven_to() {
    let mut h = dials_foreign();
    h.check("RETR a", &[]);
    assert_eq!(h.did(), ["prepare /a", "permit u 198.51.100.9:40004", "connect 40001 -> 198.51.100.9:40004"]);
    let conn = h.connected();
    assert_eq!(h.take(), Vec::<String>::new());
    h.prove(conn, SECRET, Direction::Receive);
    assert_eq!(h.did(), ["permit done Proven", "move 1", "they found Proven"]);
    let replies = h.finish(1000, End::WHOLE_FILE);
    assert_eq!(replies[1], "226-Peer 198.51.100.9:40004 proven-by=rndz");
}

/// Whatever happens at the other end: one reply, exactly at the connect timeout.
#[track_caller]
fn fails_uniformly(h: &mut Harness, what: &str, mut each_second: impl FnMut(&mut Harness)) {
    h.check("RETR a", &[]);
    for _ in 0..14 {
        each_second(h);
        h.pass(seconds(1));
        assert_eq!(h.take(), Vec::<String>::new(), "{what}");
        assert!(h.say("STAT").contains(&" waiting".to_owned()), "{what}");
    }
    h.pass(Duration::from_millis(999));
    assert_eq!(h.take(), Vec::<String>::new(), "{what}");
    h.pass(Duration::from_millis(1));
    assert_eq!(h.take(), ["425 No proven data connection"], "{what}");
    assert!(h.open.is_empty(), "{what}");
    assert!(!h.did().iter().any(|did| did == "permit done Proven"), "{what}");
    h.check("NOOP", &["200"]);
}

#[test]
fn a_failure_is_told_at_exactly_15_seconds_whatever_it_was() {
    fails_uniformly(&mut dials_foreign(), "silent", |_| ());
    fails_uniformly(&mut dials_foreign(), "refused", |h| while h.try_refuse() {});
    fails_uniformly(&mut dials_foreign(), "connected and silent", |h| {
        if h.is_connecting() {
            h.connected();
        }
    });
    for (what, fail) in FAILURES {
        fails_uniformly(&mut dials_foreign(), what, |h| {
            if h.is_connecting() {
                let conn = h.connected();
                fail(h, conn);
            }
        });
    }
    let mut h = dials_foreign();
    h.permit = Some(false);
    fails_uniformly(&mut h, "no permit", |h| assert!(!h.is_connecting()));
    let mut h = dials_foreign();
    h.permit = None;
    fails_uniformly(&mut h, "permit never answered", |h| assert!(!h.is_connecting()));
}

#[test]
fn a_peer_that_does_not_prove_itself_gets_no_second_connection_for_the_same_command() {
    for (what, fail) in FAILURES {
        let mut h = dials_foreign();
        h.check("RETR a", &[]);
        let conn = h.connected();
        h.did();
        fail(&mut h, conn);
        h.pass(Duration::from_millis(14_999));
        assert!(!h.did().iter().any(|did| did.starts_with("connect")), "{what}");
        assert_eq!(h.take(), Vec::<String>::new(), "{what}");
        h.pass(Duration::from_millis(1));
        assert_eq!(h.take(), ["425 No proven data connection"], "{what}");
    }
}

#[test]
fn the_15_seconds_begin_with_the_command_and_not_with_its_file() {
    let mut h = dials_foreign();
    h.answers_files = false;
    h.check("RETR a", &[]);
    h.pass(seconds(10));
    h.prepare_late();
    h.pass(Duration::from_millis(4999));
    assert_eq!(h.take(), Vec::<String>::new());
    h.pass(Duration::from_millis(1));
    assert_eq!(h.take(), ["425 No proven data connection"]);
}

#[test]
fn a_late_permit_is_used_within_the_same_time() {
    let mut h = dials_foreign();
    h.permit = None;
    h.check("RETR a", &[]);
    h.pass(seconds(14));
    h.permit_late(true);
    h.pass(Duration::from_millis(999));
    assert_eq!(h.take(), Vec::<String>::new());
    let conn = h.connected();
    h.prove(conn, SECRET, Direction::Receive);
    assert!(h.is_moving());
}

#[test]
fn every_permit_that_was_given_is_given_back() {
    let mut h = dials_foreign();
    h.say("RETR a");
    h.check("ABOR", &["426", "226"]);
    assert!(h.did().contains(&"permit done GivenUp".to_owned()));
    let mut h = dials_foreign();
    h.say("RETR a");
    h.pass(seconds(15));
    assert!(h.did().contains(&"permit done Failed".to_owned()));
    let mut h = dials_foreign();
    h.say("RETR a");
    h.input(crate::server::ask::Input::Closed);
    assert!(h.did().contains(&"permit done GivenUp".to_owned()));
    let mut h = dials_foreign();
    h.permit = None;
    h.say("RETR a");
    h.did();
    h.check("ABOR", &["426", "226"]);
    assert_eq!(h.did(), ["cancel", "cancel"], "the question and the file");
}

#[test]
fn abor_costs_the_same_whatever_the_target_has_done() {
    #[track_caller]
    fn check(what: &str, happens: impl FnOnce(&mut Harness)) {
        let mut h = dials_foreign();
        h.say("RETR a");
        happens(&mut h);
        h.pass(Duration::from_millis(14_999));
        h.check("ABOR", &["426", "226"]);
        assert!(h.did().contains(&"permit done GivenUp".to_owned()), "{what}");
    }
    check("nothing", |_| ());
    check("refused", |h| h.refused());
    check("connected and silent", |h| _ = h.connected());
    let right_hello: Act = |h, conn| h.bytes(conn, b"RNDZ1\r\n\0\0abcdefghijklmnopqrstuvw");
    for (what, fail) in FAILURES.into_iter().chain([("a right hello", right_hello)]) {
        check(what, |h| {
            let conn = h.connected();
            fail(h, conn);
        });
    }
}

#[test]
fn a_wrong_proof_of_a_named_network_or_the_own_host_is_told_at_once() {
    let rules =
        Rules { foreign_networks: Some(vec!["198.51.100.0/24".parse().unwrap()]), ..Rules::default() };
    for host in [FOREIGN, OWN] {
        let mut h = Harness::new(Config { rules: rules.clone(), ..config() }).logged_in();
        give_secret(&mut h);
        h.check(&format!("SOCK {host},40004"), &["255"]);
        h.did();
        h.check("RETR a", &[]);
        assert!(!h.did().iter().any(|did| did.starts_with("permit")));
        let conn = h.connected();
        h.bytes(conn, b"220 mail.example ESMTP\r\n");
        assert!(h.take()[0].starts_with("425"));
    }
}

#[test]
fn an_address_that_is_held_without_secret_is_judged_again_with_it() {
    let mut h = modern();
    let port = h.port("LSTN R");
    h.arrive(port, &format!("{FOREIGN}:1"));
    assert_eq!(h.strangers(), 1);
    give_secret(&mut h);
    h.arrive(port, &format!("{FOREIGN}:1"));
    assert_eq!(h.strangers(), 1);
    h.say("RNDZ");
    assert_eq!((h.open.len(), h.strangers()), (0, 2));
}

#[test]
fn a_listing_goes_to_no_foreign_peer_even_with_proof() {
    for line in ["LIST", "NLST", "MLSD"] {
        let mut h = dials_foreign();
        h.check(line, &["425"]);
        assert!(!h.is_connecting());
    }
    let mut h = with_secret();
    let port = h.port("PASV");
    h.arrive(port, &format!("{FOREIGN}:1"));
    h.check("MLSD", &[]);
    assert_eq!(h.strangers(), 1);
    let conn = h.arrive(port, &format!("{OWN}:1"));
    h.prove(conn, SECRET, Direction::Receive);
    assert!(h.is_moving());
}

/// A client that sends commands ahead relies on a proven connection which may be gone when their turn comes.
#[test]
fn b13_c21_where_a_secret_was_used_up_nobody_gets_in_without_a_new_one() {
    for again in [
        "RNDZ",
        "LSTN R",
        "PASV",
        &format!("SOCK {OWN},40004"),
        &format!("PORT {},1,0", OWN.replace('.', ",")),
    ] {
        let mut h = with_secret();
        h.say("MODE B");
        let port = h.port("LSTN R");
        h.check("STOR c", &[]);
        let conn = h.arrive(port, &format!("{OWN}:5000"));
        h.prove(conn, SECRET, Direction::Send);
        h.finish(5, End::WHOLE_FILE);
        h.take();
        h.check("STOR", &["501"]);
        assert!(h.open.is_empty(), "what fails closes the connection");
        h.check("STOR c", &["425"]);
        let other = h.arrive(port, &format!("{OWN}:6000"));
        assert!(!h.has_move());
        h.check("STOR c", &["425"]);
        assert!(!h.has_move() && h.open.contains(&other), "held as before a transfer command");
        h.say(again);
        let replies = h.say("STOR c");
        assert!(replies.iter().all(|reply| !reply.contains("RNDZ")), "{again}: {replies:?}");
    }
}

#[test]
fn a_hello_that_comes_byte_by_byte_gets_no_more_time() {
    let (mut h, port) = awaits_proof();
    let slow = h.arrive(port, &format!("{OWN}:5000"));
    for byte in b"RNDZ" {
        h.pass(Duration::from_millis(1_100));
        h.bytes(slow, &[*byte]);
    }
    assert!(h.open.contains(&slow));
    h.pass(Duration::from_millis(700));
    assert!(!h.open.contains(&slow), "5 s from the connection, not from the last byte");
    assert_eq!(h.strangers(), 1);
}

#[test]
fn a_peer_that_leaves_before_its_proof_is_tried_again() {
    let mut h = with_secret();
    h.port(&format!("SOCK {OWN},40004"));
    h.check("RETR a", &[]);
    let first = h.connected();
    assert!(!h.is_connecting());
    h.lose(first);
    h.pass(seconds(1));
    assert!(h.is_connecting());
    let second = h.connected();
    h.prove(second, SECRET, Direction::Receive);
    assert!(h.is_moving());
}
