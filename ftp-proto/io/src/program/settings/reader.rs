//! Takes TOML apart. A value of the wrong kind, a key that is missing and an unknown key are
//! mistakes; reading goes on, so that all of them are found at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;

/// Reads a file and collects its mistakes.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    mistakes: Vec<Mistake>,
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
    let mut reader = Reader { text, mistakes: Vec::new(), places: BTreeMap::new() };
    let read = match DeTable::parse(text) {
        Ok(table) => Some(settings(&mut reader, table.get_ref())),
        Err(error) => {
            let at = error.span().unwrap_or(text.len()..text.len());
            reader.wrong(at, error.message().replace('\n', " "));
            None
        }
    };
    match read {
        Some(read) if reader.mistakes.is_empty() => Ok(read),
        Some(_) | None => Err(reader.mistakes),
    }
}

impl Reader<'_> {
    /// Records a mistake that begins at `at`.
    pub fn wrong(&mut self, at: Range<usize>, what: impl Into<String>) {
        let (line, column) = self.place(&at);
        self.mistakes.push(Mistake { line, column, what: what.into() });
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
                self.wrong(at.clone(), format!("{key} is missing"));
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
pub(super) fn meant(name: &str, known: &[&str]) -> String {
    let alike = known.iter().map(|known| (strsim::jaro(known, name), known)).filter(|(how, _)| *how > ALIKE);
    let nearest = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map_or_else(String::new, |(_, near)| format!("; did you mean {near}?"))
}

/// So many known keys are listed beside an unknown one.
const MAX_LISTED_KEYS: usize = 12;
/// The similarity at which clap makes a suggestion.
const ALIKE: f64 = 0.7;
