//! The verbs that a line may begin with: what the command line describes, and what only the shell knows. Pure.

use super::mistake::Mistake;
use super::words::Word;
use crate::place::nearest;
use clap::Command;
use std::collections::BTreeSet;

/// The verbs that a line may begin with, as a command line describes them.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    root: Command,
    /// Verbs of the shell alone.
    own: BTreeSet<String>,
    elsewhere: &'static [Elsewhere],
}

/// A table of verbs of other programs, and what they are called here, with what else there is to say.
pub type Elsewhere = &'static [(&'static str, &'static str)];

impl Vocabulary {
    /// The verbs of a command line, those of the shell, and what other programs call them.
    pub fn new(command_line: Command, own: &Command, elsewhere: &'static [Elsewhere]) -> Self {
        let own_verbs: Vec<Command> = own.get_subcommands().cloned().collect();
        let mut root = command_line.disable_help_subcommand(true).subcommands(own_verbs);
        root.build();
        let own = own.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        Self { root, own, elsewhere }
    }

    /// The command line of which each verb is a part.
    pub fn root(&self) -> &Command {
        &self.root
    }

    /// All verbs in the order of their names.
    pub fn verbs(&self) -> Vec<&Command> {
        let mut verbs: Vec<&Command> = self.root.get_subcommands().collect();
        verbs.sort_by_key(|verb| verb.get_name());
        verbs
    }

    /// Whether the shell alone knows this verb.
    pub fn is_own(&self, verb: &Command) -> bool {
        self.own.contains(verb.get_name())
    }

    /// The verb that a word means: its name, another name of it, or the beginning of one that begins no other verb. Capitals
    /// make no difference.
    ///
    /// # Errors
    ///
    /// There is none, or there are several.
    pub fn find(&self, word: &Word) -> Result<&Command, Mistake> {
        let typed = word.text.to_ascii_lowercase();
        let verbs = self.verbs();
        let named = |name: &str| verbs.iter().find(|verb| verb.get_name() == name).copied();
        let others = SYNONYMS.iter().filter_map(|(other, name)| Some((*other, named(name)?)));
        let names = verbs.iter().map(|verb| (verb.get_name(), *verb));
        let spellings: Vec<(&str, &Command)> = names.chain(others).collect();
        if let Some((_, verb)) = spellings.iter().find(|(spelling, _)| *spelling == typed) {
            return Ok(verb);
        }
        let meant: Vec<_> = spellings.iter().filter(|(spelling, _)| spelling.starts_with(&typed)).collect();
        let verbs: BTreeSet<&str> = meant.iter().map(|(_, verb)| verb.get_name()).collect();
        match meant.first() {
            Some((_, verb)) if verbs.len() == 1 && !typed.is_empty() => Ok(verb),
            Some(_) if !typed.is_empty() => {
                let candidates: BTreeSet<&str> = meant.iter().map(|(spelling, _)| *spelling).collect();
                let candidates: Vec<&str> = candidates.into_iter().collect();
                let what =
                    format!("{} is short for several verbs: {}", shown(&word.text), candidates.join(", "));
                Err(Mistake::at(word.at, what).hint("write more of it"))
            }
            Some(_) | None => {
                let mistake = Mistake::at(word.at, format!("there is no verb {}", shown(&word.text)));
                if let Some((_, here)) =
                    self.elsewhere.iter().copied().flatten().find(|(other, _)| *other == typed)
                {
                    return Err(mistake.hint(format!("use {here}")));
                }
                if typed.starts_with('!') {
                    return Err(mistake.hint(
                        "no program of this host is started here; ls [] lists the directory of this host",
                    ));
                }
                Err(match nearest(&typed, spellings.iter().map(|(spelling, _)| *spelling)) {
                    Some(near) => mistake.hint(format!("did you mean {near}?")),
                    None => mistake.hint("help lists them"),
                })
            }
        }
    }
}

/// A word as a message repeats it.
pub(super) fn shown(word: &str) -> String {
    word.chars().take(LONGEST).collect::<String>().escape_debug().to_string()
}

/// Characters of a word that a message repeats.
const LONGEST: usize = 40;

/// Other names of verbs: those of RSEXEC, and of the lines of other shells.
const SYNONYMS: &[(&str, &str)] = &[
    ("chdir", "cd"),
    ("connect", "cd"),
    ("delete", "rm"),
    ("describe", "help"),
    ("directory", "ls"),
    ("exit", "quit"),
    ("list", "ls"),
    ("logout", "quit"),
    ("rename", "mv"),
    ("type", "cat"),
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::arg;

    pub(in crate::shell) fn vocabulary() -> Vocabulary {
        let options = || {
            [
                arg!(-r --recursive "All"),
                arg!(--limit <RATE> "How fast"),
                arg!(-j --jobs <N> "How many"),
                arg!(--path <PATH> "Which").value_parser(["auto", "direct"]),
            ]
        };
        let place = || arg!([places] "Where").num_args(0..).value_names(["PLACE"]);
        let copied = || arg!([places] "What").num_args(0..).value_names(["SOURCE", "DEST"]);
        let verb = |name: &'static str| Command::new(name).args(options()).arg(place());
        let copies = |name: &'static str| Command::new(name).args(options()).arg(copied());
        let command_line = Command::new("program")
            .arg(arg!(--json "For programs").global(true))
            .arg(arg!(--state <DIR> "State").global(true))
            .subcommands(["append", "copy", "move", "mv"].map(copies))
            .subcommand(Command::new("why").arg(arg!([job] "Which").value_name("JOB|last")))
            .subcommands(["cat", "jobs", "ls", "mkdir", "resume", "rm", "sites"].map(verb));
        let components = Command::new("add").arg(place());
        let composite =
            Command::new("composite").subcommands([components, Command::new("list"), Command::new("remove")]);
        let own = Command::new("own").subcommands([
            composite,
            Command::new("cd").arg(arg!([PLACE] "Where")),
            Command::new("lcd").arg(arg!([DIR] "Where")),
            Command::new("help").arg(arg!([VERB] "Which")),
            Command::new("where").arg(place()),
            Command::new("quit"),
        ]);
        let elsewhere: &'static [Elsewhere] =
            &[&[("cp", "copy"), ("get", "copy"), ("rmdir", "rm -r")], &[("bye", "quit")]];
        Vocabulary::new(command_line, &own, elsewhere)
    }

    fn found(text: &str) -> Result<String, String> {
        let word = Word { text: text.to_owned(), at: 0, is_noise: false };
        let vocabulary = vocabulary();
        let found = vocabulary.find(&word);
        found.map(|verb| verb.get_name().to_owned()).map_err(|mistake| mistake.failure(text).to_string())
    }

    #[test]
    fn a_verb_may_be_short_as_long_as_it_means_one() {
        for (typed, verb) in [
            ("append", "append"),
            ("APPEND", "append"),
            ("App", "append"),
            ("a", "append"),
            ("cop", "copy"),
            ("ls", "ls"),
            ("rm", "rm"),
            ("del", "rm"),
            ("DIRECTORY", "ls"),
            ("ren", "mv"),
            ("mv", "mv"),
            ("j", "jobs"),
            ("ex", "quit"),
        ] {
            assert_eq!(found(typed).as_deref(), Ok(verb), "{typed}");
        }
    }

    #[test]
    fn what_means_several_verbs_lists_them_and_what_means_none_the_nearest() {
        for (typed, expect) in [
            ("m", "m is short for several verbs: mkdir, move, mv"),
            ("r", "r is short for several verbs: rename, resume, rm"),
            ("de", "de is short for several verbs: delete, describe"),
            ("copi", "there is no verb copi; did you mean copy?"),
            ("cp", "there is no verb cp; use copy"),
            ("GET", "there is no verb GET; use copy"),
            ("rmdir", "there is no verb rmdir; use rm -r"),
            ("bye", "there is no verb bye; use quit"),
            ("!ls", "there is no verb !ls; no program of this host is started here"),
            ("xyzzy", "there is no verb xyzzy; help lists them"),
            ("", "there is no verb ; help lists them"),
        ] {
            let said = found(typed).unwrap_err();
            assert!(said.contains(expect), "{typed}: {said}");
        }
    }
}
