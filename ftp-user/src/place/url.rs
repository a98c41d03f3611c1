//! `ftp://user:password@host:port/path`, taken apart strictly: whatever is odd is refused before
//! anything is sent.
//!
//! The `url` package's own parser follows browsers: it drops line feeds, turns `\` into `/` and
//! resolves `..`. Names of files must arrive as they were typed, so that only its host grammar is used.

use super::path::{RemotePath, decode};
use super::site::{Remote, Site, default_port};
use crate::failure::Failure;
use ftp_proto::client::Security;
use ftp_proto::wire::Secret;
use url::Host;

/// The scheme of a URL in lower case and what follows `://`; `None` when it is no URL.
pub(super) fn scheme(text: &[u8]) -> Option<(String, &[u8])> {
    let at = text.windows(3).position(|three| three == b"://")?;
    let (scheme, rest) = text.split_at_checked(at)?;
    let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|o| o.is_ascii_alphanumeric() || b"+-.".contains(o));
    let scheme = String::from_utf8_lossy(scheme).to_ascii_lowercase();
    named.then(|| (scheme, rest.get(3..).unwrap_or_default()))
}

/// Reads what follows `scheme://`.
pub(super) fn parse(scheme: &str, rest: &[u8]) -> Result<Remote, Failure> {
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

fn credentials(login: &[u8]) -> Result<(Option<Vec<u8>>, Option<Secret>), Failure> {
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

fn host_and_port(text: &[u8]) -> Result<(String, Option<u16>), Failure> {
    let text = str::from_utf8(text).map_err(|_| malformed("its host is not UTF-8"))?;
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (literal, after) =
                inner.split_once(']').ok_or_else(|| malformed("its IPv6 address has no closing ]"))?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(malformed("only :port can follow the ] of an IPv6 address")),
            };
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
    let port = match port {
        None => None,
        Some(digits) => digits
            .bytes()
            .all(|o| o.is_ascii_digit())
            .then(|| digits.parse().ok().filter(|port: &u16| *port != 0))
            .flatten()
            .ok_or_else(|| malformed("its port is not between 1 and 65535; write a / in a password as %2F"))
            .map(Some)?,
    };
    // A zone (fe80::1%eth0) is no part of the address grammar of URLs.
    if let Some((address, zone)) = host.trim_matches(['[', ']']).split_once('%')
        && host.starts_with('[')
        && address.parse::<std::net::Ipv6Addr>().is_ok()
        && !zone.is_empty()
        && zone.bytes().all(|o| o.is_ascii_alphanumeric() || b"-_.".contains(&o))
    {
        return Ok((format!("{address}%{zone}"), port));
    }
    let host = match Host::parse(&host).map_err(|_| malformed("its host is neither a name nor an address"))? {
        Host::Domain(name) => name,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Ok((host, port))
}

fn malformed(why: &str) -> Failure {
    Failure::usage(format!("the URL is malformed: {why}"))
        .hint("a place is ftp://user:password@host:port/path")
}
