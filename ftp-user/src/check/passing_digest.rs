//! If the bytes pass this host, it computes their SHA-256. Then a copy can be verified by hash even if the source
//! computes no digest (I14). A relay does the same, but only for a copy that has to be verified by hash: it needs several
//! times the processor time of one that sees nothing, and its word has to be taken.

use super::verify::{Compared, Proof, Verify};
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::ladder::Allowed;
use crate::outcome::Verified;
use crate::report::Topic;
use crate::route::Ends;
use ftp_io::copy::Digest;
use ftp_proto::digest::Algorithm;

/// Returns what will verify a file at least, and which digest is computed if its bytes pass this host or a relay.
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
    let by_relay = allowed == Allowed::Relay && verify == Verify::Hash;
    let is_between = matches!(allowed, Allowed::Direct | Allowed::Relay) && !by_relay;
    if !servers || !is_better || is_between {
        return Ok((by?, Digest::Off));
    }
    if by_relay && (ends.source.is_secured(context).await? || ends.destination.is_secured(context).await?) {
        // A relay sees nothing but TLS.
        return Ok((by?, Digest::Off));
    }
    let knows_sha256 = ends.destination.algorithms(context).await?.contains(&Algorithm::Sha256);
    let look = if knows_sha256 { Digest::Sha256 } else { Digest::Off };
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

/// A copy whose bytes have passed this host, or a relay that has computed their digest.
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
) -> Result<Proof, Failure> {
    let Passed { files, sha256 } = passed;
    let weaker = if rule == Verify::Hash { Verify::Size } else { rule };
    let proof = weaker.verify(context, ends, &files).await?;
    match ends.destination.digest(context, Algorithm::Sha256, files.copy, files.size.unwrap_or(0)).await? {
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
