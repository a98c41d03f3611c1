//! Where something is: a URL of a server, a place at a named site, or a local path. Pure: nothing is looked up here.

mod location;
mod names;
mod netrc;
mod path;
mod site;
#[cfg(test)]
mod tests;
mod typed;

pub use location::{Location, demands_tls};
pub use names::{Names, SiteLikePath, nearest};
pub use netrc::{Login, Netrc};
pub use path::{RemotePath, base_name, join, parent, sibling};
pub(crate) use path::{decode, encoded};
pub use site::{Addresses, Named, PasswordSource, Peer, Remote, Site, SiteLimits, check_name};
pub(crate) use site::{authority, host_name, port_number};
pub use typed::{Local, Place};
