//! What options mean where they are not typed, as `[defaults]` of the settings says it.

use super::{Cli, default_keys};
use crate::config::{self, DefaultKeys, SITE_KEYS, Settings};
use crate::failure::Failure;
use clap::{Arg, Command, CommandFactory};
use ftp_io::program::args::{self, Rejected};
use ftp_io::program::settings::{Defaults, can_be_default};
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

/// The keys of `[defaults]`: the options of all verbs that can be defaults. One option is one key for all verbs that have it.
pub(super) fn keys_of(command: &Command) -> DefaultKeys {
    let verbs = command.get_subcommands().filter(|verb| has_defaults(verb));
    let mut options = Command::new("defaults");
    let mut elsewhere: Vec<(String, String)> = Vec::new();
    for arg in command.get_arguments().chain(verbs.flat_map(Command::get_arguments)) {
        let Some(name) = arg.get_long() else { continue };
        if is_key(name, arg) {
            if options.get_arguments().all(|other| other.get_long() != Some(name)) {
                options = options.arg(arg.clone());
            }
        } else {
            elsewhere.push((name.to_owned(), written_at(name).to_owned()));
        }
    }
    DefaultKeys { options, elsewhere }
}

/// Whether the options of a verb say how it works. Those of `sites` say what is stored in the settings.
fn has_defaults(verb: &Command) -> bool {
    verb.get_name() != "sites"
}

/// Whether an option may stand in `[defaults]`: see decision 98.
fn is_key(name: &str, arg: &Arg) -> bool {
    name == "proxy" || can_be_default(arg) && name != "path" && name != RELAY_CONSENT
}

/// Where an option that is no key of `[defaults]` is written.
fn written_at(name: &str) -> &'static str {
    match name {
        RELAY_CONSENT => "as consent in [relay]",
        name if SITE_KEYS.contains(&name) => "in [sites.NAME], or on the command line",
        _ => "on the command line",
    }
}

/// The command line with other defaults.
pub(super) fn with(defaults: &Defaults, command: Command) -> Command {
    let command = defaults.apply(command);
    let verbs: Vec<String> = command
        .get_subcommands()
        .filter(|verb| has_defaults(verb))
        .map(|verb| verb.get_name().to_owned())
        .collect();
    verbs.into_iter().fold(command, |command, verb| command.mut_subcommand(verb, |verb| defaults.apply(verb)))
}

const RELAY_CONSENT: &str = "relay-consent";

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
