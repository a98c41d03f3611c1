//! Which file holds the settings, and its TOML, taken apart strictly: every mistake is told with its line, its column and what
//! was expected.

use super::{Relay, Settings, daemon, sites};
use crate::failure::{Failure, Result, words};
use crate::journal::as_text::{AsText, TypedText};
use crate::place::{Authority, Names, Proxy};
use crate::shell::{Composites, Directory, Scope};
use crate::world::Congestion;
use clap::{Command, ValueEnum};
use ftp_io::named_file::{LARGEST_SETTINGS, NamedFile, Readable, is_in_other_hands};
use ftp_io::program::settings::{self, Defaults, Mistakes, Reader};
use ftp_io::quoting::for_shell;
use ftp_proto::address::unmapped;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Host;

/// Reads the text of a settings file. `file` is its name: token files are relative to its directory. `keys` makes the
/// keys of `[defaults]`, which is not looked at without it.
///
/// # Errors
///
/// All mistakes of the text in one line, each with its line and column.
pub fn parse(text: &str, file: &Path, keys: Option<MakeKeys>) -> Result<Settings> {
    let directory = file.parent().unwrap_or(Path::new(""));
    settings::read(text, |reader, table| whole(reader, table, directory, keys))
        .map_err(|mistakes| Failure::usage(Mistakes::new(file, mistakes).to_string()))
}

fn whole(reader: &mut Reader<'_>, table: &DeTable<'_>, directory: &Path, keys: Option<MakeKeys>) -> Settings {
    let is_default = |name: &str| {
        keys.is_some_and(|keys| keys().options.get_arguments().any(|arg| arg.get_long() == Some(name)))
    };
    for key in table.keys() {
        match key.get_ref().as_ref() {
            known if SECTIONS.contains(&known) => {}
            default if is_default(default) => {
                reader.wrong(key.span(), format!("{default:?} does not belong here: write it in [defaults]"));
            }
            other => reader.unknown(key.span(), other, &SECTIONS, "the settings have"),
        }
    }
    let consent = consent(reader, table);
    let congestion = congestion(reader, table);
    let relays = relays(reader, table, directory);
    let names: Vec<&str> = relays.iter().map(|relay| relay.name.as_str()).collect();
    let (sites, shared_limits) = sites::read(reader, table, directory, &names);
    let composites = composites(reader, table, &sites);
    let tokens = daemon::tokens(reader, table, &sites);
    let sites = sites.beside_composites(composites.keys().cloned());
    // They are the last ones that are read, because the reader learns where options belong.
    let daemon = daemon::options(reader, table, directory, keys);
    let mut defaults = defaults(reader, table, keys);
    // clap has read them: a value that cannot be used is told already.
    let trust = defaults.take("trust").and_then(|text| text.parse().ok());
    let proxy = defaults.take("proxy").and_then(|text| text.parse().ok());
    Settings {
        relays: relays.into(),
        trust,
        proxy,
        consent,
        congestion,
        defaults,
        sites,
        shared_limits,
        daemon,
        tokens,
        composites,
    }
}

/// `[defaults]`: what options mean where they are not typed.
fn defaults(reader: &mut Reader<'_>, table: &DeTable<'_>, keys: Option<MakeKeys>) -> Defaults {
    let (Some((_, table)), Some(keys)) = (reader.table(table, "defaults"), keys) else {
        return Defaults::default();
    };
    let keys = keys();
    for (name, place) in keys.elsewhere {
        reader.belongs(name, place);
    }
    Defaults::read(reader, table, &keys.options, "[defaults] has")
}

/// `[relay]`: what holds for all relays.
fn consent(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Consent> {
    let rules = table.get("relay")?;
    if rules.get_ref().is_array() {
        reader.wrong(
            rules.span(),
            "a relay stands below [[relays]], and [relay] is what holds for all of them",
        );
        return None;
    }
    let (_, table) = reader.table(table, "relay")?;
    reader.known(table, &["consent"], "[relay] has");
    sites::parsed(reader, table, "consent")
}

/// `[network]`: how this host sends and receives.
fn congestion(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Congestion> {
    let (_, table) = reader.table(table, "network")?;
    reader.known(table, &["congestion"], "[network] has");
    sites::parsed(reader, table, "congestion")
}

fn relays(reader: &mut Reader<'_>, table: &DeTable<'_>, directory: &Path) -> Vec<Relay> {
    let mut relays: Vec<Relay> = Vec::new();
    for (at, table) in reader.tables(table, "relays", "relay") {
        let Some(relay) = relay(reader, table, &at, directory) else { continue };
        if relays.iter().any(|other| other.name == relay.name) {
            let at = table.get("name").map_or(at, Spanned::span);
            reader.wrong(at, format!("two relays have the name {:?}: choose another", relay.name));
        }
        relays.push(relay);
    }
    relays
}

fn relay(reader: &mut Reader<'_>, table: &DeTable<'_>, at: &Range<usize>, directory: &Path) -> Option<Relay> {
    reader.known(table, &RELAY, "a relay has");
    let named = reader.required(table, "name", at).map(|(at, text)| name(reader, at, text));
    let address = reader.required(table, "address", at).map(|(at, text)| reader.parsed(at, text));
    let token_file = reader.required(table, "token-file", at).map(|(_, text)| directory.join(text));
    let near = near(reader, table);
    Some(Relay { name: named??, address: address??, token_file: token_file?, near })
}

/// The name appears in messages, so it has no control characters.
fn name(reader: &mut Reader<'_>, at: Range<usize>, text: &str) -> Option<String> {
    let fits = (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(char::is_control);
    if !fits {
        reader.wrong(at, format!("a name has 1 to {MAX_NAME} characters, and none of control"));
    }
    fits.then(|| text.to_owned())
}

fn near(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Vec<Near> {
    let Some(value) = table.get("near") else { return Vec::new() };
    let Some(list) = value.get_ref().as_array() else {
        reader.wrong(value.span(), "expected a list, like [\"src.example.net\", \"192.0.2.0/24\"]");
        return Vec::new();
    };
    let mut near = Vec::new();
    for item in list {
        near.extend(reader.text(item).and_then(|(at, text)| reader.parsed(at, text)));
    }
    near
}

const RELAY: [&str; 4] = ["name", "address", "token-file", "near"];
const SECTIONS: [&str; 8] =
    ["relays", "relay", "network", "defaults", "daemon", "sites", "tokens", "composites"];
const MAX_NAME: usize = 64;

/// The keys that `[defaults]` may have: options of the command line, which the caller knows.
#[derive(Clone, Debug, Default)]
pub struct DefaultKeys {
    /// The options that may stand there, as they are typed.
    pub options: Command,
    /// The options of the daemon, which stand in `[daemon]`.
    pub daemon: Command,
    /// The names of other options, and where each of them is written.
    pub elsewhere: Vec<(String, String)>,
}

/// Makes the keys. They are made only for settings that need them.
pub type MakeKeys = fn() -> DefaultKeys;

/// `[composites.NAME]`: name spaces over directories of several sites, which the shell has from its beginning.
fn composites(reader: &mut Reader<'_>, table: &DeTable<'_>, sites: &Names) -> Composites {
    let Some((_, all)) = reader.table(table, "composites") else { return Composites::default() };
    let mut scope = Scope { sites: sites.clone(), ..Scope::default() };
    for (key, value) in all {
        let name = key.get_ref().as_ref();
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong(value.span(), format!("expected a table: write [composites.{name}]"));
            continue;
        };
        reader.known(table, &["components"], "a composite directory has");
        let list = table.get("components").filter(|list| list.get_ref().as_array().is_some());
        let Some(list) = list else {
            let at = table.get("components").map_or(key.span(), Spanned::span);
            reader.wrong(at, "expected components, like [\"lab:pub\", \"backup:data\"]");
            continue;
        };
        let items = list.get_ref().as_array().into_iter().flatten();
        let components: Vec<Directory> =
            items.filter_map(|item| component(reader, name, item, sites)).collect();
        if components.is_empty() {
            reader.wrong(list.span(), "a composite directory needs components");
        } else if let Err(failure) = scope.add(name, components) {
            reader.wrong(key.span(), format!("composites.{name}: {failure}"));
        }
    }
    scope.composites
}

/// A component: a directory of a site, or of this host by its whole path.
fn component(
    reader: &mut Reader<'_>,
    composite: &str,
    item: &Spanned<DeValue<'_>>,
    sites: &Names,
) -> Option<Directory> {
    let (at, text) = reader.text(item)?;
    match Directory::parse(text, sites) {
        Ok(directory) if !directory.is_local() || directory.is_absolute => Some(directory),
        Ok(_) => {
            let what = match text.split_once(':') {
                Some((name, _)) if !name.contains('/') => {
                    format!("no site is called {name}, which composites.{composite} uses")
                }
                Some(_) | None => {
                    "write SITE:path, a URL, or the whole path of a directory of this host".to_owned()
                }
            };
            reader.wrong(at, what);
            None
        }
        Err(failure) => {
            reader.wrong(at, failure.to_string());
            None
        }
    }
}

/// Reads the settings: of the file that was named, else of the usual one, which need not be there. `keys` makes the keys
/// of `[defaults]`, which is not looked at without it.
pub fn load(named: Option<&Path>, keys: Option<MakeKeys>) -> Result<Settings> {
    find(named, ftp_io::simulated::variable).map_or_else(|| Ok(Settings::default()), |file| file.read(keys))
}

/// The file of the settings: the one that was named, else the usual one; `None` if there is no home directory.
pub fn settings_file(named: Option<&Path>) -> Option<PathBuf> {
    find(named, ftp_io::simulated::variable).map(|file| file.path)
}

/// Where settings may be.
#[derive(PartialEq, Eq, Debug)]
struct SettingsFile {
    path: PathBuf,
    /// Whether somebody has named it: then it must be there.
    is_named: bool,
}

/// `--config`, else `FTP_USER_CONFIG`, else the usual place below the home directory.
fn find(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<SettingsFile> {
    let variable = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or_else(|| variable("FTP_USER_CONFIG")) {
        return Some(SettingsFile { path, is_named: true });
    }
    // A relative XDG_CONFIG_HOME is invalid and is ignored (XDG Base Directory Specification).
    let own = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let own = own.or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some(SettingsFile { path: own.join("ftp-user/config.toml"), is_named: false })
}

impl SettingsFile {
    /// The settings, if nobody else could write them, and nobody else could read a password in them.
    fn read(&self, keys: Option<MakeKeys>) -> Result<Settings> {
        let path = self.path.display();
        let cannot = |why: &str| {
            Failure::usage(format!("cannot read the settings {path}: {why}"))
                .hint("name another file with --config")
        };
        let file = match NamedFile::open(&self.path, Readable::File) {
            // The home directory may be none, as /dev/null.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
                    && !self.is_named =>
            {
                return Ok(Settings::default());
            }
            opened => opened.map_err(|error| cannot(&words(&error)))?,
        };
        let facts = file.facts().clone();
        let bytes = file.read(LARGEST_SETTINGS).map_err(|error| cannot(&words(&error)))?;
        let text = str::from_utf8(&bytes).map_err(|_| cannot("it is not UTF-8"))?;
        refuse_other_hands(&self.path, &facts)?;
        let settings = parse(text, &self.path, keys)?;
        if facts.is_file() && facts.mode() & 0o077 != 0 && settings.has_secrets() {
            let what = format!("others may read the settings {path}, and a proxy in them has a password");
            return Err(Failure::usage(what).hint(format!("chmod 600 {}", for_shell(&self.path))));
        }
        Ok(settings)
    }
}

/// Refuses settings that another user than this one and root owns or may write: settings name programs that are run,
/// passwords, and certificates that are trusted.
pub(super) fn refuse_other_hands(path: &Path, facts: &Metadata) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    if facts.is_file() && is_in_other_hands(facts.uid(), facts.mode(), own) {
        let what = format!("others own the settings {} or may write them", path.display());
        return Err(Failure::usage(what).hint("make them yours alone: chown them, and chmod 600"));
    }
    Ok(())
}

/// The address of a relay.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RelayAddress {
    /// In a network.
    Network(Authority),
    /// A Unix socket of this host.
    Unix(PathBuf),
}

impl TypedText for RelayAddress {}

impl FromStr for RelayAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX) {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err("write unix:/PATH, from the root directory"),
            None => text.parse().map(Self::Network),
        }
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(authority) => authority.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// No host has this name and a path as its port.
const UNIX: &str = "unix:";

/// A server or a network beside a relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Near {
    /// A host name as it stands in a URL, or the name of a site.
    Host(String),
    /// Every server with an address of it.
    Network(IpNet),
}

impl Near {
    /// Whether it means the server that a URL calls `host` and that was reached at `address`; `site` is its name in the
    /// settings.
    pub fn covers(&self, host: &str, site: Option<&str>, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case(host) || site == Some(name),
            Self::Network(network) => network.contains(&unmapped(address)),
        }
    }
}

impl FromStr for Near {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match (network, Host::parse(text)) {
            (Ok(network), _) => Ok(Self::Network(network)),
            (Err(_), Ok(Host::Domain(name))) => Ok(Self::Host(name)),
            (Err(_), Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_)) => Err(HOST_OR_NETWORK),
        }
    }
}

const HOST_OR_NETWORK: &str = "write a host name or a network, like src.example.net or 192.0.2.0/24";

impl AsText for Proxy {
    /// Without the password, so that the proxy of a stored job that needs one has to be named again.
    fn to_json(&self) -> Value {
        let user = self.login.as_ref().map(|login| format!("{}@", login.user)).unwrap_or_default();
        format!("socks5://{user}{}", self.at).into()
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        value.as_str().ok_or("it is not text")?.parse()
    }
}

/// Which relays data may pass: the value of `--relay-consent`. The help of the command line shows these texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// No relay at all
    Never,
    /// Those for which you say yes at the terminal; without a terminal none
    Ask,
    /// Those of this command line and of the settings
    #[default]
    Own,
    /// Any that is known; so far these are the own ones
    Any,
}

impl FromStr for Consent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(text, false).map_err(|_| "write \"never\", \"ask\", \"own\" or \"any\"")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_proxy;
    use super::*;
    use std::collections::HashMap;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    const SITE: &str = "[sites.lab]\nurl = \"ftp://ann@h/\"\n";

    #[test]
    fn composite_directories_are_read_with_their_components() {
        let text =
            format!("{SITE}[composites.data]\ncomponents = [\"lab:pub\", \"ftp://b/x\", \"/srv/in\"]\n");
        let all = parse(&text, Path::new("x"), None).unwrap().composites;
        let shown = all.iter().map(|(name, components)| {
            let components: Vec<String> = components.iter().map(ToString::to_string).collect();
            format!("{name} {}", components.join(" "))
        });
        assert_eq!(shown.collect::<Vec<_>>(), ["data lab:pub ftp://b/x []/srv/in"]);
        assert_eq!(parse(SITE, Path::new("x"), None).unwrap().composites.len(), 0);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (lines, expect) in [
            (
                "[composites.data]\ncomponents = [\"lap:x\"]",
                "4:15: no site is called lap, which composites.data uses",
            ),
            ("[composites.data]\ncomponents = [\"here\"]", "4:15: write SITE:path"),
            ("[composites.data]\ncomponents = []", "4:14: a composite directory needs components"),
            ("[composites.data]", "3:13: expected components"),
            ("[composites.lab]\ncomponents = [\"lab:\"]", "composites.lab: lab is the name of a site"),
            ("[composites.-d]\ncomponents = [\"lab:\"]", "a name has 1 to 64"),
            ("[composites.data]\nparts = [\"lab:\"]", "unknown key \"parts\""),
            ("[composites.data]\ncomponents = [\"ftp://u:s3cret@h/\"]", "has no password"),
        ] {
            let failure = parse(&format!("{SITE}{lines}\n"), Path::new("x"), None).unwrap_err().to_string();
            assert!(failure.contains(expect) && !failure.contains("s3cret"), "{lines}: {failure}");
        }
    }

    #[test]
    fn a_named_file_comes_before_the_usual_one() {
        let check = |named: Option<&str>, variables: &[(&str, &str)], expect: Option<SettingsFile>| {
            let variables: HashMap<&str, &str> = variables.iter().copied().collect();
            let found = find(named.map(Path::new), |name| variables.get(name).map(OsString::from));
            assert_eq!(found, expect, "{named:?} {variables:?}");
        };
        let all = [("FTP_USER_CONFIG", "env.toml"), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/ann")];
        let named = |path: &str| Some(SettingsFile { path: path.into(), is_named: true });
        let usual = |path: &str| Some(SettingsFile { path: path.into(), is_named: false });
        check(Some("mine.toml"), &all, named("mine.toml"));
        check(None, &all, named("env.toml"));
        check(None, &all[1..], usual("/xdg/ftp-user/config.toml"));
        check(None, &all[2..], usual("/ann/.config/ftp-user/config.toml"));
        check(None, &[("FTP_USER_CONFIG", ""), all[2]], usual("/ann/.config/ftp-user/config.toml"));
        check(None, &[("XDG_CONFIG_HOME", "xdg"), all[2]], usual("/ann/.config/ftp-user/config.toml"));
        check(None, &[], None);
    }

    #[test]
    fn only_a_named_file_must_be_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let read = |is_named| SettingsFile { path: path.clone(), is_named }.read(None);
        assert_eq!(read(false), Ok(Settings::default()));
        let failure = read(true).unwrap_err();
        assert!(failure.to_string().contains("config.toml"), "{failure}");
        std::fs::write(&path, "# nothing yet\n").unwrap();
        assert_eq!(read(true), Ok(Settings::default()));
    }

    #[test]
    fn settings_in_other_hands_are_refused_and_a_proxy_password_is_for_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let read = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            SettingsFile { path: path.clone(), is_named: true }.read(Some(with_proxy))
        };
        let site = "[sites.lab]\nurl = \"ftp://ann@h/\"\npassword-command = \"x\"\n";
        for mode in [0o666, 0o620, 0o602] {
            let failure = read(site, mode).unwrap_err().to_string();
            assert!(failure.contains("others own the settings"), "{mode:o}: {failure}");
        }
        for mode in [0o600, 0o644] {
            assert!(read(site, mode).is_ok(), "{mode:o}");
        }
        let of_site = "[sites.lab]\nurl = \"ftp://ann@h/\"\nproxy = \"socks5://u:s3cret@h:1\"\n";
        for text in ["[defaults]\nproxy = \"socks5://u:s3cret@h:1\"\n", of_site] {
            let failure = read(text, 0o644).unwrap_err().to_string();
            assert!(failure.contains("others may read") && !failure.contains("s3cret"), "{failure}");
            assert!(read(text, 0o600).is_ok(), "{text}");
        }
        assert!(read("[defaults]\nproxy = \"socks5://h:1\"\n", 0o644).is_ok());
        assert!(SettingsFile { path: "/dev/null".into(), is_named: true }.read(None).is_ok());
    }

    #[test]
    fn a_relay_is_in_a_network_or_at_a_path() {
        for right in ["relay.example.net:2190", "[2001:db8::1]:443", "unix:/run/relay.sock"] {
            assert_eq!(right.parse::<RelayAddress>().map(|at| at.to_string()), Ok(right.to_owned()));
        }
        for wrong in ["unix:relay.sock", "unix:", "/run/relay.sock", "relay"] {
            assert!(wrong.parse::<RelayAddress>().is_err(), "{wrong}");
        }
        // A host may have this name.
        assert!(matches!("unix.example.net:2190".parse(), Ok(RelayAddress::Network(_))));
    }

    #[test]
    fn a_server_is_near_by_its_name_or_that_of_its_site_or_its_network() {
        for (near, host, site, address, expect) in [
            ("src.example.net", "src.example.net", None, "192.0.2.7", true),
            ("SRC.example.net", "src.example.net", None, "192.0.2.7", true),
            ("src.example.net", "dst.example.net", None, "192.0.2.7", false),
            ("example.net", "src.example.net", None, "192.0.2.7", false),
            ("192.0.2.0/24", "src.example.net", None, "192.0.2.7", true),
            ("192.0.2.0/24", "src.example.net", None, "::ffff:192.0.2.7", true),
            ("192.0.2.0/24", "src.example.net", None, "198.51.100.7", false),
            ("192.0.2.7", "192.0.2.7", None, "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", None, "192.0.2.8", false),
            ("2001:db8::/32", "src.example.net", None, "2001:db8::7", true),
            ("2001:db8::/32", "src.example.net", None, "192.0.2.7", false),
            ("lab", "src.example.net", Some("lab"), "192.0.2.7", true),
            ("lab", "src.example.net", Some("other"), "192.0.2.7", false),
        ] {
            let found = near.parse::<Near>().unwrap().covers(host, site, address.parse().unwrap());
            assert_eq!(found, expect, "{near:?} {host} {address}");
        }
    }

    #[test]
    fn a_text_that_names_no_host_and_no_network_is_refused() {
        for wrong in ["", "192.0.2.0/33", "a b", "192.0.2", "ftp://src/"] {
            assert_eq!(wrong.parse::<Near>(), Err(HOST_OR_NETWORK), "{wrong}");
        }
    }
}
