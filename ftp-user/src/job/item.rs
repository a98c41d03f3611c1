//! One file of a job.

use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::wire::PathName;

/// One file to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The number of the file within its job, from 1.
    pub number: u64,
    /// Its path at the source.
    pub source: PathName,
    /// Its path at the destination.
    pub destination: PathName,
    /// What a listing says about the source, so that it need not be asked again.
    pub known: Option<Facts>,
    /// What the destination has said about its path.
    pub target: Target,
    /// The name that an old file at the destination gets before the copy gets its own.
    pub kept_as: Option<PathName>,
    /// Whether a listing has told its name: it may have left out blanks at the beginning.
    pub is_listed: bool,
}

/// What is known of the place of a copy before it begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Target {
    /// The destination has not been asked.
    #[default]
    Unknown,
    /// This is there, or nothing.
    Known(Option<Facts>),
}

impl Item {
    /// How reports call both places.
    pub fn names(&self, ends: &Ends) -> (String, String) {
        (ends.source.show(&self.source), ends.destination.show(&self.destination))
    }
}

#[cfg(test)]
impl Item {
    /// A file that has the same path at both ends, of which nothing else is known.
    pub(in crate::job) fn of_both(number: u64, path: &str) -> Self {
        let path = PathName::from_user(path).unwrap();
        Self {
            number,
            source: path.clone(),
            destination: path,
            known: None,
            target: Target::Unknown,
            kept_as: None,
            is_listed: false,
        }
    }
}
