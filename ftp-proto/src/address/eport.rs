//! The argument of EPRT and the 229 reply (RFC 2428), with any delimiter.

use super::invalid::Invalid;
use super::unmapped;
use crate::wire::decimal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
