//! When the jobs of a queue run: the grammar of `--at` and `--every`, and the next time of a schedule. Pure:
//! the current time and the time zone are parameters.
//!
//! One rule holds for all local times: if a change of clocks repeats one, the first counts; if it leaves one
//! out, the first moment after it counts.

use ftp_io::program::duration;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::{DateTimeParser, DateTimePrinter};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::iter::successors;
use std::num::NonZeroU64;
use std::str::FromStr;
use thiserror::Error;

/// Why a time or a schedule cannot be used: a sentence that says what is wrong, and what can be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{0:?} {1}")]
pub struct WhenError(String, &'static str);

impl WhenError {
    /// This text cannot be used for this reason.
    pub(super) fn new(text: &str, reason: &'static str) -> Self {
        Self(text.to_owned(), reason)
    }
}

/// Reads the time of `--at`: `02:30`, the next such local time after `now`; `+2h`, a delay; or RFC 3339.
///
/// # Errors
///
/// The text is no time, it is before `now`, or the delay is not between 1 second and 366 days.
pub fn parse_at(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, WhenError> {
    let no_time = || WhenError::new(text, NO_TIME);
    if let Some(delay) = text.strip_prefix('+') {
        let delay = parse_duration(delay).ok_or_else(|| WhenError::new(text, NO_DELAY))?;
        return add(now, delay).ok_or_else(no_time);
    }
    if let Some(time) = parse_time_of_day(text) {
        return Calendar::on(ALL_DAYS, time).next(now, zone).ok_or_else(no_time);
    }
    // The name of a zone in brackets would be ignored here.
    let time: Timestamp = text.parse().ok().filter(|_| !text.contains('[')).ok_or_else(no_time)?;
    if time < now { Err(WhenError::new(text, PAST)) } else { Ok(time) }
}

/// When a job runs again and again, the value of `--every`. As text it is what the user wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recurrence {
    text: String,
    rule: Rule,
}

/// The two kinds of schedules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    /// So many seconds of elapsed time lie between two runs.
    Interval(NonZeroU64),
    /// Runs are at local times.
    Calendar(Calendar),
}

impl Recurrence {
    /// An interval in words: `every 15 seconds`. `None` if its runs are at local times.
    pub fn interval_in_words(&self) -> Option<String> {
        let Rule::Interval(seconds) = self.rule else { return None };
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let (unit, name) = units.into_iter().find(|(unit, _)| seconds.get() % unit == 0)?;
        Some(match seconds.get() / unit {
            1 => format!("every {name}"),
            number => format!("every {number} {name}s"),
        })
    }

    /// The first time after `after`. `None` if it is later than time can be told.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self.rule {
            Rule::Interval(seconds) => add(after, seconds),
            Rule::Calendar(calendar) => calendar.next(after, zone),
        }
    }

    /// The next time after the run that was planned for `planned` and noticed at `now`. Runs that were missed
    /// in between are left out. An interval keeps its phase.
    pub fn after_run(&self, planned: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self.rule {
            Rule::Interval(seconds) => {
                // A clock that was set back shows a `now` before `planned`.
                let elapsed = u64::try_from(planned.duration_until(now).as_secs()).unwrap_or(0);
                let intervals = NonZeroU64::MIN.checked_add(elapsed / seconds)?;
                add(planned, seconds.checked_mul(intervals)?)
            }
            Rule::Calendar(calendar) => calendar.next(planned.max(now), zone),
        }
    }
}

impl FromStr for Recurrence {
    type Err = WhenError;

    /// Reads an interval (`15m`), days with a time (`daily@02:30`, `mon,thu@02:30`), or `cron:` with fields.
    fn from_str(text: &str) -> Result<Self, WhenError> {
        let rule = if let Some(fields) = text.strip_prefix("cron:") {
            Rule::Calendar(Calendar::parse_cron(fields)?)
        } else if let Some((days, time)) = text.split_once('@') {
            let days = if days == "daily" { ALL_DAYS } else { parse_days(days)? };
            let time = parse_time_of_day(time).ok_or_else(|| WhenError::new(time, NO_TIME_OF_DAY))?;
            Rule::Calendar(Calendar::on(days, time))
        } else if text.starts_with(|first: char| first.is_ascii_digit()) {
            Rule::Interval(parse_duration(text).ok_or_else(|| WhenError::new(text, NO_INTERVAL))?)
        } else {
            return Err(WhenError::new(text, NO_SCHEDULE));
        };
        Ok(Self { text: text.to_owned(), rule })
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The name of a zone, as [`zone_of`] reads it: the IANA name, `UTC`, a fixed offset like `+05:30`, or the
/// rule of a POSIX `TZ`. The zone of this host is `local` if the host does not tell its name.
pub fn zone_name(zone: &TimeZone) -> String {
    // The local times of an unknown zone are those of UTC.
    let zone = if zone.is_unknown() { &TimeZone::UTC } else { zone };
    DateTimePrinter::new().time_zone_to_string(zone).unwrap_or_else(|_| LOCAL.to_owned())
}

/// The zone with the name that [`zone_name`] gave it. `None` if this host does not know it.
pub fn zone_of(name: &str) -> Option<TimeZone> {
    let read = |name| DateTimeParser::new().parse_time_zone(name);
    let zone = if name == LOCAL { TimeZone::try_system() } else { read(name) };
    zone.ok().filter(|zone| !zone.is_unknown())
}

/// A time as people read it: `2026-11-28 02:30 CET`.
pub fn local_time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F %H:%M %Z").to_string()
}

/// The local times of a schedule: whole minutes that the fields select. Bit `n` of a field is the value `n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Calendar {
    minutes: u64,
    hours: u64,
    days_of_month: u64,
    months: u64,
    /// Sunday is 0.
    days_of_week: u64,
    /// Whether one of the two fields of days is enough.
    is_either_day: bool,
}

impl Calendar {
    /// A time on these days of the week.
    fn on(days_of_week: u64, time: Time) -> Self {
        let (minutes, hours) = (1 << time.minute(), 1 << time.hour());
        let (days_of_month, months) = (u64::MAX, u64::MAX);
        Self { minutes, hours, days_of_month, months, days_of_week, is_either_day: false }
    }

    /// Reads the five fields of a cron schedule. As in Vixie cron, a day needs to match only one of the two
    /// fields of days if neither begins with `*`; otherwise it must match both.
    fn parse_cron(text: &str) -> Result<Self, WhenError> {
        let fields: Vec<&str> = text.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
        let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
            return Err(WhenError::new(text, NO_CRON));
        };
        let days_of_week = DAY_OF_WEEK.parse(day_of_week)?;
        let calendar = Self {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days_of_month: DAY_OF_MONTH.parse(day_of_month)?,
            months: MONTH.parse(month)?,
            days_of_week: days_of_week | u64::from(has(days_of_week, 7)),
            is_either_day: !day_of_month.starts_with('*') && !day_of_week.starts_with('*'),
        };
        let first = calendar.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        first.map(|_| calendar).ok_or_else(|| WhenError::new(text, NEVER))
    }

    /// The first time after `after`.
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let now = zone.to_datetime(after);
        let days = successors(Some(now.date()), |day| day.tomorrow().ok()).take(MOST_DAYS);
        let days = days.filter(|day| self.has_day(*day));
        let locals = days.flat_map(|day| self.times().map(move |time| day.to_datetime(time)));
        let mut moments = locals.filter(|local| *local > now).filter_map(|local| first_moment(local, zone));
        // The first moment of a repeated local time may have passed.
        moments.find(|moment| *moment > after)
    }

    /// Its times on each of its days.
    fn times(self) -> impl Iterator<Item = Time> {
        let values = |bits| (0..60).filter(move |value| has(bits, *value));
        let minutes = move |hour| values(self.minutes).map(move |minute| Time::new(hour, minute, 0, 0));
        values(self.hours).flat_map(minutes).flatten()
    }

    /// Whether it has times on that day.
    fn has_day(&self, day: Date) -> bool {
        let in_month = has(self.days_of_month, day.day());
        let in_week = has(self.days_of_week, day.weekday().to_sunday_zero_offset());
        let is_day = if self.is_either_day { in_month || in_week } else { in_month && in_week };
        is_day && has(self.months, day.month())
    }
}

/// The first moment at which the clocks show a local time or, if they leave it out, a later one.
fn first_moment(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let moment = zone.to_ambiguous_timestamp(local).earlier().ok()?;
    if zone.to_datetime(moment) == local {
        return Some(moment);
    }
    // The moment is before the change of clocks that leaves the local time out.
    let mut changes = zone.following(moment).map(|change| change.timestamp());
    changes.find(|change| zone.to_datetime(*change) >= local)
}

/// One of the fields of a cron schedule.
struct Field {
    lowest: u8,
    highest: u8,
    /// The names of the values, from the lowest one on.
    names: &'static [&'static str],
    /// What the refusal of a part says.
    refusal: &'static str,
}

impl Field {
    /// Reads a list of parts. Each is `*`, a value or a range; `*` and ranges may have a step.
    fn parse(&self, text: &str) -> Result<u64, WhenError> {
        text.split(',').try_fold(0, |bits, part| {
            let bits = self.parse_part(part).map(|more| bits | more);
            bits.ok_or_else(|| WhenError::new(part, self.refusal))
        })
    }

    /// The bits of one part; `None` if it cannot be read.
    fn parse_part(&self, text: &str) -> Option<u64> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(usize::try_from(parse_number(step)?).ok()?)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.values_of(first).next()?, self.values_of(last).next_back()?),
            None if range == "*" => (self.lowest, self.highest),
            // The step of a single value has no end.
            None if step.is_some() => return None,
            None => self.values_of(range).next().map(|value| (value, value))?,
        };
        // A longer step would select the first value only, which is never what it seems to say.
        let step = step.unwrap_or(1);
        let is_valid = first <= last && (1..=usize::from(self.highest)).contains(&step);
        is_valid.then(|| (first..=last).step_by(step).fold(0, |bits, value| bits | 1 << value))
    }

    /// The values that a number or a name stands for. `sun` has two: one begins a range, the other ends it.
    fn values_of(&self, text: &str) -> impl DoubleEndedIterator<Item = u8> {
        let number = parse_number(text);
        (self.lowest..=self.highest).filter(move |value| {
            let name = self.names.get(usize::from(value - self.lowest));
            number == Some(u64::from(*value)) || name.is_some_and(|name| name.eq_ignore_ascii_case(text))
        })
    }
}

/// Reads the days of a week, separated by commas.
pub(super) fn parse_days(text: &str) -> Result<u64, WhenError> {
    text.split(',').try_fold(0, |days, name| {
        let is_named = |known: &&str| known.eq_ignore_ascii_case(name);
        let day = DAY_NAMES.iter().position(is_named).ok_or_else(|| WhenError::new(name, NO_DAY))?;
        if days & 1 << day == 0 { Ok(days | 1 << day) } else { Err(WhenError::new(name, REPEATED_DAY)) }
    })
}

/// Reads a time of day like `02:30`.
pub fn parse_time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':').filter(|(hour, _)| hour.len() == 2 && text.len() == 5)?;
    let part = |text| i8::try_from(parse_number(text)?).ok();
    Time::new(part(hour)?, part(minute)?, 0, 0).ok()
}

/// Reads a duration as all options have it, like `90s` or `1d`, in seconds, if it is between 1 second and 366 days.
fn parse_duration(text: &str) -> Option<NonZeroU64> {
    let duration = duration::parse(text).ok().filter(|duration| duration.subsec_nanos() == 0)?;
    NonZeroU64::new(duration.as_secs()).filter(|seconds| seconds.get() <= LONGEST)
}

/// Reads a number of digits only.
fn parse_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A moment so many seconds later.
fn add(moment: Timestamp, seconds: NonZeroU64) -> Option<Timestamp> {
    moment.checked_add(SignedDuration::from_secs(i64::try_from(seconds.get()).ok()?)).ok()
}

/// Whether a value, which is below 64, is in a field.
fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

const MINUTE: Field = Field { lowest: 0, highest: 59, names: &[], refusal: NO_MINUTE };
const HOUR: Field = Field { lowest: 0, highest: 23, names: &[], refusal: NO_HOUR };
const DAY_OF_MONTH: Field = Field { lowest: 1, highest: 31, names: &[], refusal: NO_DAY_OF_MONTH };
const MONTH: Field = Field { lowest: 1, highest: 12, names: &MONTH_NAMES, refusal: NO_MONTH };
/// Sunday is 0 and 7.
const DAY_OF_WEEK: Field = Field { lowest: 0, highest: 7, names: &DAY_NAMES, refusal: NO_DAY_OF_WEEK };

const MONTH_NAMES: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Sunday begins the week, and it ends it.
pub(super) const DAY_NAMES: [&str; 8] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// All days of the week.
pub(super) const ALL_DAYS: u64 = 0x7f;
/// How many days are searched: a 29 February on a certain day of the week comes after 40 years at the latest.
const MOST_DAYS: usize = 41 * 366;
/// The longest interval and delay, in seconds.
const LONGEST: u64 = 366 * 86_400;
/// The name of the zone of this host, if the host does not tell it.
const LOCAL: &str = "local";

// What a refusal says after the text that cannot be used.
const NO_TIME: &str = "is not a time: a time is HH:MM, +2h, or like 2026-11-26T02:30:00Z";
const NO_DELAY: &str = "is not a delay: a delay is +1s to +366d, like +45s, +90m, +2h or +1d";
const PAST: &str = "is in the past: give a time that is still to come";
const NO_SCHEDULE: &str = "is not a schedule: it is like 15m, daily@02:30, mon,thu@02:30 or cron:30 2 * * *";
const NO_INTERVAL: &str = "is not an interval: an interval is 1s to 366d, like 90s, 15m, 2h or 1d";
const NO_TIME_OF_DAY: &str = "is not a time of day: a time of day is 00:00 to 23:59";
const NO_DAY: &str = "is not a day: a day is mon, tue, wed, thu, fri, sat or sun; daily means all of them";
const REPEATED_DAY: &str = "is there twice: each day is named once, as in mon,thu@02:30";
const NO_CRON: &str = "is not a cron schedule: it is minute, hour, day of month, month and day of week";
const NO_MINUTE: &str = "is not a minute: cron takes *, 0 to 59, and lists, ranges and steps";
const NO_HOUR: &str = "is not an hour: cron takes *, 0 to 23, and lists, ranges and steps";
const NO_DAY_OF_MONTH: &str = "is not a day of month: cron takes *, 1 to 31, and lists, ranges and steps";
const NO_MONTH: &str = "is not a month: cron takes *, 1 to 12, jan to dec, and lists, ranges and steps";
const NO_DAY_OF_WEEK: &str =
    "is not a day of week: cron takes *, 0 to 7, sun to sat, and lists, ranges and steps";
const NEVER: &str = "never runs: the day of the month must exist in one of the months";

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "Europe/Berlin";
    const NEW_YORK: &str = "America/New_York";

    fn zone(name: &str) -> TimeZone {
        zone_of(name).unwrap()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(text: &str) -> Recurrence {
        text.parse().unwrap()
    }

    /// Checks the first runs after a time.
    fn check(text: &str, zone_name: &str, after: &str, expect: &str) {
        let (schedule, zone) = (schedule(text), zone(zone_name));
        let expect: Vec<Timestamp> = expect.split(' ').map(time).collect();
        let runs = successors(schedule.next(time(after), &zone), |run| schedule.next(*run, &zone));
        assert_eq!(runs.take(expect.len()).collect::<Vec<_>>(), expect, "{text} in {zone_name}");
    }

    #[test]
    fn a_time_is_read_as_rfc_3339_as_a_local_time_or_as_a_delay() {
        // The zone, the current time, the text and the time that it means.
        let table = [
            ("UTC", "2026-11-26T12:00Z", "2026-11-26T14:30:00+02:00", "2026-11-26T12:30Z"),
            ("UTC", "2026-11-26T12:00Z", "2026-11-26T12:00:00Z", "2026-11-26T12:00Z"),
            ("UTC", "2026-11-26T02:29:59.5Z", "02:30", "2026-11-26T02:30Z"),
            ("UTC", "2026-11-26T02:30Z", "02:30", "2026-11-27T02:30Z"),
            (BERLIN, "2026-11-26T23:30Z", "02:30", "2026-11-27T01:30Z"),
            // Left out.
            (BERLIN, "2026-03-28T12:00Z", "02:30", "2026-03-29T01:00Z"),
            (BERLIN, "2026-03-29T01:00Z", "02:30", "2026-03-30T00:30Z"),
            (NEW_YORK, "2026-03-08T06:00Z", "02:30", "2026-03-08T07:00Z"),
            // There twice.
            (BERLIN, "2026-10-24T12:00Z", "02:30", "2026-10-25T00:30Z"),
            (BERLIN, "2026-10-25T00:45Z", "02:30", "2026-10-26T01:30Z"),
            (BERLIN, "2026-03-28T12:00Z", "+1d", "2026-03-29T12:00Z"),
            ("UTC", "2026-11-26T12:00Z", "+366d", "2027-11-27T12:00Z"),
            // A number alone is seconds, as in all options.
            ("UTC", "2026-11-26T12:00Z", "+90", "2026-11-26T12:01:30Z"),
        ];
        for (name, now, text, expect) in table {
            assert_eq!(parse_at(text, time(now), &zone(name)), Ok(time(expect)), "{text} at {now} in {name}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_used_is_refused() {
        let check = |reason, texts: &[&str]| {
            for text in texts {
                let refusal = parse_at(text, time("2026-11-26T12:00Z"), &TimeZone::UTC);
                assert_eq!(refusal, Err(WhenError::new(text, reason)));
            }
        };
        check(NO_TIME, &["", "25:00", "24:00", "2:30", "02:60", "-2:30", "02:30:00", "\u{661}2:30", "2h"]);
        check(NO_TIME, &["2026-12-26", "2026-12-26T02:30:00", "2027-11-26T02:30:00+01:00[UTC]"]);
        check(
            NO_DELAY,
            &["+", "+0s", "+0", "+367d", "+1500ms", "+2w", "+-2h", "+\u{e9}", "+18446744073709551615d"],
        );
        check(PAST, &["2026-11-26T11:59:59Z", "2026-11-26T12:59:59+01:00", "1969-01-01T00:00:00Z"]);
        let sentence = "\"25:00\" is not a time: a time is HH:MM, +2h, or like 2026-11-26T02:30:00Z";
        assert_eq!(WhenError::new("25:00", NO_TIME).to_string(), sentence);
    }

    #[test]
    fn a_schedule_is_its_text() {
        let cron = ["cron:1-30/2,*/5 0-23/2 1,15 jan-Mar,12 MON-fri", "cron:0  0\t* * sat-sun"];
        for text in ["15m", "90s", "900", "366d", "daily@02:30", "Sun,thu@00:00"].into_iter().chain(cron) {
            assert_eq!(schedule(text).to_string(), text);
        }
    }

    #[test]
    fn a_schedule_that_cannot_be_used_is_refused() {
        // The schedule, what is wrong in it, and why.
        let table = [
            ("0s", "0s", NO_INTERVAL),
            ("", "", NO_SCHEDULE),
            ("mon,@02:30", "", NO_DAY),
            ("noday@02:30", "noday", NO_DAY),
            ("sun,mon,SUN@02:30", "SUN", REPEATED_DAY),
            ("daily@25:00", "25:00", NO_TIME_OF_DAY),
            ("cron:1 2 3 4", "1 2 3 4", NO_CRON),
            ("cron:1,60 * * * *", "60", NO_MINUTE),
            ("cron:* 24 * * *", "24", NO_HOUR),
            ("cron:0 0 0 * *", "0", NO_DAY_OF_MONTH),
            ("cron:0 0 1 sept *", "sept", NO_MONTH),
            ("cron:0 0 * * 8", "8", NO_DAY_OF_WEEK),
            ("cron:0 0 31 feb,apr,6,9,11 *", "0 0 31 feb,apr,6,9,11 *", NEVER),
        ];
        for (text, wrong, reason) in table {
            assert_eq!(text.parse::<Recurrence>(), Err(WhenError::new(wrong, reason)), "{text}");
        }
        for minute in ["", "5/10", "*/0", "*/60", "30-1", "1-2-3", "+1", "*-5", "1-", "-1", "*/", "mon"] {
            assert_eq!(MINUTE.parse(minute), Err(WhenError::new(minute, NO_MINUTE)));
        }
    }

    #[test]
    fn runs_that_were_missed_are_left_out_and_an_interval_keeps_its_phase() {
        // The schedule, the run that was planned, when it was noticed, and the next one.
        let table = [
            ("15m", "12:00:00", "12:14:59.9", "12:15:00"),
            ("900", "12:00:00", "12:14:59.9", "12:15:00"),
            ("15m", "12:00:00", "17:20:00", "17:30:00"),
            ("cron:*/10 * * * *", "12:00:00", "17:25:00", "17:30:00"),
            // The clock was set back.
            ("15m", "12:00:00", "09:00:00", "12:15:00"),
            ("cron:*/10 * * * *", "12:00:00", "11:59:59", "12:10:00"),
        ];
        for (text, planned, now, expect) in table {
            let [planned, now, expect] = [planned, now, expect].map(|t| time(&format!("2026-11-26T{t}Z")));
            assert_eq!(
                schedule(text).after_run(planned, now, &TimeZone::UTC),
                Some(expect),
                "{text} at {now}"
            );
        }
        assert_eq!(schedule("1d").after_run(Timestamp::MIN, Timestamp::MAX, &TimeZone::UTC), None);
        assert_eq!(schedule("daily@02:30").next(Timestamp::MAX, &TimeZone::UTC), None);
    }

    #[test]
    fn local_times_follow_the_clock_rules_and_intervals_do_not() {
        check("1d", BERLIN, "2026-03-28T12:00Z", "2026-03-29T12:00Z 2026-03-30T12:00Z");
        check("daily@02:30", BERLIN, "2026-03-28T12:00Z", "2026-03-29T01:00Z 2026-03-30T00:30Z");
        check("daily@02:30", BERLIN, "2026-10-24T12:00Z", "2026-10-25T00:30Z 2026-10-26T01:30Z");
        check("thu,mon@02:30", BERLIN, "2026-11-26T00:00Z", "2026-11-26T01:30Z 2026-11-30T01:30Z");
        check("sun@02:30", NEW_YORK, "2026-03-02T00:00Z", "2026-03-08T07:00Z 2026-03-15T06:30Z");
        check("cron:*/20 * * * *", BERLIN, "2026-03-29T00:40Z", "2026-03-29T01:00Z 2026-03-29T01:20Z");
        check("cron:10,50 2 * * *", BERLIN, "2026-03-29T00:00Z", "2026-03-29T01:00Z 2026-03-30T00:10Z");
        check("cron:*/30 * * * *", BERLIN, "2026-10-25T00:00Z", "2026-10-25T00:30Z 2026-10-25T02:00Z");
        check("cron:*/30 * * * *", BERLIN, "2026-10-25T01:15Z", "2026-10-25T02:00Z");
    }

    #[test]
    fn cron_days_match_as_in_vixie_cron() {
        let start = "2026-11-26T12:00Z";
        // A Friday, or the 13th; a Sunday, or a day that does not exist.
        check("cron:0 0 13 * fri", "UTC", "2026-12-05T00:00Z", "2026-12-11T00:00Z 2026-12-13T00:00Z");
        check("cron:0 0 31 2 sun", "UTC", start, "2027-02-07T00:00Z");
        // An odd day that is a Monday.
        check("cron:0 0 */2 * mon", "UTC", start, "2026-12-07T00:00Z 2026-12-21T00:00Z");
        for day in ["0", "7", "sun", "sun-0", "7-7", "*/7"] {
            check(&format!("cron:0 0 * * {day}"), "UTC", start, "2026-11-29T00:00Z 2026-12-06T00:00Z");
        }
        check("cron:0 0 * * sat-sun", "UTC", start, "2026-11-28T00:00Z 2026-11-29T00:00Z");
        // 29 February, and if it is a Sunday.
        check("cron:30 2 29 2 *", BERLIN, start, "2028-02-29T01:30Z");
        check("cron:0 0 29 2 */7", "UTC", "2060-03-01T00:00Z", "2088-02-29T00:00Z 2128-02-29T00:00Z");
    }

    #[test]
    fn a_zone_is_found_by_its_name() {
        for name in ["UTC", BERLIN, NEW_YORK, "+05:30", "-00:44:30", "CET-1CEST,M3.5.0,M10.5.0/3"] {
            assert_eq!(zone_name(&zone(name)), name);
        }
        assert_eq!(zone_name(&TimeZone::unknown()), "UTC");
        for name in ["", "Europe/Nowhere", "Etc/Unknown", "../localtime", "+26:00", "Z"] {
            assert_eq!(zone_of(name), None, "{name}");
        }
    }

    /// The next number of a sequence (xorshift), below `end`.
    fn random(numbers: &mut u64, end: u8) -> u8 {
        *numbers ^= *numbers << 13;
        *numbers ^= *numbers >> 7;
        *numbers ^= *numbers << 17;
        u8::try_from((*numbers >> 11) % u64::from(end)).unwrap()
    }

    /// A field of a cron schedule, and the values that it selects.
    fn random_field(numbers: &mut u64, lowest: u8, highest: u8) -> (String, Vec<u8>) {
        let mut values = [(); 2].map(|()| lowest + random(numbers, highest - lowest + 1));
        values.sort_unstable();
        let ([low, high], step) = (values, 1 + random(numbers, highest.min(12)));
        match random(numbers, 6) {
            0 => (format!("*/{step}"), (lowest..=highest).step_by(step.into()).collect()),
            1 => (format!("{low}-{high}/{step}"), (low..=high).step_by(step.into()).collect()),
            2 => (format!("{high},{low}"), values.to_vec()),
            _ => ("*".to_owned(), (lowest..=highest).collect()),
        }
    }

    /// Whether a cron schedule of these fields has this local time.
    fn selects(fields: &[(String, Vec<u8>); 5], local: DateTime) -> bool {
        let week_day = local.weekday().to_sunday_zero_offset();
        let has = |field: usize, value: i8| fields[field].1.contains(&value.unsigned_abs());
        let (day, in_week) = (has(2, local.day()), has(4, week_day) || week_day == 0 && has(4, 7));
        let is_either = !fields[2].0.starts_with('*') && !fields[4].0.starts_with('*');
        let is_day = if is_either { day || in_week } else { day && in_week };
        is_day && has(0, local.minute()) && has(1, local.hour()) && has(3, local.month())
    }

    /// Compares a random schedule with a search minute by minute, in two days that begin up to two days after
    /// `start`. A run is due when the clocks pass a time of the schedule that they have not passed before.
    fn compare(zone: &TimeZone, start: Timestamp, numbers: &mut u64) {
        let fields = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let fields = fields.map(|(lowest, highest)| random_field(numbers, lowest, highest));
        let text = format!("cron:{}", fields.each_ref().map(|(text, _)| text.as_str()).join(" "));
        let Ok(schedule) = text.parse::<Recurrence>() else { return };
        let start = start + SignedDuration::from_mins(i64::from(random(numbers, 192)) * 15);
        let (minute, end) = (SignedDuration::from_mins(1), start + SignedDuration::from_hours(48));
        let (mut moment, mut runs) = (start - SignedDuration::from_hours(4), Vec::new());
        let mut passed = zone.to_datetime(moment);
        while moment < end {
            moment += minute;
            let (local, mut is_due) = (zone.to_datetime(moment), false);
            while passed < local {
                passed += minute;
                is_due |= selects(&fields, passed);
            }
            if is_due && moment > start {
                runs.push(moment);
            }
        }
        let found = successors(schedule.next(start, zone), |run| schedule.next(*run, zone));
        let found: Vec<Timestamp> = found.take_while(|run| *run <= end).collect();
        assert!(found.is_sorted_by(|run, next| run < next), "{text}: {found:?}");
        assert_eq!(found, runs, "{text} after {start} in {zone:?}");
    }

    #[test]
    fn cron_agrees_with_a_search_minute_by_minute() {
        let table = [
            ("UTC", ["2026-02-26T00:00Z", "2026-12-29T20:00Z"]),
            (BERLIN, ["2026-06-12T07:00Z", "2026-12-29T20:00Z"]),
            // The clocks change: by an hour, by half an hour, at midnight, by a day.
            (BERLIN, ["2026-03-27T12:00Z", "2026-10-23T12:00Z"]),
            (NEW_YORK, ["2026-03-06T12:00Z", "2026-10-30T12:00Z"]),
            ("Australia/Lord_Howe", ["2026-04-03T00:00Z", "2026-10-02T00:00Z"]),
            ("America/Havana", ["2026-03-06T12:00Z", "2026-10-30T12:00Z"]),
            ("Pacific/Apia", ["2011-12-28T12:00Z", "2011-12-29T00:00Z"]),
        ];
        let mut numbers = 0x2545_f491_4f6c_dd1d;
        for (name, starts) in table {
            let zone = zone(name);
            starts.iter().cycle().take(20).for_each(|start| compare(&zone, time(start), &mut numbers));
        }
    }
}
