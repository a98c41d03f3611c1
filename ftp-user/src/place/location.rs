//! A place as it is typed, and a place with its login and its path in the form that servers take.

use super::names::{Names, mistake_of_name};
use super::path::{RemotePath, decode};
use super::site::{Netrc, Remote, Site, default_port, host_name, port_number};
use crate::failure::{Failure, Result};
use ftp_proto::client::Security;
use ftp_proto::listing::Pattern;
use ftp_proto::wire::{PathName, Secret, show};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::net::Ipv6Addr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A place with its login and its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// The place as it was written, its login completed.
    pub place: Place,
    /// The path there.
    pub path: PathName,
    /// Whether it ends in `/`: it means the contents of a directory, or a directory to be made.
    pub contents: bool,
}

impl Location {
    /// Reads a place. A missing login comes from `netrc`.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &[u8], netrc: &Netrc) -> Result<Self> {
        Self::of(Place::parse(text)?, netrc)
    }

    /// Completes a place. A missing login comes from `netrc`.
    ///
    /// # Errors
    ///
    /// The path cannot be sent to a server.
    pub fn of(place: Place, netrc: &Netrc) -> Result<Self> {
        match place {
            Place::Remote(Remote { site, path }) => Ok(Self {
                contents: path.contents,
                path: path.or_here(),
                place: Place::Remote(Remote { site: site.known_to(netrc), path }),
            }),
            Place::Local(Local { path, contents }) => {
                let name = PathName::from_user(path.clone().into_os_string().into_vec())
                    .map_err(|bad| Failure::usage(format!("{}: {bad}", path.display())))?;
                Ok(Self { contents, path: name, place: Place::Local(Local { path, contents }) })
            }
        }
    }

    /// The last name as a pattern, if it is one. Names of this host are none.
    pub const fn glob(&self) -> Option<&Pattern> {
        if let Place::Remote(remote) = &self.place { remote.path.glob.as_ref() } else { None }
    }

    /// The same place; its last name is no pattern.
    #[must_use]
    pub fn literal(mut self) -> Self {
        if let Place::Remote(remote) = &mut self.place {
            remote.path.glob = None;
        }
        self
    }

    /// The server; `None` if it is on this host.
    pub const fn site(&self) -> Option<&Site> {
        self.place.site()
    }

    /// Whether it is on this host.
    pub const fn is_local(&self) -> bool {
        self.site().is_none()
    }

    /// The pattern of everything in the directory, as it is typed: `SITE:*` for the directory of a site, whose `SITE:/*` is
    /// the root of its server.
    pub fn everything_in_it(&self) -> String {
        let shown = self.to_string();
        let named = self.site().and_then(|site| site.named.as_ref());
        let is_site = named.is_some_and(|named| match &named.base {
            Some(base) => *base == self.path,
            None => self.path.as_bytes() == b".",
        });
        match is_site || shown.ends_with("//") {
            true => format!("{shown}*"),
            false => format!("{}/*", shown.trim_end_matches('/')),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

/// Whether `ftp://` servers among `places` have to run TLS, if `pins` certificates were named.
///
/// A pin names a certificate, not a server. If the URLs demand TLS of at least as many servers as there are pins, the
/// pins are theirs, and nobody can take TLS away from those. Otherwise one of the others is meant, and nobody knows
/// which. A login in clear could then be one at a host that stands between.
pub fn demands_tls<'a>(pins: usize, places: impl Iterator<Item = &'a Location>) -> bool {
    let sites = places.filter_map(Location::site);
    let demand = sites.filter(|site| matches!(site.security, Security::Explicit | Security::Implicit));
    pins > demand.map(Site::key).collect::<HashSet<_>>().len()
}

/// A place as somebody typed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On a server.
    Remote(Remote),
    /// On this host.
    Local(Local),
}

/// A place on this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// The path as it was written.
    pub path: PathBuf,
    /// Whether it was written with a `/` at its end.
    pub contents: bool,
}

impl Local {
    /// Reads a path as it was typed.
    ///
    /// # Errors
    ///
    /// The name is empty, or has a character that no name of a server can have.
    fn parse(text: &[u8]) -> Result<Self> {
        PathName::from_user(text)
            .map_err(|bad| Failure::usage(format!("a local path cannot be used: {bad}")))?;
        let contents = text.ends_with(b"/") || text == b"." || text == b".." || text.ends_with(b"/.");
        Ok(Self { path: PathBuf::from(OsStr::from_bytes(text)), contents })
    }
}

impl Place {
    /// Reads a place where no site has a name: `ftp://...` or a local path.
    pub fn parse(text: &[u8]) -> Result<Self> {
        Self::parse_with(text, &Names::default())
    }

    /// Reads a place: `ftp://...`, `SITE:path` or `[SITE]path` with the name of one of these sites, or a local path, which
    /// may be written `[]path` as the shell shows it.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse_with(text: &[u8], names: &Names) -> Result<Self> {
        if let Some(remote) = remote(text) {
            return remote.map(Self::Remote);
        }
        if let Some(remote) = names.place(text) {
            return remote.map(Self::Remote);
        }
        if let Some(path) = text.strip_prefix(b"[]") {
            return Local::parse(if path.is_empty() { b"./" } else { path }).map(Self::Local);
        }
        // The text is not repeated: it may be a URL that cannot be read, and have a password.
        if let Some(mistake) = mistake_of_url(text) {
            return Err(Failure::usage(format!("a place looks like a URL with a mistake: {mistake}"))
                .hint("use ftp://user@host/path, or put ./ before the name of a local file"));
        }
        if let Some(failure) = mistake_of_name(text, names) {
            return Err(failure);
        }
        if text == b"-" {
            return Err(Failure::usage("standard input and output (-) are for copy, with one other place")
                .hint("use ./- for a file of that name"));
        }
        Local::parse(text).map(Self::Local)
    }

    /// The server; `None` if it is on this host.
    pub const fn site(&self) -> Option<&Site> {
        if let Self::Remote(remote) = self { Some(&remote.site) } else { None }
    }

    /// Whether nothing between it and this program is in clear.
    pub fn is_secured(&self) -> bool {
        self.site().is_none_or(|site| site.security.is_secured())
    }
}

/// What is shown at a terminal and in events: control characters of a name are escaped.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(remote) => f.write_str(&remote.site.show(&remote.path)),
            Self::Local(local) => f.write_str(&show(local.path.as_os_str().as_bytes())),
        }
    }
}

/// What is wrong with `ftp//host/path`, `ftp:/host/path`, `user:password@host/path`, and with `://` after anything but a
/// scheme.
fn mistake_of_url(text: &[u8]) -> Option<&'static str> {
    let is_scheme = |word: &[u8]| {
        ["ftp", "ftps", "ftpes"].into_iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let end = text.iter().position(|o| matches!(o, b':' | b'/')).unwrap_or(text.len());
    let (first, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    let has_scheme = is_scheme(first) && (rest.starts_with(b":") || rest.starts_with(b"//"));
    let has_login = text.splitn(2, |o| *o == b':').nth(1).is_some_and(|rest| rest.contains(&b'@'));
    match () {
        () if is_written_as_path(text) => None,
        () if text.windows(3).any(|three| three == b"://") => Some("what stands before :// is no scheme"),
        () if has_scheme => Some("its scheme is not followed by ://"),
        () if has_login => Some("it does not begin with ftp://"),
        () => None,
    }
}

/// Whether a text begins like a path of this host.
pub(crate) fn is_written_as_path(text: &[u8]) -> bool {
    [&b"/"[..], b"./", b"../"].into_iter().any(|start| text.starts_with(start))
}

/// Reads `ftp://user:password@host:port/path`; `None` if the text is no URL.
fn remote(text: &[u8]) -> Option<Result<Remote>> {
    let at = text.windows(3).position(|three| three == b"://")?;
    let (scheme, rest) = text.split_at_checked(at)?;
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|o| o.is_ascii_alphanumeric() || b"+-.".contains(o));
    let scheme = String::from_utf8_lossy(scheme).to_ascii_lowercase();
    is_scheme.then(|| of_scheme(&scheme, rest.get(3..).unwrap_or_default()))
}

/// Reads what follows `scheme://`.
fn of_scheme(scheme: &str, rest: &[u8]) -> Result<Remote> {
    let security = match scheme {
        "ftp" => Security::Offered,
        "ftpes" => Security::Explicit,
        "ftps" => Security::Implicit,
        other => {
            return Err(Failure::usage(format!("{other}:// is not supported"))
                .hint("use ftp://host/path, or ./name for a local file"));
        }
    };
    let end = rest.iter().position(|o| *o == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let (login, host) = match authority.iter().rposition(|o| *o == b'@') {
        Some(at) => (authority.get(..at), authority.get(at + 1..).unwrap_or_default()),
        None => (None, authority),
    };
    let (user, password) = match login {
        Some(login) => credentials(login)?,
        None => (None, None),
    };
    let (host, port) = host_and_port(host)?;
    let port = port.unwrap_or_else(|| default_port(security));
    let site = Site { host, port, security, user, password, account: None, named: None };
    Ok(Remote { site, path: RemotePath::parse(path)? })
}

fn credentials(login: &[u8]) -> Result<(Option<Vec<u8>>, Option<Secret>)> {
    let mut parts = login.splitn(2, |o| *o == b':');
    let user = decode(parts.next().unwrap_or_default())?;
    let password = parts.next().map(decode).transpose()?;
    for (what, bytes) in [("user", Some(&user)), ("password", password.as_ref())] {
        if bytes.is_some_and(|bytes| bytes.iter().any(|o| matches!(o, b'\r' | b'\n' | 0))) {
            return Err(Failure::usage(format!("the {what} in the URL contains CR, LF or NUL"))
                .hint("no FTP command can carry it"));
        }
    }
    if user.is_empty() {
        return Err(malformed("it has no user before @"));
    }
    Ok((Some(user), password.map(Secret::new)))
}

fn host_and_port(text: &[u8]) -> Result<(String, Option<u16>)> {
    let text = str::from_utf8(text).map_err(|_| malformed("its host is not UTF-8"))?;
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (literal, after) =
                inner.split_once(']').ok_or_else(|| malformed("its IPv6 address has no closing ]"))?;
            let port = after.strip_prefix(':');
            if port.is_none() && !after.is_empty() {
                return Err(malformed("only :port can follow the ] of an IPv6 address"));
            }
            (format!("[{literal}]"), port)
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(malformed(
                    "after the host only :port can follow; an IPv6 address needs brackets: ftp://[::1]:2121/",
                ));
            }
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    if host.is_empty() {
        return Err(malformed("it has no host"));
    }
    let number = |digits| {
        let why = "its port is not between 1 and 65535; write a / in a password as %2F";
        port_number(digits).ok_or_else(|| malformed(why))
    };
    let port = port.map(number).transpose()?;
    // A zone (fe80::1%eth0) is no part of the address grammar of URLs.
    if let Some((address, zone)) = host.trim_matches(['[', ']']).split_once('%')
        && host.starts_with('[')
        && address.parse::<Ipv6Addr>().is_ok()
        && !zone.is_empty()
        && zone.bytes().all(|o| o.is_ascii_alphanumeric() || b"-_.".contains(&o))
    {
        return Ok((format!("{address}%{zone}"), port));
    }
    let host = host_name(&host).ok_or_else(|| malformed("its host is neither a name nor an address"))?;
    Ok((host, port))
}

fn malformed(why: &str) -> Failure {
    Failure::usage(format!("the URL is malformed: {why}"))
        .hint("a place is ftp://user:password@host:port/path")
}

#[cfg(test)]
mod tests {
    use super::super::tests::location;
    use super::*;

    #[test]
    fn ftp_may_be_in_clear_if_every_pin_belongs_to_a_server_that_must_run_tls() {
        let check = |pins, places: &str, expect| {
            let places: Vec<Location> = places.split(' ').map(location).collect();
            assert_eq!(demands_tls(pins, places.iter()), expect, "{pins} {places:?}");
        };
        check(0, "ftp://a/ ftp://b/", false);
        check(1, "ftp://a/x ./x", true);
        check(1, "ftp://a/ ftp://b/", true);
        check(1, "ftpes://a/ ftp://b/", false);
        check(1, "ftp://a/ ftps://b/", false);
        check(2, "ftpes://a/ ftp://b/", true);
        check(2, "ftpes://a/x ftpes://a/y ftp://b/", true);
        check(2, "ftpes://a/ ftps://a/ ftp://b/", false);
    }
}
