//! What options mean where they are not typed: keys of a file with the names and values of the options.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use toml::de::DeTable;

use super::options::{Scope, given};
use super::reader::Reader;

/// What a file says about options, for command lines that do not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Defaults(BTreeMap<String, String>);

impl Defaults {
    /// Reads the keys of `table` as options of `command`, each by its own rules. `whose` begins the list of known
    /// keys, as in [`Reader::known`].
    pub fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, command: &Command, whose: &str) -> Self {
        let scope = Scope { tables: &[], whose, base: Path::new("") };
        let given = given(reader, table, command, scope);
        let value = |word: &std::ffi::OsString| {
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
