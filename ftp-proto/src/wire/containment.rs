//! Which paths are in a directory. There is no other test of it.

use super::PathName;

impl PathName {
    /// Whether the path begins at the root, and not at the login directory.
    pub fn is_absolute(&self) -> bool {
        self.as_bytes().starts_with(b"/")
    }

    /// The names of the path, without empty ones and those that mean the same directory (`.`).
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
    }

    /// Whether the path is `directory`, or is in it at any depth. An absolute path and one that is relative to the login
    /// directory cannot be compared, so that neither is in the other.
    ///
    /// ```
    /// use ftp_proto::wire::PathName;
    ///
    /// let path = |text: &str| PathName::from_user(text).unwrap();
    /// assert!(path("/a/b").is_at_or_below(&path("/a")));
    /// assert!(!path("/ab/c").is_at_or_below(&path("/a")));
    /// ```
    pub fn is_at_or_below(&self, directory: &Self) -> bool {
        self.names_below(directory).is_some()
    }

    /// Whether the path is in `directory`, at any depth.
    pub fn is_below(&self, directory: &Self) -> bool {
        self.names_below(directory).is_some_and(|mut names| names.next().is_some())
    }

    /// The names behind those of `directory`, if the path is `directory` or is in it.
    pub fn names_below(&self, directory: &Self) -> Option<impl Iterator<Item = &[u8]>> {
        let mut names = self.names();
        let begins_with = directory.names().all(|name| names.next() == Some(name));
        (begins_with && self.is_absolute() == directory.is_absolute()).then_some(names)
    }

    /// The path relative to `directory`. `None` if it is not in it, or if `..` follows: only the server knows where that leads.
    pub fn relative_to(&self, directory: &Self) -> Option<Self> {
        let names: Vec<&[u8]> = self.names_below(directory)?.collect();
        if names.contains(&b"..".as_slice()) { None } else { Self::from_wire(names.join(&b'/')).ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_in_the_directories_above_it_and_in_no_other() {
        for (directory, inside, is_at_or_below, is_below, relative) in [
            ("a", "a/b", true, true, Some("b")),
            ("a", "a/b/c", true, true, Some("b/c")),
            ("a", "./a//b/", true, true, Some("b")),
            ("a/", "a", true, false, None),
            ("a/", "a/b", true, true, Some("b")),
            ("a", "ab", false, false, None),
            ("a", "u/a", false, false, None),
            ("/a", "/ab/c", false, false, None),
            ("/a", "/a/b", true, true, Some("b")),
            ("/", "/a", true, true, Some("a")),
            ("/", "/", true, false, None),
            (".", "a", true, true, Some("a")),
            (".", "./a", true, true, Some("a")),
            (".", "/a", false, false, None),
            ("/", "a", false, false, None),
            ("/a", "a/b", false, false, None),
            ("a/b", "a", false, false, None),
            ("a", "a/../b", true, true, None),
            ("a/..", "a/../b", true, true, Some("b")),
            ("../a", "../a/b", true, true, Some("b")),
            (".", "../a", true, true, None),
        ] {
            let path = |text: &str| PathName::from_user(text).unwrap();
            let (directory, inside) = (path(directory), path(inside));
            let found = (inside.is_at_or_below(&directory), inside.is_below(&directory));
            assert_eq!(found, (is_at_or_below, is_below), "{} {}", directory.display(), inside.display());
            let found = inside.relative_to(&directory).map(|path| path.display());
            assert_eq!(found.as_deref(), relative, "{} {}", directory.display(), inside.display());
        }
    }
}
