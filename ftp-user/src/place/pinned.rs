//! Which servers have to run TLS because certificates were named for them (`--pin`). Pure.

use super::location::Location;
use super::typed::Place;
use ftp_proto::client::Security;
use std::collections::HashSet;

/// Whether `ftp://` servers among `places` have to run TLS, if `pins` certificates were named.
///
/// A pin names a certificate, not a server. If the URLs demand TLS of at least as many servers as there are pins, the
/// pins are theirs, and nobody can take TLS away from those. Otherwise one of the others is meant, and nobody knows
/// which. A login in clear could then be one at a host that stands between.
pub fn demands_tls<'a>(pins: usize, places: impl Iterator<Item = &'a Location>) -> bool {
    let mut demanded = HashSet::new();
    for location in places {
        if let Place::Remote(remote) = &location.place
            && matches!(remote.site.security, Security::Explicit | Security::Implicit)
        {
            demanded.insert(remote.site.key());
        }
    }
    pins > demanded.len()
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
