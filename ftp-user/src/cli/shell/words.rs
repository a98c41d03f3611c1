//! What the command line knows, as the vocabulary of the shell.

use super::super::Cli;
use crate::shell::{OptionWords, VerbWords, Vocabulary};
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::ffi::OsString;

/// The vocabulary of the shell.
pub(super) fn vocabulary() -> Vocabulary {
    let mut command = Cli::command();
    command.build();
    let verbs = command.get_subcommands().filter(|verb| !LEFT_OUT.contains(&verb.get_name()));
    Vocabulary::new(verbs.map(verb).collect())
}

fn verb(verb: &Command) -> VerbWords {
    let options = verb.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    let followers = verb.get_subcommands().filter(|follower| follower.get_name() != "help");
    VerbWords {
        name: verb.get_name().to_owned(),
        about: verb.get_about().map(ToString::to_string).unwrap_or_default(),
        options: options.map(option).collect(),
        followers: followers.map(|follower| follower.get_name().to_owned()).collect(),
        is_own: false,
    }
}

fn option(arg: &Arg) -> OptionWords {
    let has_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let values = if has_value { arg.get_possible_values() } else { Vec::new() };
    OptionWords {
        long: arg.get_long().map(str::to_owned),
        letters: arg.get_short_and_visible_aliases().unwrap_or_default(),
        has_value,
        values: values.iter().map(|value| value.get_name().to_owned()).collect(),
    }
}

/// The options of the shell that hold for each of its lines: its words without itself and what is for it alone.
pub(super) fn general_options(words: &[OsString]) -> Vec<OsString> {
    let mut command = Cli::command();
    command.build();
    let Some(shell) = command.find_subcommand("shell").map(verb) else { return Vec::new() };
    let mut kept = Vec::new();
    let mut all = words.iter().peekable();
    while let Some(word) = all.next() {
        let text = word.to_string_lossy();
        if !text.starts_with('-') || text == "-" {
            continue;
        }
        let is_own = OWN.iter().any(|own| text == *own || text.starts_with(&format!("{own}=")))
            || (text.starts_with("-f") && !text.starts_with("--"));
        let value = if shell.awaits_value(&text) { all.next() } else { None };
        if !is_own {
            kept.push(word.clone());
            kept.extend(value.cloned());
        }
    }
    kept
}

/// Verbs that make no sense in the shell.
const LEFT_OUT: [&str; 4] = ["shell", "help", "completions", "man"];
/// Options of the shell alone.
const OWN: [&str; 2] = ["--file", "--keep-going"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_of_the_command_line_is_one_of_the_shell() {
        let vocabulary = vocabulary();
        let names: Vec<&str> = vocabulary.verbs().iter().map(|verb| verb.name.as_str()).collect();
        for name in ["copy", "append", "ls", "rm", "sites", "jobs", "cd", "bind", "where"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        let copy = vocabulary.verbs().iter().find(|verb| verb.name == "copy").unwrap();
        for (arguments, expect) in [
            ("-r --limit 5 lab:a lab:b", &[3, 4][..]),
            ("-rn lab:a --json --timeout 5 lab:b", &[1, 5]),
            ("--path=direct -j 4 -4v lab:a lab:b", &[4, 5]),
        ] {
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            assert_eq!(copy.operands(&arguments), expect, "{arguments:?}");
        }
    }

    #[test]
    fn the_options_of_the_shell_hold_for_each_line() {
        for (typed, expect) in [
            ("shell", ""),
            ("--json shell -f x --keep-going --state s", "--json --state s"),
            ("--timeout=5 shell --file x -v", "--timeout=5 -v"),
            ("shell -fx --file=y -4", "-4"),
        ] {
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            let expect: Vec<OsString> = expect.split_whitespace().map(OsString::from).collect();
            assert_eq!(general_options(&words), expect, "{typed}");
        }
    }
}
