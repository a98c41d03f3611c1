//! What an account may exchange with foreign hosts: rules that narrow the foreign policy.

use super::verdict::Why;
use crate::address::embedded;
use crate::command::Direction;
use crate::wire::PathName;
use ipnet::IpNet;
use std::net::IpAddr;

/// One thing that an account may exchange with foreign hosts. The default permits everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exchange {
    /// The networks of the other end; empty means every network.
    pub peers: Vec<IpNet>,
    /// The direction of the files, seen from this server; `None` means both.
    pub direction: Option<Direction>,
    /// The absolute path of the file, or of a directory above it; `None` means every file.
    pub path: Option<PathName>,
    /// Whether the data connection must be inside TLS.
    pub require_tls: bool,
}

/// What a transfer command is about to move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestedTransfer<'a> {
    /// The direction, seen from this server.
    pub direction: Direction,
    /// The absolute path; `None` if no file moves (PROB).
    pub path: Option<&'a PathName>,
    /// Whether the data connection is inside TLS.
    pub private: bool,
}

impl Exchange {
    fn has_peer(&self, peer: IpAddr) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|network| network.contains(&peer))
    }

    fn has_file(&self, moved: RequestedTransfer<'_>) -> bool {
        let direction = self.direction.is_none_or(|direction| direction == moved.direction);
        direction && self.path.as_ref().zip(moved.path).is_none_or(|(top, path)| path.is_at_or_below(top))
    }
}

/// Whether one of the rules permits a data connection with the foreign host `peer`, and what moves over it, if
/// that is known. No rules at all permit everything.
pub(super) fn permit(
    rules: &[Exchange],
    peer: IpAddr,
    moved: Option<RequestedTransfer<'_>>,
) -> Result<(), Why> {
    if rules.is_empty() {
        return Ok(());
    }
    let of_peer = || rules.iter().filter(|rule| rule.has_peer(embedded(peer)));
    let Some(moved) = moved else {
        return if of_peer().next().is_some() { Ok(()) } else { Err(Why::NoExchange) };
    };
    let mut of_file = of_peer().filter(|rule| rule.has_file(moved)).peekable();
    if of_peer().next().is_none() {
        Err(Why::NoExchange)
    } else if of_file.peek().is_none() {
        Err(Why::NotExchanged)
    } else if of_file.any(|rule| moved.private || !rule.require_tls) {
        Ok(())
    } else {
        Err(Why::ExchangeInClear)
    }
}
