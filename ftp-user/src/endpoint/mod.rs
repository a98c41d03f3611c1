//! The two kinds of ends that a copy has: servers, and this host.

mod host;

pub use host::{Host, Server};
pub(crate) use host::{for_cleanup, local_path};
