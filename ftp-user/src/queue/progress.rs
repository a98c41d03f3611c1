//! How far a job is that is carried.

use serde::{Deserialize, Serialize};

/// How far a job is, as its worker sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub struct StoredProgress {
    /// The files that have ended.
    pub files: u64,
    /// The files that were found, if all are.
    pub of: Option<u64>,
    /// The bytes that were copied.
    pub bytes: u64,
    /// The bytes of all files, if they are known.
    pub total: Option<u64>,
    /// Bytes in a second.
    pub rate: Option<u64>,
    /// The seconds that are left, if they can be told.
    pub remaining: Option<u64>,
}
