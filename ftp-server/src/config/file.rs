//! The configuration file: the options of the command line under the same names, and what only a file
//! can say.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use ftp_io::os_error::words;
use ftp_io::program::settings::{self, Given, Mistake, Mistakes, Reader};
use toml::de::DeTable;

use super::people;
use super::public::{self, PUBLIC};
use super::raw::Options;
use super::sections::{self, SECTIONS, Sections};
use crate::auth::{User, read_secret};
use crate::operate::public::PublicRule;

/// What a configuration file says. Every value in it is possible; whether they fit together is for
/// [`Config::compile`](super::Config::compile).
#[derive(Debug, Default)]
pub struct File {
    path: PathBuf,
    options: Vec<Given>,
    /// The line and the column of each option.
    places: BTreeMap<String, (usize, usize)>,
    /// Users in the order of the file.
    pub(super) users: Vec<User>,
    /// The tables `[[public-address]]` in their order.
    pub(super) public: Vec<PublicRule>,
    /// `[limits]`, `[bans]`, `[timeouts]`.
    pub(super) sections: Sections,
}

impl File {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// All mistakes of the file, each with its place.
    pub fn read(path: &Path) -> Result<Self, Mistakes> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Mistakes::whole(path, format!("cannot read it: {}", words(&error))))?;
        let file = Self::parse(&text, path).map_err(|list| Mistakes::new(path, list))?;
        if file.secret().is_some() {
            read_secret(path)?;
        }
        Ok(file)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Vec<Mistake>> {
        let base = path.parent().unwrap_or(Path::new(""));
        settings::read(text, |reader, table| {
            let command = Options::augment_args(clap::Command::new("ftp-server"));
            let tables: Vec<&str> = SECTIONS.into_iter().chain([USERS, PUBLIC]).collect();
            let known = (tables.as_slice(), "the configuration has", base);
            let mut options = settings::given(reader, table, &command, known);
            let sections = sections::read(reader, table, base, &mut options);
            let places = options.iter().map(|given| (given.name.clone(), reader.place(&given.at))).collect();
            let users = users(reader, table, base);
            let public = public::read(reader, table, base);
            Self { path: path.to_owned(), options, places, users, public, sections }
        })
    }

    /// The file itself, if it has passwords or hashes in it.
    pub(super) fn secret(&self) -> Option<&Path> {
        let secret = !self.users.is_empty() || self.places.contains_key("user");
        secret.then_some(self.path.as_path())
    }

    /// The options of the file as words of a command line, without those that are `typed` there: the
    /// command line beats the file.
    pub fn words(&self, typed: &BTreeSet<String>) -> Vec<OsString> {
        let untyped = self.options.iter().filter(|given| !typed.contains(&given.name));
        untyped.flat_map(|given| given.words.iter().cloned()).collect()
    }

    /// A text about `option`, with the place of that option if this file has it.
    pub fn located(&self, option: Option<&str>, text: &str) -> String {
        match option.and_then(|option| self.places.get(option)) {
            Some((line, column)) => format!("{}:{line}:{column}: {text}", self.path.display()),
            None => text.to_owned(),
        }
    }
}

/// A file says `[[users]]` for users; `users = "FILE"` is the option.
fn users(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    if table.get(USERS).is_some_and(|value| value.get_ref().is_str()) {
        return users;
    }
    for (at, table) in reader.tables(table, USERS, "user") {
        let Some((user, at)) = people::user(reader, table, &at, base) else { continue };
        if users.iter().any(|other| other.name == user.name) {
            reader.wrong(at, format!("two users have the name {:?}: choose another", user.shown_name()));
        }
        users.push(user);
    }
    users
}

/// The tables of users.
const USERS: &str = "users";
