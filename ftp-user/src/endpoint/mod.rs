//! The ends of a copy: servers, whose sessions are pooled, and this host.

mod disk;
pub mod files;
mod held;
mod host;
mod local_end;
mod local_root;
mod pool;
mod source_tree;

pub(crate) use disk::AskedDisk;
pub(crate) use held::{HeldDirectories, HeldPlace};
pub use host::Host;
pub use local_end::LocalEnd;
pub use local_root::LocalRoot;
pub use pool::{Debt, Debts, Lease, Losses, Pool, Pools, Server};
pub use source_tree::{Links, SourceTree};
