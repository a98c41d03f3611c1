//! Settings files: TOML that is read strictly. Every mistake is told with its place and what was expected.
//!
//! This file takes TOML apart and collects the mistakes. `options` reads keys that have the names and values of options of a
//! command line.

mod options;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::string::FromUtf8Error;

pub use options::{Defaults, KeyOption, Scope, Table, can_be_default, given, section, values};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::named_file::{self, LARGEST_SETTINGS};
use crate::os_error::words;

/// Reads a file and collects its mistakes.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    mistakes: Vec<Mistake>,
    /// Something is no TOML, so that what is not found may be there all the same.
    is_broken: bool,
    /// Keys, and where in the file each of them belongs.
    places: BTreeMap<String, String>,
}

/// Reads `text`: `settings` gets the table of the whole file.
///
/// # Errors
///
/// All mistakes that were found.
pub fn read<'a, T>(
    text: &'a str,
    settings: impl FnOnce(&mut Reader<'a>, &DeTable<'a>) -> T,
) -> Result<T, Vec<Mistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let is_broken = !errors.is_empty();
    let mut reader = Reader { text, mistakes: Vec::new(), is_broken, places: BTreeMap::new() };
    for error in errors {
        let at = error.span().unwrap_or(text.len()..text.len());
        reader.wrong(at, error.message().replace('\n', " "));
    }
    let unread = reader.mistakes.len();
    let read = settings(&mut reader, table.get_ref());
    // What else is wrong in a line that is no TOML follows from the first mistake there.
    let mut lines = BTreeSet::new();
    let mut mistakes = reader.mistakes;
    let others = mistakes.split_off(unread);
    mistakes.retain(|mistake| lines.insert(mistake.line));
    mistakes.extend(others.into_iter().filter(|mistake| !lines.contains(&mistake.line)));
    if mistakes.is_empty() { Ok(read) } else { Err(mistakes) }
}

impl Reader<'_> {
    /// Records a mistake that begins at `at`.
    pub fn wrong(&mut self, at: Range<usize>, what: impl Into<String>) {
        let (line, column) = self.place(&at);
        self.mistakes.push(Mistake { line, column, what: what.into() });
    }

    /// Records that something is missing in what is at `at`.
    pub fn missing(&mut self, at: Range<usize>, what: impl Into<String>) {
        if !self.is_broken {
            self.wrong(at, what);
        }
    }

    /// The line and the column, both from 1, at which `at` begins.
    pub fn place(&self, at: &Range<usize>) -> (usize, usize) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// Refuses keys that are not among `known`. `whose` begins the list of those that are:
    /// `a relay has`.
    pub fn known(&mut self, table: &DeTable<'_>, known: &[&str], whose: &str) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            self.unknown(key.span(), key.get_ref(), known, whose);
        }
    }

    /// The key `name` belongs in this place of a file, like `in [limits]`. A mistake about a key that stands
    /// elsewhere says so.
    pub fn belongs(&mut self, name: impl Into<String>, place: impl Into<String>) {
        self.places.insert(name.into(), place.into());
    }

    /// Records that the key `name` is unknown.
    pub fn unknown(&mut self, at: Range<usize>, name: &str, known: &[&str], whose: &str) {
        if let Some(place) = self.places.get(name) {
            let what = format!("{name:?} does not belong here: write it {place}");
            return self.wrong(at, what);
        }
        let meant = meant(name, known);
        // A long list helps nobody.
        let list = match known.len() {
            0..=MAX_LISTED_KEYS => format!(": {whose} {}", known.join(", ")),
            _ => String::new(),
        };
        self.wrong(at, format!("unknown key {name:?}{list}{meant}"));
    }

    /// The tables of a list, `[[key]]`; none if the key is absent.
    pub fn tables<'t, 'd>(
        &mut self,
        table: &'t DeTable<'d>,
        key: &str,
        what: &str,
    ) -> Vec<(Range<usize>, &'t DeTable<'d>)> {
        let Some(list) = table.get(key) else { return Vec::new() };
        let how = format!("write [[{key}]], once for each {what}");
        let Some(items) = list.get_ref().as_array() else {
            self.wrong(list.span(), how);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref().as_table() {
                Some(table) => tables.push((item.span(), table)),
                None => self.wrong(item.span(), format!("expected a table: {how}")),
            }
        }
        tables
    }

    /// The table `[key]`, if there is one.
    pub fn table<'t, 'd>(
        &mut self,
        table: &'t DeTable<'d>,
        key: &str,
    ) -> Option<(Range<usize>, &'t DeTable<'d>)> {
        let value = table.get(key)?;
        let found = value.get_ref().as_table();
        if found.is_none() {
            self.wrong(value.span(), format!("expected a table: write [{key}]"));
        }
        found.map(|found| (value.span(), found))
    }

    /// The text of a key that must be there. `at` is where its absence is told.
    pub fn required<'t>(
        &mut self,
        table: &'t DeTable<'_>,
        key: &str,
        at: &Range<usize>,
    ) -> Option<(Range<usize>, &'t str)> {
        match table.get(key) {
            Some(value) => self.text(value),
            None => {
                self.missing(at.clone(), format!("{key} is missing"));
                None
            }
        }
    }

    /// The text of a value.
    pub fn text<'t>(&mut self, value: &'t Spanned<DeValue<'_>>) -> Option<(Range<usize>, &'t str)> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(
                value.span(),
                format!("expected text in quotes, found {}", value.get_ref().type_str()),
            );
        }
        text.map(|text| (value.span(), text))
    }

    /// What the text at `at` means.
    pub fn parsed<T: FromStr<Err: Into<String>>>(&mut self, at: Range<usize>, text: &str) -> Option<T> {
        text.parse::<T>().map_err(|expected| self.wrong(at, expected)).ok()
    }
}

/// A suggestion for an unknown name; empty if no known name is like it.
fn meant(name: &str, known: &[&str]) -> String {
    let alike = known.iter().map(|known| (strsim::jaro(known, name), known)).filter(|(how, _)| *how > ALIKE);
    let nearest = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map_or_else(String::new, |(_, near)| format!("; did you mean {near}?"))
}

/// So many known keys are listed beside an unknown one.
const MAX_LISTED_KEYS: usize = 12;
/// The similarity at which clap makes a suggestion.
const ALIKE: f64 = 0.7;

/// One mistake. The order is that of the file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mistake {
    /// The line, from 1; 0 if the mistake is one of the whole file.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong and what was expected.
    pub what: String,
}

/// All mistakes of one file. Its text is one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistakes {
    file: PathBuf,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// The mistakes of `file`, in the order of the file.
    pub fn new(file: &Path, mut list: Vec<Mistake>) -> Self {
        list.sort();
        Self { file: file.to_owned(), list }
    }

    /// One mistake of the whole file.
    pub fn whole(file: &Path, what: impl Into<String>) -> Self {
        Self::new(file, vec![Mistake { line: 0, column: 0, what: what.into() }])
    }

    /// Each mistake as a line of its own: `FILE:LINE:COLUMN: what`.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.list.iter().map(|mistake| format!("{}:{mistake}", self.file.display()))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, " {}", self.what),
            line => write!(f, "{line}:{}: {}", self.column, self.what),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.list.iter().map(Mistake::to_string).collect();
        write!(f, "{}:{}", self.file.display(), told.join(" | "))
    }
}

impl std::error::Error for Mistakes {}

/// Reads the text of the file at `path`.
///
/// # Errors
///
/// The file cannot be read, or is not UTF-8; the mistake says where.
pub fn text_of(path: &Path) -> Result<String, Mistakes> {
    let bytes = named_file::read(path, LARGEST_SETTINGS)
        .map_err(|error| Mistakes::whole(path, format!("cannot read it: {}", words(&error))))?;
    String::from_utf8(bytes.to_vec()).map_err(|error| Mistakes::new(path, vec![not_utf8(&error)]))
}

/// The first byte that is not UTF-8, which TOML needs.
fn not_utf8(error: &FromUtf8Error) -> Mistake {
    let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    Mistake { line, column, what: "this is not UTF-8: save the file as UTF-8".to_owned() }
}

/// The keys and the tables of a file, without their values. A table of a list is named by its `name`, its `at`, or its
/// number: `users "ann"`.
///
/// ```
/// use ftp_io::program::settings::Outline;
///
/// let before = Outline::of("require-tls = true\n[[users]]\nname = \"ann\"\nnetworks = [\"192.0.2.0/24\"]\n");
/// let after = Outline::of("[[users]]\nname = \"ann\"\n");
/// assert_eq!(before.lost_in(&after), ["require-tls", "networks of users \"ann\""]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outline(BTreeSet<Vec<String>>);

impl Outline {
    /// The outline of a file with this text; nothing if the text is not TOML.
    pub fn of(text: &str) -> Self {
        let mut keys = BTreeSet::new();
        if let Ok(table) = DeTable::parse(text) {
            gather(table.get_ref(), &[], &mut keys);
        }
        Self(keys)
    }

    /// The same, with tables of the list `list` that have these names. They stand in another file.
    #[must_use]
    pub fn with_names(mut self, list: &str, names: impl Iterator<Item = String>) -> Self {
        self.0.extend(names.map(|name| vec![format!("{list} {name:?}")]));
        self
    }

    /// What is here and not in `new`, in the order of the tables. Of a table that is gone its keys are not told.
    pub fn lost_in(&self, new: &Self) -> Vec<String> {
        let is_lost = |path: &&Vec<String>| {
            let above = path.split_last().map_or(&[][..], |(_, above)| above);
            !new.0.contains(*path) && (above.is_empty() || new.0.contains(above))
        };
        let words = |path: &Vec<String>| path.iter().rev().cloned().collect::<Vec<_>>().join(" of ");
        self.0.iter().filter(is_lost).map(words).collect()
    }

    /// Takes `new` in place of this outline, and warns in the log of what is gone.
    pub fn renew(&mut self, new: Self) {
        let lost = self.lost_in(&new);
        *self = new;
        let more = match lost.len().saturating_sub(MAX_TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let told = lost.iter().take(MAX_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
        if !lost.is_empty() {
            tracing::warn!("gone since the files were read last: {told}{more}");
        }
    }
}

fn gather(table: &DeTable<'_>, above: &[String], keys: &mut BTreeSet<Vec<String>>) {
    let mut found = |name: String, table: Option<&DeTable<'_>>| {
        let path = [above, &[name]].concat();
        if let Some(table) = table {
            gather(table, &path, keys);
        }
        keys.insert(path);
    };
    for (key, value) in table {
        let key = key.get_ref().as_ref();
        let list = value.get_ref().as_array().into_iter().flatten();
        let tables: Vec<&DeTable<'_>> = list.filter_map(|item| item.get_ref().as_table()).collect();
        if tables.is_empty() {
            found(key.to_owned(), value.get_ref().as_table());
        }
        for (number, table) in (1..).zip(tables) {
            let name = ["name", "at"].iter().find_map(|name| table.get(*name)?.get_ref().as_str());
            let number = || format!("{key} {number}");
            found(name.map_or_else(number, |name| format!("{key} {name:?}")), Some(table));
        }
    }
}

/// So much that is gone is told in one line of the log.
const MAX_TOLD: usize = 20;
