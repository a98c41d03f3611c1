//! The places of a command line, with their logins.

use crate::failure::{Failure, Kind};
use crate::place::{Location, Netrc, Place};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Reads places: all of them, before anything is sent to a server.
pub(super) fn locations(places: &[OsString]) -> Result<Vec<Location>, Failure> {
    let netrc = netrc();
    places.iter().map(|text| Location::parse(text.as_bytes(), &netrc)).collect()
}

/// The logins of `~/.netrc`; none if it cannot be read.
fn netrc() -> Netrc {
    std::env::var_os("HOME")
        .and_then(|home| std::fs::read_to_string(Path::new(&home).join(".netrc")).ok())
        .map_or_else(Netrc::default, |text| Netrc::parse(&text))
}

/// Refuses places of this host: `verb` asks servers.
pub(super) fn on_servers(places: &[Location], verb: &str) -> Result<(), Failure> {
    for location in places {
        if let Place::Local(local) = &location.place {
            let path = local.path.display();
            return Err(Failure::usage(format!("{path} is on this host, and {verb} asks servers"))
                .hint("name a server with ftp://host/path"));
        }
    }
    Ok(())
}

/// The failure if nothing is at a place.
pub(super) fn missing(location: &Location) -> Failure {
    Failure::new(Kind::Missing, format!("{location} does not exist")).hint("check the path")
}
