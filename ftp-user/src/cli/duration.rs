//! `30s`, `5m`: durations as options have them.

use std::time::Duration;

/// Reads a duration: a number and `ms`, `s`, `m` or `h`; a bare number is seconds.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let end = text.bytes().position(|o| !o.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    let wrong = || "a duration is a number and ms, s, m or h, such as 30s".to_owned();
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let millis = count.checked_mul(millis).filter(|millis| *millis <= LONGEST).ok_or("at most 1000h")?;
    if millis == 0 { Err("a wait of no time is none".to_owned()) } else { Ok(Duration::from_millis(millis)) }
}

const LONGEST: u64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let check = |text, expect: Option<u64>| {
            assert_eq!(parse(text).ok(), expect.map(Duration::from_millis), "{text}");
        };
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("250ms", Some(250));
        check("2h", Some(7_200_000));
        check("7", Some(7_000));
        check("0", None);
        check("", None);
        check("s", None);
        check("-1s", None);
        check("1.5s", None);
        check("99999999999999999999s", None);
    }
}
