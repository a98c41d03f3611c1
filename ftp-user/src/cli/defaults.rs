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
    let defaults = self::settings(settings).unwrap_or_default().defaults.without(typed.verb.refuses());
    if defaults.is_empty() {
        return Ok(typed);
    }
    let mut cli: Cli = args::parse_as(with(&defaults, Cli::command()), arguments)?;
    (cli.general.typed, cli.typed) = (typed.general.typed, typed.typed);
    Ok(cli)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_that_a_verb_would_refuse_does_not_hold_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        let check = |default: &str, words: &str, holds: bool| {
            std::fs::write(&file, format!("[defaults]\n{default}\n")).unwrap();
            let line = ["ftp-user"].into_iter().chain(words.split(' ')).map(OsString::from);
            let line: Vec<OsString> = line.collect();
            let typed = || args::parse::<Cli>(line.clone()).ok().unwrap();
            let read = with_defaults(typed(), line.clone(), Some(&file)).ok().unwrap();
            assert_eq!(
                format!("{:?}", read.verb) != format!("{:?}", typed().verb),
                holds,
                "{default} {words}"
            );
        };
        for (default, refused, taken) in [
            ("verify = \"hash\"", "append a ftp://h/b", "copy a ftp://h/b"),
            ("verify = \"none\"", "move a ftp://h/b", "copy a ftp://h/b"),
            ("verify = \"size\"", "cat a", "append a ftp://h/b"),
            ("links = \"follow\"", "move a ftp://h/b", "copy a ftp://h/b"),
            ("overwrite = \"newer\"", "copy - ftp://h/b", "copy a ftp://h/b"),
            ("overwrite = \"newer\"", "copy - ftp://h/b", "move a ftp://h/b"),
        ] {
            check(default, refused, false);
            check(default, taken, true);
        }
    }
}
