//! Where something is: a URL of a server, or a local path. Pure: nothing is looked up here.

mod location;
mod netrc;
mod path;
mod url;

pub use location::Location;
pub use netrc::{Login, Netrc};
pub use path::{RemotePath, base_name, join, parent, sibling};

use crate::failure::Failure;
use ftp_proto::client::Security;
use ftp_proto::wire::{PathName, Secret};
use std::fmt;
use std::path::PathBuf;

/// A place as somebody typed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On a server.
    Remote(Remote),
    /// On this host.
    Local(Local),
}

/// A place on a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// The server and who logs in.
    pub site: Site,
    /// The path there.
    pub path: RemotePath,
}

/// A place on this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// The path.
    pub path: PathBuf,
    /// Whether it was written with a `/` at its end.
    pub contents: bool,
}

/// A server and who logs in there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// The host as it was written, an IPv6 literal without brackets.
    pub host: String,
    /// The port of the control connection.
    pub port: u16,
    /// What protects its connections.
    pub security: Security,
    /// The user, where the URL names one.
    pub user: Option<Vec<u8>>,
    /// The password, where the URL has one.
    pub password: Option<Secret>,
    /// The account, where `.netrc` has one.
    pub account: Option<Secret>,
}

impl Place {
    /// Reads a place: `ftp://...`, a local path, or the name of a configured site.
    pub fn parse(text: &[u8]) -> Result<Self, Failure> {
        if let Some((scheme, rest)) = url::scheme(text) {
            return url::parse(&scheme, rest).map(Self::Remote);
        }
        if let Some(site) = named_site(text) {
            return Err(Failure::usage(format!("no site named {site} is configured")).hint(format!(
                "use ftp://host/path, or ./{} for a local file",
                String::from_utf8_lossy(text)
            )));
        }
        path::local(text).map(Self::Local)
    }
}

impl Place {
    /// Whether nothing between it and this program is in clear.
    pub const fn is_secured(&self) -> bool {
        match self {
            Self::Remote(remote) => remote.site.security.is_secured(),
            Self::Local(_) => true,
        }
    }
}

/// `SITE:path` has a colon before its first slash, `[SITE]path` says so itself.
fn named_site(text: &[u8]) -> Option<String> {
    let first = text.split(|o| *o == b'/').next().unwrap_or_default();
    let name = match first.strip_prefix(b"[") {
        Some(rest) => rest.split(|o| *o == b']').next().filter(|name| name.len() < rest.len())?,
        None => first.split(|o| *o == b':').next().filter(|name| name.len() < first.len())?,
    };
    Some(PathName::from_wire(name).map_or_else(|_| String::new(), |name| name.display()))
}

impl Site {
    /// Fills in user and password from `.netrc` where the URL has none; else anonymous.
    #[must_use]
    pub fn known_to(mut self, netrc: &Netrc) -> Self {
        if self.password.is_none()
            && let Some(login) = netrc.find(&self.host, self.user.as_deref())
        {
            self.user.get_or_insert_with(|| login.user.clone());
            self.password = login.password.clone();
            self.account = login.account.clone();
        }
        self
    }

    /// Who logs in.
    pub fn login(&self) -> &[u8] {
        self.user.as_deref().unwrap_or(b"anonymous")
    }

    /// `host:port`, an IPv6 literal in brackets.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether both name the same server and user: what a session can be shared for.
    pub fn is_same(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.login() == other.login()
    }
}

impl fmt::Display for Site {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.security {
            Security::Clear => "ftp://",
            Security::Explicit => "ftpes://",
            Security::Implicit => "ftps://",
        })?;
        if let Some(user) = &self.user {
            write!(f, "{}@", path::encoded(user))?;
        }
        match (self.host.contains(':'), self.port == default_port(self.security)) {
            (true, true) => write!(f, "[{}]", self.host),
            (false, true) => f.write_str(&self.host),
            (true | false, false) => f.write_str(&self.authority()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(remote) => write!(f, "{}{}", remote.site, remote.path),
            Self::Local(local) => write!(f, "{}", local.path.display()),
        }
    }
}

/// The port of a control connection, where the URL names none.
const fn default_port(security: Security) -> u16 {
    match security {
        Security::Clear | Security::Explicit => 21,
        Security::Implicit => 990,
    }
}

#[cfg(test)]
mod tests;
