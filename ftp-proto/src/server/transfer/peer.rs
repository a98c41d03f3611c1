//! The other end of a data connection.

use crate::policy::Grant;
use crate::server::ask::ConnId;
use std::net::SocketAddr;

/// The other end of a data connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) conn: ConnId,
    pub(super) address: SocketAddr,
    /// The terms on which policy allows it.
    pub(super) grant: Grant,
    /// Whether it has proven itself with RNDZ.
    pub(super) proven: bool,
}

/// How far the search for a data connection is.
#[derive(Debug)]
pub(super) enum Progress {
    /// There is none yet.
    Waiting,
    /// This one is it. It is proven where RNDZ is in force.
    Connected(Peer),
    /// There will be none; the text is for the client.
    Failed(&'static str),
}
