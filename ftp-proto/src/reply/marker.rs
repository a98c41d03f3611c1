//! What replies tell of a transfer: markers report its progress (H36), and a final reply tells of the other end of the data
//! connection (docs/protocol/extensions.md).

use super::Reply;
use crate::dialect::Dialect;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The progress that the markers of one transfer have reported so far. GridFTP sends 111 with the ranges
/// that are stored, and 112 with the bytes that each stripe has moved. The markers of MODE B (110, in
/// 1973 251) have no common format and are ignored.
///
/// ```
/// use ftp_proto::dialect::Dialect;
/// use ftp_proto::reply::{Code, Markers, Reply};
///
/// let mut markers = Markers::default();
/// let mut heard = |code, text: &str| {
///     let lines = text.lines().map(|line| line.as_bytes().to_vec()).collect();
///     markers.heard(Dialect::Rfc959, &Reply { code: Code(code), lines })
/// };
/// assert_eq!(heard(112, "Perf Marker\n Stripe Index: 0\n Stripe Bytes Transferred: 50\nEnd"), Some(50));
/// assert_eq!(heard(111, "Range Marker 0-30,40-70"), Some(60));
/// assert_eq!(heard(150, "Opening"), None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Markers {
    /// The start and end of each range. No two of them touch.
    ranges: Vec<(u64, u64)>,
    /// The bytes that each stripe has moved.
    stripes: BTreeMap<u64, u64>,
}

impl Markers {
    /// Takes a reply. Returns how many bytes have moved according to it and to the markers before it, or
    /// `None` if it is not a marker.
    pub fn heard(&mut self, dialect: Dialect, reply: &Reply) -> Option<u64> {
        let text = String::from_utf8_lossy(&reply.lines.join(&b'\n')).into_owned();
        match (dialect, reply.code.0) {
            (Dialect::Rfc959, 111) => {
                for (start, end) in ranges(&text) {
                    self.add(start, end);
                }
                Some(self.ranges.iter().map(|(start, end)| end - start).fold(0, u64::saturating_add))
            }
            (Dialect::Rfc959, 112) => {
                let bytes = field(&text, "stripe bytes transferred")?;
                let stripe = field(&text, "stripe index").unwrap_or(0);
                if self.stripes.len() < MOST || self.stripes.contains_key(&stripe) {
                    self.stripes.insert(stripe, bytes);
                }
                Some(self.stripes.values().copied().fold(0, u64::saturating_add))
            }
            (Dialect::Rfc354 | Dialect::Rfc959, _) => None,
        }
    }

    /// Adds a range to the union. Servers repeat ranges, and they differ in whether the end is included,
    /// so a range that begins where another ends continues it.
    fn add(&mut self, start: u64, end: u64) {
        let (mut start, mut end) = (start, end);
        self.ranges.retain(|(from, to)| {
            let apart = end.saturating_add(1) < *from || to.saturating_add(1) < start;
            if !apart {
                (start, end) = (start.min(*from), end.max(*to));
            }
            apart
        });
        if self.ranges.len() < MOST {
            self.ranges.push((start, end));
        }
    }
}

/// Reads the ranges of `Range Marker 0-29,60-89`.
fn ranges(text: &str) -> impl Iterator<Item = (u64, u64)> {
    text.split(|c: char| !c.is_ascii_digit() && c != '-').filter_map(|range| {
        let (start, end) = range.split_once('-')?;
        let (start, end) = (start.parse().ok()?, end.parse().ok()?);
        (start <= end).then_some((start, end))
    })
}

/// Reads the number in the line ` Name: number`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        if key.trim().eq_ignore_ascii_case(name) { value.trim().parse().ok() } else { None }
    })
}

/// Maximum number of ranges and of stripes that are kept.
const MOST: usize = 1024;

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
    use super::super::Code;
    use super::*;

    fn check(said: &[(u16, &str)], expect: &[Option<u64>]) {
        let mut markers = Markers::default();
        let heard = said.iter().map(|(code, text)| {
            let lines = text.lines().map(|line| line.as_bytes().to_vec()).collect();
            markers.heard(Dialect::Rfc959, &Reply { code: Code(*code), lines })
        });
        assert_eq!(heard.collect::<Vec<_>>(), expect, "{said:?}");
    }

    #[test]
    fn h36_repeated_ranges_of_111_are_counted_once() {
        check(&[(111, "Range Marker 0-29"), (111, "Range Marker 30-89")], &[Some(29), Some(89)]);
        check(&[(111, "Range Marker 30-89"), (111, "Range Marker 0-29")], &[Some(59), Some(89)]);
        check(&[(111, "Range Marker 0-29,31-89")], &[Some(29 + 58)]);
        check(&[(111, "Range Marker 31-89,0-29")], &[Some(29 + 58)]);
        check(&[(111, "Range Marker 0-30,30-90")], &[Some(90)]);
        check(&[(111, "Range Marker 60-90,0-30"), (111, "Range Marker 0-90")], &[Some(60), Some(90)]);
        check(&[(111, "Range Marker"), (111, "Range Marker 9-3,x-4,-5")], &[Some(0), Some(0)]);
        check(&[(111, "Range Marker 0-18446744073709551615")], &[Some(u64::MAX)]);
    }

    #[test]
    fn h36_the_bytes_of_112_are_those_of_all_stripes() {
        let marker = |stripe: u8, bytes: u64| {
            format!(
                "Perf Marker\n Timestamp: 99.1\n Stripe Index: {stripe}\n Stripe Bytes Transferred: {bytes}\n \
             Total Stripe Count: 2\nEnd"
            )
        };
        let told = [marker(0, 10), marker(1, 5), marker(0, 20)];
        let said: Vec<_> = told.iter().map(|text| (112, text.as_str())).collect();
        check(&said, &[Some(10), Some(15), Some(25)]);
        check(&[(112, "Perf Marker\nEnd"), (110, "MARK 7 = 9"), (226, "done")], &[None, None, None]);
    }

    #[test]
    fn the_memory_for_markers_is_bounded() {
        let mut markers = Markers::default();
        for piece in 0..5000 {
            let line = format!("Range Marker {}-{}", piece * 10, piece * 10 + 1).into_bytes();
            markers.heard(Dialect::Rfc959, &Reply { code: Code(111), lines: vec![line] });
        }
        assert_eq!(markers.ranges.len(), MOST);
        for stripe in 0..5000 {
            let text = format!("Stripe Index: {stripe}\nStripe Bytes Transferred: 1");
            let lines = text.lines().map(|line| line.as_bytes().to_vec()).collect();
            markers.heard(Dialect::Rfc959, &Reply { code: Code(112), lines });
        }
        assert_eq!(markers.stripes.len(), MOST);
    }

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
