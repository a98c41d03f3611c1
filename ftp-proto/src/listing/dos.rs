//! Reading the lines of IIS and other servers on DOS and Windows: `07-12-24  10:20PM  <DIR>  name`.

use super::date::TimeOfDay;
use super::row::{Row, Words, number};
use super::{Kind, Precision, When, date};

/// Reads one line: date, time, `<DIR>` or a size, name.
pub(super) fn row(line: &[u8]) -> Option<Row<'_>> {
    let mut words = Words::new(line);
    let day = words.next()?;
    let mut time = words.next()?.to_ascii_uppercase();
    let mut ahead = words;
    if let Some(half @ ("AM" | "PM" | "am" | "pm")) = ahead.next() {
        time.push_str(half);
        words = ahead;
    }
    let modified = moment(day, clock(&time.to_ascii_uppercase())?)?;
    let (kind, size) = match words.next()? {
        "<DIR>" => (Kind::Directory, None),
        "<JUNCTION>" | "<SYMLINK>" | "<SYMLINKD>" => (Kind::Link, None),
        // Windows may group the digits.
        size => (Kind::File, Some(number(&size.replace([',', '.'], ""))?)),
    };
    let name = words.rest();
    // A link is shown as `link [target]`.
    let name = match kind {
        Kind::Link => memchr::memmem::rfind(name, b" [").and_then(|at| name.get(..at)).unwrap_or(name),
        Kind::File | Kind::Directory | Kind::Current | Kind::Parent | Kind::Other => name,
    };
    if name.is_empty() {
        return None;
    }
    Some(Row { size, modified: Some((modified, Precision::Minute)), ..Row::new(name, kind) })
}

/// Reads `10:20PM` or `22:20`.
fn clock(word: &str) -> Option<TimeOfDay> {
    let (digits, half) = match word.strip_suffix("PM") {
        Some(digits) => (digits, Some(12)),
        None => word.strip_suffix("AM").map_or((word, None), |digits| (digits, Some(0))),
    };
    let (time, _) = date::clock(digits)?;
    match half {
        Some(half) if (1..=12).contains(&time.hour) => {
            Some(TimeOfDay { hour: time.hour % 12 + half, ..time })
        }
        Some(_) => None,
        None => Some(time),
    }
}

/// Reads `mm-dd-yy`, `mm-dd-yyyy` or `yyyy-mm-dd`, with `-`, `/` or `.`. If the first number cannot be a
/// month, it is the day.
fn moment(word: &str, time: TimeOfDay) -> Option<When> {
    let mut parts = word.split(['-', '/', '.']);
    let (one, two, three) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if one.len() == 4 {
        return date::moment(number(one)?, number(two)?, number(three)?, time);
    }
    let year: i64 = number(three)?;
    let year = match (three.len(), year) {
        (2, 70..) => year + 1900,
        (2, _) => year + 2000,
        (4, _) => year,
        (_, _) => return None,
    };
    let (one, two) = (number(one)?, number(two)?);
    date::moment(year, one, two, time).or_else(|| date::moment(year, two, one, time))
}
