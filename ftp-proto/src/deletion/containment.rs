//! Which paths are in a directory. There is no other test of it.

use crate::wire::PathName;

/// The names of a path, without empty ones and those that mean the same directory (`.`).
pub fn names(path: &PathName) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

/// Whether `path` is `directory`, or is in it at any depth. An absolute path and one that is relative to the login directory
/// cannot be compared, so that neither is in the other.
///
/// ```
/// use ftp_proto::deletion::is_at_or_below;
/// use ftp_proto::wire::PathName;
///
/// let path = |text: &str| PathName::from_user(text).unwrap();
/// assert!(is_at_or_below(&path("/a"), &path("/a/b")));
/// assert!(!is_at_or_below(&path("/a"), &path("/ab/c")));
/// ```
pub fn is_at_or_below(directory: &PathName, path: &PathName) -> bool {
    rest(directory, path).is_some()
}

/// Whether `path` is in `directory`, at any depth.
pub fn is_below(directory: &PathName, path: &PathName) -> bool {
    rest(directory, path).is_some_and(|mut rest| rest.next().is_some())
}

/// The path of `path` below `directory`; `None` if it is not in it, or if one of the names is `..`: only the server knows where
/// that leads.
pub fn relative(directory: &PathName, path: &PathName) -> Option<PathName> {
    let leads_up = |path: &PathName| names(path).any(|name| name == b"..");
    if leads_up(directory) || leads_up(path) {
        return None;
    }
    let rest: Vec<&[u8]> = rest(directory, path)?.collect();
    if rest.is_empty() { None } else { PathName::from_wire(rest.join(&b'/')).ok() }
}

/// The names of `path` behind those of `directory`, if it begins with them.
fn rest<'a>(directory: &PathName, path: &'a PathName) -> Option<impl Iterator<Item = &'a [u8]>> {
    let is_absolute = |path: &PathName| path.as_bytes().starts_with(b"/");
    let mut rest = names(path);
    let is_prefix = names(directory).all(|name| rest.next() == Some(name));
    (is_prefix && is_absolute(directory) == is_absolute(path)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    #[test]
    fn a_path_is_in_the_directories_above_it_and_in_no_other() {
        for (directory, inside, at_or_below, below, relative_path) in [
            ("a", "a/b", true, true, Some("b")),
            ("a", "a/b/c", true, true, Some("b/c")),
            ("a", "./a//b/", true, true, Some("b")),
            ("a/", "a", true, false, None),
            ("a", "ab", false, false, None),
            ("/a", "/ab/c", false, false, None),
            ("/a", "/a/b", true, true, Some("b")),
            ("/", "/a", true, true, Some("a")),
            ("/", "/", true, false, None),
            (".", "a", true, true, Some("a")),
            (".", "/a", false, false, None),
            ("/a", "a/b", false, false, None),
            ("a/b", "a", false, false, None),
            ("a", "a/../b", true, true, None),
            ("a/..", "a/../b", true, true, None),
        ] {
            let (directory, inside) = (path(directory), path(inside));
            let found = (is_at_or_below(&directory, &inside), is_below(&directory, &inside));
            assert_eq!(found, (at_or_below, below), "{} {}", directory.display(), inside.display());
            let found = relative(&directory, &inside).map(|path| path.display());
            assert_eq!(found.as_deref(), relative_path, "{} {}", directory.display(), inside.display());
        }
    }
}
