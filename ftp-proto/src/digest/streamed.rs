//! The digest that a final reply carries after `DGST` (docs/protocol/extensions.md).

use super::{Algorithm, Digest};

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
    let number = |digits: &str| {
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten()
    };
    let hex =
        hex.filter(|hex| hex.len() == algorithm.hex_len() && hex.bytes().all(|d| d.is_ascii_hexdigit()))?;
    let digest = Digest { algorithm, hex: hex.to_ascii_lowercase() };
    Some(Streamed { digest, first: number(first)?, count: number(count)? })
}

#[cfg(test)]
mod tests {
    use super::*;

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
