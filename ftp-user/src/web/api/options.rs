//! The options that a job of the queue may have: a closed list. Nothing here names a file of a host,
//! switches certificates off,
//! or chooses a proxy or relay.

use crate::web::error::{ApiError, Result};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// An option of a job.
#[derive(Clone, Copy, Debug)]
pub struct JobOption {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// The values that it takes.
    pub kind: OptionKind,
    /// What it is for, for people.
    pub help: &'static str,
}

/// The values of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptionKind {
    /// Yes or no.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number.
    Number,
    /// A whole number, or `auto`.
    NumberOrAuto,
    /// A number with a unit, as text.
    Measure,
    /// A path on the server of the destination.
    Path,
    /// One text or several.
    Texts,
}

const fn option(name: &'static str, kind: OptionKind, help: &'static str) -> JobOption {
    JobOption { name, kind, help }
}

/// An option that a job is stored with, as the API has it: its name and its value. `None` if the API does not have it.
pub fn option_of(stored: &str, value: &Value) -> Option<(String, Value)> {
    if stored == "no_times" {
        return Some(("times".to_owned(), json!(false)));
    }
    let name = stored.replace('_', "-");
    OPTIONS.iter().any(|option| option.name == name).then(|| (name, value_of(value)))
}

/// A duration is a text, and so is a number that is too large for one; a number of which `auto` is another value is a number.
fn value_of(stored: &Value) -> Value {
    if let Some(number) = stored.get("exactly") {
        return number.clone();
    }
    match Duration::deserialize(stored) {
        Ok(duration) => json!(format!("{}ms", duration.as_millis())),
        Err(_) if stored.as_u64().is_some_and(|number| u32::try_from(number).is_err()) => {
            json!(stored.to_string())
        }
        Err(_) => stored.clone(),
    }
}

/// All options there are.
pub const OPTIONS: &[JobOption] = &[
    option("recursive", OptionKind::Flag, "Copy directories with everything in them"),
    option("include", OptionKind::Texts, "Only names that match"),
    option("exclude", OptionKind::Texts, "Leave out names that match"),
    option("links", OptionKind::Choice(&["files", "skip", "follow"]), "What becomes of symbolic links"),
    option("times", OptionKind::Flag, "Keep modification times"),
    option("perms", OptionKind::Flag, "Keep file modes"),
    option("compare", OptionKind::Choice(&["exists", "size", "time", "hash"]), "How sync sees a difference"),
    option("delete", OptionKind::Flag, "Delete what the source does not have (sync)"),
    option("max-delete", OptionKind::Number, "Delete nothing if it would be more"),
    option("backup-dir", OptionKind::Path, "Where deleted and replaced files are kept"),
    option("yes", OptionKind::Flag, "Delete also if it is most of a directory"),
    option("verify", OptionKind::Choice(&["auto", "none", "size", "hash"]), "How copies are verified"),
    option(
        "overwrite",
        OptionKind::Choice(&["never", "always", "different", "newer"]),
        "What becomes of files that exist",
    ),
    option(
        "path",
        OptionKind::Choice(&["auto", "direct", "symmetric", "relay", "user"]),
        "Which routes may be used",
    ),
    option("limit", OptionKind::Measure, "Highest rate, as 10MB for each second"),
    option("retries", OptionKind::Number, "How often a failed transfer is tried again"),
    option("timeout", OptionKind::Measure, "How long a server may take to answer, as 60s"),
    option("stall", OptionKind::Measure, "How long no byte may come, as 60s"),
    option("jobs", OptionKind::NumberOrAuto, "Files at the same time"),
    option("streams", OptionKind::NumberOrAuto, "Data connections for one large file"),
    option("allow-clear-data", OptionKind::Flag, "Permit data without encryption"),
];

/// The option of this name.
pub(crate) fn named(name: &str) -> Option<&'static JobOption> {
    OPTIONS.iter().find(|option| option.name == name)
}

/// The names of all options.
pub(crate) fn names() -> Vec<&'static str> {
    OPTIONS.iter().map(|option| option.name).collect()
}

/// Reads the options of a job.
///
/// # Errors
///
/// An option is unknown, or its value cannot be used.
pub(crate) fn read(given: &Value) -> Result<Map<String, Value>> {
    let mut options = Map::new();
    if given.is_null() {
        return Ok(options);
    }
    let given = given.as_object().ok_or_else(|| ApiError::bad_value("options", "they are an object"))?;
    for (name, value) in given {
        let option =
            named(name).ok_or_else(|| ApiError::unknown_key(&format!("options.{name}"), &names()))?;
        if !value.is_null() {
            option.check(value)?;
            options.insert(name.clone(), value.clone());
        }
    }
    Ok(options)
}

impl JobOption {
    /// Checks a value.
    fn check(&self, value: &Value) -> Result<()> {
        let bad = |why: &str| Err(ApiError::bad_value(&format!("options.{}", self.name), why));
        match self.kind {
            OptionKind::Flag if value.is_boolean() => Ok(()),
            OptionKind::Flag => bad("it is true or false"),
            OptionKind::Choice(words) if value.as_str().is_some_and(|value| words.contains(&value)) => Ok(()),
            OptionKind::Choice(words) => bad(&format!("it is one of {}", words.join(", "))),
            OptionKind::Number if is_number(value) => Ok(()),
            OptionKind::Number => bad("it is a whole number from 0 to 4294967295"),
            OptionKind::NumberOrAuto if value == "auto" || (is_number(value) && value != 0) => Ok(()),
            OptionKind::NumberOrAuto => bad("it is auto or a whole number from 1"),
            OptionKind::Measure if is_number(value) || value.as_str().is_some_and(is_measure) => Ok(()),
            OptionKind::Measure => bad("it is a number, or a text of a number and a unit"),
            OptionKind::Path if value.as_str().is_some_and(is_text) => Ok(()),
            OptionKind::Path => bad("it is a text without control characters"),
            OptionKind::Texts => {
                let is_one = value.as_str().is_some_and(is_text);
                let all_are = |all: &Vec<Value>| all.iter().all(|one| one.as_str().is_some_and(is_text));
                let are_few = value.as_array().is_none_or(|all| all.len() <= MOST_TEXTS);
                match are_few && (is_one || value.as_array().is_some_and(all_are)) {
                    true => Ok(()),
                    false => {
                        bad("it is a text, or an array of at most 256 texts, without control characters")
                    }
                }
            }
        }
    }

    /// The value that a field of a form stands for; `None` if it is empty.
    pub(crate) fn of_form(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        Some(match self.kind {
            OptionKind::Flag => json!(matches!(text, "on" | "true" | "yes")),
            OptionKind::Number | OptionKind::NumberOrAuto => match text.parse::<u32>() {
                Ok(number) => json!(number),
                Err(_) => json!(text),
            },
            OptionKind::Choice(_) | OptionKind::Measure | OptionKind::Path => json!(text),
            OptionKind::Texts => {
                json!(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>())
            }
        })
    }

    /// What JSON Schema says of its values.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = match self.kind {
            OptionKind::Flag => json!({"type": "boolean"}),
            OptionKind::Choice(words) => json!({"type": "string", "enum": words}),
            OptionKind::Number => json!({"type": "integer", "minimum": 0}),
            OptionKind::NumberOrAuto => {
                json!({"oneOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]})
            }
            OptionKind::Measure => json!({"type": ["string", "integer"]}),
            OptionKind::Path => json!({"type": "string"}),
            OptionKind::Texts => json!({"oneOf": [
                {"type": "string"}, {"type": "array", "items": {"type": "string"}}
            ]}),
        };
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), json!(self.help));
        }
        schema
    }
}

fn is_number(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| u32::try_from(number).is_ok())
}

/// A number with a unit; what the unit means is known to the queue.
fn is_measure(text: &str) -> bool {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    text.len() <= 20
        && number.starts_with(|digit: char| digit.is_ascii_digit())
        && number.parse::<f64>().is_ok()
}

/// The largest number of texts of one option.
const MOST_TEXTS: usize = 256;

/// A text that can be part of a command of FTP.
pub(crate) fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= 4096 && !text.contains(['\r', '\n', '\0'])
}
