//! The commands that this suite adds to the RFCs (docs/protocol/extensions.md) and that stand alone.

use super::direction::Direction;
use super::fault::Fault;
use super::verbs::Verb;
use crate::digest::Algorithm;
use std::num::NonZeroU64;

/// A command of docs/protocol/extensions.md.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Extension {
    /// DGST: compute this digest while the next files move; `None` is OFF.
    Dgst(Option<Algorithm>),
    /// RATE: the most bytes that the next transfers of the session move in a second; `None` is OFF.
    Rate(Option<NonZeroU64>),
    /// PROB: obtain a data connection as a transfer of this direction would, and move nothing.
    Prob(Direction),
    /// RSYM: whether active ends also listen on the port from which they connect.
    Rsym(bool),
}

impl Extension {
    /// Reads the argument of `verb`.
    pub(super) fn parse(verb: Verb, word: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(word).map_err(|_| Fault::Syntax)?;
        let off = text.eq_ignore_ascii_case("OFF");
        match (verb, text) {
            (_, "") => Err(Fault::Missing),
            (Verb::Dgst, _) if off => Ok(Self::Dgst(None)),
            (Verb::Dgst, name) => match Algorithm::named(name) {
                Some(algorithm) => Ok(Self::Dgst(Some(algorithm))),
                None => Err(Fault::Unserved),
            },
            (Verb::Rate, _) if off => Ok(Self::Rate(None)),
            (Verb::Rate, rate) if rate.bytes().all(|byte| byte.is_ascii_digit()) => {
                let rate = rate.parse().map_err(|_| Fault::OutOfRange)?;
                Ok(Self::Rate(Some(NonZeroU64::new(rate).ok_or(Fault::OutOfRange)?)))
            }
            (Verb::Prob, "S" | "s") => Ok(Self::Prob(Direction::Send)),
            (Verb::Prob, "R" | "r") => Ok(Self::Prob(Direction::Receive)),
            (Verb::Rsym, _) if off => Ok(Self::Rsym(false)),
            (Verb::Rsym, _) if text.eq_ignore_ascii_case("ON") => Ok(Self::Rsym(true)),
            (_, _) => Err(Fault::Syntax),
        }
    }

    /// Returns the verb of the command.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Dgst(_) => Verb::Dgst,
            Self::Rate(_) => Verb::Rate,
            Self::Prob(_) => Verb::Prob,
            Self::Rsym(_) => Verb::Rsym,
        }
    }

    /// Returns the argument of the command.
    pub(super) fn argument(self) -> String {
        match self {
            Self::Dgst(Some(algorithm)) => algorithm.name().to_owned(),
            Self::Rate(Some(rate)) => rate.to_string(),
            Self::Rsym(true) => "ON".to_owned(),
            Self::Dgst(None) | Self::Rate(None) | Self::Rsym(false) => "OFF".to_owned(),
            Self::Prob(direction) => direction.letter().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_read_and_written() {
        for (verb, argument, expect) in [
            (Verb::Dgst, "sha-256", Ok(Extension::Dgst(Some(Algorithm::Sha256)))),
            (Verb::Dgst, "BLAKE3", Ok(Extension::Dgst(Some(Algorithm::Blake3)))),
            (Verb::Dgst, "off", Ok(Extension::Dgst(None))),
            (Verb::Dgst, "CRC-37", Err(Fault::Unserved)),
            (Verb::Dgst, "", Err(Fault::Missing)),
            (Verb::Rate, "1000", Ok(Extension::Rate(NonZeroU64::new(1000)))),
            (Verb::Rate, "OFF", Ok(Extension::Rate(None))),
            (Verb::Rate, "0", Err(Fault::OutOfRange)),
            (Verb::Rate, "99999999999999999999", Err(Fault::OutOfRange)),
            (Verb::Rate, "fast", Err(Fault::Syntax)),
            (Verb::Prob, "r", Ok(Extension::Prob(Direction::Receive))),
            (Verb::Prob, "S", Ok(Extension::Prob(Direction::Send))),
            (Verb::Prob, "RS", Err(Fault::Syntax)),
            (Verb::Rsym, "on", Ok(Extension::Rsym(true))),
            (Verb::Rsym, "OFF", Ok(Extension::Rsym(false))),
            (Verb::Rsym, "", Err(Fault::Missing)),
            (Verb::Rsym, "maybe", Err(Fault::Syntax)),
        ] {
            let read = Extension::parse(verb, argument.as_bytes());
            assert_eq!(read, expect, "{argument}");
            if let Ok(extension) = read {
                let again = Extension::parse(extension.verb(), extension.argument().as_bytes());
                assert_eq!(again, Ok(extension), "{argument}");
            }
        }
    }
}
