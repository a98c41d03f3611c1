//! What can stand at the cursor of a command line, by the description that `--help` prints. Pure.

use super::kind::ValueKind;
use super::reader::{Reader, is_long, name, takes_value};
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
    /// Whether the words tell a person nothing, so that what they mean is listed beside them.
    pub are_ids: bool,
}

/// What a program knows of a value.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KnownValues {
    /// What it can be, whole.
    pub words: Vec<Candidate>,
    /// The names of files that can stand there too. If the program does not say, the name of the value does.
    pub files: Option<Files>,
    /// Whether the words tell a person nothing, as ids do.
    pub are_ids: bool,
}

impl From<Vec<Candidate>> for KnownValues {
    fn from(words: Vec<Candidate>) -> Self {
        Self { words, files: None, are_ids: false }
    }
}

/// Completes the last of `words`, which follow the name of the program, or a verb, and end at the cursor. `known` knows what
/// a value can be, by the name that the help gives it, `PLACE`, and what is typed of it: whole words that can take the place
/// of what is typed. The command has been built.
pub fn complete(
    command: &Command,
    words: &[String],
    known: impl Fn(&str, &str) -> KnownValues,
) -> Candidates {
    let (last, before) = words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
    let mut reader = Reader::at(command);
    for word in before {
        reader.read(word);
    }
    let mut found = candidates(&reader, last, |name, typed| match name {
        VERB => beginning(verbs(command), typed).into(),
        name => known(name, typed),
    });
    found.words.sort();
    found.words.dedup();
    found
}

/// What can stand here, where `last` is typed already.
fn candidates(reader: &Reader<'_>, last: &str, known: impl Fn(&str, &str) -> KnownValues) -> Candidates {
    if let Some(option) = reader.open {
        return values(option, false, ("", last), known);
    }
    if let Some((option, typed)) =
        last.split_once('=').filter(|_| last.starts_with("--") && !reader.only_operands)
    {
        let name = option.trim_start_matches("--");
        let found = reader.command.get_arguments().find(|arg| is_long(arg, name) && takes_value(arg));
        return found.map_or_else(Candidates::default, |arg| {
            let before = format!("{option}=");
            values(arg, false, (&before, typed), known)
        });
    }
    if last.starts_with('-') && !reader.only_operands {
        return Candidates { words: beginning(options(reader), last), ..Candidates::default() };
    }
    let is_first = reader.operands == 0;
    let operand = reader.operand();
    let mut found = operand.map(|arg| values(arg, !is_first, ("", last), known)).unwrap_or_default();
    if is_first {
        found.words.extend(beginning(verbs(reader.command), last));
    }
    found
}

/// Those that begin with what is typed.
fn beginning(mut words: Vec<Candidate>, typed: &str) -> Vec<Candidate> {
    words.retain(|word| word.text.starts_with(typed));
    words
}

/// The options that can be given here.
fn options(reader: &Reader<'_>) -> Vec<Candidate> {
    let again = |arg: &Arg| matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
    let free = |arg: &&Arg| again(arg) || !reader.given.iter().any(|given| given.get_id() == arg.get_id());
    let shown = reader.command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional());
    let named = shown.filter(free).filter_map(|arg| {
        let short = || arg.get_short().map(|short| format!("-{short}"));
        let text = arg.get_long().map(|long| format!("--{long}")).or_else(short)?;
        Some(Candidate { text, help: help(arg.get_help()) })
    });
    named.collect()
}

/// The verbs of a command that people see.
fn verbs(command: &Command) -> Vec<Candidate> {
    let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    shown.map(|verb| Candidate { text: verb.get_name().to_owned(), help: help(verb.get_about()) }).collect()
}

/// The values of an argument, each behind `before`; `typed` is what is typed of it. `is_last` says whether others stand before
/// it.
fn values(
    arg: &Arg,
    is_last: bool,
    (before, typed): (&str, &str),
    known: impl Fn(&str, &str) -> KnownValues,
) -> Candidates {
    let fixed = arg.get_possible_values();
    if !fixed.is_empty() {
        let shown = fixed.iter().filter(|value| !value.is_hide_set());
        let words = shown.map(|value| Candidate {
            text: format!("{before}{}", value.get_name()),
            help: help(value.get_help()),
        });
        let words = beginning(words.collect(), &format!("{before}{typed}"));
        return Candidates { words, ..Candidates::default() };
    }
    let name = name(arg, is_last);
    let KnownValues { mut words, files, are_ids } = known(&name, typed);
    let by_name = || match ValueKind::of(&name) {
        ValueKind::File | ValueKind::Path | ValueKind::Place | ValueKind::Source | ValueKind::Destination => {
            Files::All
        }
        ValueKind::Directory => Files::Directories,
        ValueKind::Other => Files::None,
    };
    for word in &mut words {
        word.text.insert_str(0, before);
    }
    Candidates { words, files: files.unwrap_or_else(by_name), are_ids }
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
        let program = Command::new("program")
            .arg(arg!(--json "For programs").global(true))
            .arg(arg!(--config <FILE> "Settings").global(true))
            .arg(arg!(--state <DIR> "State").global(true))
            .subcommands([copy, sites, Command::new("secret").hide(true)])
            .subcommand(Command::new("man").arg(arg!([VERB] "Of this verb")));
        let mut program = program;
        program.build();
        program
    }

    fn known(name: &str, typed: &str) -> KnownValues {
        let texts: &[&str] = match name {
            "SOURCE" | "DEST" if typed.starts_with("lab:") => {
                let words = vec![Candidate { text: "lab:file".to_owned(), help: String::new() }];
                return KnownValues { words, files: Some(Files::None), are_ids: false };
            }
            "SOURCE" | "DEST" => &["lab:", "backup:"],
            "NAME" => &["lab", "backup"],
            _ => &[],
        };
        let word = |text: &&str| Candidate { text: (*text).to_owned(), help: String::new() };
        let texts = texts.iter().filter(|text| text.starts_with(typed));
        texts.map(word).collect::<Vec<_>>().into()
    }

    /// What completes a line; a blank at its end begins a new word.
    fn check(line: &str, expect: &[&str], files: Files) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let found = complete(&command(), &words, known);
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
        check("copy lab:f", &["lab:file"], Files::None);
        check("sites show ", &["backup", "lab"], Files::None);
        check("sites show lab ", &[], Files::None);
    }
}
