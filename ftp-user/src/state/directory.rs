//! Where the state directory is.

use std::ffi::OsString;
use std::path::PathBuf;

/// The state directory: the one that was asked for, else `$FTP_USER_STATE`, else `ftp-user` in `$XDG_STATE_HOME` or
/// `~/.local/state`. Returns `None` if there is no home.
pub fn directory(asked: Option<PathBuf>) -> Option<PathBuf> {
    find(asked, |name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn find(asked: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = asked.or_else(|| variable("FTP_USER_STATE").map(PathBuf::from));
    named.or_else(|| {
        let states = variable("XDG_STATE_HOME").map(PathBuf::from);
        let states = states.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")));
        states.map(|states| states.join("ftp-user"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_the_one_asked_for_or_follows_from_the_environment() {
        let check = |asked: Option<&str>, set: &[(&str, &str)], expect: Option<&str>| {
            let variable = |name: &str| {
                set.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(find(asked.map(PathBuf::from), variable), expect.map(PathBuf::from), "{set:?}");
        };
        let all = [("FTP_USER_STATE", "/s"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        check(Some("/asked"), &all, Some("/asked"));
        check(None, &all, Some("/s"));
        check(None, &all[1..], Some("/x/ftp-user"));
        check(None, &all[2..], Some("/h/.local/state/ftp-user"));
        check(None, &[], None);
    }
}
