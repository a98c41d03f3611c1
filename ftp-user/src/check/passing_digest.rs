//! If the bytes pass this host, it computes their SHA-256. Then a copy can be verified by hash even if the source
//! computes no digest (I14).

use super::verify::{Compared, Verify};
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::ladder::Allowed;
use crate::outcome::Verified;
use crate::report::Topic;
use crate::route::Ends;
use ftp_io::copy::Digest;
use ftp_proto::digest::Algorithm;

/// Returns what will verify a file at least, and which digest is computed if its bytes pass this host.
pub(crate) async fn means(
    context: &Context,
    ends: &mut Ends,
    verify: Verify,
    allowed: Allowed,
    size: Option<u64>,
) -> Result<(Verified, Digest), Failure> {
    let by = verify.means(context, ends, size).await;
    let servers = matches!((&ends.source, &ends.destination), (Host::Server(_), Host::Server(_)));
    let is_better = matches!(verify, Verify::Auto | Verify::Hash) && !matches!(by, Ok(Verified::Hash(_)));
    if !servers || !is_better || matches!(allowed, Allowed::Direct | Allowed::Relay) {
        return Ok((by?, Digest::Off));
    }
    let knows_sha256 = ends.destination.algorithms(context).await?.contains(&Algorithm::Sha256);
    let look = if knows_sha256 { Digest::Sha256 } else { Digest::Off };
    match (by, allowed, size) {
        // The bytes will pass this host.
        (Err(_), Allowed::User, Some(_)) if knows_sha256 => Ok((Verified::Size, look)),
        (by, ..) => Ok((by?, look)),
    }
}

/// A copy whose bytes have passed this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed<'a> {
    /// The copy and its source.
    pub(crate) files: Compared<'a>,
    /// The SHA-256 of the bytes that have passed.
    pub(crate) sha256: &'a str,
}

/// Verifies the copy by its size, then by the digest of the bytes that have passed.
pub(crate) async fn verify(
    context: &Context,
    ends: &mut Ends,
    passed: Passed<'_>,
    rule: Verify,
) -> Result<Verified, Failure> {
    let Passed { files, sha256 } = passed;
    let weaker = if rule == Verify::Hash { Verify::Size } else { rule };
    let by = weaker.verify(context, ends, &files).await?;
    match ends.destination.digest(context, Algorithm::Sha256, files.copy, files.size.unwrap_or(0)).await? {
        Ok(stored) if stored.hex.eq_ignore_ascii_case(sha256) => Ok(Verified::Hash(Algorithm::Sha256)),
        Ok(stored) => {
            Err(Failure::new(Kind::Unverified, "the copy is not the same as what has passed this host")
                .said(format!("sha-256 of what has passed is {sha256}, of the copy {}", stored.hex))
                .hint("copy it again"))
        }
        Err(why) if rule == Verify::Hash => Err(why.as_kind(Kind::Unverified)),
        Err(why) => {
            let text = format!("{why}; sizes are compared instead");
            context.events.warn_of(Topic::Digest, ends.destination.name(), text);
            Ok(by)
        }
    }
}
