//! PORT's argument and the 227 reply, with the wild variants.

use std::net::SocketAddrV4;

/// Parses `h1,h2,h3,h4,p1,p2` strictly, as a server reads PORT.
pub fn parse_port(argument: &[u8]) -> Option<SocketAddrV4> {
    let _ = argument;
    None
}

/// `h1,h2,h3,h4,p1,p2`.
pub fn format_port(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

/// The text of a 227 reply: `Entering Passive Mode (h1,h2,h3,h4,p1,p2)`.
pub fn format_227(address: SocketAddrV4) -> String {
    format!("Entering Passive Mode ({})", format_port(address))
}

/// Finds the address in a 227 reply as servers really write it (H07, RFC 1123 4.1.2.6): the first
/// run of six comma-separated numbers up to 255, blanks allowed, any text before.
pub fn parse_227(text: &[u8]) -> Option<SocketAddrV4> {
    let _ = text;
    None
}
