//! D: PASV, EPSV, ACTV, GSOC.

use super::Harness;
use super::harness::{
    Config, FOREIGN, LOCAL, OWN, all_networks, both, config, connection, modern, old, open_to_all, over_ipv6,
    seconds,
};
use crate::dialect::Dialect;
use crate::policy::Rules;
use crate::server::Timeouts;
use crate::server::ask::End;

#[test]
fn d01_the_listener_exists_when_the_reply_is_written() {
    for mut h in both() {
        h.send("PASV\r\n");
        assert_eq!(h.did(), ["reserve 40001", "listen 40001"]);
        assert_eq!(h.take().len(), 1);
    }
}

#[test]
fn d02_d03_d04_either_order_works() {
    for first in [true, false] {
        for mut h in both() {
            let port = h.port("PASV");
            if first {
                h.arrive(port, &format!("{OWN}:5000"));
                h.pass(seconds(3));
                h.check("STOR c", &["250/150"]);
            } else {
                h.check("STOR c", &[]);
                h.pass(seconds(3));
                h.arrive(port, &format!("{OWN}:5000"));
                assert_eq!(h.take().len(), 1);
            }
            assert_eq!(h.finish(5, End::WHOLE_FILE).len(), 1);
        }
    }
}

#[test]
fn d05_d06_sock_before_and_after_is_the_filter() {
    for before in [true, false] {
        for mut h in [open_to_all(Dialect::Rfc354), open_to_all(Dialect::Rfc959)] {
            let sock = format!("SOCK {FOREIGN},40004");
            if before {
                h.say(&sock);
            }
            let port = h.port("PASV");
            if !before {
                assert_eq!(h.port(&sock), port);
            }
            h.check("STOR c", &[]);
            h.arrive(port, &format!("{FOREIGN}:40005"));
            h.arrive(port, &format!("{OWN}:40004"));
            assert_eq!(h.strangers(), 2);
            h.arrive(port, &format!("{FOREIGN}:40004"));
            assert!(h.is_moving());
        }
    }
}

#[test]
fn d07_without_sock_any_peer_that_policy_allows() {
    let mut h = open_to_all(Dialect::Rfc354);
    let port = h.port("PASV");
    h.arrive(port, &format!("{FOREIGN}:5000"));
    h.check("STOR c", &["250"]);
}

#[test]
fn d08_pasv_listens_on_the_port_that_sock_announced() {
    for mut h in both() {
        let n = h.port("SOCK 40004");
        assert_eq!(h.port("PASV"), n);
    }
}

#[test]
fn d09_pasv_is_for_one_transfer() {
    for mut h in both() {
        let port = h.own_host_connects_to("PASV");
        h.check("RETR a", &["250/150"]);
        assert!(!h.listens(port));
        h.finish(1000, End::WHOLE_FILE);
        h.check("RETR a", &["454/425"]);
    }
}

#[test]
fn d10_actv_undoes_pasv() {
    for mut h in both() {
        let port = h.port("PASV");
        h.check("ACTV", &["200"]);
        assert!(!h.listens(port));
        h.check("ACTV", &["200"]);
    }
}

#[test]
fn d11_the_reply_has_the_control_connections_address_or_the_configured_one() {
    assert_eq!(modern().say("PASV"), ["227 Entering Passive Mode (192,0,2,1,156,65)"]);
    assert_eq!(old().say("PASV"), ["255 SOCK 40001"]);
    let mut connection = connection(&format!("{OWN}:50000"), &format!("{LOCAL}:21"));
    connection.public_address = Some([203, 0, 113, 1].into());
    let mut h = Harness::over(config(), connection).logged_in();
    assert_eq!(h.say("PASV"), ["227 Entering Passive Mode (203,0,113,1,156,65)"]);
}

#[test]
fn d11_a_mapped_address_is_an_ipv4_one() {
    let mut h =
        Harness::over(config(), connection("[::ffff:192.0.2.7]:5000", "[::ffff:192.0.2.1]:21")).logged_in();
    assert_eq!(h.say("PASV"), ["227 Entering Passive Mode (192,0,2,1,156,65)"]);
    h.arrive(40_001, "[::ffff:192.0.2.7]:6000");
    h.check("RETR a", &["150"]);
    h.finish(1000, End::WHOLE_FILE);
    h.check("PORT 192,0,2,7,156,68", &["200"]);
}

#[test]
fn d12_of_two_pasvs_only_the_last_works() {
    for mut h in both() {
        let first = h.port("PASV");
        let second = h.port("PASV");
        assert!(!h.listens(first) && h.listens(second));
        let n = h.port("SOCK 40004");
        assert_eq!(n, second);
        h.say("ACTV");
        let n = h.port("GSOC");
        assert_eq!((h.port("PASV"), h.port("PASV")), (n, n), "its own port is listened on again");
    }
}

#[test]
fn d13_abor_ends_the_wait_of_pasv() {
    for line in ["PASV", "EPSV"] {
        for mut h in both() {
            let port = h.own_host_connects_to(line);
            h.check("ABOR", &["202/226"]);
            assert!(!h.listens(port) && h.open.is_empty());
        }
    }
    let mut h = modern();
    let port = h.port("LSTN R");
    h.check("ABOR", &["226"]);
    assert!(h.listens(port), "the allocation of LSTN is kept");
}

#[test]
fn d14_the_wait_for_a_peer_is_never_below_15_seconds() {
    let timeouts = Timeouts::default();
    assert!(timeouts.accept >= seconds(15) && timeouts.connect >= seconds(15));
}

#[test]
fn d15_rtrv_is_retr() {
    let mut h = old();
    h.own_host_connects();
    h.check("RTRV a", &["250"]);
}

#[test]
fn d16_a_missing_file_is_told_at_once_and_uses_nothing_up() {
    for mut h in both() {
        let port = h.port("PASV");
        h.check("RETR missing", &["450/550"]);
        assert!(h.listens(port));
        h.arrive(port, &format!("{OWN}:5000"));
        h.check("RETR a", &["250/150"]);
    }
}

#[test]
fn d17_after_epsv_all_only_epsv() {
    for mut h in both() {
        h.check("EPSV ALL", &["200"]);
        let others =
            ["PORT 192,0,2,7,156,68", "PASV", "EPRT |1|192.0.2.7|40004|", "SOCK 40004", "LSTN R", "LSTN S"];
        for line in others {
            h.check(line, &["505/503"]);
        }
        assert_eq!(h.did(), [""; 0]);
        let port = h.port("EPSV");
        assert!(h.listens(port));
        h.check("SOCK 40004", &["255"]); // a filter opens nothing
        h.say("REIN");
        h.log_in();
        h.check("PASV", &["255/227"]);
    }
}

#[test]
fn d18_the_other_family_is_refused_with_a_list() {
    let mut h = modern();
    let reply = h.say("EPSV 2");
    assert!(reply[0].starts_with("522 ") && reply[0].ends_with("(1)"), "{reply:?}");
    assert!(h.say("EPRT |2|2001:db8::1|40004|")[0].contains("(1)"));
    assert!(h.say("EPRT |7|x|40004|")[0].contains("(1,2)"));
    h.check("EPSV 1", &["229"]);
    let mut h = Harness::over(config(), over_ipv6()).logged_in();
    assert!(h.say("EPSV 1")[0].ends_with("(2)"));
    assert_eq!(h.say("EPSV"), ["229 Entering Extended Passive Mode (|||40001|)"]);
    let reply = h.say("PASV");
    assert!(reply[0].starts_with("425 ") && reply[0].contains("EPSV"), "{reply:?}");
    assert!(h.listens(40_001));
}

#[test]
fn pasv_of_1973_works_over_ipv6() {
    let config = Config { dialect: Dialect::Rfc354, ..config() };
    let mut h = Harness::over(config, over_ipv6()).logged_in();
    assert_eq!(h.say("PASV"), ["255 SOCK 40001"]);
    assert_eq!(h.say("EPSV"), ["255 SOCK 40002"]);
}

#[test]
fn d20_gsoc_is_the_port_of_pasv_and_the_source_when_active() {
    for mut h in both() {
        let n = h.port("GSOC");
        assert_eq!(h.port("GSOC"), n);
        assert_eq!(h.port("SOCK 40004"), n);
        h.say("RETR a");
        assert!(h.did().contains(&format!("connect {n} -> {OWN}:40004")));
        h.connected();
        h.finish(1000, End::WHOLE_FILE);
        h.take();
        assert_eq!(h.port("PASV"), n);
    }
}

#[test]
fn the_modern_listener_forgets_sock_at_port_and_epsv_but_not_at_pasv() {
    for (line, keeps) in [("EPSV", false), ("PASV", true)] {
        let mut h = modern();
        h.say("SOCK 40004");
        h.own_host_connects_to(line);
        assert_eq!(h.strangers() == 1, keeps, "{line}");
    }
    let mut h = old();
    h.say("SOCK 40004");
    h.own_host_connects_to("EPSV");
    assert_eq!(h.strangers(), 1);
    let mut h = modern();
    h.say("SOCK 40004");
    h.say("PORT 192,0,2,7,156,69");
    h.say("RETR a");
    assert!(h.did().contains(&format!("connect any -> {OWN}:40005")));
}

#[test]
fn pasv_replaces_port() {
    let mut h = modern();
    h.say("PORT 192,0,2,7,156,69");
    h.own_host_connects();
    h.check("RETR a", &["150"]);
    h.finish(1000, End::WHOLE_FILE);
    h.check("RETR a", &["425"]);
}

#[test]
fn an_arrival_at_a_listener_that_is_closed_is_dropped() {
    let mut h = modern();
    let port = h.port("PASV");
    h.late_arrival(port);
    assert!(h.open.is_empty());
}

/// The figure of RFC 478 between two machines: who listens, who connects, and that they meet.
#[test]
fn d20_d04_the_figure_of_rfc_478_in_both_orders_with_and_without_the_second_sock() {
    for (first, both_socks) in [("a", true), ("a", false), ("b", true), ("b", false)] {
        let server = |ip: &str| {
            let networks = Some(vec!["192.0.2.0/24".parse().unwrap()]);
            let rules = Rules { foreign_networks: networks, ..all_networks() };
            let config = Config { dialect: Dialect::Rfc354, rules, ..config() };
            let connection = connection(&format!("{OWN}:50000"), &format!("{ip}:3"));
            Harness::over(config, connection).logged_in()
        };
        let (mut a, mut b) = (server("192.0.2.1"), server("192.0.2.2"));
        let (of_a, of_b) = (a.port("GSOC"), b.port("GSOC"));
        if both_socks {
            a.check(&format!("SOCK 192.0.2.2,{of_b}"), &["255"]);
        }
        b.check(&format!("SOCK 192.0.2.1,{of_a}"), &["255"]);
        assert_eq!(a.port("PASV"), of_a);
        let said = if first == "a" {
            [a.say("STOR c"), b.say("RETR a")]
        } else {
            [b.say("RETR a"), a.say("STOR c")]
        };
        assert!(said.concat().is_empty());
        assert!(b.did().contains(&format!("connect {of_b} -> 192.0.2.1:{of_a}")));
        a.arrive(of_a, &format!("192.0.2.2:{of_b}"));
        b.connected();
        assert_eq!((&a.take()[0][..3], &b.take()[0][..3]), ("250", "250"));
        assert!(a.finish(1000, End::WHOLE_FILE)[0].starts_with("257 "));
        assert!(b.finish(1000, End::WHOLE_FILE)[0].starts_with("257 "));
    }
}
