//! What can be wrong with a command line.

use super::Verb;
use crate::address::Invalid;

/// Why a line is not a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandError {
    /// The verb, if it is in the table. Some sessions act on a failed command: a SOCK with a bad
    /// argument clears the old one (B06).
    pub verb: Option<Verb>,
    /// What is wrong with the line.
    pub fault: Fault,
}

/// What can be wrong with a command line. Each fault has a reply of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The verb is not in the table.
    Unknown,
    /// The line is empty.
    Empty,
    /// The argument does not have the form that the verb requires.
    Syntax,
    /// The argument is missing.
    Missing,
    /// The host number is in no host table (B09; reply 503 or 501).
    UnknownHost,
    /// A number is out of range (reply 503 or 501).
    OutOfRange,
    /// The socket number is legal in RFC 354 but not a TCP port (reply 503 or 504).
    NotAPort,
    /// The value is legal, but nobody here serves it (reply 506 or 504).
    Unserved,
    /// The name contains NUL or a bare LF (A14).
    BadName,
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Missing => Self::Missing,
            Invalid::Syntax => Self::Syntax,
            Invalid::UnknownHost => Self::UnknownHost,
            Invalid::OutOfRange => Self::OutOfRange,
            Invalid::NotAPort => Self::NotAPort,
        }
    }
}
