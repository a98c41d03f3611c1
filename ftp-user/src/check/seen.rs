//! Bytes that pass this host can be hashed on their way: a destination that knows SHA-256 is then
//! verified by hash although the source knows no digest (I14).

use super::verify::Verify;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::ladder::Allowed;
use crate::report::Verified;
use crate::route::Ends;
use ftp_io::copy::Digest;
use ftp_proto::digest::Algorithm;
use ftp_proto::wire::PathName;

/// What will verify a file at least, and whether its bytes are looked at where they pass this host.
pub(crate) async fn means(
    context: &Context,
    ends: &mut Ends,
    verify: Verify,
    allowed: Allowed,
    size: Option<u64>,
) -> Result<(Verified, Digest), Failure> {
    let by = verify.by(context, ends, size).await;
    let servers = matches!((&ends.source, &ends.destination), (Host::Server(_), Host::Server(_)));
    let better = matches!(verify, Verify::Auto | Verify::Hash) && !matches!(by, Ok(Verified::Hash(_)));
    if !servers || !better || matches!(allowed, Allowed::Direct | Allowed::Relay) {
        return Ok((by?, Digest::Off));
    }
    let able = ends.destination.algorithms(context).await?.contains(&Algorithm::Sha256);
    let look = if able { Digest::Sha256 } else { Digest::Off };
    match (by, allowed, size) {
        // They are sure to pass.
        (Err(_), Allowed::User, Some(_)) if able => Ok((Verified::Size, look)),
        (by, ..) => Ok((by?, look)),
    }
}

/// Compares the copy with its source by size, then with what has passed.
pub(crate) async fn prove(
    context: &Context,
    ends: &mut Ends,
    source: &PathName,
    copy: &PathName,
    verify: Verify,
    sha256: &str,
    size: Option<u64>,
) -> Result<Verified, Failure> {
    let weaker = if verify == Verify::Hash { Verify::Size } else { verify };
    let by = weaker.prove(context, ends, source, copy, size).await?;
    match ends.destination.digest(context, Algorithm::Sha256, copy, size.unwrap_or(0)).await? {
        Ok(stored) if stored.hex.eq_ignore_ascii_case(sha256) => Ok(Verified::Hash(Algorithm::Sha256)),
        Ok(stored) => Err(Failure::new(Kind::Unverified, "the copy is not what has passed this host")
            .said(format!("sha-256 of what has passed is {sha256}, of the copy {}", stored.hex))
            .hint("copy it again")),
        Err(why) if verify == Verify::Hash => Err(Failure { kind: Kind::Unverified, ..why }),
        Err(why) => {
            context.events.warn(format!("{why}; sizes are compared instead"));
            Ok(by)
        }
    }
}
