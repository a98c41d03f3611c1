//! The answer to what a server was asked together with the login.

use ftp_proto::reply::{Class, Reply};
use ftp_proto::wire::PathName;

/// What MLST has said of a path.
#[derive(Clone, Debug)]
pub(super) struct First {
    /// The path that was asked about.
    pub(super) path: PathName,
    /// The final reply.
    pub(super) reply: Reply,
    /// What the reply is for MLST.
    pub(super) class: Class,
}
