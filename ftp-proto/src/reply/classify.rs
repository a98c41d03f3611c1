//! What a reply is for the command it answers: the first digit is not enough, because 250 after
//! RETR starts a transfer in 1973 and ends it in 959.

use super::Code;
use crate::command::Verb;
use crate::dialect::Dialect;

/// What a reply is, seen from the command that it answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// Says nothing about the command (0xx, 1xx status in 1973, a spontaneous 255 or 300).
    Aside,
    /// The command goes on; another reply comes.
    Preliminary,
    /// Done.
    Done,
    /// Done so far; the next command of the sequence is awaited (331, 350).
    More,
    /// Failed now; may work later.
    Later,
    /// Failed; repeating it does not help.
    Refused,
}

impl Class {
    /// Whether no further reply to the command comes.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Aside | Self::Preliminary => false,
            Self::Done | Self::More | Self::Later | Self::Refused => true,
        }
    }
}

/// Classifies the code of a reply to `verb`.
pub fn classify(dialect: Dialect, verb: Verb, code: Code) -> Class {
    let _ = (dialect, verb, code);
    Class::Refused
}
