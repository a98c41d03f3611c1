//! Data connections inside TLS: handshakes and proofs, strangers, pins, resumed sessions.

use super::{EXPLICIT, leaf, open_to_all, private, shown};
use crate::command::Direction;
use crate::server::ask::{Answer, End};
use crate::server::tests::Harness;
use crate::server::tests::harness::{FOREIGN, OWN, seconds};
use crate::server::{Reuse, Tls};

const SECRET: [u8; 32] = [0x5a; 32];

fn rndz(h: &mut Harness) {
    h.check(&format!("RNDZ {}", "5a".repeat(32)), &["200"]);
}

#[test]
fn tls_comes_before_the_proof_which_holds_for_this_connection_only() {
    for (exporter, moves) in [([3; 32], true), ([4; 32], false)] {
        for passive in [true, false] {
            let mut h = private(EXPLICIT);
            rndz(&mut h);
            let conn = if passive {
                let port = h.port("PASV");
                h.check("STOR c", &[]);
                h.arrive(port, &format!("{FOREIGN}:5000"))
            } else {
                h.check("EPRT |1|198.51.100.9|5000|", &["200"]);
                h.check("STOR c", &[]);
                h.connected()
            };
            assert!(h.did().contains(&"secure 1 Server".to_owned()), "no resumption with a foreign host");
            assert!(!h.written.contains_key(&conn), "no hello before TLS");
            h.handshake(shown(None, false));
            assert!(h.take().is_empty(), "no preliminary reply before the proof");
            h.prove_inside(conn, SECRET, Direction::Send, &exporter);
            assert_eq!(h.is_moving(), moves, "passive: {passive}");
        }
    }
}

#[test]
fn strangers_at_a_private_data_port_change_nothing() {
    let mut h = private(EXPLICIT);
    rndz(&mut h);
    let port = h.port("PASV");
    h.check("STOR c", &[]);
    for n in 0..40 {
        h.arrive(port, &format!("203.0.113.{n}:5000"));
        h.handshake(Answer::Failed("not TLS".to_owned()));
    }
    h.arrive(port, "203.0.113.99:5000"); // says nothing at all
    let peer = h.arrive(port, &format!("{FOREIGN}:5000"));
    assert!(h.take().is_empty());
    h.handshake_of(peer, shown(None, false));
    h.prove_inside(peer, SECRET, Direction::Send, &[3; 32]);
    assert!(h.is_moving());
    assert_eq!(h.open.len(), 0, "the silent one is closed, the peer moves");
}

#[test]
fn f07_a_foreign_peer_that_cannot_begin_tls_looks_like_every_failure() {
    for failure in [Some(Answer::Failed("alert".to_owned())), None] {
        let mut h = private(EXPLICIT);
        rndz(&mut h);
        h.say("SSCN ON");
        h.check("EPRT |1|198.51.100.9|5000|", &["200"]);
        h.check("RETR a", &[]);
        h.connected();
        if let Some(failure) = failure {
            h.handshake(failure);
        }
        h.pass(seconds(14));
        assert!(h.take().is_empty());
        assert!(!h.is_connecting(), "no second connection to a possible victim");
        h.pass(seconds(1));
        assert_eq!(h.take(), ["425 No proven data connection"]);
        assert!(h.open.is_empty());
    }
}

#[test]
fn f07_without_a_proof_both_ends_fail_within_the_time_of_the_handshake() {
    // The active end.
    let mut h = open_to_all();
    h.check("EPRT |1|198.51.100.9|5000|", &["200"]);
    h.check("RETR a", &[]);
    h.connected();
    assert_eq!(h.take().len(), 1);
    h.pass(seconds(11));
    assert!(h.take()[0].starts_with("522"));
    // The same as TLS client.
    h.say("SSCN ON");
    h.check("EPRT |1|198.51.100.9|5000|", &["200"]);
    h.say("RETR a");
    h.connected();
    h.take();
    h.pass(seconds(11));
    assert!(h.take()[0].starts_with("425"));
    // The passive end, with SOCK as filter.
    let mut h = open_to_all();
    let port = h.port("PASV");
    h.say("SOCK 198.51.100.9,5000");
    h.check("STOR c", &[]);
    h.arrive(port, &format!("{FOREIGN}:5000"));
    assert_eq!(h.take().len(), 1);
    h.pass(seconds(11));
    assert!(h.take()[0].starts_with("522"));
    assert!(h.open.is_empty());
}

#[test]
fn a_pin_alone_is_no_proof() {
    let mut h = private(EXPLICIT);
    h.check(&format!("PINC SHA-256 {}", leaf(1).to_hex()), &["200"]);
    h.check("EPRT |1|198.51.100.9|5000|", &["504"]);
    let port = h.port("PASV");
    h.check("RETR a", &[]);
    h.did();
    h.arrive(port, &format!("{FOREIGN}:5000"));
    assert_eq!(h.did(), ["drop 1"]);
    assert_eq!(h.strangers(), 1);
}

#[test]
fn a_pin_counts_beside_a_proof() {
    for (shows, goes_on) in [(leaf(1), true), (leaf(2), false)] {
        let mut h = private(EXPLICIT);
        h.say(&format!("PINC SHA-256 {}", leaf(1).to_hex()));
        rndz(&mut h);
        let port = h.port("PASV");
        h.check("RETR a", &[]);
        let conn = h.arrive(port, &format!("{FOREIGN}:5000"));
        assert!(h.did().contains(&"secure 1 Server pinned".to_owned()));
        h.handshake(shown(Some(shows), false));
        assert_eq!(h.written.contains_key(&conn), goes_on);
        assert_eq!(h.open.is_empty(), !goes_on);
    }
}

#[test]
fn a_resumed_session_shows_the_users_own_host() {
    for (resumed, command) in [(true, "RETR a"), (true, "LIST"), (false, "RETR a")] {
        let mut h = private(EXPLICIT);
        let port = h.port("PASV");
        h.check(command, &[]);
        h.arrive(port, &format!("{FOREIGN}:5000"));
        assert!(h.did().contains(&"secure 1 Server resumes".to_owned()));
        h.handshake(shown(None, resumed));
        assert_eq!(h.is_moving(), resumed, "{command}");
        assert_eq!(h.strangers(), usize::from(!resumed));
    }
    let mut h = private(Tls { reuse: Reuse::Off, ..EXPLICIT });
    let port = h.port("PASV");
    h.check("RETR a", &[]);
    h.arrive(port, &format!("{FOREIGN}:5000"));
    assert_eq!(h.strangers(), 1);
}

#[test]
fn a_handshake_may_begin_and_end_before_the_transfer_command() {
    for ends_before in [true, false] {
        let mut h = private(EXPLICIT);
        let port = h.port("PASV");
        h.did();
        h.arrive(port, &format!("{OWN}:5000"));
        assert_eq!(h.did(), ["secure 1 Server resumes"]);
        if ends_before {
            h.handshake(shown(None, true));
            h.pass(seconds(20));
        }
        assert_eq!(h.say("RETR a"), ["150 Data connection open, sending"]);
        if !ends_before {
            h.handshake(shown(None, true));
        }
        assert!(h.take().is_empty());
        assert_eq!(h.did().iter().filter(|did| did.starts_with("secure")).count(), 0);
        assert_eq!(h.finish(1000, End::WHOLE_FILE).last().unwrap(), "226 Transfer complete.");
    }
    // Where the role depends on the command, TLS waits for it.
    let mut h = private(EXPLICIT);
    h.say("SSCN ON");
    let port = h.port("PASV");
    h.did();
    h.arrive(port, &format!("{OWN}:5000"));
    assert!(h.did().is_empty());
}

#[test]
fn what_changes_the_terms_drops_a_handshake_that_has_begun() {
    for line in ["PROT C", "SSCN ON", &format!("PINC SHA-256 {}", leaf(1).to_hex())] {
        let mut h = private(EXPLICIT);
        let port = h.own_host_connects_to("PASV");
        h.handshake(shown(None, true));
        h.check(line, &["200"]);
        h.check("RETR a", &[]);
        assert!(h.open.is_empty(), "{line}");
        h.arrive(port, &format!("{OWN}:5001"));
        assert_eq!(h.open.len() + usize::from(h.is_moving()), 1, "{line}: the wait goes on");
    }
}

#[test]
fn a_held_connection_whose_handshake_fails_is_a_stranger() {
    let mut h = private(EXPLICIT);
    let port = h.own_host_connects_to("PASV");
    h.handshake(Answer::Failed("alert".to_owned()));
    assert_eq!(h.strangers(), 1);
    assert!(h.open.is_empty());
    h.arrive(port, &format!("{OWN}:5001"));
    h.handshake(shown(None, false));
    h.check("RETR a", &["150"]);
}

/// A client that has asked for PROT P and connects in clear hears the same within the time of the handshake,
/// whatever it sends, and whether it connects before its command or after it.
#[test]
fn clear_data_under_prot_p_are_522_whenever_they_come() {
    for (before, sends) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut h = private(EXPLICIT);
        let port = h.port("PASV");
        if !before {
            h.send("STOR c\r\n");
        }
        h.arrive(port, &format!("{OWN}:5000"));
        if sends {
            h.handshake(Answer::Failed("not TLS".to_owned()));
        }
        if before {
            h.send("STOR c\r\n");
        }
        if !sends {
            h.pass(seconds(11));
        }
        let last = h.take().pop().unwrap_or_default();
        assert!(last.starts_with("522 "), "before: {before}, sends: {sends}: {last}");
        assert!(h.open.is_empty());
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn clear_data_of_somebody_else_under_prot_p_end_no_wait() {
    let mut h = open_to_all();
    let port = h.port("PASV");
    h.arrive(port, &format!("{FOREIGN}:5000"));
    h.handshake(Answer::Failed("not TLS".to_owned()));
    h.check("STOR c", &[]);
    // A new port begins anew.
    let mut h = private(EXPLICIT);
    h.own_host_connects();
    h.handshake(Answer::Failed("not TLS".to_owned()));
    h.port("PASV");
    h.check("STOR c", &[]);
}

#[test]
fn a_probe_inside_tls_has_no_preliminary_reply() {
    for proves in [true, false] {
        let mut h = private(EXPLICIT);
        let port = h.port("PASV");
        if proves {
            rndz(&mut h);
        }
        h.check("PROB R", &[]);
        let conn = h.arrive(port, &format!("{OWN}:5000"));
        h.handshake(shown(None, !proves));
        if proves {
            h.prove_inside(conn, SECRET, Direction::Send, &[3; 32]);
        }
        assert!(h.take()[0].starts_with("225"), "proves: {proves}");
        assert!(h.open.is_empty());
    }
}
