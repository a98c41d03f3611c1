//! What the words of a command line are, by the description that `--help` prints. Pure.
//!
//! Completion reads lines that are not complete yet, and the shell of a program rewrites lines before clap reads them. Both ask
//! this reader.

use clap::{Arg, Command};

/// Reads the words of a command line, one after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The verb so far.
    pub(super) command: &'a Command,
    /// The option that waits for its value.
    pub(super) open: Option<&'a Arg>,
    /// How many operands of the verb stand before.
    pub(super) operands: usize,
    /// The options that stand before.
    pub(super) given: Vec<&'a Arg>,
    /// Whether `--` stands before: no word is an option any more.
    pub(super) only_operands: bool,
}

/// What a word is.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A verb: the words behind it are its own.
    Verb(&'a Command),
    /// An option, or several of one letter: the last of them, if it is known.
    Option(Option<&'a Arg>),
    /// `--`: no word behind it is an option.
    End,
    /// A value of an option. It begins at this byte of the word, as in `--state=here`.
    ValueOf(&'a Arg, usize),
    /// An operand: which one, if another one can stand here.
    Operand(Option<&'a Arg>),
}

/// The value in a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// What the help calls it, such as `SOURCE`.
    pub name: String,
    /// Where it begins in the word.
    pub at: usize,
    /// Whether it is an operand of the verb, and not the value of an option.
    pub is_operand: bool,
}

impl Value {
    /// What it is.
    pub fn kind(&self) -> ValueKind {
        ValueKind::of(&self.name)
    }
}

impl<'a> Reader<'a> {
    /// Before the first word behind the name of a program, or behind a verb. The command has been built.
    pub const fn at(command: &'a Command) -> Self {
        Self { command, open: None, operands: 0, given: Vec::new(), only_operands: false }
    }

    /// The verb so far: the whole program if there is none yet.
    pub const fn verb(&self) -> &'a Command {
        self.command
    }

    /// Reads the next word.
    pub fn read(&mut self, word: &str) -> Part<'a> {
        if let Some(option) = self.open.take() {
            return Part::ValueOf(option, 0);
        }
        if !self.only_operands && word == "--" {
            self.only_operands = true;
            return Part::End;
        }
        if let Some(long) = word.strip_prefix("--").filter(|_| !self.only_operands) {
            return self.long(long);
        }
        if let Some(letters) = word.strip_prefix('-').filter(|_| !self.only_operands && word != "-") {
            return self.letters(letters);
        }
        if let Some(verb) = self.command.find_subcommand(word).filter(|_| self.operands == 0) {
            *self = Self::at(verb);
            return Part::Verb(verb);
        }
        let operand = self.operand();
        self.operands += 1;
        Part::Operand(operand)
    }

    fn long(&mut self, long: &str) -> Part<'a> {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let option = self.command.get_arguments().find(|arg| is_long(arg, name));
        self.given.extend(option);
        let Some(arg) = option.filter(|arg| takes_value(arg)) else { return Part::Option(option) };
        match value {
            Some(_) => Part::ValueOf(arg, "--=".len() + name.len()),
            None => {
                self.open = option;
                Part::Option(option)
            }
        }
    }

    /// Reads options of one letter: `-rj4`.
    fn letters(&mut self, letters: &str) -> Part<'a> {
        let mut last = None;
        for (at, letter) in letters.char_indices() {
            let option = self.command.get_arguments().find(|arg| is_short(arg, letter));
            self.given.extend(option);
            last = option;
            let Some(arg) = option.filter(|arg| takes_value(arg)) else { continue };
            let behind = at + letter.len_utf8();
            if behind < letters.len() {
                return Part::ValueOf(arg, "-".len() + behind);
            }
            self.open = option;
        }
        Part::Option(last)
    }

    /// The operand that can stand here.
    pub(super) fn operand(&self) -> Option<&'a Arg> {
        let all: Vec<&Arg> = self.command.get_positionals().filter(|arg| !arg.is_hide_set()).collect();
        let repeated = |arg: &&&Arg| arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        all.get(self.operands).or_else(|| all.last().filter(repeated)).copied()
    }
}

/// The value in each of the words behind a verb, where there is one. The command has been built.
pub fn values<S: AsRef<str>>(verb: &Command, words: &[S]) -> Vec<Option<Value>> {
    let mut reader = Reader::at(verb);
    let parts: Vec<Part<'_>> = words.iter().map(|word| reader.read(word.as_ref())).collect();
    let is_operand = |part: &Part<'_>| matches!(part, Part::Operand(_));
    let last = parts.iter().rposition(is_operand);
    let several = parts.iter().filter(|part| is_operand(part)).count() > 1;
    let value = |(index, part): (usize, &Part<'_>)| match part {
        Part::ValueOf(option, at) => Some(Value { name: name(option, false), at: *at, is_operand: false }),
        Part::Operand(Some(operand)) => {
            let is_last = several && last == Some(index);
            Some(Value { name: name(operand, is_last), at: 0, is_operand: true })
        }
        Part::Operand(None) | Part::Verb(_) | Part::Option(_) | Part::End => None,
    };
    parts.iter().enumerate().map(value).collect()
}

/// What the help calls a value. Operands with several names, `SOURCE... DEST`, end with the last of them.
pub(super) fn name(arg: &Arg, is_last: bool) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let named = if is_last { names.last() } else { names.first() };
    named.map_or_else(|| arg.get_id().as_str().to_uppercase(), |name| name.as_str().to_owned())
}

pub(super) fn is_long(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
}

fn is_short(arg: &Arg, name: char) -> bool {
    arg.get_short() == Some(name) || arg.get_all_short_aliases().is_some_and(|all| all.contains(&name))
}

pub(super) fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueKind {
    /// A file of this host.
    File,
    /// A path, of this host unless the help lists what it can be.
    Path,
    /// A directory of this host.
    Directory,
    /// A place, here or at a server.
    Place,
    /// A place from which something is taken.
    Source,
    /// A place that gets something.
    Destination,
    /// Anything else, such as a number.
    Other,
}

impl ValueKind {
    /// What the help calls so.
    pub fn of(name: &str) -> Self {
        match name {
            "FILE" => Self::File,
            "PATH" => Self::Path,
            "DIR" => Self::Directory,
            "PLACE" => Self::Place,
            "SOURCE" => Self::Source,
            "DEST" => Self::Destination,
            _ => Self::Other,
        }
    }

    /// Whether it is a place, here or at a server.
    pub const fn is_place(self) -> bool {
        match self {
            Self::Place | Self::Source | Self::Destination => true,
            Self::File | Self::Path | Self::Directory | Self::Other => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::arg;

    use super::*;

    fn program() -> Command {
        let copy = Command::new("copy").args([
            arg!(-r --recursive "All"),
            arg!(-j --jobs <N> "How many"),
            arg!(--"backup-dir" <PLACE> "Where").visible_alias("keep"),
            arg!(<places> "What").num_args(1..).value_names(["SOURCE", "DEST"]),
        ]);
        let probe = Command::new("probe").args([arg!(<source> "One"), arg!(<dest> "Other")]);
        let mut program = Command::new("program")
            .arg(arg!(--config <FILE> "Settings").global(true))
            .arg(arg!(-v --verbose "More").global(true))
            .subcommands([copy, probe]);
        program.build();
        program
    }

    #[test]
    fn each_value_has_the_name_that_the_help_gives_it() {
        let program = program();
        for (verb, line, expect) in [
            ("copy", "a b c", "SOURCE SOURCE DEST"),
            ("copy", "a", "SOURCE"),
            ("copy", "-r a --jobs 5 b", "- SOURCE - :N DEST"),
            ("copy", "-rj5 a -rj 5 b", ":N+3 SOURCE - :N DEST"),
            ("copy", "a --backup-dir=x b", "SOURCE :PLACE+13 DEST"),
            ("copy", "a --keep x b", "SOURCE - :PLACE DEST"),
            ("copy", "-v --config=x a b", "- :FILE+9 SOURCE DEST"),
            ("copy", "-r -- -a --jobs b", "- - SOURCE SOURCE DEST"),
            ("copy", "- a", "SOURCE DEST"),
            ("copy", "--unknown a", "- SOURCE"),
            ("copy", "-x a", "- SOURCE"),
            ("probe", "a b c", "source dest -"),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let shown = values(program.find_subcommand(verb).unwrap(), &words).into_iter().map(|value| {
                let Some(Value { name, at, is_operand }) = value else { return "-".to_owned() };
                let at = if at == 0 { String::new() } else { format!("+{at}") };
                format!("{}{name}{at}", if is_operand { "" } else { ":" })
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expect, "{line}");
        }
    }

    #[test]
    fn a_verb_is_one_before_the_first_operand_only() {
        let program = program();
        let mut reader = Reader::at(&program);
        assert!(matches!(reader.read("--config"), Part::Option(Some(_))));
        assert!(matches!(reader.read("copy"), Part::ValueOf(_, 0)));
        assert!(matches!(reader.read("copy"), Part::Verb(_)));
        assert!(matches!(reader.read("copy"), Part::Operand(Some(_))));
        assert!(matches!(reader.read("--"), Part::End));
        assert!(matches!(reader.read("--verbose"), Part::Operand(Some(_))));
    }
}
