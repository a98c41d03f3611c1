//! What options mean where they are not typed, as `[defaults]` of the settings says it.

use super::default_keys::with;
use super::{Cli, default_keys};
use crate::config::{self, Settings};
use crate::failure::Failure;
use clap::CommandFactory;
use ftp_io::program::args::{self, Rejected};
use std::ffi::OsString;
use std::path::Path;

/// The settings of this file, or of the usual one.
///
/// # Errors
///
/// The file cannot be read, or has mistakes.
pub(super) fn settings(named: Option<&Path>) -> Result<Settings, Failure> {
    config::load(named, Some(default_keys))
}

/// The command line with the defaults of these settings where nothing is typed. `typed` is how it reads without them.
///
/// # Errors
///
/// The arguments cannot be read, which `typed` has shown to be possible.
pub(super) fn with_defaults(
    typed: Cli,
    arguments: Vec<OsString>,
    settings: Option<&Path>,
) -> Result<Cli, Rejected> {
    // A verb that needs the settings reads them again, and tells what is wrong with them.
    let defaults = self::settings(settings).unwrap_or_default().defaults;
    if defaults.is_empty() {
        return Ok(typed);
    }
    let mut cli: Cli = args::parse_as(with(&defaults, Cli::command()), arguments)?;
    cli.general.typed = typed.general.typed;
    Ok(cli)
}
