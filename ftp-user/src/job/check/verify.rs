//! The comparison of a copy with its source: by the digests of both, by one of bytes that passed this host or a relay, or by size.

use crate::context::Context;
use crate::endpoint::{Host, both, files};
use crate::failure::{Failure, Kind, Result};
use crate::ladder::Allowed;
use crate::outcome::{StreamedDigests, Verified};
use crate::report::Topic;
use crate::route::Ends;
use clap::ValueEnum;
use ftp_io::copy;
use ftp_proto::digest::{Algorithm, BadStreamed, Digest, Streamed, best_common};
use ftp_proto::wire::{ByteRange, PathName, counted};
use serde::{Deserialize, Serialize};

/// A file and its copy, which are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ComparedFiles<'a> {
    /// The path of the source.
    pub(crate) source: &'a PathName,
    /// The path of the copy.
    pub(crate) copy: &'a PathName,
    /// The size of the source in bytes, if it is known.
    pub(crate) size: Option<u64>,
    /// The digests that the servers have computed while the whole file moved.
    pub(crate) streamed: &'a StreamedDigests,
    /// How long the copy can be: what it had before, and what this host or a relay has passed on. `None` if no host in the
    /// middle counts. Only a comparison of sizes needs it: some servers give a file its length first.
    pub(crate) passed: Option<u64>,
}

/// What a comparison has shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Proof {
    /// What both files have in common.
    pub(crate) by: Verified,
    /// Their digest in hexadecimal digits, if that is it.
    pub(crate) digest: Option<String>,
}

impl Proof {
    /// The digest of both files, if that is what they have in common.
    pub(crate) fn as_digest(&self) -> Option<Digest> {
        let known = self.by.algorithm().zip(self.digest.clone());
        known.map(|(algorithm, hex)| Digest { algorithm, hex })
    }
}

impl From<Verified> for Proof {
    fn from(by: Verified) -> Self {
        Self { by, digest: None }
    }
}

/// How to verify.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// As strongly as both ends can, at least by size
    #[default]
    Auto,
    /// Do not verify it
    None,
    /// Compare the sizes
    Size,
    /// Compare the digests
    Hash,
}

impl Verify {
    /// Compares the copy with its source, as strongly as both ends can. Returns how it was verified.
    ///
    /// If an end refuses a digest that it has announced in FEAT, the next weaker one is used (H22).
    pub(crate) async fn verify(
        self,
        context: &Context,
        ends: &mut Ends,
        files: &ComparedFiles<'_>,
    ) -> Result<Proof> {
        let size = files.size;
        let (mut refused, mut why) = (Vec::new(), None::<Failure>);
        loop {
            let common = common(context, ends, &refused).await?;
            let means = match (self.with(common, size), &why) {
                (Ok(Verified::None), Some(_)) => return Ok(Verified::None.into()),
                (Ok(means), _) => means,
                (Err(_), Some(why)) => return Err(why.clone().as_kind(Kind::Unverified)),
                (Err(failure), None) => return Err(failure),
            };
            let compared = compare(context, ends, files, means).await;
            let is_refused = matches!(&compared, Ok(Err(_))) && means != Verified::Size;
            if let Some(why) = why.as_ref().filter(|_| !is_refused) {
                // However many digests were refused, it is one file.
                warn_weaker(context, ends, why, means);
            }
            match compared? {
                Ok(proof) => return Ok(proof),
                // Nothing is verified if that is allowed and an end has no word for sizes. A copy that is missing is a failure.
                Err(failure) if means == Verified::Size => {
                    let lacks_sizes = self == Self::Auto
                        && (files::tells_no_size(context, &mut ends.destination, files.copy).await?
                            || files::tells_no_size(context, &mut ends.source, files.source).await?);
                    return if lacks_sizes { Ok(Verified::None.into()) } else { Err(failure) };
                }
                Err(failure) => {
                    why.get_or_insert(failure);
                }
            }
            refused.extend(common);
        }
    }

    /// What verifies a file of that size, if both ends know the digest `common`.
    pub(crate) fn with(self, common: Option<Algorithm>, size: Option<u64>) -> Result<Verified> {
        match (self, common, size) {
            (Self::None, ..) => Ok(Verified::None),
            (Self::Auto | Self::Hash, Some(algorithm), _) => Ok(Verified::Hash(algorithm)),
            (Self::Auto | Self::Size, _, Some(_)) => Ok(Verified::Size),
            (Self::Hash, None, _) => Err(Failure::new(
                Kind::Unverified,
                "the two ends have no common digest, so the copy cannot be verified by hash",
            )
            .hint("--verify size compares sizes")),
            // Nothing can be compared.
            (Self::Auto, None, None) => Ok(Verified::None),
            (Self::Size, _, None) => Err(Failure::new(
                Kind::Unverified,
                "the source does not say how large the file is, so that nothing could be verified",
            )
            .hint("--verify none copies without")),
        }
    }
}

/// Warns that something weaker than a refused digest verifies a file.
fn warn_weaker(context: &Context, ends: &Ends, why: &Failure, means: Verified) {
    let weaker = match means {
        Verified::Hash(algorithm) => format!("{} digests", algorithm.name()),
        Verified::Size => "sizes".to_owned(),
        Verified::None => return,
    };
    let text = format!("{why}; {weaker} are compared instead");
    context.run.events.warn_of(Topic::Digest, ends.destination.name(), text);
}

/// The strongest digest that both ends know, by whatever commands, and that is none of `refused`.
pub(crate) async fn common(
    context: &Context,
    ends: &mut Ends,
    refused: &[Algorithm],
) -> Result<Option<Algorithm>> {
    let mut source = ends.source.algorithms(context).await?;
    source.retain(|algorithm| !refused.contains(algorithm));
    Ok(best_common(&source, &ends.destination.algorithms(context).await?))
}

/// The strongest digest that both ends compute of parts of files. A mere checksum is not enough.
pub(crate) async fn common_of_parts(context: &Context, ends: &mut Ends) -> Result<Option<Algorithm>> {
    let mut source = ends.source.part_algorithms(context).await?;
    source.retain(|algorithm| !Algorithm::CHECKSUMS.contains(algorithm));
    Ok(best_common(&source, &ends.destination.part_algorithms(context).await?))
}

/// Compares the file at the source with the copy, by `means`. Succeeds only if equality was shown. The inner error
/// says which end did not compute its digest.
pub(crate) async fn compare(
    context: &Context,
    ends: &mut Ends,
    files: &ComparedFiles<'_>,
    means: Verified,
) -> Result<Result<Proof>> {
    let ComparedFiles { source, copy, size, streamed, passed } = *files;
    let Ends { source: from, destination: to, .. } = ends;
    match means {
        Verified::None => Ok(Ok(means.into())),
        Verified::Size => {
            // Again, not from before: the source may have changed meanwhile.
            let (there, here) =
                both(files::size(context, from, source), files::size(context, to, copy)).await?;
            let untold = |why| Ok(Err(untold(from, source, why)));
            let why = match (there, here) {
                (None, _) => return untold("the source does not tell its size"),
                (Some(_), None) => return untold("the destination does not tell the size of the copy"),
                (Some(there), Some(here)) if there != here => {
                    format!("the source has {there} bytes and the copy has {here}")
                }
                (Some(there), Some(_)) => match passed.filter(|passed| *passed < there) {
                    Some(passed) => format!(
                        "the source has {there} bytes, of which {passed} have passed the host in the middle"
                    ),
                    None => return Ok(Ok(means.into())),
                },
            };
            Err(differs(from, source, &why))
        }
        Verified::Hash(algorithm) => {
            let told = |said| whole(said, algorithm, size).map_err(|why| differs(from, source, &why));
            let (there, here) = (told(&streamed.source)?, told(&streamed.destination)?);
            let (there, here) = both(
                told_or_asked(there, files::digest(context, from, algorithm, source, size.unwrap_or(0))),
                // A copy that is not there is no source that has gone.
                told_or_asked(here, async {
                    files::digest(context, to, algorithm, copy, size.unwrap_or(0))
                        .await
                        .map_err(Failure::not_missing)
                }),
            )
            .await?;
            let (there, here) = match (there, here) {
                (Ok(there), Ok(here)) => (there, here),
                (Err(failure), _) | (_, Err(failure)) => return Ok(Err(failure)),
            };
            if there.hex.eq_ignore_ascii_case(&here.hex) {
                return Ok(Ok(Proof { by: means, digest: Some(there.hex.to_ascii_lowercase()) }));
            }
            let (name, there, here) = (algorithm.name(), there.hex, here.hex);
            Err(differs(from, source, &format!("{name} of the source is {there}, of the copy {here}")))
        }
    }
}

/// Which of these parts are the same in the source and in a file of the destination, or why an end does not tell. Both servers
/// compute at the same time.
pub(crate) async fn same_parts(
    context: &Context,
    (from, to): (&mut Host, &mut Host),
    algorithm: Algorithm,
    [source, copy]: [&PathName; 2],
    parts: &[ByteRange],
) -> Result<Result<Vec<ByteRange>>> {
    let (there, here) = both(
        files::part_digests(context, from, algorithm, source, parts),
        files::part_digests(context, to, algorithm, copy, parts),
    )
    .await?;
    let (there, here) = match (there, here) {
        (Ok(there), Ok(here)) => (there, here),
        (Err(failure), _) | (_, Err(failure)) => return Ok(Err(failure)),
    };
    let both = there.iter().zip(&here).zip(parts);
    let is_same = both.filter(|((there, here), _)| there.hex.eq_ignore_ascii_case(&here.hex));
    Ok(Ok(is_same.map(|(_, part)| *part).collect()))
}

/// The digest that a final reply has told, or else the one that the server is asked for.
async fn told_or_asked(
    told: Option<Digest>,
    asked: impl Future<Output = Result<Result<Digest>>>,
) -> Result<Result<Digest>> {
    match told {
        Some(digest) => Ok(Ok(digest)),
        None => asked.await,
    }
}

fn differs(host: &Host, path: &PathName, why: &str) -> Failure {
    Failure::new(Kind::Unverified, format!("the copy of {} is not the same", host.show(path)))
        .said(why)
        .hint("copy it again when nobody writes to it")
}

fn untold(host: &Host, path: &PathName, why: &str) -> Failure {
    Failure::new(Kind::Unverified, format!("the copy of {} cannot be compared with it", host.show(path)))
        .said(why)
        .hint("--verify none copies without verifying")
}

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

/// Returns what will verify a file at least, and which digest is computed if its bytes pass this host or a relay.
pub(crate) async fn means(
    context: &Context,
    ends: &mut Ends,
    verify: Verify,
    allowed: Allowed,
    size: Option<u64>,
) -> Result<(Verified, copy::Digest)> {
    let by = common(context, ends, &[]).await.and_then(|common| verify.with(common, size));
    let is_better = matches!(verify, Verify::Auto | Verify::Hash) && !matches!(by, Ok(Verified::Hash(_)));
    let by_relay = allowed == Allowed::Relay && verify == Verify::Hash;
    let stays_outside_this_host = matches!(allowed, Allowed::Direct | Allowed::Relay) && !by_relay;
    if !ends.are_servers() || !is_better || stays_outside_this_host {
        return Ok((by?, copy::Digest::Off));
    }
    if by_relay && (ends.source.is_secured(context).await? || ends.destination.is_secured(context).await?) {
        // A relay sees nothing but TLS.
        return Ok((by?, copy::Digest::Off));
    }
    let knows_sha256 = ends.destination.algorithms(context).await?.contains(&Algorithm::Sha256);
    let look = if knows_sha256 { copy::Digest::Sha256 } else { copy::Digest::Off };
    match (by, allowed, size) {
        // The bytes will pass this host, or the relay is asked for their digest.
        (Err(_), Allowed::User | Allowed::Relay, Some(_)) if knows_sha256 => {
            if by_relay {
                let text = "it tells no digest: that of the bytes which have passed the relay is compared, as the relay tells it";
                context.run.events.warn_of(Topic::Digest, ends.source.name(), text);
            }
            Ok((Verified::Size, look))
        }
        (by, ..) => Ok((by?, look)),
    }
}

/// Verifies a copy whose bytes have passed this host, or a relay that has computed their digest `sha256`: by its size, then by
/// that digest.
pub(crate) async fn verify_passed(
    context: &Context,
    ends: &mut Ends,
    files: &ComparedFiles<'_>,
    sha256: &str,
    rule: Verify,
) -> Result<Proof> {
    let weaker = if rule == Verify::Hash { Verify::Size } else { rule };
    let proof = weaker.verify(context, ends, files).await?;
    match files::digest(
        context,
        &mut ends.destination,
        Algorithm::Sha256,
        files.copy,
        files.size.unwrap_or(0),
    )
    .await?
    {
        Ok(stored) if stored.hex.eq_ignore_ascii_case(sha256) => {
            Ok(Proof { by: Verified::Hash(Algorithm::Sha256), digest: Some(stored.hex.to_ascii_lowercase()) })
        }
        Ok(stored) => Err(Failure::new(
            Kind::Unverified,
            "the copy is not the same as what has passed this host or the relay",
        )
        .said(format!("sha-256 of what has passed is {sha256}, of the copy {}", stored.hex))
        .hint("copy it again")),
        Err(why) if rule == Verify::Hash => Err(why.as_kind(Kind::Unverified)),
        Err(why) => {
            let text = format!("{why}; sizes are compared instead");
            context.run.events.warn_of(Topic::Digest, ends.destination.name(), text);
            Ok(proof)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_strongest_and_never_less_than_size() {
        let sha = Some(Algorithm::Sha256);
        let check = |mode: Verify, common, size, expect: Result<Verified, Kind>| {
            assert_eq!(mode.with(common, size).map_err(|failure| failure.kind), expect, "{mode:?}");
        };
        check(Verify::Auto, sha, Some(1), Ok(Verified::Hash(Algorithm::Sha256)));
        check(Verify::Auto, None, Some(1), Ok(Verified::Size));
        check(Verify::Auto, None, None, Ok(Verified::None));
        check(Verify::Size, sha, Some(1), Ok(Verified::Size));
        check(Verify::Size, sha, None, Err(Kind::Unverified));
        check(Verify::Hash, None, Some(1), Err(Kind::Unverified));
        check(Verify::Hash, sha, None, Ok(Verified::Hash(Algorithm::Sha256)));
        check(Verify::None, None, None, Ok(Verified::None));
    }

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
