//! What a verb does with a place. Pure.

use super::search::Purpose;

/// What a verb does with a place among its words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceUse {
    /// It is there, and this is done with it.
    There(Purpose),
    /// It may be there or not: something is stored or made there.
    Destination,
    /// The new name of what stands before it on the line, on the same host.
    NewName,
}

impl PlaceUse {
    /// Whether something is there afterwards that was not there before, or the other way round.
    pub const fn changes(self) -> bool {
        match self {
            Self::Destination | Self::NewName | Self::There(Purpose::Change) => true,
            Self::There(Purpose::List | Purpose::Read) => false,
        }
    }
}
