//! Dates and times in UTC, as listings and commands write them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A point in time of files: seconds since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, Serialize)]
pub struct When(pub i64);

/// A date and time in UTC (proleptic Gregorian calendar). Its text is that of RFC 3339: `2026-11-20T09:20:14Z`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CivilTime {
    /// The year of the Gregorian calendar.
    pub year: i64,
    /// The month, from 1.
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
    /// The hour, from 0.
    pub hour: u32,
    /// The minute, from 0.
    pub minute: u32,
    /// The second, from 0.
    pub second: u32,
}

impl fmt::Display for CivilTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Returns the date and time in UTC of a moment.
pub fn civil(when: When) -> CivilTime {
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
    CivilTime {
        year,
        month: part(month),
        day: part(day),
        hour: part(seconds / 3600),
        minute: part(seconds / 60 % 60),
        second: part(seconds % 60),
    }
}

/// Returns the moment of a date and time in UTC, or `None` if a part is out of range or the year does not fit into `i32`.
///
/// ```
/// use ftp_proto::calendar::{civil, when};
///
/// assert_eq!(when(2026, 2, 29, 0, 0, 0), None);
/// assert_eq!(when(4_099_276_460_824_344_803, 1, 2, 0, 0, 0), None);
/// // The second 60 leads into the next day.
/// assert_eq!(when(i32::MAX.into(), 12, 31, 23, 59, 60).map(|last| civil(last).day), Some(1));
/// ```
pub fn when(year: i64, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Option<When> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let year = i64::from(i32::try_from(year).ok()?);
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    // A month without that day: the date would be one of the next month.
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    (civil(When(days * 86_400)).month == month).then_some(When(days * 86_400 + seconds))
}

/// Formats a time as `YYYYMMDDHHMMSS` (RFC 3659 section 2.3), for facts and MDTM. Returns `None` if the
/// year does not have four digits.
pub fn facts_time(moment: When) -> Option<String> {
    let CivilTime { year, month, day, hour, minute, second } = civil(moment);
    (0..=9999).contains(&year).then(|| format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}"))
}

/// Parses a time of MLSx facts and MDTM: `YYYYMMDDHHMMSS[.sss]` in UTC (RFC 3659 section 2.3). Returns
/// `None` if it does not have this form.
pub fn parse_time(value: &str) -> Option<When> {
    let digits = value.split_once('.').map_or(value, |(whole, _)| whole);
    if digits.len() != 14 || !digits.bytes().all(|o| o.is_ascii_digit()) {
        return None;
    }
    let part = |from, to| digits.get(from..to).and_then(|text| text.parse::<u32>().ok());
    when(part(0, 4)?.into(), part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?)
}
