//! The options of every verb that the journal keeps of a job: what a run needs, how long it waits, and how often it tries again.

use crate::journal::as_text;
use crate::place::Proxy;
use clap::Args;
use ftp_io::program::duration;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options of every verb that the journal keeps of a job.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct JobOptions {
    /// Settings (default: $FTP_USER_CONFIG, else ftp-user/config.toml in $XDG_CONFIG_HOME or ~/.config)
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(with = "as_text")]
    pub(super) config: Option<PathBuf>,
    /// The password of the one server that lacks one: the only line of a file that only you can read (mode 0600).
    /// Without it $FTP_USER_PASSWORD is taken, else you are asked at the terminal
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(with = "as_text")]
    pub(super) password_file: Option<PathBuf>,
    /// Connect through this SOCKS5 proxy: socks5://[USER:PASSWORD@]HOST:PORT
    #[arg(long, global = true, value_name = "URL")]
    #[serde(with = "as_text")]
    pub(super) proxy: Option<Proxy>,
    /// Use IPv4 only
    #[arg(short = '4', global = true, conflicts_with = "v6")]
    pub(super) v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', global = true)]
    pub(super) v6: bool,
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

impl JobOptions {
    /// These, and the others where these say nothing.
    pub(super) fn or(&self, others: &Self) -> Self {
        let family = if self.v4 || self.v6 { self } else { others };
        Self {
            config: self.config.clone().or_else(|| others.config.clone()),
            password_file: self.password_file.clone().or_else(|| others.password_file.clone()),
            proxy: self.proxy.clone().or_else(|| others.proxy.clone()),
            v4: family.v4,
            v6: family.v6,
            timeout: self.timeout.or(others.timeout),
            stall: self.stall.or(others.stall),
            unseen: self.unseen.or(others.unseen),
            retries: self.retries.or(others.retries),
        }
    }

    /// The same with paths that do not depend on the current directory.
    pub(super) fn absolute(&self) -> Self {
        let (config, password_file) =
            (absolute(self.config.as_deref()), absolute(self.password_file.as_deref()));
        Self { config, password_file, ..self.clone() }
    }
}

/// A path that does not depend on the current directory.
pub(super) fn absolute(path: Option<&Path>) -> Option<PathBuf> {
    path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}
