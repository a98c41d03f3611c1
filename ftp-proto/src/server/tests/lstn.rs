//! C: LSTN.

use super::harness::{FOREIGN, OWN, both, modern, open_to_all, seconds};
use crate::dialect::Dialect;
use crate::server::ask::End;

#[test]
fn c01_c02_c03_lstn_says_its_port_when_it_listens() {
    for line in ["LSTN R", "LSTN S", "lstn r"] {
        for mut h in both() {
            assert_eq!(h.say(line), ["255 SOCK 40001"]);
            assert_eq!(h.did(), ["reserve 40001", "listen 40001"]);
        }
    }
}

#[test]
fn c04_c05_letters_that_are_none() {
    for mut h in both() {
        h.check("LSTN", &["502/501"]);
        h.check("LSTN Q", &["501"]);
        h.check("LSTN R S", &["501"]);
    }
}

#[test]
fn c06_without_a_port_the_session_goes_on() {
    for mut h in both() {
        h.ports = false;
        h.check("LSTN R", &["504/425"]);
        h.check("SOCK 40004", &["504/425"]);
        h.check("PASV", &["504/425"]);
        h.ports = true;
        h.check("LSTN R", &["255"]);
    }
}

#[test]
fn c08_c10_a_peer_that_comes_first_is_held() {
    for (lstn, command) in
        [("LSTN R", "STOR c"), ("LSTN R", "APPE c"), ("LSTN S", "RETR a"), ("LSTN S", "LIST")]
    {
        for mut h in both() {
            h.own_host_connects_to(lstn);
            assert_eq!((h.strangers(), h.written.len()), (0, 0));
            h.check(command, &["250/150"]);
            assert!(h.is_moving());
            assert_eq!(h.finish(5, End::WHOLE_FILE).len(), 1);
        }
    }
}

#[test]
fn c09_c10_a_peer_that_comes_later_is_awaited() {
    for (lstn, command) in
        [("LSTN R", "STOR c"), ("LSTN R", "APPE c"), ("LSTN S", "RETR a"), ("LSTN S", "NLST")]
    {
        for mut h in both() {
            let port = h.port(lstn);
            h.check(command, &[]);
            h.pass(seconds(5));
            h.arrive(port, &format!("{OWN}:5000"));
            assert_eq!(h.take().len(), 1);
            assert!(h.is_moving());
        }
    }
}

#[test]
fn c12_c13_c14_only_the_named_socket_comes_in() {
    for before in [true, false] {
        let mut h = open_to_all(Dialect::Rfc959);
        let port = h.port("LSTN R");
        h.say(&format!("SOCK {FOREIGN},40004"));
        if !before {
            h.check("STOR c", &[]);
        }
        h.did();
        h.arrive(port, &format!("{OWN}:40004"));
        h.arrive(port, &format!("{FOREIGN}:40005"));
        assert_eq!(h.strangers(), 2);
        assert_eq!(h.did(), ["drop 1", "drop 2"]);
        assert!(h.listens(port));
        h.arrive(port, &format!("{FOREIGN}:40004"));
        if before {
            h.say("STOR c");
        }
        assert!(h.is_moving());
        let replies = h.finish(5, End::WHOLE_FILE);
        assert!(replies.contains(&"226-Strangers-refused 2".to_owned()), "{replies:?}");
    }
}

#[test]
fn c15_port_0_lets_any_port_of_the_host_in() {
    let mut h = open_to_all(Dialect::Rfc354);
    let port = h.port("LSTN R");
    h.say(&format!("SOCK {FOREIGN},0"));
    h.arrive(port, &format!("{FOREIGN}:61234"));
    h.check("STOR c", &["250"]);
}

#[test]
fn c16_without_sock_the_policy_decides() {
    let mut h = modern();
    let port = h.port("LSTN R");
    h.arrive(port, &format!("{FOREIGN}:5000"));
    assert_eq!(h.strangers(), 1);
    let mut h = open_to_all(Dialect::Rfc959);
    let port = h.port("LSTN R");
    h.arrive(port, &format!("{FOREIGN}:5000"));
    assert_eq!(h.strangers(), 0);
    h.check("STOR c", &["150"]);
}

#[test]
fn c17_the_other_direction_is_untouched() {
    for mut h in both() {
        let port = h.port("LSTN R");
        h.check("RETR a", &["454/425"]);
        assert!(h.listens(port));
        h.arrive(port, &format!("{OWN}:5000"));
        h.check("STOR c", &["250/150"]);
    }
}

#[test]
fn c18_both_directions_may_listen_at_once() {
    for mut h in both() {
        let (receive, send) = (h.port("LSTN R"), h.port("LSTN S"));
        assert_ne!(receive, send);
        assert!(h.listens(receive) && h.listens(send));
    }
}

#[test]
fn c19_lstn_again_is_a_new_port_and_the_old_one_is_closed() {
    for mut h in both() {
        let old = h.own_host_connects_to("LSTN R");
        h.did();
        let new = h.port("LSTN R");
        assert_ne!(old, new);
        assert_eq!(
            h.did(),
            [
                format!("reserve {new}"),
                format!("listen {new}"),
                format!("unlisten {old}"),
                "drop 1".to_owned(),
                format!("release {old}")
            ]
        );
    }
}

#[test]
fn c20_a_sock_before_lstn_is_no_filter() {
    let mut h = open_to_all(Dialect::Rfc354);
    h.say(&format!("SOCK {FOREIGN},40004"));
    let port = h.port("LSTN R");
    h.arrive(port, "203.0.113.5:9999");
    h.check("STOR c", &["250"]);
}

#[test]
fn c21_the_allocation_outlives_a_transfer() {
    for mut h in both() {
        let port = h.port("LSTN R");
        for _ in 0..3 {
            h.arrive(port, &format!("{OWN}:5000"));
            h.check("STOR c", &["250/150"]);
            assert_eq!(h.finish(5, End::WHOLE_FILE).len(), 1);
        }
        assert!(h.listens(port));
    }
}

#[test]
fn c22_an_unused_allocation_is_closed() {
    for mut h in both() {
        let port = h.port("LSTN R");
        h.pass(seconds(299));
        h.arrive(port, &format!("{OWN}:5000"));
        h.say("STOR c");
        h.finish(5, End::WHOLE_FILE);
        h.pass(seconds(299));
        assert!(h.listens(port), "the transfer was a use");
        h.pass(seconds(2));
        assert!(!h.listens(port));
        assert!(h.did().contains(&format!("release {port}")));
        h.check("STOR c", &["454/425"]);
    }
}

#[test]
fn c22_an_unused_gsoc_is_given_back_and_a_used_sock_is_not() {
    let mut h = modern();
    h.say("GSOC");
    h.pass(seconds(301));
    assert_eq!(h.did(), ["reserve 40001", "release 40001"]);
    h.say("SOCK 40004");
    h.pass(seconds(400));
    assert_eq!(h.did(), ["reserve 40002"]);
}

#[test]
fn c23_nobody_comes() {
    for mut h in both() {
        let port = h.port("LSTN R");
        h.check("STOR c", &[]);
        h.did();
        h.pass(seconds(59));
        assert_eq!(h.take(), Vec::<String>::new());
        h.pass(seconds(1));
        assert!(h.take()[0].starts_with(h.code("454/425")));
        assert_eq!(h.did(), ["cancel"], "the file was never touched");
        assert!(h.listens(port));
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn c25_what_closes_lstn() {
    for line in ["PORT 192,0,2,7,156,68", "EPRT |1|192.0.2.7|40004|", "PASV", "EPSV", "ACTV"] {
        let mut h = modern();
        let (receive, send) = (h.port("LSTN R"), h.port("LSTN S"));
        assert!(h.say(line)[0].starts_with('2'));
        assert!(!h.listens(receive) && !h.listens(send), "{line}");
    }
    for line in ["PORT 1,2,3", "PORT 198,51,100,9,156,68", "EPSV 2", "EPRT |9|x|1|"] {
        let mut h = modern();
        let port = h.port("LSTN R");
        assert!(h.say(line)[0].starts_with('5'));
        assert!(h.listens(port), "{line} has failed");
    }
}

#[test]
fn c28_no_number_of_strangers_ends_the_wait_and_each_is_reset_at_once_and_counted() {
    let mut h = open_to_all(Dialect::Rfc959);
    let port = h.port("LSTN R");
    h.say(&format!("SOCK {FOREIGN},40004"));
    for n in 0..200 {
        h.arrive(port, &format!("203.0.113.5:{}", 2000 + n));
    }
    h.check("STOR c", &[]);
    for n in 0..3000 {
        h.arrive(port, &format!("203.0.113.5:{}", 2000 + n));
    }
    assert_eq!((h.open.len(), h.strangers()), (0, 3200));
    assert_eq!(h.take(), Vec::<String>::new());
    h.arrive(port, &format!("{FOREIGN}:40004"));
    assert!(h.is_moving());
    let replies = h.finish(5, End::WHOLE_FILE);
    assert!(replies.contains(&"226-Strangers-refused 3200".to_owned()), "{replies:?}");
}

#[test]
fn c28_only_the_limit_of_one_wait_ends_it() {
    let mut h = open_to_all(Dialect::Rfc959);
    let port = h.port("LSTN R");
    h.say(&format!("SOCK {FOREIGN},40004"));
    h.check("STOR c", &[]);
    for second in 0..60 {
        assert_eq!(h.take(), Vec::<String>::new(), "after {second} s");
        for n in 0..50 {
            h.arrive(port, &format!("203.0.113.5:{}", 2000 + n));
        }
        h.pass(seconds(1));
    }
    assert!(h.take()[0].starts_with("425"), "the strangers have lengthened the wait");
    assert_eq!((h.open.len(), h.strangers()), (0, 3000));
    h.check("NOOP", &["200"]);
}

#[test]
fn at_most_eight_are_held_for_at_most_a_minute() {
    let mut h = modern();
    let port = h.port("LSTN R");
    for n in 0..12 {
        h.arrive(port, &format!("{OWN}:{}", 5000 + n));
    }
    assert_eq!((h.open.len(), h.strangers()), (8, 4));
    h.pass(seconds(30));
    assert_eq!(h.open.len(), 8);
    h.pass(seconds(30));
    assert_eq!(h.open.len(), 0);
    h.check("STOR c", &[]);
    h.arrive(port, &format!("{OWN}:6000"));
    assert!(h.is_moving());
}

#[test]
fn a_later_sock_judges_again_who_is_held() {
    let mut h = modern();
    let port = h.own_host_connects_to("LSTN R");
    h.arrive(port, &format!("{OWN}:5001"));
    h.say("SOCK 5001");
    assert_eq!((h.open.len(), h.strangers()), (1, 1));
    h.check("STOR c", &["150"]);
    assert!(h.did().contains(&"move 2".to_owned()));
}

#[test]
fn lstn_takes_its_direction_from_pasv() {
    let mut h = modern();
    let passive = h.port("PASV");
    let listener = h.port("LSTN R");
    assert!(h.listens(passive) && h.listens(listener));
    h.arrive(passive, &format!("{OWN}:5000"));
    h.check("RETR a", &["150"]);
    h.finish(1000, End::WHOLE_FILE);
    assert!(!h.listens(passive) && h.listens(listener));
    let passive = h.port("PASV");
    assert!(!h.listens(listener));
    let (send, receive) = (h.port("LSTN S"), h.port("LSTN R"));
    assert!(!h.listens(passive) && h.listens(send) && h.listens(receive));
}

#[test]
fn c18_a_connection_at_the_other_listener_is_not_for_this_transfer() {
    for mut h in both() {
        let receives = h.port("LSTN R");
        let sends = h.port("LSTN S");
        h.check("STOR c", &[]);
        let other = h.arrive(sends, &format!("{OWN}:5000"));
        assert!(!h.has_move());
        assert!(h.open.contains(&other), "it is held for its own direction");
        h.arrive(receives, &format!("{OWN}:5001"));
        assert!(h.has_move());
        h.take();
        h.finish(5, End::WHOLE_FILE);
        h.check("RETR a", &["250/150"]);
        assert!(h.has_move());
    }
}

#[test]
fn c17_c18_a_connection_at_a_listener_is_not_for_a_transfer_that_connects() {
    let rsym = ["RSYM OFF", "RSYM ON"];
    for (mut h, rsym) in rsym.into_iter().flat_map(|line| both().map(|h| (h, line))) {
        let receives = h.port("LSTN R");
        h.check(rsym, &["200"]);
        h.port(&format!("SOCK {OWN},40004"));
        h.say("RETR a");
        assert!(h.is_connecting());
        let other = h.arrive(receives, &format!("{OWN}:40004"));
        assert!(h.is_connecting() && !h.has_move(), "{rsym}");
        assert!(h.open.contains(&other), "it is held for STOR");
    }
}
