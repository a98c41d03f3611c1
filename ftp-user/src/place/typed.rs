//! A place as somebody typed it.

use super::local::Local;
use super::site::Remote;
use super::url;
use crate::failure::Failure;
use std::fmt;

/// A place as somebody typed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On a server.
    Remote(Remote),
    /// On this host.
    Local(Local),
}

impl Place {
    /// Reads a place: `ftp://...`, a local path, or the name of a configured site.
    pub fn parse(text: &[u8]) -> Result<Self, Failure> {
        if let Some((scheme, rest)) = url::scheme(text) {
            return url::parse(&scheme, rest).map(Self::Remote);
        }
        // The text is not repeated: it may be a URL that cannot be read, and have a password.
        if let Some(site) = named_site(text) {
            return Err(Failure::usage(format!("no site named {site} is configured"))
                .hint("use ftp://host/path, or put ./ before the name of a local file"));
        }
        Local::parse(text).map(Self::Local)
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
    // What does not look like a name may be a secret.
    let is_plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte));
    Some(if is_plain { String::from_utf8_lossy(name).into_owned() } else { "that".to_owned() })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(remote) => write!(f, "{}{}", remote.site, remote.path),
            Self::Local(local) => write!(f, "{}", local.path.display()),
        }
    }
}
