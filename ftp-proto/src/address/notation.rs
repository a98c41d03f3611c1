//! How commands and replies write addresses: PORT and 227 including the forms that servers really send, EPRT and 229 (RFC 2428)
//! with any delimiter, SOCK in all its forms and 255.

use super::unmapped;
use crate::wire::{BadDecimal, decimal};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

/// Parses `h1,h2,h3,h4,p1,p2` strictly, as a server reads the argument of PORT.
pub fn parse_port(argument: &[u8]) -> Option<SocketAddrV4> {
    let mut numbers = argument.trim_ascii().split(|o| *o == b',').map(number);
    let mut six = [0; 6];
    for slot in &mut six {
        *slot = numbers.next()??;
    }
    if numbers.next().is_some() { None } else { Some(address(six)) }
}

/// Parses one of the six numbers: one to three digits, at most 255.
fn number(digits: &[u8]) -> Option<u8> {
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn address([a, b, c, d, high, low]: [u8; 6]) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]))
}

/// Formats the argument of PORT: `h1,h2,h3,h4,p1,p2`.
pub fn format_port(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

/// Formats the text of a 227 reply: `Entering Passive Mode (h1,h2,h3,h4,p1,p2)`.
pub fn format_227(address: SocketAddrV4) -> String {
    format!("Entering Passive Mode ({})", format_port(address))
}

/// Finds the address in the text of a 227 reply as servers really write it (H07, RFC 1123 section
/// 4.1.2.6): the first run of six numbers up to 255 with commas between them. Blanks are allowed, and
/// any text may stand before it.
pub fn parse_227(text: &[u8]) -> Option<SocketAddrV4> {
    let mut rest = text;
    loop {
        let start = rest.iter().position(u8::is_ascii_digit)?;
        let (_, run) = rest.split_at_checked(start)?;
        if let Some(six) = six_numbers(run) {
            return Some(address(six));
        }
        // No run begins at this number. Skipping all its digits keeps `12,...` from being read as
        // `2,...`.
        let end = run.iter().position(|o| !o.is_ascii_digit())?;
        rest = run.split_at_checked(end)?.1;
    }
}

/// Parses six numbers at the start of `text` that no seventh one follows.
fn six_numbers(text: &[u8]) -> Option<[u8; 6]> {
    let mut rest = text;
    let mut six = [0; 6];
    for (i, slot) in six.iter_mut().enumerate() {
        if i > 0 {
            rest = rest.trim_ascii_start().strip_prefix(b",")?.trim_ascii_start();
        }
        let end = rest.iter().position(|o| !o.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at_checked(end)?;
        *slot = number(digits)?;
        rest = after;
    }
    let seventh = rest.trim_ascii_start().strip_prefix(b",").map(<[u8]>::trim_ascii_start);
    if seventh.is_some_and(|o| o.first().is_some_and(u8::is_ascii_digit)) { None } else { Some(six) }
}

/// The argument of EPRT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Eprt {
    /// An address of protocol 1 (IPv4) or 2 (IPv6).
    Address(SocketAddr),
    /// Another protocol, with its number.
    UnknownProtocol(u32),
}

/// Parses `<d>proto<d>address<d>port<d>`, where `d` is any character from 33 to 126 (D19). An
/// IPv4-mapped address becomes IPv4.
///
/// # Errors
///
/// Fails if the argument does not have this form or its port is 0 or too large.
pub fn parse_eprt(argument: &[u8]) -> Result<Eprt, Invalid> {
    let text = std::str::from_utf8(argument.trim_ascii()).map_err(|_| Invalid::Syntax)?;
    let delimiter = text.chars().next().ok_or(Invalid::Missing)?;
    if !delimiter.is_ascii_graphic() || delimiter.is_ascii_digit() {
        return Err(Invalid::Syntax);
    }
    let mut fields = text.split(delimiter).skip(1);
    let (Some(family), Some(host), Some(port), Some(""), None) =
        (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Invalid::Syntax);
    };
    let ip = match decimal::<u32>(family.as_bytes()).map_err(|_| Invalid::Syntax)? {
        1 => IpAddr::V4(host.parse::<Ipv4Addr>().map_err(|_| Invalid::Syntax)?),
        2 => IpAddr::V6(host.parse::<Ipv6Addr>().map_err(|_| Invalid::Syntax)?),
        other => return Ok(Eprt::UnknownProtocol(other)),
    };
    let port = decimal::<u16>(port.as_bytes())?;
    Ok(Eprt::Address(SocketAddr::new(unmapped(ip), port)))
}

/// Formats the argument of EPRT: `|1|192.0.2.1|40004|` or `|2|2001:db8::1|40004|`. An IPv4-mapped
/// address is written as IPv4.
pub fn format_eprt(address: SocketAddr) -> String {
    let ip = unmapped(address.ip());
    let family = if ip.is_ipv4() { 1 } else { 2 };
    format!("|{family}|{ip}|{}|", address.port())
}

/// Reads the port out of the text of a 229 reply: `(<d><d><d>port<d>)` with any delimiter. Some servers
/// fill the empty fields, which is accepted (H09).
pub fn parse_229(text: &[u8]) -> Option<u16> {
    // Parentheses may also stand in the words before the address. More than a few of them are not
    // expected.
    let mut starts = (0..text.len()).filter(|i| text.get(*i) == Some(&b'(')).take(8);
    starts.find_map(|i| {
        let (delimiter, fields) = text.get(i + 1..)?.split_first()?;
        if !delimiter.is_ascii_graphic() || delimiter.is_ascii_digit() {
            return None;
        }
        let mut fields = fields.split(|o| o == delimiter);
        let (_family, _host, port) = (fields.next()?, fields.next()?, fields.next()?);
        fields.next()?; // the closing delimiter
        decimal::<u16>(port).ok().filter(|port| *port != 0)
    })
}

/// The argument of SOCK: a socket at a host, or any socket of it if the port is 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SockTarget {
    /// The host; `None` means the host at the other end of the control connection (B04).
    pub host: Option<IpAddr>,
    /// The port. 0 means any port, which is allowed in a filter but not as a target (B11).
    pub port: u16,
}

/// Parses the argument of SOCK: `<socket>` or `<host>,<socket>`, with optional blanks around the comma.
/// The host is a decimal number from 256 to 2^32-1, a dotted quad, or an IPv6 address with or without
/// brackets. The six numbers of PORT are accepted too (dialect-1973 sections 6 and 13).
///
/// ```
/// use ftp_proto::address::parse_sock;
///
/// // RFC 438 on TCP: 167772161 is 10.0.0.1.
/// assert_eq!(parse_sock(b"167772161, 40004"), parse_sock(b"10.0.0.1,40004"));
/// ```
///
/// # Errors
///
/// Fails if the argument does not have one of these forms; see [`Invalid`].
pub fn parse_sock(argument: &[u8]) -> Result<SockTarget, Invalid> {
    let text = std::str::from_utf8(argument.trim_ascii()).map_err(|_| Invalid::Syntax)?;
    if text.is_empty() {
        return Err(Invalid::Missing);
    }
    match text.split(',').count() {
        1 => Ok(SockTarget { host: None, port: socket(text)? }),
        2 => {
            let (host_text, port_text) = text.split_once(',').ok_or(Invalid::Syntax)?;
            // The form of both numbers is checked before the range of either (B06 before B08, B09).
            let port = socket(port_text.trim_ascii());
            if port == Err(Invalid::Syntax) {
                return Err(Invalid::Syntax);
            }
            Ok(SockTarget { host: Some(host(host_text.trim_ascii())?), port: port? })
        }
        6 => {
            let address = parse_port(text.as_bytes()).ok_or(Invalid::Syntax)?;
            Ok(SockTarget { host: Some((*address.ip()).into()), port: address.port() })
        }
        _ => Err(Invalid::Syntax),
    }
}

/// Parses a socket number. RFC 354 has numbers of 32 bits; TCP ports have 16.
fn socket(text: &str) -> Result<u16, Invalid> {
    let number = decimal::<u32>(text.as_bytes())?;
    u16::try_from(number).map_err(|_| Invalid::NotAPort)
}

/// Parses a host: an address, or an IPv4 address as one number. Numbers up to 255 meant hosts of the
/// ARPANET, for which no table exists (B09).
fn host(text: &str) -> Result<IpAddr, Invalid> {
    match decimal::<u32>(text.as_bytes()) {
        Ok(number) if number > 255 => return Ok(Ipv4Addr::from(number).into()),
        Ok(_) | Err(BadDecimal::OutOfRange) => return Err(Invalid::UnknownHost),
        Err(BadDecimal::Empty | BadDecimal::NotADigit) => {}
    }
    let literal = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    match literal {
        Some(v6) => v6.parse().map(IpAddr::V6).map(unmapped).map_err(|_| Invalid::Syntax),
        None => text.parse().map(unmapped).map_err(|_| Invalid::Syntax),
    }
}

/// Formats the argument of SOCK. With `integer`, an IPv4 address is written as one decimal number, for a
/// server of 1973 about which nothing else is known; otherwise it is written in its usual form.
pub fn format_sock(target: SockTarget, integer: bool) -> String {
    let port = target.port;
    match target.host.map(unmapped) {
        None => port.to_string(),
        Some(IpAddr::V4(ip)) if integer => format!("{},{port}", u32::from(ip)),
        Some(IpAddr::V4(ip)) => format!("{ip},{port}"),
        Some(IpAddr::V6(ip)) => format!("[{ip}],{port}"),
    }
}

/// Reads the port out of the text of a 255 reply (H03): skips blanks and the word SOCK in any case,
/// takes the digits, and ignores the rest. Returns `None` if there are no digits, or if the number is
/// not between 1 and 65535.
pub fn parse_255(text: &[u8]) -> Option<u16> {
    let text = text.trim_ascii_start();
    let text = match text.split_at_checked(4) {
        Some((word, rest)) if word.eq_ignore_ascii_case(b"SOCK") => rest.trim_ascii_start(),
        Some(_) | None => text,
    };
    let end = text.iter().position(|o| !o.is_ascii_digit()).unwrap_or(text.len());
    let digits = std::str::from_utf8(text.get(..end)?).ok()?;
    digits.parse().ok().filter(|port| *port != 0)
}

/// Which numbers of a port will do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Parity {
    /// Every number will do.
    #[default]
    Any,
    /// Even numbers. In 1973 these sockets received (RFC 354).
    Even,
    /// Odd numbers. In 1973 these sockets sent.
    Odd,
}

impl Parity {
    /// Whether `port` will do.
    pub const fn allows(self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Even => port.is_multiple_of(2),
            Self::Odd => !port.is_multiple_of(2),
        }
    }
}

/// Why the argument of SOCK or EPRT is not an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// There is no argument.
    #[error("the address is missing")]
    Missing,
    /// The argument does not have the form of an address.
    #[error("not an address")]
    Syntax,
    /// The host is a number that no host table contains (B09).
    #[error("unknown host number")]
    UnknownHost,
    /// A number is too large.
    #[error("number out of range")]
    OutOfRange,
    /// The socket number is legal in RFC 354 but not a TCP port.
    #[error("not a TCP port")]
    NotAPort,
}

impl From<BadDecimal> for Invalid {
    fn from(bad: BadDecimal) -> Self {
        match bad {
            BadDecimal::Empty | BadDecimal::NotADigit => Self::Syntax,
            BadDecimal::OutOfRange => Self::OutOfRange,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_is_read_strictly() {
        assert_eq!(parse_port(b"127,0,0,3,156,66"), Some("127.0.0.3:40002".parse().unwrap()));
        assert_eq!(parse_port(b"127,0,0,3,156,66 "), Some("127.0.0.3:40002".parse().unwrap()));
        for bad in
            ["", "1,2,3,4,5", "1,2,3,4,5,6,7", "1,2,3,4,5,256", "1,2,3,4,5,", "1, 2,3,4,5,6", "+1,2,3,4,5,6"]
        {
            assert_eq!(parse_port(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn port_is_written_as_it_is_read() {
        let address = "192.0.2.1:40004".parse().unwrap();
        assert_eq!(format_port(address), "192,0,2,1,156,68");
        assert_eq!(parse_port(format_port(address).as_bytes()), Some(address));
        assert_eq!(parse_227(format_227(address).as_bytes()), Some(address));
    }

    #[test]
    fn h07_the_address_of_a_227_is_found_in_the_wild() {
        let expect = Some("192.0.2.1:40004".parse().unwrap());
        for good in [
            "Entering Passive Mode (192,0,2,1,156,68)",
            "Entering Passive Mode (192,0,2,1,156,68).",
            "Entering Passive Mode 192,0,2,1,156,68",
            "=192,0,2,1,156,68",
            "Entering Passive Mode ( 192, 0, 2 ,1, 156,68 )",
            "Mode 2 on host 7, port 12: 192,0,2,1,156,68",
            "300,1,2,3,4,5 no, (192,0,2,1,156,68)",
        ] {
            assert_eq!(parse_227(good.as_bytes()), expect, "{good}");
        }
        for bad in [
            "",
            "Entering Passive Mode",
            "(192,0,2,1,156)",
            "(192,0,2,1,156,256)",
            "(1192,0,2,1,156,68)",
            "7",
        ] {
            assert_eq!(parse_227(bad.as_bytes()), None, "{bad}");
        }
    }

    fn check(argument: &str, expect: Result<Eprt, Invalid>) {
        assert_eq!(parse_eprt(argument.as_bytes()), expect, "EPRT {argument}");
    }

    #[test]
    fn d19_eprt_takes_any_delimiter() {
        let v4 = Ok(Eprt::Address("192.0.2.1:40004".parse().unwrap()));
        check("|1|192.0.2.1|40004|", v4);
        check("!1!192.0.2.1!40004!", v4);
        check("|2|2001:db8::1|40004|", Ok(Eprt::Address("[2001:db8::1]:40004".parse().unwrap())));
        check("|2|::ffff:192.0.2.1|1|", Ok(Eprt::Address("192.0.2.1:1".parse().unwrap())));
        check("|3|anything|40004|", Ok(Eprt::UnknownProtocol(3)));
    }

    #[test]
    fn malformed_arguments_of_eprt_are_refused() {
        check("", Err(Invalid::Missing));
        for bad in [
            "|1|192.0.2.1|40004",
            "|1|192.0.2.1|40004|x",
            "|1|2001:db8::1|40004|",
            "|2|192.0.2.1|40004|",
            "|1|192.0.2.1||",
            "|1|192.0.2.1|+1|",
            "|x|192.0.2.1|1|",
            "||||",
            "|",
            "1111",
        ] {
            check(bad, Err(Invalid::Syntax));
        }
        check("|1|192.0.2.1|65536|", Err(Invalid::OutOfRange));
    }

    #[test]
    fn eprt_is_written_in_the_family_of_the_address() {
        assert_eq!(format_eprt("192.0.2.1:40004".parse().unwrap()), "|1|192.0.2.1|40004|");
        assert_eq!(format_eprt("[2001:db8::1]:40004".parse().unwrap()), "|2|2001:db8::1|40004|");
        assert_eq!(format_eprt("[::ffff:192.0.2.1]:1".parse().unwrap()), "|1|192.0.2.1|1|");
    }

    #[test]
    fn h09_a_229_is_read_with_other_delimiters_and_filled_fields() {
        for good in [
            "Entering Extended Passive Mode (|||40002|)",
            "Entering Extended Passive Mode (!!!40002!).",
            "(mode E) Entering (|||40002|)",
            "Extended (|1|192.0.2.1|40002|)",
            "Extended (|2|2001:db8::1|40002|)",
            "(|||40002|",
        ] {
            assert_eq!(parse_229(good.as_bytes()), Some(40002), "{good}");
        }
        for bad in
            ["", "(", "(|||)", "(||||)", "(|||0|)", "(|||65536|)", "|||40002|", "(|||40002)", "(|||-1|)"]
        {
            assert_eq!(parse_229(bad.as_bytes()), None, "{bad}");
        }
    }

    fn check_sock(argument: &str, expect: Result<(Option<&str>, u16), Invalid>) {
        let expect = expect.map(|(host, port)| SockTarget { host: host.map(|h| h.parse().unwrap()), port });
        assert_eq!(parse_sock(argument.as_bytes()), expect, "SOCK {argument}");
    }

    #[test]
    fn a04_a_lone_number_is_a_socket_of_the_peer() {
        check_sock("40004", Ok((None, 40004)));
        check_sock("  40004  ", Ok((None, 40004)));
        check_sock("0", Ok((None, 0)));
    }

    #[test]
    fn b05_blanks_around_the_comma_are_accepted() {
        check_sock("3221225985, 40004", Ok((Some("192.0.2.1"), 40004)));
        check_sock("3221225985 , 40004", Ok((Some("192.0.2.1"), 40004)));
    }

    #[test]
    fn b06_anything_but_a_socket_is_a_syntax_error() {
        for bad in
            ["abc", "1,", ",1", ",", "1,2,3", "1 x", "+1", "-1", "1,2,3,4,5", "256.0.0.1,1", "10.0.0.1"]
        {
            check_sock(bad, Err(Invalid::Syntax));
        }
        check_sock("1,99999999999 x", Err(Invalid::Syntax));
        assert_eq!(parse_sock(b"\xff\xfe,1"), Err(Invalid::Syntax));
    }

    #[test]
    fn b07_no_argument_is_missing() {
        check_sock("", Err(Invalid::Missing));
        check_sock("  ", Err(Invalid::Missing));
    }

    #[test]
    fn b08_a_socket_beyond_32_bits_is_out_of_range_and_beyond_16_no_port() {
        check_sock("4294967296", Err(Invalid::OutOfRange));
        check_sock("10.0.0.1,4294967296", Err(Invalid::OutOfRange));
        check_sock("99999999999999999999999999", Err(Invalid::OutOfRange));
        check_sock("65535", Ok((None, 65535)));
        check_sock("65536", Err(Invalid::NotAPort));
        check_sock("4294967295", Err(Invalid::NotAPort));
        check_sock("10.0.0.1,65536", Err(Invalid::NotAPort));
    }

    #[test]
    fn b09_a_host_number_of_the_arpanet_is_out_of_range() {
        check_sock("0,40004", Err(Invalid::UnknownHost));
        check_sock("255,40004", Err(Invalid::UnknownHost));
        check_sock("256,40004", Ok((Some("0.0.1.0"), 40004)));
        check_sock("4294967295,40004", Ok((Some("255.255.255.255"), 40004)));
        check_sock("4294967296,40004", Err(Invalid::UnknownHost));
    }

    #[test]
    fn b10_literals_name_the_same_host_as_the_number() {
        check_sock("167772161,40004", Ok((Some("10.0.0.1"), 40004)));
        check_sock("10.0.0.1,40004", Ok((Some("10.0.0.1"), 40004)));
        check_sock("[2001:db8::1],40004", Ok((Some("2001:db8::1"), 40004)));
        check_sock("2001:db8::1,40004", Ok((Some("2001:db8::1"), 40004)));
        check_sock("::ffff:10.0.0.1,40004", Ok((Some("10.0.0.1"), 40004)));
        check_sock("10,0,0,1,156,68", Ok((Some("10.0.0.1"), 40004)));
        check_sock("[10.0.0.1],40004", Err(Invalid::Syntax));
    }

    #[test]
    fn sock_is_written_as_the_server_reads_it() {
        let target = |host: &str| SockTarget { host: Some(host.parse().unwrap()), port: 40004 };
        assert_eq!(format_sock(target("10.0.0.1"), true), "167772161,40004");
        assert_eq!(format_sock(target("10.0.0.1"), false), "10.0.0.1,40004");
        assert_eq!(format_sock(target("2001:db8::1"), true), "[2001:db8::1],40004");
        assert_eq!(format_sock(target("::ffff:10.0.0.1"), false), "10.0.0.1,40004");
        assert_eq!(format_sock(SockTarget { host: None, port: 1 }, true), "1");
    }

    #[test]
    fn h03_the_port_of_a_255_is_found_if_it_is_one() {
        for good in ["SOCK 40002", "SOCK  40002 foo", " sock 40002", "40002", "SOCK40002", "SOCK 40002."] {
            assert_eq!(parse_255(good.as_bytes()), Some(40002), "{good}");
        }
        for bad in
            ["", "SOCK", "SOCK x", "SOCK 0", "SOCK 65536", "SOCK -1", "is 40002", "SOCK 99999999999999999999"]
        {
            assert_eq!(parse_255(bad.as_bytes()), None, "{bad}");
        }
    }
}
