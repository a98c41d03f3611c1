//! SOCK's argument in every host form, and `255 SOCK n`.

use crate::command::Fault;
use std::net::IpAddr;

/// What SOCK names: a foreign socket, or any socket of a host (port 0, a filter only).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SockTarget {
    /// The host; `None` is the host of the control connection's other end (B04).
    pub host: Option<IpAddr>,
    /// The port; 0 is "any" in a filter and impossible as a target (B11).
    pub port: u16,
}

/// Parses SOCK's argument: `<socket>` or `<host>,<socket>`, host as decimal number 256..2^32-1,
/// dotted quad, IPv6 with or without brackets; six comma numbers as PORT has them; blanks around
/// the comma (dialect-1973 sections 6 and 13).
pub fn parse_sock(argument: &[u8]) -> Result<SockTarget, Fault> {
    let _ = argument;
    Err(Fault::Syntax)
}

/// SOCK's argument for a server: the decimal integer form for IPv4 where `integer` (an unknown
/// 1973 server), else the literal form.
pub fn format_sock(target: SockTarget, integer: bool) -> String {
    let _ = (target, integer);
    String::new()
}

/// The port in the text of a 255 reply (H03): skips blanks and the word SOCK in any case, takes
/// the digits, ignores the rest. `None` without digits or when the number is no port (1..=65535).
pub fn parse_255(text: &[u8]) -> Option<u16> {
    let _ = text;
    None
}
