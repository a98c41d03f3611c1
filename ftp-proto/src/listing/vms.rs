//! Reading the listings of VMS: `NAME.EXT;7  2/3  30-DEC-1996 17:44 [OWNER] (RWED,RE,,)`. A long name
//! has a line of its own.

use super::row::{Row, Words, number};
use super::{Kind, Precision, When, date};

/// A name without its version, and what follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VmsName<'a> {
    pub(super) name: &'a [u8],
    rest: &'a [u8],
}

/// Returns the name of a line, or `None` if there is none.
pub(super) fn named(line: &[u8]) -> Option<VmsName<'_>> {
    let semicolon = line.iter().position(|o| *o == b';')?;
    let (name, rest) = line.split_at_checked(semicolon)?;
    let rest = rest.strip_prefix(b";")?;
    let digits = rest.iter().position(|o| *o == b' ').unwrap_or(rest.len());
    let (version, rest) = rest.split_at_checked(digits)?;
    let _: u32 = std::str::from_utf8(version).ok().filter(|version| !version.is_empty()).and_then(number)?;
    // A name of VMS has a dot and no blanks, so that lines of other servers are not taken for one.
    let is_name = name.contains(&b'.') && !name.contains(&b' ');
    is_name.then_some(VmsName { name, rest })
}

impl<'a> VmsName<'a> {
    /// Whether the rest is on the next line.
    pub(super) const fn is_alone(&self) -> bool {
        super::row::unindented(self.rest).is_empty()
    }

    /// Returns the row. The size is in blocks, of which the last is not full, so the size in bytes is
    /// unknown.
    pub(super) fn row(&self) -> Row<'a> {
        let suffix = self.name.len().checked_sub(4).and_then(|at| self.name.split_at_checked(at));
        let (name, kind) = match suffix {
            Some((name, suffix)) if suffix.eq_ignore_ascii_case(b".DIR") && !name.is_empty() => {
                (name, Kind::Directory)
            }
            Some(_) | None => (self.name, Kind::File),
        };
        Row { modified: modified(self.rest), ..Row::new(name, kind) }
    }
}

/// Returns the row of a name and the line that follows it.
pub(super) fn two_lines<'a>(name: &'a [u8], next: &'a [u8]) -> Option<Row<'a>> {
    let named = named(name)?;
    Some(VmsName { rest: next, ..named }.row())
}

/// Returns the first date among the words. Blocks may stand before it.
fn modified(rest: &[u8]) -> Option<(When, Precision)> {
    let mut words = Words::new(rest);
    for _ in 0..3 {
        let word = words.next()?;
        let mut parts = word.split('-');
        let (Some(day), Some(month), Some(year)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (time, precision) = match words.next().and_then(date::clock) {
            Some((time, _)) => (time, Precision::Minute),
            None => (date::TimeOfDay::default(), Precision::Day),
        };
        let moment = date::moment(number(year)?, date::month(month)?, number(day)?, time)?;
        return Some((moment, precision));
    }
    None
}
