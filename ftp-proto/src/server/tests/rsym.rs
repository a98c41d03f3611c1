//! G: symmetric opening.

use super::Harness;
use super::harness::{FOREIGN, LOCAL, OWN, modern, old, seconds};
use crate::command::Direction;
use crate::server::ask::End;
use std::time::Duration;

const SECRET: [u8; 32] = [7; 32];

/// A session that opens symmetrically with the user's own host, up to the transfer command; its own port.
fn symmetric(mut h: Harness) -> (Harness, u16) {
    let own = h.port("GSOC");
    h.check("RSYM ON", &["200"]);
    assert_eq!(h.port(&format!("SOCK {OWN},40004")), own);
    h.did();
    (h, own)
}

/// The same with a foreign host, which has to prove itself.
fn proven() -> (Harness, u16) {
    let mut h = modern();
    h.check(&format!("RNDZ {}", "07".repeat(32)), &["200"]);
    h.check("RSYM ON", &["200"]);
    let own = h.port(&format!("SOCK {FOREIGN},40004"));
    h.did();
    (h, own)
}

#[test]
fn g01_gsoc_is_repeated_with_the_same_number() {
    for mut h in [old(), modern()] {
        let own = h.port("GSOC");
        assert_eq!(h.port("GSOC"), own);
        assert_eq!(h.port(&format!("SOCK {OWN},40004")), own);
    }
}

#[test]
fn g02_both_halves_begin_with_the_transfer_command() {
    for h in [old(), modern()] {
        let (mut h, own) = symmetric(h);
        h.say("RETR a");
        assert!(h.listens(own));
        assert!(h.did().contains(&format!("connect {own} -> {OWN}:40004")));
        h.connected();
        assert!(!h.listens(own), "the listener ends with the search");
        assert!(h.is_moving());
        assert_eq!(h.take().len(), 1);
        assert_eq!(h.finish(1000, End::WHOLE_FILE).len(), 1);
    }
}

#[test]
fn g02_the_connection_that_arrives_is_the_one_and_the_attempt_ends() {
    for h in [old(), modern()] {
        let (mut h, own) = symmetric(h);
        h.say("RETR a");
        let conn = h.arrive(own, &format!("{OWN}:40004"));
        assert!(!h.is_connecting() && !h.listens(own));
        assert!(h.did().contains(&format!("move {}", conn.0)));
    }
}

/// The sockets of a connection that has ended are still known to its ends and to firewalls, so the next one has others.
#[test]
fn g02_the_next_connection_has_another_port() {
    let (mut h, own) = symmetric(modern());
    h.say("RETR a");
    h.connected();
    h.finish(1000, End::WHOLE_FILE);
    assert_ne!(h.port("GSOC"), own);
    // In the dialect of 1973 the session goes on with what SOCK has named.
    let (mut h, own) = symmetric(old());
    h.say("RETR a");
    h.connected();
    h.finish(1000, End::WHOLE_FILE);
    assert_eq!(h.port("GSOC"), own);
}

/// A session may listen for the other direction meanwhile. Who comes there is not the peer of this transfer.
#[test]
fn g02_a_connection_to_another_port_of_the_session_is_not_the_one() {
    let (mut h, own) = symmetric(old());
    let other = h.port("LSTN R");
    assert_ne!(other, own);
    h.say("RETR a");
    assert!(h.listens(own) && h.listens(other));
    h.arrive(other, &format!("{OWN}:40004"));
    assert!(h.is_connecting() && !h.is_moving());
    h.connected();
    assert!(h.is_moving());
}

#[test]
fn g02_a_refused_attempt_is_repeated_after_20_ms_while_the_listener_waits() {
    let (mut h, own) = symmetric(modern());
    h.say("RETR a");
    for _ in 0..10 {
        h.refused();
        h.pass(Duration::from_millis(20));
        assert!(h.is_connecting());
    }
    h.refused();
    let conn = h.arrive(own, &format!("{OWN}:40004"));
    assert!(h.did().contains(&format!("move {}", conn.0)));
    h.pass(seconds(1));
    assert!(!h.is_connecting(), "no attempt is left over");
}

#[test]
fn g02_the_proof_decides_whichever_way_it_opened() {
    for arrives in [true, false] {
        let (mut h, own) = proven();
        h.check("RETR a", &[]);
        let conn = if arrives { h.arrive(own, &format!("{FOREIGN}:40004")) } else { h.connected() };
        assert_eq!(h.written[&conn].len(), 32, "our hello");
        assert!(!h.is_moving());
        h.prove(conn, SECRET, Direction::Receive);
        assert!(h.is_moving());
        assert!(!h.listens(own));
        assert!(h.did().contains(&"permit done Proven".to_owned()));
    }
}

#[test]
fn g03_a_peer_that_never_comes_is_told_after_the_connect_timeout() {
    for h in [old(), modern()] {
        let code = h.code("454 /425 ");
        let (mut h, own) = symmetric(h);
        h.say("STOR c");
        for _ in 0..1500 {
            h.try_refuse();
            h.pass(Duration::from_millis(10));
        }
        let said = h.take();
        assert!(said.len() == 1 && said[0].starts_with(code), "{said:?}");
        assert!(!h.listens(own) && !h.is_connecting());
        assert!(!h.is_moving());
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn g03_forty_attempts_are_made_and_the_failure_shows_nothing() {
    let (mut h, _) = proven();
    h.check("RETR a", &[]);
    let mut attempts = 0;
    for _ in 0..1499 {
        attempts += usize::from(h.try_refuse());
        h.pass(Duration::from_millis(10));
        assert_eq!(h.take(), Vec::<String>::new());
    }
    h.pass(Duration::from_millis(10));
    assert_eq!(h.take(), ["425 No proven data connection"]);
    assert!((30..=40).contains(&attempts), "{attempts} attempts");
}

#[test]
fn g03_without_a_permit_nothing_is_opened() {
    let (mut h, own) = proven();
    h.permit = Some(false);
    h.check("RETR a", &[]);
    assert!(!h.listens(own) && !h.is_connecting());
    h.pass(seconds(15));
    assert_eq!(h.take(), ["425 No proven data connection"]);
}

#[test]
fn g04_strangers_are_reset_and_counted_and_the_wait_goes_on() {
    let (mut h, own) = proven();
    h.check("RETR a", &[]);
    for from in [format!("{FOREIGN}:40005"), format!("{OWN}:40004"), "203.0.113.5:40004".to_owned()] {
        let stranger = h.arrive(own, &from);
        assert!(!h.open.contains(&stranger) && !h.written.contains_key(&stranger), "{from}");
    }
    assert_eq!(h.strangers(), 3);
    let conn = h.arrive(own, &format!("{FOREIGN}:40004"));
    h.prove(conn, SECRET, Direction::Receive);
    h.take();
    let said = h.finish(1000, End::WHOLE_FILE);
    assert!(said.contains(&"226-Strangers-refused 3".to_owned()), "{said:?}");
}

#[test]
fn e21_a_second_connection_of_the_peer_is_refused_while_the_first_proves_itself() {
    let (mut h, own) = proven();
    h.check("RETR a", &[]);
    let first = h.connected();
    let second = h.arrive(own, &format!("{FOREIGN}:40004"));
    assert!(!h.open.contains(&second));
    h.prove(first, SECRET, Direction::Receive);
    assert!(h.did().contains(&format!("move {}", first.0)));
}

#[test]
fn a_foreign_peer_that_did_not_prove_itself_gets_no_second_connection() {
    let (mut h, own) = proven();
    h.check("RETR a", &[]);
    let conn = h.arrive(own, &format!("{FOREIGN}:40004"));
    h.bytes(conn, &[b'x'; 32]);
    assert!(!h.open.contains(&conn));
    h.pass(seconds(5));
    assert!(!h.is_connecting(), "no SYN follows");
    let again = h.arrive(own, &format!("{FOREIGN}:40004"));
    assert!(!h.open.contains(&again) && !h.written.contains_key(&again));
    h.pass(seconds(10));
    assert_eq!(h.take(), ["425 No proven data connection"]);
}

#[test]
fn g05_an_end_that_is_told_to_meet_itself_says_so_at_once() {
    for switch in ["RSYM ON", "RSYM OFF"] {
        for (mut h, code) in [(old(), "454"), (modern(), "425")] {
            let own = h.port("GSOC");
            h.check(switch, &["200"]);
            h.say(&format!("RNDZ {}", "07".repeat(32)));
            h.check(&format!("SOCK {LOCAL},{own}"), &["255"]);
            h.check("RETR a", &[code]);
            assert!(!h.is_connecting() && !h.listens(own));
        }
    }
}

#[test]
fn g02_lstn_and_pasv_listen_as_without_rsym() {
    for command in ["LSTN S", "PASV"] {
        let (mut h, _) = symmetric(modern());
        let port = h.port(command);
        h.say(&format!("SOCK {OWN},40004"));
        h.say("RETR a");
        assert!(!h.is_connecting());
        h.arrive(port, &format!("{OWN}:40004"));
        assert!(h.is_moving());
    }
}

#[test]
fn g02_port_is_not_symmetric_and_off_and_rein_end_it() {
    let mut h = modern();
    h.check("RSYM ON", &["200"]);
    h.check("PORT 192,0,2,7,156,68", &["200"]);
    h.say("RETR a");
    assert!(h.is_connecting() && h.any_port(0).is_none());
    for end in ["RSYM OFF", "REIN"] {
        let (mut h, own) = symmetric(modern());
        h.say(end);
        if end == "REIN" {
            h.log_in();
        }
        h.say(&format!("SOCK {OWN},40004"));
        h.say("RETR a");
        assert!(h.is_connecting() && !h.listens(own));
    }
}

#[test]
fn abor_ends_both_halves() {
    let (mut h, own) = symmetric(modern());
    h.say("RETR a");
    h.check("ABOR", &["426", "226"]);
    assert!(!h.is_connecting() && !h.listens(own));
}

#[test]
fn g02_the_command_is_announced_and_shown() {
    let mut h = modern();
    assert!(h.say("FEAT").contains(&" RSYM".to_owned()));
    h.check("RSYM", &["501"]);
    h.check("RSYM MAYBE", &["501"]);
    h.check("RSYM on", &["200"]);
    assert!(h.say("STAT").iter().any(|line| line.contains("RSYM ON")));
}
