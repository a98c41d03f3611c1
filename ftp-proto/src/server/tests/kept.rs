//! E12, B13, C24: data connections that MODE B keeps between two files.

use super::Harness;
use super::harness::{FOREIGN, OWN, both, modern, seconds};
use crate::command::Direction;
use crate::server::ask::{ConnId, End, Event, Input};

/// A session that keeps a connection after `command`.
#[track_caller]
fn keeping(h: &mut Harness, command: &str) -> ConnId {
    h.say("MODE B");
    let port = h.port("PASV");
    h.say(command);
    let conn = h.arrive(port, &format!("{OWN}:5000"));
    h.take();
    let replies = h.finish(5, End::WHOLE_FILE);
    assert!(replies[0].starts_with(h.code("252/250")), "{replies:?}");
    assert_eq!(h.kept, [conn]);
    h.did();
    conn
}

#[test]
fn e12_the_second_file_takes_the_connection_of_the_first() {
    for command in ["RETR a", "STOR c", "APPE c", "STOU", "LIST", "MLSD"] {
        for mut h in both() {
            let conn = keeping(&mut h, command);
            for _ in 0..3 {
                h.check(command, &["250/125"]);
                let did = h.did();
                assert_eq!(did.len(), 2, "{did:?}");
                assert_eq!(did[1], format!("move {}", conn.0));
                let replies = h.finish(5, End::WHOLE_FILE);
                assert!(replies[0].starts_with(h.code("252/250")), "{replies:?}");
            }
            h.say("QUIT");
        }
    }
}

#[test]
fn c24_in_mode_b_a_connection_at_a_listener_stays_and_so_does_the_listener() {
    for mut h in both() {
        h.say("MODE B");
        let port = h.port("LSTN R");
        h.say("STOR c");
        let conn = h.arrive(port, &format!("{OWN}:5000"));
        h.take();
        let replies = h.finish(5, End::WHOLE_FILE);
        assert!(replies[0].starts_with(h.code("252/250")), "{replies:?}");
        assert!(h.listens(port));
        // The other direction has a connection of its own, or none.
        h.check("RETR a", &["454/425"]);
        assert_eq!(h.kept, [conn]);
        let sends = h.port("LSTN S");
        assert!(h.kept.is_empty(), "LSTN closes what is kept");
        assert!(h.listens(port) && h.listens(sends));
    }
}

#[test]
fn b13_what_says_how_the_next_connection_is_closes_the_one_that_is_kept_before_its_reply() {
    let rndz = format!("RNDZ {}", "07".repeat(32));
    for command in [
        "SOCK 40004",
        "SOCK abc",
        "PORT 192,0,2,7,156,68",
        "EPRT |1|192.0.2.7|40004|",
        "PASV",
        "EPSV",
        "LSTN R",
        "LSTN S",
        rndz.as_str(),
        "RNDZ",
        "PROB S",
        "MODE B",
        "MODE S",
        "STRU F",
        "BYTE 8",
        "ABOR",
        "USER u",
        "REIN",
    ] {
        for mut h in both() {
            let conn = keeping(&mut h, "RETR a");
            h.send(&format!("{command}\r\n"));
            assert_eq!(h.did().first(), Some(&format!("close {}", conn.0)), "{command}");
        }
    }
    for command in ["TYPE A", "REST 1", "NOOP", "CWD d", "SIZE a", "STAT", "PWD", "DGST OFF", "GSOC", "ACTV"]
    {
        let mut h = modern();
        let conn = keeping(&mut h, "RETR a");
        h.say(command);
        assert_eq!(h.kept, [conn], "{command}");
    }
}

#[test]
fn a_kept_connection_serves_its_own_direction_only() {
    let mut h = modern();
    let conn = keeping(&mut h, "RETR a");
    h.check("STOR c", &["425"]);
    assert_eq!(h.kept, [conn]);
    h.check("LIST", &["125"]);
}

#[test]
fn a_transfer_command_that_fails_closes_the_connection_of_its_direction() {
    // The peer may have sent the file that was refused, and nobody may take it for the next one.
    for (first, failing, expect) in [
        ("STOR c", "STOR", "501"),
        ("STOR c", "APPE", "501"),
        ("RETR a", "RETR missing", "550"),
        ("RETR a", "RETR", "501"),
        ("LIST", "MLSD a", "501"),
    ] {
        let mut h = modern();
        let conn = keeping(&mut h, first);
        h.check(failing, &[expect]);
        assert!(h.did().contains(&format!("close {}", conn.0)), "{failing}");
        h.check(first, &["425"]);
    }
    // A file that breaks off takes its connection with it.
    let mut h = modern();
    keeping(&mut h, "STOR c");
    h.check("STOR c", &["125"]);
    assert!(h.finish(5, End::Broken("gone".to_owned()))[0].starts_with("426"));
    assert!(h.kept.is_empty() && h.open.is_empty());
    h.check("STOR c", &["425"]);
}

#[test]
fn a_kept_connection_that_nobody_uses_ends_by_its_timer() {
    let mut h = modern();
    let conn = keeping(&mut h, "RETR a");
    h.pass(seconds(59));
    assert_eq!(h.kept, [conn]);
    h.check("RETR a", &["125"]);
    h.progress = (1, 0);
    h.pass(seconds(100)); // while a file moves, it is not idle
    h.finish(5, End::WHOLE_FILE);
    h.pass(seconds(59));
    assert_eq!(h.kept, [conn]);
    h.pass(seconds(1));
    assert!(h.kept.is_empty());
    h.check("RETR a", &["425"]);
}

#[test]
fn a_kept_connection_that_its_peer_ends_is_closed() {
    let mut h = modern();
    let conn = keeping(&mut h, "RETR a");
    h.lose(conn);
    assert!(h.open.is_empty());
    h.check("RETR a", &["425"]);
    h.check("NOOP", &["200"]);
}

#[test]
fn a_kept_connection_gives_way_to_others_unless_a_file_uses_it() {
    let mut h = modern();
    keeping(&mut h, "RETR a");
    h.check("RETR a", &["125"]);
    h.input(Input::ConnectionsNeeded);
    assert!(h.finish(5, End::WHOLE_FILE)[0].starts_with("250 "));
    h.input(Input::ConnectionsNeeded);
    assert!(h.open.is_empty());
    assert!(h.events.contains(&Event::GaveConnectionsUp));
    // Where there is no place, the driver closes it, and the client is told.
    let port = h.port("PASV");
    h.keeps = false;
    h.say("RETR a");
    h.arrive(port, &format!("{OWN}:5000"));
    h.take();
    assert!(h.finish(5, End::WHOLE_FILE)[0].starts_with("226 "));
    h.check("RETR a", &["425"]);
}

#[test]
fn stream_mode_keeps_nothing_and_abor_closes_what_moves() {
    let mut h = modern();
    let port = h.port("PASV");
    h.say("RETR a");
    h.arrive(port, &format!("{OWN}:5000"));
    assert_eq!(h.terms.map(|terms| terms.keep), Some(false));
    h.take();
    assert!(h.finish(5, End::WHOLE_FILE)[0].starts_with("226 "));
    keeping(&mut h, "RETR a");
    h.stops = false;
    h.check("RETR a", &["125"]);
    h.check("ABOR", &[]);
    // The file was whole just before.
    let replies = h.finish(5, End::WHOLE_FILE);
    assert!(replies[0].starts_with("226 ") && replies[1].starts_with("225 "), "{replies:?}");
    assert!(h.open.is_empty());
}

#[test]
fn a_connection_that_has_proven_itself_stays_proven_for_its_direction() {
    let mut h = modern();
    h.say("MODE B");
    h.say(&format!("RNDZ {}", "07".repeat(32)));
    let port = h.port("LSTN R");
    h.say("STOR c");
    let conn = h.arrive(port, &format!("{FOREIGN}:5000"));
    h.prove(conn, [7; 32], Direction::Send);
    assert!(h.take()[0].starts_with("150 "));
    let facts = |replies: &[String]| {
        assert_eq!(replies.len(), 4, "{replies:?}");
        assert_eq!(replies[0], format!("250-Peer {FOREIGN}:5000 proven-by=rndz"));
        assert!(replies[3].starts_with("250 "), "{replies:?}");
    };
    facts(&h.finish(5, End::WHOLE_FILE));
    h.check("STOR d", &["125"]);
    facts(&h.finish(5, End::WHOLE_FILE));
    // LSTN has stayed, but a new connection needs a new secret, and policy a proof of foreign hosts.
    h.lose(conn);
    h.check("STOR d", &["425"]);
    h.say("RNDZ");
    h.check("STOR d", &[]);
    let stranger = h.arrive(port, &format!("{FOREIGN}:5001"));
    assert!(!h.open.contains(&stranger));
}

#[test]
fn a_listing_does_not_go_over_a_foreign_connection_that_is_kept() {
    let mut h = modern();
    h.say("MODE B");
    h.say(&format!("RNDZ {}", "07".repeat(32)));
    let port = h.port("LSTN S");
    h.say("RETR a");
    let conn = h.arrive(port, &format!("{FOREIGN}:5000"));
    h.prove(conn, [7; 32], Direction::Receive);
    h.take();
    h.finish(5, End::WHOLE_FILE);
    assert_eq!(h.kept, [conn]);
    h.check("LIST", &[]);
    let own = h.arrive(port, &format!("{OWN}:5000"));
    h.take();
    h.finish(5, End::WHOLE_FILE);
    assert_eq!(h.kept, [own], "one connection is kept for each direction");
}

#[test]
fn after_the_end_of_a_session_nothing_more_is_asked() {
    let mut h = modern();
    keeping(&mut h, "RETR a");
    h.say("QUIT");
    h.did();
    h.input(Input::ConnectionsNeeded);
    assert_eq!(h.did(), [""; 0], "the driver has closed what the session held");
}
