//! Digest algorithms by the names of draft-ietf-ftpext2-hash, and the answers to HASH.

use crate::reply::Reply;

/// Digest algorithms that the protocol names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// CRC32.
    Crc32,
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256: the one our server computes.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name in FEAT and HASH.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The algorithm of a name, any case.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Crc32, Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|a| a.name().eq_ignore_ascii_case(name))
    }

    /// Hex digits of a digest.
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Crc32 => 8,
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A digest, lower-case hex.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digest {
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Lower-case hex of [`Algorithm::hex_len`] digits.
    pub hex: String,
}

/// The strongest algorithm that both lists have.
pub fn strongest_common(a: &[Algorithm], b: &[Algorithm]) -> Option<Algorithm> {
    a.iter().filter(|x| b.contains(x)).max().copied()
}

/// The text of our 213 reply to HASH: `SHA-256 0-1023 <hex> path` (the draft's range is inclusive;
/// an empty file is `0-0`).
pub fn format_answer(digest: &Digest, size: u64, path: &[u8]) -> Vec<u8> {
    let range = format!("{} 0-{} {} ", digest.algorithm.name(), size.saturating_sub(1), digest.hex);
    [range.as_bytes(), path].concat()
}

/// Finds the digest in a server's answer: the first token of hex digits of the algorithm's length,
/// in any case. A CRC may lack its leading zeros (modern-servers section 8).
///
/// ```
/// use ftp_proto::digest::{Algorithm, parse_answer};
/// use ftp_proto::reply::{Code, Reply};
///
/// let reply = Reply { code: Code(250), lines: vec![b"BEEF".to_vec()] };
/// assert_eq!(parse_answer(Algorithm::Crc32, &reply).map(|d| d.hex), Some("0000beef".to_owned()));
/// ```
pub fn parse_answer(algorithm: Algorithm, reply: &Reply) -> Option<Digest> {
    let length = algorithm.hex_len();
    // The name of the file may look like a digest as well: it stands behind it in HASH and XSHA.
    let tokens = || {
        let tokens = reply.lines.iter().flat_map(|line| line.split(u8::is_ascii_whitespace));
        tokens.filter(|token| !token.is_empty() && token.iter().all(u8::is_ascii_hexdigit))
    };
    let whole = tokens().find(|token| token.len() == length);
    let found = match algorithm {
        Algorithm::Crc32 => whole.or_else(|| tokens().find(|token| token.len() < length)),
        Algorithm::Md5 | Algorithm::Sha1 | Algorithm::Sha256 | Algorithm::Sha512 => whole,
    };
    let hex = std::str::from_utf8(found?).ok()?.to_ascii_lowercase();
    Some(Digest { algorithm, hex: format!("{hex:0>length$}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Code;

    fn reply(text: &str) -> Reply {
        Reply { code: Code(213), lines: text.lines().map(|line| line.as_bytes().to_vec()).collect() }
    }

    fn check(algorithm: Algorithm, text: &str, expect: Option<&str>) {
        let found = parse_answer(algorithm, &reply(text)).map(|digest| digest.hex);
        assert_eq!(found.as_deref(), expect, "{text}");
    }

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    #[test]
    fn h22_digests_are_found_in_the_answers_of_servers() {
        check(Algorithm::Md5, &format!("MD5 0-1023 {MD5} file"), Some(MD5));
        check(Algorithm::Md5, &MD5.to_uppercase(), Some(MD5));
        check(Algorithm::Md5, &format!("Computing\n{MD5}"), Some(MD5));
        check(Algorithm::Md5, &format!("MD5 0-1 {MD5} 00000000000000000000000000000000"), Some(MD5));
        check(Algorithm::Sha1, &format!("MD5 0-1023 {MD5} file"), None);
        check(Algorithm::Crc32, "beef", Some("0000beef"));
        check(Algorithm::Crc32, "CRC32 0-1023 DEADBEEF file", Some("deadbeef"));
        check(Algorithm::Crc32, "CRC32 0-1023 - nothing", None);
    }

    #[test]
    fn our_answer_is_read_back() {
        let digest = Digest { algorithm: Algorithm::Sha256, hex: "ab".repeat(32) };
        let text = format_answer(&digest, 0, b"a b");
        assert_eq!(text, [b"SHA-256 0-0 ", digest.hex.as_bytes(), b" a b"].concat());
        let reply = Reply { code: Code(213), lines: vec![text] };
        assert_eq!(parse_answer(Algorithm::Sha256, &reply), Some(digest));
    }

    #[test]
    fn the_strongest_common_algorithm_is_taken() {
        use Algorithm::{Crc32, Md5, Sha1, Sha256, Sha512};
        assert_eq!(strongest_common(&[Md5, Sha1, Sha256], &[Sha512, Sha256, Md5]), Some(Sha256));
        assert_eq!(strongest_common(&[Crc32], &[Md5]), None);
    }
}
