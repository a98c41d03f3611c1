//! Which format a LIST has: the first line that one of them reads decides for the whole listing.

use super::row::Row;
use super::{When, dos, eplf, unix, vms};

/// The formats of LIST.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// `ls -l`.
    Unix,
    /// IIS, DOS.
    Dos,
    /// Easily parsed LIST format.
    Eplf,
    /// VMS.
    Vms,
}

impl Format {
    const ALL: [Self; 4] = [Self::Unix, Self::Dos, Self::Eplf, Self::Vms];

    /// The format of a line that is an entry; no line is one in two formats.
    pub fn of(line: &[u8], now: When) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.row(line, now).is_some())
    }

    /// Reads a line.
    pub(super) fn row(self, line: &[u8], now: When) -> Option<Row<'_>> {
        match self {
            Self::Unix => unix::row(line, now),
            Self::Dos => dos::row(line),
            Self::Eplf => eplf::row(line),
            Self::Vms => vms::named(line).map(|named| named.row()),
        }
    }
}

/// Whether a line is one that listings have around their entries: `total 12`, in any language,
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
