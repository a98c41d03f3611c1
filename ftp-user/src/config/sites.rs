//! `[sites.NAME]`: servers that have a name, and what holds for them alone.

use super::values::{OnUnknown, Proxy};
use crate::failure::Failure;
use crate::place::{
    Addresses, Named, Names, PasswordSource, Place, Remote, Site, SiteLimits, check_name, nearest,
};
use ftp_io::program::settings::Reader;
use ftp_io::program::size;
use ftp_proto::address::{Kind, kind};
use ftp_proto::client::Security;
use ftp_proto::wire::Fingerprint;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The sites of the settings: their names, and what holds for each of them. Clones share it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sites {
    /// Which places have which names.
    pub names: Names,
    profiles: Arc<BTreeMap<String, Profile>>,
}

/// What holds for the sessions with a site, besides what [`Named`] says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    /// Roots (PEM) besides those of this host.
    pub ca: Option<PathBuf>,
    /// The only good certificates, if there are any.
    pub pins: Vec<Fingerprint>,
    /// What to do with unknown certificates, unless the command line says it.
    pub trust: Option<OnUnknown>,
    /// How this program connects to it, unless the command line says it.
    pub proxy: Option<SiteProxy>,
    /// The relays that it stands beside.
    pub relays: Vec<String>,
}

impl Profile {
    /// Whether it says which certificates are good: a server without TLS would show none.
    fn judges_certificates(&self) -> bool {
        !self.pins.is_empty() || self.ca.is_some() || self.trust == Some(OnUnknown::Refuse)
    }
}

/// How this program connects to a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SiteProxy {
    /// Without a proxy, whatever the defaults say.
    None,
    /// Through this one.
    Through(Proxy),
}

impl FromStr for SiteProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::Through) }
    }
}

impl Sites {
    /// Whether the settings name the certificates of that site.
    pub fn has_pins(&self, site: &Site) -> bool {
        let profile = site.named.as_ref().and_then(|named| self.profile(&named.name));
        profile.is_some_and(|profile| !profile.pins.is_empty())
    }

    /// The sites that stand beside the relay of that name.
    pub(super) fn beside(&self, relay: &str) -> impl Iterator<Item = &str> {
        let names_it = move |profile: &Profile| profile.relays.iter().any(|name| name == relay);
        self.profiles.iter().filter(move |(_, profile)| names_it(profile)).map(|(name, _)| name.as_str())
    }

    /// What the settings say of each site, in no order.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.values()
    }

    /// The profile of the site of that name.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }
}

/// Reads `[sites]`. `relays` are the names of those that a site may stand beside.
pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, directory: &Path, relays: &[&str]) -> Sites {
    let Some((_, sites)) = reader.table(table, "sites") else { return Sites::default() };
    let (mut names, mut profiles) = (Vec::new(), BTreeMap::new());
    let known: Vec<&str> = sites.keys().map(|key| key.get_ref().as_ref()).collect();
    for (key, value) in sites {
        let name = key.get_ref().as_ref();
        if let Err(why) = check_name(name) {
            reader.wrong(key.span(), format!("{name:?} cannot be the name of a site: {why}"));
            continue;
        }
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong(value.span(), format!("expected a table: write [sites.{name}]"));
            continue;
        };
        reader.known(table, &KEYS, "a site has");
        let place = remote(reader, table, &key.span());
        let mut profile = profile(reader, table, directory);
        let named = Named {
            name: name.to_owned(),
            base: None,
            password: password(reader, table, directory),
            addresses: addresses(reader, table, &known),
            limits: limits(reader, table),
        };
        if let Some(value) = table.get("relay") {
            let named = list(reader, value, "the name of a relay, or a list of them");
            profile.relays = beside(reader, named, relays);
        }
        let Some(mut place) = place else { continue };
        if named.password.is_some() && place.site.user.is_none() {
            let at = table.get("url").map_or(key.span(), Spanned::span);
            reader.wrong(at, "a password needs its user: write ftp://USER@HOST/");
        }
        // A site whose certificate is decided here requires TLS, so nobody in between can strip it.
        if profile.judges_certificates() && place.site.security == Security::Offered {
            place.site.security = Security::Explicit;
        }
        let base = place.path.name.clone();
        place.site.named = Some(Arc::new(Named { base, ..named }));
        names.push((name.to_owned(), place));
        profiles.insert(name.to_owned(), profile);
    }
    Sites { names: Names::new(names), profiles: Arc::new(profiles) }
}

/// The URL of a site. It has no password: this file may be read by others.
fn remote(reader: &mut Reader<'_>, table: &DeTable<'_>, at: &Range<usize>) -> Option<Remote> {
    let (at, text) = reader.required(table, "url", at)?;
    match site_url(text) {
        Ok(remote) => Some(remote),
        Err(why) => {
            reader.wrong(at, why.what);
            None
        }
    }
}

/// Reads the URL of a site.
///
/// # Errors
///
/// It is no URL of a server, has a password, or a pattern.
pub fn site_url(text: &str) -> Result<Remote, Failure> {
    let remote = match Place::parse(text.as_bytes()) {
        Ok(Place::Remote(remote)) => remote,
        Ok(Place::Local(_)) => return Err(Failure::usage("write ftp://USER@HOST/, ftpes:// or ftps://")),
        Err(failure) => return Err(failure),
    };
    if remote.site.password.is_some() {
        return Err(Failure::usage("a password does not belong here: use password-file or password-command"));
    }
    if remote.path.glob.is_some() {
        return Err(Failure::usage("the URL of a site has no *, ? and [: write %2A, %3F and %5B"));
    }
    Ok(remote)
}

fn password(reader: &mut Reader<'_>, table: &DeTable<'_>, directory: &Path) -> Option<PasswordSource> {
    let file = table.get("password-file").and_then(|value| reader.text(value));
    let file = file.map(|(_, file)| PasswordSource::File(directory.join(file)));
    let Some(command) = table.get("password-command") else { return file };
    if file.is_some() {
        reader.wrong(command.span(), "password-file and password-command: leave one of them out");
        return None;
    }
    let words = match command.get_ref().as_str() {
        Some(line) => ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
        None => texts(reader, command, "a program with its arguments, like [\"pass\", \"show\", \"lab\"]"),
    };
    if words.iter().all(String::is_empty) || words.iter().any(|word| word.contains('\0')) {
        reader.wrong(command.span(), "expected a program with its arguments");
        return None;
    }
    Some(PasswordSource::Command(words))
}

fn profile(reader: &mut Reader<'_>, table: &DeTable<'_>, directory: &Path) -> Profile {
    let ca = table.get("ca").and_then(|value| reader.text(value)).map(|(_, file)| directory.join(file));
    let pins = match table.get("pin") {
        Some(value) => parsed_list(reader, value, "a fingerprint, SHA256: and 64 hexadecimal digits"),
        None => Vec::new(),
    };
    if let Some(pin) = table.get("pin").filter(|_| ca.is_some()) {
        reader.wrong(pin.span(), "ca and pin: leave one of them out");
    }
    let (trust, proxy) = (parsed(reader, table, "trust"), parsed(reader, table, "proxy"));
    Profile { ca, pins, trust, proxy, relays: Vec::new() }
}

/// `passive-address`: one address for all peers, or a table of peers.
fn addresses(reader: &mut Reader<'_>, table: &DeTable<'_>, peers: &[&str]) -> Addresses {
    let Some(value) = table.get("passive-address") else { return Addresses::default() };
    let Some(pairs) = value.get_ref().as_table() else {
        let one = reader.text(value).and_then(|(at, text)| address(reader, at, text));
        return Addresses(one.map(|at| (Addresses::EVERYBODY.to_owned(), at)).into_iter().collect());
    };
    let mut addresses = BTreeMap::new();
    for (key, value) in pairs {
        let peer = key.get_ref().as_ref();
        if !peers.contains(&peer) && !matches!(peer, Addresses::EVERYBODY | Addresses::THIS_HOST) {
            let near = nearest(peer, peers.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            let what = "a peer is the name of a site, \"this-host\", or \"*\" for all";
            reader.wrong(key.span(), format!("no peer is called {peer:?}: {what}{near}"));
        }
        if let Some(at) = reader.text(value).and_then(|(at, text)| address(reader, at, text)) {
            addresses.insert(peer.to_owned(), at);
        }
    }
    Addresses(addresses)
}

fn address(reader: &mut Reader<'_>, at: Range<usize>, text: &str) -> Option<IpAddr> {
    let is_host = |at: &IpAddr| !matches!(kind(*at), Kind::Unspecified | Kind::Multicast | Kind::Broadcast);
    let found = text.parse::<IpAddr>().ok().filter(is_host);
    if found.is_none() {
        reader.wrong(at, "expected the address of a host, like 192.0.2.7 or 2001:db8::7");
    }
    found
}

fn limits(reader: &mut Reader<'_>, table: &DeTable<'_>) -> SiteLimits {
    let Some((_, table)) = reader.table(table, "limits") else { return SiteLimits::default() };
    reader.known(table, &LIMITS, "limits are");
    let mut number = |key: &str, least: usize| {
        let value = table.get(key)?;
        let number = value.get_ref().as_integer().and_then(|number| number.to_string().parse::<usize>().ok());
        let number = number.filter(|number| (least..=MOST).contains(number)).and_then(NonZeroUsize::new);
        if number.is_none() {
            reader.wrong(value.span(), format!("expected a number from {least} to {MOST}"));
        }
        number
    };
    let (jobs, sessions) = (number("jobs", 1), number("sessions", LEAST_SESSIONS));
    let rate = table.get("rate").and_then(|value| {
        let text = match value.get_ref() {
            DeValue::Integer(number) => number.to_string(),
            DeValue::String(text) => text.to_string(),
            DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => String::new(),
        };
        let rate = size::parse(text.strip_suffix("/s").unwrap_or(&text)).ok().and_then(NonZeroU64::new);
        if rate.is_none() {
            reader.wrong(value.span(), "expected bytes per second, like \"10MB\" or \"2MiB\"");
        }
        rate
    });
    SiteLimits { rate, jobs, sessions }
}

/// The relays that a site stands beside.
fn beside(reader: &mut Reader<'_>, named: Vec<(Range<usize>, String)>, relays: &[&str]) -> Vec<String> {
    let mut known = Vec::new();
    for (at, name) in named {
        if relays.contains(&name.as_str()) {
            known.push(name);
            continue;
        }
        let near = nearest(&name, relays.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        reader.wrong(at, format!("no relay is called {name:?}: name one of [[relays]]{near}"));
    }
    known
}

fn parsed<T: FromStr<Err: Into<String>>>(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    key: &str,
) -> Option<T> {
    let (at, text) = reader.text(table.get(key)?)?;
    reader.parsed(at, text)
}

/// What the text of a value, or each text of a list, means.
fn parsed_list<T: FromStr>(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, expected: &str) -> Vec<T> {
    let mut all = Vec::new();
    for (at, text) in list(reader, value, expected) {
        match text.parse() {
            Ok(found) => all.push(found),
            Err(_) => reader.wrong(at, format!("expected {expected}")),
        }
    }
    all
}

/// A text, or a list of texts, with their places.
fn list(
    reader: &mut Reader<'_>,
    value: &Spanned<DeValue<'_>>,
    expected: &str,
) -> Vec<(Range<usize>, String)> {
    match value.get_ref() {
        DeValue::String(text) => vec![(value.span(), text.to_string())],
        DeValue::Array(items) => {
            let mut all = Vec::new();
            for item in items {
                all.extend(reader.text(item).map(|(at, text)| (at, text.to_owned())));
            }
            all
        }
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            reader.wrong(value.span(), format!("expected {expected}"));
            Vec::new()
        }
    }
}

fn texts(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, expected: &str) -> Vec<String> {
    list(reader, value, expected).into_iter().map(|(_, text)| text).collect()
}

/// The keys of a site.
pub const KEYS: [&str; 10] = [
    "url",
    "password-file",
    "password-command",
    "ca",
    "pin",
    "trust",
    "proxy",
    "relay",
    "passive-address",
    "limits",
];
const LIMITS: [&str; 3] = ["rate", "jobs", "sessions"];
/// A tree is listed and copied by two sessions.
const LEAST_SESSIONS: usize = 2;
/// The largest number of files or sessions at the same time that can be asked for.
const MOST: usize = 64;
