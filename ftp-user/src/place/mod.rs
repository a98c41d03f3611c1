//! Where something is: a URL of a server, a place at a named site, or a local path. Pure: nothing is looked up here.

mod local;
mod location;
mod named;
mod names;
mod netrc;
mod path;
mod pinned;
mod site;
#[cfg(test)]
mod tests;
mod typed;
mod url;

pub use local::Local;
pub use location::Location;
pub use named::{Addresses, Named, PasswordSource, Peer, SiteLimits, check_name};
pub use names::{Names, SiteLikePath, nearest};
pub use netrc::{Login, Netrc};
pub use path::{RemotePath, base_name, join, parent, sibling};
pub(crate) use path::{decode, encoded};
pub use pinned::demands_tls;
pub use site::{Remote, Site};
pub use typed::Place;
