//! Keeps the passwords of `--user` out of listings of processes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use ftp_io::program::reexec;

/// Returns the arguments of this process, `--user` included. The argument list that others see has no
/// `--user`: the program starts itself again without them.
///
/// Where that is not possible (no `/proc`) the program goes on, because tools that list processes read
/// `/proc` as well.
pub fn arguments() -> Vec<OsString> {
    reexec::arguments(without_users).unwrap_or_else(|_| std::env::args_os().collect())
}

/// The arguments without `--user VALUE` and `--user=VALUE`; `None` if there are none of these.
fn without_users(given: &[OsString]) -> Option<Vec<OsString>> {
    let mut shown = Vec::new();
    let mut rest = given.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            shown.push(argument.clone());
            shown.extend(rest.by_ref().cloned());
        } else if argument == "--user" {
            if rest.next().is_none() {
                shown.push(argument.clone());
            }
        } else if !argument.as_bytes().starts_with(b"--user=") {
            shown.push(argument.clone());
        }
    }
    (shown.len() < given.len()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expect: Option<&[&str]>) {
        let given: Vec<OsString> = given.iter().map(OsString::from).collect();
        let expect = expect.map(|shown| shown.iter().map(OsString::from).collect());
        assert_eq!(without_users(&given), expect, "{given:?}");
    }

    #[test]
    fn users_are_taken_out_of_the_arguments_in_both_spellings() {
        check(&["p", "--root", "d"], None);
        check(&["p", "--user", "a:b", "--root", "d"], Some(&["p", "--root", "d"]));
        check(&["p", "--user=a:b", "--user", "-c:--"], Some(&["p"]));
        check(&["p", "--user"], None);
        check(&["p", "--", "--user", "a:b"], None);
        check(&["p", "--user", "a:b", "--", "--user"], Some(&["p", "--", "--user"]));
    }
}
