//! How two trees are made equal.

use crate::check::Allowance;
use clap::ValueEnum;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};

/// How two trees are made equal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncRules {
    /// What tells whether two files are the same.
    pub compare: Compare,
    /// Whether what the source lacks is deleted; `None` if it stays.
    pub deletion: Option<Allowance>,
    /// The directory, at the host of the destination, that keeps what is replaced or deleted.
    pub backup: Option<PathName>,
}

/// What tells whether two files of one path are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// Size and time if both are equal, else digests
    #[default]
    Auto,
    /// A file that is there is the same
    Exists,
    /// Files of one size are the same
    Size,
    /// Files of one size and one time are the same
    Time,
    /// Files with one digest are the same
    Hash,
}
