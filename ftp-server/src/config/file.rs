//! The configuration file: the options of the command line under the same names, and what only a file
//! can say, such as `[[public-address]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use ftp_io::program::settings::{self, KeyOption, Mistake, Mistakes, Outline, Reader, Scope, Table, section};
use ipnet::IpNet;
use toml::de::DeTable;

use super::error::{ConfigError, ConfigWarning};
use super::raw::{Options, network};
use super::sections::{self, SECTIONS, Sections};
use super::{Config, people};
use crate::auth::{User, read_secret};
use crate::operate::public::{Host, PublicRule};

/// Lines and columns of keys.
type Places = BTreeMap<String, (usize, usize)>;

/// What a configuration file says. Every value in it is possible; whether they fit together is for
/// [`Config::compile`](super::Config::compile).
#[derive(Debug, Default)]
pub struct File {
    path: PathBuf,
    outline: Outline,
    options: Vec<KeyOption>,
    /// The line and the column of each option, and of each key of a table: `users.ann.root`, `bans.time`.
    places: Places,
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
        let text = settings::text_of(path)?;
        let file = Self::parse(&text, path).map_err(|list| Mistakes::new(path, list))?;
        if file.secret().is_some() {
            read_secret(path)?;
        }
        Ok(file)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Vec<Mistake>> {
        let base = path.parent().unwrap_or(Path::new(""));
        settings::read(text, |reader, table| {
            say_where_keys_belong(reader);
            let command = Options::augment_args(clap::Command::new("ftp-server"));
            let tables: Vec<&str> = SECTIONS.into_iter().chain([USERS, PUBLIC]).collect();
            let scope = Scope { tables: &tables, whose: "the configuration has", base };
            let mut options = settings::given(reader, table, &command, scope);
            let sections = sections::read(reader, table, base, &mut options);
            let mut places: Places =
                options.iter().map(|given| (given.name.clone(), reader.place(&given.at))).collect();
            places.extend(sections.places.iter().map(|(key, at)| (key.clone(), reader.place(at))));
            let users = users(reader, table, base, &mut places);
            let public = public_rules(reader, table, base);
            let outline = Outline::of(text);
            Self { path: path.to_owned(), outline, options, places, users, public, sections }
        })
    }

    /// What this file gives, and which users `config` has in all.
    pub fn outline(&self, config: &Config) -> Outline {
        self.outline.clone().with_names(USERS, config.users.iter().map(User::shown_name))
    }

    /// A line for each key and table of `old` that this file does not have any more.
    pub fn lost_since(&self, old: &Self) -> Vec<String> {
        let say = |lost| format!("{} has {lost}, and {} has not", old.path.display(), self.path.display());
        old.outline.lost_in(&self.outline).into_iter().map(say).collect()
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

    /// The lines of a mistake, with the place of its key if this file has it.
    pub fn located(&self, error: &ConfigError) -> Vec<String> {
        if let ConfigError::Users(mistakes) = error {
            return mistakes.lines().collect();
        }
        let here = !self.path.as_os_str().is_empty();
        vec![match error.lacks().filter(|_| here) {
            Some(what) => format!("{}: {what}", self.path.display()),
            None => self.at(error.key().as_deref(), &error.to_string()),
        }]
    }

    /// The line of a warning, with the place of its key if this file has it.
    pub fn warned(&self, warning: &ConfigWarning) -> String {
        self.at(Some(&warning.key()), &warning.to_string())
    }

    fn at(&self, key: Option<&str>, text: &str) -> String {
        match key.and_then(|key| self.places.get(key)) {
            Some((line, column)) => format!("{}:{line}:{column}: {text}", self.path.display()),
            None => text.to_owned(),
        }
    }
}

/// Tells the reader of every key in which table it belongs. An option belongs above all tables.
fn say_where_keys_belong(reader: &mut Reader<'_>) {
    for Table { heading, keys, .. } in super::tables() {
        for key in keys.get_arguments().filter_map(clap::Arg::get_long) {
            reader.belongs(key, format!("in {heading}"));
        }
    }
    let options = Options::augment_args(clap::Command::new("ftp-server"));
    for option in options.get_arguments().filter_map(clap::Arg::get_long) {
        reader.belongs(option, "at the top of the file, above the first table");
    }
}

/// A file says `[[users]]` for users; `users = "FILE"` is the option.
fn users(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path, places: &mut Places) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    if table.get(USERS).is_some_and(|value| value.get_ref().is_str()) {
        return users;
    }
    for (at, table) in reader.tables(table, USERS, "user") {
        let Some((user, keys)) = people::user(reader, table, &at, base) else { continue };
        let name = user.shown_name();
        if users.iter().any(|other| other.name == user.name) {
            let at = keys.get("name").cloned().unwrap_or(at);
            reader.wrong(at, format!("two users have the name {name:?}: choose another"));
        }
        places.extend(keys.iter().map(|(key, at)| (format!("users.{name}.{key}"), reader.place(at))));
        users.push(user);
    }
    users
}

/// One public address.
#[derive(clap::Args, Debug)]
pub struct PublicKeys {
    /// The address, or a name that is looked up every minute
    #[arg(long, value_name = "IP|NAME")]
    pub address: Host,
    /// Networks of the clients that are told this address [default: every network]
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub networks: Vec<IpNet>,
}

/// The tables of a file; `public-address = "HOST"` is the option.
fn public_rules(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path) -> Vec<PublicRule> {
    if table.get(PUBLIC).is_some_and(|value| value.get_ref().is_str()) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (at, table) in reader.tables(table, PUBLIC, "address") {
        let scope = Scope { tables: &[], whose: "a public address has", base };
        let read = section::<PublicKeys>(reader, table, &at, scope);
        let Some((PublicKeys { address, networks }, _)) = read else { continue };
        rules.push(PublicRule { networks, host: address });
    }
    rules
}

/// The tables of users.
const USERS: &str = "users";
/// The tables of public addresses.
const PUBLIC: &str = "public-address";
