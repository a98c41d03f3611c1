//! Rules of exchange as tables. They narrow what the foreign policy allows, and never widen it.

use super::*;

/// Into /in from one partner; out of /out to all partners, inside TLS; anything with the last host.
fn rules(foreign: Foreign) -> Rules {
    let path = |text: &str| Some(PathName::from_wire(text).unwrap());
    let exchanges = vec![
        Exchange {
            peers: nets(&["192.0.2.0/24", "2001:db8:2::/48"]),
            direction: Some(Direction::Receive),
            path: path("/in"),
            require_tls: false,
        },
        Exchange {
            peers: nets(&["192.0.2.0/24", "203.0.113.64/26"]),
            direction: Some(Direction::Send),
            path: path("/out"),
            require_tls: true,
        },
        Exchange { peers: nets(&["203.0.113.200/32"]), ..Exchange::default() },
    ];
    Rules { foreign, exchanges, ..Rules::default() }
}

/// Every address class, asked in every way that names no file.
#[test]
fn a_host_that_no_rule_names_is_refused_before_any_file_is_named() {
    let rows = "
        198.51.100.7            the own host    own
        192.0.2.9               a partner       proof
        ::ffff:192.0.2.9        the same        proof
        64:ff9b::192.0.2.9      the same        proof
        2001:db8:2::9           a partner       proof
        203.0.113.70            a partner       proof
        203.0.113.200           anything        proof
        203.0.113.5             no partner      no-one
        2001:db8:3::9           no partner      no-one
        10.1.2.3                private         private
        127.0.0.1               loopback        loopback
        224.0.0.1               multicast       special
    ";
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (address, expect) =
            (row.split_whitespace().next().unwrap(), row.split_whitespace().last().unwrap());
        for foreign in [Foreign::Proven, Foreign::Authenticated] {
            let rules = rules(foreign);
            assert_eq!(word(decide(&rules, &public(), &target(address, true))), expect, "target {row}");
            assert_eq!(word(decide(&rules, &public(), &filter(address, true))), expect, "filter {row}");
        }
        // With a proof to come any address may connect to a listener, as far as the rules let it.
        let arrives = word(decide(&rules(Foreign::Proven), &public(), &arrival(Filter::Open)(address, true)));
        let expect = match expect {
            "private" | "loopback" | "special" => "no-one",
            other => other,
        };
        assert_eq!(arrives, expect, "arrival {row}");
    }
}

#[test]
fn direction_path_and_tls_are_judged_with_the_transfer() {
    let check = |peer: &str, way: &str, path: &str, private: bool, expect: &str| {
        let direction = if way == "send" { Direction::Send } else { Direction::Receive };
        let path = (path != "-").then(|| PathName::from_wire(path).unwrap());
        for (foreign, proof) in [(Foreign::Proven, true), (Foreign::Authenticated, false)] {
            let ask = Ask::Transfer {
                peer: ip(peer),
                cargo: Cargo::File,
                moved: RequestedTransfer { direction, path: path.as_ref(), private },
                evidence: evidence(proof),
            };
            let found = word(decide(&rules(foreign), &public(), &ask));
            let found = if found == "yes" { "proof" } else { found };
            assert_eq!(found, expect, "{peer} {way} {path:?} {private} {foreign:?}");
        }
    };
    // peer, direction, path, inside TLS
    check("192.0.2.9", "receive", "/in/a", false, "proof");
    check("192.0.2.9", "receive", "/in", false, "proof");
    check("192.0.2.9", "receive", "/inner/a", false, "nothing");
    check("192.0.2.9", "receive", "/out/a", true, "nothing");
    check("192.0.2.9", "receive", "-", false, "proof"); // PROB
    check("192.0.2.9", "send", "/in/a", true, "nothing");
    check("192.0.2.9", "send", "/out/a", true, "proof");
    check("192.0.2.9", "send", "/out/a", false, "clear");
    check("192.0.2.9", "send", "-", false, "clear");
    check("203.0.113.70", "send", "/out/a/b", true, "proof");
    check("203.0.113.70", "receive", "/in/a", true, "nothing");
    check("203.0.113.200", "receive", "/anything", false, "proof");
    check("203.0.113.5", "receive", "/in/a", true, "no-one");
    check("198.51.100.7", "receive", "/anything", false, "own");
}

#[test]
fn rules_never_widen_the_policy_and_listings_stay_at_home() {
    let everything = vec![Exchange::default()];
    for name in COLUMNS {
        let (plain, proof, anonymous) = column(name);
        let ruled = Rules { exchanges: everything.clone(), ..plain.clone() };
        let asker = Asker { anonymous, ..public() };
        for question in questions(evidence(proof)) {
            assert_eq!(
                decide(&ruled, &asker, &question),
                decide(&plain, &asker, &question),
                "{name}: {question:?}"
            );
        }
        let listing = transfer(Cargo::Listing)("192.0.2.9", proof);
        assert_eq!(decide(&ruled, &asker, &listing), Err(RefusalReason::ListingAbroad), "{name}");
    }
}
