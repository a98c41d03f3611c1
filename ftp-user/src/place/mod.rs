//! Where something is: a URL of a server, a place at a named site, or a local path. Pure: nothing is looked up here.

mod location;
mod names;
mod netrc;
mod path;
mod settings;
mod site;
#[cfg(test)]
mod tests;
mod typed;

pub use location::{Location, demands_tls};
pub use names::{Names, SiteLikePath, nearest};
pub use netrc::{Login, Netrc};
pub use path::{RemotePath, base_name, join, parent, sibling};
pub(crate) use path::{decode, encoded};
pub use settings::{
    Addresses, Authority, OnUnknown, PasswordSource, Peer, Proxy, ProxyLogin, SiteLimits, SiteProxy,
    SiteSettings, check_name,
};
pub use site::{Remote, Site};
pub use typed::{Local, Place};
