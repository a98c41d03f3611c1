//! Commands of GridFTP, which the servers of Globus and dCache know. Only the client machine uses them.

use super::verbs::Verb;
use crate::digest::Algorithm;
use crate::wire::{ByteRange, PathName};

/// A command of GridFTP that names a part of a file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum GridFtp {
    /// ERET P: send this part of a file (GFD.20).
    Eret(ByteRange, PathName),
    /// ESTO A: receive bytes and write them into this file from this position on; nothing is cut off (GFD.20).
    Esto(u64, PathName),
    /// CKSM: compute the digest of this part of a file (GFD.47).
    Cksm(Algorithm, ByteRange, PathName),
}

impl GridFtp {
    /// Returns the verb of this command.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Eret(..) => Verb::Eret,
            Self::Esto(..) => Verb::Esto,
            Self::Cksm(..) => Verb::Cksm,
        }
    }

    /// Returns the file that the command names.
    pub const fn path(&self) -> &PathName {
        match self {
            Self::Eret(_, path) | Self::Esto(_, path) | Self::Cksm(_, _, path) => path,
        }
    }

    /// Returns the name of an algorithm, which has no dash here.
    pub(crate) fn algorithm_name(algorithm: Algorithm) -> String {
        algorithm.name().replace('-', "")
    }

    pub(super) fn argument(&self) -> Vec<u8> {
        let numbers = |part: &ByteRange| match part.length {
            Some(length) => format!("{} {length}", part.first),
            None => format!("{} -1", part.first),
        };
        let words = match self {
            Self::Eret(part, _) => format!("P {} ", numbers(part)),
            Self::Esto(first, _) => format!("A {first} "),
            Self::Cksm(algorithm, part, _) => {
                format!("{} {} ", Self::algorithm_name(*algorithm), numbers(part))
            }
        };
        [words.as_bytes(), self.path().as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::dialect::Dialect;

    #[test]
    fn a_part_stands_before_the_name() {
        let path = || PathName::from_user("a b").unwrap();
        let part = ByteRange::before(2, 7).unwrap();
        for (command, line) in [
            (GridFtp::Eret(part, path()), "ERET P 2 5 a b\r\n"),
            (GridFtp::Esto(10, path()), "ESTO A 10 a b\r\n"),
            (GridFtp::Cksm(Algorithm::Sha256, part, path()), "CKSM SHA256 2 5 a b\r\n"),
            (GridFtp::Cksm(Algorithm::Md5, ByteRange::WHOLE, path()), "CKSM MD5 0 -1 a b\r\n"),
        ] {
            assert_eq!(Command::GridFtp(command).to_line(Dialect::Rfc959), line.as_bytes());
        }
    }
}
