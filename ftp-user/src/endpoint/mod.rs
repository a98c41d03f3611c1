//! The ends of a copy: servers, whose sessions are pooled, and this host.

mod debts;
mod disk;
mod free_name;
mod held;
mod host;
mod identity;
mod in_session;
mod list;
mod local;
mod local_end;
mod losses;
mod opened;
mod parts;
mod pool;
mod reached;
mod removal;
mod server;
mod source_tree;
mod written;

pub use debts::{Debt, Debts};
pub(crate) use disk::AskedDisk;
pub(crate) use held::{Held, HeldDirectories};
pub use host::Host;
pub(crate) use identity::file_system;
pub(crate) use list::{learn_listing, list_certain_links, list_links, list_real_directories};
pub use list::{list, list_each, with_blanks};
pub(crate) use local::{NULL_DEVICE, check_file, local_path};
pub use local_end::LocalEnd;
pub use losses::Losses;
pub use opened::LocalRoot;
pub use pool::{Lease, Pool, Pools};
pub(crate) use reached::Reached;
pub(crate) use removal::{
    PermittedName, delete, delete_all, entry, have, lack, login_directory, make_stable, rename_free,
    shows_links,
};
pub use server::Server;
pub(crate) use source_tree::Followed;
pub use source_tree::SourceTree;
pub(crate) use written::open_to_write;
