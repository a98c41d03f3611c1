//! With which command a digest is asked for: HASH of the draft, or an older one that was never standardised; most of those
//! begin with X.

use super::verbs::Verb;
use super::{Command, GridFtp};
use crate::digest::Algorithm;
use crate::wire::{ByteRange, PathName, decimal};

/// The commands that compute a digest of a file and were never standardised. Servers do not agree on the
/// form of a range, so clients should ask for whole files only. The digests of SITE are not used, because
/// no two servers have them in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum XDigest {
    /// XCRC, which computes CRC-32.
    Xcrc,
    /// MD5 of draft-twine-ftpmd5.
    Md5,
    /// XMD5, which computes MD5.
    Xmd5,
    /// XSHA, which computes SHA-1.
    Xsha,
    /// XSHA1, which computes SHA-1.
    Xsha1,
    /// XSHA256, which computes SHA-256.
    Xsha256,
    /// XSHA512, which computes SHA-512.
    Xsha512,
}

impl XDigest {
    /// All commands. Where servers have two for one algorithm, the better one comes first.
    pub const ALL: [Self; 7] =
        [Self::Xsha512, Self::Xsha256, Self::Xsha1, Self::Xsha, Self::Xmd5, Self::Md5, Self::Xcrc];

    /// Returns the verb of the command.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Xcrc => Verb::Xcrc,
            Self::Md5 => Verb::Md5,
            Self::Xmd5 => Verb::Xmd5,
            Self::Xsha => Verb::Xsha,
            Self::Xsha1 => Verb::Xsha1,
            Self::Xsha256 => Verb::Xsha256,
            Self::Xsha512 => Verb::Xsha512,
        }
    }

    /// Returns the algorithm that the command computes.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Xcrc => Algorithm::Crc32,
            Self::Md5 | Self::Xmd5 => Algorithm::Md5,
            Self::Xsha | Self::Xsha1 => Algorithm::Sha1,
            Self::Xsha256 => Algorithm::Sha256,
            Self::Xsha512 => Algorithm::Sha512,
        }
    }

    /// Returns the command of this verb.
    pub(super) fn of(verb: Verb) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.verb() == verb)
    }

    /// Returns the command with this name in FEAT. MMD5, which FEAT may list too, is for several files
    /// at once and is not used.
    pub fn named(name: &str) -> Option<Self> {
        Verb::named(name.as_bytes()).and_then(Self::of)
    }
}

/// Quotes a name for the X commands, which would read one with blanks as a name and a range.
pub(super) fn quoted(path: &PathName) -> Vec<u8> {
    let name = path.as_bytes();
    if name.contains(&b' ') && !name.contains(&b'"') { [b"\"", name, b"\""].concat() } else { name.to_vec() }
}

/// Adds the numbers of a range: the first byte, and the one behind the last.
pub(super) fn with_range(mut name: Vec<u8>, range: Option<ByteRange>) -> Vec<u8> {
    if let Some(ByteRange { first, length }) = range {
        let end = length.map_or(u64::MAX, |length| first.saturating_add(length));
        name.extend_from_slice(format!(" {first} {end}").as_bytes());
    }
    name
}

/// Splits the argument of an X command into the name and the numbers behind it. A name in quotes ends
/// with the quote, and what follows must be nothing or two numbers. Without quotes the last two words are
/// a range if both are numbers and a name stands before them.
///
/// `None` if there is no such form. One number is refused behind quotes, because servers do not agree
/// whether it is a first byte or a length.
pub(super) fn split(argument: &[u8]) -> Option<(&[u8], Option<ByteRange>)> {
    if let Some(rest) = argument.strip_prefix(b"\"")
        && let Some(end) = rest.iter().position(|byte| *byte == b'"')
    {
        let (name, rest) = rest.split_at(end);
        let rest = rest.strip_prefix(b"\"")?.trim_ascii();
        let range = if rest.is_empty() { None } else { Some(numbers(rest)??) };
        return Some((name, range));
    }
    let mut blanks = argument.iter().enumerate().rev().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let (_, second) = (blanks.next(), blanks.next());
    match second.map(|at| argument.split_at(at)) {
        Some((name, rest)) if !name.is_empty() => match numbers(rest) {
            Some(range) => Some((name, Some(range?))),
            None => Some((argument, None)),
        },
        Some(_) | None => Some((argument, None)),
    }
}

/// Reads two numbers. `None` if it is something else, `Some(None)` if the second is lower.
fn numbers(text: &[u8]) -> Option<Option<ByteRange>> {
    let mut words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let number = |word: &[u8]| decimal(word).ok();
    match (words.next().and_then(number), words.next().and_then(number), words.next()) {
        (Some(first), Some(end), None) => Some(ByteRange::before(first, end)),
        (_, _, _) => None,
    }
}

/// The command with which a server computes one algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DigestCommand {
    /// OPTS HASH selects the algorithm, and HASH computes it.
    Hash,
    /// A command that computes only this algorithm.
    X(XDigest),
    /// CKSM, which names the algorithm.
    Cksm(Algorithm),
}

impl DigestCommand {
    /// Returns the command that asks for the digest of a file.
    pub fn with(self, path: &PathName) -> Command {
        match self {
            Self::Hash => Command::Hash(path.clone()),
            Self::X(digest) => Command::XDigest(digest, path.clone(), None),
            Self::Cksm(algorithm) => {
                Command::GridFtp(GridFtp::Cksm(algorithm, ByteRange::WHOLE, path.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn a_range_follows_the_name() {
        let range = |first, end| ByteRange::before(first, end);
        let name = |name: &'static str, range| Some((name.as_bytes(), range));
        for (argument, expect) in [
            ("file", name("file", None)),
            ("a b", name("a b", None)),
            ("Report 2024", name("Report 2024", None)),
            ("file 0 10", name("file", range(0, 10))),
            ("a b 5 7", name("a b", range(5, 7))),
            ("\"a b\"", name("a b", None)),
            ("\"a 1 2\" 0 4", name("a 1 2", range(0, 4))),
            ("\"a\" 4", None),
            ("\"a\" x y", None),
            ("\"a\"b", None),
            ("file 10 2", None),
            ("\"file\" 10 2", None),
            ("file -1 2", name("file -1 2", None)),
            ("a \"b\"", name("a \"b\"", None)),
            ("1 2", name("1 2", None)),
            ("\"open", name("\"open", None)),
        ] {
            assert_eq!(split(argument.as_bytes()), expect, "{argument}");
        }
    }

    #[test]
    fn each_command_is_sent_as_its_verb_and_the_name() {
        let line = |x: XDigest, name: &str| {
            DigestCommand::X(x).with(&PathName::from_user(name).unwrap()).to_line(Dialect::Rfc959)
        };
        for x in XDigest::ALL {
            assert_eq!(line(x, "a/b"), format!("{} a/b\r\n", x.verb().name()).as_bytes());
            assert_eq!(XDigest::named(&x.verb().name().to_lowercase()), Some(x));
        }
        assert_eq!(line(XDigest::Xcrc, "a 1 2"), b"XCRC \"a 1 2\"\r\n");
        assert_eq!(line(XDigest::Xcrc, "a \"b\""), b"XCRC a \"b\"\r\n");
        assert_eq!(XDigest::named("HASH"), None);
        assert_eq!(XDigest::named("MMD5"), None);
    }
}
