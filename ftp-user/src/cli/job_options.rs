//! The options that say how long a run waits, and how often it tries again.

use clap::Args;
use ftp_io::program::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a run waits, and how often it tries again.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Waits {
    /// Timeout for a connection and for each reply (default: 60s)
    #[arg(long, global = true, value_name = "T", value_parser = duration::parse)]
    pub(super) timeout: Option<Duration>,
    /// Give up a transfer that moves nothing for this time (default: 60s)
    #[arg(long, global = true, value_name = "T", value_parser = duration::parse)]
    pub(super) stall: Option<Duration>,
    /// Give up a transfer whose progress neither server reports after this time in addition to --stall (default: by the
    /// size of the file, at most 6 hours for most files)
    #[arg(long, global = true, value_name = "T", value_parser = duration::parse)]
    pub(super) unseen: Option<Duration>,
    /// Retry a temporary failure N times (default: 5; a server that has not answered yet is asked once)
    #[arg(long, global = true, value_name = "N")]
    pub(super) retries: Option<u32>,
}

impl Waits {
    /// These, and the others where these say nothing.
    pub(super) fn or(&self, others: &Self) -> Self {
        Self {
            timeout: self.timeout.or(others.timeout),
            stall: self.stall.or(others.stall),
            unseen: self.unseen.or(others.unseen),
            retries: self.retries.or(others.retries),
        }
    }
}
