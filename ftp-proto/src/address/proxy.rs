//! The PROXY protocol, versions 1 and 2: a header before the first byte of a connection, in which a proxy
//! announces the client (HAProxy, "The PROXY protocol").

use super::kind::{Family, Kind, kind, unmapped};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZero;

/// Who is at the other end of a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proxied {
    /// A client at this address.
    Client(SocketAddr),
    /// The proxy itself, for example to see whether the server lives, or it does not know the client.
    Itself,
}

/// How far a header has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header {
    /// All of it is there, and not a byte more.
    Whole(Proxied),
    /// It lacks at least so many bytes. Whoever reads no more than these never reads beyond the header.
    Lacks(NonZero<usize>),
}

/// What is wrong with a header. The text is for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadHeader {
    /// The first bytes are something else.
    #[error("the connection does not begin with a PROXY header")]
    Missing,
    /// A line of version 1 that is malformed.
    #[error("the line of the PROXY header is malformed")]
    Line,
    /// Version 2 has a command or a family that carries no FTP.
    #[error("the PROXY header is for something else than TCP")]
    NotTcp,
    /// Version 2 has fewer bytes than its addresses need, or more than anybody sends.
    #[error("the PROXY header has an impossible length")]
    Length,
    /// The announced client cannot be one.
    #[error("the PROXY header announces an address that no client has")]
    Address,
}

/// Reads the header at the beginning of `bytes`. Call it with everything that has been read so far, and
/// then read at most as many bytes as it lacks.
///
/// ```
/// use ftp_proto::address::proxy::{Header, Proxied, parse};
/// let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 21\r\n";
/// let client = ([192, 0, 2, 7], 5000).into();
/// assert_eq!(parse(header), Ok(Header::Whole(Proxied::Client(client))));
/// ```
///
/// # Errors
/// The bytes are no beginning of a header, or the header announces nobody who can be a client.
pub fn parse(bytes: &[u8]) -> Result<Header, BadHeader> {
    if is_beginning(bytes, SIGNATURE) && bytes.first() == SIGNATURE.first() {
        return binary(bytes);
    }
    if !is_beginning(bytes, WORD) {
        return Err(BadHeader::Missing);
    }
    match bytes.strip_suffix(b"\r\n") {
        Some(line) if bytes.len() <= MAX_LINE => text(line).map(Header::Whole),
        _ if bytes.len() >= MAX_LINE => Err(BadHeader::Line),
        Some(_) | None => {
            let end = if bytes.ends_with(b"\r") { 1 } else { 2 };
            Ok(lacks(SHORTEST.saturating_sub(bytes.len()).max(end)))
        }
    }
}

/// Whether `bytes` begin with `with`, as far as there are any.
fn is_beginning(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(have, want)| have == want)
}

fn lacks(count: usize) -> Header {
    Header::Lacks(NonZero::new(count).unwrap_or(NonZero::<usize>::MIN))
}

/// Version 1: one line, here without its end.
fn text(line: &[u8]) -> Result<Proxied, BadHeader> {
    if line.contains(&b'\r') || line.contains(&b'\n') {
        return Err(BadHeader::Line);
    }
    let line = std::str::from_utf8(line).map_err(|_| BadHeader::Line)?;
    let mut words = line.split(' ');
    let family = match (words.next(), words.next()) {
        (Some("PROXY"), Some("UNKNOWN")) => return Ok(Proxied::Itself),
        (Some("PROXY"), Some("TCP4")) => Family::V4,
        (Some("PROXY"), Some("TCP6")) => Family::V6,
        _ => return Err(BadHeader::Line),
    };
    let mut address =
        || words.next()?.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv4() == (family == Family::V4));
    let (from, to) = (address(), address());
    let mut port = || words.next().and_then(decimal);
    let (from_port, to_port) = (port(), port());
    match (from, to, from_port, to_port, words.next()) {
        (Some(from), Some(_), Some(port), Some(_), None) => client(from, port),
        _ => Err(BadHeader::Line),
    }
}

/// A port: digits only, and no zero before the others.
fn decimal(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Version 2: twelve bytes that no text protocol begins with, command, family, length, addresses, and what
/// else the proxy tells.
fn binary(bytes: &[u8]) -> Result<Header, BadHeader> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        // No line of version 1 is shorter, so nothing is wanted that may not come.
        return Ok(lacks(HEAD.saturating_sub(bytes.len())));
    };
    let [.., command, family, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(BadHeader::NotTcp),
    };
    let needed = match family {
        _ if is_local => 0,
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        _ => return Err(BadHeader::NotTcp),
    };
    if length < needed || length > MAX_REST {
        return Err(BadHeader::Length);
    }
    if rest.len() < length {
        return Ok(lacks(length.saturating_sub(rest.len())));
    }
    let from = match (needed, rest) {
        (12, &[a, b, c, d, _, _, _, _, high, low, ..]) => {
            Some((Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
        }
        (36, rest) => rest.split_first_chunk::<16>().and_then(|(ip, rest)| {
            let [high, low] = *rest.split_at_checked(16)?.1.first_chunk::<2>()?;
            Some((Ipv6Addr::from(*ip).into(), u16::from_be_bytes([high, low])))
        }),
        _ => None,
    };
    let proxied = from.map_or(Ok(Proxied::Itself), |(ip, port)| client(ip, port));
    proxied.map(Header::Whole)
}

fn client(ip: IpAddr, port: u16) -> Result<Proxied, BadHeader> {
    match kind(ip) {
        Kind::Unspecified | Kind::Multicast | Kind::Broadcast => Err(BadHeader::Address),
        Kind::Public | Kind::Private | Kind::Loopback | Kind::LinkLocal => {
            Ok(Proxied::Client(SocketAddr::new(unmapped(ip), port)))
        }
    }
}

/// What version 1 begins with.
const WORD: &[u8] = b"PROXY ";
/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 2 before the addresses.
const HEAD: usize = 16;
/// The shortest line of version 1, with its end: `PROXY UNKNOWN`.
const SHORTEST: usize = 15;
/// The longest line of version 1, with its end.
const MAX_LINE: usize = 107;
/// Bytes of version 2 after the head: addresses, and a certificate's names at most.
const MAX_REST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    fn whole(bytes: &[u8], from: Option<&str>) {
        let proxied = from.map_or(Proxied::Itself, |from| Proxied::Client(from.parse().unwrap()));
        assert_eq!(parse(bytes), Ok(Header::Whole(proxied)), "{:?}", String::from_utf8_lossy(bytes));
        // Piece by piece, never beyond the end.
        let (mut read, mut pieces) = (0, 0);
        while let Ok(Header::Lacks(count)) = parse(&bytes[..read]) {
            read += count.get();
            pieces += 1;
            assert!(read <= bytes.len() && pieces <= MAX_LINE, "{read} of {} bytes", bytes.len());
        }
        assert_eq!(read, bytes.len());
    }

    #[test]
    fn headers_of_both_versions_announce_the_client() {
        whole(b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 21\r\n", Some("192.0.2.7:5000"));
        whole(b"PROXY TCP4 223.1.1.1 255.255.255.255 65535 65535\r\n", Some("223.1.1.1:65535"));
        whole(b"PROXY TCP6 2001:db8::7 2001:db8::1 5000 21\r\n", Some("[2001:db8::7]:5000"));
        whole(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 0 0\r\n", Some("192.0.2.7:0"));
        whole(b"PROXY UNKNOWN\r\n", None);
        whole(b"PROXY UNKNOWN anything 1 2 3\r\n", None);
        let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x13, 0x88, 0, 21];
        whole(&v2(0x21, 0x11, &v4), Some("192.0.2.7:5000"));
        whole(&v2(0x21, 0x11, &[&v4[..], &[4, 0, 1, 9]].concat()), Some("192.0.2.7:5000"));
        let address: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let v6 = [&address.octets()[..], &[0; 16], &[0x13, 0x88, 0, 21]].concat();
        whole(&v2(0x21, 0x21, &v6), Some("[2001:db8::7]:5000"));
        whole(&v2(0x20, 0x00, &[]), None);
        whole(&v2(0x20, 0x11, &v4), None);
        whole(&v2(0x21, 0x00, &[1, 2, 3]), None);
    }

    #[test]
    fn what_is_no_header_is_refused_as_early_as_it_shows() {
        let check = |bytes: &[u8], expect: BadHeader| {
            assert_eq!(parse(bytes), Err(expect), "{:?}", String::from_utf8_lossy(bytes));
        };
        for other in
            [&b"USER ann\r\n"[..], b"P ", b"PASV\r\n", b"PROXYTCP4", b"\x16\x03\x01", b"\r\nA", b"GET"]
        {
            check(other, BadHeader::Missing);
        }
        for line in ["PROXY\tTCP4", "proxy TCP4 192.0.2.7 192.0.2.1 1 2"] {
            check(format!("{line}\r\n").as_bytes(), BadHeader::Missing);
        }
        for line in [
            "PROXY ",
            "PROXY TCP4",
            "PROXY TCP4 192.0.2.7 192.0.2.1 1",
            "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3",
            "PROXY TCP4 192.0.2.7 192.0.2.1 1 2 ",
            "PROXY TCP4  192.0.2.7 192.0.2.1 1 2",
            "PROXY TCP4 192.0.2.07 192.0.2.1 1 2",
            "PROXY TCP4 192.0.2.7 ::1 1 2",
            "PROXY TCP4 ::1 ::1 1 2",
            "PROXY TCP6 192.0.2.7 192.0.2.1 1 2",
            "PROXY TCP4 192.0.2.7 192.0.2.1 01 2",
            "PROXY TCP4 192.0.2.7 192.0.2.1 +1 2",
            "PROXY TCP4 192.0.2.7 192.0.2.1 65536 2",
            "PROXY UDP4 192.0.2.7 192.0.2.1 1 2",
            "PROXY TCP4 192.0.2.7\r192.0.2.1 1 2",
            "PROXY UNKNOWN\n",
        ] {
            check(format!("{line}\r\n").as_bytes(), BadHeader::Line);
        }
        let long = ["PROXY UNKNOWN ", &"x".repeat(MAX_LINE)].concat();
        check(&long.as_bytes()[..MAX_LINE], BadHeader::Line);
        let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x13, 0x88, 0, 21];
        check(&v2(0x11, 0x11, &v4), BadHeader::NotTcp);
        check(&v2(0x22, 0x11, &v4), BadHeader::NotTcp);
        for family in [0x12, 0x22, 0x31, 0x32, 0x01, 0x10, 0xff] {
            check(&v2(0x21, family, &[0; 216]), BadHeader::NotTcp);
        }
        check(&v2(0x21, 0x11, &v4[..11]), BadHeader::Length);
        check(&v2(0x21, 0x21, &[1; 35]), BadHeader::Length);
        check(&v2(0x20, 0x00, &[0; MAX_REST + 1])[..HEAD], BadHeader::Length);
    }

    #[test]
    fn nobody_is_announced_who_can_be_no_client() {
        for ip in ["0.0.0.0", "255.255.255.255", "224.0.0.1"] {
            let line = format!("PROXY TCP4 {ip} 192.0.2.1 1 2\r\n");
            assert_eq!(parse(line.as_bytes()), Err(BadHeader::Address), "{line}");
        }
        for ip in ["::", "ff02::1", "::ffff:0.0.0.0"] {
            let line = format!("PROXY TCP6 {ip} ::1 1 2\r\n");
            assert_eq!(parse(line.as_bytes()), Err(BadHeader::Address), "{line}");
        }
    }

    proptest! {
        #[test]
        fn every_client_is_read_as_it_was_written(ip: [u8; 16], v4: bool, port: u16) {
            let ip: IpAddr = if v4 { Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]).into() } else { Ipv6Addr::from(ip).into() };
            let family = if v4 { "TCP4 " } else { "TCP6 " };
            let line = format!("PROXY {family}{ip} {ip} {port} 21\r\n");
            let rest = match ip {
                IpAddr::V4(ip) => [&ip.octets()[..], &[9; 4], &port.to_be_bytes(), &[0, 21]].concat(),
                IpAddr::V6(ip) => [&ip.octets()[..], &[9; 16], &port.to_be_bytes(), &[0, 21]].concat(),
            };
            let binary = v2(0x21, if v4 { 0x11 } else { 0x21 }, &rest);
            let expect = client(ip, port).map(Header::Whole);
            prop_assert_eq!(parse(line.as_bytes()), expect);
            prop_assert_eq!(parse(&binary), expect);
        }
    }
}
