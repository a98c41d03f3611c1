//! Paths of clients, checked and made relative to the root.

use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;

use super::partial::is_partial;

/// A path beneath the root, relative to it; empty is the root itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Beneath(Vec<u8>);

impl Beneath {
    /// Takes an absolute path. The machine has normalised it; `..` is refused all the same, and so
    /// are names under way (extensions: 553 for all clients).
    pub(super) fn parse(path: &PathName) -> Result<Self, FileFailure> {
        let mut octets = Vec::with_capacity(path.as_bytes().len());
        for name in path.as_bytes().split(|&octet| octet == b'/') {
            if matches!(name, b"" | b".") {
                continue;
            }
            if name == b".." || name.len() > MAX_NAME || is_partial(name) {
                return Err(FileFailure::BadName);
            }
            if !octets.is_empty() {
                octets.push(b'/');
            }
            octets.extend_from_slice(name);
        }
        Ok(Self(octets))
    }

    /// The path relative to the root; empty for the root itself.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path of `name` in this directory.
    pub(super) fn join(&self, name: &[u8]) -> Self {
        Self(join(&self.0, name))
    }

    /// Directory and last name; `None` for the root.
    pub(super) fn split(&self) -> Option<(&[u8], &[u8])> {
        (!self.0.is_empty()).then(|| cut(&self.0))
    }

    /// The last name; `/` for the root.
    pub(super) fn last(&self) -> &[u8] {
        self.split().map_or(b"/", |(_, name)| name)
    }

    /// The path as the kernel wants it: the root is `.`.
    pub(super) fn for_kernel(&self) -> &[u8] {
        here_if_empty(&self.0)
    }
}

pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

pub(super) fn cut(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&octet| octet == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (b"", path),
    }
}

pub(super) const fn here_if_empty(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}

const MAX_NAME: usize = 255;
