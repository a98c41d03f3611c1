//! What the replies to PACK say of each file: `<number> <count> <digest>` or `<number> left <why>`.

use crate::command::Pack;
use crate::digest::{Algorithm, Digest};
use crate::wire::decimal;

/// What became of one file of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileOutcome {
    /// The file has moved.
    Moved {
        /// How many bytes it has.
        bytes: u32,
        /// The digest of its bytes.
        digest: Digest,
    },
    /// The file was left out.
    LeftOut(LeftOut),
}

/// Why a file of a group was left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LeftOut {
    /// Source, or PACK SAME: there is no regular file of this name any more.
    Gone,
    /// Source, or PACK SAME: its size, time or identity is not what the command says, or has changed while it was read.
    Changed,
    /// The system does not let the server open this file, or make its name.
    Refused,
    /// Destination: something has this name.
    Taken,
    /// Destination: the source has left it out.
    Unsent,
    /// Something else went wrong. A word that is not known means the same.
    Failed,
}

impl LeftOut {
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

impl FileOutcome {
    /// Returns the line about the file with this number, which counts from 1.
    pub fn line(&self, number: usize) -> String {
        match self {
            Self::Moved { bytes, digest } => format!("{number} {bytes} {}", digest.hex),
            Self::LeftOut(why) => format!("{number} left {}", why.word()),
        }
    }
}

/// Reads the lines about the files in a reply to PACK: all but the last one that begin with a number. Each file stands in
/// the place of its number less one; `None` where no line is about it. Digests are those of `algorithm`.
///
/// A group has at most [`Pack::MAX_FILES`] files, so a greater `count` is taken for that.
///
/// Returns `None` if such a line cannot be read, is about a file beyond `count`, or if two are about one file.
///
/// ```
/// use ftp_proto::digest::Algorithm;
/// use ftp_proto::reply::{LeftOut, FileOutcome, file_outcomes};
///
/// let lines = ["Peer 192.0.2.1:4 proven-by=rndz", "2 left gone", "Transfer complete."];
/// let files = file_outcomes(&lines.map(|line| line.as_bytes().to_vec()), Algorithm::Sha256, 2);
/// assert_eq!(files, Some(vec![None, Some(FileOutcome::LeftOut(LeftOut::Gone))]));
/// ```
pub fn file_outcomes(
    lines: &[Vec<u8>],
    algorithm: Algorithm,
    count: usize,
) -> Option<Vec<Option<FileOutcome>>> {
    let (_, facts) = lines.split_last()?;
    let mut files: Vec<Option<FileOutcome>> = (0..count.min(Pack::MAX_FILES)).map(|_| None).collect();
    for line in facts.iter().filter(|line| line.first().is_some_and(u8::is_ascii_digit)) {
        let (number, outcome) = read(line, algorithm)?;
        if files.get_mut(number.checked_sub(1)?)?.replace(outcome).is_some() {
            return None;
        }
    }
    Some(files)
}

/// Returns the last line of the reply to PACK SAME: how many files are what the command says of them.
pub(crate) fn same_text(same: u16) -> String {
    format!("{SAME}{same}")
}

/// Reads the reply to PACK SAME with `count` files: whether each is what the command says of it.
///
/// Returns `None` if it cannot be read, or does not tell of every file.
///
/// ```
/// use ftp_proto::reply::same_files;
///
/// let lines = ["2 left changed", "Same: 2"].map(|line| line.as_bytes().to_vec());
/// assert_eq!(same_files(&lines, 3), Some(vec![true, false, true]));
/// assert_eq!(same_files(&lines, 4), None);
/// ```
pub fn same_files(lines: &[Vec<u8>], count: usize) -> Option<Vec<bool>> {
    Some(left_out(lines, SAME, count)?.iter().map(Option::is_none).collect())
}

/// Returns the last line of the reply to PACK DELETE: how many files were deleted.
pub(crate) fn deleted_text(deleted: u16) -> String {
    format!("{DELETED}{deleted}")
}

/// Reads the reply to PACK DELETE with `count` files: why each was left, and `None` if it was deleted.
///
/// Returns `None` if it cannot be read, or does not tell of every file.
///
/// ```
/// use ftp_proto::reply::{LeftOut, deleted_files};
///
/// let lines = ["2 left changed", "Deleted: 2"].map(|line| line.as_bytes().to_vec());
/// assert_eq!(deleted_files(&lines, 3), Some(vec![None, Some(LeftOut::Changed), None]));
/// assert_eq!(deleted_files(&lines, 4), None);
/// ```
pub fn deleted_files(lines: &[Vec<u8>], count: usize) -> Option<Vec<Option<LeftOut>>> {
    left_out(lines, DELETED, count)
}

/// Which of `count` files were left out, and why. The last line has `word` and the number of the others.
fn left_out(lines: &[Vec<u8>], word: &str, count: usize) -> Option<Vec<Option<LeftOut>>> {
    let told = lines.last()?.strip_prefix(word.as_bytes())?;
    let left = |outcome: Option<FileOutcome>| match outcome {
        None => Some(None),
        Some(FileOutcome::LeftOut(why)) => Some(Some(why)),
        Some(FileOutcome::Moved { .. }) => None,
    };
    let files = file_outcomes(lines, Algorithm::Sha256, count)?;
    let files: Vec<Option<LeftOut>> = files.into_iter().map(left).collect::<Option<_>>()?;
    let others = files.iter().filter(|left| left.is_none()).count();
    (files.len() == count && decimal(told) == Ok(others)).then_some(files)
}

/// What the last line of the reply to PACK SAME begins with.
const SAME: &str = "Same: ";
/// What the last line of the reply to PACK DELETE begins with.
const DELETED: &str = "Deleted: ";

fn read(line: &[u8], algorithm: Algorithm) -> Option<(usize, FileOutcome)> {
    let mut words = line.split(|byte| *byte == b' ');
    let (number, what, last) = (decimal(words.next()?).ok()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    if what == b"left" {
        let why =
            LeftOut::ALL.into_iter().find(|why| why.word().as_bytes() == last).unwrap_or(LeftOut::Failed);
        return Some((number, FileOutcome::LeftOut(why)));
    }
    let is_digest = last.len() == algorithm.hex_len() && last.iter().all(u8::is_ascii_hexdigit);
    let hex = std::str::from_utf8(last).ok().filter(|_| is_digest)?.to_ascii_lowercase();
    Some((number, FileOutcome::Moved { bytes: decimal(what).ok()?, digest: Digest { algorithm, hex } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(bytes: u32, hex: &str) -> FileOutcome {
        let digest = Digest { algorithm: Algorithm::Crc32c, hex: hex.to_owned() };
        FileOutcome::Moved { bytes, digest }
    }

    fn files(lines: &[&str], count: usize) -> Option<Vec<Option<FileOutcome>>> {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        file_outcomes(&lines, Algorithm::Crc32c, count)
    }

    #[test]
    fn each_file_is_read_as_it_was_written() {
        let all: Vec<FileOutcome> = LeftOut::ALL
            .into_iter()
            .map(FileOutcome::LeftOut)
            .chain([moved(4096, "0badcafe"), moved(0, "00000000")])
            .collect();
        let mut lines: Vec<String> =
            all.iter().zip(1..).map(|(outcome, number)| outcome.line(number)).collect();
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
        assert_eq!(
            files(&["1 left of-course", "End"], 1),
            Some(vec![Some(FileOutcome::LeftOut(LeftOut::Failed))])
        );
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
