//! The digest of a file, computed on a thread that may block.

use std::fs::File;
use std::io::{self, Read};

use ftp_proto::digest::Algorithm;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::blocking;
use crate::meter::Meter;

/// Computes the SHA-256 of `file` as [`digest`] does.
///
/// # Errors
///
/// As for [`digest`].
pub async fn sha256(file: File, meter: &Meter) -> io::Result<(String, u64)> {
    digest(Algorithm::Sha256, file, meter).await
}

/// Computes the digest of `file` from its current position to its end. Returns it as lower-case
/// hexadecimal digits, with the number of bytes. `meter` counts the bytes and can stop the work.
///
/// # Errors
///
/// The file cannot be read; [`io::ErrorKind::Interrupted`] if `meter` stopped the work.
pub async fn digest(algorithm: Algorithm, file: File, meter: &Meter) -> io::Result<(String, u64)> {
    digest_of(algorithm, file, u64::MAX, meter).await
}

/// Computes the same of at most the next `limit` bytes.
///
/// # Errors
///
/// As for [`digest`].
pub async fn digest_of(
    algorithm: Algorithm,
    file: File,
    limit: u64,
    meter: &Meter,
) -> io::Result<(String, u64)> {
    let (file, meter) = (file.take(limit), meter.clone());
    let work = move || {
        let mut digester = Digester::new(algorithm);
        let total = feed(file, &meter, |piece| digester.update(piece))?;
        Ok((digester.hex(), total))
    };
    blocking::spawn(work).await.map_err(io::Error::other)?
}

/// A file of which a part was digested.
#[derive(Debug)]
pub struct DigestedPart {
    /// What has taken the bytes.
    pub digester: Digester,
    /// The file, behind the part.
    pub file: File,
    /// How many bytes were taken.
    pub taken: u64,
}

/// Takes at most the next `limit` bytes of `file` into `digester`; less than `limit` at the end of the file. So a large file
/// can be digested a part at a time.
///
/// # Errors
///
/// As for [`digest`].
pub async fn digest_part(
    mut digester: Digester,
    file: File,
    limit: u64,
    meter: &Meter,
) -> io::Result<DigestedPart> {
    let meter = meter.clone();
    let work = move || {
        let taken = feed((&file).take(limit), &meter, |piece| digester.update(piece))?;
        Ok(DigestedPart { digester, file, taken })
    };
    blocking::spawn(work).await.map_err(io::Error::other)?
}

/// A digest that is being computed, piece by piece.
#[derive(Clone, Debug)]
pub enum Digester {
    /// CRC-32, as Ethernet and zip files have it.
    Crc32(crc32fast::Hasher),
    /// CRC-32C of what was seen.
    Crc32c(u32),
    /// MD5, which is no protection against an attacker.
    Md5(Md5),
    /// SHA-1, which is no protection against an attacker.
    Sha1(Sha1),
    /// SHA-256, the default.
    Sha256(Sha256),
    /// SHA-512, slower on most processors.
    Sha512(Sha512),
    /// BLAKE3, whose state is large.
    Blake3(Box<blake3::Hasher>),
}

impl Digester {
    /// Begins a digest.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Crc32c => Self::Crc32c(0),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
            Algorithm::Blake3 => Self::Blake3(Box::new(blake3::Hasher::new())),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(piece),
            Self::Crc32c(sum) => *sum = crc32c::crc32c_append(*sum, piece),
            Self::Md5(hasher) => hasher.update(piece),
            Self::Sha1(hasher) => hasher.update(piece),
            Self::Sha256(hasher) => hasher.update(piece),
            Self::Sha512(hasher) => hasher.update(piece),
            Self::Blake3(hasher) => {
                hasher.update(piece);
            }
        }
    }

    /// The digest of everything that was taken, in lower-case hexadecimal digits.
    pub fn hex(self) -> String {
        match self {
            Self::Crc32(hasher) => format!("{:08x}", hasher.finalize()),
            Self::Crc32c(sum) => format!("{sum:08x}"),
            Self::Md5(hasher) => hex(hasher),
            Self::Sha1(hasher) => hex(hasher),
            Self::Sha256(hasher) => hex(hasher),
            Self::Sha512(hasher) => hex(hasher),
            Self::Blake3(hasher) => hasher.finalize().to_hex().to_string(),
        }
    }
}

/// The digest of what `hasher` has seen, as lower-case hexadecimal digits.
pub(crate) fn hex<D: Digest>(hasher: D) -> String {
    ftp_proto::wire::hex(&hasher.finalize())
}

/// Gives the file to `take` piece by piece, and returns the number of bytes.
fn feed(mut file: impl Read, meter: &Meter, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
    let (mut buffer, mut total) = (vec![0; BUFFER], 0_u64);
    loop {
        if meter.is_stopped() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let piece = match file.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(n) => buffer.get(..n).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        take(piece);
        meter.add(piece.len());
        total += piece.len() as u64;
    }
}

/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::tests::file_with;
    use std::io::{Seek, SeekFrom};

    async fn check(algorithm: Algorithm, content: &[u8], expect: &str) {
        let meter = Meter::default();
        let (hex, total) = digest(algorithm, file_with(content), &meter).await.unwrap();
        assert_eq!(hex, expect);
        assert_eq!((total, meter.moved()), (content.len() as u64, content.len() as u64));
    }

    #[tokio::test]
    async fn digests_are_those_of_the_standards() {
        use Algorithm::{Blake3, Crc32, Crc32c, Md5, Sha1, Sha256, Sha512};
        check(Sha256, b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855").await;
        check(Sha256, b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").await;
        check(Md5, b"abc", "900150983cd24fb0d6963f7d28e17f72").await;
        check(Sha1, b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d").await;
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        check(Sha512, b"abc", sha512).await;
        check(Crc32, b"123456789", "cbf43926").await;
        check(Crc32, b"", "00000000").await;
        check(Crc32c, b"123456789", "e3069283").await;
        let blake3 = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        check(Blake3, b"abc", blake3).await;
    }

    #[tokio::test]
    async fn the_begin_of_a_file_has_the_digest_of_its_bytes() {
        for (limit, same_as) in [(3, &b"abc"[..]), (0, b""), (6, b"abcdef"), (9, b"abcdef")] {
            let meter = Meter::default();
            let begin = digest_of(Algorithm::Sha256, file_with(b"abcdef"), limit, &meter).await.unwrap();
            assert_eq!(begin, sha256(file_with(same_as), &meter).await.unwrap(), "{limit}");
        }
    }

    #[tokio::test]
    async fn a_file_has_the_same_digest_in_parts() {
        let mut file = file_with(&[b'x'; 1_000]);
        let whole = sha256(file.try_clone().unwrap(), &Meter::default()).await.unwrap().0;
        file.seek(SeekFrom::Start(0)).unwrap();
        let (meter, mut counts) = (Meter::default(), Vec::new());
        let mut digester = Digester::new(Algorithm::Sha256);
        while counts.last().is_none_or(|taken| *taken == 300) {
            let part = digest_part(digester, file, 300, &meter).await.unwrap();
            (digester, file) = (part.digester, part.file);
            counts.push(part.taken);
        }
        assert_eq!((digester.hex(), counts), (whole, vec![300, 300, 300, 100]));
        assert_eq!(meter.moved(), 1_000);
    }

    #[tokio::test]
    async fn a_stopped_meter_ends_the_digest() {
        let meter = Meter::default();
        meter.stop();
        let error = sha256(tempfile::tempfile().unwrap(), &meter).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
