//! Dates in listings that are meant for people.

use super::formats::{Words, number};
use super::{Precision, When, civil, when};

pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Half a year as `ls` counts it, half of a mean Gregorian year, in seconds.
pub(super) const HALF_A_YEAR: i64 = 31_556_952 / 2;

/// Returns the moment of a date without a year, as `ls` shows dates of the last six months: the last
/// such date before `now`. The server's clock or time zone may be up to a day ahead. Returns `None` if
/// there is no such date within the last year.
///
/// ```
/// use ftp_proto::listing::{when, year_of};
///
/// let now = when(2026, 2, 1, 12, 0, 0).unwrap();
/// assert_eq!(year_of(1, 31, 10, 20, now), when(2026, 1, 31, 10, 20, 0));
/// assert_eq!(year_of(11, 20, 10, 20, now), when(2025, 11, 20, 10, 20, 0));
/// assert_eq!(year_of(2, 2, 1, 0, now), when(2026, 2, 2, 1, 0, 0));
/// assert_eq!(year_of(2, 29, 1, 0, now), None);
/// ```
pub fn year_of(month: u32, day: u32, hour: u32, minute: u32, now: When) -> Option<When> {
    let latest = When(now.0.saturating_add(86_400));
    let year = civil(latest).year;
    [year, year - 1]
        .into_iter()
        .filter_map(|year| moment(year, month, day, TimeOfDay { hour, minute, second: 0 }))
        .find(|moment| *moment <= latest)
}

/// Returns the moment of a date and time, or `None` if the date does not exist, like the 31st of
/// November.
pub(super) fn moment(year: i64, month: u32, day: u32, time: TimeOfDay) -> Option<When> {
    let moment = when(year, month, day, time.hour, time.minute, time.second.min(59))?;
    let found = civil(moment);
    ((found.month, found.day) == (month, day)).then_some(moment)
}

/// A time of a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct TimeOfDay {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
}

/// Returns the number of the month with this name.
pub(super) fn month(word: &str) -> Option<u32> {
    MONTHS.iter().zip(1..).find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, number)| number)
}

/// Reads `10:20`, `10:20:30` or `10:20:30.123`, and returns whether the seconds are there.
pub(super) fn clock(word: &str) -> Option<(TimeOfDay, bool)> {
    let mut parts = word.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let seconds = parts.next();
    let second = match seconds {
        Some(seconds) => number(seconds.split('.').next()?)?,
        None => 0,
    };
    let fits = hour < 24 && minute < 60 && second < 61 && parts.next().is_none();
    fits.then_some((TimeOfDay { hour, minute, second }, seconds.is_some()))
}

/// How a date of `ls` may write its month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Months {
    /// By name, or as a number between dashes.
    Names,
    /// As a number between blanks, too.
    Numbers,
}

/// Reads a date of `ls` in any of its styles:
///
/// * `Nov 20 10:20`, `Nov 20 2026`, the same with the day first or the month as a number;
/// * `Nov 20 10:20:30 2026`, with a weekday before it or not (`ls -T`, `ls --full-time` of old);
/// * `2026-11-20 10:20`, with seconds and zone or not (`long-iso`, `full-iso`);
/// * `11-20 10:20`, `2026-11-20` (`iso`).
pub(super) fn of_ls(words: &mut Words<'_>, months: Months, now: When) -> Option<(When, Precision)> {
    let mut first = words.next()?;
    if first.contains(['-', '/']) {
        return of_digits(first, words, now);
    }
    if WEEKDAYS.iter().any(|name| name.eq_ignore_ascii_case(first)) {
        first = words.next()?;
    }
    let second = words.next()?;
    let (month, day) = match (month(first), month(second)) {
        (Some(month), _) => (month, number(second.trim_end_matches([',', '.']))?),
        (None, Some(month)) => (month, number(first.trim_end_matches('.'))?),
        (None, None) if months == Months::Numbers => (number(first)?, number(second)?),
        (None, None) => return None,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let third = words.next()?;
    let Some((time, has_seconds)) = clock(third) else {
        return Some((moment(year(third)?, month, day, TimeOfDay::default())?, Precision::Day));
    };
    let mut ahead = *words;
    if has_seconds && let Some(year) = ahead.next().and_then(year) {
        *words = ahead;
        return Some((moment(year, month, day, time)?, Precision::Minute));
    }
    Some((year_of(month, day, time.hour, time.minute, now)?, Precision::Minute))
}

/// Reads `2026-11-20 [10:20[:30[.5]] [+0100]]` or `11-20 10:20`.
fn of_digits(first: &str, words: &mut Words<'_>, now: When) -> Option<(When, Precision)> {
    let mut parts = first.split(['-', '/']);
    let (one, two, three) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let mut ahead = *words;
    let time = ahead.next().and_then(clock);
    if time.is_some() {
        *words = ahead;
    }
    let Some(three) = three else {
        let (time, _) = time?;
        return Some((year_of(number(one)?, number(two)?, time.hour, time.minute, now)?, Precision::Minute));
    };
    let date = |time| moment(year(one)?, number(two)?, number(three)?, time);
    let Some((time, has_seconds)) = time else { return Some((date(TimeOfDay::default())?, Precision::Day)) };
    let local = date(time)?;
    let Some(ahead_of_utc) = ahead.next().and_then(zone) else { return Some((local, Precision::Minute)) };
    *words = ahead;
    let exact = if has_seconds { Precision::Exact } else { Precision::Minute };
    Some((When(local.0 - ahead_of_utc), exact))
}

/// Reads a year of four digits.
fn year(word: &str) -> Option<i64> {
    number(word).filter(|year| (1900..=9999).contains(year))
}

/// Returns the seconds of a time zone such as `+0130`.
fn zone(word: &str) -> Option<i64> {
    let (sign, digits) = word.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    if minutes.len() != 2 {
        return None;
    }
    Some(sign * (number::<i64>(hours)? * 3600 + number::<i64>(minutes)? * 60))
}
