//! Identities of jobs, items and attempts: small values that can be stored, shown and read again.

use std::fmt;
use std::str::FromStr;

/// Identifies a job. It is random, so that the jobs of different runs differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(u64);

/// Identifies a file of a job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ItemId {
    /// The job that it belongs to.
    pub job: JobId,
    /// The number of the file within the job, from 1.
    pub number: u64,
}

/// Identifies an attempt to move a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttemptId {
    /// The file that is attempted.
    pub item: ItemId,
    /// The number of the attempt at this file, from 1.
    pub number: u32,
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Origin {
    /// The run as a whole.
    #[default]
    Run,
    /// A job as a whole.
    Job(JobId),
    /// A file of a job.
    Item(ItemId),
    /// An attempt at a file.
    Attempt(AttemptId),
}

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

impl Origin {
    /// The same for a file of the job.
    #[must_use]
    pub const fn item(self, number: u64) -> Self {
        match self {
            Self::Run => Self::Run,
            Self::Job(job) | Self::Item(ItemId { job, .. }) => Self::Item(ItemId { job, number }),
            Self::Attempt(AttemptId { item, .. }) => Self::Item(ItemId { job: item.job, number }),
        }
    }

    /// The same for an attempt at the file.
    #[must_use]
    pub const fn attempt(self, number: u32) -> Self {
        match self {
            Self::Run | Self::Job(_) => self,
            Self::Item(item) | Self::Attempt(AttemptId { item, .. }) => {
                Self::Attempt(AttemptId { item, number })
            }
        }
    }

    /// The number of the file within its job, from 1; 0 if it is about none.
    pub const fn number(self) -> u64 {
        match self {
            Self::Run | Self::Job(_) => 0,
            Self::Item(item) | Self::Attempt(AttemptId { item, .. }) => item.number,
        }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.job, self.number)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.item, self.number)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_and_read_again() {
        let job = JobId::new(0xab);
        let item = ItemId { job, number: 7 };
        let attempt = AttemptId { item, number: 2 };
        assert_eq!(job.to_string(), "00000000000000ab");
        assert_eq!(item.to_string(), "00000000000000ab.7");
        assert_eq!(attempt.to_string(), "00000000000000ab.7.2");
        assert_eq!(job.to_string().parse(), Ok(job));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "ab", "00000000000000xy", "+0000000000000ab", "00000000000000ab.7"] {
            assert_eq!(text.parse::<JobId>(), Err(BadId), "{text:?}");
        }
    }

    #[test]
    fn an_origin_becomes_more_precise() {
        let job = JobId::new(1);
        let item = ItemId { job, number: 3 };
        assert_eq!(Origin::Job(job).item(3), Origin::Item(item));
        assert_eq!(Origin::Item(item).attempt(2), Origin::Attempt(AttemptId { item, number: 2 }));
        assert_eq!(Origin::Run.item(1).attempt(1), Origin::Run);
    }
}
