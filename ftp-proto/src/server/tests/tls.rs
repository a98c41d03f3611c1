//! F: AUTH, PBSZ, PROT, CCC, SSCN, CPSV, PINC, and TLS of the control connection and data connections.

use super::Harness;
use super::harness::{FOREIGN, OWN, Setup, seconds};
use crate::command::Direction;
use crate::policy::{Foreign, Rules};
use crate::server::ask::{Answer, End, Event, Handshake, Input};
use crate::server::{Begin, Reuse, Tls};
use crate::wire::Fingerprint;

const EXPLICIT: Tls = Tls { begin: Begin::Explicit, required: false, reuse: Reuse::Preferred };

fn leaf(n: u8) -> Fingerprint {
    Fingerprint::of(&[n])
}

fn shown(leaf: Option<Fingerprint>, resumed: bool) -> Answer {
    Answer::Secured(Handshake { leaf, resumed, exporter: [3; 32] })
}

fn server(tls: Tls) -> Harness {
    let mut h = Harness::new(Setup { tls, ..Setup::default() });
    h.take();
    h
}

/// A session inside TLS, logged in, with private data connections.
fn private(tls: Tls) -> Harness {
    let mut h = server(tls);
    h.check("AUTH TLS", &["234"]);
    h.handshake(shown(None, false));
    h.check("PBSZ 0", &["200"]);
    h.check("PROT P", &["200"]);
    let mut h = h.logged_in();
    h.take();
    h
}

/// Somebody connects from the user's own host, and the handshake on that connection begins.
fn data(h: &mut Harness, command: &str) {
    let port = h.port("PASV");
    h.did();
    h.arrive(port, &format!("{OWN}:5000"));
    h.say(command);
}

#[test]
fn f01_auth_pbsz_and_prot_come_in_this_order() {
    let mut h = server(EXPLICIT);
    for line in ["PBSZ 0", "PROT P", "CCC"] {
        h.check(line, &["503"]);
    }
    assert_eq!(h.say("AUTH TLS"), ["234 Begin TLS now"]);
    h.handshake(shown(None, false));
    h.check("PROT P", &["503"]);
    assert_eq!(h.say("PBSZ 4096"), ["200 PBSZ=0"]);
    for (line, code) in
        [("PROT P", "200"), ("PROT C", "200"), ("PROT S", "536"), ("PROT E", "536"), ("PROT X", "504")]
    {
        h.check(line, &[code]);
    }
    h.check("AUTH TLS", &["503"]);
    let mut h = server(EXPLICIT).logged_in();
    h.take();
    for line in ["SSCN ON", "SSCN", "PINC OFF", "CPSV"] {
        h.check(line, &["503"]);
    }
}

#[test]
fn f01_other_mechanisms_are_refused_and_without_a_certificate_all_are() {
    let mut h = server(EXPLICIT);
    h.check("AUTH KERBEROS_V4", &["504"]);
    h.check("AUTH", &["501"]);
    let mut h = server(Tls::default());
    for line in ["AUTH TLS", "PBSZ 0", "PROT P", "CCC", "SSCN", "PINC OFF", "CPSV"] {
        h.check(line, &["502"]);
    }
    assert!(!h.say("FEAT").iter().any(|line| line.contains("AUTH")));
}

#[test]
fn f01_auth_ssl_makes_data_connections_private() {
    let mut h = server(EXPLICIT);
    h.check("AUTH SSL", &["234"]);
    h.handshake(shown(None, false));
    let mut h = h.logged_in();
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server resumes".to_owned()));
}

#[test]
fn f02_auth_resets_the_session() {
    let mut h = server(EXPLICIT).logged_in();
    let port = h.port("PASV");
    h.say("REST 5");
    h.did();
    h.check("AUTH TLS", &["234"]);
    assert_eq!(h.did(), [format!("unlisten {port}"), format!("release {port}"), "secure".to_owned()]);
    h.handshake(shown(None, false));
    h.check("PWD", &["530"]);
    let mut h = h.logged_in();
    h.check("RETR a", &["425"]);
}

#[test]
fn f02_nothing_that_was_sent_in_clear_survives_the_handshake() {
    let mut h = server(EXPLICIT);
    h.send("AUTH TLS\r\nUSER u\r\nPASS secret\r\nNOO");
    h.send("P\r\nNOOP\r\n");
    assert_eq!(h.take(), ["234 Begin TLS now"]);
    h.handshake(shown(None, false));
    assert_eq!(h.take(), [""; 0]);
    h.check("PWD", &["530"]);
    h.check("PASS secret", &["503"]);
}

#[test]
fn f01_a_handshake_that_fails_or_takes_too_long_ends_the_session() {
    let mut h = server(EXPLICIT);
    h.say("AUTH TLS");
    h.handshake(Answer::Failed("no".to_owned()));
    assert!(h.closed);
    let mut h = server(EXPLICIT);
    h.say("AUTH TLS");
    h.pass(seconds(9));
    assert!(!h.closed);
    h.pass(seconds(2));
    assert!(h.closed);
}

#[test]
fn f01_implicit_tls_begins_before_the_greeting() {
    let mut h = server(Tls { begin: Begin::Implicit, ..EXPLICIT });
    assert_eq!(h.take(), [""; 0]);
    h.handshake(shown(None, false));
    assert_eq!(h.take(), ["220 server ready"]);
    let mut h = h.logged_in();
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server resumes".to_owned()));
}

#[test]
fn f03_feat_shows_what_tls_brings() {
    let mut h = server(EXPLICIT);
    let lines = h.say("FEAT");
    for feature in [" AUTH TLS", " PBSZ", " PROT", " SSCN", " CPSV", " PINC SHA-256"] {
        assert!(lines.iter().any(|line| line == feature), "{feature}: {lines:?}");
    }
}

#[test]
fn f04_sscn_tells_the_method() {
    let mut h = private(EXPLICIT);
    assert_eq!(h.say("SSCN"), ["200 SSCN:SERVER METHOD"]);
    assert_eq!(h.say("SSCN on"), ["200 SSCN:CLIENT METHOD"]);
    assert_eq!(h.say("SSCN"), ["200 SSCN:CLIENT METHOD"]);
    assert_eq!(h.say("SSCN OFF"), ["200 SSCN:SERVER METHOD"]);
    h.check("SSCN x", &["501"]);
}

#[test]
fn f05_sscn_makes_this_server_the_client_where_files_move() {
    for (command, role) in
        [("RETR a", "Client"), ("STOR c", "Client"), ("LIST", "Server resumes"), ("MLSD", "Server resumes")]
    {
        let mut h = private(EXPLICIT);
        h.say("SSCN ON");
        data(&mut h, command);
        assert!(h.did().contains(&format!("secure 1 {role}")), "{command}");
        let mut h = private(EXPLICIT);
        h.say("SSCN ON");
        h.say("PORT 192,0,2,7,20,0");
        h.say(command);
        h.connected();
        assert!(h.did().contains(&format!("secure 1 {role}")), "{command}");
    }
}

#[test]
fn f06_cpsv_is_for_exactly_one_transfer() {
    let mut h = server(EXPLICIT).logged_in();
    h.check("CPSV", &["503"]);
    let mut h = private(EXPLICIT);
    let port = h.port("CPSV");
    h.arrive(port, &format!("{OWN}:5000"));
    h.check("RETR a", &["150"]);
    assert!(h.did().contains(&"secure 1 Client".to_owned()));
    h.handshake(shown(None, false));
    h.finish(1000, End::Whole);
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 2 Server resumes".to_owned()));
}

#[test]
fn f01_the_preliminary_reply_comes_before_the_handshake_of_a_data_connection() {
    let mut h = private(EXPLICIT);
    let port = h.port("PASV");
    h.check("RETR a", &[]);
    h.arrive(port, &format!("{OWN}:5000"));
    assert_eq!(h.take(), ["150 Data connection open, sending"]);
    assert!(!h.is_moving());
    h.handshake(shown(None, true));
    assert!(h.is_moving());
    assert_eq!(h.finish(1000, End::Whole), ["226 Transfer complete."]);
}

#[test]
fn f08_a_data_connection_that_resumes_nothing_is_refused_where_it_must() {
    let tls = Tls { reuse: Reuse::Required, ..EXPLICIT };
    for (resumed, code) in [(false, "522"), (true, "226")] {
        let mut h = private(tls);
        data(&mut h, "RETR a");
        h.handshake(shown(None, resumed));
        let replies = if resumed { h.finish(1000, End::Whole) } else { h.take() };
        assert!(replies.iter().any(|line| line.starts_with(code)), "{replies:?}");
        assert!(h.open.is_empty());
    }
    let mut h = private(tls);
    h.say("SSCN ON");
    data(&mut h, "RETR a");
    h.handshake(shown(None, false));
    assert!(h.is_moving(), "never demanded of a TLS server");
}

#[test]
fn f08_without_reuse_nothing_can_be_resumed() {
    let mut h = private(Tls { reuse: Reuse::Off, ..EXPLICIT });
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server".to_owned()));
}

#[test]
fn f09_ccc_is_refused() {
    let mut h = private(EXPLICIT);
    h.check("CCC", &["534"]);
    h.check("PROT P", &["200"]);
}

#[test]
fn f10_another_certificate_than_the_pinned_one_gets_nothing() {
    let pin = format!("PINC SHA-256 {}", leaf(1).to_hex());
    for (shows, moves) in [(Some(leaf(1)), true), (Some(leaf(2)), false), (None, false)] {
        let mut h = private(EXPLICIT);
        h.check(&pin, &["200"]);
        data(&mut h, "RETR a");
        assert!(h.did().contains(&"secure 1 Server pinned".to_owned()));
        h.take();
        h.handshake(shown(shows, false));
        assert_eq!(h.is_moving(), moves, "{shows:?}");
        if !moves {
            assert!(h.take()[0].starts_with("522"));
            assert!(h.open.is_empty());
        }
    }
}

#[test]
fn f10_the_pin_is_forgotten() {
    for line in ["PINC OFF", "USER u"] {
        let mut h = private(EXPLICIT);
        h.say(&format!("PINC SHA-256 {}", leaf(1).to_hex()));
        h.say(line);
        let mut h = h.logged_in();
        data(&mut h, "RETR a");
        assert!(h.did().contains(&"secure 1 Server resumes".to_owned()), "{line}");
    }
    let mut h = private(EXPLICIT);
    for line in ["PINC", "PINC SHA-256", "PINC SHA-256 00", "PINC MD5 00", "PINC ON"] {
        h.check(line, &["501"]);
    }
}

#[test]
fn f12_abor_during_the_handshake_of_a_data_connection() {
    let mut h = private(EXPLICIT);
    data(&mut h, "RETR a");
    h.take();
    h.check("ABOR", &["426", "226"]);
    assert!(h.open.is_empty());
    h.check("NOOP", &["200"]);
}

#[test]
fn f07_a_handshake_that_fails_or_takes_too_long_is_no_data_connection() {
    let mut h = private(EXPLICIT);
    data(&mut h, "RETR a");
    h.take();
    h.handshake(Answer::Failed("alert".to_owned()));
    assert!(h.take()[0].starts_with("522"));
    data(&mut h, "RETR a");
    h.take();
    h.pass(seconds(11));
    assert!(h.take()[0].starts_with("522"));
    assert!(h.open.is_empty() && h.has_no_port());
    h.check("NOOP", &["200"]);
}

#[test]
fn where_tls_is_required_nothing_goes_in_clear() {
    let tls = Tls { required: true, ..EXPLICIT };
    let mut h = server(tls);
    h.check("USER u", &["530"]);
    h.check("PASS secret", &["530"]);
    h.check("AUTH TLS", &["234"]);
    h.handshake(shown(None, false));
    let mut h = h.logged_in();
    let port = h.port("PASV");
    h.arrive(port, &format!("{OWN}:5000"));
    h.check("LIST", &["521"]);
    h.check("PBSZ 0", &["200"]);
    h.check("PROT C", &["534"]);
    h.check("PROT P", &["200"]);
    h.check("LIST", &["150"]);
}

#[test]
fn the_first_bytes_of_another_protocol_end_the_session() {
    let long = format!("POST /{} HTTP/1.1\r\nUSER u\r\nPASS secret\r\n", "x".repeat(10_000));
    for bytes in [
        "GET / HTTP/1.1\r\nUSER u\r\nPASS secret\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
        "POST /x HTTP/1.0\r\n",
        &long,
    ] {
        let mut h = server(Tls::default());
        h.send(bytes);
        assert!(h.closed, "{:?}", &bytes[..4]);
        assert_eq!(h.take(), [""; 0]);
        assert!(matches!(h.events.last(), Some(Event::NotFtp(_))));
        h.input(Input::Bytes(b"NOOP\r\n"));
        assert_eq!(h.take(), [""; 0]);
    }
    let mut h = server(Tls::default());
    h.check("NOOP", &["200"]);
    h.check("GET / HTTP/1.1", &["500"]);
}

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

/// `--foreign authenticated`, all networks.
fn open_to_all() -> Harness {
    let rules = Rules {
        foreign: Foreign::Authenticated,
        foreign_networks: Some(vec!["0.0.0.0/0".parse().unwrap()]),
        ..Rules::default()
    };
    let mut h = Harness::new(Setup { tls: EXPLICIT, rules, ..Setup::default() });
    h.say("AUTH TLS");
    h.handshake(shown(None, false));
    h.say("PBSZ 0");
    h.say("PROT P");
    let mut h = h.logged_in();
    h.take();
    h
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
        assert_eq!(h.finish(1000, End::Whole).last().unwrap(), "226 Transfer complete.");
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
        let port = h.port("PASV");
        h.arrive(port, &format!("{OWN}:5000"));
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
    let port = h.port("PASV");
    h.arrive(port, &format!("{OWN}:5000"));
    h.handshake(Answer::Failed("alert".to_owned()));
    assert_eq!(h.strangers(), 1);
    assert!(h.open.is_empty());
    h.arrive(port, &format!("{OWN}:5001"));
    h.handshake(shown(None, false));
    h.check("RETR a", &["150"]);
}

#[test]
fn f13_rein_ends_tls_after_its_reply() {
    let mut h = private(EXPLICIT);
    h.did();
    h.send("REIN\r\nNOOP\r\n");
    assert_eq!(h.take().len(), 1);
    assert_eq!(h.did(), ["clear"]);
    h.check("NOOP", &[]);
    h.handshake(Answer::Cleared);
    h.check("PROT P", &["503"]);
    h.check("AUTH TLS", &["234"]);
    let mut h = private(Tls { required: true, ..EXPLICIT });
    h.say("REIN");
    h.handshake(Answer::Cleared);
    h.check("USER u", &["530"]);
}

#[test]
fn f13_rein_on_a_listener_for_implicit_tls_goes_back_to_its_start() {
    let mut h = server(Tls { begin: Begin::Implicit, ..EXPLICIT });
    h.handshake(shown(None, false));
    let mut h = h.logged_in();
    h.say("PROT C");
    h.take();
    h.check("REIN", &["220"]);
    h.check("PWD", &["530"]);
    let mut h = h.logged_in();
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server resumes".to_owned()));
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
