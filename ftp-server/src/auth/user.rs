//! A user as the operator describes one: on the command line, in the file of `--users`, in the
//! configuration.

use std::num::NonZeroU64;

use ftp_proto::policy::{Exchange, Foreign};
use ftp_proto::server::Rights;
use ftp_proto::wire::Secret;

use super::hash::{BadHash, PasswordHash};
use super::home::Home;
use super::terms::LoginTerms;
use crate::limits::AccountLimits;

/// A user as the operator describes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name that the user logs in with.
    pub name: Vec<u8>,
    /// What shows that somebody is this user.
    pub credential: Credential,
    /// What the user may do with files.
    pub rights: Rights,
    /// Whether STAT shows the limits of the server.
    pub admin: bool,
    /// The foreign policy, where it is narrower than the server's.
    pub foreign: Option<Foreign>,
    /// What the user exchanges with foreign hosts; empty means all that the policy allows.
    pub exchanges: Vec<Exchange>,
    /// How many sessions the user may have.
    pub limits: AccountLimits,
    /// When and from where the user may log in.
    pub terms: LoginTerms,
    /// What the user sees of the disk.
    pub home: Home,
    /// What the user has to name with ACCT after the password.
    pub charged_to: Option<Secret>,
    /// How fast the transfers of the user are, all together.
    pub rates: Rates,
}

/// Rates in bytes per second; `None` means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Of files that the server receives.
    pub up: Option<NonZeroU64>,
    /// Of files and listings that the server sends.
    pub down: Option<NonZeroU64>,
}

/// What shows that somebody is a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// A password in clear. It is compared without a slow hash, so that thousands can log in per second.
    Quick(Secret),
    /// The hash of a password.
    Hashed(PasswordHash),
    /// A certificate of the terms, and no password.
    Certificate,
    /// A password that PAM checks.
    Pam,
}

/// Why a line does not describe a user. The text never shows the line, which may hold a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadUser {
    /// There is no colon.
    #[error("a user is NAME:PASSWORD; there is no ':'")]
    NoColon,
    /// There is no name before the colon.
    #[error("a user is NAME:PASSWORD; there is no name before the ':'")]
    NoName,
    /// There is no password after the colon.
    #[error("a user is NAME:PASSWORD; the password is empty, so everybody could log in")]
    NoPassword,
    /// What stands after the colon begins like a hash and is none.
    #[error("{0}")]
    Hash(BadHash),
}

impl User {
    /// A user with every right.
    pub fn new(name: impl Into<Vec<u8>>, credential: Credential) -> Self {
        Self {
            name: name.into(),
            credential,
            rights: Rights::ALL,
            admin: false,
            foreign: None,
            exchanges: Vec::new(),
            limits: AccountLimits::default(),
            terms: LoginTerms::default(),
            home: Home::default(),
            charged_to: None,
            rates: Rates::default(),
        }
    }

    /// Reads `NAME:PASSWORD[:ro]` (`--user`); the password may contain colons.
    ///
    /// # Errors
    /// There is no colon, no name before it, or no password after it.
    pub fn with_password(text: &[u8]) -> Result<Self, BadUser> {
        Self::parse(text, |password| Ok(Credential::Quick(Secret::new(password))))
    }

    /// Reads a line of `--users`: `NAME:PASSWORD[:ro]` or `NAME:HASH[:ro]`. What begins with `$` is
    /// always a hash.
    ///
    /// # Errors
    /// There is no colon, no name before it, or no password or an unknown hash after it.
    pub fn with_password_or_hash(text: &[u8]) -> Result<Self, BadUser> {
        Self::parse(text, |given| {
            if !given.starts_with(b"$") {
                return Ok(Credential::Quick(Secret::new(given)));
            }
            let text = std::str::from_utf8(given).map_err(|_| BadUser::Hash(BadHash::Damaged))?;
            PasswordHash::parse(text).map(Credential::Hashed).map_err(BadUser::Hash)
        })
    }

    fn parse(
        text: &[u8],
        credential: impl FnOnce(&[u8]) -> Result<Credential, BadUser>,
    ) -> Result<Self, BadUser> {
        let at = text.iter().position(|&byte| byte == b':').ok_or(BadUser::NoColon)?;
        let (name, given) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        if name.is_empty() {
            return Err(BadUser::NoName);
        }
        let (given, rights) = match given.strip_suffix(b":ro") {
            Some(given) => (given, Rights::READ_ONLY),
            None => (given, Rights::ALL),
        };
        if given.is_empty() {
            return Err(BadUser::NoPassword);
        }
        Ok(Self { rights, ..Self::new(name, credential(given)?) })
    }

    /// The name for people.
    pub fn shown_name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_password_and_perhaps_ro() {
        let check = |line: &str, name: &str, password: &str, rights: Rights| {
            let user = User::with_password(line.as_bytes()).unwrap();
            assert_eq!(user.name, name.as_bytes(), "{line}");
            assert_eq!(user.credential, Credential::Quick(Secret::new(password)), "{line}");
            assert_eq!(user.rights, rights, "{line}");
        };
        check("ann:secret", "ann", "secret", Rights::ALL);
        check("ann:a:b", "ann", "a:b", Rights::ALL);
        check("ann:a:ro", "ann", "a", Rights::READ_ONLY);
        check("ann:a:ro:ro", "ann", "a:ro", Rights::READ_ONLY);
        check("ann:$5$x", "ann", "$5$x", Rights::ALL);
    }

    #[test]
    fn what_begins_with_a_dollar_sign_is_a_hash_in_a_file() {
        let nobody = PasswordHash::of_nobody();
        let line = format!("ann:{}:ro", nobody.text());
        let user = User::with_password_or_hash(line.as_bytes()).unwrap();
        assert_eq!((user.credential, user.rights), (Credential::Hashed(nobody), Rights::READ_ONLY));
        let bad = |line: &str| User::with_password_or_hash(line.as_bytes()).unwrap_err();
        assert_eq!(bad("ann:$1$old$hash"), BadUser::Hash(BadHash::Unknown));
        assert_eq!(bad("ann:$"), BadUser::Hash(BadHash::Unknown));
        assert_eq!(bad("ann:$6$salt$short"), BadUser::Hash(BadHash::Damaged));
        assert!(User::with_password_or_hash(b"ann:secret").is_ok());
    }

    #[test]
    fn an_empty_password_is_refused() {
        for line in ["ann:", "ann::ro"] {
            assert_eq!(User::with_password(line.as_bytes()), Err(BadUser::NoPassword), "{line}");
            assert_eq!(User::with_password_or_hash(line.as_bytes()), Err(BadUser::NoPassword), "{line}");
        }
    }

    #[test]
    fn a_line_without_colon_or_name_is_refused_without_showing_it() {
        assert_eq!(User::with_password(b"secret"), Err(BadUser::NoColon));
        assert_eq!(User::with_password(b":secret"), Err(BadUser::NoName));
        assert!(!format!("{:?}", User::with_password(b"ann:secret")).contains("secret"));
    }
}
