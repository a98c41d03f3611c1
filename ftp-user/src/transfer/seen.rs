//! Octets that pass this host can be hashed on their way: a destination that knows SHA-256 is then
//! verified by hash although the source knows no digest (I14).

use super::verify::Verify;
use super::{Ends, Host, Item, Options};
use crate::app::App;
use crate::cli::Exit;
use crate::ladder::Allowed;
use crate::problem::Problem;
use crate::report::Verified;
use ftp_io::copy::Look;
use ftp_proto::digest::Algorithm;
use ftp_proto::wire::PathName;

/// What will verify a file at least, and whether its octets are looked at where they pass this host.
pub(super) async fn means(
    app: &App,
    ends: &mut Ends,
    options: Options,
    size: Option<u64>,
) -> Result<(Verified, Look), Problem> {
    let by = options.verify.by(app, ends, size).await;
    let servers = matches!((&ends.source, &ends.destination), (Host::Server(_), Host::Server(_)));
    let better =
        matches!(options.verify, Verify::Auto | Verify::Hash) && !matches!(by, Ok(Verified::Hash(_)));
    if !servers || !better || matches!(options.allowed, Allowed::Direct | Allowed::Relay) {
        return Ok((by?, Look::Away));
    }
    let able = ends.destination.algorithms(app).await?.contains(&Algorithm::Sha256);
    let look = if able { Look::Sha256 } else { Look::Away };
    match (by, options.allowed, size) {
        // They are sure to pass.
        (Err(_), Allowed::User, Some(_)) if able => Ok((Verified::Size, look)),
        (by, ..) => Ok((by?, look)),
    }
}

/// Compares the copy with its source by size, then with what has passed.
pub(super) async fn prove(
    app: &App,
    ends: &mut Ends,
    item: &Item,
    copy: &PathName,
    verify: Verify,
    sha256: &str,
    size: Option<u64>,
) -> Result<Verified, Problem> {
    let weaker = if verify == Verify::Hash { Verify::Size } else { verify };
    let by = weaker.prove(app, ends, &item.source, copy, size).await?;
    match ends.destination.digest(app, Algorithm::Sha256, copy, size.unwrap_or(0)).await? {
        Ok(stored) if stored.hex.eq_ignore_ascii_case(sha256) => Ok(Verified::Hash(Algorithm::Sha256)),
        Ok(stored) => Err(Problem::new(Exit::Unverified, "the copy is not what has passed this host")
            .said(format!("sha-256 of what has passed is {sha256}, of the copy {}", stored.hex))
            .advice("copy it again")),
        Err(why) if verify == Verify::Hash => Err(Problem { exit: Exit::Unverified, ..why }),
        Err(why) => {
            app.events.warn(format!("{why}; sizes are compared instead"));
            Ok(by)
        }
    }
}
