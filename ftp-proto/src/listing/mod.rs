//! The contents of directories: written as MLSx facts (RFC 3659) and as `ls -l` lines, and read from
//! both and from the other formats of real servers.
//!
//! | data of | read by | date |
//! |---|---|---|
//! | MLSD | facts | exact, UTC |
//! | LIST, UNIX and its cousins | unix | minute or day, the server's zone; exact with seconds and zone |
//! | LIST, DOS (IIS) | dos | minute, the server's zone |
//! | LIST, EPLF | eplf | exact, UTC |
//! | LIST, VMS | vms | minute, the server's zone |
//! | NLST | the last part of each path | none |
//!
//! [`Lister`] reads all of them. The first line that is an entry decides the format of a LIST.

mod date;
mod detect;
mod dos;
mod eplf;
mod facts;
mod lister;
mod row;
#[cfg(test)]
mod tests;
mod unix;
mod vms;
mod write;

pub use date::year_of;
pub use detect::Format;
pub use facts::{parse_facts, parse_time};
pub use lister::{Found, Lister, Unfit, is_empty_listing};
pub use write::{FACTS, facts_line, facts_time, list_line};

use crate::wire::PathName;

/// What kind of entry a directory has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory inside the listed one.
    Directory,
    /// The listed directory itself (`cdir`).
    Current,
    /// The parent of the listed directory (`pdir`).
    Parent,
    /// A symbolic link that was not followed.
    Link,
    /// Anything else: a device, FIFO or socket.
    Other,
}

/// A point in time in listings: seconds since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct When(pub i64);

/// How precisely the time of an entry is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Precision {
    /// To the second, in UTC, so that it can be compared with the time at another server.
    #[default]
    Exact,
    /// To the minute, in a time zone that the server does not name, so it may be off by a day.
    Minute,
    /// To the day, in a time zone that the server does not name.
    Day,
}

/// One entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name of the entry, or the path in the answer to MLST.
    pub name: PathName,
    /// What kind of entry it is.
    pub kind: Kind,
    /// The size in bytes, if it is known.
    pub size: Option<u64>,
    /// When the entry was last modified, if it is known.
    pub modified: Option<When>,
    /// How precisely `modified` is known.
    pub precision: Precision,
    /// The UNIX permission bits, if they are known.
    pub mode: Option<u32>,
    /// The fact `perm` (RFC 3659 section 7.5.5), if it is known.
    pub perm: Option<String>,
    /// The fact `unique` (RFC 3659 section 7.5.2), if it is known.
    pub unique: Option<String>,
}

impl Entry {
    /// Creates an entry about which nothing else is known.
    pub const fn new(name: PathName, kind: Kind) -> Self {
        Self {
            name,
            kind,
            size: None,
            modified: None,
            precision: Precision::Exact,
            mode: None,
            perm: None,
            unique: None,
        }
    }

    /// Returns when the entry was last modified, if that is precise enough to be compared with another
    /// server.
    pub fn exactly_modified(&self) -> Option<When> {
        self.modified.filter(|_| self.precision == Precision::Exact)
    }
}

/// Returns the date and time in UTC, `(year, month, day, hour, minute, second)`, of a moment (proleptic
/// Gregorian calendar).
pub fn civil(when: When) -> (i64, u32, u32, u32, u32, u32) {
    let days = when.0.div_euclid(86_400);
    let seconds = when.0.rem_euclid(86_400);
    // Days since 0000-03-01, in eras of 400 years (146,097 days).
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let part = |n: i64| u32::try_from(n).unwrap_or(0);
    (year, part(month), part(day), part(seconds / 3600), part(seconds / 60 % 60), part(seconds % 60))
}

/// Returns the moment of a date and time in UTC, or `None` if a part is out of range.
pub fn when(year: i64, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Option<When> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(When(days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)))
}
