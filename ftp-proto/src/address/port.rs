//! The argument of PORT and the 227 reply, including the forms that servers really send.

use std::net::{Ipv4Addr, SocketAddrV4};

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
}
