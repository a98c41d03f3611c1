//! Whether something can be stored under a name that is taken.

use crate::failure::{self, Failure};
use crate::session::Facts;
use ftp_proto::listing::Kind;

/// Refuses what no copy may replace or change: a directory, a device, a pipe or a socket. `name` is how reports
/// call it.
pub(crate) fn replaceable(facts: Option<&Facts>, name: &str) -> Result<(), Failure> {
    match facts.map(|facts| facts.kind) {
        None | Some(Kind::File | Kind::Link) => Ok(()),
        Some(Kind::Directory | Kind::Current | Kind::Parent) => {
            Err(Failure::new(failure::Kind::Exists, format!("{name} is a directory"))
                .hint("end DEST with / to copy into it, or choose another name"))
        }
        Some(Kind::Other) => Err(Failure::new(
            failure::Kind::Exists,
            format!("{name} is a device, a pipe or a socket, and stays what it is"),
        )
        .hint("choose another name")),
    }
}
