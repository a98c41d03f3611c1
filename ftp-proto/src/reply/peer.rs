//! What a final reply tells of the other end of the data connection (docs/protocol/extensions.md).

use std::net::SocketAddr;

/// What a server tells of the other end of its data connection, as far as it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerFacts {
    /// The address of the other end.
    pub peer: Option<SocketAddr>,
    /// How many connections of strangers it has closed before.
    pub strangers: Option<u32>,
}

/// Finds the facts `Peer` and `Strangers-refused` in a final reply: in the lines before the last one. A fact that cannot be read
/// counts as not told.
///
/// ```
/// use ftp_proto::reply::facts_of_peer;
///
/// let lines = ["Peer 192.0.2.1:4 proven-by=rndz", "Strangers-refused 3", "Transfer complete."];
/// let facts = facts_of_peer(&lines.map(|line| line.as_bytes().to_vec()));
/// assert_eq!((facts.peer, facts.strangers), (Some("192.0.2.1:4".parse()?), Some(3)));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn facts_of_peer(lines: &[Vec<u8>]) -> PeerFacts {
    let facts = lines.split_last().map_or(&[][..], |(_, facts)| facts);
    let mut found = PeerFacts::default();
    for fact in facts.iter().filter_map(|fact| std::str::from_utf8(fact).ok()) {
        let mut words = fact.split(' ');
        match (words.next(), words.next()) {
            (Some("Peer"), Some(at)) => found.peer = found.peer.or(at.parse().ok()),
            (Some("Strangers-refused"), Some(count)) => {
                found.strangers = found.strangers.or(count.parse().ok());
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_cannot_be_read_and_the_last_line_tell_nothing() {
        let check = |lines: &[&str], expect: (Option<&str>, Option<u32>)| {
            let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            let facts = facts_of_peer(&lines);
            let expect = PeerFacts { peer: expect.0.map(|at| at.parse().unwrap()), strangers: expect.1 };
            assert_eq!(facts, expect, "{lines:?}");
        };
        check(&[], (None, None));
        check(&["Peer 192.0.2.1:4"], (None, None));
        check(&["Peer x", "Strangers-refused -1", "done"], (None, None));
        check(&["Peer [2001:db8::1]:4", "Strangers-refused 0", "done"], (Some("[2001:db8::1]:4"), Some(0)));
        check(&["1 left gone", "Peer 192.0.2.1:4 proven-by=rndz", "done"], (Some("192.0.2.1:4"), None));
        // Only the first one counts.
        check(&["Peer 192.0.2.1:4", "Peer 192.0.2.2:4", "done"], (Some("192.0.2.1:4"), None));
    }
}
