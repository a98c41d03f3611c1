//! Identities of jobs and workers: small values that can be stored, shown and read again.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Identifies a job. It is random, so that the jobs of different runs differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Deserialize, Serialize)]
pub struct JobId(u64);

/// A text that is no identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an id: expected 16 hexadecimal digits")]
pub struct BadId;

impl JobId {
    /// The identity with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of this identity.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Identifies one run of a daemon. It is random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkerId(u64);

impl WorkerId {
    /// The identity with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of this identity.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for JobId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or(BadId)
    }
}

/// Whether a text has the form of a name or an id of a job.
pub fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Whether a job may have this name: it is taken neither for an id nor for the `last` job.
pub fn is_job_name(text: &str) -> bool {
    is_plain(text) && text != "last" && text.parse::<JobId>().is_err()
}

/// What a name of a job is.
pub const JOB_NAME: &str =
    "a name has 1 to 64 letters, digits, dots, dashes and underscores, and is neither last nor an id";

/// The length of the longest name of a job, in bytes.
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_and_read_again() {
        let job = JobId::new(0xab);
        assert_eq!(job.to_string(), "00000000000000ab");
        assert_eq!(job.to_string().parse(), Ok(job));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "ab", "00000000000000xy", "+0000000000000ab", "00000000000000ab.7"] {
            assert_eq!(text.parse::<JobId>(), Err(BadId), "{text:?}");
        }
    }
}
