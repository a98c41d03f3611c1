//! Which paths are allowed: by the user, by the security of both sites, by the relays that are known. Pure.

use ftp_proto::third_party::Side;

/// Which paths may be used: the value of `--path`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Allowed {
    /// All of them.
    #[default]
    Auto,
    /// Only from server to server.
    Direct,
    /// Only from server to server, where both listen and connect.
    Symmetric,
    /// Only through a relay agent.
    Relay,
    /// Only through this program.
    User,
}

impl Allowed {
    /// The value of `--path`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Symmetric => "symmetric",
            Self::Relay => "relay",
            Self::User => "user",
        }
    }
}

/// How the data connections between two servers must be protected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DataProtection {
    /// In clear, as both control connections are.
    #[default]
    Clear,
    /// Never in clear, because a control connection runs TLS. Two servers cannot protect data between each
    /// other (RFC 4217 section 7 leaves that case out), so only this program can be their peer.
    Private,
    /// In clear from server to server, as `--allow-clear-data` permits; otherwise private.
    Permitted,
}

impl DataProtection {
    /// Why some of the allowed paths cannot be used, if so.
    pub const fn limitation(self, allowed: Allowed) -> Option<&'static str> {
        match (self, allowed) {
            (Self::Private, _) => Some(IN_CLEAR),
            (Self::Permitted, Allowed::Relay) => Some(NO_TLS),
            (Self::Clear, _)
            | (Self::Permitted, Allowed::Auto | Allowed::Direct | Allowed::Symmetric | Allowed::User) => None,
        }
    }
}

const NO_TLS: &str = "there is no TLS through a relay yet";
const IN_CLEAR: &str = "the data would be in clear: a control connection runs TLS, and two servers cannot \
                        protect data between each other yet (SSCN, CPSV); --allow-clear-data permits it";

/// A relay that may be used: what the choice of candidates needs to know of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nearby {
    /// What reports call it.
    pub name: String,
    /// The end that it is near, as the settings say.
    pub near: Option<Side>,
}
