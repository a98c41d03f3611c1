//! `~/.netrc`: the logins that other FTP programs already know.

use ftp_proto::wire::Secret;

/// The logins of a `.netrc` file, in its order.
#[derive(Clone, Debug, Default)]
pub struct Netrc {
    logins: Vec<Login>,
    /// The names of its macros, which only other programs run.
    macros: Vec<String>,
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

    /// The names of its macros.
    pub fn macros(&self) -> &[String] {
        &self.macros
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
    use super::*;

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
