//! Keys with the names of options. An option of the command line and its key in a file are one thing:
//! the same name, the same values, the same text of help, so they are described once, to clap.

use crate::program::args::{integer_error, wanted_number};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use clap::builder::{Resettable, ValueHint};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, Id};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Reader, meant};

/// A table of a file, as clap knows its keys, for the page that describes it.
#[derive(Debug)]
pub struct Table {
    /// Its heading, as a file has it.
    pub heading: &'static str,
    /// What it is for.
    pub text: &'static str,
    /// Its keys, as options.
    pub keys: Command,
}

/// A key that was read: the option that it sets, as words of a command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyOption {
    /// The name of the option, without dashes.
    pub name: String,
    /// Where its value stands in the file.
    pub at: Range<usize>,
    /// `--name=value`, once for each value.
    pub words: Vec<OsString>,
}

/// What the reader of a table has to know beside its keys.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Tables in it that are left to the caller, even if an option has the same name.
    pub tables: &'a [&'a str],
    /// What begins the list of known keys, as in [`Reader::known`].
    pub whose: &'a str,
    /// The directory to which paths are relative.
    pub base: &'a Path,
}

/// Reads the keys of `table` as options of `command`.
pub fn given(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    command: &Command,
    scope: Scope<'_>,
) -> Vec<KeyOption> {
    let Scope { tables, whose, base } = scope;
    let args: BTreeMap<&str, &Arg> =
        command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg))).collect();
    let others = tables.iter().copied().filter(|table| !args.contains_key(table));
    let known: Vec<&str> = args.keys().copied().chain(others).collect();
    let mut all = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match args.get(name) {
            _ if tables.contains(&name) && is_table(value) => {}
            Some(arg) => {
                if let Some(words) = words(reader, value, arg, base) {
                    all.push(KeyOption { name: name.to_owned(), at: value.span(), words });
                }
            }
            None if tables.contains(&name) => {
                reader.wrong(value.span(), format!("expected a table: write [{name}] or [[{name}]]"));
            }
            None => reader.unknown(key.span(), name, &known, whose),
        }
    }
    all
}

/// Reads a table whose keys are the options of `T`. `at` is the place of the table. Returns the values,
/// and where each of them stands; `None` after a mistake.
pub fn section<T: clap::Args>(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    at: &Range<usize>,
    scope: Scope<'_>,
) -> Option<(T, BTreeMap<String, Range<usize>>)> {
    let command = bare(T::augment_args(Command::new("settings")));
    let given = given(reader, table, &command, scope);
    let mut whole = true;
    for arg in command.get_arguments().filter(|arg| arg.is_required_set()) {
        if let Some(name) = arg.get_long().filter(|name| !table.contains_key(*name)) {
            reader.missing(at.clone(), format!("{name} is missing"));
            whole = false;
        }
    }
    if !whole {
        return None;
    }
    // Every value was read on its own, so an error is told already, except that options contradict each other.
    let read = values(&given)?;
    Some((read, given.into_iter().map(|given| (given.name, given.at)).collect()))
}

/// What keys that were read on their own mean together. `None` if they contradict each other, or one
/// that must be there is missing.
pub fn values<T: clap::Args>(given: &[KeyOption]) -> Option<T> {
    let words = given.iter().flat_map(|given| given.words.iter().cloned());
    let command = bare(T::augment_args(Command::new("settings")));
    command.try_get_matches_from(words).and_then(|matches| T::from_arg_matches(&matches)).ok()
}

/// Whether a value is a table or a list of tables.
fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    let first = value.get_ref().as_array().and_then(|list| list.iter().next());
    value.get_ref().is_table() || first.is_some_and(|first| first.get_ref().is_table())
}

/// A command without a program's name, help and version.
fn bare(command: Command) -> Command {
    command.no_binary_name(true).disable_help_flag(true).disable_version_flag(true)
}

/// The words of one key; `None` after a mistake.
fn words(
    reader: &mut Reader<'_>,
    value: &Spanned<DeValue<'_>>,
    arg: &Arg,
    base: &Path,
) -> Option<Vec<OsString>> {
    let name = arg.get_long()?;
    if !arg.get_action().takes_values() {
        return match value.get_ref().as_bool() {
            Some(true) => Some(vec![format!("--{name}").into()]),
            Some(false) => Some(Vec::new()),
            None => {
                reader.wrong(value.span(), format!("expected true or false, found {}", type_of(value)));
                None
            }
        };
    }
    let many = matches!(arg.get_action(), ArgAction::Append);
    let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref().as_array() {
        Some(list) if many => list.iter().collect(),
        Some(_) => {
            reader.wrong(value.span(), "expected one value, found a list");
            return None;
        }
        None => vec![value],
    };
    let mut words = Vec::new();
    for item in items {
        words.push(word(reader, item, arg, name, base));
    }
    words.into_iter().collect()
}

/// One value of a key as `--name=value`, if the option takes it.
fn word(
    reader: &mut Reader<'_>,
    value: &Spanned<DeValue<'_>>,
    arg: &Arg,
    name: &str,
    base: &Path,
) -> Option<OsString> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => {
            reader.wrong(value.span(), format!("expected text in quotes, found {}", type_of(value)));
            return None;
        }
    };
    let is_path =
        matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath);
    let mut word = OsString::from(format!("--{name}="));
    if is_path {
        word.push(base.join(&text));
    } else {
        word.push(&text);
    }
    // What the option has to do with others is no matter of its value.
    let own =
        arg.clone().required(false).requires(Resettable::<Id>::Reset).conflicts_with(Resettable::<Id>::Reset);
    let alone = bare(Command::new("settings")).arg(own.overrides_with(Resettable::<Id>::Reset));
    match alone.try_get_matches_from([word.clone()]) {
        Ok(_) => Some(word),
        Err(error) => {
            let expected = expected(&error, &text);
            let is_negative = text.starts_with('-') && expected.contains(" is not in 0..");
            let what = if is_negative { format!("{name} must not be negative") } else { expected };
            reader.wrong(value.span(), what);
            None
        }
    }
}

/// What clap says about a value, without the words of a command line.
fn expected(error: &clap::Error, text: &str) -> String {
    if let Some(why) = integer_error(error) {
        return wanted_number(why).to_owned();
    }
    if let Some(source) = std::error::Error::source(error) {
        return source.to_string();
    }
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) {
        let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
        return format!("expected one of {}{}", valid.join(", "), meant(text, &valid));
    }
    "this value is not possible here".to_owned()
}

fn type_of(value: &Spanned<DeValue<'_>>) -> &'static str {
    value.get_ref().type_str()
}

/// What a file says about options, for command lines that do not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Defaults(BTreeMap<String, String>);

impl Defaults {
    /// Reads the keys of `table` as options of `command`, each by its own rules. `whose` begins the list of known
    /// keys, as in [`Reader::known`].
    pub fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, command: &Command, whose: &str) -> Self {
        let scope = Scope { tables: &[], whose, base: Path::new("") };
        let given = given(reader, table, command, scope);
        let value = |word: &OsString| {
            let (_, value) = word.to_str()?.split_once('=')?;
            Some(value.to_owned())
        };
        Self(
            given
                .iter()
                .filter_map(|given| Some((given.name.clone(), value(given.words.first()?)?)))
                .collect(),
        )
    }

    /// Removes the value of one option, which somebody else looks at.
    pub fn take(&mut self, option: &str) -> Option<String> {
        self.0.remove(option)
    }

    /// The same without these options, named without dashes, where they have these values.
    #[must_use]
    pub fn without(mut self, refused: &[(&str, &str)]) -> Self {
        self.0.retain(|name, value| !refused.contains(&(name.as_str(), value.as_str())));
        self
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the options without dashes, and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The command with these defaults of its own options. Options of its subcommands stay as they are. A default
    /// counts as nothing that was typed: it contradicts no other option and demands none.
    #[must_use]
    pub fn apply(&self, command: Command) -> Command {
        let named = |arg: &Arg| {
            let value = self.0.get(arg.get_long()?).filter(|_| can_be_default(arg))?;
            Some((arg.get_id().as_str().to_owned(), value.clone()))
        };
        let found: Vec<(String, String)> = command.get_arguments().filter_map(named).collect();
        found
            .into_iter()
            .fold(command, |command, (id, value)| command.mut_arg(id, |arg| arg.default_value(value)))
    }
}

/// Whether a file may say what an option means where it is not typed: the option takes one value, which is a duration,
/// a size, a rate, a count or one of a few words. Flags are left out, because their opposite cannot be typed.
pub fn can_be_default(arg: &Arg) -> bool {
    let takes_one = matches!(arg.get_action(), ArgAction::Set) && arg.get_long().is_some();
    let is_number =
        arg.get_value_names().unwrap_or_default().iter().any(|name| NUMBERS.contains(&name.as_str()));
    let is_choice = !arg.get_possible_values().is_empty() || !arg.get_default_values().is_empty();
    takes_one && !arg.is_hide_set() && (is_number || is_choice)
}

/// How help calls a duration, a count, a size and a rate.
const NUMBERS: [&str; 4] = ["T", "N", "SIZE", "RATE"];
