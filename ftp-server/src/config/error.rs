//! What can be wrong with the options.

use std::net::SocketAddr;
use std::path::PathBuf;

use ftp_io::program::settings::Mistakes;

use crate::auth::BadUser;

/// What is wrong with the options, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no `--root`.
    #[error("--root is missing: name the directory that users see as /, like --root /srv/ftp")]
    NoRoot,
    /// A file with passwords lies where users could read it.
    #[error("{0} lies below the root {1}, where users could read it: move it")]
    BelowRoot(PathBuf, PathBuf),
    /// There is no user at all.
    #[error(
        "nobody can log in: give --user NAME:PASSWORD, --users FILE, --anonymous, or --config FILE with [[users]]"
    )]
    Nobody,
    /// A `--user` that cannot be used. Its text is not shown, because it may hold a password.
    #[error("user {number} of the command line: {why}")]
    User {
        /// Its number on the command line, from 1.
        number: usize,
        /// What is wrong with it.
        why: BadUser,
    },
    /// The file of `--users` has mistakes.
    #[error("{0}")]
    Users(Mistakes),
    /// Two users have one name.
    #[error("two users have the name {0:?}: remove one of them")]
    UserTwice(String),
    /// A user has a name of the anonymous account.
    #[error(
        "the user {0:?} has a name of the anonymous account: choose another name, or leave --anonymous out"
    )]
    UserAnonymous(String),
    /// Networks were given, but the policy does not use them.
    #[error("--foreign-networks has no effect under --foreign never: leave one of them out")]
    NetworksUnderNever,
    /// Two listeners have one address.
    #[error("{0} is given for two listeners: choose another port for one of them")]
    ListenTwice(SocketAddr),
    /// The program of the hook is not named by its whole path.
    #[error("after-upload {0:?} must begin with the absolute path of a program, like /usr/local/bin/notify")]
    Hook(String),
    /// TLS is wanted, but there is no certificate.
    #[error("--{0} needs a certificate: give --tls-cert and --tls-key, or --tls-self-signed")]
    NoCertificate(&'static str),
    /// A user logs in by a certificate, but there is no TLS.
    #[error(
        "the user {0:?} needs TLS to show a certificate: give --tls-cert and --tls-key, or --tls-self-signed"
    )]
    CertificateOfUser(String),
    /// There are not as many keys as certificates.
    #[error("every --tls-cert needs its --tls-key, in the same order; both may name one file")]
    KeyMissing,
    /// Two kinds of certificates were given.
    #[error("--tls-self-signed and --tls-cert exclude each other: leave one of them out")]
    TwoCertificates,
    /// A listener is always in clear.
    #[error(
        "--require-tls leaves nobody who could use --listen-1973, which is always in clear: leave one of them out"
    )]
    ClearListener,
}

impl ConfigError {
    /// The option that is to be changed, without dashes; `None` if none stands out.
    pub fn option(&self) -> Option<&'static str> {
        match self {
            Self::Hook(_)
            | Self::NoRoot
            | Self::Nobody
            | Self::Users(_)
            | Self::BelowRoot(..)
            | Self::CertificateOfUser(_) => None,
            Self::User { .. } | Self::UserTwice(_) | Self::UserAnonymous(_) => Some("user"),
            Self::NetworksUnderNever => Some("foreign-networks"),
            Self::ListenTwice(_) => Some("listen"),
            Self::NoCertificate(option) => Some(option),
            Self::KeyMissing => Some("tls-cert"),
            Self::TwoCertificates => Some("tls-self-signed"),
            Self::ClearListener => Some("require-tls"),
        }
    }
}
