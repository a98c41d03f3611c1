//! The commands that compute digests and were never standardised; most begin with X.

use super::verbs::Verb;
use crate::digest::Algorithm;
use crate::wire::PathName;

/// The commands that compute a digest of a whole file and were never standardised. Where they accept a
/// range, servers do not agree on its form, so ranges are not used. The digests of SITE are not used
/// either, because no two servers have them in common.
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

    /// Returns the command with this name in FEAT. MMD5, which FEAT may list too, is for several files
    /// at once and is not used.
    pub fn named(name: &str) -> Option<Self> {
        let verb = Verb::named(name.as_bytes())?;
        Self::ALL.into_iter().find(|digest| digest.verb() == verb)
    }
}

/// Quotes a name for the X commands, which would read one with blanks as a name and a range.
pub(super) fn quoted(path: &PathName) -> Vec<u8> {
    let name = path.as_bytes();
    if name.contains(&b' ') && !name.contains(&b'"') { [b"\"", name, b"\""].concat() } else { name.to_vec() }
}
