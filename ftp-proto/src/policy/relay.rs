//! What a relay may reach: what its operator has listed. Private ranges and the ports of other services
//! count only where a rule names them as such.

use super::verdict::{Grant, Why};
use crate::address::{Kind, embedded, kind};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// What one `--allow` allows: `CIDR` or `CIDR:PORT[-PORT][,PORT[-PORT]]...`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    network: IpNet,
    /// First and last port of each range.
    ports: Vec<(u16, u16)>,
}

/// Why a text is not a target.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AllowedError {
    /// The part before the ports is not a network.
    #[error("{0} is neither a network nor an address, such as 192.0.2.0/24 or [2001:db8::7]")]
    Network(String),
    /// The part after the network is not a list of ports.
    #[error("{0} is no list of ports, such as 21,1024-65535")]
    Ports(String),
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || AllowedError::Network(text.to_owned());
        let (network, ports) = match (text.strip_prefix('['), text.rfind('/'), text.matches(':').count()) {
            // [2001:db8::7]:21
            (Some(inside), ..) => {
                let (ip, rest) = inside.split_once(']').ok_or_else(wrong)?;
                let ports =
                    if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(wrong)?) };
                (ip, ports)
            }
            // 2001:db8::/32:21
            (None, Some(slash), _) => match text.get(slash..).and_then(|rest| rest.find(':')) {
                Some(colon) => {
                    let (network, ports) = text.split_at_checked(slash + colon).ok_or_else(wrong)?;
                    (network, ports.strip_prefix(':'))
                }
                None => (text, None),
            },
            // 192.0.2.7:21
            (None, None, 1) => text.split_once(':').map(|(ip, ports)| (ip, Some(ports))).ok_or_else(wrong)?,
            (None, None, _) => (text, None),
        };
        let network = match network.parse::<IpAddr>() {
            Ok(ip) => IpNet::from(ip),
            Err(_) => network.parse::<IpNet>().map_err(|_| wrong())?,
        };
        let ports = ports.map_or_else(|| Some(DEFAULT_PORTS.to_vec()), ranges);
        let ports = ports.ok_or_else(|| AllowedError::Ports(text.to_owned()))?;
        Ok(Self { network: network.trunc(), ports })
    }
}

/// Whether a relay may connect to `to`. `own` says that the address belongs to the relay's own host.
pub(super) fn dial(
    allowed: &[Allowed],
    listeners: &[SocketAddr],
    to: SocketAddr,
    own: bool,
) -> Result<Grant, Why> {
    if to.port() == 0 {
        return Err(Why::PortZero);
    }
    let ip = embedded(to.ip());
    if listeners.iter().any(|at| {
        let here = embedded(at.ip()) == ip || kind(at.ip()) == Kind::Unspecified && own;
        at.port() == to.port() && here
    }) {
        return Err(Why::OwnListener);
    }
    let naming = naming(allowed, to.ip())?;
    if own && !naming.iter().any(|rule| rule.network.prefix_len() == rule.network.max_prefix_len()) {
        return Err(Why::OwnAddress);
    }
    if naming.iter().any(|rule| rule.names_port(to.port())) {
        Ok(Grant::Foreign)
    } else {
        Err(Why::PortNotListed)
    }
}

/// Whether a relay may let `ip` connect to it, from any port.
pub(super) fn peer(allowed: &[Allowed], ip: IpAddr) -> Result<Grant, Why> {
    naming(allowed, ip).map(|_| Grant::Foreign)
}

/// The rules that name the host. Only a rule that lies inside a private range names a host of that range:
/// 0.0.0.0/0 does not mean 10.0.0.1, 127.0.0.1 or 169.254.169.254.
fn naming(allowed: &[Allowed], ip: IpAddr) -> Result<Vec<&Allowed>, Why> {
    let (kind_of_host, ip) = (kind(ip), embedded(ip));
    let inside = match kind_of_host {
        Kind::Unspecified | Kind::Multicast | Kind::Broadcast => return Err(Why::SpecialAddress),
        Kind::Public => None,
        Kind::Private => Some(Why::PrivateNetwork),
        Kind::Loopback => Some(Why::Loopback),
        Kind::LinkLocal => Some(Why::SpecialAddress),
    };
    let named = |rule: &&Allowed| {
        let lies_in_it =
            kind(rule.network.network()) == kind_of_host && kind(rule.network.broadcast()) == kind_of_host;
        rule.network.contains(&ip) && (inside.is_none() || lies_in_it)
    };
    let rules: Vec<&Allowed> = allowed.iter().filter(named).collect();
    if rules.is_empty() { Err(inside.unwrap_or(Why::OutsideNetworks)) } else { Ok(rules) }
}

impl Allowed {
    /// Whether the rule names `port`. A port of another well-known service must be named alone.
    fn names_port(&self, port: u16) -> bool {
        let alone = OTHER_SERVICES.contains(&port);
        self.ports.iter().any(|&(low, high)| (low..=high).contains(&port) && (!alone || low == high))
    }
}

fn ranges(text: &str) -> Option<Vec<(u16, u16)>> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0 && !text.starts_with('+'));
    text.split(',')
        .map(|range| match range.split_once('-') {
            Some((low, high)) => Some((port(low)?, port(high)?)).filter(|(low, high)| low <= high),
            None => port(range).map(|port| (port, port)),
        })
        .collect()
}

const DEFAULT_PORTS: [(u16, u16); 3] = [(21, 21), (990, 990), (1024, 65_535)];
/// SSH, SMTP, DNS, POP, IMAP, SMB, MySQL, PostgreSQL, Redis: what people abuse open proxies for.
const OTHER_SERVICES: [u16; 9] = [22, 25, 53, 110, 143, 445, 3306, 5432, 6379];

#[cfg(test)]
mod tests {
    use super::super::{Ask, Asker, Rules, decide};
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
    fn check(allow: &str, expected: Result<Grant, Why>, targets: &[&str]) {
        for text in targets {
            let to: SocketAddr = text.parse().unwrap();
            let own = ["192.0.2.5", "127.0.0.1"].contains(&embedded(to.ip()).to_string().as_str());
            let found = decide(&rules(allow), &asker(), &Ask::RelayDial { to, own });
            assert_eq!(found, expected, "--allow {allow}: {text}");
        }
    }

    const YES: Result<Grant, Why> = Ok(Grant::Foreign);

    #[test]
    fn r20_with_nothing_allowed_nothing_is_relayed() {
        check("", Err(Why::OutsideNetworks), &["8.8.8.8:21", "192.0.2.7:2121", "[2001:db8::7]:21"]);
        let found = decide(&rules(""), &asker(), &Ask::RelayPeer { ip: "8.8.8.8".parse().unwrap() });
        assert_eq!(found, Err(Why::OutsideNetworks));
    }

    #[test]
    fn r21_a_wide_rule_does_not_mean_what_is_inside_somewhere() {
        let all = "0.0.0.0/0 ::/0";
        check(all, YES, &["8.8.8.8:21", "[2001:db8::7]:990", "192.0.2.7:40000"]);
        check(all, Err(Why::Loopback), &["127.0.0.1:2121", "[::1]:2121"]);
        check(all, Err(Why::PrivateNetwork), &["10.0.0.1:21", "100.64.0.1:21", "[fd00::1]:21"]);
        check(all, Err(Why::SpecialAddress), &["0.0.0.0:21", "169.254.169.254:2121", "[fe80::1]:21"]);
        check(
            all,
            Err(Why::SpecialAddress),
            &["224.0.0.1:21", "255.255.255.255:21", "[::]:21", "[ff02::1]:21"],
        );
    }

    #[test]
    fn r22_disguises_are_judged_by_what_they_reach() {
        let all = "0.0.0.0/0 ::/0";
        check(
            all,
            Err(Why::Loopback),
            &["[::ffff:127.0.0.1]:21", "[64:ff9b::7f00:1]:21", "[2002:7f00:1::]:21"],
        );
        check(all, Err(Why::PrivateNetwork), &["[::ffff:10.0.0.1]:21", "[64:ff9b::a00:1]:21"]);
        check("192.0.2.0/24", YES, &["[::ffff:192.0.2.9]:21", "[64:ff9b::192.0.2.9]:21"]);
        check("192.0.2.0/24", Err(Why::OutsideNetworks), &["[64:ff9b::8.8.8.8]:21"]);
    }

    #[test]
    fn a_rule_inside_a_range_names_it() {
        check("10.1.0.0/16", YES, &["10.1.2.3:21"]);
        check("10.1.0.0/16", Err(Why::PrivateNetwork), &["10.2.0.1:21"]);
        check("127.0.0.0/8", YES, &["127.0.0.2:2121"]);
        check("126.0.0.0/7", Err(Why::Loopback), &["127.0.0.2:2121"]);
        check("fd00::/8 169.254.9.0/24", YES, &["[fd00::1]:21", "169.254.9.1:21"]);
        check("fc00::/6", Err(Why::PrivateNetwork), &["[fd00::1]:21"]);
        check("0.0.0.0/0 224.0.0.0/4", Err(Why::SpecialAddress), &["224.0.0.1:21"]);
    }

    #[test]
    fn r23_ports_of_other_services_are_named_one_by_one() {
        check("192.0.2.0/24", YES, &["192.0.2.7:21", "192.0.2.7:990", "192.0.2.7:1024", "192.0.2.7:65535"]);
        check("192.0.2.0/24", Err(Why::PortNotListed), &["192.0.2.7:22", "192.0.2.7:80", "192.0.2.7:6379"]);
        let wide = "192.0.2.0/24:1-65535";
        check(
            wide,
            Err(Why::PortNotListed),
            &["192.0.2.7:25", "192.0.2.7:22", "192.0.2.7:6379", "192.0.2.7:5432"],
        );
        check(wide, YES, &["192.0.2.7:80"]);
        check("192.0.2.0/24:25,80-90", YES, &["192.0.2.7:25", "192.0.2.7:85"]);
        check("192.0.2.0/24", Err(Why::PortZero), &["192.0.2.7:0"]);
    }

    #[test]
    fn r24_the_relays_own_address_is_named_alone_and_its_listener_never() {
        check("192.0.2.0/24", Err(Why::OwnAddress), &["192.0.2.5:21", "[::ffff:192.0.2.5]:21"]);
        check("127.0.0.0/8", Err(Why::OwnAddress), &["127.0.0.1:21"]);
        check("192.0.2.5:21,1024-65535", YES, &["192.0.2.5:21"]);
        check("192.0.2.5", Err(Why::OwnListener), &["192.0.2.5:2190", "192.0.2.5:2191"]);
        check("192.0.2.0/24", YES, &["192.0.2.6:2191"]);
    }

    #[test]
    fn peers_of_a_listening_leg_are_judged_like_targets_without_a_port() {
        let check = |allow, ip: &str, expected| {
            assert_eq!(
                decide(&rules(allow), &asker(), &Ask::RelayPeer { ip: ip.parse().unwrap() }),
                expected,
                "{ip}"
            );
        };
        check("192.0.2.0/24:21", "192.0.2.9", YES);
        check("192.0.2.0/24:21", "::ffff:192.0.2.9", YES);
        check("192.0.2.0/24:21", "192.0.3.9", Err(Why::OutsideNetworks));
        check("0.0.0.0/0", "10.0.0.1", Err(Why::PrivateNetwork));
    }

    #[test]
    fn targets_are_read_as_the_manual_writes_them() {
        let check = |text: &str, network: &str, ports: &[(u16, u16)]| {
            let expected = Allowed { network: network.parse().unwrap(), ports: ports.to_vec() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        };
        check("192.0.2.0/24", "192.0.2.0/24", &DEFAULT_PORTS);
        check("192.0.2.9/24:21", "192.0.2.0/24", &[(21, 21)]);
        check("192.0.2.7", "192.0.2.7/32", &DEFAULT_PORTS);
        check("192.0.2.7:21,990,2000-3000", "192.0.2.7/32", &[(21, 21), (990, 990), (2000, 3000)]);
        check("2001:db8::/32", "2001:db8::/32", &DEFAULT_PORTS);
        check("2001:db8::/32:21", "2001:db8::/32", &[(21, 21)]);
        check("2001:db8::7", "2001:db8::7/128", &DEFAULT_PORTS);
        check("[2001:db8::7]:21", "2001:db8::7/128", &[(21, 21)]);
        check("[2001:db8::]", "2001:db8::/128", &DEFAULT_PORTS);
        let wrong = [
            "",
            "example.net",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.7:",
            "192.0.2.7:0",
            "192.0.2.7:9-8",
            "192.0.2.7:+1",
            "192.0.2.7:65536",
            "192.0.2.0/24:21,",
            "[192.0.2.7",
            "[2001:db8::7]21",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
        ];
        for text in wrong {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
