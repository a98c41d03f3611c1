//! A place with its login and its path in the form that servers take.

use super::netrc::Netrc;
use super::site::{Remote, Site};
use super::typed::{Local, Place};
use crate::failure::{Failure, Result};
use ftp_proto::client::Security;
use ftp_proto::listing::Pattern;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::fmt;
use std::os::unix::ffi::OsStringExt;

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
                path: path.or_here()?,
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

#[cfg(test)]
mod tests {
    use super::super::Netrc;
    use super::*;

    #[test]
    fn ftp_may_be_in_clear_if_every_pin_belongs_to_a_server_that_must_run_tls() {
        let check = |pins, places: &str, expect| {
            let places: Vec<Location> = places
                .split(' ')
                .map(|place| Location::parse(place.as_bytes(), &Netrc::default()).unwrap())
                .collect();
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
