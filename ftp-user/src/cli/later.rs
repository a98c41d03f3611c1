//! Names that other programs give to verbs, and options that stand at another place.

use super::Cli;
use crate::failure::Failure;
use crate::place::nearest;
use clap::CommandFactory;
use ftp_io::program::args::Rejected;
use ftp_io::program::completion::{Part, Reader};
use std::ffi::OsString;

/// The failure if `word`, which the command line does not know, is one of them.
pub(super) fn later(word: &str, words: &[OsString]) -> Option<Failure> {
    // `help` takes verbs, and clap finds nothing like one behind it.
    let asks_for_help = verb_of(words).filter(|(_, verb)| verb == "help");
    let words = asks_for_help.as_ref().and_then(|(at, _)| words.get(at + 1..)).unwrap_or(words);
    match verb_of(words).as_ref().map(|(at, verb)| (*at, verb.as_str())) {
        // Behind it a word is no verb.
        Some((at, verb)) if words.iter().take(at).all(|before| before != word) => {
            if word.starts_with('-') {
                return None;
            }
            let whole = || verb_of(words.get(at + 1..)?).filter(|_| verb == "man");
            let page = || Some(format!("ftp-user man {} has its parts, too", whole()?.1));
            let hint = hint(verb, word).map(str::to_owned).or_else(page).or_else(|| near_part(verb, word))?;
            Some(Failure::usage(format!("{verb} has no {word}")).hint(hint))
        }
        Some(_) | None => {
            let fails = || Failure::usage(format!("there is no verb {word}"));
            if VERBS_OF_THE_SHELL.contains(&word) {
                return Some(fails().hint(format!("ftp-user shell has {word}")));
            }
            if let Some(advice) = advice_at([COMMAND_LINE, EVERY_LINE], word) {
                return Some(fails().hint(advice));
            }
            // clap finds nothing like a word of so few letters.
            let is_unseen = word.len() < 4 || asks_for_help.is_some();
            let command = Cli::command();
            let verbs = command.get_subcommands().map(clap::Command::get_name).filter(|_| is_unseen);
            let meant = nearest(word, verbs)?;
            Some(fails().hint(format!("did you mean {meant}?")))
        }
    }
}

/// Asks whether a part of a verb was meant that a word is like. A word of fewer than four letters is like too many parts, so it
/// is not compared.
fn near_part(verb: &str, word: &str) -> Option<String> {
    let command = Cli::command();
    let parts = command.find_subcommand(verb)?.get_subcommands().map(clap::Command::get_name);
    let meant = nearest(word, parts).filter(|_| word.len() >= 4)?;
    Some(format!("did you mean {verb} {meant}?"))
}

/// The verb of a command line that cannot be carried out, and where it stands. No value of an option is one, also if the option
/// is that of a verb and stands before it.
pub(super) fn verb_of(words: &[OsString]) -> Option<(usize, String)> {
    let mut command = Cli::command();
    command.build();
    let of_a_verb = |name: &str| {
        let takes = |arg: &clap::Arg| is_called(arg, name) && arg.get_action().takes_values();
        command.get_subcommands().any(|verb| verb.get_arguments().any(takes))
    };
    let mut reader = Reader::at(&command);
    let mut is_value = false;
    for (at, word) in words.iter().enumerate() {
        let word = word.to_string_lossy();
        if std::mem::take(&mut is_value) {
            continue;
        }
        match reader.read(&word) {
            Part::Verb(verb) => return Some((at, verb.get_name().to_owned())),
            // A word of another program stands where a verb stands.
            Part::Operand(_) if command.find_subcommand(&*word).is_some() => {
                return Some((at, word.into_owned()));
            }
            Part::Option(None) => is_value = of_a_verb(&word),
            Part::Option(Some(_)) | Part::End | Part::ValueOf(..) | Part::Operand(_) => {}
        }
    }
    None
}

/// The failure if `word` is an option that other programs give to this verb.
pub(super) fn elsewhere(word: &str, words: &[OsString]) -> Option<Failure> {
    let name = word.split('=').next().unwrap_or(word);
    let (_, verb) = verb_of(words)?;
    let unknown = beside(name, &verb, words);
    let mut hints: Vec<&str> = unknown.iter().filter_map(|name| hint(&verb, name)).collect();
    hints.dedup();
    let fails = || Failure::usage(format!("{verb} has no option {}", unknown.join(" and no ")));
    (!hints.is_empty()).then(|| fails().hint(hints.join("; ")))
}

/// The unknown option and those that stand in one word with it: `-a` and `-z` of `-avz`. A word that has a hint is one option,
/// such as `-vb` of globus-url-copy.
fn beside(name: &str, verb: &str, words: &[OsString]) -> Vec<String> {
    let command = Cli::command();
    let of_verb = || command.find_subcommand(verb).into_iter().flat_map(clap::Command::get_arguments);
    let is_known = |option: &str| {
        option == "-h" || command.get_arguments().chain(of_verb()).any(|arg| is_called(arg, option))
    };
    // Digits are the value of the letter before them.
    let letters = |word: &str| -> Vec<String> {
        let letters = word.strip_prefix('-').unwrap_or_default().chars();
        letters.take_while(char::is_ascii_alphabetic).map(|letter| format!("-{letter}")).collect()
    };
    let mut texts = words.iter().filter_map(|word| word.to_str());
    let Some(word) = texts.find(|word| letters(word).iter().any(|option| option == name)) else {
        return vec![name.to_owned()];
    };
    if hint(verb, word).is_some() {
        return vec![word.to_owned()];
    }
    let mut unknown = letters(word);
    unknown.retain(|option| option == name || !is_known(option));
    unknown.dedup();
    unknown
}

/// What to do in the shell instead of a verb of another program.
pub(super) fn advice_in_shell(word: &str) -> Option<&'static str> {
    advice_at([SHELL_LINE, EVERY_LINE], word)
}

fn advice_at(lines: [&str; 2], word: &str) -> Option<&'static str> {
    advice(word, |of| lines.contains(&of))
}

/// What to use here instead of an option or a part of another program.
fn hint(verb: &str, name: &str) -> Option<&'static str> {
    advice(name, |of| of == EACH || has(of, verb))
}

fn advice(name: &str, is_right: impl Fn(&str) -> bool) -> Option<&'static str> {
    ELSEWHERE.lines().find_map(|line| {
        let (of, line) = line.split_once(" | ")?;
        let (names, advice) = line.split_once(" | ")?;
        (is_right(of) && has(names, name)).then_some(advice)
    })
}

/// Whether `name` is one of `names`, which are separated by blanks.
fn has(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// What to do about a mistake. rsync and rclone have `--progress` and `--color` without a value.
pub(super) fn hint_of_mistake(rejected: &Rejected, words: &[OsString]) -> Option<&'static str> {
    let is_of_shell = || verb_of(words).is_some_and(|(_, verb)| verb == "shell");
    let is_missing = |name: &str| rejected.missing().iter().any(|missing| missing == name);
    if is_missing("<JOB>") {
        Some("JOB is an id or a name from the list of jobs, or the word last")
    } else if is_missing("--queue") {
        Some("--wait, --priority, --at and --every need it")
    } else if rejected.unknown().is_some_and(|word| !word.starts_with('-')) && is_of_shell() {
        Some("shell takes no place: type cd SITE: in it")
    } else if rejected.has_bad_value_of("--progress") {
        Some("leave it out: a terminal shows a bar")
    } else if rejected.has_bad_value_of("--color") {
        Some("leave it out: a terminal has colours")
    } else if rejected.has_bad_value_of("--store") {
        Some("it was typed with --store, or stands in FTP_USER_STORE")
    } else {
        None
    }
}

/// The failure if `word` is an option of a verb that copies, and stands before its verb, or behind another one.
pub(super) fn misplaced(word: &str, words: &[OsString]) -> Option<Failure> {
    let name = word.split('=').next().unwrap_or(word);
    // Anything else may be a place with its password.
    if !name.starts_with('-') {
        return None;
    }
    let command = Cli::command();
    let has = |verb: &&str| {
        command.find_subcommand(verb).is_some_and(|verb| verb.get_arguments().any(|arg| is_called(arg, name)))
    };
    let owners: Vec<&str> = COPYING.into_iter().filter(has).collect();
    let (_, verb) = verb_of(words)?;
    match verb.as_str() {
        verb if has(&verb) => Some(
            Failure::usage(format!("{name} stands before its verb"))
                .hint(format!("write it behind: ftp-user {verb} {name} ...")),
        ),
        _ if owners.is_empty() => None,
        "resume" | "retry" | "cancel" => Some(
            Failure::usage(format!("{name} is not an option of {verb}"))
                .hint("a job goes on with its own options, as they were typed"),
        ),
        verb if COPYING.contains(&verb) => Some(
            Failure::usage(format!("{verb} has no option {name}"))
                .hint(format!("it is an option of {}", owners.join(", "))),
        ),
        _ => None,
    }
}

/// The failure if `word` is the beginning of an option of its verb, or one with few mistakes.
pub(super) fn mistyped(word: &str, words: &[OsString]) -> Option<Failure> {
    let typed = word.split('=').next().unwrap_or(word).strip_prefix("--")?;
    let (at, verb) = verb_of(words)?;
    let mut command = Cli::command();
    command.build();
    let owner = command.find_subcommand(&verb)?;
    // A part of a verb has options of its own, as `sites add` has.
    let part = words.iter().skip(at + 1).find_map(|word| owner.find_subcommand(word.to_str()?));
    let arguments = part.unwrap_or(owner).get_arguments().filter(|option| !option.is_hide_set());
    let options: Vec<&str> = arguments.filter_map(clap::Arg::get_long).collect();
    let begun = options.iter().filter(|option| option.starts_with(typed)).min_by_key(|option| option.len());
    // An option of so few letters is like too many others.
    let alike = || nearest(typed, options.iter().copied()).filter(|_| typed.len() >= 4);
    let meant = begun.copied().or_else(alike)?;
    let part = part.map(|part| format!(" {}", part.get_name())).unwrap_or_default();
    let what = format!("{verb}{part} has no option --{typed}");
    Some(Failure::usage(what).hint(format!("did you mean --{meant}?")))
}

/// The failure if `word` is a negative number behind an option that takes none.
pub(super) fn negative(word: &str, words: &[OsString]) -> Option<Failure> {
    if !word.strip_prefix('-')?.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let at = words.iter().position(|other| other == word)?;
    let option = words.get(at.checked_sub(1)?)?.to_str()?;
    let mut command = Cli::command();
    command.build();
    let takes = |arg: &clap::Arg| is_called(arg, option) && arg.get_action().takes_values();
    let has = |verb: &clap::Command| verb.get_arguments().any(takes);
    let is_option = has(&command) || command.get_subcommands().any(has);
    is_option.then(|| Failure::usage(format!("{option} {word}: it must not be negative")))
}

/// The page that helps with a command line: that of its verb, or of the part of it.
pub(super) fn page_of(words: &[OsString]) -> String {
    let Some((at, verb)) = verb_of(words) else { return "ftp-user --help".to_owned() };
    let command = Cli::command();
    let verbs = command.find_subcommand(&verb);
    let part = words.get(at + 1).and_then(|word| verbs?.find_subcommand(word.to_str()?));
    let part = part.map(|part| format!(" {}", part.get_name())).unwrap_or_default();
    format!("ftp-user {verb}{part} --help")
}

/// Whether a person calls an option so.
fn is_called(arg: &clap::Arg, name: &str) -> bool {
    if arg.is_hide_set() {
        return false;
    }
    match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => name.chars().nth(1).is_some_and(|short| {
            arg.get_short() == Some(short)
                || arg.get_all_short_aliases().is_some_and(|all| all.contains(&short))
        }),
    }
}

/// The verbs that copy.
const COPYING: [&str; 4] = ["copy", "append", "move", "sync"];

/// Stands for every verb.
const EACH: &str = "each";

/// Stands for the place of the verb on a command line.
const COMMAND_LINE: &str = "command-line";
/// The same in the shell.
const SHELL_LINE: &str = "shell-line";
/// The same on both.
const EVERY_LINE: &str = "every-line";

/// Verbs, options and parts of verbs of other programs, each on a line: the verbs to which they are given, or where they stand;
/// their names, and what to do here. The first line that is right for a verb counts.
const ELSEWHERE: &str = include_str!("elsewhere.txt");

/// Verbs that the shell alone has.
const VERBS_OF_THE_SHELL: &[&str] =
    &["cd", "composite", "fg", "history", "lcd", "lpwd", "pwd", "quit", "status", "wait", "where"];

#[cfg(test)]
mod tests;
