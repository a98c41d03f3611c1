//! What the queue of `ftp-user` reads: times and schedules that people type, and what its store has kept.

use super::script::Script;
use ftp_user::journal::{StoreUrl, StoredJob};
use ftp_user::queue::{Hours, Recurrence, parse_at, zone_of};
use serde_json::Value;

/// Zones whose clocks change in different ways.
const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "+05:30",
    "CET-1CEST,M3.5.0,M10.5.0/3",
];

/// A moment, a zone, and a text of `--at`, of `--every` or of `hours`.
///
/// What was read lies after the moment, its next runs follow each other, and it is written as it is read. Why a text cannot be
/// used is one line.
pub fn schedules(data: &[u8]) {
    let mut script = Script::new(data);
    let (kind, year, month, day) = (script.byte(), script.byte(), script.byte(), script.byte());
    let (hour, minute) = (script.byte(), script.byte());
    let zone = zone_of(ZONES[usize::from(kind >> 2) % ZONES.len()]).expect("the zone is known");
    let now = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:59Z",
        1970 + u16::from(year),
        1 + month % 12,
        1 + day % 28,
        hour % 24,
        minute % 60
    );
    let now = now.parse().expect("a moment");
    let Ok(text) = std::str::from_utf8(script.rest()) else { return };
    let refused = |error: &dyn std::error::Error| {
        let error = error.to_string();
        assert!(!error.contains(char::is_control), "{error:?}");
    };
    match kind & 3 {
        0 => match parse_at(text, now, &zone) {
            Ok(at) => assert!(at >= now, "{text} is {at}"),
            Err(error) => refused(&error),
        },
        1 | 2 => match text.parse::<Recurrence>() {
            Ok(schedule) => {
                assert_eq!(schedule.to_string(), text);
                let Some(first) = schedule.next(now, &zone) else { return };
                let Some(second) = schedule.next(first, &zone) else { return };
                assert!(now < first && first < second, "{text}: {now}, {first}, {second}");
                for (planned, noticed) in [(first, first), (now, second), (second, now)] {
                    let after = schedule.after_run(planned, noticed, &zone);
                    assert!(after.is_none_or(|after| after > planned && after > noticed), "{text}");
                }
            }
            Err(error) => refused(&error),
        },
        _ => match Hours::parse(text.split(' ').filter(|word| !word.is_empty())) {
            Ok(hours) => {
                assert_eq!(Hours::parse(hours.to_string().split(' ')).as_ref(), Ok(&hours), "{hours}");
                let next = hours.next(now, &zone);
                assert!(
                    next.is_none_or(|next| next >= now && hours.include(next, &zone)),
                    "{hours}: {next:?}"
                );
            }
            Err(error) => refused(&error),
        },
    }
}

/// What the store of a queue has kept of a job, and the name of a store.
///
/// A job or a name that was read is written as one that is read as the same.
pub fn stored(data: &[u8]) {
    if let Ok(job) = serde_json::from_slice::<StoredJob>(data)
        && !job.options.values().any(has_fraction)
    {
        let written = serde_json::to_string(&job).expect("a job can be written");
        assert_eq!(serde_json::from_str::<StoredJob>(&written).ok().as_ref(), Some(&job), "{written}");
        assert!(job.has_work_of(&job));
        assert!(job.places().count() <= data.len());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(url) = text.parse::<StoreUrl>() {
        let shown = url.to_string();
        assert_eq!(shown.parse::<StoreUrl>(), Ok(url), "{text} is shown as {shown}");
    }
}

/// Whether a value has a number that is not whole. No option has one, and they are not read exactly.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(values) => values.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
