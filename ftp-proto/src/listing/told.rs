//! What servers say in reply to SIZE and MDTM.

use crate::calendar::{When, when};

/// The size in the text of a reply to SIZE, in bytes (RFC 3659 section 4.1).
pub fn told_size(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let number = |word: &str| word.parse().ok();
    let mut words = text.split_whitespace();
    // Most say nothing else, some name the file before, some the unit after it.
    words.clone().next_back().and_then(number).or_else(|| words.find_map(number))
}

/// The time in the text of a reply to MDTM: `YYYYMMDDHHMMSS[.sss]` in UTC (RFC 3659 section 3.1).
pub fn told_time(text: &[u8]) -> Option<When> {
    let text = str::from_utf8(text).ok()?.split_whitespace().next_back()?;
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    when(i64::from(part(0, 4)?), part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_from_replies() {
        assert_eq!(told_size(b"1024"), Some(1024));
        assert_eq!(told_size(b"1024 Bytes"), Some(1024));
        assert_eq!(told_size(b"7 wonders.txt 1024"), Some(1024));
        assert_eq!(told_size(b"nothing"), None);
        assert_eq!(told_time(b"19700101000001.123"), Some(When(1)));
        assert_eq!(told_time(b"soon"), None);
    }
}
