//! What can be wrong with the options.

use std::net::SocketAddr;
use std::path::PathBuf;

use ftp_io::program::settings::Mistakes;
use ftp_io::socket::CongestionError;

use crate::auth::{BadUser, NestedQuota};

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
    /// The state directory cannot be used.
    #[error("cannot use {} as --state: {why}; name a directory that only the user of the server can write", dir.display())]
    State {
        /// The directory itself.
        dir: PathBuf,
        /// Why it cannot be used.
        why: String,
    },
    /// A directory of users cannot be used.
    #[error("cannot use {}: {why}; it must be a directory that this process may enter", dir.display())]
    Directory {
        /// The key that names it.
        key: String,
        /// The directory itself.
        dir: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A certificate or a key cannot be used.
    #[error("cannot use the certificate: {0}")]
    Certificate(String),
    /// The authorities of clients cannot be used.
    #[error("cannot use the certificates of --tls-client-ca: {0}")]
    Authorities(String),
    /// A private key lies where users could read it.
    #[error("{} is below the root {}: users could read the key", _0.display(), _1.display())]
    KeyBelowRoot(PathBuf, PathBuf),
    /// There is no user of this name to go on as.
    #[error("cannot go on as the user {0:?} of run-as: {1}")]
    RunAs(String, String),
    /// The congestion control cannot be used.
    #[error(transparent)]
    Congestion(CongestionError),
    /// The program of the hook cannot be started.
    #[error("cannot start {} after uploads: {why}", program.display())]
    HookProgram {
        /// Its absolute path.
        program: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The directories of a quota lie in others.
    #[error(transparent)]
    NestedQuota(NestedQuota),
    /// The xferlog cannot be written where it should be.
    #[error("cannot write the xferlog {}: {why}", path.display())]
    Xferlog {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}

/// What works, but hardly as it is meant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigWarning {
    /// A certificate has expired.
    #[error("{} has expired: clients that look at it refuse it", .0.display())]
    Expired(PathBuf),
    /// A certificate is not valid yet.
    #[error("{} is not valid yet: clients that look at it refuse it", .0.display())]
    NotYetValid(PathBuf),
    /// An account has expired.
    #[error("the account {0:?} has expired: nobody can log in to it")]
    AccountExpired(String),
    /// The policy of a user is wider than that of the server.
    #[error("foreign of the user {0:?} is wider than that of the server, which holds")]
    WiderForeign(String),
    /// Any host may be reached.
    #[error(
        "users may send data to any host of the Internet, as bounce attacks do: let foreign-networks name the servers that they need"
    )]
    ForeignEverywhere {
        /// Whether networks are named, which contain it.
        is_named: bool,
    },
    /// A ban ends before its last refusal is said.
    #[error("a ban that is shorter than longest-refusal-delay keeps nobody out: use a longer time")]
    ShortBan,
}

/// The key in a file at which a mistake or a warning about a user stands.
fn of_user(name: &str, key: &str) -> String {
    format!("users.{name}.{key}")
}

impl ConfigError {
    /// The key of a file that is to be changed; `None` if none stands out. An option has its own name, a key of
    /// a table stands behind the name of its table.
    pub fn key(&self) -> Option<String> {
        let option = match self {
            Self::NoRoot | Self::Nobody | Self::Users(_) | Self::BelowRoot(..) => return None,
            Self::CertificateOfUser(user) => return Some(of_user(user, "certificates")),
            Self::UserTwice(user) | Self::UserAnonymous(user) => return Some(of_user(user, "name")),
            Self::NestedQuota(NestedQuota { user, .. }) => return Some(of_user(user, "name")),
            Self::Directory { key, .. } => key.as_str(),
            Self::State { .. } => "state",
            Self::Hook(_) | Self::HookProgram { .. } => "hooks.after-upload",
            Self::User { .. } => "user",
            Self::NetworksUnderNever => "foreign-networks",
            Self::ListenTwice(_) => "listen",
            Self::NoCertificate(option) => option,
            Self::KeyMissing | Self::Certificate(_) => "tls-cert",
            Self::KeyBelowRoot(..) => "tls-key",
            Self::Authorities(_) => "tls-client-ca",
            Self::TwoCertificates => "tls-self-signed",
            Self::ClearListener => "require-tls",
            Self::RunAs(..) => "run-as",
            Self::Congestion(_) => "congestion",
            Self::Xferlog { .. } => "xferlog",
        };
        Some(option.to_owned())
    }

    /// What a file lacks that has been given, and what to write there.
    pub const fn lacks(&self) -> Option<&'static str> {
        if matches!(self, Self::NoRoot) {
            Some(
                "root is missing: write root = \"/srv/ftp\", the directory that users see as /, above the first table",
            )
        } else if matches!(self, Self::Nobody) {
            Some(
                "nobody can log in: add [[users]] with name and password-hash, users = \"FILE\", or anonymous = true",
            )
        } else {
            None
        }
    }
}

impl ConfigWarning {
    /// The key of a file that it is about, as [`ConfigError::key`].
    pub fn key(&self) -> String {
        match self {
            Self::Expired(_) | Self::NotYetValid(_) => "tls-cert".to_owned(),
            Self::AccountExpired(user) => of_user(user, "expires"),
            Self::WiderForeign(user) => of_user(user, "foreign"),
            Self::ForeignEverywhere { is_named: true } => "foreign-networks".to_owned(),
            Self::ForeignEverywhere { is_named: false } => "foreign".to_owned(),
            Self::ShortBan => "bans.time".to_owned(),
        }
    }
}
