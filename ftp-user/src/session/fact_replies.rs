//! What the replies to MLST, SIZE and MDTM say about a file.

use ftp_proto::listing::{Entry, Kind, When, parse_facts, told_size, told_time};
use ftp_proto::reply::Reply;

/// The entry in a reply to MLST: the line that begins with a blank.
pub(super) fn entry(reply: &Reply) -> Option<Entry> {
    let mut entry =
        reply.lines.iter().find_map(|line| parse_facts(line.strip_prefix(b" ").unwrap_or(line)))?;
    // Asked for itself, a directory may say that it is the current one (RFC 3659 7.5.1).
    if matches!(entry.kind, Kind::Current | Kind::Parent) {
        entry.kind = Kind::Directory;
    }
    Some(entry)
}

/// The size in a reply to SIZE, in bytes.
pub(super) fn size(reply: &Reply) -> Option<u64> {
    told_size(reply.text())
}

/// The time in a reply to MDTM.
pub(super) fn time(reply: &Reply) -> Option<When> {
    told_time(reply.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::dialect::Dialect;
    use ftp_proto::reply::Meaning;

    fn reply(lines: &[&str]) -> Reply {
        Reply {
            code: Meaning::FileFact.code(Dialect::Rfc959),
            lines: lines.iter().map(|l| l.as_bytes().to_vec()).collect(),
        }
    }

    #[test]
    fn a_place_that_is_the_current_directory_is_a_directory() {
        let check = |line: &str, expect| {
            let found = entry(&reply(&["Facts", line, "End"]));
            assert_eq!(found.map(|entry| entry.kind), expect, "{line}");
        };
        check(" type=cdir;sizd=4096; .", Some(Kind::Directory));
        check(" type=dir; /srv", Some(Kind::Directory));
        check(" Type=File;Size=3; a b", Some(Kind::File));
        check("nothing", None);
    }
}
