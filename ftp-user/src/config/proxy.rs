//! `socks5://user:password@host:port`: the proxy through which this program connects.

use super::Authority;
use crate::place::decode;
use ftp_proto::wire::Secret;
use std::fmt;
use std::str::FromStr;

/// A SOCKS5 proxy (RFC 1928).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    /// Where it listens.
    pub at: Authority,
    /// Who logs in there (RFC 1929), if somebody does.
    pub login: Option<ProxyLogin>,
}

/// A user of a proxy, and the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyLogin {
    /// The user, 1 to 255 bytes.
    pub user: String,
    /// The password, 1 to 255 bytes of UTF-8.
    pub password: Secret,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("socks5://").ok_or(EXPECTED)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, at) = match rest.rsplit_once('@') {
            Some((login, at)) => (Some(login), at),
            None => (None, rest),
        };
        Ok(Self { at: at.parse()?, login: login.map(ProxyLogin::parse).transpose()? })
    }
}

impl ProxyLogin {
    fn parse(text: &str) -> Result<Self, String> {
        let (user, password) =
            text.split_once(':').ok_or("write a password after the user: USER:PASSWORD@")?;
        let field = |what: &str, text: &str| {
            let bytes =
                decode(text.as_bytes()).map_err(|_| format!("the {what} has a % without two digits"))?;
            if bytes.is_empty() || bytes.len() > LONGEST {
                return Err(format!("the {what} has 1 to {LONGEST} bytes"));
            }
            String::from_utf8(bytes).map_err(|_| format!("the {what} is not UTF-8"))
        };
        Ok(Self { user: field("user", user)?, password: Secret::new(field("password", password)?) })
    }
}

impl fmt::Display for Proxy {
    /// Its address, without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

const EXPECTED: &str = "write socks5://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT";
/// RFC 1929 section 2.
const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_host_a_port_and_perhaps_a_login() {
        let check = |text: &str, at: &str, login: Option<(&str, &str)>| {
            let proxy: Proxy = text.parse().unwrap();
            let found = proxy.login.as_ref().map(|login| (login.user.as_str(), login.password.expose()));
            assert_eq!((proxy.to_string().as_str(), found), (at, login.map(|(u, p)| (u, p.as_bytes()))));
        };
        check("socks5://127.0.0.1:1080", "127.0.0.1:1080", None);
        check("socks5://[::1]:1080/", "[::1]:1080", None);
        check("socks5://ann:s3c@ret:1@proxy.example:1080", "proxy.example:1080", Some(("ann", "s3c@ret:1")));
        check("socks5://a%3ab:%40%25@h:1", "h:1", Some(("a:b", "@%")));
    }

    #[test]
    fn a_mistake_is_told_without_the_password() {
        let check = |text: &str, expect: &str| {
            let why = text.parse::<Proxy>().unwrap_err();
            assert!(why.contains(expect) && !why.contains("s3cret"), "{text}: {why}");
        };
        for text in ["", "127.0.0.1:1080", "http://h:1", "socks4://h:1", "SOCKS5://h:1"] {
            check(text, "write socks5://HOST:PORT");
        }
        for text in ["socks5://h", "socks5://h:0", "socks5://ann:s3cret@h", "socks5://h:x"] {
            check(text, "HOST:PORT");
        }
        check("socks5://ann@h:1", "USER:PASSWORD@");
        check("socks5://ann:@h:1", "1 to 255 bytes");
        check("socks5://:s3cret@h:1", "1 to 255 bytes");
        check("socks5://ann:%s3cret@h:1", "% without two digits");
        check("socks5://ann:%ff@h:1", "not UTF-8");
        check(&format!("socks5://{}:s3cret@h:1", "a".repeat(256)), "1 to 255 bytes");
        assert!(!format!("{:?}", "socks5://ann:s3cret@h:1".parse::<Proxy>()).contains("s3cret"));
    }
}
