//! The argument of SOCK in all its forms, and the number in a 255 reply.

use super::invalid::Invalid;
use super::{parse_port, unmapped};
use crate::wire::{BadDecimal, decimal};
use std::net::{IpAddr, Ipv4Addr};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(argument: &str, expect: Result<(Option<&str>, u16), Invalid>) {
        let expect = expect.map(|(host, port)| SockTarget { host: host.map(|h| h.parse().unwrap()), port });
        assert_eq!(parse_sock(argument.as_bytes()), expect, "SOCK {argument}");
    }

    #[test]
    fn a04_a_lone_number_is_a_socket_of_the_peer() {
        check("40004", Ok((None, 40004)));
        check("  40004  ", Ok((None, 40004)));
        check("0", Ok((None, 0)));
    }

    #[test]
    fn b05_blanks_around_the_comma_are_accepted() {
        check("3221225985, 40004", Ok((Some("192.0.2.1"), 40004)));
        check("3221225985 , 40004", Ok((Some("192.0.2.1"), 40004)));
    }

    #[test]
    fn b06_anything_but_a_socket_is_a_syntax_error() {
        for bad in
            ["abc", "1,", ",1", ",", "1,2,3", "1 x", "+1", "-1", "1,2,3,4,5", "256.0.0.1,1", "10.0.0.1"]
        {
            check(bad, Err(Invalid::Syntax));
        }
        check("1,99999999999 x", Err(Invalid::Syntax));
        assert_eq!(parse_sock(b"\xff\xfe,1"), Err(Invalid::Syntax));
    }

    #[test]
    fn b07_no_argument_is_missing() {
        check("", Err(Invalid::Missing));
        check("  ", Err(Invalid::Missing));
    }

    #[test]
    fn b08_a_socket_beyond_32_bits_is_out_of_range_and_beyond_16_no_port() {
        check("4294967296", Err(Invalid::OutOfRange));
        check("10.0.0.1,4294967296", Err(Invalid::OutOfRange));
        check("99999999999999999999999999", Err(Invalid::OutOfRange));
        check("65535", Ok((None, 65535)));
        check("65536", Err(Invalid::NotAPort));
        check("4294967295", Err(Invalid::NotAPort));
        check("10.0.0.1,65536", Err(Invalid::NotAPort));
    }

    #[test]
    fn b09_a_host_number_of_the_arpanet_is_out_of_range() {
        check("0,40004", Err(Invalid::UnknownHost));
        check("255,40004", Err(Invalid::UnknownHost));
        check("256,40004", Ok((Some("0.0.1.0"), 40004)));
        check("4294967295,40004", Ok((Some("255.255.255.255"), 40004)));
        check("4294967296,40004", Err(Invalid::UnknownHost));
    }

    #[test]
    fn b10_literals_name_the_same_host_as_the_number() {
        check("167772161,40004", Ok((Some("10.0.0.1"), 40004)));
        check("10.0.0.1,40004", Ok((Some("10.0.0.1"), 40004)));
        check("[2001:db8::1],40004", Ok((Some("2001:db8::1"), 40004)));
        check("2001:db8::1,40004", Ok((Some("2001:db8::1"), 40004)));
        check("::ffff:10.0.0.1,40004", Ok((Some("10.0.0.1"), 40004)));
        check("10,0,0,1,156,68", Ok((Some("10.0.0.1"), 40004)));
        check("[10.0.0.1],40004", Err(Invalid::Syntax));
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
