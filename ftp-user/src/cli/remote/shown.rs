//! How the answers of a daemon are shown.

use super::super::{General, outputs};
use crate::failure::{Failure, Result};
use crate::job::Status;
use crate::queue::{QueueState, Wish};
use crate::report::command_line;
use crate::web::command_words;
use ftp_io::program::{duration, output, size};
use ftp_proto::wire::{counted, show};
use serde_json::{Map, Value};
use std::io::{self, Write as _};
use std::time::Duration;

/// Prints a job or a series.
pub(super) fn tell(general: &General, object: &Value, event: &str) -> Result<()> {
    match (general.json, event) {
        (true, _) => print(&with_event(object, event)),
        (false, "series") => print(&series_words(object)),
        (false, _) => print(&job_words(object)),
    }
}

/// An object of the API as a line of `--json`.
pub(super) fn with_event(object: &Value, event: &str) -> String {
    let members = object.to_string();
    match members.strip_prefix('{') {
        Some(rest) if rest != "}" => format!("{{\"event\":\"{event}\",{rest}"),
        _ => format!("{{\"event\":\"{event}\"}}"),
    }
}

/// A job for people: `0123456789abcdef running ann 3 files (1.2 MiB), 45 min left: copy --recursive one:a two:b`.
pub(super) fn job_words(job: &Value) -> String {
    let number = |path: &str| job.pointer(path).and_then(Value::as_u64);
    let files = counted(number("/progress/files").unwrap_or(0), "file");
    let bytes = size::bytes(number("/progress/bytes").unwrap_or(0));
    let named = |key: &str| member(job, key).as_str().unwrap_or_default();
    let state = QueueState::named(named("state"));
    let mut words =
        format!("{} {} {} {files} ({bytes})", called(job), text(job, "state"), text(job, "owner"));
    // Before its end, that is the number of an earlier run.
    if let Some(failed @ 1..) = number("/failed").filter(|_| state.is_some_and(QueueState::has_ended)) {
        words += &format!(", {failed} failed");
    }
    if let Some(left) = number("/progress/remaining") {
        words += &format!(", {} left", duration::words(Duration::from_secs(left)));
    }
    if let Some(wish) = Wish::named(named("wish")).and_then(|wish| wish.words(state?)) {
        words += &format!(", {wish}");
    }
    let next = text(job, "next_try");
    if !next.is_empty() {
        let begins = if state == Some(QueueState::Waiting) { "tried again at" } else { "not before" };
        words += &format!(", {begins} {next}");
    }
    let cause = text(job, "cause");
    if !cause.is_empty() {
        words += &format!(" ({cause})");
    }
    format!("{words}: {}", command(job))
}

/// The id of a job, and its name if it has one.
fn called(job: &Value) -> String {
    format!("{} {}", text(job, "id"), text(job, "name")).trim_end().to_owned()
}

/// A series for people, as that of this host is shown.
pub(super) fn series_words(series: &Value) -> String {
    let words: Vec<&str> = list(series, "command").iter().filter_map(Value::as_str).collect();
    let last = Some(text(series, "last_job")).filter(|last| !last.is_empty());
    let last = last.map(|last| format!(", last {last}")).unwrap_or_default();
    let next = match (member(series, "paused").as_bool(), text(series, "next").as_str()) {
        (Some(true), _) => "paused".to_owned(),
        (_, "") => "no run any more".to_owned(),
        (_, next) => format!("next {next}"),
    };
    format!(
        "{} {} ({}), {next}{last}: {}",
        text(series, "id"),
        text(series, "every"),
        text(series, "zone"),
        command_line(&words)
    )
}

/// The command line that asks for the same as a job, as far as the API tells its options.
fn command(job: &Value) -> String {
    let places = list(job, "sources").iter().chain([member(job, "dest")]).filter_map(Value::as_str);
    // That of a list has no places.
    let places: Vec<String> = places.filter(|place| !place.is_empty()).map(str::to_owned).collect();
    let none = Map::new();
    let options = member(job, "options").as_object().unwrap_or(&none);
    command_line(&command_words(&text(job, "verb"), options, places.iter(), &[]))
}

/// A member of an object; null if it has none.
pub(super) fn member<'a>(object: &'a Value, key: &str) -> &'a Value {
    object.get(key).unwrap_or(&Value::Null)
}

/// The elements of a member that is an array; none if it is no array.
pub(super) fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    member(object, key).as_array().map_or(&[], Vec::as_slice)
}

/// A text of an object, as a terminal may have it.
pub(super) fn text(object: &Value, key: &str) -> String {
    show(member(object, key).as_str().unwrap_or_default().as_bytes())
}

/// Prints an event of a stream.
///
/// # Errors
///
/// Standard output cannot be written. [`end_of_stream`] says how the verb ends then.
pub(in crate::cli) fn print_event(line: &str, is_json: bool) -> io::Result<()> {
    let print = |line: &str| writeln!(output::out(), "{line}");
    if is_json {
        return print(line);
    }
    let Ok(event) = serde_json::from_str::<Value>(line) else { return Ok(()) };
    let (job, of) = (text(&event, "job"), |key: &str| text(&event, key));
    match member(&event, "event").as_str() {
        Some("job") => print(format!("{job} {} {}", of("state"), of("cause")).trim_end()),
        Some("failed") => print(&format!("{job} failed {}: {}", of("source"), of("message"))),
        Some("file") => print(&format!("{job} copied {} to {}", of("source"), of("dest"))),
        Some("warning") => print(&format!("{job} warning: {}", of("message"))),
        _ => Ok(()),
    }
}

/// The result of a verb that can no longer print its stream. A closed pipe is not a failure.
pub(in crate::cli) fn end_of_stream(error: &io::Error) -> Result<Status> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Ok(Status::Done)
    } else {
        Err(Failure::not_printed(error))
    }
}

pub(super) fn print(line: &str) -> Result<()> {
    outputs::print(&format!("{line}\n")).map(drop)
}
