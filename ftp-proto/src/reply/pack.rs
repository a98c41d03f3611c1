//! What the replies to PACK say of each file: `<number> <count> <digest>` or `<number> left <why>`.

use crate::command::Pack;
use crate::digest::{Algorithm, Digest};
use crate::wire::decimal;

/// What became of one file of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packed {
    /// The file has moved: so many bytes with this digest.
    Moved(u32, Digest),
    /// The file was left out.
    Left(Left),
}

/// Why a file of a group was left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Left {
    /// Source: there is no regular file of this name any more.
    Gone,
    /// Source: its size, time or identity is not what the command says, or has changed while it was read.
    Changed,
    /// The account or the operator does not permit this file.
    Refused,
    /// Destination: something has this name.
    Taken,
    /// Destination: the source has left it out.
    Unsent,
    /// Something else went wrong. A word that is not known means the same.
    Failed,
}

impl Left {
    pub(crate) const ALL: [Self; 6] =
        [Self::Gone, Self::Changed, Self::Refused, Self::Taken, Self::Unsent, Self::Failed];

    /// Returns the word of a reply.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Refused => "refused",
            Self::Taken => "taken",
            Self::Unsent => "unsent",
            Self::Failed => "failed",
        }
    }
}

impl Packed {
    /// Returns the line about the file with this number, which counts from 1.
    pub fn line(&self, number: usize) -> String {
        match self {
            Self::Moved(count, digest) => format!("{number} {count} {}", digest.hex),
            Self::Left(why) => format!("{number} left {}", why.word()),
        }
    }
}

/// Reads the lines about the files in a reply to PACK: all but the last one that begin with a number. Each file stands in
/// the place of its number less one; `None` where no line is about it. Digests are those of `algorithm`.
///
/// Returns `None` if such a line cannot be read, is about a file beyond `count`, or if two are about one file.
///
/// ```
/// use ftp_proto::digest::Algorithm;
/// use ftp_proto::reply::{Left, Packed, packed_lines};
///
/// let lines = ["Peer 192.0.2.1:4 proven-by=rndz", "2 left gone", "Transfer complete."];
/// let files = packed_lines(&lines.map(|line| line.as_bytes().to_vec()), Algorithm::Sha256, 2);
/// assert_eq!(files, Some(vec![None, Some(Packed::Left(Left::Gone))]));
/// ```
pub fn packed_lines(lines: &[Vec<u8>], algorithm: Algorithm, count: usize) -> Option<Vec<Option<Packed>>> {
    let (_, facts) = lines.split_last()?;
    let mut files: Vec<Option<Packed>> = (0..count.min(Pack::MAX_FILES)).map(|_| None).collect();
    for line in facts.iter().filter(|line| line.first().is_some_and(u8::is_ascii_digit)) {
        let (number, packed) = read(line, algorithm)?;
        if files.get_mut(number.checked_sub(1)?)?.replace(packed).is_some() {
            return None;
        }
    }
    Some(files)
}

fn read(line: &[u8], algorithm: Algorithm) -> Option<(usize, Packed)> {
    let mut words = line.split(|byte| *byte == b' ');
    let (number, what, last) = (decimal(words.next()?).ok()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    if what == b"left" {
        let why = Left::ALL.into_iter().find(|why| why.word().as_bytes() == last).unwrap_or(Left::Failed);
        return Some((number, Packed::Left(why)));
    }
    let is_digest = last.len() == algorithm.hex_len() && last.iter().all(u8::is_ascii_hexdigit);
    let hex = std::str::from_utf8(last).ok().filter(|_| is_digest)?.to_ascii_lowercase();
    Some((number, Packed::Moved(decimal(what).ok()?, Digest { algorithm, hex })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(count: u32, hex: &str) -> Packed {
        Packed::Moved(count, Digest { algorithm: Algorithm::Crc32c, hex: hex.to_owned() })
    }

    fn files(lines: &[&str], count: usize) -> Option<Vec<Option<Packed>>> {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        packed_lines(&lines, Algorithm::Crc32c, count)
    }

    #[test]
    fn each_file_is_read_as_it_was_written() {
        let all: Vec<Packed> = Left::ALL
            .into_iter()
            .map(Packed::Left)
            .chain([moved(4096, "0badcafe"), moved(0, "00000000")])
            .collect();
        let mut lines: Vec<String> =
            all.iter().zip(1..).map(|(packed, number)| packed.line(number)).collect();
        lines.push("1 last line".to_owned());
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(files(&lines, 8), Some(all.into_iter().map(Some).collect()));
    }

    #[test]
    fn other_facts_and_missing_files_are_no_fault() {
        assert_eq!(
            files(&["Bytes 5", "2 5 0BADCAFE", "End"], 2),
            Some(vec![None, Some(moved(5, "0badcafe"))])
        );
        assert_eq!(files(&["1 left of-course", "End"], 1), Some(vec![Some(Packed::Left(Left::Failed))]));
        assert_eq!(files(&["End"], 0), Some(vec![]));
        assert_eq!(files(&[], 1), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        for bad in ["0 left gone", "3 left gone", "1 left", "1 5 0badcaf", "1 5 0badcafx", "1 x 0badcafe"] {
            assert_eq!(files(&[bad, "End"], 2), None, "{bad}");
        }
        assert_eq!(files(&["1 5 0badcafe more", "End"], 2), None);
        assert_eq!(files(&["1 left gone", "1 5 0badcafe", "End"], 2), None);
    }
}
