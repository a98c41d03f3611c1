//! A name of a tree with its facts, and the order of names.

use crate::job::spool::{Fields, Record, put_bytes, put_number, put_some};
use crate::session::Facts;
use ftp_proto::listing::{Kind, When};
use ftp_proto::wire::PathName;
use std::cmp::Ordering;

/// A name of a tree. Something that is neither copied nor deleted is of [`Kind::Other`]: only its name counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job) struct TreeEntry {
    /// Its path below the tree.
    pub(in crate::job) path: PathName,
    /// What its listing shows.
    pub(in crate::job) facts: Facts,
}

impl TreeEntry {
    /// About how many bytes it takes in memory.
    pub(in crate::job) fn bytes(&self) -> usize {
        let unique = self.facts.unique.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.path.as_bytes().len() + unique + OF_THE_ALLOCATOR
    }

    /// Whether it is a directory.
    pub(in crate::job) const fn is_directory(&self) -> bool {
        matches!(self.facts.kind, Kind::Directory)
    }

    /// Whether it is neither copied nor deleted.
    pub(in crate::job) const fn is_left(&self) -> bool {
        matches!(self.facts.kind, Kind::Other)
    }
}

/// The order of paths in which each directory comes right before what is in it.
pub(in crate::job) fn order(one: &PathName, other: &PathName) -> Ordering {
    // No path contains a zero byte.
    let separator_first = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    let (one, other) = (one.as_bytes().iter(), other.as_bytes().iter());
    one.map(separator_first).cmp(other.map(separator_first))
}

impl Record for TreeEntry {
    fn write(&self, out: &mut Vec<u8>) {
        let Facts { kind, size, modified, unique, version, mode } = &self.facts;
        put_bytes(out, self.path.as_bytes());
        put_number(out, KINDS.iter().position(|known| known == kind).unwrap_or(KINDS.len() - 1) as u64);
        put_some(out, *size);
        put_some(out, modified.map(|When(seconds)| seconds.cast_unsigned()));
        put_some(out, *version);
        put_some(out, mode.map(u64::from));
        put_number(out, u64::from(unique.is_some()));
        put_bytes(out, unique.as_deref().unwrap_or_default().as_bytes());
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let path = PathName::from_wire(fields.bytes()?).ok()?;
        let kind = *KINDS.get(usize::try_from(fields.number()?).ok()?)?;
        let size = fields.some()?;
        let modified = fields.some()?.map(|seconds| When(seconds.cast_signed()));
        let version = fields.some()?;
        let mode = fields.some()?.and_then(|mode| u32::try_from(mode).ok());
        let has_unique = fields.number()? > 0;
        let unique = String::from_utf8(fields.bytes()?.to_vec()).ok()?;
        let facts = Facts { kind, size, modified, unique: has_unique.then_some(unique), version, mode };
        Some(Self { path, facts })
    }
}

/// What the allocator needs for the path and the identity, in bytes.
const OF_THE_ALLOCATOR: usize = 32;
/// The kinds, by their numbers.
const KINDS: [Kind; 4] = [Kind::Directory, Kind::File, Kind::Link, Kind::Other];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_right_before_what_is_in_it() {
        let name = |text: &str| PathName::from_wire(text.as_bytes()).unwrap();
        let mut paths = ["b", "a.b", "a/b/c", "a", "a-", "a/b", "a/b-", "a!/x", "a/z"].map(name).to_vec();
        paths.sort_by(order);
        let shown: Vec<String> = paths.iter().map(PathName::display).collect();
        assert_eq!(shown, ["a", "a/b", "a/b/c", "a/b-", "a/z", "a!/x", "a-", "a.b", "b"]);
    }
}
