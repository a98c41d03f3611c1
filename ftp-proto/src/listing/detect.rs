//! The format of a LIST: the first line that one of the formats can read decides for the whole listing.

use super::row::Row;
use super::{When, dos, eplf, unix, vms};

/// The formats of LIST that this crate reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Format {
    /// The format of `ls -l`, which most servers use.
    Unix,
    /// The format of DIR on DOS and Windows, which IIS uses.
    Dos,
    /// The Easily Parsed LIST Format (EPLF).
    Eplf,
    /// The format of DIRECTORY on VMS.
    Vms,
}

impl Format {
    const ALL: [Self; 4] = [Self::Unix, Self::Dos, Self::Eplf, Self::Vms];

    /// Returns the format of a line that is an entry. No line is an entry in two formats.
    pub fn of(line: &[u8], now: When) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.row(line, now).is_some())
    }

    /// Reads a line in this format.
    pub(super) fn row(self, line: &[u8], now: When) -> Option<Row<'_>> {
        match self {
            Self::Unix => unix::row(line, now),
            Self::Dos => dos::row(line),
            Self::Eplf => eplf::row(line),
            Self::Vms => vms::named(line).map(|named| named.row()),
        }
    }
}

/// Whether a line is one that stands around the entries of listings: `total 12` in any language,
/// `Directory DISK:[USER]`, `Total of 3 files, 12 blocks.`
pub(super) fn is_frame(line: &[u8]) -> bool {
    let mut words = super::row::Words::new(line);
    match (words.next(), words.next(), words.next()) {
        (None, _, _) => true,
        (Some(_), Some(blocks), None) if super::row::number::<u64>(blocks).is_some() => true,
        (Some("Directory"), Some(_), None) => true,
        (Some("Total"), Some("of"), Some(_)) | (Some("Grand"), Some("total"), Some("of")) => true,
        (Some("total"), Some(_), None | Some(_)) => true, // total 12K, total used in directory 12
        (Some(_), _, _) => false,
    }
}
