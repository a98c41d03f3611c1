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
    /// Whether missing directories above its copy are made if it cannot be stored.
    pub makes_directories: bool,
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
    /// A file of which nothing but its places is known.
    pub const fn new(number: u64, source: PathName, destination: PathName) -> Self {
        let (target, is_listed, makes_directories) = (Target::Unknown, false, false);
        Self { number, source, destination, known: None, target, kept_as: None, is_listed, makes_directories }
    }

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
        Self::new(number, path.clone(), path)
    }
}
