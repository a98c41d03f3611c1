//! EPRT's argument and the 229 reply (RFC 2428), any delimiter.

use crate::command::{Command, Fault};
use std::net::SocketAddr;

/// Parses `<d>proto<d>address<d>port<d>`, d any of 33..=126 (D19); gives [`Command::Eprt`] or
/// [`Command::EprtUnknown`].
pub fn parse_eprt(argument: &[u8]) -> Result<Command, Fault> {
    let _ = argument;
    Err(Fault::Syntax)
}

/// `|1|192.0.2.1|40004|` or `|2|2001:db8::1|40004|`; a v4-mapped address is written as IPv4.
pub fn format_eprt(address: SocketAddr) -> String {
    let _ = address;
    String::new()
}

/// The port in a 229 reply: `(<d><d><d>port<d>)` with any delimiter, filled fields tolerated (H09).
pub fn parse_229(text: &[u8]) -> Option<u16> {
    let _ = text;
    None
}
