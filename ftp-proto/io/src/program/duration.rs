//! The grammar of durations in options and settings: `30s`, `5m`.

use std::time::Duration;

/// Reads a number and a unit: `ms`, `s`, `m`, `h` or `d`. A number without a unit is seconds.
///
/// A duration is never zero, because a wait of no time would end at once what it waits for.
///
/// ```
/// use ftp_io::program::duration;
/// use std::time::Duration;
///
/// assert_eq!(duration::parse("5m"), Ok(Duration::from_secs(300)));
/// assert_eq!(duration::parse("250ms"), Ok(Duration::from_millis(250)));
/// assert!(duration::parse("5 weeks").is_err());
/// ```
///
/// # Errors
///
/// The text says how a duration is written, or that this one is not between 1ms and 36500d.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') {
        return Err("it must not be negative".to_owned());
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("the unit must be ms, s, m, h or d, as in 30s or 5m".to_owned()),
    };
    if number.is_empty() {
        return Err("write a number and a unit, like 30s or 5m".to_owned());
    }
    // More digits than a u64 holds are too long, too.
    let millis = number.parse().ok().and_then(|number| millis.checked_mul(number));
    let millis = millis.filter(|millis| (1..=LONGEST).contains(millis));
    millis.map(Duration::from_millis).ok_or_else(|| "not between 1ms and 36500d".to_owned())
}

/// A duration in seconds up to two minutes, in minutes up to two hours, in hours up to two days, else in days; rounded up:
/// `90 s`, `6 h`. Below a second it is in milliseconds.
///
/// ```
/// use ftp_io::program::duration;
/// use std::time::Duration;
///
/// assert_eq!(duration::words(Duration::from_secs(600)), "10 min");
/// ```
pub fn words(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1_000);
    match seconds {
        0 | 1 if duration.subsec_millis() > 0 => format!("{} ms", duration.as_millis()),
        0..=120 => format!("{seconds} s"),
        121..=7_199 => format!("{} min", seconds.div_ceil(60)),
        7_200..=172_799 => format!("{} h", seconds.div_ceil(3_600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

/// A hundred years in milliseconds.
const LONGEST: u64 = 36_500 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_one_unit() {
        let check = |millis, expect: &str| assert_eq!(words(Duration::from_millis(millis)), expect);
        check(0, "0 s");
        check(250, "250 ms");
        check(1_000, "1 s");
        check(1_001, "2 s");
        check(120_000, "120 s");
        check(121_000, "3 min");
        check(7_199_000, "120 min");
        check(7_200_000, "2 h");
        check(23_841_000, "7 h");
        check(86_400_000, "24 h");
        check(172_800_000, "2 days");
        check(172_801_000, "3 days");
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(parse(text).ok(), expect.map(Duration::from_millis), "{text}");
        };
        check("250ms", Some(250));
        check("30s", Some(30_000));
        check("7", Some(7_000));
        check("5m", Some(300_000));
        check("2h", Some(7_200_000));
        check("90d", Some(7_776_000_000));
        check("36500d", Some(LONGEST));
        check("36501d", None);
        for wrong in ["", "s", "0", "0s", "-1s", "1.5s", "30 s", "3w", "99999999999999999999s"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_mistake_says_how_durations_are_written() {
        let check = |text: &str, says: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        };
        check("3w", "the unit must be");
        check("s", "write a number");
        check("0s", "not between");
        check("99999999999999999999s", "not between");
    }
}
