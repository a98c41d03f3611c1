//! A control connection that passes a relay.

use ftp_io::link::Link;
use std::net::SocketAddr;

/// A tunnel to a server: this program's link with the relay, and who the server talks to.
#[derive(Debug)]
pub struct Tunnel {
    /// The link; its bytes are the server's.
    pub stream: Link,
    /// The relay's end of the connection with the server: what the server sees.
    pub local: SocketAddr,
    /// The address of the server.
    pub peer: SocketAddr,
    /// The relay's name.
    pub relay: String,
}
