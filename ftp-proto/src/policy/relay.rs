//! What a relay may reach: servers that its operator has listed, and data ports of those of them that have
//! greeted. Private ranges and the ports of other services count only where a rule names them as such.

use super::question::{Grant, OtherEnd, RefusalReason};
use super::rules::{Allowed, FIRST_DATA_PORT, Rules, is_of_another_service, is_special, needs_own_rule};
use crate::address::{Family, Kind, embedded, isatap, kind};
use std::net::{IpAddr, SocketAddr};

/// An address that a relay is to connect to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// The address, as it will be used.
    pub(super) to: SocketAddr,
    /// Whether it belongs to the relay's own host.
    pub(super) own: bool,
}

/// Whether a relay may carry a control connection to a server.
pub(super) fn control(
    allowed: &[Allowed],
    listeners: &[SocketAddr],
    target: Target,
) -> Result<Grant, RefusalReason> {
    let naming = host(allowed, listeners, target)?;
    if naming.iter().any(|rule| rule.names_port(target.to.port())) {
        Ok(Grant::Foreign)
    } else {
        Err(RefusalReason::PortNotListed)
    }
}

/// Whether a relay may connect to a data port. `greeted` says that a server of that host has greeted in this
/// session, over a tunnel that is still open. Two servers speak FTP at both ends; whoever else is at the other end may
/// speak any protocol, and so reaches only the ports that the operator has named as data ports.
pub(super) fn data(
    rules: &Rules,
    target: Target,
    greeted: bool,
    other: OtherEnd,
) -> Result<Grant, RefusalReason> {
    let naming = host(&rules.relay, &rules.own_listeners, target)?;
    let port = target.to.port();
    if port < FIRST_DATA_PORT {
        return Err(RefusalReason::LowPort);
    }
    if is_of_another_service(port) && !naming.iter().any(|rule| rule.names_port(port)) {
        return Err(RefusalReason::PortNotListed);
    }
    if !greeted {
        return Err(RefusalReason::NotGreeted);
    }
    match other {
        OtherEnd::Prover if !rules.data_ports.iter().any(|ports| ports.name(port)) => {
            Err(RefusalReason::DataPortNotNamed)
        }
        OtherEnd::Prover | OtherEnd::Server => Ok(Grant::Foreign),
    }
}

/// Whether a relay may let `ip` connect to it, from any port.
pub(super) fn peer(allowed: &[Allowed], ip: IpAddr, greeted: bool) -> Result<Grant, RefusalReason> {
    naming(allowed, ip)?;
    if greeted { Ok(Grant::Foreign) } else { Err(RefusalReason::NotGreeted) }
}

/// Whether a relay agent may connect to another one. No rule names other agents: the secret of their join does, and
/// the address comes from the hub. So it must be a public one, or a private one if the hub itself is at a private
/// address, and no port where other services listen.
pub(super) fn agent(Target { to, own }: Target, hub: IpAddr) -> Result<Grant, RefusalReason> {
    let of = kind(to.ip());
    let second = isatap(to.ip()).and_then(|second| needs_own_rule(kind(second.into())));
    let private = of == Kind::Private && kind(hub) == Kind::Private;
    match to.port() {
        0 => Err(RefusalReason::PortZero),
        1..FIRST_DATA_PORT => Err(RefusalReason::LowPort),
        port if is_of_another_service(port) => Err(RefusalReason::PortNotListed),
        _ if own => Err(RefusalReason::OwnAddress),
        _ => match second.or(needs_own_rule(of).filter(|_| !private)) {
            Some(why) => Err(why),
            None => Ok(Grant::AfterProof),
        },
    }
}

/// Decides whether a user agent may begin with TLS at this control port of a server behind a relay
/// (`PORT/tls`). At all other ports the server speaks first.
pub fn may_begin_with_tls(rules: &Rules, to: SocketAddr) -> bool {
    naming(&rules.relay, to.ip()).is_ok_and(|rules| rules.iter().any(|rule| rule.begins_with_tls(to.port())))
}

/// Returns where the server is that a user agent names by this address and control port to a relay.
///
/// A rule of the operator says so (`PUBLIC=LOCAL`). Without one, the address at which the hub sees the agent leads to the
/// agent's own host ([`Rules::own_host`]): to an address that a rule names alone, with that port. It does not if a rule names
/// the address itself. Whatever a hub pretends, nobody reaches more than the rules allow: what this returns is judged as if it
/// had been named.
pub fn served_at(rules: &Rules, named: SocketAddr) -> SocketAddr {
    let (ip, port) = (embedded(named.ip()), named.port());
    let with_port = || rules.relay.iter().filter(|rule| rule.names_port(port));
    let said = with_port().find(|rule| rule.is_known_as(ip)).and_then(Allowed::address);
    let is_named =
        || naming(&rules.relay, ip).is_ok_and(|rules| rules.iter().any(|rule| rule.names_port(port)));
    let seen = rules.own_host.as_ref().filter(|own| embedded(own.seen_as) == ip && !is_named());
    let own = seen.and_then(|own| {
        let is_here = |at: &IpAddr| own.addresses.contains(at) && Family::of(*at) == Family::of(ip);
        with_port().filter_map(Allowed::address).find(is_here)
    });
    said.or(own).map_or(named, |at| SocketAddr::new(at, port))
}

/// Returns whether an agent believes that a hub at `hub` sees its host at `seen`: at a public address, or one of the kind
/// that the hub itself has.
pub fn may_be_seen_as(seen: IpAddr, hub: IpAddr) -> bool {
    match kind(seen) {
        Kind::Public => true,
        of @ (Kind::Private | Kind::Loopback) => of == kind(hub),
        Kind::LinkLocal | Kind::Unspecified | Kind::Multicast | Kind::Broadcast => false,
    }
}

/// The rules that name the host of a target, which is not one of the relay's own listeners.
fn host<'a>(
    allowed: &'a [Allowed],
    listeners: &[SocketAddr],
    Target { to, own }: Target,
) -> Result<Vec<&'a Allowed>, RefusalReason> {
    if to.port() == 0 {
        return Err(RefusalReason::PortZero);
    }
    let ip = embedded(to.ip());
    let loopback = kind(to.ip()) == Kind::Loopback;
    let is_listener = |at: &SocketAddr| {
        let here = embedded(at.ip()) == ip || kind(at.ip()) == Kind::Unspecified && (own || loopback);
        at.port() == to.port() && here
    };
    if listeners.iter().any(is_listener) {
        return Err(RefusalReason::OwnListener);
    }
    let naming = naming(allowed, to.ip())?;
    if own && !loopback && !naming.iter().any(|rule| rule.is_one_address()) {
        return Err(RefusalReason::OwnAddress);
    }
    Ok(naming)
}

/// The rules that name the host.
fn naming(allowed: &[Allowed], ip: IpAddr) -> Result<Vec<&Allowed>, RefusalReason> {
    let of = kind(ip);
    let special = is_special(of);
    // A tunnel may lead to the second host, which no rule for the first one names.
    let second = isatap(ip).and_then(|second| needs_own_rule(kind(second.into())));
    if let Some(why) = second.or(special.then_some(RefusalReason::SpecialAddress)) {
        return Err(why);
    }
    let ip = embedded(ip);
    let rules: Vec<&Allowed> = allowed.iter().filter(|rule| rule.names(ip, of)).collect();
    if rules.is_empty() {
        Err(needs_own_rule(of).unwrap_or(RefusalReason::OutsideNetworks))
    } else {
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ask, Asker, OwnHost, Rules, decide};
    use super::*;

    fn rules(allow: &str) -> Rules {
        let relay = allow.split_whitespace().map(|text| text.parse().unwrap()).collect();
        let own_listeners = ["192.0.2.5:2190", "[::]:2191"].map(|at| at.parse().unwrap()).to_vec();
        Rules { relay, own_listeners, ..Rules::default() }
    }

    fn asker() -> Asker {
        let (peer, local) = ("198.51.100.1".parse().unwrap(), "192.0.2.5".parse().unwrap());
        Asker { peer, scope: 0, local, proxied: false, anonymous: false }
    }

    /// 192.0.2.5 and 127.0.0.1 are the relay's own addresses.
    fn is_own(to: SocketAddr) -> bool {
        ["192.0.2.5", "127.0.0.1"].contains(&embedded(to.ip()).to_string().as_str())
    }

    fn check(allow: &str, expected: Result<Grant, RefusalReason>, targets: &[&str]) {
        for text in targets {
            let to: SocketAddr = text.parse().unwrap();
            let found = decide(&rules(allow), &asker(), &Ask::RelayControl { to, own: is_own(to) });
            assert_eq!(found, expected, "--allow {allow}: {text}");
        }
    }

    fn check_data(allow: &str, greeted: bool, expected: Result<Grant, RefusalReason>, targets: &[&str]) {
        for text in targets {
            let to: SocketAddr = text.parse().unwrap();
            let ask = Ask::RelayData { to, own: is_own(to), greeted, other: OtherEnd::Server };
            assert_eq!(decide(&rules(allow), &asker(), &ask), expected, "--allow {allow}: {text}");
        }
    }

    const YES: Result<Grant, RefusalReason> = Ok(Grant::Foreign);

    #[test]
    fn r63_a_server_is_served_under_the_address_by_which_others_know_it() {
        let public = "203.0.113.5";
        let check = |allow: &str, own: &[&str], expected: &[(&str, &str)]| {
            let addresses = own.iter().map(|text| text.parse().unwrap()).collect();
            let own_host = (!own.is_empty()).then(|| OwnHost { seen_as: public.parse().unwrap(), addresses });
            let rules = Rules { own_host, ..rules(allow) };
            for (named, at) in expected {
                let found = served_at(&rules, named.parse().unwrap());
                assert_eq!(found, at.parse().unwrap(), "--allow {allow}: {named}");
            }
        };
        let same = |at| (at, at);
        // As the operator says.
        let said = "203.0.113.5=10.0.0.5:21 203.0.113.5=10.0.0.6:2121";
        let led = [("203.0.113.5:21", "10.0.0.5:21"), ("203.0.113.5:2121", "10.0.0.6:2121")];
        check(said, &[], &led);
        check(
            said,
            &[],
            &[("[::ffff:203.0.113.5]:21", "10.0.0.5:21"), ("[64:ff9b::cb00:7105]:21", "10.0.0.5:21")],
        );
        check(said, &[], &["203.0.113.5:990", "203.0.113.6:21", "10.0.0.6:21"].map(same));
        check("203.0.113.0/24 203.0.113.5=10.0.0.5:21", &["10.0.0.7"], &led[..1]);
        // As the hub sees it: only this host, and only what a rule names alone with that port.
        check(
            "127.0.0.1:21 10.0.0.7:2121",
            &["127.0.0.1", "10.0.0.7"],
            &[
                ("203.0.113.5:21", "127.0.0.1:21"),
                ("203.0.113.5:2121", "10.0.0.7:2121"),
                same("203.0.113.5:990"),
                same("203.0.113.6:21"),
            ],
        );
        check("10.0.0.0/24:21 10.0.0.8:21", &["10.0.0.7"], &[same("203.0.113.5:21")]);
        check("[::1]:21", &["::1"], &[same("203.0.113.5:21")]);
        check("127.0.0.1:21 203.0.113.0/24:21", &["127.0.0.1"], &[same("203.0.113.5:21")]);
        check(
            "127.0.0.1:21 203.0.113.0/24:2121",
            &["127.0.0.1"],
            &led[..1].iter().map(|(named, _)| (*named, "127.0.0.1:21")).collect::<Vec<_>>(),
        );
        check("127.0.0.1:1-65535", &["127.0.0.1"], &[same("203.0.113.5:22")]);
    }

    #[test]
    fn r63_what_a_name_leads_to_is_judged_as_if_it_had_been_named() {
        let rules = Rules { relay: vec!["203.0.113.5=192.0.2.5:21,2190".parse().unwrap()], ..rules("") };
        let judge = |named: &str| {
            let to = served_at(&rules, named.parse().unwrap());
            decide(&rules, &asker(), &Ask::RelayControl { to, own: is_own(to) })
        };
        assert_eq!(judge("203.0.113.5:21"), YES);
        assert_eq!(judge("203.0.113.5:2190"), Err(RefusalReason::OwnListener));
        assert_eq!(judge("203.0.113.5:2121"), Err(RefusalReason::OutsideNetworks));
        assert_eq!(judge("203.0.113.6:21"), Err(RefusalReason::OutsideNetworks));
    }

    #[test]
    fn r63_a_hub_is_believed_about_a_public_address_or_one_of_its_own_kind() {
        for (seen, hub, expected) in [
            ("203.0.113.5", "198.51.100.7", true),
            ("203.0.113.5", "10.0.0.1", true),
            ("10.0.0.5", "10.0.0.1", true),
            ("127.0.0.1", "127.0.0.9", true),
            ("10.0.0.5", "198.51.100.7", false),
            ("127.0.0.1", "198.51.100.7", false),
            ("::ffff:127.0.0.1", "198.51.100.7", false),
            ("169.254.169.254", "169.254.0.1", false),
            ("0.0.0.0", "198.51.100.7", false),
        ] {
            assert_eq!(may_be_seen_as(seen.parse().unwrap(), hub.parse().unwrap()), expected, "{seen} {hub}");
        }
    }

    #[test]
    fn r20_with_nothing_allowed_nothing_is_relayed() {
        let targets = ["8.8.8.8:21", "192.0.2.7:2121", "[2001:db8::7]:21"];
        check("", Err(RefusalReason::OutsideNetworks), &targets);
        check_data("", true, Err(RefusalReason::OutsideNetworks), &["8.8.8.8:2121"]);
        let peer = Ask::RelayPeer { ip: "8.8.8.8".parse().unwrap(), greeted: true };
        assert_eq!(decide(&rules(""), &asker(), &peer), Err(RefusalReason::OutsideNetworks));
    }

    #[test]
    fn r21_a_wide_rule_does_not_mean_what_is_inside_somewhere() {
        let all = "0.0.0.0/0 ::/0";
        check(all, YES, &["8.8.8.8:21", "[2001:db8::7]:990", "192.0.2.7:2121"]);
        check(all, Err(RefusalReason::Loopback), &["127.0.0.1:2121", "127.8.9.7:2121", "[::1]:2121"]);
        check(all, Err(RefusalReason::PrivateNetwork), &["10.0.0.1:21", "100.64.0.1:21", "[fd00::1]:21"]);
        let special = [
            "0.0.0.0:21",
            "169.254.169.254:2121",
            "[fe80::1]:21",
            "[fe80::1%3]:21",
            "224.0.0.1:21",
            "255.255.255.255:21",
            "[::]:21",
            "[ff02::1]:21",
        ];
        check(all, Err(RefusalReason::SpecialAddress), &special);
        check_data(all, true, Err(RefusalReason::Loopback), &["127.0.0.2:2121"]);
    }

    #[test]
    fn r22_disguises_are_judged_by_what_they_reach() {
        let all = "0.0.0.0/0 ::/0";
        let loopback = [
            "[::ffff:127.0.0.1]:21",
            "[::127.0.0.1]:21",
            "[64:ff9b::7f00:1]:21",
            "[2002:7f00:1::]:21",
            "[2001:0:808:808::80ff:fffe]:21",
            "[2001:db8::5efe:127.0.0.1]:21",
            "[2001:db8::200:5efe:127.0.0.2]:21",
            "[::1%1]:21",
        ];
        check(all, Err(RefusalReason::Loopback), &loopback);
        check(all, Err(RefusalReason::PrivateNetwork), &["[::ffff:10.0.0.1]:21", "[64:ff9b::a00:1]:21"]);
        check(
            all,
            Err(RefusalReason::SpecialAddress),
            &["[2001:db8::5efe:169.254.169.254]:21", "[::0.0.0.2]:21"],
        );
        check("192.0.2.0/24", YES, &["[::ffff:192.0.2.9]:21", "[64:ff9b::192.0.2.9]:21"]);
        check("192.0.2.0/24", Err(RefusalReason::OutsideNetworks), &["[64:ff9b::8.8.8.8]:21"]);
        // An interface that calls itself 192.0.2.9 may belong to anybody.
        check("192.0.2.0/24", Err(RefusalReason::OutsideNetworks), &["[2001:db8::5efe:192.0.2.9]:21"]);
        check("2001:db8::/32", YES, &["[2001:db8::5efe:8.8.8.8]:21"]);
    }

    #[test]
    fn a_rule_inside_a_range_names_it() {
        check("10.1.0.0/16", YES, &["10.1.2.3:21"]);
        check("10.1.0.0/16", Err(RefusalReason::PrivateNetwork), &["10.2.0.1:21"]);
        check("127.0.0.0/8", YES, &["127.0.0.2:2121"]);
        check("126.0.0.0/7", Err(RefusalReason::Loopback), &["127.0.0.2:2121"]);
        check("fd00::/8 169.254.9.0/24", YES, &["[fd00::1]:21", "169.254.9.1:21"]);
        check("fc00::/6", Err(RefusalReason::PrivateNetwork), &["[fd00::1]:21"]);
        check("0.0.0.0/0 224.0.0.0/4", Err(RefusalReason::SpecialAddress), &["224.0.0.1:21"]);
    }

    #[test]
    fn r23_ports_of_other_services_are_named_one_by_one() {
        check("192.0.2.0/24", YES, &["192.0.2.7:21", "192.0.2.7:990", "192.0.2.7:2121"]);
        let not_listed = ["192.0.2.7:22", "192.0.2.7:80", "192.0.2.7:1024", "192.0.2.7:65535"];
        check("192.0.2.0/24", Err(RefusalReason::PortNotListed), &not_listed);
        let wide = "192.0.2.0/24:1-65535";
        for port in [22, 25, 53, 110, 143, 445, 3306, 5432, 6379, 2375, 2376, 9200, 10_250, 11_211, 27_017] {
            let target = format!("192.0.2.7:{port}");
            check(wide, Err(RefusalReason::PortNotListed), &[&target]);
            check(&format!("{wide},{port}"), YES, &[&target]);
        }
        check(wide, YES, &["192.0.2.7:80"]);
        check("192.0.2.0/24:25,80-90", YES, &["192.0.2.7:25", "192.0.2.7:85"]);
        check("192.0.2.0/24", Err(RefusalReason::PortZero), &["192.0.2.7:0"]);
    }

    #[test]
    fn r23_data_goes_to_high_ports_of_hosts_that_have_greeted() {
        let narrow = "192.0.2.0/24:21";
        check_data(narrow, true, YES, &["192.0.2.7:1024", "192.0.2.7:65535", "[::ffff:192.0.2.7]:5000"]);
        check_data(narrow, false, Err(RefusalReason::NotGreeted), &["192.0.2.7:1024", "192.0.2.7:65535"]);
        check_data(narrow, true, Err(RefusalReason::LowPort), &["192.0.2.7:21", "192.0.2.7:1023"]);
        check_data(narrow, true, Err(RefusalReason::PortZero), &["192.0.2.7:0"]);
        let services = ["192.0.2.7:6379", "192.0.2.7:11211", "192.0.2.7:27017", "192.0.2.7:10250"];
        check_data("192.0.2.0/24:21,1024-65535", true, Err(RefusalReason::PortNotListed), &services);
        check_data("192.0.2.0/24:21,6379", true, YES, &["192.0.2.7:6379"]);
        check_data("192.0.2.0/24:21,6379", false, Err(RefusalReason::NotGreeted), &["192.0.2.7:6379"]);
        check_data(narrow, true, Err(RefusalReason::OutsideNetworks), &["192.0.3.7:5000"]);
    }

    #[test]
    fn r23_who_is_no_server_reaches_only_the_data_ports_that_the_operator_has_named() {
        let check = |ports: &str, port: u16, greeted, expected| {
            let data_ports = ports.split_whitespace().map(|text| text.parse().unwrap()).collect();
            let rules = Rules { data_ports, ..rules("192.0.2.0/24:21,1024-65535") };
            let to = SocketAddr::from(([192, 0, 2, 7], port));
            let ask = Ask::RelayData { to, own: false, greeted, other: OtherEnd::Prover };
            assert_eq!(decide(&rules, &asker(), &ask), expected, "--data-ports {ports}: {port}");
        };
        check("", 40_000, true, Err(RefusalReason::DataPortNotNamed));
        check("", 8_080, true, Err(RefusalReason::DataPortNotNamed));
        check("40000-40099 50000", 40_099, true, YES);
        check("40000-40099 50000", 50_000, true, YES);
        check("40000-40099 50000", 8_080, true, Err(RefusalReason::DataPortNotNamed));
        check("40000-40099", 40_000, false, Err(RefusalReason::NotGreeted));
        check("1024-65535", 6_379, true, Err(RefusalReason::PortNotListed));
    }

    #[test]
    fn r24_the_relays_own_host_needs_a_rule_and_its_listener_is_never_reached() {
        check("192.0.2.0/24", Err(RefusalReason::OwnAddress), &["192.0.2.5:21", "[::ffff:192.0.2.5]:21"]);
        check("0.0.0.0/0 127.0.0.0/8", YES, &["127.0.0.1:21", "[::ffff:127.0.0.1]:21"]);
        check("192.0.2.5:21,2000-3000", YES, &["192.0.2.5:21"]);
        let listeners =
            ["192.0.2.5:2190", "192.0.2.5:2191", "[::ffff:192.0.2.5]:2190", "[64:ff9b::c000:205]:2190"];
        check("192.0.2.5:1-65535", Err(RefusalReason::OwnListener), &listeners);
        let on_loopback = ["127.0.0.1:2191", "127.0.0.2:2191", "[::1]:2191", "[::127.0.0.2]:2191"];
        check("127.0.0.0/8:1-65535 [::1]:1-65535", Err(RefusalReason::OwnListener), &on_loopback);
        check("192.0.2.0/24:2191", YES, &["192.0.2.6:2191"]);
        check_data("192.0.2.5", true, Err(RefusalReason::OwnListener), &["192.0.2.5:2190"]);
        check_data("192.0.2.0/24", true, Err(RefusalReason::OwnAddress), &["192.0.2.5:5000"]);
    }

    #[test]
    fn peers_of_a_listening_leg_are_judged_like_targets_without_a_port() {
        let check = |allow, ip: &str, greeted, expected| {
            let ask = Ask::RelayPeer { ip: ip.parse().unwrap(), greeted };
            assert_eq!(decide(&rules(allow), &asker(), &ask), expected, "{ip}");
        };
        check("192.0.2.0/24:21", "192.0.2.9", true, YES);
        check("192.0.2.0/24:21", "192.0.2.9", false, Err(RefusalReason::NotGreeted));
        check("192.0.2.0/24:21", "::ffff:192.0.2.9", true, YES);
        check("192.0.2.0/24:21", "192.0.3.9", true, Err(RefusalReason::OutsideNetworks));
        check("0.0.0.0/0", "10.0.0.1", true, Err(RefusalReason::PrivateNetwork));
    }

    #[test]
    fn tls_begins_at_once_only_at_ports_that_say_so() {
        let check = |allow: &str, to: &str, expected| {
            assert_eq!(
                may_begin_with_tls(&rules(allow), to.parse().unwrap()),
                expected,
                "--allow {allow}: {to}"
            );
        };
        check("192.0.2.0/24", "192.0.2.7:990", true);
        check("192.0.2.0/24", "[::ffff:192.0.2.7]:990", true);
        check("192.0.2.0/24", "192.0.2.7:21", false);
        check("192.0.2.0/24", "192.0.3.7:990", false);
        check("192.0.2.0/24:990", "192.0.2.7:990", false);
        check("192.0.2.0/24:2000-3000/tls,990", "192.0.2.7:2500", true);
        check("192.0.2.0/24:990 192.0.2.7:990/tls", "192.0.2.7:990", true);
    }

    #[test]
    fn r48_another_agent_is_sought_at_public_addresses_and_at_no_port_of_another_service() {
        let judge = |hub: &str, to: &str, own: bool| {
            let ask = Ask::RelayAgent { to: to.parse().unwrap(), own, hub: hub.parse().unwrap() };
            decide(&rules(""), &asker(), &ask)
        };
        let public = "203.0.113.1";
        for to in ["192.0.2.9:40000", "[2001:db8::7]:1024", "[64:ff9b::192.0.2.9]:40000"] {
            assert_eq!(judge(public, to, false), Ok(Grant::AfterProof), "{to}");
            assert_eq!(judge(public, to, true), Err(RefusalReason::OwnAddress), "{to}");
        }
        let refused = [
            ("192.0.2.9:0", RefusalReason::PortZero),
            ("192.0.2.9:443", RefusalReason::LowPort),
            ("192.0.2.9:6379", RefusalReason::PortNotListed),
            ("10.0.0.1:40000", RefusalReason::PrivateNetwork),
            ("[::ffff:10.0.0.1]:40000", RefusalReason::PrivateNetwork),
            ("[fd00::1]:40000", RefusalReason::PrivateNetwork),
            ("127.0.0.1:40000", RefusalReason::Loopback),
            ("[2001:db8::5efe:127.0.0.1]:40000", RefusalReason::Loopback),
            ("169.254.169.254:40000", RefusalReason::SpecialAddress),
            ("224.0.0.1:40000", RefusalReason::SpecialAddress),
        ];
        for (to, why) in refused {
            assert_eq!(judge(public, to, false), Err(why), "{to}");
        }
        assert_eq!(judge("10.9.0.1", "10.0.0.1:40000", false), Ok(Grant::AfterProof));
        assert_eq!(judge("127.0.0.1", "127.0.0.2:40000", false), Err(RefusalReason::Loopback));
    }
}
