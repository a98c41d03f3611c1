//! Which options `[defaults]` of the settings may have, as the table of options itself says.

use crate::config::{DefaultKeys, SITE_KEYS};
use clap::{Arg, Command};
use ftp_io::program::settings::{Defaults, can_be_default};

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
