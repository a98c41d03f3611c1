//! Which paths are in a directory.

use ftp_proto::wire::PathName;

/// Whether `path` is in the directory `directory`, at any depth.
pub(crate) fn is_below(directory: &PathName, path: &PathName) -> bool {
    let directory = directory.as_bytes();
    let rest = path.as_bytes().strip_prefix(directory);
    rest.is_some_and(|rest| rest.starts_with(b"/") || (directory.ends_with(b"/") && !rest.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_a_directory_is_below_it() {
        let check = |directory: &str, path: &str, expect| {
            let name = |text: &str| PathName::from_user(text).unwrap();
            assert_eq!(is_below(&name(directory), &name(path)), expect, "{directory} {path}");
        };
        check("a", "a/b", true);
        check("a", "a/b/c", true);
        check("/", "/a", true);
        check("a", "a", false);
        check("a", "ab", false);
        check("a/b", "a", false);
    }
}
