//! What an account may do with files: a closed set, judged in one place ([`Access::missing`]).

use crate::wire::PathName;
use std::fmt;

/// One thing that an account may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Right {
    /// See what a directory holds (LIST, NLST, MLSD, STAT of a path).
    List,
    /// Read files (RETR) and have their digests made (HASH).
    Read,
    /// Make files, and replace or overwrite them (STOR, and RNTO to a name that may be taken).
    Write,
    /// Make files longer (APPE).
    Append,
    /// Remove files and directories (DELE, RMD).
    Delete,
    /// Rename files and directories (RNFR, RNTO).
    Rename,
    /// Make directories (MKD).
    Mkdir,
    /// Change modes and times (SITE CHMOD, MFMT, MFF).
    Chmod,
}

impl Right {
    /// All rights, in the order of their declaration.
    pub const ALL: [Self; 8] = {
        use Right::{Append, Chmod, Delete, List, Mkdir, Read, Rename, Write};
        [List, Read, Write, Append, Delete, Rename, Mkdir, Chmod]
    };

    /// The name of the right, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Append => "append",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::Mkdir => "mkdir",
            Self::Chmod => "chmod",
        }
    }

    /// What the right permits, as a refusal says it.
    pub const fn permits(self) -> &'static str {
        match self {
            Self::List => "list directories",
            Self::Read => "read files",
            Self::Write => "write files",
            Self::Append => "append to files",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::Mkdir => "make directories",
            Self::Chmod => "change modes and times",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

impl Rights {
    /// The set of all rights.
    pub const ALL: Self = Self(u8::MAX);
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// Only the rights that change nothing.
    pub const READ_ONLY: Self = Self::NONE.with(Right::List).with(Right::Read);

    /// These and `right`.
    #[must_use]
    pub const fn with(self, right: Right) -> Self {
        Self(self.0 | right.bit())
    }

    /// Whether `right` is one of them.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Whether none of them changes anything.
    pub const fn is_read_only(self) -> bool {
        self.0 & !Self::READ_ONLY.0 == 0
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        rights.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Right::ALL.iter().filter(|right| self.has(**right))).finish()
    }
}

/// What an account may do, beneath each path. The longest path that holds decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    everywhere: Rights,
    /// Absolute paths without a slash at the end, each with the rights beneath it.
    beneath: Vec<(PathName, Rights)>,
}

impl Access {
    /// The same rights everywhere.
    pub const fn everywhere(rights: Rights) -> Self {
        Self { everywhere: rights, beneath: Vec::new() }
    }

    /// With other rights at `path` (absolute, without a slash at its end) and beneath it.
    #[must_use]
    pub fn beneath(mut self, path: PathName, rights: Rights) -> Self {
        self.beneath.push((path, rights));
        self
    }

    /// The rights at the absolute path `path`.
    pub fn at(&self, path: &PathName) -> Rights {
        let holding = self.beneath.iter().filter(|(top, _)| path.is_at_or_below(top));
        holding.max_by_key(|(top, _)| top.as_bytes().len()).map_or(self.everywhere, |(_, rights)| *rights)
    }

    /// Whether the rights do not depend on the path.
    pub const fn is_the_same_everywhere(&self) -> bool {
        self.beneath.is_empty()
    }

    /// Whether nothing may be changed anywhere.
    pub fn is_read_only(&self) -> bool {
        self.everywhere.is_read_only() && self.beneath.iter().all(|(_, rights)| rights.is_read_only())
    }

    /// Whether nothing may be changed at `path` (absolute) or beneath it.
    pub fn is_read_only_beneath(&self, path: &PathName) -> bool {
        let mut inside = self.beneath.iter().filter(|(top, _)| top.is_at_or_below(path));
        self.at(path).is_read_only() && inside.all(|(_, rights)| rights.is_read_only())
    }

    /// The first right that is missing of those that an operation needs, each at its path.
    pub fn missing<'a>(&self, needed: impl IntoIterator<Item = (&'a PathName, Right)>) -> Option<Right> {
        needed.into_iter().find(|(path, right)| !self.at(path).has(*right)).map(|(_, right)| right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathName {
        PathName::from_wire(text).unwrap()
    }

    #[test]
    fn a_set_has_what_was_put_in_and_nothing_else() {
        for right in Right::ALL {
            let only = Rights::NONE.with(right);
            let others = Right::ALL.iter().filter(|other| only.has(**other));
            assert_eq!(others.collect::<Vec<_>>(), [&right]);
            assert!(Rights::ALL.has(right));
        }
        assert_eq!(format!("{:?}", Rights::READ_ONLY), "{List, Read}");
        assert!(Rights::READ_ONLY.is_read_only() && Rights::NONE.is_read_only());
        assert!(!Rights::NONE.with(Right::Chmod).is_read_only());
        assert_eq!([Right::List, Right::Read].into_iter().collect::<Rights>(), Rights::READ_ONLY);
    }

    #[test]
    fn the_longest_path_that_holds_decides() {
        let access = Access::everywhere(Rights::READ_ONLY)
            .beneath(path("/in"), Rights::ALL)
            .beneath(path("/in/old"), Rights::NONE);
        let check = |at: &str, expect: Rights| assert_eq!(access.at(&path(at)), expect, "{at}");
        check("/", Rights::READ_ONLY);
        check("/in", Rights::ALL);
        check("/in/a/b", Rights::ALL);
        check("/in/old", Rights::NONE);
        check("/in/old/a", Rights::NONE);
        check("/in/older", Rights::ALL);
        check("/inner", Rights::READ_ONLY);
        assert!(!access.is_read_only());
        for (at, expect) in [("/", false), ("/in", false), ("/in/old", true), ("/inner", true)] {
            assert_eq!(access.is_read_only_beneath(&path(at)), expect, "{at}");
        }
        assert!(Access::everywhere(Rights::READ_ONLY).is_read_only());
    }

    #[test]
    fn every_right_is_judged_at_its_path() {
        let access =
            Access::everywhere(Rights::READ_ONLY.with(Right::Rename)).beneath(path("/in"), Rights::ALL);
        let (out, inside) = (path("/a"), path("/in/a"));
        let check = |needed: &[(&PathName, Right)], expect: Option<Right>| {
            assert_eq!(access.missing(needed.iter().copied()), expect, "{needed:?}");
        };
        check(&[], None);
        check(&[(&out, Right::Rename), (&inside, Right::Write)], None);
        check(&[(&inside, Right::Write), (&out, Right::Write)], Some(Right::Write));
        check(&[(&out, Right::Delete)], Some(Right::Delete));
    }
}
