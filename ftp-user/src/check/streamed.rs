//! The digest in a final reply as a means of verification: it must be that of the whole file.

use ftp_proto::digest::{Algorithm, BadStreamed, Digest, Streamed};
use ftp_proto::wire::counted;

/// The digest of a whole file of `size` bytes, if the final reply has told it; `None` if it has to be asked for.
///
/// # Errors
///
/// Fails if what the reply tells cannot be read, or is the digest of something else.
pub(super) fn whole(
    said: &Option<Result<Streamed, BadStreamed>>,
    algorithm: Algorithm,
    size: Option<u64>,
) -> Result<Option<Digest>, String> {
    match said {
        None => Ok(None),
        Some(Err(why)) => Err(why.to_string()),
        Some(Ok(Streamed { digest, .. })) if digest.algorithm != algorithm => Ok(None),
        Some(Ok(Streamed { digest, first: 0, count })) if size.is_none_or(|size| size == *count) => {
            Ok(Some(digest.clone()))
        }
        Some(Ok(Streamed { first, count, .. })) => Err(format!(
            "the digest in a final reply is that of {} from byte {first} on, not of the {} of the file",
            counted(*count, "byte"),
            counted(size.unwrap_or(*count), "byte"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h22_only_a_digest_of_the_whole_file_is_taken() {
        let digest = Digest { algorithm: Algorithm::Crc32, hex: "0badcafe".to_owned() };
        let said = |first, count| Some(Ok(Streamed { digest: digest.clone(), first, count }));
        let check = |said, size, expect: Option<Option<&Digest>>| {
            let found = whole(&said, Algorithm::Crc32, size);
            assert_eq!(found.as_ref().ok().map(Option::as_ref), expect, "{said:?} {size:?}");
        };
        check(None, Some(7), Some(None));
        check(said(0, 7), Some(7), Some(Some(&digest)));
        check(said(0, 7), None, Some(Some(&digest)));
        check(said(0, 0), Some(0), Some(Some(&digest)));
        check(said(0, 6), Some(7), None);
        check(said(1, 6), Some(7), None);
        check(said(1, 6), None, None);
        check(Some(Err(BadStreamed::Twice)), Some(7), None);
        // Another digest than the one that is compared: it is asked for.
        assert_eq!(whole(&said(0, 7), Algorithm::Md5, Some(7)), Ok(None));
    }
}
