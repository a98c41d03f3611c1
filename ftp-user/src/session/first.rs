//! The answer to what a server was asked together with the login.

use ftp_proto::reply::{Class, Reply};
use ftp_proto::wire::PathName;

/// What MLST has said of a path.
#[derive(Clone, Debug)]
pub(crate) struct First {
    /// The path that was asked about.
    pub(crate) path: PathName,
    /// The final reply.
    pub(crate) reply: Reply,
    /// What the reply is for MLST.
    pub(crate) class: Class,
}
