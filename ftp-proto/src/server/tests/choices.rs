//! Choices of the operator that follow the letter of the early RFCs: who may come before the transfer command,
//! and accounts that ACCT names.

use super::Harness;
use super::harness::{Config, OWN, config, seconds};
use crate::dialect::Dialect::{self, Rfc354, Rfc959};
use crate::server::ask::{End, Event};

fn strict(dialect: Dialect) -> Harness {
    Harness::new(Config { dialect, strict_listen: true, ..config() }).logged_in()
}

#[test]
fn c11_where_listening_is_strict_a_peer_is_refused_before_the_command_and_accepted_after_it() {
    for dialect in [Rfc354, Rfc959] {
        let mut h = strict(dialect);
        let port = h.port("LSTN R");
        h.did();
        h.arrive(port, &format!("{OWN}:5000"));
        assert_eq!(h.did(), ["drop 1"]);
        assert_eq!(h.strangers(), 1);
        h.check("STOR c", &[]);
        h.pass(seconds(5));
        h.arrive(port, &format!("{OWN}:5001"));
        assert!(h.is_moving());
        h.finish(5, End::WHOLE_FILE);
        // RFC 478 lets the peer of PASV come first (D02).
        h.own_host_connects_for("STOR c");
        assert!(h.is_moving());
    }
}

/// The login up to the account that is still missing.
fn charged(dialect: Dialect) -> Harness {
    let mut h = Harness::new(Config { dialect, ..config() });
    h.say("USER charged");
    let needed = if dialect == Rfc354 { "331" } else { "332" };
    h.check("PASS secret", &[needed]);
    h
}

#[test]
fn b23_where_an_account_is_needed_sock_takes_effect_after_acct() {
    for dialect in [Rfc354, Rfc959] {
        let mut h = charged(dialect);
        h.did();
        let needed = if dialect == Rfc354 { "331" } else { "332" };
        for command in ["SOCK 40004", "LSTN R", "RETR a"] {
            h.check(command, &[needed]);
        }
        assert!(h.did().is_empty(), "nothing was reserved");
        assert!(!h.events.iter().any(|event| matches!(event, Event::LoggedIn { .. })));
        h.check("ACCT dept", &["230"]);
        h.check("SOCK 40004", &["255"]);
        assert_eq!(h.did(), ["reserve 40001"]);
    }
}

#[test]
fn b23_a_wrong_account_is_a_wrong_login() {
    for dialect in [Rfc354, Rfc959] {
        let mut h = charged(dialect);
        let wrong = if dialect == Rfc354 { "430|431|432" } else { "530" };
        h.did();
        let reply = h.say("ACCT other");
        assert_eq!(h.did(), ["log out"]);
        assert!(wrong.split('|').any(|code| reply[0].starts_with(code)), "{reply:?}");
        assert!(h.events.iter().any(|event| matches!(event, Event::LoginFailed { .. })));
        // Only the password opens the way to another guess.
        h.say("ACCT dept");
        assert!(!h.events.iter().any(|event| matches!(event, Event::LoggedIn { .. })));
        // Whoever gives up has logged in for nobody either.
        h.say("USER charged");
        h.say("PASS secret");
        h.did();
        h.say("USER charged");
        assert_eq!(h.did(), ["log out"]);
        h.say("PASS secret");
        h.check("ACCT dept", &["230"]);
    }
    let mut h = charged(Rfc959);
    for _ in 0..4 {
        h.check("ACCT other", &["530"]);
        h.say("USER charged");
        h.say("PASS secret");
    }
    h.check("ACCT other", &["421"]);
    assert!(h.closed);
}
