//! B: SOCK.

use super::Harness;
use super::harness::{
    Config, FOREIGN, LOCAL, OWN, both, config, connection, modern, old, open_to_all, over_ipv6,
};
use crate::dialect::Dialect;
use crate::policy::{Foreign, Rules};
use crate::server::ask::End;

/// The address of [`OWN`] as one number.
const OWN_INTEGER: &str = "3221225991";

#[test]
fn b01_b02_the_255_comes_at_once_on_one_line() {
    for mut h in both() {
        assert_eq!(h.say(&format!("SOCK {OWN_INTEGER},40004")), ["255 SOCK 40001"]);
        assert_eq!(h.did(), ["reserve 40001"]);
    }
}

#[test]
fn b03_the_connection_comes_from_the_announced_port() {
    for mut h in both() {
        h.say(&format!("SOCK {OWN_INTEGER},40004"));
        h.say("RETR a");
        assert!(h.did().contains(&format!("connect 40001 -> {OWN}:40004")));
        h.connected();
        assert_eq!(h.take().len(), 1);
        assert_eq!(h.finish(1000, End::WHOLE_FILE).len(), 1);
    }
}

#[test]
fn b04_without_a_host_it_is_the_control_peer() {
    for mut h in both() {
        h.say("SOCK 40004");
        h.say("STOR c");
        assert!(h.did().contains(&format!("connect 40001 -> {OWN}:40004")));
    }
}

#[test]
fn b05_blanks_around_the_comma() {
    for mut h in both() {
        h.check(&format!("SOCK {OWN_INTEGER}, 40004"), &["255"]);
    }
}

#[test]
fn b06_bad_sock_is_refused_and_drops_the_old_value() {
    for bad in ["abc", "1,", ",1", "1,2,3", "1 x"] {
        for mut h in both() {
            h.check("SOCK 40004", &["255"]);
            h.check(&format!("SOCK {bad}"), &["501"]);
            h.check("RETR a", &["454/425"]);
            assert!(!h.did().iter().any(|did| did.starts_with("connect")));
        }
    }
}

#[test]
fn b07_b08_b09_numbers_that_cannot_be() {
    for mut h in both() {
        h.check("SOCK", &["502/501"]);
        h.check("SOCK 4294967296", &["503/501"]);
        h.check("SOCK 65536", &["503/504"]);
        h.check("SOCK 255,40004", &["503/501"]);
        assert_eq!(h.did(), Vec::<String>::new());
    }
}

#[test]
fn b10_dotted_and_ipv6_hosts() {
    for mut h in both() {
        h.check(&format!("SOCK {OWN},40004"), &["255"]);
        h.say("RETR a");
        assert!(h.did().contains(&format!("connect 40001 -> {OWN}:40004")));
    }
    let mut h = Harness::over(config(), over_ipv6()).logged_in();
    h.check("SOCK [2001:db8::1],40004", &["255"]);
    h.say("RETR a");
    assert!(h.did().contains(&"connect 40001 -> [2001:db8::1]:40004".to_owned()));
}

#[test]
fn b11_port_0_is_a_filter_and_never_a_target() {
    for mut h in both() {
        h.check(&format!("SOCK {OWN},0"), &["255"]);
        h.check("RETR a", &["454/425"]);
        h.own_host_connects();
        assert_eq!(h.strangers(), 0);
        h.say("RETR a");
        assert!(h.is_moving());
    }
}

#[test]
fn b12_the_value_lasts_in_1973_and_for_one_connection_today() {
    for mut h in both() {
        h.say("SOCK 40004");
        h.say("RETR a");
        h.connected();
        h.finish(1000, End::WHOLE_FILE);
        h.did();
        if h.is_old() {
            h.say("RETR a");
            assert!(h.did().contains(&format!("connect 40001 -> {OWN}:40004")));
        } else {
            h.take();
            h.check("RETR a", &["425"]);
        }
    }
}

#[test]
fn b15_one_value_serves_both_directions() {
    let mut h = old();
    h.say("SOCK 40004");
    for command in ["RETR a", "STOR c", "LIST"] {
        h.check(command, &[]);
        h.connected();
        assert_eq!(h.take().len(), 1);
        h.finish(1000, End::WHOLE_FILE);
    }
}

#[test]
fn b17_low_ports_are_no_targets_but_filters() {
    for mut h in both() {
        h.say("SOCK 40004");
        h.check("SOCK 1", &["504"]);
        h.check("SOCK 1024", &["255"]);
        h.check("SOCK 1023", &["504"]);
        h.check("RETR a", &["454/425"]);
        h.check("PORT 192,0,2,7,0,20", &["504"]);
        let port = h.port("PASV");
        h.check("SOCK 20", &["255"]);
        h.arrive(port, &format!("{OWN}:20"));
        assert_eq!(h.strangers(), 0);
    }
}

#[test]
fn b18_foreign_hosts_without_proof_are_refused_and_nothing_is_connected() {
    for foreign in [Foreign::Never, Foreign::Proven] {
        for dialect in [Dialect::Rfc354, Dialect::Rfc959] {
            let rules = Rules { foreign, ..Rules::default() };
            let mut h = Harness::new(Config { dialect, rules, ..config() }).logged_in();
            h.say("SOCK 40004");
            h.did();
            h.check(&format!("SOCK {FOREIGN},40004"), &["504"]);
            h.check("RETR a", &["454/425"]);
            h.check("PORT 198,51,100,9,156,68", &["504"]);
            assert!(!h.did().iter().any(|did| did.starts_with("connect")));
        }
    }
}

#[test]
fn b18_anonymous_names_no_foreign_host_even_with_rndz() {
    let rules = Rules { foreign: Foreign::Authenticated, ..Rules::default() };
    let mut h = Harness::new(Config { rules, ..config() });
    h.say("USER anonymous");
    h.say("PASS me");
    h.check(&format!("RNDZ {}", "07".repeat(32)), &["200"]);
    h.check(&format!("SOCK {FOREIGN},40004"), &["504"]);
    h.check("STOR c", &["550"]);
}

#[test]
fn b19_addresses_that_are_nobodys_are_refused() {
    let own_listeners = vec![format!("{LOCAL}:2121").parse().unwrap()];
    let rules = Rules { foreign: Foreign::Authenticated, own_listeners, ..Rules::default() };
    for host in ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "192.0.2.1"] {
        let mut h = Harness::new(Config { rules: rules.clone(), ..config() }).logged_in();
        h.check(&format!("SOCK {host},2121"), &["504"]);
    }
}

#[test]
fn b21_after_lstn_the_255_shows_the_listener_and_the_server_stays_passive() {
    for mut h in [open_to_all(Dialect::Rfc354), open_to_all(Dialect::Rfc959)] {
        let port = h.port("LSTN R");
        assert_eq!(h.port(&format!("SOCK {FOREIGN},40004")), port);
        h.arrive(port, &format!("{FOREIGN}:40004"));
        h.check("STOR c", &["250/150"]);
        assert_eq!(h.did(), ["reserve 40001", "listen 40001", "prepare /c", "move 1"]);
    }
}

#[test]
fn b22_during_a_transfer_sock_is_refused_and_changes_nothing() {
    for mut h in both() {
        h.say("SOCK 40004");
        h.say("RETR a");
        h.check("SOCK 40005", &["505/503"]);
        h.connected();
        assert!(h.is_moving());
        h.check("SOCK 40005", &["250/150", "505/503"]);
        h.finish(1000, End::WHOLE_FILE);
        if h.is_old() {
            h.did();
            h.say("RETR a");
            assert!(h.did().contains(&format!("connect 40001 -> {OWN}:40004")));
        }
    }
}

#[test]
fn b24_sock_filters_every_listener_and_shows_the_last() {
    let mut h = modern();
    let first = h.port("LSTN R");
    let last = h.port("LSTN S");
    assert_eq!(h.port("SOCK 40004"), last);
    for port in [first, last] {
        h.arrive(port, &format!("{OWN}:40005"));
    }
    assert_eq!(h.strangers(), 2);
    for port in [first, last] {
        h.arrive(port, &format!("{OWN}:40004"));
    }
    assert_eq!(h.strangers(), 2);
}

#[test]
fn b24_a_direction_without_listener_takes_sock_as_target() {
    let mut h = modern();
    h.say("LSTN R");
    h.say("SOCK 40004");
    h.say("RETR a");
    assert!(h.did().contains(&format!("connect any -> {OWN}:40004")));
}

#[test]
fn b24_a_refused_sock_lets_nobody_in_until_the_next() {
    for refused in [format!("SOCK {FOREIGN},40004"), "SOCK abc".to_owned()] {
        let mut h = modern();
        let port = h.own_host_connects_to("LSTN R");
        h.say(&refused);
        assert_eq!(h.strangers(), 1, "who was held is judged again");
        h.arrive(port, &format!("{OWN}:5001"));
        assert_eq!(h.strangers(), 2);
        h.check("STOR c", &["425"]);
        h.check("SOCK 0", &["255"]);
        h.arrive(port, &format!("{OWN}:5002"));
        assert_eq!(h.strangers(), 2);
        h.check("STOR c", &["150"]);
    }
}

#[test]
fn an_eprt_or_port_that_is_refused_drops_the_old_value() {
    let mut h = modern();
    h.check("PORT 192,0,2,7,156,68", &["200"]);
    h.check("EPRT |1|198.51.100.9|40004|", &["504"]);
    h.check("RETR a", &["425"]);
    h.check("EPRT |1|192.0.2.7|40004|", &["200"]);
    h.say("RETR a");
    assert!(h.did().contains(&format!("connect any -> {OWN}:40004")));
}

#[test]
fn a_listing_goes_to_no_foreign_target() {
    for mut h in [open_to_all(Dialect::Rfc354), open_to_all(Dialect::Rfc959)] {
        h.check(&format!("SOCK {FOREIGN},40004"), &["255"]);
        h.check("LIST", &["454/425"]);
        h.check("MLSD", &["454/425"]);
        h.say("RETR a");
        assert!(h.did().contains(&format!("connect 40001 -> {FOREIGN}:40004")), "SOCK is not used up");
    }
}

#[test]
fn b19_a_link_local_address_is_reached_only_as_ones_own_with_its_scope() {
    let mut h = Harness::over(config(), connection("[fe80::7%3]:5000", "[fe80::1%3]:21")).logged_in();
    h.check("SOCK [fe80::8],40004", &["504"]);
    h.check("EPRT |2|fe80::7|40004|", &["200"]);
    h.say("RETR a");
    assert!(h.did().contains(&"connect any -> [fe80::7%3]:40004".to_owned()));
}

#[test]
fn b20_the_socket_may_be_told_with_the_transfer() {
    let deferring = |dialect| Harness::new(Config { dialect, defers_socket: true, ..config() }).logged_in();
    let mut h = deferring(Dialect::Rfc354);
    h.check(&format!("SOCK {OWN},40004"), &["200"]);
    assert_eq!(h.say("RETR a"), ["255 SOCK 40001"]);
    h.connected();
    assert!(h.take()[0].starts_with("250"));
    h.finish(1000, End::WHOLE_FILE);
    // A transfer that fails on its file needs no socket.
    h.check("RETR missing", &["450"]);
    // LSTN and GSOC are about this end's socket, and have no other reply.
    let port = h.port("LSTN R");
    h.check(&format!("SOCK {OWN},40006"), &["200"]);
    assert_eq!(h.say("STOR c"), [format!("255 SOCK {port}")]);
    h.arrive(port, &format!("{OWN}:40006"));
    assert!(h.take()[0].starts_with("250"));
    h.finish(5, End::WHOLE_FILE);
    assert_eq!(h.port("GSOC"), 40_001);
    let mut h = deferring(Dialect::Rfc959);
    h.check(&format!("SOCK {OWN},40004"), &["255"]);
}
