//! A server, who logs in there, and what the settings say of it. Pure.

use super::netrc::Netrc;
use super::path::{RemotePath, encoded};
use super::settings::{PasswordSource, SiteSettings};
use ftp_proto::client::Security;
use ftp_proto::wire::Secret;
use std::fmt;
use std::sync::Arc;
use url::Host;

/// A place on a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// The server and who logs in.
    pub site: Site,
    /// The path there.
    pub path: RemotePath,
}

/// A server and who logs in there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// The host as it was written, an IPv6 literal without brackets.
    pub host: String,
    /// The port of the control connection.
    pub port: u16,
    /// What protects its connections. `ftp://` takes TLS where it is offered.
    pub security: Security,
    /// The user, where the URL names one.
    pub user: Option<Vec<u8>>,
    /// The password, where the URL has one.
    pub password: Option<Secret>,
    /// The account, where `.netrc` has one.
    pub account: Option<Secret>,
    /// What the settings say of it, if it was named as one of their sites.
    pub named: Option<Arc<SiteSettings>>,
}

impl Site {
    /// Fills in user and password from `.netrc` where the URL has none; else anonymous.
    #[must_use]
    pub fn known_to(mut self, netrc: &Netrc) -> Self {
        if self.needs_login()
            && let Some(login) = netrc.find(&self.host, self.user.as_deref())
        {
            self.user.get_or_insert_with(|| login.user.clone());
            self.password = login.password.clone();
            self.account = login.account.clone();
        }
        self
    }

    /// Whether nobody knows where its password comes from, so that `.netrc` may tell.
    pub fn needs_login(&self) -> bool {
        self.password.is_none() && self.password_source().is_none()
    }

    /// Whether a user is named, and nobody knows where the password comes from.
    pub fn lacks_password(&self) -> bool {
        self.user.is_some() && self.needs_login()
    }

    /// Where the settings say that its password comes from.
    pub fn password_source(&self) -> Option<&PasswordSource> {
        self.named.as_ref()?.password.as_ref()
    }

    /// Whether the settings name its certificates.
    pub fn has_pins(&self) -> bool {
        self.named.as_ref().is_some_and(|named| !named.pins.is_empty())
    }

    /// A place there as it is typed: `SITE:path`, or a URL without the password.
    pub fn show(&self, path: &RemotePath) -> String {
        let named = self.named.as_ref().and_then(|named| named.show(path));
        named.unwrap_or_else(|| format!("{}{path}", self.url()))
    }

    /// The name that the settings give it, if it was named by that.
    pub fn name(&self) -> Option<&str> {
        self.named.as_ref().map(|named| named.name.as_str())
    }

    /// Its URL without the password and without a path.
    pub fn url(&self) -> String {
        Self { named: None, ..self.clone() }.to_string()
    }

    /// The scheme of its URL.
    pub const fn scheme(&self) -> &'static str {
        match self.security {
            Security::Clear | Security::Offered => "ftp",
            Security::Explicit => "ftpes",
            Security::Implicit => "ftps",
        }
    }

    /// Who logs in.
    pub fn login(&self) -> &[u8] {
        self.user.as_deref().unwrap_or(b"anonymous")
    }

    /// `host:port`, an IPv6 literal in brackets.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    /// The name under which the server is known from one run to the next: host and port, whoever logs in.
    pub fn key(&self) -> String {
        self.authority().to_ascii_lowercase()
    }

    /// Whether both name the same user of the same host, at one port or at the usual ones: for whom a password is.
    pub fn has_login_of(&self, other: &Self) -> bool {
        let is_usual = |site: &Self| site.port == default_port(site.security);
        self.host.eq_ignore_ascii_case(&other.host)
            && (self.port == other.port || (is_usual(self) && is_usual(other)))
            && self.login() == other.login()
    }

    /// Whether both name the same server and user: what a session can be shared for.
    pub fn is_same(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.login() == other.login()
    }
}

impl fmt::Display for Site {
    /// Its name, or its URL without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(named) = &self.named {
            return f.write_str(&named.name);
        }
        write!(f, "{}://", self.scheme())?;
        if let Some(user) = &self.user {
            write!(f, "{}@", encoded(user))?;
        }
        match (self.host.contains(':'), self.port == default_port(self.security)) {
            (true, true) => write!(f, "[{}]", self.host),
            (false, true) => f.write_str(&self.host),
            (true | false, false) => f.write_str(&self.authority()),
        }
    }
}

/// `host:port`, an IPv6 literal in brackets.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A host as URLs have it, by name or address: an IPv6 literal is in brackets in `text`, and not in what is returned.
pub(crate) fn host_name(text: &str) -> Option<String> {
    Some(match Host::parse(text).ok()? {
        Host::Domain(name) => name,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    })
}

/// A port as URLs have it: digits alone, and not 0.
pub(crate) fn port_number(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|port| *port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The port of a control connection, where the URL names none.
pub(super) const fn default_port(security: Security) -> u16 {
    match security {
        Security::Clear | Security::Offered | Security::Explicit => 21,
        Security::Implicit => 990,
    }
}
