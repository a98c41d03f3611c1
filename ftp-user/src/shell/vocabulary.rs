//! The verbs that a line may begin with, and their options: what the command line knows, and what only the shell knows. Pure.

use super::mistake::Mistake;
use super::words::Word;
use crate::place::nearest;
use std::collections::BTreeSet;

/// The verbs that a line may begin with. The command line describes its own, so that none is written twice.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    verbs: Vec<VerbWords>,
}

/// A verb and the words that belong to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VerbWords {
    /// What it is called.
    pub name: String,
    /// What it does, in one line.
    pub about: String,
    /// Its options, and those of every verb.
    pub options: Vec<OptionWords>,
    /// Words that may follow it, as `add` follows `sites`.
    pub followers: Vec<String>,
    /// Whether the shell alone knows it.
    pub is_own: bool,
}

/// An option of a verb.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OptionWords {
    /// Its long name without the dashes.
    pub long: Option<String>,
    /// Its letters, such as `r`.
    pub letters: Vec<char>,
    /// Whether it has a value.
    pub has_value: bool,
    /// The values that it may have, if it is one of a few.
    pub values: Vec<String>,
}

impl Vocabulary {
    /// All verbs: those of the command line and those of the shell. A verb that both know is the shell's.
    pub fn new(of_command_line: Vec<VerbWords>) -> Self {
        let own = OWN.iter().map(|(name, followers, about)| VerbWords {
            name: (*name).to_owned(),
            about: (*about).to_owned(),
            followers: followers.iter().map(|word| (*word).to_owned()).collect(),
            options: Vec::new(),
            is_own: true,
        });
        let mut verbs: Vec<VerbWords> = own.collect();
        for verb in of_command_line {
            match verbs.iter_mut().find(|known| known.name == verb.name) {
                Some(known) => {
                    known.options = verb.options;
                    known.followers.extend(verb.followers);
                }
                None => verbs.push(verb),
            }
        }
        verbs.sort_by(|one, other| one.name.cmp(&other.name));
        Self { verbs }
    }

    /// All verbs in the order of their names.
    pub fn verbs(&self) -> &[VerbWords] {
        &self.verbs
    }

    /// The verb that a word means: its name, another name of it, or the beginning of one that begins no other verb. Capitals
    /// make no difference.
    ///
    /// # Errors
    ///
    /// There is none, or there are several.
    pub fn find(&self, word: &Word) -> Result<&VerbWords, Mistake> {
        let typed = word.text.to_ascii_lowercase();
        let spellings = || {
            let names = self.verbs.iter().map(|verb| (verb.name.as_str(), verb));
            let others = SYNONYMS.iter().filter_map(|(other, name)| {
                self.verbs.iter().find(|verb| verb.name == *name).map(|verb| (*other, verb))
            });
            names.chain(others)
        };
        if let Some((_, verb)) = spellings().find(|(spelling, _)| *spelling == typed) {
            return Ok(verb);
        }
        let meant: Vec<_> = spellings().filter(|(spelling, _)| spelling.starts_with(&typed)).collect();
        let verbs: BTreeSet<&str> = meant.iter().map(|(_, verb)| verb.name.as_str()).collect();
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
                Err(match nearest(&typed, spellings().map(|(spelling, _)| spelling)) {
                    Some(near) => mistake.hint(format!("did you mean {near}?")),
                    None => mistake.hint("help lists them"),
                })
            }
        }
    }
}

impl VerbWords {
    /// The indices of those arguments that are neither options nor values of options.
    pub fn operands<S: AsRef<str>>(&self, arguments: &[S]) -> Vec<usize> {
        let mut operands = Vec::new();
        let mut all = arguments.iter().map(AsRef::as_ref).enumerate();
        while let Some((index, argument)) = all.next() {
            if argument == "--" {
                operands.extend(all.by_ref().map(|(index, _)| index));
            } else if !argument.starts_with('-') || argument == "-" {
                operands.push(index);
            } else if self.awaits_value(argument) {
                all.next();
            }
        }
        operands
    }

    /// Whether the value of this option is the argument behind it.
    pub fn awaits_value(&self, argument: &str) -> bool {
        self.option(argument).is_some_and(|(option, has_value)| option.has_value && !has_value)
    }

    /// The last option of an argument such as `-rn` or `--limit=5`, and whether it has its value in the same argument.
    pub fn option(&self, argument: &str) -> Option<(&OptionWords, bool)> {
        if let Some(long) = argument.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let option = self.options.iter().find(|option| option.long.as_deref() == Some(name))?;
            return Some((option, value.is_some()));
        }
        let mut letters = argument.strip_prefix('-')?.chars();
        let mut last = None;
        while let Some(letter) = letters.next() {
            let option = self.options.iter().find(|option| option.letters.contains(&letter))?;
            if option.has_value {
                return Some((option, !letters.as_str().is_empty()));
            }
            last = Some(option);
        }
        last.map(|option| (option, false))
    }
}

/// A word as a message repeats it.
fn shown(word: &str) -> String {
    word.chars().take(LONGEST).collect::<String>().escape_debug().to_string()
}

/// Characters of a word that a message repeats.
const LONGEST: usize = 40;

/// The verbs of the shell alone: the words that may follow them, and what they do.
const OWN: &[(&str, &[&str], &str)] = &[
    ("bind", &[], "Give a place the name of a device: bind ARCHIVE lab:old"),
    ("cd", &[], "Go to a directory: of a site, of a composite directory, or of this host"),
    ("composite", &["list", "add", "remove"], "Make one name space of directories of several sites"),
    ("fg", &[], "Wait for a job in the background and show what it says"),
    ("help", &[], "List the verbs, or show the options of one"),
    ("history", &[], "Show the lines that are kept"),
    ("jobs", &[], "List the jobs in the background, and those of the journal"),
    ("lcd", &[], "Change the directory of this host"),
    ("lpwd", &[], "Show the directory of this host"),
    ("pwd", &[], "Show the directory that names are relative to"),
    ("quit", &[], "Leave the shell"),
    ("sites", &[], "List the sites of the settings"),
    ("status", &[], "Show which sites answer, and what is known of their directories"),
    ("unbind", &[], "Take the name of a device back"),
    ("wait", &[], "Wait for jobs in the background"),
    ("where", &[], "Show where a name is"),
];

/// Other names of verbs: those of RSEXEC and of other programs.
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

    pub(in crate::shell) fn vocabulary() -> Vocabulary {
        let option = |long: &str, letter: Option<char>, has_value| OptionWords {
            long: Some(long.to_owned()),
            letters: letter.into_iter().collect(),
            has_value,
            values: Vec::new(),
        };
        let path = OptionWords {
            values: vec!["auto".to_owned(), "direct".to_owned()],
            ..option("path", None, true)
        };
        let options = vec![
            option("recursive", Some('r'), false),
            option("limit", None, true),
            option("jobs", Some('j'), true),
            option("json", None, false),
            path,
        ];
        let names = ["append", "cat", "copy", "jobs", "ls", "mkdir", "move", "mv", "resume", "rm", "sites"];
        let verb = |name: &str| VerbWords {
            name: name.to_owned(),
            options: options.clone(),
            ..VerbWords::default()
        };
        Vocabulary::new(names.map(verb).to_vec())
    }

    fn found(text: &str) -> Result<String, String> {
        let word = Word { text: text.to_owned(), at: 0, is_noise: false };
        let vocabulary = vocabulary();
        let found = vocabulary.find(&word);
        found.map(|verb| verb.name.clone()).map_err(|mistake| mistake.failure(text).to_string())
    }

    #[test]
    fn a_verb_may_be_short_as_long_as_it_means_one() {
        for (typed, verb) in [
            ("append", "append"),
            ("APPEND", "append"),
            ("App", "append"),
            ("a", "append"),
            ("cp", "copy"),
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
            // `cp` is what other programs call it, and no beginning of anything.
            match typed {
                "cp" => assert!(found(typed).is_err()),
                _ => assert_eq!(found(typed).as_deref(), Ok(verb), "{typed}"),
            }
        }
    }

    #[test]
    fn what_means_several_verbs_lists_them_and_what_means_none_the_nearest() {
        for (typed, expect) in [
            ("m", "m is short for several verbs: mkdir, move, mv"),
            ("r", "r is short for several verbs: rename, resume, rm"),
            ("de", "de is short for several verbs: delete, describe"),
            ("copi", "there is no verb copi; did you mean copy?"),
            ("xyzzy", "there is no verb xyzzy; help lists them"),
            ("", "there is no verb ; help lists them"),
        ] {
            let said = found(typed).unwrap_err();
            assert!(said.contains(expect), "{typed}: {said}");
        }
    }

    #[test]
    fn what_is_no_option_and_no_value_of_one_is_an_operand() {
        let vocabulary = vocabulary();
        let copy = vocabulary.verbs().iter().find(|verb| verb.name == "copy").unwrap();
        for (arguments, expect) in [
            ("a b", &[0, 1][..]),
            ("-r a --limit 5 b", &[1, 4]),
            ("--limit=5 a -j 3 b", &[1, 4]),
            ("-rj3 a -rj 3 b", &[1, 4]),
            ("-r -- -a --limit b", &[2, 3, 4]),
            ("- a", &[0, 1]),
            ("--unknown a", &[1]),
        ] {
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            assert_eq!(copy.operands(&arguments), expect, "{arguments:?}");
        }
    }
}
