//! Final replies with facts (extensions): each fact is a line `nnn-fact` before the last line.

use super::{Meaning, write};
use crate::dialect::Dialect;

/// Writes `facts` and then `last`, each on a line with the code. Control characters become `%XX`.
///
/// ```
/// use ftp_proto::dialect::Dialect;
/// use ftp_proto::reply::{Meaning, write_facts};
///
/// let facts = ["Bytes 5".to_owned()];
/// let reply = write_facts(Dialect::Rfc959, Meaning::Transferred, &facts, b"Transfer complete.");
/// assert_eq!(reply, b"226-Bytes 5\r\n226 Transfer complete.\r\n");
/// ```
pub fn write_facts(dialect: Dialect, meaning: Meaning, facts: &[String], last: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for fact in facts {
        out.extend(write_open(dialect, meaning, fact.as_bytes()));
    }
    out.extend(write(dialect, meaning, &[last]));
    out
}

/// Writes one line of a reply whose last line follows later: `nnn-text`.
pub fn write_open(dialect: Dialect, meaning: Meaning, text: &[u8]) -> Vec<u8> {
    let mut line = write(dialect, meaning, &[text]);
    if let Some(separator) = line.get_mut(3) {
        *separator = b'-';
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_a_line_before_the_last_one() {
        let facts = ["Bytes 5".to_owned(), "Peer 192.0.2.1:4".to_owned()];
        let write = |facts: &[String]| write_facts(Dialect::Rfc959, Meaning::Transferred, facts, b"Done.");
        assert_eq!(write(&facts), b"226-Bytes 5\r\n226-Peer 192.0.2.1:4\r\n226 Done.\r\n");
        assert_eq!(write(&[]), b"226 Done.\r\n");
    }
}
