//! Where something is: a URL of a server, a place at a named site, or a local path. Pure: nothing is looked up here.

mod location;
mod names;
mod path;
mod settings;
mod site;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use location::is_written_as_path;
pub use location::{Local, Location, Place, demands_tls};
pub use names::{Names, SiteLikePath, nearest};
pub use path::{RemotePath, at_or_below, base_name, join, parent, parent_or_here, sibling, with_those_above};
pub(crate) use path::{decode, encoded, escaped, push_unless_plain};
pub use settings::{
    Addresses, Authority, OnUnknown, PasswordSource, Peer, Proxy, ProxyLogin, SiteLimits, SiteProxy,
    SiteSettings, check_name, smaller,
};
pub use site::{Login, Netrc, Remote, Site, url_of_journal};
