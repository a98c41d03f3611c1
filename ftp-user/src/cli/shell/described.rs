//! The verbs of the shell, as clap describes those of the command line and those of the shell alone.

use super::super::{Cli, later};
use super::verbs::OwnLine;
use crate::shell::{Elsewhere, Vocabulary};
use clap::{Command, CommandFactory};
use ftp_io::program::completion::{Part, Reader};
use std::ffi::OsString;

/// The vocabulary of the shell.
pub(super) fn vocabulary() -> Vocabulary {
    let all = Cli::command();
    let verbs: Vec<Command> =
        all.get_subcommands().filter(|verb| !LEFT_OUT.contains(&verb.get_name())).cloned().collect();
    let command_line = Command::new("ftp-user").args(all.get_arguments().cloned()).subcommands(verbs);
    Vocabulary::new(command_line, &OwnLine::command(), &[later::VERBS_ELSEWHERE, OF_OTHER_SHELLS])
}

/// What other programs call verbs of the shell alone.
const OF_OTHER_SHELLS: Elsewhere = &[
    ("?", "help"),
    ("bye", "quit"),
    ("lls", "ls [], which is the directory of this host"),
    ("open", "cd"),
    ("pushd", "cd; cd - goes back"),
    ("popd", "cd -"),
];

/// The options of the shell that hold for each of its lines: those of every verb.
pub(super) fn general_options(words: &[OsString]) -> Vec<OsString> {
    let mut command = Cli::command();
    command.build();
    let mut reader = Reader::at(&command);
    let is_general = |word: &&OsString| match reader.read(&word.to_string_lossy()) {
        Part::Option(Some(option)) | Part::ValueOf(option, _) => option.is_global_set(),
        Part::Option(None) | Part::End | Part::Verb(_) | Part::Operand(_) => false,
    };
    words.iter().filter(is_general).cloned().collect()
}

/// Verbs that make no sense in the shell.
const LEFT_OUT: [&str; 4] = ["shell", "help", "completions", "man"];

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_io::program::completion::values;

    #[test]
    fn every_verb_of_the_command_line_is_one_of_the_shell() {
        let vocabulary = vocabulary();
        let verbs = vocabulary.verbs();
        let names: Vec<&str> = verbs.iter().map(|verb| verb.get_name()).collect();
        for name in ["copy", "append", "ls", "rm", "sites", "jobs", "cd", "where"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        assert!(LEFT_OUT.iter().all(|name| *name == "help" || !names.contains(name)), "{names:?}");
        let copy = vocabulary.root().find_subcommand("copy").unwrap();
        for (arguments, expect) in [
            ("-r --limit 5 lab:a lab:b", &[3, 4][..]),
            ("-rn lab:a --json --timeout 5 lab:b", &[1, 5]),
            ("--path=direct -j 4 -4v lab:a lab:b", &[4, 5]),
        ] {
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            let values = values(copy, &arguments).into_iter().enumerate();
            let operands = values.filter(|(_, value)| value.as_ref().is_some_and(|value| value.is_operand));
            assert_eq!(operands.map(|(index, _)| index).collect::<Vec<_>>(), expect, "{arguments:?}");
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
