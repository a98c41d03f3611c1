//! What can stand at the cursor of a command line, by the description that `--help` prints. Pure.

use clap::{Arg, ArgAction, Command};

/// One word that can stand at the cursor.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate {
    /// The whole word.
    pub text: String,
    /// What it means, on one line.
    pub help: String,
}

/// The names of files that a shell offers beside the words of the program.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Files {
    /// No names of files.
    #[default]
    None,
    /// Files and directories.
    All,
    /// Names of directories alone.
    Directories,
}

/// What can stand at the cursor.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Candidates {
    /// Words of the program that begin with what is typed.
    pub words: Vec<Candidate>,
    /// What the shell adds.
    pub files: Files,
}

/// Completes the last of `words`, which follow the name of the program and end at the cursor. `known` knows the
/// names of what a value stands for, by the name that the help gives to the value: `PLACE`.
pub fn complete(
    mut command: Command,
    words: &[String],
    known: impl Fn(&str) -> Vec<Candidate>,
) -> Candidates {
    command.build();
    let (last, before) = words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
    let place = before.iter().fold(Place::at(&command), |place, word| place.after(word));
    let named = |name: &str| if name == VERB { verbs(&command) } else { known(name) };
    let mut found = place.candidates(last, named);
    found.words.retain(|word| word.text.starts_with(last));
    found.words.sort();
    found.words.dedup();
    found
}

/// A place in a command line.
struct Place<'a> {
    /// The verb so far.
    command: &'a Command,
    /// The option that waits for its value.
    open: Option<&'a Arg>,
    /// How many words of the verb stand before.
    values: usize,
    /// The options that stand before.
    given: Vec<&'a Arg>,
    /// Whether `--` stands before: no word is an option any more.
    only_values: bool,
}

impl<'a> Place<'a> {
    const fn at(command: &'a Command) -> Self {
        Self { command, open: None, values: 0, given: Vec::new(), only_values: false }
    }

    /// The place behind one more word.
    fn after(mut self, word: &str) -> Self {
        if self.open.take().is_some() {
            return self;
        }
        if !self.only_values && word == "--" {
            self.only_values = true;
        } else if let Some(long) = word.strip_prefix("--").filter(|_| !self.only_values) {
            let (name, has_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
            let option = self.command.get_arguments().find(|arg| is_long(arg, name));
            self.given.extend(option);
            self.open = option.filter(|arg| !has_value && takes_value(arg));
        } else if let Some(shorts) = word.strip_prefix('-').filter(|_| !self.only_values && word != "-") {
            self.open = self.shorts(shorts);
        } else if let Some(verb) = self.command.find_subcommand(word).filter(|_| self.values == 0) {
            return Self::at(verb);
        } else {
            self.values += 1;
        }
        self
    }

    /// Reads options of one letter, `-rj`. Returns the one that waits for its value.
    fn shorts(&mut self, shorts: &str) -> Option<&'a Arg> {
        for (at, short) in shorts.char_indices() {
            let option = self.command.get_arguments().find(|arg| is_short(arg, short));
            self.given.extend(option);
            if let Some(option) = option.filter(|arg| takes_value(arg)) {
                let last = at + short.len_utf8() == shorts.len();
                return last.then_some(option);
            }
        }
        None
    }

    /// What can stand here, where `last` is typed already.
    fn candidates(&self, last: &str, known: impl Fn(&str) -> Vec<Candidate>) -> Candidates {
        if let Some(option) = self.open {
            return values(option, 0, "", known);
        }
        if let Some((option, _)) =
            last.split_once('=').filter(|_| last.starts_with("--") && !self.only_values)
        {
            let name = option.trim_start_matches("--");
            let found = self.command.get_arguments().find(|arg| is_long(arg, name) && takes_value(arg));
            return found.map_or_else(Candidates::default, |arg| {
                let before = format!("{option}=");
                values(arg, 0, &before, known)
            });
        }
        if last.starts_with('-') && !self.only_values {
            return Candidates { words: self.options(), files: Files::None };
        }
        let positional = self.positional();
        let mut found = positional.map(|arg| values(arg, self.values, "", known)).unwrap_or_default();
        if self.values == 0 {
            found.words.extend(verbs(self.command));
        }
        found
    }

    /// The options that can be given here.
    fn options(&self) -> Vec<Candidate> {
        let again = |arg: &Arg| matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
        let free = |arg: &&Arg| again(arg) || !self.given.iter().any(|given| given.get_id() == arg.get_id());
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional());
        let named = shown.filter(free).filter_map(|arg| {
            let short = || arg.get_short().map(|short| format!("-{short}"));
            let text = arg.get_long().map(|long| format!("--{long}")).or_else(short)?;
            Some(Candidate { text, help: help(arg.get_help()) })
        });
        named.collect()
    }

    /// The argument without a name that stands here.
    fn positional(&self) -> Option<&'a Arg> {
        let all: Vec<&Arg> = self.command.get_positionals().filter(|arg| !arg.is_hide_set()).collect();
        let repeated = |arg: &&&Arg| arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        all.get(self.values).or_else(|| all.last().filter(repeated)).copied()
    }
}

fn is_long(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
}

fn is_short(arg: &Arg, name: char) -> bool {
    arg.get_short() == Some(name) || arg.get_all_short_aliases().is_some_and(|all| all.contains(&name))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// The verbs of a command that people see.
fn verbs(command: &Command) -> Vec<Candidate> {
    let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    shown.map(|verb| Candidate { text: verb.get_name().to_owned(), help: help(verb.get_about()) }).collect()
}

/// The values of an argument, each behind `before`. `at` is how many have been given.
fn values(arg: &Arg, at: usize, before: &str, known: impl Fn(&str) -> Vec<Candidate>) -> Candidates {
    let fixed = arg.get_possible_values();
    if !fixed.is_empty() {
        let shown = fixed.iter().filter(|value| !value.is_hide_set());
        let words = shown.map(|value| Candidate {
            text: format!("{before}{}", value.get_name()),
            help: help(value.get_help()),
        });
        return Candidates { words: words.collect(), files: Files::None };
    }
    let names = arg.get_value_names().unwrap_or_default();
    let own = arg.get_id().as_str().to_uppercase();
    let name = names.get(at).or(names.last()).map_or(own.as_str(), |name| name.as_str());
    let files = match name {
        "FILE" | "PATH" | "PLACE" | "SOURCE" | "DEST" => Files::All,
        "DIR" => Files::Directories,
        _ => Files::None,
    };
    let mut words = known(name);
    for word in &mut words {
        word.text.insert_str(0, before);
    }
    Candidates { words, files }
}

/// The name of a value that is a verb of the program.
const VERB: &str = "VERB";

/// The first line of a help text.
fn help(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::arg;

    fn command() -> Command {
        let how = arg!(--verify <HOW> "How to compare").value_parser(["hash", "size"]);
        let copy = Command::new("copy").about("Copy files").args([
            how,
            arg!(-r --recursive "Everything"),
            arg!(-j --jobs <N> "How many"),
            arg!(--include <GLOB> "Only these").action(ArgAction::Append),
            arg!(--hidden "not for people").hide(true),
            arg!(<places> "What and where").num_args(1..).value_names(["SOURCE", "DEST"]),
        ]);
        let sites = Command::new("sites").subcommand(Command::new("show").arg(arg!(<NAME> "Its name")));
        Command::new("program")
            .arg(arg!(--json "For programs").global(true))
            .arg(arg!(--config <FILE> "Settings").global(true))
            .arg(arg!(--state <DIR> "State").global(true))
            .subcommands([copy, sites, Command::new("secret").hide(true)])
            .subcommand(Command::new("man").arg(arg!([VERB] "Of this verb")))
    }

    fn known(name: &str) -> Vec<Candidate> {
        let texts: &[&str] = match name {
            "SOURCE" | "DEST" => &["lab:", "backup:"],
            "NAME" => &["lab", "backup"],
            _ => &[],
        };
        texts.iter().map(|text| Candidate { text: (*text).to_owned(), help: String::new() }).collect()
    }

    /// What completes a line; a blank at its end begins a new word.
    fn check(line: &str, expect: &[&str], files: Files) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let found = complete(command(), &words, known);
        let texts: Vec<&str> = found.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!((texts.as_slice(), found.files), (expect, files), "{line:?}");
    }

    #[test]
    fn verbs_stand_where_no_verb_is_yet() {
        check("", &["copy", "help", "man", "sites"], Files::None);
        check("c", &["copy"], Files::None);
        check("--json c", &["copy"], Files::None);
        check("--config copy c", &["copy"], Files::None);
        check("sites s", &["show"], Files::None);
        check("man c", &["copy"], Files::None);
        check("nothing c", &[], Files::None);
    }

    #[test]
    fn options_stand_where_they_are_known_and_once() {
        check("copy --ver", &["--verify"], Files::None);
        check("copy --r", &["--recursive"], Files::None);
        check("copy -r --r", &[], Files::None);
        check("copy a b --recursive --r", &[], Files::None);
        check("copy --include x --inc", &["--include"], Files::None);
        check("copy --hid", &[], Files::None);
        check("copy -- --r", &[], Files::All);
        check("--he", &["--help"], Files::None);
        check("copy --js", &["--json"], Files::None);
        check("--json copy --js", &["--json"], Files::None);
    }

    #[test]
    fn values_stand_behind_their_options() {
        check("copy --verify ", &["hash", "size"], Files::None);
        check("copy --verify=h", &["--verify=hash"], Files::None);
        check("copy -r --verify s", &["size"], Files::None);
        check("copy --config ", &[], Files::All);
        check("copy --config=x", &[], Files::All);
        check("copy --state ", &[], Files::Directories);
        check("copy -rj ", &[], Files::None);
        check("copy -rj 4 l", &["lab:"], Files::All);
        check("copy -j4 l", &["lab:"], Files::All);
        check("copy --recursive=x", &[], Files::None);
    }

    #[test]
    fn places_and_names_come_from_the_program() {
        check("copy ", &["backup:", "lab:"], Files::All);
        check("copy a b c l", &["lab:"], Files::All);
        check("copy - l", &["lab:"], Files::All);
        check("sites show ", &["backup", "lab"], Files::None);
        check("sites show lab ", &[], Files::None);
    }
}
