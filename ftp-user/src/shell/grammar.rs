//! The grammar of a line, as RSEXEC had it: a verb, which may be short, its arguments, and words in parentheses that only make
//! it easier to read. Pure.

use super::words::{Mistake, ShellLine, Word};
use crate::place::nearest;
use ftp_io::program::completion::{Part, Reader};
use std::collections::BTreeSet;

/// A line that was understood.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// What is done.
    pub verb: &'a clap::Command,
    /// Its arguments: options that stood before the verb, then what stood behind it.
    pub arguments: Vec<Word>,
    /// Whether it is carried out in the background.
    pub is_background: bool,
}

impl<'a> Command<'a> {
    /// Understands a line; `None` if nothing stands in it.
    ///
    /// # Errors
    ///
    /// The verb is not known or means several, or a word in parentheses is none of those that may be left out.
    pub fn read(line: ShellLine, vocabulary: &'a Vocabulary) -> Result<Option<Self>, Mistake> {
        let ShellLine { mut words, is_background } = line;
        if let Some(noise) = words.iter().find(|word| word.is_noise && !is_known_noise(&word.text)) {
            let what = format!(
                "({}) is not one of the words that may be left out, such as (FILE) or (TO)",
                shown(&noise.text)
            );
            return Err(Mistake::at(noise.at, what).hint("write \\( if a name begins with a parenthesis"));
        }
        words.retain(|word| !word.is_noise);
        // A command that a message names is taken as it was printed.
        if words.len() > 1 && words.first().is_some_and(|word| word.text == "ftp-user") {
            words.remove(0);
        }
        // Options of every verb may come before it.
        let mut reader = Reader::at(&vocabulary.root);
        let is_verb = |word: &Word| matches!(reader.read(&word.text), Part::Verb(_) | Part::Operand(_));
        let Some(place) = words.iter().position(is_verb) else {
            return match words.first() {
                Some(first) => Err(Mistake::at(first.at, "a line needs a verb").hint("help lists them")),
                None if is_background => Err(Mistake::at(0, "& needs a command before it")),
                None => Ok(None),
            };
        };
        let word = words.remove(place);
        let verb = vocabulary.find(&word)?;
        Ok(Some(Self { verb, arguments: words, is_background }))
    }
}

/// Whether all of these words may be left out.
fn is_known_noise(text: &str) -> bool {
    text.split_whitespace().all(|word| NOISE.split(' ').any(|noise| noise.eq_ignore_ascii_case(word)))
}

/// The words that may stand in parentheses. Others may be a name in the wrong place, as in `rm (old) file`.
const NOISE: &str = "at command component components directory file files for from host in is it job jobs name of on site sites the to tty user with";

/// The verbs that a line may begin with, as a command line describes them.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// The command line, whose verbs they are.
    pub root: clap::Command,
    /// Verbs of the shell alone.
    own: BTreeSet<String>,
    /// What to type instead of a verb of another program.
    elsewhere: fn(&str) -> Option<&'static str>,
}

impl Vocabulary {
    /// The verbs of a command line, those of the shell, and what other programs call them.
    pub fn new(
        command_line: clap::Command,
        own: &clap::Command,
        elsewhere: fn(&str) -> Option<&'static str>,
    ) -> Self {
        let own_verbs: Vec<clap::Command> = own.get_subcommands().cloned().collect();
        let mut root = command_line.disable_help_subcommand(true).subcommands(own_verbs);
        root.build();
        let own = own.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        Self { root, own, elsewhere }
    }

    /// All verbs in the order of their names.
    pub fn verbs(&self) -> Vec<&clap::Command> {
        let mut verbs: Vec<&clap::Command> = self.root.get_subcommands().collect();
        verbs.sort_by_key(|verb| verb.get_name());
        verbs
    }

    /// Whether the shell alone knows this verb.
    pub fn is_own(&self, verb: &clap::Command) -> bool {
        self.own.contains(verb.get_name())
    }

    /// The verb that a word means: its name, another name of it, or the beginning of one that begins no other verb. Capitals
    /// make no difference.
    ///
    /// # Errors
    ///
    /// There is none, or there are several.
    pub fn find(&self, word: &Word) -> Result<&clap::Command, Mistake> {
        let typed = word.text.to_ascii_lowercase();
        let verbs = self.verbs();
        let named = |name: &str| verbs.iter().find(|verb| verb.get_name() == name).copied();
        let others = SYNONYMS.iter().filter_map(|(other, name)| Some((*other, named(name)?)));
        let names = verbs.iter().map(|verb| (verb.get_name(), *verb));
        let spellings: Vec<(&str, &clap::Command)> = names.chain(others).collect();
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
                let near = || nearest(&typed, spellings.iter().map(|(spelling, _)| *spelling));
                Err(mistake.hint(match (self.elsewhere)(&typed) {
                    Some(advice) => advice.to_owned(),
                    None if typed.starts_with('!') => {
                        "no program of this host is started here; ls [] lists the directory of this host"
                            .to_owned()
                    }
                    None => {
                        near().map_or("help lists them".to_owned(), |near| format!("did you mean {near}?"))
                    }
                }))
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
    use super::super::words::split;
    use super::*;
    use clap::arg;

    fn read(line: &str) -> Result<Option<(String, String)>, String> {
        let vocabulary = vocabulary();
        let read = split(line).and_then(|line| Command::read(line, &vocabulary));
        let shown = |command: Command<'_>| {
            let texts: Vec<_> = command.arguments.iter().map(|word| word.text.as_str()).collect();
            (command.verb.get_name().to_owned(), texts.join(" "))
        };
        read.map(|found| found.map(shown)).map_err(|mistake| mistake.failure(line).to_string())
    }

    #[test]
    fn h26_noise_words_and_capitals_make_no_difference() {
        for line in [
            "APPEND (FILE) A (TO FILE) B",
            "APPEND A B",
            "append (file) A (to file) B",
            "Append (File) A (To) B",
            "app A B",
            "APP (FILE) A B",
            "  append   ( file )  A   B  # RFC 438",
            "append 'A' \"B\"",
        ] {
            assert_eq!(read(line), Ok(Some(("append".to_owned(), "A B".to_owned()))), "{line}");
        }
    }

    #[test]
    fn h26_every_verb_takes_noise_words() {
        for (line, verb, arguments) in [
            ("DELETE (FILE) lab:x", "rm", "lab:x"),
            ("RENAME (FILE) a (TO) b", "mv", "a b"),
            ("DIRECTORY (OF) lab:", "ls", "lab:"),
            ("TYPE (FILE) lab:x", "cat", "lab:x"),
            ("WHERE (IS) x", "where", "x"),
            ("copy -r (FILES) a (TO) b", "copy", "-r a b"),
            ("--json ls a", "ls", "--json a"),
            ("ftp-user --state here resume ID", "resume", "--state here ID"),
            ("--state here --json copy -r a b", "copy", "--state here --json -r a b"),
        ] {
            assert_eq!(read(line), Ok(Some((verb.to_owned(), arguments.to_owned()))), "{line}");
        }
    }

    #[test]
    fn nothing_is_no_command() {
        for line in ["", "   ", "# a comment", "(FILE)"] {
            assert_eq!(read(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_located() {
        for (line, expect) in [
            ("rm (old) file", "column 4: (old) is not one of the words"),
            ("rm \\(old) file", ""),
            ("  m a b", "column 3: m is short for several verbs"),
            ("&", "& needs a command before it"),
            ("--json", "column 1: a line needs a verb"),
        ] {
            match read(line) {
                Ok(_) => assert_eq!(expect, "", "{line}"),
                Err(said) => assert!(!expect.is_empty() && said.contains(expect), "{line}: {said}"),
            }
        }
    }

    pub(in crate::shell) fn vocabulary() -> Vocabulary {
        use clap::Command;
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
        let elsewhere = |verb: &str| match verb {
            "cp" | "get" => Some("use copy"),
            "rmdir" => Some("use rm -r"),
            "bye" => Some("use quit"),
            _ => None,
        };
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
