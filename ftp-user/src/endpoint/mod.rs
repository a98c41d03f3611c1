//! The ends of a copy: servers, whose sessions are pooled, and this host.

mod disk;
pub mod files;
mod held;
mod host;
mod in_session;
mod list;
mod local_end;
mod local_root;
mod pool;
mod removal;
mod source_tree;

pub(crate) use disk::AskedDisk;
pub(crate) use held::{HeldDirectories, HeldPlace};
pub use host::Host;
pub(crate) use list::{learn_listing, list_certain_links, list_links, list_real_directories};
pub use list::{list, list_each, with_blanks};
pub use local_end::LocalEnd;
pub use local_root::LocalRoot;
pub use pool::{Debt, Debts, Lease, Losses, Pool, Pools, Server};
pub(crate) use removal::{entry, have, lack, login_directory, make_stable, shows_links};
pub use source_tree::Links;
pub use source_tree::SourceTree;
