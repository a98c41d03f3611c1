//! What the settings say of a site, besides who its server is. Pure.

use super::path::RemotePath;
use ftp_proto::wire::PathName;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

/// What the settings say of a site, besides who its server is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named {
    /// The name of the site.
    pub name: String,
    /// The path of its URL, which the paths of `SITE:path` are relative to; `None` is the login directory.
    pub base: Option<PathName>,
    /// Where its password comes from.
    pub password: Option<PasswordSource>,
    /// At which address others reach it, if it is not the one of its control connection.
    pub addresses: Addresses,
    /// How much of it may be used.
    pub limits: SiteLimits,
}

/// Where the password of a site comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PasswordSource {
    /// The only line of this file, which nobody else may read.
    File(PathBuf),
    /// The first line that this program writes: its name and its arguments.
    Command(Vec<String>),
}

/// How much of a site may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SiteLimits {
    /// Bytes per second of a job in which it takes part.
    pub rate: Option<NonZeroU64>,
    /// Files at the same time of such a job.
    pub jobs: Option<NonZeroUsize>,
    /// Sessions with it at the same time.
    pub sessions: Option<NonZeroUsize>,
}

/// The other end of a data connection.
#[derive(Clone, Copy, Debug)]
pub enum Peer<'a> {
    /// Another server of the job, by its name if it has one.
    Site(Option<&'a str>),
    /// The host of this program.
    ThisHost,
}

/// The addresses at which a site is reached for data connections, by the name of the peer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses(pub BTreeMap<String, IpAddr>);

impl Addresses {
    /// The address for this peer, if one was set for it or for all.
    pub fn towards(&self, peer: Peer<'_>) -> Option<IpAddr> {
        let name = match peer {
            Peer::Site(name) => name,
            Peer::ThisHost => Some(Self::THIS_HOST),
        };
        let own = name.and_then(|name| self.0.get(name));
        own.or_else(|| self.0.get(Self::EVERYBODY)).copied()
    }

    /// What stands for this host in place of the name of a peer.
    pub const THIS_HOST: &'static str = "this-host";
    /// What stands for every peer that has no address of its own.
    pub const EVERYBODY: &'static str = "*";
}

/// Refuses what cannot be the name of a site.
///
/// # Errors
///
/// What a name has to be.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)) {
        return Err("it is the beginning of a URL");
    }
    if name == Addresses::THIS_HOST {
        return Err("it stands for this host");
    }
    let fits = (2..=LONGEST).contains(&name.len()) && name.bytes().all(is_plain) && begins_well;
    if fits { Ok(()) } else { Err(NAME) }
}

/// What a name has to be.
pub(super) const NAME: &str =
    "a name has 2 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or a digit";
/// The length of the longest name.
const LONGEST: usize = 64;
/// What nobody takes for a name.
const SCHEMES: [&str; 12] =
    ["ftp", "ftps", "ftpes", "sftp", "scp", "ssh", "http", "https", "file", "socks", "socks5", "mailto"];

impl Named {
    /// A path at the site as it is typed: `SITE:path`; `None` if it is relative and not below that of its URL.
    pub(super) fn show(&self, path: &RemotePath) -> Option<String> {
        let bytes = path.name.as_ref().map_or(&b""[..], PathName::as_bytes);
        let bytes = bytes.strip_prefix(b"./").unwrap_or(bytes);
        let bytes = if bytes == b"." { b"" } else { bytes };
        let base = self.base.as_ref().map_or(&b""[..], PathName::as_bytes);
        let shown = match bytes.strip_prefix(base) {
            Some(rest) if base.is_empty() || base == b"/" || rest.is_empty() => rest,
            Some(rest) if rest.starts_with(b"/") && !rest.starts_with(b"//") => rest.get(1..)?,
            Some(_) | None if bytes.starts_with(b"/") => bytes,
            Some(_) | None => return None,
        };
        let end = if path.contents && !shown.is_empty() && shown != b"/" { "/" } else { "" };
        Some(format!("{}:{}{end}", self.name, path.encoded(shown)))
    }
}
