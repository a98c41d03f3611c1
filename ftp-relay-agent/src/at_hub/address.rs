//! Where a hub is: a name or an address, and a port.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;

use ftp_io::socket;
use tokio::net::{TcpStream, lookup_host};

/// The address of a hub as it was typed. A name is resolved for each connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HubAddress(String);

impl FromStr for HubAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "write HOST:PORT, IP:PORT or [IPv6]:PORT";
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().ok().filter(|_| digits).ok_or(EXPECTED)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let named = !host.is_empty() && host.chars().all(letter);
        let literal = bracketed && text.parse::<SocketAddr>().is_ok();
        if port != 0 && (named || literal) { Ok(Self(text.to_owned())) } else { Err(EXPECTED) }
    }
}

impl fmt::Display for HubAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HubAddress {
    /// Its addresses.
    ///
    /// # Errors
    ///
    /// The name cannot be resolved.
    pub async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host(self.0.as_str()).await?.take(MAX_ADDRESSES).collect())
    }

    /// Connects to the first of its addresses that answers.
    ///
    /// # Errors
    ///
    /// The name has no address, or none of them answers.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for at in self.resolve().await? {
            match connect(at).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Connects to one address, and has the system notice when the other end has vanished.
async fn connect(at: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(at).await?;
    socket::keepalive(&stream)?;
    Ok(stream)
}

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_has_a_host_and_a_port() {
        for right in ["hub.example.net:443", "192.0.2.1:2190", "[2001:db8::1]:2190", "hub:1"] {
            assert_eq!(right.parse::<HubAddress>().map(|at| at.to_string()), Ok(right.to_owned()));
        }
        for wrong in
            ["", "hub", "hub:", "hub:0", ":1", "hub:+1", "2001:db8::1:1", "[hub]:1", "a b:1", "hub:65536"]
        {
            assert!(wrong.parse::<HubAddress>().is_err(), "{wrong}");
        }
    }
}
