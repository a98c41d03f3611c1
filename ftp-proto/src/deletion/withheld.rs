//! What somebody agrees to who agrees later.

use crate::listing::{Facts, Kind};
use crate::wire::PathName;

/// A name that was kept until somebody agrees to delete it, with what was seen of it. Consent covers what has the name now only if
/// that is the same. Of a directory only its kind counts: each name in it needs consent of its own.
///
/// ```
/// use ftp_proto::deletion::WithheldName;
/// use ftp_proto::listing::{Facts, Kind};
/// use ftp_proto::wire::PathName;
///
/// let path = PathName::from_user("d/a.txt")?;
/// let file = |size| Facts { size: Some(size), ..Facts::of_kind(Kind::File) };
/// assert_eq!(WithheldName::new(&path, &file(5)), WithheldName::new(&path, &file(5)));
/// assert_ne!(WithheldName::new(&path, &file(5)), WithheldName::new(&path, &file(6)));
/// # Ok::<(), ftp_proto::wire::BadName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WithheldName(Vec<u8>);

impl WithheldName {
    /// The name with what its listing has shown.
    pub fn new(path: &PathName, seen: &Facts) -> Self {
        let seen = match seen.kind == Kind::Directory {
            true => Facts::of_kind(seen.kind),
            false => seen.clone(),
        };
        // No name has a NUL.
        Self([path.as_bytes(), &[0], format!("{seen:?}").as_bytes()].concat())
    }

    /// The name as it was stored.
    pub const fn from_stored(stored: Vec<u8>) -> Self {
        Self(stored)
    }

    /// What to store of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
