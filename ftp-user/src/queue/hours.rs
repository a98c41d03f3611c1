//! In which hours of the week something may be used: the grammar of `hours`, and when it may be used next. Pure: the current time
//! and the time zone are parameters.

use super::when::{ALL_DAYS, DAY_NAMES, WhenError, parse_days, parse_time_of_day};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::iter::successors;

/// Hours of the week by local time. There is at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hours(Vec<Window>);

/// From one time of day to another, on some days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Window {
    /// The days on which it begins. Bit `n` is day `n`, and Sunday is 0.
    days: u64,
    /// The minute of the day in which it begins.
    from: i32,
    /// The minute of the day before which it ends: on the next day if that is not later than `from`.
    until: i32,
}

impl Hours {
    /// Reads windows like `22:00-06:00` and `sat,sun@00:00-24:00`.
    ///
    /// # Errors
    ///
    /// One of them cannot be read, or there is none.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, WhenError> {
        let windows = texts.into_iter().map(Window::parse).collect::<Result<Vec<_>, _>>()?;
        if windows.is_empty() { Err(WhenError::new("[]", NO_HOURS)) } else { Ok(Self(windows)) }
    }

    /// Whether it is in these hours now.
    pub fn include(&self, now: Timestamp, zone: &TimeZone) -> bool {
        let local = zone.to_datetime(now);
        self.0.iter().any(|window| window.has(local))
    }

    /// The first minute from `now` on that is in these hours. `None` if it is later than time can be told.
    pub fn next(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let later = |moment: &Timestamp, seconds| moment.checked_add(SignedDuration::from_secs(seconds)).ok();
        let begin = later(&now, -now.as_second().rem_euclid(MINUTE))?;
        let minutes = successors(Some(begin), |minute| later(minute, MINUTE));
        let found = minutes.take(MINUTES_SEARCHED).find(|minute| self.include(*minute, zone))?;
        Some(if found < now { now } else { found })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, window) in self.0.iter().enumerate() {
            write!(f, "{}{window}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Window {
    fn parse(text: &str) -> Result<Self, WhenError> {
        let (days, times) = match text.split_once('@') {
            Some(("daily", times)) => (ALL_DAYS, times),
            Some((days, times)) => (parse_days(days)?, times),
            None => (ALL_DAYS, text),
        };
        let minute = |time: Time| i32::from(time.hour()) * 60 + i32::from(time.minute());
        let read = times.split_once('-').and_then(|(from, until)| {
            let from = minute(parse_time_of_day(from)?);
            let until = if until == END_OF_DAY { DAY } else { minute(parse_time_of_day(until)?) };
            (from != until).then_some(Self { days, from, until })
        });
        read.ok_or_else(|| WhenError::new(text, NO_HOURS))
    }

    /// Whether a local time is in it.
    fn has(self, local: DateTime) -> bool {
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let today = local.weekday().to_sunday_zero_offset();
        let begins_on = |day: i8| self.days >> day & 1 == 1;
        let is_over_night = self.until <= self.from;
        let has_begun = begins_on(today) && minute >= self.from && (is_over_night || minute < self.until);
        let goes_on = is_over_night && minute < self.until && begins_on((today + 6) % 7);
        has_begun || goes_on
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != ALL_DAYS {
            let week = DAY_NAMES.iter().enumerate().skip(1);
            let named = week.filter(|(day, _)| self.days >> (day % 7) & 1 == 1);
            let names: Vec<&str> = named.map(|(_, name)| *name).collect();
            write!(f, "{}@", names.join(","))?;
        }
        let [from, until] =
            [self.from, self.until].map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
        write!(f, "{from}-{until}")
    }
}

/// Seconds of a minute.
const MINUTE: i64 = 60;
/// Minutes of a day.
const DAY: i32 = 24 * 60;
/// The end of a day, as it is written.
const END_OF_DAY: &str = "24:00";
/// Each window begins once in eight days, also if the clocks change.
const MINUTES_SEARCHED: usize = 8 * 24 * 60 + 120;
/// What a refusal says after the text that cannot be used.
const NO_HOURS: &str = "is not a time of the week: hours are like 22:00-06:00 or sat,sun@00:00-24:00";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::zone_of;

    #[test]
    fn hours_go_over_midnight_over_the_week_and_over_a_change_of_clocks() {
        // The hours, the zone, the current time, and the next time in these hours. 2026-11-26 is a Thursday.
        for (hours, zone, now, next) in [
            ("22:00-06:00", "UTC", "2026-11-26T21:59:59Z", "2026-11-26T22:00:00Z"),
            ("22:00-06:00", "UTC", "2026-11-26T22:00:01Z", "2026-11-26T22:00:01Z"),
            ("22:00-06:00", "UTC", "2026-11-26T05:59:59Z", "2026-11-26T05:59:59Z"),
            ("22:00-06:00", "UTC", "2026-11-26T06:00:00Z", "2026-11-26T22:00:00Z"),
            ("00:00-24:00", "UTC", "2026-11-26T23:59:59Z", "2026-11-26T23:59:59Z"),
            ("sat,sun@00:00-24:00", "UTC", "2026-11-26T12:00:30Z", "2026-11-28T00:00:00Z"),
            ("thu@22:00-06:00", "UTC", "2026-11-27T01:00:00Z", "2026-11-27T01:00:00Z"),
            ("thu@22:00-06:00", "UTC", "2026-11-26T01:00:00Z", "2026-11-26T22:00:00Z"),
            ("thu@22:00-06:00", "UTC", "2026-11-27T06:00:00Z", "2026-12-03T22:00:00Z"),
            ("sat@22:00-02:00", "UTC", "2026-11-29T01:59:59Z", "2026-11-29T01:59:59Z"),
            ("22:00-06:00", "Europe/Berlin", "2026-11-26T20:59:59Z", "2026-11-26T21:00:00Z"),
            // The clocks leave 02:00 to 03:00 out.
            ("02:30-02:45", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-30T00:30:00Z"),
            ("daily@01:00-01:30 12:00-13:00", "UTC", "2026-11-26T02:00:00Z", "2026-11-26T12:00:00Z"),
        ] {
            let zone = zone_of(zone).unwrap();
            let [now, next] = [now, next].map(|time| time.parse::<Timestamp>().unwrap());
            let read = Hours::parse(hours.split(' ')).unwrap();
            assert_eq!(read.next(now, &zone), Some(next), "{hours} at {now}");
            assert_eq!(read.include(now, &zone), next == now, "{hours} at {now}");
            assert_eq!(read.to_string(), hours.replace("daily@", ""));
        }
    }

    #[test]
    fn what_is_no_time_of_the_week_is_refused() {
        for wrong in
            ["", "22:00", "22:00-22:00", "22-06", "24:00-06:00", "x@22:00-06:00", "mon@", "1:00-2:00"]
        {
            assert!(Hours::parse([wrong]).is_err(), "{wrong}");
        }
        assert!(Hours::parse([]).is_err());
    }
}
