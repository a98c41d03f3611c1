//! A server, who logs in there, and what the settings and `.netrc` say of it. Pure.

use super::path::{RemotePath, encoded};
use super::settings::{PasswordSource, SiteSettings};
use ftp_proto::client::Security;
use ftp_proto::wire::{Secret, misleads};
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

    /// The line of `.netrc` for its password, with `...` in the place of the password. `None` if that is no line of one login: the name
    /// of the user has a blank, or what a terminal would not show.
    pub fn netrc_line(&self) -> Option<String> {
        let user = std::str::from_utf8(self.login()).ok()?;
        let is_one_word = !user.is_empty() && !user.contains(|c: char| c.is_whitespace() || misleads(c));
        is_one_word.then(|| format!("machine {} login {user} password ...", self.host))
    }

    /// Whether the settings or `.netrc` have its password, or it has none.
    pub fn is_written_down(&self, netrc: &Netrc) -> bool {
        let written = || netrc.find(&self.host, self.user.as_deref())?.password.as_ref();
        self.password.is_none() || self.password_source().is_some() || self.password.as_ref() == written()
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
        named.unwrap_or_else(|| {
            let mut text = self.url();
            path.push_to(&mut text);
            text
        })
    }

    /// The name that the settings give it, if it was named by that.
    pub fn name(&self) -> Option<&str> {
        self.named.as_ref().map(|named| named.name.as_str())
    }

    /// Its URL without the password and without a path.
    pub fn url(&self) -> String {
        // Pushed, not formatted: a tree shows the URL several times for each file.
        let mut url = String::with_capacity(ROOM_FOR_URL);
        url.push_str(self.scheme());
        url.push_str("://");
        if let Some(user) = &self.user {
            push_user(&mut url, user);
        }
        match (self.host.contains(':'), self.port == default_port(self.security)) {
            (true, true) => url.extend(["[", &self.host, "]"]),
            (false, true) => url.push_str(&self.host),
            (true | false, false) => url.push_str(&self.authority()),
        }
        url
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
        match &self.named {
            Some(named) => f.write_str(&named.name),
            None => f.write_str(&self.url()),
        }
    }
}

/// The URL of a server, without a path, that the journal calls `user@host:port`.
pub fn url_of_journal(name: &str) -> String {
    let mut url = "ftp://".to_owned();
    let host = name.rsplit_once('@').map_or(name, |(user, host)| {
        push_user(&mut url, user.as_bytes());
        host
    });
    url + host
}

/// Adds the user to a URL. A `/` would end its authority, and a `:` begin a password.
fn push_user(url: &mut String, user: &[u8]) {
    let user = encoded(user);
    match user.contains(['/', ':']) {
        true => url.push_str(&user.replace('/', "%2F").replace(':', "%3A")),
        false => url.push_str(&user),
    }
    url.push('@');
}

/// Room for most URLs with their paths, in bytes.
const ROOM_FOR_URL: usize = 128;

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

/// The logins of a `.netrc` file, in its order.
#[derive(Clone, Debug, Default)]
pub struct Netrc {
    logins: Vec<Login>,
    /// The names of its macros, which only other programs run.
    pub macros: Vec<String>,
}

/// The login for one host.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The host; `None` is the entry `default`.
    host: Option<String>,
    /// The user name.
    pub user: Vec<u8>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The user's account.
    pub account: Option<Secret>,
}

impl Netrc {
    /// Reads the file's text. What it does not know is skipped, as other readers do.
    pub fn parse(text: &str) -> Self {
        let mut logins: Vec<Login> = Vec::new();
        let mut macros = Vec::new();
        let mut in_macro = false;
        for line in text.lines() {
            if in_macro {
                in_macro = !line.trim().is_empty();
                continue;
            }
            let mut words = line.split_whitespace();
            while let Some(word) = words.next() {
                if word.starts_with('#') {
                    break;
                }
                match word {
                    "machine" => {
                        logins.push(Login { host: words.next().map(str::to_owned), ..Login::default() });
                    }
                    "default" => logins.push(Login::default()),
                    "login" | "password" | "account" => {
                        let (Some(value), Some(last)) = (words.next(), logins.last_mut()) else { break };
                        match word {
                            "login" => last.user = value.as_bytes().to_vec(),
                            "password" => last.password = Some(Secret::new(value)),
                            _ => last.account = Some(Secret::new(value)),
                        }
                    }
                    "macdef" => {
                        macros.extend(words.next().map(str::to_owned));
                        in_macro = true;
                        break;
                    }
                    _ => {}
                }
            }
        }
        Self { logins, macros }
    }

    /// All entries in their order, with their hosts; the entry `default` has none.
    pub fn entries(&self) -> impl Iterator<Item = (Option<&str>, &Login)> {
        self.logins.iter().map(|login| (login.host.as_deref(), login))
    }

    /// The first login for `host`, as `user` where one is given.
    pub fn find(&self, host: &str, user: Option<&[u8]>) -> Option<&Login> {
        self.logins.iter().filter(|login| !login.user.is_empty()).find(|login| {
            login.host.as_ref().is_none_or(|known| known.eq_ignore_ascii_case(host))
                && user.is_none_or(|user| login.user == user)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::location;
    use super::*;

    #[test]
    fn what_netrc_has_need_not_be_written_down() {
        let netrc = Netrc::parse("machine a.example login alice password one");
        for (url, expect) in [
            ("ftp://alice:one@a.example/x", true),
            ("ftp://alice:two@a.example/x", false),
            ("ftp://bob:one@a.example/x", false),
            ("ftp://alice:one@b.example/x", false),
            ("ftp://bob@a.example/x", true),
        ] {
            assert_eq!(location(url).site().unwrap().is_written_down(&netrc), expect, "{url}");
        }
    }

    #[test]
    fn logins_are_found_by_host_and_user() {
        let netrc = Netrc::parse(
            "machine a.example login alice password one\n\
             machine b.example\n  login bob\n  password two account three\n\
             macdef init\ncd x\nmachine c.example login no password no\n\n\
             # machine d.example login no\n\
             default login anonymous password me@\n",
        );
        let check = |host: &str, user: Option<&[u8]>, expect: Option<(&[u8], &[u8])>| {
            let found = netrc.find(host, user);
            let found =
                found.map(|l| (l.user.as_slice(), l.password.as_ref().map_or(&b""[..], Secret::expose)));
            assert_eq!(found, expect, "{host} {user:?}");
        };
        check("a.example", None, Some((b"alice", b"one")));
        check("A.Example", Some(b"alice"), Some((b"alice", b"one")));
        check("a.example", Some(b"bob"), None);
        check("b.example", None, Some((b"bob", b"two")));
        check("c.example", None, Some((b"anonymous", b"me@")));
        check("d.example", None, Some((b"anonymous", b"me@")));
    }
}
