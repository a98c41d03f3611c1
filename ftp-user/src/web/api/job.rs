//! The body of a request for a job: which keys it may have, and what its values may be.

use super::options;
use crate::id::{JOB_NAME, is_job_name};
use crate::queue::zone_of;
use crate::web::error::{ApiError, ErrorCode, Result};
use crate::web::fleet::NewJob;
use serde_json::{Map, Value};

/// The keys of a request for a job.
pub(crate) const KEYS: [&str; 9] =
    ["verb", "sources", "dest", "options", "priority", "at", "every", "zone", "id"];

/// The verbs of jobs.
pub(crate) const VERBS: [&str; 3] = ["copy", "move", "sync"];

/// Reads the body of a request for a job.
///
/// # Errors
///
/// The body is no JSON object, a key is unknown, or a value cannot be used.
pub(crate) fn read(body: &[u8]) -> Result<NewJob> {
    let no_json = |error| ApiError::new(ErrorCode::BadRequest, format!("the body is not JSON: {error}"));
    let body: Value = serde_json::from_slice(body).map_err(no_json)?;
    let body =
        body.as_object().ok_or_else(|| ApiError::new(ErrorCode::BadRequest, "the body is not an object"))?;
    of_object(body)
}

/// Reads a request for a job that is an object already.
///
/// # Errors
///
/// A key is unknown, or a value cannot be used.
pub(crate) fn of_object(body: &Map<String, Value>) -> Result<NewJob> {
    if let Some(key) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(ApiError::unknown_key(key, &KEYS));
    }
    let verb = text(body, "verb")?.unwrap_or_default();
    let verb = VERBS.into_iter().find(|known| *known == verb);
    let verb = verb.ok_or_else(|| ApiError::bad_value("verb", "it is one of copy, move, sync"))?;
    let sources = sources(body)?;
    if verb == "sync" && sources.len() != 1 {
        return Err(ApiError::bad_value("sources", "sync takes one source"));
    }
    let dest = text(body, "dest")?.ok_or_else(|| ApiError::bad_value("dest", "it is missing"))?;
    let job = NewJob {
        verb,
        sources,
        dest,
        options: options::read(body.get("options").unwrap_or(&Value::Null))?,
        priority: priority(body)?,
        at: text(body, "at")?,
        every: text(body, "every")?,
        zone: text(body, "zone")?,
        id: text(body, "id")?,
    };
    check(&job)?;
    let options = Value::Object(job.options.clone()).to_string().len();
    if job.places().map(String::len).sum::<usize>() + options > MOST_TEXT {
        return Err(ApiError::new(ErrorCode::TooLarge, "the texts of the job are larger than 64 KiB")
            .hint("make several jobs"));
    }
    Ok(job)
}

/// The largest size of the places and options of a job.
const MOST_TEXT: usize = 64 << 10;

/// The words of the command line that asks for the same, without the name of the program. `more` are options beside those of
/// the job.
pub fn command_words<'a>(
    verb: &str,
    options: &Map<String, Value>,
    places: impl Iterator<Item = &'a String> + Clone,
    more: &[String],
) -> Vec<String> {
    let mut words = vec![verb.to_owned()];
    words.extend_from_slice(more);
    // A sync always takes directories.
    let options = options.iter().filter(|(name, _)| !(verb == "sync" && *name == "recursive"));
    options.for_each(|(name, value)| push_option(&mut words, name, value));
    // What begins with a hyphen would be read as an option.
    if places.clone().any(|place| place.starts_with('-')) {
        words.push("--".to_owned());
    }
    words.extend(places.cloned());
    words
}

fn push_option(words: &mut Vec<String>, name: &str, value: &Value) {
    match value {
        Value::Bool(true) => words.push(format!("--{name}")),
        Value::Bool(false) if name == "times" => words.push("--no-times".to_owned()),
        Value::Bool(false) | Value::Null => {}
        Value::Array(all) => all.iter().for_each(|one| push_option(words, name, one)),
        Value::String(text) => words.push(format!("--{name}={text}")),
        Value::Number(_) | Value::Object(_) => words.push(format!("--{name}={value}")),
    }
}

fn text(body: &Map<String, Value>, key: &str) -> Result<Option<String>> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if options::is_text(text) => Ok(Some(text.clone())),
        Some(Value::String(_)) => {
            Err(ApiError::bad_value(key, "it is empty, longer than 4,096 bytes, or has CR, LF or NUL in it"))
        }
        Some(_) => Err(ApiError::bad_value(key, "it is a text")),
    }
}

fn sources(body: &Map<String, Value>) -> Result<Vec<String>> {
    let bad =
        || ApiError::bad_value("sources", "they are an array of 1 to 1,000 texts without CR, LF and NUL");
    let given = body.get("sources").and_then(Value::as_array).ok_or_else(bad)?;
    let one = |value: &Value| value.as_str().filter(|text| options::is_text(text)).map(str::to_owned);
    let sources: Option<Vec<_>> = given.iter().map(one).collect();
    sources.filter(|sources| (1..=1000).contains(&sources.len())).ok_or_else(bad)
}

fn priority(body: &Map<String, Value>) -> Result<i8> {
    let bad = || ApiError::bad_value("priority", "it is a whole number from -10 to 10");
    match body.get("priority") {
        None | Some(Value::Null) => Ok(0),
        Some(value) => {
            let number = value.as_i64().and_then(|number| i8::try_from(number).ok());
            number.filter(|number| (-10..=10).contains(number)).ok_or_else(bad)
        }
    }
}

fn check(job: &NewJob) -> Result<()> {
    if job.at.is_some() && job.every.is_some() {
        return Err(ApiError::bad_value("every", "it does not go with at"));
    }
    if job.zone.as_deref().is_some_and(|zone| zone_of(zone).is_none()) {
        return Err(ApiError::bad_value(
            "zone",
            "this host knows no such time zone; write Europe/Vienna or +02:00",
        ));
    }
    if job.id.is_some() && job.every.is_some() {
        return Err(ApiError::bad_value("every", "it makes many jobs, and id names one"));
    }
    if job.verb != "sync"
        && let Some(name) =
            ["compare", "delete", "max-delete"].into_iter().find(|n| job.options.contains_key(*n))
    {
        return Err(ApiError::bad_value(&format!("options.{name}"), "only sync has it"));
    }
    if !job.id.as_deref().is_none_or(is_job_name) {
        return Err(ApiError::bad_value("id", JOB_NAME));
    }
    Ok(())
}
