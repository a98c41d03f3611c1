//! Numbers, times and commands as people read them.

use crate::web::api::job::command_words;
use crate::web::view::{JobView, Time};
use ftp_io::quoting::for_shell;
use indicatif::HumanCount;

/// An amount of bytes.
pub(crate) fn size(bytes: u64) -> String {
    let (mut amount, mut rest) = (bytes as f64, UNITS.iter());
    let mut unit = "B";
    while amount >= 1024.0
        && let Some(next) = rest.next()
    {
        (amount, unit) = (amount / 1024.0, next);
    }
    match unit {
        "B" => format!("{bytes} B"),
        unit if amount < 10.0 => format!("{amount:.2} {unit}"),
        unit if amount < 100.0 => format!("{amount:.1} {unit}"),
        unit => format!("{amount:.0} {unit}"),
    }
}

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A rate, of bytes in a second.
pub(crate) fn rate(bytes: u64) -> String {
    format!("{}/s", size(bytes))
}

/// A number with separators between thousands.
pub(crate) fn number(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A time that passes, in its two largest units.
pub(crate) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// How long ago a moment was, or how far it is.
pub(crate) fn age(time: Time, now: Time) -> String {
    let seconds = now.as_second() - time.as_second();
    match seconds {
        0.. => format!("{} ago", duration(seconds.unsigned_abs())),
        _ => format!("in {}", duration(seconds.unsigned_abs())),
    }
}

/// How much of a job is done, from 0 to 100; `None` if nobody knows.
pub(crate) fn percent(job: &JobView) -> Option<u64> {
    let progress = &job.progress;
    let of = |part: u64, whole: u64| (u128::from(part.min(whole)) * 100).checked_div(u128::from(whole));
    let percent = match (progress.total, progress.of) {
        (Some(total), _) if total > 0 => of(progress.bytes, total),
        (_, Some(files)) => of(progress.files, files),
        (_, None) => None,
    };
    percent.and_then(|percent| u64::try_from(percent).ok())
}

/// The command that does the same as a job.
pub(crate) fn command(job: &JobView) -> String {
    let words = command_words(&job.verb, &job.options, job.sources.iter().chain([&job.dest]), &[]);
    let words = ["ftp-user".to_owned()].into_iter().chain(words);
    let shown = words.map(|word| match word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
        Some((option, value)) => format!("{option}={}", for_shell(value)),
        None => for_shell(word),
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::moment;

    #[test]
    fn sizes_durations_and_words_are_short() {
        assert_eq!(
            [0, 1023, 1024, 15_000_000, u64::MAX].map(size),
            ["0 B", "1023 B", "1.00 KiB", "14.3 MiB", "16.0 EiB"]
        );
        assert_eq!(
            [5, 65, 3600, 3660, 86_400, 90_000].map(duration),
            ["5 s", "1 min", "1 h", "1 h 1 min", "1 d", "1 d 1 h"]
        );
        assert_eq!([1, 1000, 1_234_567].map(number), ["1", "1,000", "1,234,567"]);
        assert_eq!(age(moment(10), moment(75)), "1 min ago");
        assert_eq!(age(moment(75), moment(10)), "in 1 min");
    }
}
