//! Why an argument is not an address.

use crate::wire::BadDecimal;

/// Why the argument of SOCK or EPRT is not an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// There is no argument.
    #[error("the address is missing")]
    Missing,
    /// The argument does not have the form of an address.
    #[error("not an address")]
    Syntax,
    /// The host is a number that no host table contains (B09).
    #[error("unknown host number")]
    UnknownHost,
    /// A number is too large.
    #[error("number out of range")]
    OutOfRange,
    /// The socket number is legal in RFC 354 but not a TCP port.
    #[error("not a TCP port")]
    NotAPort,
}

impl From<BadDecimal> for Invalid {
    fn from(bad: BadDecimal) -> Self {
        match bad {
            BadDecimal::Empty | BadDecimal::NotADigit => Self::Syntax,
            BadDecimal::OutOfRange => Self::OutOfRange,
        }
    }
}
