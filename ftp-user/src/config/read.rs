//! The settings' TOML, taken apart strictly: every mistake is told with its line, its column and what
//! was expected.

use super::{Near, Relay};
use crate::failure::Failure;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the text of a settings file. `file` is its name: token files are relative to its directory.
///
/// # Errors
///
/// All mistakes of the text in one line, each with its line and column.
pub fn parse(text: &str, file: &Path) -> Result<Vec<Relay>, Failure> {
    let mut reader = Reader { text, directory: file.parent().unwrap_or(Path::new("")), mistakes: Vec::new() };
    let mut relays = Vec::new();
    match DeTable::parse(text) {
        Ok(table) => reader.settings(table.get_ref(), &mut relays),
        Err(error) => {
            reader.wrong(error.span().unwrap_or(text.len()..text.len()), error.message().to_owned())
        }
    }
    if reader.mistakes.is_empty() { Ok(relays) } else { Err(reader.failure(file)) }
}

struct Reader<'a> {
    text: &'a str,
    directory: &'a Path,
    /// Where in the text, and what.
    mistakes: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn settings(&mut self, table: &DeTable<'_>, relays: &mut Vec<Relay>) {
        self.known(table, &["relays"], "the settings have");
        let Some(list) = table.get("relays") else { return };
        let Some(list_of) = list.get_ref().as_array() else {
            return self.wrong(list.span(), "write [[relays]], once for each relay".to_owned());
        };
        for item in list_of {
            let Some(table) = item.get_ref().as_table() else {
                self.wrong(item.span(), "expected a table: write [[relays]], once for each relay".to_owned());
                continue;
            };
            let Some(relay) = self.relay(table, item.span()) else { continue };
            if relays.iter().any(|other| other.name == relay.name) {
                let at = table.get("name").map_or(item.span(), Spanned::span);
                self.wrong(at, format!("two relays have the name {:?}: choose another", relay.name));
            }
            relays.push(relay);
        }
    }

    fn relay(&mut self, table: &DeTable<'_>, at: Range<usize>) -> Option<Relay> {
        self.known(table, &RELAY, "a relay has");
        let name = self.required(table, "name", &at).map(|(at, text)| self.name(at, text));
        let address = self.required(table, "address", &at).map(|(at, text)| self.parsed(at, text));
        let token_file = self.required(table, "token-file", &at).map(|(_, text)| self.directory.join(text));
        let near = self.near(table);
        Some(Relay { name: name??, address: address??, token_file: token_file?, near })
    }

    /// It stands in lines for people.
    fn name(&mut self, at: Range<usize>, text: &str) -> Option<String> {
        let fits = (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(char::is_control);
        if !fits {
            self.wrong(at, format!("a name has 1 to {MAX_NAME} characters, and none of control"));
        }
        fits.then(|| text.to_owned())
    }

    fn near(&mut self, table: &DeTable<'_>) -> Vec<Near> {
        let Some(value) = table.get("near") else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(
                value.span(),
                "expected a list, like [\"src.example.net\", \"192.0.2.0/24\"]".to_owned(),
            );
            return Vec::new();
        };
        let mut near = Vec::new();
        for item in list {
            near.extend(self.text(item).and_then(|(at, text)| self.parsed(at, text)));
        }
        near
    }

    fn parsed<T: FromStr<Err = &'static str>>(&mut self, at: Range<usize>, text: &str) -> Option<T> {
        text.parse().map_err(|expected: &str| self.wrong(at, expected.to_owned())).ok()
    }

    /// The text of a key that must be there.
    fn required<'t>(
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

    fn text<'t>(&mut self, value: &'t Spanned<DeValue<'_>>) -> Option<(Range<usize>, &'t str)> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(
                value.span(),
                format!("expected text in quotes, found {}", value.get_ref().type_str()),
            );
        }
        text.map(|text| (value.span(), text))
    }

    fn known(&mut self, table: &DeTable<'_>, known: &[&str], whose: &str) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let what = if LATER.contains(&name) && known.contains(&"relays") {
                format!("[{name}] is not built in yet: leave it out, and name servers by their URLs")
            } else {
                let near = known.iter().find(|known| strsim::jaro(known, name) > ALIKE);
                let meant = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                format!("unknown key {name:?}: {whose} {}{meant}", known.join(", "))
            };
            self.wrong(key.span(), what);
        }
    }

    fn wrong(&mut self, at: Range<usize>, what: String) {
        self.mistakes.push((at.start, what));
    }

    /// All of them in one line, in the order of the file.
    fn failure(mut self, file: &Path) -> Failure {
        self.mistakes.sort();
        let told: Vec<String> = self.mistakes.iter().map(|(at, what)| self.located(*at, what)).collect();
        Failure::usage(format!("{}:{}", file.display(), told.join(" | ")))
    }

    fn located(&self, at: usize, what: &str) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{line}:{column}: {what}")
    }
}

const RELAY: [&str; 4] = ["name", "address", "token-file", "near"];
/// Part of the contract, not of this program.
const LATER: [&str; 2] = ["sites", "defaults"];
/// The similarity at which clap makes a suggestion.
const ALIKE: f64 = 0.7;
const MAX_NAME: usize = 64;
