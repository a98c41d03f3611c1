//! The digest of a file, computed where it blocks nobody.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::copy::Meter;

/// The SHA-256 of `file` from its current position to its end, as 64 lower-case hexadecimal digits,
/// and how many octets that were. `meter` counts them and can stop the work
/// ([`io::ErrorKind::Interrupted`]).
pub async fn sha256(file: File, meter: &Meter) -> io::Result<(String, u64)> {
    let meter = meter.clone();
    tokio::task::spawn_blocking(move || digest(file, &meter)).await.map_err(io::Error::other)?
}

fn digest(mut file: File, meter: &Meter) -> io::Result<(String, u64)> {
    let mut buffer = vec![0; BUFFER];
    let (mut hasher, mut total) = (Sha256::new(), 0_u64);
    loop {
        if meter.is_stopped() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let piece = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => buffer.get(..n).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(piece);
        meter.add(piece.len());
        total += piece.len() as u64;
    }
    Ok((hex(hasher), total))
}

/// The digest of what `hasher` has seen.
pub(crate) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
}

const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, SeekFrom, Write};

    async fn check(content: &[u8], expect: &str) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let meter = Meter::default();
        let (hex, total) = sha256(file, &meter).await.unwrap();
        assert_eq!(hex, expect);
        assert_eq!((total, meter.moved()), (content.len() as u64, content.len() as u64));
    }

    #[tokio::test]
    async fn digests_are_those_of_the_standard() {
        check(b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855").await;
        check(b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").await;
    }

    #[tokio::test]
    async fn a_stopped_meter_ends_the_digest() {
        let meter = Meter::default();
        meter.stop();
        let error = sha256(tempfile::tempfile().unwrap(), &meter).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
