//! `[sites.NAME]`: servers that have a name, and what holds for them alone.

use crate::failure::{Failure, Result};
use crate::place::{
    Addresses, Names, PasswordSource, Place, Remote, SiteLimits, SiteSettings, check_name, nearest,
};
use crate::queue::{Hours, SharedLimits};
use ftp_io::program::settings::Reader;
use ftp_io::program::size;
use ftp_proto::address::{Kind, kind};
use ftp_proto::client::Security;
use ftp_proto::wire::Fingerprint;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads `[sites]`: their names, and what all jobs of the queue together may use of them. `relays` are the names of those that a site may stand beside.
pub(super) fn read(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    directory: &Path,
    relays: &[&str],
) -> (Names, BTreeMap<String, SharedLimits>) {
    let mut shared = BTreeMap::new();
    let Some((_, sites)) = reader.table(table, "sites") else { return (Names::default(), shared) };
    let mut all = Vec::new();
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
        let ca = text(reader, table, "ca").map(|file| directory.join(file));
        let pins = pins(reader, table, ca.is_some());
        let named = SiteSettings {
            name: name.to_owned(),
            base: None,
            ca,
            pins,
            trust: parsed(reader, table, "trust"),
            proxy: parsed(reader, table, "proxy"),
            password: password(reader, table, directory),
            addresses: addresses(reader, table, &known),
            limits: limits(reader, table),
            relays: beside(reader, table, relays),
        };
        shared.insert(name.to_owned(), shared_limits(reader, table));
        let Some(mut place) = place else { continue };
        if named.password.is_some() && place.site.user.is_none() {
            let at = table.get("url").map_or(key.span(), Spanned::span);
            reader.wrong(at, "a password needs its user: write ftp://USER@HOST/");
        }
        // A site whose certificate is decided here requires TLS, so nobody in between can strip it.
        if named.judges_certificates() && place.site.security == Security::Offered {
            place.site.security = Security::Explicit;
        }
        let base = place.path.name.clone();
        place.site.named = Some(Arc::new(SiteSettings { base, ..named }));
        all.push((name.to_owned(), place));
    }
    shared.retain(|_, limits| *limits != SharedLimits::default());
    (Names::new(all), shared)
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
pub fn site_url(text: &str) -> Result<Remote> {
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
    let file = text(reader, table, "password-file").map(|file| PasswordSource::File(directory.join(file)));
    let Some(command) = table.get("password-command") else { return file };
    if file.is_some() {
        reader.wrong(command.span(), "password-file and password-command: leave one of them out");
        return None;
    }
    let words = match command.get_ref().as_str() {
        Some(line) => ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
        None => {
            let expected = "a program with its arguments, like [\"pass\", \"show\", \"lab\"]";
            list(reader, command, expected).into_iter().map(|(_, word)| word).collect()
        }
    };
    if words.iter().all(String::is_empty) || words.iter().any(|word| word.contains('\0')) {
        reader.wrong(command.span(), "expected a program with its arguments");
        return None;
    }
    Some(PasswordSource::Command(words))
}

/// The fingerprints of certificates.
fn pins(reader: &mut Reader<'_>, table: &DeTable<'_>, has_ca: bool) -> Vec<Fingerprint> {
    let Some(value) = table.get("pin") else { return Vec::new() };
    let expected = "a fingerprint, SHA256: and 64 hexadecimal digits";
    let mut pins = Vec::new();
    for (at, text) in list(reader, value, expected) {
        match text.parse() {
            Ok(pin) => pins.push(pin),
            Err(_) => reader.wrong(at, format!("expected {expected}")),
        }
    }
    if has_ca {
        reader.wrong(value.span(), "ca and pin: leave one of them out");
    }
    pins
}

fn text<'t>(reader: &mut Reader<'_>, table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    reader.text(table.get(key)?).map(|(_, text)| text)
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
    let jobs = number(reader, table, "jobs", 1);
    let sessions = number(reader, table, "sessions", LEAST_SESSIONS);
    SiteLimits { rate: rate(reader, table, "rate"), jobs, sessions }
}

/// What all jobs of the queue together may use of a site.
fn shared_limits(reader: &mut Reader<'_>, table: &DeTable<'_>) -> SharedLimits {
    let jobs = number(reader, table, "max-jobs", 1);
    let sessions = number(reader, table, "max-sessions", LEAST_SESSIONS);
    SharedLimits { jobs, sessions, rate: rate(reader, table, "limit"), hours: hours(reader, table) }
}

fn number(reader: &mut Reader<'_>, table: &DeTable<'_>, key: &str, least: usize) -> Option<NonZeroUsize> {
    let value = table.get(key)?;
    let number = value.get_ref().as_integer().and_then(|number| number.to_string().parse::<usize>().ok());
    let number = number.filter(|number| (least..=MOST).contains(number)).and_then(NonZeroUsize::new);
    if number.is_none() {
        reader.wrong(value.span(), format!("expected a number from {least} to {MOST}"));
    }
    number
}

fn rate(reader: &mut Reader<'_>, table: &DeTable<'_>, key: &str) -> Option<NonZeroU64> {
    let value = table.get(key)?;
    let integer = || value.get_ref().as_integer().map(ToString::to_string);
    let text = value.get_ref().as_str().map(str::to_owned).or_else(integer).unwrap_or_default();
    let rate = size::parse(text.strip_suffix("/s").unwrap_or(&text)).ok().and_then(NonZeroU64::new);
    if rate.is_none() {
        reader.wrong(value.span(), "expected bytes per second, like \"10MB\" or \"2MiB\"");
    }
    rate
}

fn hours(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Hours> {
    let value = table.get("hours")?;
    let texts = list(reader, value, "hours, like \"22:00-06:00\", or a list of them");
    for (at, text) in &texts {
        if let Err(why) = Hours::parse([text.as_str()]) {
            reader.wrong(at.clone(), why.to_string());
        }
    }
    if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
        reader.wrong(value.span(), "leave hours out if there are none");
    }
    Hours::parse(texts.iter().map(|(_, text)| text.as_str())).ok()
}

/// The relays that a site stands beside.
fn beside(reader: &mut Reader<'_>, table: &DeTable<'_>, relays: &[&str]) -> Vec<String> {
    let Some(value) = table.get("relay") else { return Vec::new() };
    let mut known = Vec::new();
    for (at, name) in list(reader, value, "the name of a relay, or a list of them") {
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

/// What the text of a key means.
pub(super) fn parsed<T: FromStr<Err: Into<String>>>(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    key: &str,
) -> Option<T> {
    let (at, text) = reader.text(table.get(key)?)?;
    reader.parsed(at, text)
}

/// A text, or a list of texts, with their places.
fn list(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, wanted: &str) -> Vec<(Range<usize>, String)> {
    if let Some(text) = value.get_ref().as_str() {
        return vec![(value.span(), text.to_owned())];
    }
    let Some(items) = value.get_ref().as_array() else {
        reader.wrong(value.span(), format!("expected {wanted}"));
        return Vec::new();
    };
    items.iter().filter_map(|item| reader.text(item)).map(|(at, text)| (at, text.to_owned())).collect()
}

/// The keys of a site.
pub const KEYS: [&str; 14] = [
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
    "max-jobs",
    "max-sessions",
    "limit",
    "hours",
];
const LIMITS: [&str; 3] = ["rate", "jobs", "sessions"];
/// A tree is listed and copied by two sessions.
const LEAST_SESSIONS: usize = 2;
/// The largest number of files or sessions at the same time that can be asked for.
const MOST: usize = 64;
