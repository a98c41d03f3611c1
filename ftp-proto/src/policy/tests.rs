//! The foreign policy as tables: one row for each class of address, one column for each policy.
//!
//! Columns: the policy, with `+` while RNDZ is in force. `proven` is the default configuration,
//! `any` is `--foreign authenticated`, `listed` the same with `--foreign-networks` [`LISTED`],
//! `anonymous` an anonymous user under `listed`.
//! Cells: `own`, `yes`, `proof` are the grants; any other word is why not, see [`word`].

mod exchange;

use super::*;
use crate::command::Direction;
use crate::wire::PathName;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const COLUMNS: [&str; 9] =
    ["never", "never+", "proven", "proven+", "any", "any+", "listed", "listed+", "anonymous+"];

/// `--foreign-networks` of the columns `listed`.
const LISTED: [&str; 4] = ["192.0.2.0/24", "10.0.0.0/8", "127.0.0.0/8", "2001:db8:2::/48"];

/// A file that no rule is about.
const ANY: RequestedTransfer<'_> =
    RequestedTransfer { direction: Direction::Send, path: None, private: false };

fn word(verdict: Result<Grant, RefusalReason>) -> &'static str {
    match verdict {
        Ok(Grant::Own) => "own",
        Ok(Grant::Foreign) => "yes",
        Ok(Grant::AfterProof) => "proof",
        Err(RefusalReason::ForeignNever) => "never",
        Err(RefusalReason::NeedsProof) => "needs",
        Err(RefusalReason::OutsideNetworks) => "outside",
        Err(RefusalReason::LowPort) => "low",
        Err(RefusalReason::PortZero) => "zero",
        Err(RefusalReason::SpecialAddress) => "special",
        Err(RefusalReason::Loopback) => "loopback",
        Err(RefusalReason::PrivateNetwork) => "private",
        Err(RefusalReason::OwnListener) => "listener",
        Err(RefusalReason::NotThePeer) => "not-peer",
        Err(RefusalReason::ListingAbroad) => "listing",
        Err(RefusalReason::AnotherHost) => "another",
        Err(RefusalReason::NoExchange) => "no-one",
        Err(RefusalReason::NotExchanged) => "nothing",
        Err(RefusalReason::ExchangeInClear) => "clear",
        Err(RefusalReason::PortNotListed) => "port",
        Err(RefusalReason::OwnAddress) => "self",
        Err(RefusalReason::DataPortNotNamed) => "unnamed",
        Err(RefusalReason::NotGreeted) => "silent",
    }
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The rules of a column, whether RNDZ is in force, whether the user is anonymous.
fn column(name: &str) -> (Rules, bool, bool) {
    let (foreign, networks) = match name.trim_end_matches('+') {
        "never" => (Foreign::Never, None),
        "proven" => (Rules::default().foreign, None),
        "any" => (Foreign::Authenticated, None),
        "listed" | "anonymous" => (Foreign::Authenticated, Some(nets(&LISTED))),
        other => panic!("no column {other}"),
    };
    let rules = Rules { foreign, foreign_networks: networks, ..Rules::default() };
    (rules, name.ends_with('+'), name.starts_with("anonymous"))
}

/// Control connection from `peer` to `local`.
fn asker(peer: &str, local: &str) -> Asker {
    Asker { peer: ip(peer), scope: 0, local: ip(local), proxied: false, anonymous: false }
}

/// A user at a public address of a server at a public address.
fn public() -> Asker {
    asker("198.51.100.7", "203.0.113.1")
}

/// A user of a server in a private network.
fn lan() -> Asker {
    asker("192.168.1.5", "192.168.1.1")
}

/// A user on the server's own machine.
fn here() -> Asker {
    asker("127.0.0.1", "127.0.0.2")
}

/// Judges every cell of `table`; a row is an address, what it is, and a word for each column.
fn check(asker: Asker, ask: impl Fn(&str, bool) -> Ask<'static>, table: &str) {
    check_with(|_| (), asker, ask, table);
}

fn check_with(
    more: impl Fn(&mut Rules),
    asker: Asker,
    ask: impl Fn(&str, bool) -> Ask<'static>,
    table: &str,
) {
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (what, cells) = row.split_once('|').unwrap();
        let Some(address) = what.split_whitespace().next() else { continue };
        let cells: Vec<_> = cells.split_whitespace().collect();
        assert_eq!(cells.len(), COLUMNS.len(), "{row}");
        for (name, cell) in COLUMNS.iter().zip(cells) {
            let (mut rules, proof, anonymous) = column(name);
            more(&mut rules);
            let asker = Asker { anonymous, ..asker };
            assert_eq!(word(decide(&rules, &asker, &ask(address, proof))), cell, "{name}: {row}");
        }
    }
}

fn evidence(proof: bool) -> Evidence {
    if proof { Evidence::Rendezvous } else { Evidence::None }
}

fn target(address: &str, proof: bool) -> Ask<'static> {
    let to = address.parse().unwrap_or_else(|_| SocketAddr::new(ip(address), 40_000));
    Ask::Target { to, evidence: evidence(proof) }
}

fn filter(host: &str, proof: bool) -> Ask<'static> {
    Ask::Filter { host: ip(host), evidence: evidence(proof) }
}

/// An arrival from `address`, port 40000, while SOCK said `filter`.
fn arrival(filter: Filter) -> impl Fn(&str, bool) -> Ask<'static> {
    move |address, proof| {
        let from = address.parse().unwrap_or_else(|_| SocketAddr::new(ip(address), 40_000));
        Ask::Arrival { from, filter, evidence: evidence(proof) }
    }
}

fn transfer(cargo: Cargo) -> impl Fn(&str, bool) -> Ask<'static> {
    move |peer, proof| Ask::Transfer { peer: ip(peer), cargo, moved: ANY, evidence: evidence(proof) }
}

#[test]
fn b18_the_default_lets_nobody_in_without_proof() {
    assert_eq!(Rules::default().foreign, Foreign::Proven);
    let named = decide(&Rules::default(), &public(), &target("192.0.2.9", false));
    assert_eq!(named, Err(RefusalReason::NeedsProof));
}

#[test]
fn b17_b18_b19_targets_of_a_public_server() {
    check(public(), target, "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.7    the own host   | own     own     own     own     own     own     own     own     own
        ::ffff:198.51.100.7  mapped    | own     own     own     own     own     own     own     own     own
        192.0.2.9       foreign        | never   never   needs   proof   yes     proof   yes     proof   never
        203.0.113.1     the server     | never   never   needs   proof   yes     proof   outside outside never
        8.8.8.8         not listed     | never   never   needs   proof   yes     proof   outside outside never
        ::ffff:8.8.8.8  mapped         | never   never   needs   proof   yes     proof   outside outside never
        2001:db8:2::9   other family   | never   never   needs   proof   yes     proof   yes     proof   never
        2001:db8:3::9   not listed     | never   never   needs   proof   yes     proof   outside outside never
        10.1.2.3        private        | never   never   private private private private yes     proof   never
        192.168.1.9     not listed     | never   never   private private private private private private never
        100.64.0.1      carrier's NAT  | never   never   private private private private private private never
        fd00::1         unique local   | never   never   private private private private private private never
        127.0.0.1       loopback       | never   never   loopback loopback loopback loopback loopback loopback never
        ::1             loopback       | never   never   loopback loopback loopback loopback loopback loopback never
        169.254.169.254 link-local     | special special special special special special special special special
        fe80::1         link-local     | special special special special special special special special special
        0.0.0.0         unspecified    | special special special special special special special special special
        0.1.2.3         unspecified    | special special special special special special special special special
        ::              unspecified    | special special special special special special special special special
        224.0.0.1       multicast      | special special special special special special special special special
        ff02::1         multicast      | special special special special special special special special special
        255.255.255.255 broadcast      | special special special special special special special special special
        198.51.100.7:1023  low port    | low     low     low     low     low     low     low     low     low
        198.51.100.7:1024  first high  | own     own     own     own     own     own     own     own     own
        192.0.2.9:21    low port       | low     low     low     low     low     low     low     low     low
        192.0.2.9:0     no port        | zero    zero    zero    zero    zero    zero    zero    zero    zero
    ");
}

#[test]
fn targets_in_disguise_are_judged_by_the_address_inside() {
    check(public(), target, "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        64:ff9b::127.0.0.1  NAT64      | never   never   loopback loopback loopback loopback loopback loopback never
        64:ff9b::10.1.2.3   NAT64      | never   never   private private private private yes     proof   never
        2002:c0a8:101::1    6to4       | never   never   private private private private private private never
        2001:0:1::f5fe:fdfc Teredo     | never   never   private private private private yes     proof   never
        2002:a9fe:a9fe::1   6to4       | special special special special special special special special special
        64:ff9b::8.8.8.8    NAT64      | never   never   needs   proof   yes     proof   outside outside never
        64:ff9b::198.51.100.7  no own  | never   never   needs   proof   yes     proof   outside outside never
        64:ff9b::192.0.2.9  NAT64      | never   never   needs   proof   yes     proof   yes     proof   never
    ");
}

#[test]
fn targets_of_a_server_in_a_private_network() {
    check(lan(), target, "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        192.168.1.5     the own host   | own     own     own     own     own     own     own     own     own
        192.168.1.9     private too    | never   never   needs   proof   yes     proof   outside outside never
        10.1.2.3        private too    | never   never   needs   proof   yes     proof   yes     proof   never
        fd00::1         private too    | never   never   needs   proof   yes     proof   outside outside never
        8.8.8.8         public         | never   never   needs   proof   yes     proof   outside outside never
        127.0.0.1       loopback       | never   never   loopback loopback loopback loopback loopback loopback never
    ");
}

#[test]
fn b19_a_loopback_target_is_for_loopback_users_only() {
    check(here(), target, "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        127.0.0.1       the own host   | own     own     own     own     own     own     own     own     own
        127.0.0.3       loopback       | never   never   needs   proof   loopback loopback yes   proof   never
        ::1             not listed     | never   never   needs   proof   loopback loopback outside outside never
        10.1.2.3        private        | never   never   private private private private yes     proof   never
        192.0.2.9       foreign        | never   never   needs   proof   yes     proof   yes     proof   never
    ");
    // Through PROXY the peer's address is somebody's word.
    check(Asker { proxied: true, ..here() }, target, "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        127.0.0.1       the own host   | own     own     own     own     own     own     own     own     own
        127.0.0.3       loopback       | never   never   loopback loopback loopback loopback loopback loopback never
    ");
}

#[test]
fn same_host_counts_as_own_in_the_family_of_the_control_connection() {
    let pool =
        |rules: &mut Rules| rules.same_host = nets(&["198.51.100.0/24", "10.9.0.0/16", "2001:db8::/32"]);
    check_with(pool, public(), target, "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.200  of the pool    | own     own     own     own     own     own     own     own     own
        10.9.1.1        private mover  | own     own     own     own     own     own     own     own     own
        ::ffff:10.9.1.1 mapped         | own     own     own     own     own     own     own     own     own
        2001:db8:3::9   other family   | never   never   needs   proof   yes     proof   outside outside never
        198.51.100.200:1023  low port  | low     low     low     low     low     low     low     low     low
        64:ff9b::10.9.1.1  other family| never   never   private private private private yes     proof   never
    ");
}

#[test]
fn b19_the_servers_own_listeners_are_no_targets() {
    let listeners = |rules: &mut Rules| {
        rules.own_listeners =
            ["127.0.0.2:2121", "203.0.113.1:2122", "[::]:2123"].map(|l| l.parse().unwrap()).to_vec();
        rules.same_host = nets(&["127.0.0.0/8", "203.0.113.0/24"]);
    };
    check_with(listeners, here(), target, "
                                           | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        127.0.0.2:2121          control    | listener listener listener listener listener listener listener listener listener
        [::ffff:127.0.0.2]:2121 control    | listener listener listener listener listener listener listener listener listener
        127.0.0.3:2121          another    | own     own     own     own     own     own     own     own     own
        203.0.113.1:2122        metrics    | listener listener listener listener listener listener listener listener listener
        127.0.0.1:2123          wildcard   | listener listener listener listener listener listener listener listener listener
        203.0.113.9:2123        elsewhere  | own     own     own     own     own     own     own     own     own
    ");
    check_with(listeners, public(), target, "
                                           | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        203.0.113.1:2123        wildcard   | listener listener listener listener listener listener listener listener listener
    ");
}

#[test]
fn d06_sock_as_filter_is_judged_like_a_target_without_its_port() {
    check(public(), filter, "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.7    the own host   | own     own     own     own     own     own     own     own     own
        192.0.2.9       foreign        | never   never   needs   proof   yes     proof   yes     proof   never
        8.8.8.8         not listed     | never   never   needs   proof   yes     proof   outside outside never
        10.1.2.3        private        | never   never   private private private private yes     proof   never
        127.0.0.1       loopback       | never   never   loopback loopback loopback loopback loopback loopback never
        169.254.1.1     link-local     | special special special special special special special special special
        224.0.0.1       multicast      | special special special special special special special special special
    ");
}

#[test]
fn c16_d07_arrivals_without_sock() {
    check(public(), arrival(Filter::Open), "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.7    the own host   | own     own     own     own     own     own     own     own     own
        198.51.100.7:20 any port       | own     own     own     own     own     own     own     own     own
        192.0.2.9       foreign        | never   never   needs   proof   outside proof   yes     proof   never
        192.0.2.9:20    any port       | never   never   needs   proof   outside proof   yes     proof   never
        8.8.8.8         not listed     | never   never   needs   proof   outside proof   outside proof   never
        10.1.2.3        private        | never   never   private proof   outside proof   yes     proof   never
        127.0.0.1       loopback       | never   never   loopback proof  outside proof   loopback proof  never
        fe80::1         link-local     | special never   special proof   outside proof   outside proof   never
    ");
}

#[test]
fn c12_c13_c14_arrivals_while_sock_names_a_socket() {
    let named = Filter::Socket("192.0.2.9:40000".parse().unwrap());
    check(public(), arrival(named), "
                                         | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        192.0.2.9           the named    | never   never   needs   proof   yes     proof   yes     proof   never
        [::ffff:192.0.2.9]:40000 mapped  | never   never   needs   proof   yes     proof   yes     proof   never
        192.0.2.9:40001     another port | not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer
        192.0.2.10          another host | not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer
        198.51.100.7        the own host | not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer
    ");
    let own = Filter::Socket("198.51.100.7:20".parse().unwrap());
    check(public(), arrival(own), "
                                         | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.7:20     the named    | own     own     own     own     own     own     own     own     own
        198.51.100.7        another port | not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer
    ");
}

#[test]
fn c15_arrivals_while_sock_names_a_host() {
    check(public(), arrival(Filter::Host(ip("192.0.2.9"))), "
                                         | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        192.0.2.9:40000     the named    | never   never   needs   proof   yes     proof   yes     proof   never
        192.0.2.9:20        the named    | never   never   needs   proof   yes     proof   yes     proof   never
        192.0.2.10          another host | not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer
    ");
}

#[test]
fn b24_a_refused_sock_lets_nobody_in() {
    check(public(), arrival(Filter::Nobody), "
                                         | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.7        the own host | not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer
        192.0.2.9           foreign      | not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer not-peer
    ");
}

#[test]
fn files_go_to_foreign_peers_on_the_terms_of_the_policy() {
    check(public(), transfer(Cargo::File), "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.7    the own host   | own     own     own     own     own     own     own     own     own
        192.0.2.9       foreign        | never   never   needs   proof   yes     proof   yes     proof   never
        8.8.8.8         not listed     | never   never   needs   proof   yes     proof   outside proof   never
    ");
}

#[test]
fn listings_never_go_to_a_foreign_peer() {
    check(public(), transfer(Cargo::Listing), "
                                       | never   never+  proven  proven+ any     any+    listed  listed+ anonymous+
        198.51.100.7    the own host   | own     own     own     own     own     own     own     own     own
        192.0.2.9       foreign        | listing listing listing listing listing listing listing listing listing
        10.1.2.3        private        | listing listing listing listing listing listing listing listing listing
    ");
}

#[test]
fn a_link_local_host_is_own_only_in_its_own_scope() {
    let asker = Asker { scope: 2, ..asker("fe80::7", "fe80::1") };
    let rules = Rules { foreign: Foreign::Authenticated, ..Rules::default() };
    let at =
        |scope| SocketAddr::V6(std::net::SocketAddrV6::new("fe80::7".parse().unwrap(), 40_000, 0, scope));
    let arrives = |scope, filter| {
        decide(&rules, &asker, &Ask::Arrival { from: at(scope), filter, evidence: Evidence::None })
    };
    for filter in [Filter::Open, Filter::Host(ip("fe80::7"))] {
        assert_eq!(arrives(2, filter), Ok(Grant::Own));
        assert!(arrives(3, filter).is_err(), "the same address on another link is another host");
    }
    // EPRT cannot say a scope (RFC 2428 2): the control connection's is meant.
    assert_eq!(decide(&rules, &asker, &target("[fe80::7]:40000", false)), Ok(Grant::Own));
    assert_eq!(decide(&rules, &asker, &target("[fe80::8]:40000", false)), Err(RefusalReason::SpecialAddress));
}

#[test]
fn h08_an_announced_address_is_believed_only_of_its_own_server() {
    let check = |server: &str, announced: &str, expected: Result<&str, RefusalReason>| {
        let found = believe(ip(server), announced.parse().unwrap());
        assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{server} announced {announced}");
    };
    let public = "198.51.100.7";
    check(public, "198.51.100.7:40000", Ok("198.51.100.7:40000"));
    check("::ffff:198.51.100.7", "198.51.100.7:40000", Ok("198.51.100.7:40000"));
    for inner in ["0.0.0.0", "127.0.0.1", "10.1.2.3", "192.168.0.2", "172.16.9.9", "100.64.1.1"] {
        check(public, &format!("{inner}:40000"), Ok("198.51.100.7:40000"));
    }
    check("2001:db8::7", "10.1.2.3:40000", Ok("[2001:db8::7]:40000"));
    check("192.168.0.2", "127.0.0.1:40000", Ok("192.168.0.2:40000"));
    check("127.0.0.2", "10.1.2.3:40000", Ok("127.0.0.2:40000"));
    check("127.0.0.2", "0.0.0.0:40000", Ok("127.0.0.2:40000"));
    check(public, "198.51.100.8:40000", Err(RefusalReason::AnotherHost));
    check(public, "169.254.169.254:40000", Err(RefusalReason::AnotherHost));
    check(public, "224.0.0.1:40000", Err(RefusalReason::AnotherHost));
    check(public, "255.255.255.255:40000", Err(RefusalReason::AnotherHost));
    check("192.168.0.2", "192.168.0.3:40000", Err(RefusalReason::AnotherHost));
    check("192.168.0.2", "8.8.8.8:40000", Err(RefusalReason::AnotherHost));
    check("127.0.0.2", "127.0.0.3:40000", Err(RefusalReason::AnotherHost));
    check(public, "198.51.100.7:0", Err(RefusalReason::PortZero));
}

/// Every question of a data connection about some hosts that differ.
fn questions(evidence: Evidence) -> Vec<Ask<'static>> {
    let hosts = ["198.51.100.7", "192.0.2.9", "8.8.8.8", "10.1.2.3", "127.0.0.1", "2001:db8:2::9"];
    let mut questions = Vec::new();
    for host in hosts.map(ip) {
        let at = SocketAddr::new(host, 40_000);
        questions.push(Ask::Target { to: at, evidence });
        questions.push(Ask::Filter { host, evidence });
        for filter in [Filter::Open, Filter::Host(host), Filter::Socket(at), Filter::Nobody] {
            questions.push(Ask::Arrival { from: at, filter, evidence });
        }
        for cargo in [Cargo::File, Cargo::Listing] {
            questions.push(Ask::Transfer { peer: host, cargo, moved: ANY, evidence });
        }
    }
    questions
}

#[test]
fn a_pinned_leaf_allows_nothing_that_is_not_allowed_without_it() {
    for name in COLUMNS {
        let (rules, _, anonymous) = column(name);
        let asker = Asker { anonymous, ..public() };
        let all =
            |evidence| questions(evidence).iter().map(|ask| decide(&rules, &asker, ask)).collect::<Vec<_>>();
        assert_eq!(all(Evidence::PinnedLeaf), all(Evidence::None), "{name}");
    }
}

#[test]
fn a_resumed_tls_session_makes_an_arrival_the_users_own_host() {
    for name in COLUMNS {
        let (rules, _, anonymous) = column(name);
        let asker = Asker { anonymous, ..public() };
        let questions = questions(Evidence::ResumedSession).into_iter().zip(questions(Evidence::None));
        for (resumed, plain) in questions {
            let expected = match resumed {
                Ask::Arrival { filter: Filter::Nobody, .. } => Err(RefusalReason::NotThePeer),
                Ask::Arrival { .. } | Ask::Transfer { .. } => Ok(Grant::Own),
                Ask::Target { .. }
                | Ask::Filter { .. }
                | Ask::RelayControl { .. }
                | Ask::RelayData { .. }
                | Ask::RelayPeer { .. }
                | Ask::RelayAgent { .. } => decide(&rules, &asker, &plain),
            };
            assert_eq!(decide(&rules, &asker, &resumed), expected, "{name}: {resumed:?}");
        }
    }
    let stranger = Ask::Arrival {
        from: "192.0.2.9:40001".parse().unwrap(),
        filter: Filter::Socket("192.0.2.9:40000".parse().unwrap()),
        evidence: Evidence::ResumedSession,
    };
    assert_eq!(
        decide(&Rules::default(), &public(), &stranger),
        Err(RefusalReason::NotThePeer),
        "SOCK named another"
    );
}

#[test]
fn only_foreign_targets_outside_the_named_networks_are_hidden_under_proven() {
    let check = |foreign, networks: Option<&str>, grant, expect| {
        let rules = Rules {
            foreign,
            foreign_networks: networks.map(|net| vec![net.parse().unwrap()]),
            ..Rules::default()
        };
        assert_eq!(hides_failure(&rules, grant, [192, 0, 2, 9].into()), expect);
    };
    check(Foreign::Proven, None, Grant::AfterProof, true);
    check(Foreign::Proven, Some("198.51.100.0/24"), Grant::AfterProof, true);
    check(Foreign::Proven, Some("192.0.2.0/24"), Grant::AfterProof, false);
    check(Foreign::Proven, None, Grant::Own, false);
    check(Foreign::Authenticated, None, Grant::AfterProof, false);
}
