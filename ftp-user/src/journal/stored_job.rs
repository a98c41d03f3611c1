//! What a user asked for, as the journal keeps it: a value, and no words that somebody would have to read again.

use super::as_text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::PathBuf;

/// What a user asked for. It has no secret. Another process does the same with it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StoredJob {
    /// The version of this form: [`StoredJob::VERSION`], or 0 if an older `ftp-user` has written it and this one cannot read
    /// it.
    pub version: u32,
    /// `copy`, `move`, `sync` or `append`.
    pub verb: String,
    /// The places and options that were given, by their names. Any other option is as the settings say when the job runs.
    pub options: Map<String, Value>,
    /// The directory to which its relative paths belong.
    #[serde(with = "as_text")]
    pub directory: PathBuf,
    /// The words of the command line without passwords, for people: nothing reads them.
    #[serde(with = "as_text")]
    pub words: Vec<OsString>,
    /// The name that the user gave the job (`--id`).
    #[serde(skip)]
    pub name: Option<String>,
    /// Whether passwords were given. Only this run knows them, and only this run knows that.
    #[serde(skip)]
    pub had_passwords: bool,
}

/// Reads the options of a job that an older version has kept as the words of a command line, if it can.
pub type ReadWords = fn(&[OsString]) -> Option<Map<String, Value>>;

impl StoredJob {
    /// The version of this form.
    pub const VERSION: u32 = 1;

    /// A job of which an older version has kept these words. They are read here and never again.
    pub(super) fn of_words(words: Vec<OsString>, directory: PathBuf, read: ReadWords) -> Self {
        let options = read(&words);
        let version = if options.is_some() { Self::VERSION } else { 0 };
        Self { version, options: options.unwrap_or_default(), directory, words, ..Self::default() }
    }

    /// Whether this program can run it.
    pub fn can_run(&self) -> bool {
        self.version == Self::VERSION
    }

    /// Whether everything in a directory may be meant.
    pub(super) fn may_be_a_tree(&self) -> bool {
        !self.can_run() || self.options.get("recursive") == Some(&Value::Bool(true))
    }

    /// The texts of its places, unless a list names them.
    pub fn places(&self) -> impl Iterator<Item = OsString> {
        let several = self.options.get("places").and_then(Value::as_array);
        let one = ["source", "dest"].into_iter().filter_map(|name| self.options.get(name));
        several.into_iter().flatten().chain(one).filter_map(as_text::text_of)
    }

    /// Whether the same destination was given, as far as texts tell it. A place of this host may depend on the directory.
    pub(super) fn goes_where(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.places().last(), other.places().last()) else { return false };
        let is_url = one.as_encoded_bytes().windows(3).any(|bytes| bytes == b"://");
        one == two && (is_url || self.directory == other.directory)
    }

    /// Whether the same is to be copied. How it is to run does not count.
    pub fn has_work_of(&self, other: &Self) -> bool {
        let work = |job: &Self| -> Map<String, Value> {
            let is_work = |(name, _): &(&String, &Value)| !MANNER.contains(&name.as_str());
            job.options.iter().filter(is_work).map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let is_known = self.can_run() || self.words == other.words;
        is_known && self.version == other.version && self.verb == other.verb && work(self) == work(other)
    }

    /// Whether the same was asked for in the same directory.
    pub(super) fn asks_for_the_same(&self, other: &Self) -> bool {
        self.has_work_of(other) && self.directory == other.directory
    }
}

#[cfg(test)]
impl StoredJob {
    /// A job of a verb with places, and with `-r` perhaps.
    pub(crate) fn for_tests(words: &str) -> Self {
        let mut typed = words.split_whitespace();
        let verb = typed.next().unwrap_or_default().to_owned();
        let (options, places): (Vec<&str>, Vec<&str>) = typed.partition(|word| word.starts_with('-'));
        let mut named = Map::new();
        named.insert("places".to_owned(), places.into());
        if options.iter().any(|option| option.starts_with("-r")) {
            named.insert("recursive".to_owned(), true.into());
        }
        let words = words.split_whitespace().map(OsString::from).collect();
        Self { version: Self::VERSION, verb, options: named, words, ..Self::default() }
    }
}

/// The options that change nothing of what is copied: how servers are reached and trusted, by which path, and how fast. A test
/// of the command line says of each option whether it is one.
const MANNER: [&str; 26] = [
    "id",
    "proxy",
    "password_file",
    "v4",
    "v6",
    "timeout",
    "stall",
    "unseen",
    "retries",
    "trust",
    "ca",
    "pin",
    "insecure",
    "no_tls",
    "path",
    "relay",
    "relay_token_file",
    "relay_consent",
    "allow_clear_data",
    "jobs",
    "limit",
    "changed_parts",
    "resume",
    "no_resume",
    "race",
    "no_race",
];
