//! `host:port`: where a relay listens.

use std::fmt;
use std::str::FromStr;
use url::Host;

/// A host, by name or address, and a port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Authority {
    /// The host, an IPv6 literal without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

impl FromStr for Authority {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, digits) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits.parse().ok().filter(|port| plain && *port != 0).ok_or(PORT)?;
        let host = match Host::parse(host).map_err(|_| EXPECTED)? {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

const EXPECTED: &str = "write HOST:PORT, IP:PORT or [IPv6]:PORT";
const PORT: &str = "write HOST:PORT with a port from 1 to 65535";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_has_a_host_and_a_port() {
        let check = |text: &str, expect: Result<(&str, u16), &str>| {
            let found = text.parse::<Authority>();
            assert_eq!(found.as_ref().map(|at| (at.host.as_str(), at.port)).map_err(|error| *error), expect);
        };
        check("relay.example.net:2190", Ok(("relay.example.net", 2190)));
        check("Relay.Example.NET:443", Ok(("relay.example.net", 443)));
        check("192.0.2.1:2190", Ok(("192.0.2.1", 2190)));
        check("[2001:db8::1]:2190", Ok(("2001:db8::1", 2190)));
        for wrong in ["", "relay", "2001:db8::1:2190", ":2190", "a b:1", "[::1:2190"] {
            check(wrong, Err(EXPECTED));
        }
        for wrong in ["relay:", "relay:0", "relay:65536", "relay:+1", "relay:ftp", "[2001:db8::1]"] {
            check(wrong, Err(PORT));
        }
    }

    #[test]
    fn an_authority_is_displayed_as_it_was_written() {
        for text in ["relay.example.net:2190", "192.0.2.1:2190", "[2001:db8::1]:2190"] {
            assert_eq!(text.parse::<Authority>().unwrap().to_string(), text);
        }
    }
}
