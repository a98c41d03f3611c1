//! What the replies to MLST, SIZE and MDTM say about a file.

use ftp_proto::listing::{Entry, Kind, When, parse_facts, when};
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
    let text = str::from_utf8(reply.text()).ok()?;
    let number = |word: &str| word.parse().ok();
    let mut words = text.split_whitespace();
    // Most say nothing else, some name the file before, some the unit after it.
    words.clone().next_back().and_then(number).or_else(|| words.find_map(number))
}

/// The time in a reply to MDTM: `YYYYMMDDHHMMSS[.sss]` in UTC.
pub(super) fn time(reply: &Reply) -> Option<When> {
    let text = str::from_utf8(reply.text()).ok()?.split_whitespace().next_back()?;
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    when(i64::from(part(0, 4)?), part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?)
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

    #[test]
    fn sizes_and_times_are_read_from_replies() {
        assert_eq!(size(&reply(&["1024"])), Some(1024));
        assert_eq!(size(&reply(&["1024 Bytes"])), Some(1024));
        assert_eq!(size(&reply(&["7 wonders.txt 1024"])), Some(1024));
        assert_eq!(size(&reply(&["nothing"])), None);
        assert_eq!(time(&reply(&["19700101000001.123"])), Some(When(1)));
        assert_eq!(time(&reply(&["soon"])), None);
    }
}
