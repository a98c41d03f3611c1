//! What the operator allows, and who asks: the rules, those of a relay (hosts and the ports of their control connections), and
//! the data ports of a relay.

use super::Exchange;
use super::question::RefusalReason;
use crate::address::{Family, Kind, embedded, kind};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Who may name a data peer that is not the user's own host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Foreign {
    /// Nobody may name a foreign host.
    Never,
    /// Everybody whose peer proves with RNDZ that it takes part in this transfer. This stops FTP
    /// bounce attacks (RFC 2577) and is the default.
    #[default]
    Proven,
    /// Named users, without a proof, for any host of the foreign networks.
    Authenticated,
}

/// What the operator allows. The default allows foreign peers after a proof and relays nothing.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The foreign policy.
    pub foreign: Foreign,
    /// The networks of `--foreign-networks`; `None` if the option was not given, so that the built-in
    /// default holds.
    pub foreign_networks: Option<Vec<IpNet>>,
    /// What the user may exchange with foreign hosts; empty means all that the foreign policy allows.
    pub exchanges: Vec<Exchange>,
    /// The networks whose addresses count as the user's own host.
    pub same_host: Vec<IpNet>,
    /// The server's own control and metrics listeners, which are never a target.
    pub own_listeners: Vec<SocketAddr>,
    /// The servers that a relay may reach. An empty list allows nothing.
    pub relay: Vec<Allowed>,
    /// The data ports of these servers to which a relay may connect whoever meets it, the user agent or another agent. An
    /// empty list names none; a join of two servers needs none.
    pub data_ports: Vec<DataPorts>,
    /// What the hub tells an agent of the host that it runs on.
    pub own_host: Option<OwnHost>,
}

/// The host of an agent at a hub. A user agent that names the address at which the hub sees it may mean this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnHost {
    /// Where the hub sees the agent. Nobody has proven it.
    pub seen_as: IpAddr,
    /// Which of the addresses that rules name alone belong to this host.
    pub addresses: Vec<IpAddr>,
}

/// Who asks, and over which control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// The client's address.
    pub peer: IpAddr,
    /// The scope id of that address (`SocketAddrV6::scope_id`); 0 if it has none.
    pub scope: u32,
    /// The control connection's local address.
    pub local: IpAddr,
    /// Whether the client's address comes from a PROXY header.
    pub proxied: bool,
    /// Whether the user is anonymous and so may never name a foreign host.
    pub anonymous: bool,
}

/// What one `--allow` allows: `[PUBLIC=]CIDR` or `[PUBLIC=]CIDR:PORT[-PORT][/tls][,...]`. The ports are those of control
/// connections; `/tls` marks ports where TLS begins at once. With `PUBLIC=` there is one server, which others know by that
/// address; its ports are the same there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// The address by which others know the server.
    known_as: Option<IpAddr>,
    network: IpNet,
    ports: Vec<Ports>,
}

/// A range of ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ports {
    low: u16,
    high: u16,
    /// TLS begins at once (implicit TLS).
    tls: bool,
}

/// Why a text is not a target.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AllowedError {
    /// The part before the ports is not a network.
    #[error("{0} is neither a network nor an address, such as 192.0.2.0/24 or [2001:db8::7]")]
    Network(String),
    /// The part after the network is not a list of ports.
    #[error("{0} is not a list of ports, such as 21,990/tls,2000-2100")]
    Ports(String),
    /// What stands before `=` is no address of a server.
    #[error(
        "{0} is not one address without ports: write the public address of the server before the =, as in 203.0.113.5=10.0.0.5:21"
    )]
    Public(String),
    /// What stands behind `=` is no single address.
    #[error("{0} is a network: write the address of one server after the =, as in 203.0.113.5=10.0.0.5:21")]
    Several(String),
    /// The two addresses of a server are of different families.
    #[error("{0} mixes IPv4 and IPv6: write two addresses of the same family")]
    Family(String),
    /// The two addresses of a server are equal.
    #[error("{0} has the same address on both sides of the =: write it once, without the =")]
    Same(String),
    /// Two rules lead from one address and port to different servers.
    #[error("{0} leads to two servers at the same port: give each server its own ports")]
    Ambiguous(IpAddr),
    /// An address is that of a server here, and leads to another one.
    #[error("{0} stands before one = and after another: an address is that of a server, or leads to one")]
    Chain(IpAddr),
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((public, local)) = text.split_once('=') else { return Self::here(text) };
        let literal = public.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(public);
        let public = literal.parse().map(embedded).ok().filter(|ip| !is_special(kind(*ip)));
        let public = public.ok_or_else(|| AllowedError::Public(text.to_owned()))?;
        let rule = Self::here(local)?;
        let address = rule.address().ok_or_else(|| AllowedError::Several(local.to_owned()))?;
        if address == public {
            return Err(AllowedError::Same(text.to_owned()));
        }
        if Family::of(address) != Family::of(public) {
            return Err(AllowedError::Family(text.to_owned()));
        }
        Ok(Self { known_as: Some(public), ..rule })
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(public) = self.known_as {
            write!(f, "{public}=")?;
        }
        match (self.network, self.address()) {
            (IpNet::V6(network), None) => write!(f, "{network}:")?,
            (_, Some(IpAddr::V6(address))) => write!(f, "[{address}]:")?,
            (_, Some(address)) => write!(f, "{address}:")?,
            (network, None) => write!(f, "{network}:")?,
        }
        for (index, Ports { low, high, tls }) in self.ports.iter().enumerate() {
            let (comma, tls) = (if index > 0 { "," } else { "" }, if *tls { "/tls" } else { "" });
            match low == high {
                true => write!(f, "{comma}{low}{tls}")?,
                false => write!(f, "{comma}{low}-{high}{tls}")?,
            }
        }
        Ok(())
    }
}

impl Allowed {
    /// Checks that rules do not contradict each other.
    ///
    /// # Errors
    ///
    /// [`AllowedError::Ambiguous`], [`AllowedError::Chain`].
    pub fn check_all(rules: &[Self]) -> Result<(), AllowedError> {
        for (index, rule) in rules.iter().enumerate() {
            let Some(public) = rule.known_as else { continue };
            if rules.iter().any(|other| other.known_as.is_some() && other.address() == Some(public)) {
                return Err(AllowedError::Chain(public));
            }
            let same = |other: &&Self| other.known_as == Some(public) && other.address() != rule.address();
            if rules.iter().skip(index + 1).filter(same).any(|other| rule.shares_port(other)) {
                return Err(AllowedError::Ambiguous(public));
            }
        }
        Ok(())
    }

    /// Reads a rule without the address by which others know the server.
    fn here(text: &str) -> Result<Self, AllowedError> {
        let wrong = || AllowedError::Network(text.to_owned());
        let (network, ports) = split(text).ok_or_else(wrong)?;
        let network = match network.parse::<IpAddr>() {
            Ok(ip) => IpNet::from(ip),
            Err(_) => network.parse::<IpNet>().map_err(|_| wrong())?,
        };
        let ports = ports.map_or_else(|| Some(DEFAULT_PORTS.to_vec()), ranges);
        let ports = ports.ok_or_else(|| AllowedError::Ports(text.to_owned()))?;
        Ok(Self { known_as: None, network: network.trunc(), ports })
    }

    /// The only address that the rule names.
    pub fn address(&self) -> Option<IpAddr> {
        self.is_one_address().then(|| embedded(self.network.addr()))
    }

    /// Whether others know the server by this address.
    pub(super) fn is_known_as(&self, ip: IpAddr) -> bool {
        self.known_as == Some(ip)
    }

    fn shares_port(&self, other: &Self) -> bool {
        let overlap = |one: &Ports, two: &Ports| one.low <= two.high && two.low <= one.high;
        self.ports.iter().any(|one| other.ports.iter().any(|two| overlap(one, two)))
    }

    /// Whether the rule names the host `ip`, whose kind is `of`. Only a rule that lies inside a private range
    /// names a host of that range: 0.0.0.0/0 does not mean 10.0.0.1, 127.0.0.1 or 169.254.169.254.
    pub(super) fn names(&self, ip: IpAddr, of: Kind) -> bool {
        let lies_in_it = || kind(self.network.network()) == of && kind(self.network.broadcast()) == of;
        self.network.contains(&ip) && (of == Kind::Public || lies_in_it())
    }

    /// Whether the rule names one address and no other.
    pub(super) fn is_one_address(&self) -> bool {
        self.network.prefix_len() == self.network.max_prefix_len()
    }

    /// Whether the rule names `port`. A port of another well-known service must be named alone.
    pub(super) fn names_port(&self, port: u16) -> bool {
        let alone = is_of_another_service(port);
        self.with(port).any(|range| !alone || range.low == range.high)
    }

    /// Whether TLS may begin at once at `port`.
    pub(super) fn begins_with_tls(&self, port: u16) -> bool {
        self.with(port).any(|range| range.tls)
    }

    fn with(&self, port: u16) -> impl Iterator<Item = &Ports> {
        self.ports.iter().filter(move |range| (range.low..=range.high).contains(&port))
    }
}

/// Whether `port` is one at which other services listen.
pub(super) fn is_of_another_service(port: u16) -> bool {
    OTHER_SERVICES.contains(&port)
}

/// Whether no server has an address of this kind.
pub(super) const fn is_special(of: Kind) -> bool {
    matches!(of, Kind::Unspecified | Kind::Multicast | Kind::Broadcast)
}

/// The reason to refuse a host of this kind if no rule inside its range names it; `None` if every rule may.
pub(super) const fn needs_own_rule(of: Kind) -> Option<RefusalReason> {
    match of {
        Kind::Public => None,
        Kind::Private => Some(RefusalReason::PrivateNetwork),
        Kind::Loopback => Some(RefusalReason::Loopback),
        Kind::LinkLocal | Kind::Unspecified | Kind::Multicast | Kind::Broadcast => {
            Some(RefusalReason::SpecialAddress)
        }
    }
}

/// The network and the ports.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    // [2001:db8::7]:21
    if let Some(inside) = text.strip_prefix('[') {
        let (ip, rest) = inside.split_once(']')?;
        return if rest.is_empty() { Some((ip, None)) } else { Some((ip, Some(rest.strip_prefix(':')?))) };
    }
    let (before, behind) = text.split_once('/').unwrap_or((text, ""));
    // 192.0.2.7:21,990/tls
    if before.matches(':').count() == 1 {
        return text.split_once(':').map(|(ip, ports)| (ip, Some(ports)));
    }
    // 2001:db8::/32:21 and 192.0.2.0/24:990/tls
    match behind.find(':') {
        Some(colon) => {
            let (network, ports) = text.split_at_checked(before.len() + 1 + colon)?;
            Some((network, ports.strip_prefix(':')))
        }
        None => Some((text, None)),
    }
}

fn ranges(text: &str) -> Option<Vec<Ports>> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0 && !text.starts_with('+'));
    text.split(',')
        .map(|range| {
            let (range, tls) = range.strip_suffix("/tls").map_or((range, false), |range| (range, true));
            let (low, high) = match range.split_once('-') {
                Some((low, high)) => (port(low)?, port(high)?),
                None => (port(range)?, port(range)?),
            };
            (low <= high).then_some(Ports { low, high, tls })
        })
        .collect()
}

/// SSH, SMTP, DNS, POP, IMAP, SMB, Docker, MySQL, PostgreSQL, Redis, Elasticsearch, Kubernetes, memcached, MongoDB:
/// what people abuse open proxies for.
const OTHER_SERVICES: [u16; 15] =
    [22, 25, 53, 110, 143, 445, 2375, 2376, 3306, 5432, 6379, 9200, 10_250, 11_211, 27_017];
const DEFAULT_PORTS: [Ports; 3] = [
    Ports { low: 21, high: 21, tls: false },
    Ports { low: 990, high: 990, tls: true },
    Ports { low: 2121, high: 2121, tls: false },
];

/// What one `--data-ports` names: `PORT` or `PORT-PORT`, with commas between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataPorts(Vec<(u16, u16)>);

/// Why a text names no data ports.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is not a list of data ports from 1024 to 65535, such as 40000-40999,50000-50099")]
pub struct DataPortsError(String);

impl FromStr for DataPorts {
    type Err = DataPortsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| {
            let port = text.parse::<u16>().ok().filter(|port| *port >= FIRST_DATA_PORT);
            port.filter(|_| !text.starts_with('+'))
        };
        let range = |text: &str| {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            Some((port(low)?, port(high)?)).filter(|(low, high)| low <= high)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| DataPortsError(text.to_owned()))
    }
}

impl fmt::Display for DataPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (low, high)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match low == high {
                true => write!(f, "{comma}{low}")?,
                false => write!(f, "{comma}{low}-{high}")?,
            }
        }
        Ok(())
    }
}

impl DataPorts {
    /// Whether `port` is one of them.
    pub(super) fn name(&self, port: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&port))
    }
}

/// Data ports begin here (RFC 2577 section 3).
pub(super) const FIRST_DATA_PORT: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_the_manual_writes_them() {
        let check = |text: &str, network: &str, ports: &[(u16, u16, bool)]| {
            let ports = ports.iter().map(|(low, high, tls)| Ports { low: *low, high: *high, tls: *tls });
            let expected =
                Allowed { known_as: None, network: network.parse().unwrap(), ports: ports.collect() };
            assert_eq!(text.parse().as_ref(), Ok(&expected), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}");
        };
        let usual = [(21, 21, false), (990, 990, true), (2121, 2121, false)];
        check("192.0.2.0/24", "192.0.2.0/24", &usual);
        check("192.0.2.9/24:21", "192.0.2.0/24", &[(21, 21, false)]);
        check("192.0.2.7", "192.0.2.7/32", &usual);
        let several = [(21, 21, false), (990, 990, true), (2000, 3000, false)];
        check("192.0.2.7:21,990/tls,2000-3000", "192.0.2.7/32", &several);
        check("192.0.2.0/24:990/tls", "192.0.2.0/24", &[(990, 990, true)]);
        check("2001:db8::/32", "2001:db8::/32", &usual);
        check("2001:db8::/32:21,2000-3000/tls", "2001:db8::/32", &[(21, 21, false), (2000, 3000, true)]);
        check("2001:db8::7", "2001:db8::7/128", &usual);
        check("[2001:db8::7]:21", "2001:db8::7/128", &[(21, 21, false)]);
        check("[2001:db8::7]:990/tls", "2001:db8::7/128", &[(990, 990, true)]);
        check("[2001:db8::]", "2001:db8::/128", &usual);
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
            "192.0.2.7:990/ssl",
            "192.0.2.7:/tls",
            "192.0.2.7/tls",
            "192.0.2.0/24:21,",
            "2001:db8::7:990/tls",
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

    #[test]
    fn a_server_that_others_know_by_another_address_is_written_with_both() {
        for (text, public, local) in [
            ("203.0.113.5=10.0.0.5", "203.0.113.5", "10.0.0.5:21,990/tls,2121"),
            ("203.0.113.5=10.0.0.5:21,2000-2100", "203.0.113.5", "10.0.0.5:21,2000-2100"),
            ("203.0.113.5=10.0.0.5/32:21", "203.0.113.5", "10.0.0.5:21"),
            ("[::ffff:203.0.113.5]=10.0.0.5:21", "203.0.113.5", "10.0.0.5:21"),
            ("[2001:db8::5]=[fd00::5]:990/tls", "2001:db8::5", "[fd00::5]:990/tls"),
            ("2001:db8::5=fd00::5/128:21", "2001:db8::5", "[fd00::5]:21"),
        ] {
            let rule: Allowed = text.parse().unwrap();
            assert!(rule.is_known_as(public.parse().unwrap()), "{text}");
            assert_eq!(rule.to_string(), format!("{public}={local}"));
            assert_eq!(Allowed { known_as: None, ..rule }, local.parse().unwrap(), "{text}");
        }
        for (text, part) in [
            ("=10.0.0.5", "without ports"),
            ("ftp.example.net=10.0.0.5", "without ports"),
            ("203.0.113.5:21=10.0.0.5", "without ports"),
            ("203.0.113.0/24=10.0.0.5", "without ports"),
            ("0.0.0.0=10.0.0.5", "without ports"),
            ("224.0.0.1=10.0.0.5", "without ports"),
            ("203.0.113.5=10.0.0.0/24", "10.0.0.0/24 is a network"),
            ("203.0.113.5=", "neither a network nor an address"),
            ("203.0.113.5=nas:21", "neither a network nor an address"),
            ("203.0.113.5=10.0.0.5:0", "not a list of ports"),
            ("203.0.113.5=10.0.0.5=10.0.0.6", "neither a network nor an address"),
            ("203.0.113.5=fd00::5", "the same family"),
            ("10.0.0.5=10.0.0.5:21", "without the ="),
        ] {
            let told = text.parse::<Allowed>().unwrap_err().to_string();
            assert!(told.contains(part), "{text}: {told}");
        }
    }

    #[test]
    fn one_address_and_port_leads_to_one_server() {
        let check = |text: &str, expected: Result<(), AllowedError>| {
            let rules: Vec<Allowed> = text.split_whitespace().map(|text| text.parse().unwrap()).collect();
            assert_eq!(Allowed::check_all(&rules), expected, "{text}");
        };
        let public = "203.0.113.5".parse().unwrap();
        check("203.0.113.5=10.0.0.5:21 203.0.113.5=10.0.0.6:2121", Ok(()));
        check("203.0.113.5=10.0.0.5:21 203.0.113.5=10.0.0.5:21-30", Ok(()));
        check("203.0.113.5=10.0.0.5:21 203.0.113.6=10.0.0.5:21 203.0.113.0/24", Ok(()));
        let twice = "203.0.113.5=10.0.0.5:21 203.0.113.5=10.0.0.6:1-99";
        check(twice, Err(AllowedError::Ambiguous(public)));
        check("10.0.0.9 203.0.113.5=10.0.0.5 192.0.2.1=203.0.113.5", Err(AllowedError::Chain(public)));
    }

    #[test]
    fn data_ports_are_read_as_the_manual_writes_them() {
        let ports: DataPorts = "40000-40999,50000".parse().unwrap();
        let named = [39_999, 40_000, 40_999, 41_000, 49_999, 50_000, 50_001].map(|port| ports.name(port));
        assert_eq!(named, [false, true, true, false, false, true, false]);
        assert_eq!(ports.to_string(), "40000-40999,50000");
        assert!("1024-65535".parse::<DataPorts>().is_ok());
        for wrong in ["", "1023", "21-4000", "5000-4000", "4000-", "4000,", "+4000", "4000-70000", "any"] {
            assert!(wrong.parse::<DataPorts>().is_err(), "{wrong}");
        }
    }
}
