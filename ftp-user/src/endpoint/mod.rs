//! The ends of a copy: servers, whose sessions are pooled, and this host.

mod debts;
mod disk;
pub mod files;
mod held;
mod host;
mod local_end;
mod local_root;
mod pool;
mod source_tree;

pub use debts::{Debt, Debts};
pub(crate) use disk::AskedDisk;
pub(crate) use held::{HeldDirectories, HeldPlace};
pub use host::Host;
pub use local_end::LocalEnd;
pub use local_root::LocalRoot;
pub use pool::{Lease, Losses, Pool, Pools, Server};
pub use source_tree::{Links, SourceTree};

use crate::failure::Result;

/// What two ends answer. Both are waited for, also if one has failed or the run is interrupted: a session whose reply nobody takes
/// would keep whoever asks it next waiting.
///
/// # Errors
///
/// The first failure.
pub(crate) async fn both<A, B>(
    one: impl Future<Output = Result<A>>,
    other: impl Future<Output = Result<B>>,
) -> Result<(A, B)> {
    let (one, other) = tokio::join!(one, other);
    Ok((one?, other?))
}
