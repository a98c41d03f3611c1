//! Which paths are allowed: by the user, by the security of both sites, by the relays that are known. Pure.

use super::security::{both_run_tls, protections};
use clap::ValueEnum;
use ftp_proto::transfer::{Party, Side};
use serde::{Deserialize, Serialize};

/// Which paths may be used: the value of `--path`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Allowed {
    /// The most direct one that works: from server to server, through a relay agent, through this host
    #[default]
    Auto,
    /// From server to server only
    Direct,
    /// Through a relay agent only
    Relay,
    /// Through this host only
    User,
    /// From server to server only, where both listen and connect at the same time (between two of ours)
    Symmetric,
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

impl Allowed {
    /// Whether the candidate that works is the best one of its kind, so that later runs may begin with it. One that the user
    /// has forced says nothing of the others.
    pub const fn shows_the_best(self) -> bool {
        match self {
            Self::Auto | Self::Direct => true,
            Self::Symmetric | Self::Relay | Self::User => false,
        }
    }
}

/// How the data connections between two servers must be protected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DataProtection {
    /// In clear, as both control connections are.
    #[default]
    Clear,
    /// Never in clear, because a control connection runs TLS. If both do, two servers can protect the data between
    /// each other; otherwise only this program can be their peer.
    Private,
    /// Inside TLS if the two servers can, else in clear, as `--allow-clear-data` permits.
    Permitted,
}

impl DataProtection {
    /// Why some of the allowed paths between these two cannot be used, if so.
    pub fn limitation(self, allowed: Allowed, source: &Party, destination: &Party) -> Option<&'static str> {
        let private = Side::BOTH.iter().any(|side| !protections(*side, source, destination).is_empty());
        match (self, allowed) {
            (Self::Clear, _) => None,
            (Self::Private, _) if private => None,
            (Self::Private, _) if both_run_tls(source, destination) => Some(NO_CLIENT),
            (Self::Private, _) => Some(IN_CLEAR),
            (Self::Permitted, _) => None,
        }
    }
}

const IN_CLEAR: &str = "from server to server the data would be in clear: only one of the two control connections runs TLS; \
                        --allow-clear-data permits it";
const NO_CLIENT: &str = "from server to server the data would be in clear: both control connections run TLS, but neither server can be TLS \
                         client on a data connection (SSCN, CPSV); --allow-clear-data permits it";

/// A relay that may be used: what the choice of candidates needs to know of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nearby {
    /// What reports call it.
    pub name: String,
    /// The end that it is near, as the settings say.
    pub near: Option<Side>,
}
