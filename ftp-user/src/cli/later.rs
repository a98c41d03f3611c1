//! Names that other programs give to verbs, and options that stand at another place.

use super::Cli;
use crate::failure::Failure;
use clap::CommandFactory;
use std::ffi::OsString;

/// The failure if `word`, which the command line does not know, is one of them.
pub(super) fn later(word: &str) -> Option<Failure> {
    let (_, verb) = ELSEWHERE.iter().find(|(name, _)| *name == word)?;
    Some(Failure::usage(format!("there is no verb {word}")).hint(format!("use {verb}")))
}

/// The failure if `word` is an option of `copy` that stands before the verb, or behind one that goes on with a job.
pub(super) fn misplaced(word: &str, words: &[OsString]) -> Option<Failure> {
    let name = word.split('=').next().unwrap_or(word);
    let command = Cli::command();
    let is_it = |arg: &clap::Arg| match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => name.chars().nth(1).is_some_and(|short| {
            arg.get_short() == Some(short)
                || arg.get_all_short_aliases().is_some_and(|all| all.contains(&short))
        }),
    };
    if !command.find_subcommand("copy")?.get_arguments().any(is_it) {
        return None;
    }
    let is_verb = |typed: &&OsString| command.get_subcommands().any(|verb| *typed == verb.get_name());
    let verb = words.iter().find(is_verb)?.to_str()?;
    match verb {
        "resume" | "cancel" => Some(
            Failure::usage(format!("{name} is no option of {verb}"))
                .hint("a job goes on with its own options, as they were typed"),
        ),
        "copy" | "move" => Some(
            Failure::usage(format!("{name} stands before its verb"))
                .hint(format!("write it behind: ftp-user {verb} {name} ...")),
        ),
        _ => None,
    }
}

/// Verbs of other programs, and what they are called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cp", "copy"),
    ("scp", "copy"),
    ("get", "copy"),
    ("put", "copy"),
    ("dir", "ls"),
    ("list", "ls"),
    ("check", "probe"),
    ("mirror", "sync"),
    ("rsync", "sync"),
    ("del", "rm"),
    ("delete", "rm"),
    ("rmdir", "rm -r"),
    ("md", "mkdir"),
    ("rename", "mv"),
    ("sha256sum", "hash"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_copy_at_another_place_says_where_it_belongs() {
        let check = |word: &str, typed: &str, expect: Option<&str>| {
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            let found = misplaced(word, &words).map(|failure| failure.to_string());
            assert_eq!(found.as_deref(), expect, "{typed}");
        };
        let own = "a job goes on with its own options, as they were typed";
        check(
            "--limit",
            "resume last --limit 100MB",
            Some(&format!("--limit is no option of resume; {own}")),
        );
        let behind = "write it behind: ftp-user copy";
        check("-r", "-r copy a b", Some(&format!("-r stands before its verb; {behind} -r ...")));
        check(
            "--recursive",
            "--recursive copy a b",
            Some(&format!("--recursive stands before its verb; {behind} --recursive ...")),
        );
        check("--limit", "ls --limit 5 a", None);
        check("--nonsense", "copy --nonsense a b", None);
    }

    #[test]
    fn what_other_programs_call_a_verb_is_told() {
        let check = |word: &str, expect: Option<&str>| {
            let found = later(word).map(|failure| failure.to_string());
            match expect {
                Some(expect) => {
                    assert!(found.as_ref().is_some_and(|found| found.contains(expect)), "{found:?}")
                }
                None => assert_eq!(found, None, "{word}"),
            }
        };
        check("mirror", Some("use sync"));
        check("cp", Some("use copy"));
        check("rename", Some("use mv"));
        check("--incude", None);
        check("copi", None);
    }
}
