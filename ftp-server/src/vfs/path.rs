//! Paths of clients, checked and made relative to the root.

use ftp_proto::server::ask::FileFailure;
use ftp_proto::wire::PathName;

use ftp_proto::server::is_partial;

/// A path relative to the root. The empty path is the root itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Beneath {
    bytes: Vec<u8>,
    /// Whether a slash stood at its end: only a directory is meant, or a link to one.
    directory: bool,
}

impl Beneath {
    /// Reads an absolute path. The machine has resolved `..`, which is refused here all the same.
    ///
    /// # Errors
    /// [`FileFailure::BadName`] for a name that is too long, or is the name of a file that is still
    /// being received (extensions: 553 for all clients).
    pub(super) fn parse(path: &PathName) -> Result<Self, FileFailure> {
        let mut bytes = Vec::with_capacity(path.as_bytes().len());
        for name in path.as_bytes().split(|&byte| byte == b'/') {
            if matches!(name, b"" | b".") {
                continue;
            }
            if name == b".." || name.len() > MAX_NAME || is_partial(name) {
                return Err(FileFailure::BadName);
            }
            if !bytes.is_empty() {
                bytes.push(b'/');
            }
            bytes.extend_from_slice(name);
        }
        let directory = path.as_bytes().ends_with(b"/") && !bytes.is_empty();
        Ok(Self { bytes, directory })
    }

    /// The path of the root itself.
    pub(super) const fn root() -> Self {
        Self { bytes: Vec::new(), directory: false }
    }

    /// Whether only a directory is meant, or a link to one.
    pub(super) const fn is_directory(&self) -> bool {
        self.directory
    }

    /// The path relative to `top`, if it is `top` or lies beneath it.
    pub(super) fn below(&self, top: &Self) -> Option<Self> {
        if top.bytes.is_empty() {
            return Some(self.clone());
        }
        let rest = self.bytes.strip_prefix(&*top.bytes)?;
        if rest.is_empty() {
            return Some(Self::root());
        }
        Some(Self { bytes: rest.strip_prefix(b"/")?.to_vec(), directory: self.directory })
    }

    /// The path relative to the root; empty for the root itself.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The path of `name` in this directory.
    pub(super) fn join(&self, name: &[u8]) -> Self {
        Self { bytes: join(&self.bytes, name), directory: false }
    }

    /// The directory and the last name. `None` for the root.
    pub(super) fn split(&self) -> Option<(&[u8], &[u8])> {
        (!self.bytes.is_empty()).then(|| cut(&self.bytes))
    }

    /// The directory that it lies in. `None` for the root.
    pub(super) fn directory(&self) -> Option<Self> {
        self.split().map(|(above, _)| Self { bytes: above.to_vec(), directory: true })
    }

    /// The last name; `/` for the root.
    pub(super) fn last(&self) -> &[u8] {
        self.split().map_or(b"/", |(_, name)| name)
    }

    /// The path as the kernel wants it: the root is `.`.
    pub(super) fn for_kernel(&self) -> &[u8] {
        here_if_empty(&self.bytes)
    }
}

/// Whether a listing can show `name`. A client could not read a line with CR, LF or NUL in it.
pub(super) fn can_be_listed(name: &[u8]) -> bool {
    !name.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// The path of `name` in `dir`.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

/// The directory and the last name of `path`.
pub(super) fn cut(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (b"", path),
    }
}

/// The path as the kernel wants it: the empty path is `.`.
pub(super) const fn here_if_empty(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}

/// Bytes of one name, as Linux has it.
const MAX_NAME: usize = 255;
