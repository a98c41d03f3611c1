//! Completion of command lines: the scripts that shells load, and what these ask the program at each press of Tab.
//!
//! A script contains no word of the program. It passes the line up to the cursor to `PROGRAM completions SHELL --words`,
//! on standard input, because a line may hold a password and arguments are seen by everybody. So all shells complete
//! the same words, and a new version of the program needs no new script.

mod reader;

use std::io::{self, Read};

use clap::{Arg, ArgAction, Args, Command};
use clap_complete::Shell;
use clap_complete::shells::{Elvish, PowerShell};
pub use reader::{Part, Reader, Value, ValueKind, values};
use reader::{is_long, name, takes_value};

use super::output;

/// What the verb `completions` of a program takes.
#[derive(Args, Clone, Copy, Debug)]
pub struct Completions {
    /// The shell to complete for
    #[arg(value_enum)]
    shell: Shell,
    /// Complete the words on standard input, each with a NUL behind it; the last one is at the cursor
    #[arg(long, hide = true)]
    words: bool,
}

impl Completions {
    /// Prints the script, or what completes the words on standard input. `known` gets the words before the cursor, and
    /// returns what knows what a value can be, by the name that the help gives to it, `PLACE`, and what is typed of it.
    ///
    /// # Errors
    ///
    /// Standard input cannot be read, or standard output not be written.
    pub fn print<K: Fn(&str, &str) -> KnownValues>(
        self,
        mut command: Command,
        known: impl FnOnce(&Command, &[String]) -> K,
    ) -> io::Result<()> {
        if !self.words {
            return output::print(&script(command, self.shell));
        }
        let mut typed = Vec::new();
        io::stdin().lock().take(LONGEST).read_to_end(&mut typed)?;
        let words = words(&typed);
        command.build();
        let known = known(&command, &words);
        let found = complete(&command, &words, known);
        output::print(lines(&found).as_bytes())
    }
}

/// The words of a line, each with a NUL behind it.
fn words(typed: &[u8]) -> Vec<String> {
    let typed = typed.strip_suffix(b"\0").unwrap_or(typed);
    typed.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// What the scripts read: the kind of files to add, or that the words are ids; then a line for each candidate, a tab before its help.
fn lines(found: &Candidates) -> String {
    let kind = match found.files {
        Files::None if found.are_ids => "ids",
        Files::None => "none",
        Files::All => "files",
        Files::Directories => "directories",
    };
    let mut lines = format!("{kind}\n");
    for Candidate { text, help } in &found.words {
        // A name with a control character is nothing that a person can choose from a list.
        if !text.chars().any(char::is_control) {
            lines.push_str(&format!("{text}\t{}\n", help.replace(char::is_control, " ")));
        }
    }
    lines
}

fn script(mut command: Command, shell: Shell) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let Some(template) = template(shell) else {
        let mut script = Vec::new();
        // Named one by one: the generators of the other shells need not be linked.
        if shell == Shell::PowerShell {
            clap_complete::generate(PowerShell, &mut command, name.as_str(), &mut script);
        } else {
            clap_complete::generate(Elvish, &mut command, name.as_str(), &mut script);
        }
        return script;
    };
    template
        .replace("PROGRAM", &name)
        .replace("FUNCTION", &format!("_{}", name.replace('-', "_")))
        .into_bytes()
}

/// The script for a shell of which this module has one.
fn template(shell: Shell) -> Option<&'static str> {
    if shell == Shell::Bash {
        Some(include_str!("completion.bash"))
    } else if shell == Shell::Zsh {
        Some(include_str!("completion.zsh"))
    } else if shell == Shell::Fish {
        Some(include_str!("completion.fish"))
    } else {
        None
    }
}

/// The longest line that is completed.
const LONGEST: u64 = 256 * 1024;

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
        return values_of(option, false, ("", last), known);
    }
    if let Some((option, typed)) =
        last.split_once('=').filter(|_| last.starts_with("--") && !reader.only_operands)
    {
        let name = option.trim_start_matches("--");
        let found = reader.command.get_arguments().find(|arg| is_long(arg, name) && takes_value(arg));
        return found.map_or_else(Candidates::default, |arg| {
            let before = format!("{option}=");
            values_of(arg, false, (&before, typed), known)
        });
    }
    if last.starts_with('-') && !reader.only_operands {
        return Candidates { words: beginning(options(reader), last), ..Candidates::default() };
    }
    let is_first = reader.operands == 0;
    let operand = reader.operand();
    let mut found = operand.map(|arg| values_of(arg, !is_first, ("", last), known)).unwrap_or_default();
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
fn values_of(
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
    use clap::arg;

    use super::*;

    #[test]
    fn scripts_have_the_names_of_their_program() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(Command::new("a-program"), shell)).unwrap();
            assert!(script.contains(" a-program"), "{script}");
            assert!(!script.contains("PROGRAM") && !script.contains("FUNCTION"), "{script}");
        }
        for (shell, word) in
            [(Shell::Elvish, "edit:completion"), (Shell::PowerShell, "Register-ArgumentCompleter")]
        {
            let script = String::from_utf8(script(Command::new("a-program"), shell)).unwrap();
            assert!(script.contains("a-program") && script.contains(word), "{script}");
        }
    }

    #[test]
    fn words_come_with_a_nul_behind_each() {
        assert_eq!(words(b"copy\0--ov\0"), ["copy", "--ov"]);
        assert_eq!(words(b"copy\0\0"), ["copy", ""]);
        assert_eq!(words(b"\0"), [""]);
        assert_eq!(words(b""), [""]);
    }

    #[test]
    fn no_name_breaks_the_lines() {
        let word = |text: &str, help: &str| Candidate { text: text.to_owned(), help: help.to_owned() };
        let words = vec![word("a:", "one\ntwo"), word("b\tc", ""), word("d\n", "")];
        assert_eq!(lines(&Candidates { words, files: Files::All, are_ids: false }), "files\na:\tone two\n");
    }

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
