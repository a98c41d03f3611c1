//! A data connection that a server has made.

use ftp_io::connection::Connection;
use std::net::SocketAddr;

/// A server has connected.
#[derive(Debug)]
pub struct Arrived {
    /// With this host, or with the relay, which passes its bytes on.
    pub connection: Connection,
    /// From where the server has connected.
    pub from: SocketAddr,
}
