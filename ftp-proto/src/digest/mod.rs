//! Digests of files: the algorithms by their names in draft-ietf-ftpext2-hash, and the answers of servers.

use crate::wire::{ByteRange, PathName, decimal};

/// The digest algorithms that the protocol names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// CRC-32, of 32 bits.
    Crc32,
    /// CRC-32C (Castagnoli), of 32 bits.
    Crc32c,
    /// MD5, of 128 bits.
    Md5,
    /// SHA-1, of 160 bits.
    Sha1,
    /// SHA-256, of 256 bits.
    Sha256,
    /// SHA-512, of 512 bits.
    Sha512,
    /// BLAKE3, of 256 bits.
    Blake3,
}

impl Algorithm {
    /// All algorithms, the weakest first.
    pub const ALL: [Self; 7] =
        [Self::Crc32, Self::Crc32c, Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512, Self::Blake3];

    /// Those that show errors and no intention: anybody can give a file the checksum of another one.
    pub const CHECKSUMS: [Self; 2] = [Self::Crc32, Self::Crc32c];

    /// Returns the algorithm's name in FEAT and HASH.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
            Self::Blake3 => "BLAKE3",
        }
    }

    /// Returns the algorithm with this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name))
    }

    /// Returns the length of the digest in hex digits.
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 8,
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 | Self::Blake3 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// The digest of a file in lower-case hex digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digest {
    /// The algorithm that computed the digest.
    pub algorithm: Algorithm,
    /// The digest: [`Algorithm::hex_len`] hex digits in lower case.
    pub hex: String,
}

impl Digest {
    /// Whether this is the digest of no bytes. A server that gives it for a file with bytes has not read the file. A checksum may
    /// have that value by chance.
    pub fn is_of_nothing(&self) -> bool {
        let of_nothing = match self.algorithm {
            Algorithm::Crc32 | Algorithm::Crc32c => return false,
            Algorithm::Md5 => "d41d8cd98f00b204e9800998ecf8427e",
            Algorithm::Sha1 => "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            Algorithm::Sha256 => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            Algorithm::Sha512 => {
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                 47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
            }
            Algorithm::Blake3 => "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        };
        self.hex == of_nothing
    }
}

/// Returns the best algorithm that is in both lists: SHA-256 where both have it, otherwise the strongest.
/// SHA-512 would show no more about two copies of a file, and most processors need longer for it.
pub fn best_common(a: &[Algorithm], b: &[Algorithm]) -> Option<Algorithm> {
    let common = || a.iter().copied().filter(|algorithm| b.contains(algorithm));
    common().find(|algorithm| *algorithm == Algorithm::Sha256).or_else(|| common().max())
}

/// Formats the text of the 213 reply to HASH: `SHA-256 0-1023 <hex> path`. The draft's range includes
/// its end; an empty file has `0-0`.
pub fn format_answer(digest: &Digest, range: ByteRange, path: &[u8]) -> Vec<u8> {
    let ByteRange { first, length } = range;
    let last = first.saturating_add(length.unwrap_or(0).saturating_sub(1));
    let range = format!("{} {first}-{last} {} ", digest.algorithm.name(), digest.hex);
    [range.as_bytes(), path].concat()
}

/// Finds the digest of the file `name` in the lines of a server's answer to HASH or to one of the other commands
/// for digests: hex digits of the algorithm's length, in any case. A CRC may lack its leading zeros
/// (modern-servers section 8). The name, which may look like a digest too, stands before the digest,
/// behind it, in quotes or not at all.
///
/// ```
/// use ftp_proto::digest::{Algorithm, parse_answer};
/// use ftp_proto::wire::PathName;
///
/// let lines = [b"BEEF".to_vec()];
/// let name = PathName::from_user("cafe")?;
/// let digest = parse_answer(Algorithm::Crc32, &lines, &name);
/// assert_eq!(digest.map(|d| d.hex), Some("0000beef".to_owned()));
/// # Ok::<(), ftp_proto::wire::BadName>(())
/// ```
pub fn parse_answer(algorithm: Algorithm, lines: &[Vec<u8>], name: &PathName) -> Option<Digest> {
    let length = algorithm.hex_len();
    let lines = || lines.iter().map(|line| without_name(line.trim_ascii(), name));
    let tokens = || lines().flat_map(|line| line.split(u8::is_ascii_whitespace)).filter_map(hex);
    let whole = tokens().find(|token| token.len() == length);
    let found = match algorithm {
        // The longest number wins, because words of the answer may be short hex numbers.
        Algorithm::Crc32 | Algorithm::Crc32c => {
            whole.or_else(|| tokens().filter(|token| token.len() < length).max_by_key(|token| token.len()))
        }
        Algorithm::Md5 | Algorithm::Sha1 | Algorithm::Sha256 | Algorithm::Sha512 | Algorithm::Blake3 => whole,
    };
    let hex = std::str::from_utf8(found?).ok()?.to_ascii_lowercase();
    Some(Digest { algorithm, hex: format!("{hex:0>length$}") })
}

/// Finds the first and the last byte in a server's answer to HASH (draft-ietf-ftpext2-hash): `SHA-256 0-1023 <hex> path`.
/// A server may ignore the part that RANG has named, and says so only here. `None` if the answer does not tell it.
///
/// ```
/// use ftp_proto::digest::{Algorithm, parse_answered_range};
///
/// let lines = [b"MD5 5-9 d41d8cd98f00b204e9800998ecf8427e name".to_vec()];
/// assert_eq!(parse_answered_range(Algorithm::Md5, &lines), Some((5, 9)));
/// ```
pub fn parse_answered_range(algorithm: Algorithm, lines: &[Vec<u8>]) -> Option<(u64, u64)> {
    lines.iter().find_map(|line| {
        let mut words = line.trim_ascii().split(|byte| *byte == b' ').map(std::str::from_utf8);
        let (name, range) = (words.next()?.ok()?, words.next()?.ok()?);
        let (first, last) = range.split_once('-').filter(|_| name.eq_ignore_ascii_case(algorithm.name()))?;
        Some((decimal(first.as_bytes()).ok()?, decimal(last.as_bytes()).ok()?))
    })
}

/// Returns the hex digits of a word such as `BEEF` or `0xBEEF`.
fn hex(word: &[u8]) -> Option<&[u8]> {
    let digits = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X")).unwrap_or(word);
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)).then_some(digits)
}

/// Removes the name of the file from the start or the end of a line, unless nothing would remain.
fn without_name<'a>(line: &'a [u8], name: &PathName) -> &'a [u8] {
    let quoted = name.quoted();
    for name in [name.as_bytes(), &quoted] {
        let before = line.strip_suffix(name).and_then(|rest| rest.strip_suffix(b" "));
        if let Some(rest) =
            before.or_else(|| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(b" ")))
        {
            return rest;
        }
    }
    line
}

/// The digest of the bytes that a server has moved, from its final reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Streamed {
    /// The digest of these bytes.
    pub digest: Digest,
    /// The position of the first byte in the file.
    pub first: u64,
    /// The number of bytes.
    pub count: u64,
}

/// Why the digest in a final reply cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadStreamed {
    /// The fact does not have the form `Digest <algorithm> <first>+<count> <hex>`.
    #[error("the digest in the final reply cannot be read")]
    Malformed,
    /// There are two of them.
    #[error("the final reply has two digests")]
    Twice,
}

/// Finds the line `Digest <algorithm> <first>+<count> <hex>` among the facts of a final reply: the lines before the
/// last one. Returns `None` if there is none. The digits must be as many as the algorithm has.
///
/// # Errors
///
/// Fails if the line has another form, or if there are two of them.
///
/// ```
/// use ftp_proto::digest::{Algorithm, parse_streamed};
///
/// let lines = ["Digest CRC32C 0+5 0badcafe", "Bytes 5", "Transfer complete."];
/// let streamed = parse_streamed(&lines.map(|line| line.as_bytes().to_vec()))?.expect("a digest");
/// assert_eq!((streamed.digest.algorithm, streamed.count), (Algorithm::Crc32c, 5));
/// # Ok::<(), ftp_proto::digest::BadStreamed>(())
/// ```
pub fn parse_streamed(lines: &[Vec<u8>]) -> Result<Option<Streamed>, BadStreamed> {
    let facts = lines.split_last().map_or(&[][..], |(_, facts)| facts);
    let mut found = None;
    for fact in facts {
        let mut words = fact.split(|byte| *byte == b' ');
        if words.next() != Some(b"Digest") {
            continue;
        }
        let words: Vec<&[u8]> = words.collect();
        let streamed = parse(&words).ok_or(BadStreamed::Malformed)?;
        if found.replace(streamed).is_some() {
            return Err(BadStreamed::Twice);
        }
    }
    Ok(found)
}

fn parse(words: &[&[u8]]) -> Option<Streamed> {
    let [name, range, hex] = words else { return None };
    let [name, range, hex] = [name, range, hex].map(|word| std::str::from_utf8(word).ok());
    let algorithm = Algorithm::named(name?)?;
    let (first, count) = range?.split_once('+')?;
    let hex =
        hex.filter(|hex| hex.len() == algorithm.hex_len() && hex.bytes().all(|d| d.is_ascii_hexdigit()))?;
    let digest = Digest { algorithm, hex: hex.to_ascii_lowercase() };
    let [first, count] = [first, count].map(|digits| decimal(digits.as_bytes()).ok());
    Some(Streamed { digest, first: first?, count: count? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Vec<u8>> {
        text.lines().map(|line| line.as_bytes().to_vec()).collect()
    }

    fn name(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    fn check(algorithm: Algorithm, file: &str, text: &str, expect: Option<&str>) {
        let found = parse_answer(algorithm, &lines(text), &name(file)).map(|digest| digest.hex);
        assert_eq!(found.as_deref(), expect, "{file}: {text}");
    }

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const ZEROS: &str = "00000000000000000000000000000000";

    #[test]
    fn h22_digests_are_found_in_the_answers_of_servers() {
        let md5 = |file: &str, text: String| check(Algorithm::Md5, file, &text, Some(MD5));
        md5("file", format!("MD5 0-1023 {MD5} file")); // HASH
        md5("file", MD5.to_uppercase()); // ProFTPD XMD5
        md5("file", format!("file {MD5}")); // draft-twine
        md5("a b", format!("\"a b\" {MD5}"));
        md5("file", format!("Computing\n{MD5}"));
        md5("file", format!("  {MD5}  "));
        check(Algorithm::Sha1, "file", &format!("MD5 0-1023 {MD5} file"), None);
        check(Algorithm::Md5, "file", "Computing", None);
        check(Algorithm::Md5, "file", &MD5[1..], None);
    }

    #[test]
    fn h22_a_crc_may_lack_its_leading_zeros() {
        check(Algorithm::Crc32, "file", "beef", Some("0000beef"));
        check(Algorithm::Crc32, "file", "0xBEEF", Some("0000beef"));
        check(Algorithm::Crc32, "file", "0", Some("00000000"));
        check(Algorithm::Crc32, "file", "CRC32 0-1023 DEADBEEF file", Some("deadbeef"));
        check(Algorithm::Crc32, "a cafe", "CRC32 0-1023 BEE a cafe", Some("00000bee"));
        check(Algorithm::Crc32, "file", "a crc: beef", Some("0000beef"));
        check(Algorithm::Crc32, "file", "CRC32 0-1023 - nothing", None);
    }

    #[test]
    fn h22_a_name_that_looks_like_a_digest_is_not_taken_for_it() {
        for text in [
            format!("MD5 0-1 {MD5} {ZEROS}"),
            format!("{ZEROS} {MD5}"),
            format!("\"{ZEROS}\" {MD5}"),
            format!("{MD5} \"{ZEROS}\""),
        ] {
            check(Algorithm::Md5, ZEROS, &text, Some(MD5));
        }
        // A file that is named after its digest.
        for text in [MD5.to_owned(), format!("{MD5} {MD5}"), format!("MD5 0-1 {MD5} {MD5}")] {
            check(Algorithm::Md5, MD5, &text, Some(MD5));
        }
    }

    #[test]
    fn our_answer_is_read_back() {
        let digest = Digest { algorithm: Algorithm::Sha256, hex: "ab".repeat(32) };
        let part = ByteRange::through(5, 9).unwrap();
        assert!(format_answer(&digest, part, b"a").starts_with(b"SHA-256 5-9 ab"));
        let text = format_answer(&digest, ByteRange::WHOLE, b"a b");
        assert_eq!(text, [b"SHA-256 0-0 ", digest.hex.as_bytes(), b" a b"].concat());
        let lines = [text];
        assert_eq!(parse_answer(Algorithm::Sha256, &lines, &name("a b")), Some(digest));
    }

    #[test]
    fn h21_an_answer_tells_of_which_bytes_its_digest_is() {
        for (text, expect) in [
            (format!("MD5 0-399 {MD5} name"), Some((0, 399))),
            (format!("md5 5-5 {MD5} 1-2"), Some((5, 5))),
            (format!("Computing\n MD5 0-9 {MD5} name"), Some((0, 9))),
            (format!("SHA-1 0-9 {MD5} name"), None),
            (format!("{MD5} 0-9"), None),
            (format!("MD5 {MD5} 0-9"), None),
            ("MD5 +1-9 x".to_owned(), None),
            ("MD5 1-99999999999999999999 x".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(parse_answered_range(Algorithm::Md5, &lines(&text)), expect, "{text}");
        }
    }

    #[test]
    fn the_best_common_algorithm_is_taken() {
        use Algorithm::{Crc32, Md5, Sha1, Sha256, Sha512};
        assert_eq!(best_common(&[Md5, Sha1, Sha256], &[Sha512, Sha256, Md5]), Some(Sha256));
        assert_eq!(best_common(&[Md5, Sha512, Sha256], &[Sha512, Sha256, Md5]), Some(Sha256));
        assert_eq!(best_common(&[Md5, Sha512], &[Sha512, Sha256, Md5]), Some(Sha512));
        assert_eq!(best_common(&[Crc32], &[Md5]), None);
    }

    fn read(lines: &[&str]) -> Result<Option<Streamed>, BadStreamed> {
        parse_streamed(&lines.iter().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn the_digest_is_a_fact_before_the_last_line() {
        let digest = Digest { algorithm: Algorithm::Crc32, hex: "0badcafe".to_owned() };
        let expect = Streamed { digest, first: 0, count: 7 };
        let fact = "Digest CRC32 0+7 0BADCAFE";
        assert_eq!(read(&[fact, "Transfer complete."]), Ok(Some(expect.clone())));
        assert_eq!(read(&["Peer x", fact, "Bytes 7", "done"]), Ok(Some(expect)));
        // The last line is for people.
        assert_eq!(read(&[fact]), Ok(None));
        assert_eq!(read(&["done", fact]), Ok(None));
        assert_eq!(read(&["Digested nothing", "done"]), Ok(None));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn any_other_form_is_an_error() {
        for fact in [
            "Digest",
            "Digest CRC32",
            "Digest CRC32 0+7",
            "Digest CRC32 7 0badcafe",
            "Digest CRC32 0-7 0badcafe",
            "Digest CRC32 +0+7 0badcafe",
            "Digest CRC32 0++7 0badcafe",
            "Digest CRC32 +7 0badcafe",
            "Digest CRC32 0+18446744073709551616 0badcafe",
            "Digest CRC32 0+7 0badcaf",
            "Digest CRC32 0+7 0badcafe0",
            "Digest CRC32 0+7 0badcafg",
            "Digest CRC32 0+7 0badcafe more",
            "Digest CRC32  0+7 0badcafe",
            "Digest ROT13 0+7 0badcafe",
        ] {
            assert_eq!(read(&[fact, "done"]), Err(BadStreamed::Malformed), "{fact}");
        }
        let fact = "Digest CRC32 0+7 0badcafe";
        assert_eq!(read(&[fact, fact, "done"]), Err(BadStreamed::Twice));
    }
}
