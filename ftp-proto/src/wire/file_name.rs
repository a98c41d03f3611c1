//! The name of one file in its directory.

use super::PathName;

/// One name of a path: no slash, and neither `.` nor `..`. So it never leads out of its directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileName(PathName);

impl FileName {
    /// Creates the name. Returns `None` if the bytes are no path name ([`PathName::from_wire`]), contain a slash, or are
    /// `.` or `..`.
    ///
    /// ```
    /// use ftp_proto::wire::{FileName, PathName};
    ///
    /// let name = FileName::from_wire(*b"a,b").expect("a name");
    /// assert_eq!(name.in_directory(&PathName::root()).as_bytes(), b"/a,b");
    /// assert_eq!(FileName::from_wire(*b".."), None);
    /// ```
    pub fn from_wire(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let path = PathName::from_wire(bytes).ok()?;
        let name = path.as_bytes();
        let is_one = memchr::memchr(b'/', name).is_none() && !matches!(name, b"." | b"..");
        is_one.then_some(Self(path))
    }

    /// Returns the bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the name as a path, which is relative.
    pub const fn as_path(&self) -> &PathName {
        &self.0
    }

    /// Returns the path of this name in `directory`.
    pub fn in_directory(&self, directory: &PathName) -> PathName {
        let directory = directory.as_bytes();
        let slash: &[u8] = if directory.ends_with(b"/") { b"" } else { b"/" };
        PathName::joined([directory, slash, self.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_directory() {
        for name in ["", ".", "..", "/", "a/b", "a/", "/a", "../a"] {
            assert_eq!(FileName::from_wire(name), None, "{name:?}");
        }
        for name in [&b"a\0b"[..], b"a\nb"] {
            assert_eq!(FileName::from_wire(name), None, "{name:?}");
        }
        let check = |directory: &str, name: &str, expect: &str| {
            let directory = PathName::from_wire(directory).unwrap();
            let path = FileName::from_wire(name).unwrap().in_directory(&directory);
            assert_eq!(path.display(), expect);
        };
        check("/", "a", "/a");
        check("/d", "...", "/d/...");
        check("d/", " x ,-", "d/ x ,-");
    }
}
