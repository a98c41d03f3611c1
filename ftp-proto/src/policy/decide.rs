//! The decision itself.

use super::{Ask, Asker, Grant, Rules, Why};
use std::net::{IpAddr, SocketAddr};

/// May this data connection exist, and on which terms?
pub fn decide(rules: &Rules, asker: &Asker, ask: &Ask) -> Result<Grant, Why> {
    let _ = (rules, asker, ask);
    Err(Why::ForeignNever)
}

/// The user agent's question: a server at `server` announced (227) that it listens at `announced`.
/// Gives the address to use: the announced one, or the server's own where the announced one is
/// unspecified, or private or loopback while the server's is not (H08). Any other host than the
/// server's own is refused: a lying server could aim the other one at a victim.
pub fn believe(server: IpAddr, announced: SocketAddr) -> Result<SocketAddr, Why> {
    let _ = (server, announced);
    Err(Why::AnotherHost)
}
