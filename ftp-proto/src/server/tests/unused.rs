//! What nobody uses any more is given back.

use super::harness::{both, modern, seconds};
use crate::server::ask::{End, Input};

/// The simulator found a listener that outlived its ABOR when the file was still being looked at.
#[test]
fn d13_abor_while_the_file_is_looked_at_ends_pasv() {
    for opening in ["PASV", "EPSV"] {
        for mut h in both() {
            let port = h.port(opening);
            h.answers_files = false;
            h.say("STOR b");
            assert_eq!(h.say("ABOR").len(), 2);
            assert!(!h.listens(port), "{opening}");
        }
    }
}

/// A file error keeps PASV (dialect-1973 16.12); a session that is kept alive with NOOP must not
/// keep the port for ever.
#[test]
fn c22_pasv_that_a_file_error_left_is_closed_after_the_idle_limit() {
    for mut h in both() {
        let port = h.port("PASV");
        h.say("RETR missing");
        h.pass(seconds(200));
        h.say("NOOP");
        assert!(h.listens(port));
        h.pass(seconds(150));
        h.say("NOOP");
        assert!(!h.listens(port));
    }
}

#[test]
fn c06_a_session_whose_ports_others_need_gives_them_back() {
    for mut h in both() {
        h.port("GSOC");
        let listening = h.port("LSTN R");
        h.input(Input::PortsNeeded);
        assert!(!h.listens(listening));
        assert_eq!(h.did().iter().filter(|did| did.starts_with("release")).count(), 2);
        h.check("STOR c", &["454/425"]);
        let another = h.port("LSTN R");
        assert!(h.listens(another), "it may have another one");
    }
}

#[test]
fn c06_a_transfer_that_still_waits_for_its_peer_gives_its_port_back_too() {
    let mut h = modern();
    let port = h.port("EPSV");
    h.check("RETR a", &[]);
    h.input(Input::PortsNeeded);
    assert!(h.take()[0].starts_with("425 "));
    assert!(!h.listens(port));
}

#[test]
fn c06_a_file_that_moves_goes_on() {
    let mut h = modern();
    let port = h.own_host_connects_to("LSTN S");
    h.check("RETR a", &["150"]);
    h.input(Input::PortsNeeded);
    assert!(h.listens(port));
    assert!(h.finish(1000, End::WHOLE_FILE)[0].starts_with("226 "));
    assert!(!h.listens(port));
}
