//! The log: one line per event on standard error, as text or as JSON.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat};

/// Starts the log of this process.
pub fn start(log: &Log) {
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = fmt().with_writer(stderr).with_max_level(log.level).with_target(false);
    // A second start in one process (tests) keeps the first log.
    let _ = match log.format {
        LogFormat::Text => tracing::subscriber::set_global_default(lines.with_ansi(colour).finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(lines.json().finish()),
    };
}
