//! Strict gender: odd sockets send, even ones receive (RFC 354).

use super::harness::{Config, FOREIGN, Harness, OWN, all_networks, config};
use crate::dialect::Dialect;
use crate::server::Gender;
use crate::server::ask::End;

fn strict(dialect: Dialect) -> Harness {
    Harness::new(Config { dialect, gender: Gender::Strict, ..config() }).logged_in()
}

fn both() -> [Harness; 2] {
    [Dialect::Rfc354, Dialect::Rfc959].map(strict)
}

/// The same under `--foreign authenticated` with all networks named.
fn open_to_all(dialect: Dialect) -> Harness {
    let rules = all_networks();
    Harness::new(Config { dialect, rules, gender: Gender::Strict, ..config() }).logged_in()
}

#[test]
fn b14_an_even_socket_receives_and_an_odd_one_sends() {
    let cases = [
        (40_004, "RETR a", "STOR c"),
        (40_004, "NLST", "APPE c"),
        (40_004, "MLSD", "STOU"),
        (40_005, "STOR c", "RETR a"),
        (40_005, "APPE c", "NLST"),
        (40_005, "STOU", "MLSD"),
    ];
    for (number, fits, fits_not) in cases {
        for mut h in both() {
            h.check(&format!("SOCK {OWN},{number}"), &["255"]);
            h.check(fits_not, &["454/425"]);
            h.say(fits);
            assert!(h.did().iter().any(|did| did.ends_with(&format!("-> {OWN}:{number}"))));
        }
    }
}

#[test]
fn b14_a_listing_goes_to_an_even_socket() {
    for mut h in both() {
        h.check(&format!("SOCK {OWN},40005"), &["255"]);
        h.check("LIST", &["454/425"]);
        h.check(&format!("SOCK {OWN},40006"), &["255"]);
        h.say("LIST");
        assert!(h.is_connecting());
    }
}

#[test]
fn b16_stat_shows_both_sockets_and_the_host() {
    for mut h in both() {
        let sends = h.port(&format!("SOCK {OWN},40004"));
        let receives = h.port(&format!("SOCK {OWN},40007"));
        assert_eq!([sends % 2, receives % 2], [1, 0]);
        let said = h.say("STAT").join("\n");
        assert!(said.contains(&format!("Sending: to {OWN}:40004")), "{said}");
        assert!(said.contains(&format!("Receiving: to {OWN}:40007")), "{said}");
    }
}

#[test]
fn b12_each_value_lasts_in_1973_and_for_one_connection_of_its_direction_today() {
    for mut h in both() {
        h.say(&format!("SOCK {OWN},40004"));
        h.say(&format!("SOCK {OWN},40007"));
        h.say("RETR a");
        h.connected();
        h.finish(1000, End::WHOLE_FILE);
        h.take();
        h.did();
        h.say("STOR c");
        assert!(h.did().iter().any(|did| did.ends_with(&format!("-> {OWN}:40007"))));
        h.connected();
        h.finish(5, End::WHOLE_FILE);
        h.take();
        h.say("RETR a");
        assert_eq!(h.is_connecting(), h.is_old());
    }
}

#[test]
fn b17_a_refused_value_drops_both() {
    for mut h in both() {
        h.check(&format!("SOCK {OWN},40004"), &["255"]);
        h.check(&format!("SOCK {OWN},1001"), &["504"]);
        h.check("RETR a", &["454/425"]);
    }
}

#[test]
fn c07_lstn_r_gives_an_even_socket_and_lstn_s_an_odd_one() {
    for mut h in both() {
        for _ in 0..3 {
            assert_eq!(h.port("LSTN R") % 2, 0);
            assert_eq!(h.port("LSTN S") % 2, 1);
        }
    }
}

#[test]
fn g01_gsoc_gives_an_even_socket_and_the_next_one_sends() {
    for mut h in both() {
        let n = h.port("GSOC");
        assert_eq!(n % 2, 0);
        assert_eq!(h.did(), [format!("reserve {n}"), format!("reserve {}", n + 1)]);
        assert_eq!(h.port("GSOC"), n);
        assert_eq!(h.port(&format!("SOCK {OWN},40004")), n + 1, "what will send");
        assert_eq!(h.port(&format!("SOCK {OWN},40005")), n, "what will receive");
        h.say("RETR a");
        assert!(h.did().contains(&format!("connect {} -> {OWN}:40004", n + 1)));
    }
}

#[test]
fn d20_an_active_end_receives_on_n_and_pasv_listens_on_n() {
    for mut h in both() {
        let n = h.port("GSOC");
        h.say(&format!("SOCK {OWN},40005"));
        h.say("STOR c");
        assert!(h.did().contains(&format!("connect {n} -> {OWN}:40005")));
        h.say("ABOR");
        h.take();
        assert_eq!(h.port("PASV"), n);
        assert!(h.listens(n));
    }
}

#[test]
fn b24_a_filter_holds_for_the_direction_of_its_number() {
    let mut h = open_to_all(Dialect::Rfc354);
    let port = h.port("LSTN R");
    let own = h.port(&format!("SOCK {FOREIGN},40004"));
    assert_ne!(own, port, "an even socket receives: it is no filter of LSTN R, but a target");
    assert_eq!(h.port(&format!("SOCK {FOREIGN},40005")), port);
    h.arrive(port, &format!("{FOREIGN}:40004"));
    assert_eq!(h.strangers(), 1);
    h.arrive(port, &format!("{FOREIGN}:40005"));
    assert_eq!(h.strangers(), 1);
    h.say("STOR c");
    assert!(h.is_moving());
}

#[test]
fn d05_pasv_keeps_both_values_as_filters_of_their_directions() {
    let mut h = open_to_all(Dialect::Rfc354);
    h.say(&format!("SOCK {FOREIGN},40004"));
    h.say(&format!("SOCK {FOREIGN},40005"));
    let port = h.port("PASV");
    let wrong = h.arrive(port, &format!("{FOREIGN}:40006"));
    assert_eq!(h.strangers(), 1);
    assert!(!h.open.contains(&wrong));
    // It is not known yet which transfer comes.
    let receiver = h.arrive(port, &format!("{FOREIGN}:40004"));
    let sender = h.arrive(port, &format!("{FOREIGN}:40005"));
    assert_eq!(h.strangers(), 1);
    h.say("STOR c");
    assert!(h.did().contains(&format!("move {}", sender.0)));
    assert!(!h.open.contains(&receiver));
}

#[test]
fn b11_port_0_is_a_filter_for_both_directions() {
    let mut h = open_to_all(Dialect::Rfc354);
    h.check(&format!("SOCK {FOREIGN},0"), &["255"]);
    let port = h.port("PASV");
    h.arrive(port, &format!("{FOREIGN}:40004"));
    h.say("RETR a");
    assert!(h.is_moving());
}

#[test]
fn c25_rein_gives_both_ports_back() {
    for mut h in both() {
        h.say("GSOC");
        h.say("REIN");
        assert!(h.has_no_port());
    }
}
