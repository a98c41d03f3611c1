//! What a destination is. Pure.

use crate::failure::{self, Failure};
use crate::journal::{EXISTING_DIRECTORY, NAME_OF_COPY};
use crate::place::Location;
use crate::session::Facts;
use ftp_proto::listing::Kind;

/// What the destination is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receiver {
    /// The name of the copy.
    Name,
    /// A directory that receives sources under their last names.
    Directory,
    /// A directory that is still to be made.
    NewDirectory,
}

impl Receiver {
    /// What a destination is where `found` is there. With `several` sources it must be a directory.
    ///
    /// # Errors
    ///
    /// It cannot receive them.
    pub(super) fn of(found: Option<&Facts>, destination: &Location, several: bool) -> Result<Self, Failure> {
        match (found, destination.contents, several) {
            (Some(facts), ..) if facts.kind == Kind::Directory => Ok(Self::Directory),
            (None, true, _) => Ok(Self::NewDirectory),
            (_, false, false) => Ok(Self::Name),
            (Some(_), ..) => {
                Err(Failure::new(failure::Kind::Exists, format!("{destination} is not a directory"))
                    .hint("choose a directory, or copy one file"))
            }
            (None, false, true) => Err(Failure::usage(format!(
                "several sources need a directory, and {destination} does not exist"
            ))
            .hint("end it with / to have it made")),
        }
    }

    /// Its word in the journal.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Name => NAME_OF_COPY,
            Self::Directory => EXISTING_DIRECTORY,
            Self::NewDirectory => "new-directory",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        [Self::Name, Self::Directory, Self::NewDirectory].into_iter().find(|known| known.word() == word)
    }
}
