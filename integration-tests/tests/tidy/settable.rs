//! Every duration, size and count of an option can be set in the configuration file (cli.md), and so can every choice. The
//! option tables of the programs are compared with what their files take.

use super::none;
use clap::builder::Resettable;
use clap::{Arg, ArgAction, Command, CommandFactory, Id};
use ftp_relay_agent::config::{Config, ConfigError, HubOptions, JoinOptions, Options, RunOptions};
use std::fs;
use std::path::Path;

/// Verbs whose options say what is made, and not how the program works.
const MAKE_THINGS: [&str; 2] = ["sites", "token"];

/// Choices of `ftp-user` that stand at another place of its settings, or on the command line alone (decision 98).
const ELSEWHERE: [(&str, &str); 2] =
    [("path", "on the command line"), ("relay-consent", "as consent in [relay]")];

/// A value of an option, if it is a duration, a size, a rate, a count or a choice.
fn value(arg: &Arg) -> Option<String> {
    if !matches!(arg.get_action(), ArgAction::Set) || arg.is_positional() {
        return None;
    }
    if let Some(first) = arg.get_possible_values().first() {
        return Some(first.get_name().to_owned());
    }
    let takes = |value: &str| {
        let arg = arg
            .clone()
            .required(false)
            .requires(Resettable::<Id>::Reset)
            .conflicts_with(Resettable::<Id>::Reset);
        let command =
            Command::new("one").no_binary_name(true).arg(arg.overrides_with(Resettable::<Id>::Reset));
        let word = format!("--{}={value}", arg_name(command.get_arguments().next().unwrap()));
        command.try_get_matches_from([word]).is_ok()
    };
    let number = ["7", "7s", "7MB"].into_iter().find(|number| takes(number));
    number.filter(|_| !takes("word")).map(str::to_owned)
}

fn arg_name(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().to_owned()
}

/// The options with such values of the command and of its verbs that work on something: the verb, the name, the value.
fn numbers_and_choices(command: &Command) -> Vec<(String, String, String)> {
    let verbs = command.get_subcommands().filter(|verb| !MAKE_THINGS.contains(&verb.get_name()));
    let all = std::iter::once(command).chain(verbs);
    let of = |verb: &Command| {
        let named = |arg: &Arg| Some((verb.get_name().to_owned(), arg_name(arg), value(arg)?));
        verb.get_arguments().filter_map(named).collect::<Vec<_>>()
    };
    all.flat_map(of).filter(|(_, name, _)| !name.is_empty()).collect()
}

/// What a policy file says of a key that cannot stand there.
fn policy<O: Options>(path: &Path) -> Option<String> {
    match Config::read(&O::default(), Some(path)) {
        Err(ConfigError::File(mistakes)) => Some(mistakes.to_string()),
        // What else a relay needs is no matter of this key.
        Ok(_) | Err(ConfigError::Missing(_) | ConfigError::Congestion(_) | ConfigError::Allow(_)) => None,
    }
}

#[test]
fn every_number_and_choice_of_an_option_can_be_set_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.toml");
    let mut wrong = Vec::new();
    let server = numbers_and_choices(&ftp_server::cli::Cli::command());
    assert!(server.len() > 12, "{server:?}");
    for (_, name, value) in server {
        fs::write(&path, format!("{name} = \"{value}\"\n")).unwrap();
        wrong.extend(ftp_server::config::File::read(&path).err().map(|why| why.to_string()));
    }
    let relay = numbers_and_choices(&ftp_relay_agent::cli::Cli::command());
    assert!(relay.len() > 8, "{relay:?}");
    for (verb, name, value) in relay {
        fs::write(&path, format!("{name} = \"{value}\"\n")).unwrap();
        wrong.extend(match verb.as_str() {
            "run" => policy::<RunOptions>(&path),
            "join" => policy::<JoinOptions>(&path),
            "hub" => policy::<HubOptions>(&path),
            verb => Some(format!("{verb} --{name} has no file")),
        });
    }
    let user = numbers_and_choices(&ftp_user::cli::Cli::command());
    assert!(user.len() > 30, "{user:?}");
    for (verb, name, value) in user {
        let table = if verb == "daemon" { "daemon" } else { "defaults" };
        let text = format!("[{table}]\n{name} = \"{value}\"\n");
        let read =
            ftp_user::config::parse(&text, Path::new("config.toml"), Some(ftp_user::cli::default_keys));
        let place = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name).map(|(_, place)| *place);
        match (read, place) {
            (Ok(settings), None) => {
                let is_known = settings.trust.is_some()
                    || settings.defaults.iter().any(|(key, _)| key == name)
                    || settings.daemon.iter().any(|key| key.name == name);
                wrong.extend((!is_known).then(|| format!("{verb} --{name} is lost")));
            }
            (Err(failure), Some(place)) if failure.to_string().contains(place) => {}
            (read, _) => wrong.push(format!("{verb} --{name}: {:?}", read.err())),
        }
    }
    none("an option that its file cannot set", wrong);
}

#[test]
fn an_option_of_several_verbs_has_the_same_values_in_all_of_them() {
    let command = ftp_user::cli::Cli::command();
    let mut known: Vec<(String, Vec<String>)> = Vec::new();
    let mut wrong = Vec::new();
    for verb in command.get_subcommands().filter(|verb| !MAKE_THINGS.contains(&verb.get_name())) {
        for arg in verb.get_arguments().filter(|arg| value(arg).is_some()) {
            let shown = |arg: &Arg| {
                let values = arg.get_possible_values().into_iter().map(|value| value.get_name().to_owned());
                values
                    .chain(arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string))
                    .collect()
            };
            let (name, shown): (String, Vec<String>) = (arg_name(arg), shown(arg));
            match known.iter().find(|(other, _)| *other == name) {
                Some((_, other)) if *other != shown => wrong.push(format!("{} --{name}", verb.get_name())),
                Some(_) => {}
                None => known.push((name, shown)),
            }
        }
    }
    none("an option that means something else in another verb", wrong);
}
