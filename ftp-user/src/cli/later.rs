//! Verbs and options of the contract that are not built in yet, and names that other programs give to verbs.

use crate::failure::Failure;

/// The failure if `word`, which the command line does not know, is one of them.
pub(super) fn later(word: &str) -> Option<Failure> {
    if let Some((_, verb)) = ELSEWHERE.iter().find(|(name, _)| *name == word) {
        return Some(Failure::usage(format!("there is no verb {word}")).hint(format!("use {verb}")));
    }
    let name = word.split('=').next().unwrap_or(word);
    [VERBS, OPTIONS]
        .concat()
        .contains(&name)
        .then(|| Failure::usage(format!("{name} is not built in yet")).hint("ftp-user --help shows what is"))
}

/// Verbs of the contract that may be absent.
const VERBS: &[&str] = &["move", "sync", "tree", "mkdir", "rm", "mv", "hash", "shell"];
/// Options of the contract that may be absent.
const OPTIONS: &[&str] = &["--compare", "--delete", "--max-delete", "--backup-dir", "--yes", "--alg"];
/// Verbs of other programs, and what they are called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cp", "copy"),
    ("scp", "copy"),
    ("get", "copy"),
    ("put", "copy"),
    ("dir", "ls"),
    ("list", "ls"),
    ("check", "probe"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_says_so() {
        let check = |word: &str, expect: Option<&str>| {
            let found = later(word).map(|failure| failure.to_string());
            match expect {
                Some(expect) => {
                    assert!(found.as_ref().is_some_and(|found| found.contains(expect)), "{found:?}")
                }
                None => assert_eq!(found, None, "{word}"),
            }
        };
        check("--delete", Some("--delete is not built in yet"));
        check("--compare=size", Some("--compare is not built in yet"));
        check("sync", Some("sync is not built in yet"));
        check("cp", Some("use copy"));
        check("--incude", None);
        check("copi", None);
    }
}
