//! A relay that carries a control connection, and makes the data connections of a server that this host does not reach.

use super::data_failure::DataFailure;
use super::relay_port::RelayPort;
use crate::context::Context;
use ftp_io::connection::Connection;
use ftp_io::link::Link;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

/// A tunnel to a server: this program's link with the relay, and who the server talks to.
#[derive(Debug)]
pub struct Tunnel {
    /// The link; its bytes are the server's.
    pub stream: Link,
    /// The relay's end of the connection with the server: what the server sees.
    pub local: SocketAddr,
    /// The address of the server.
    pub peer: SocketAddr,
    /// Who carries it.
    pub relay: ControlRelay,
}

/// The relay that carries a control connection.
#[derive(Clone, Debug)]
pub struct ControlRelay {
    /// The relay's name.
    pub name: String,
    /// How data connections between this host and the server are made. `None` if this host makes them itself, or there
    /// are none: the file goes to another server.
    pub data: Option<Arc<dyn DataLinks>>,
}

/// Makes data connections with a server that this host does not reach.
pub trait DataLinks: Debug + Send + Sync {
    /// Has the relay connect to a data port of the server, and joins that connection with one of this host.
    fn connect(&self, context: &Context, at: SocketAddr) -> Connecting;

    /// Has the relay listen for the server at `peer`, and joins the connection that comes with one of this host.
    fn listen(&self, context: &Context, peer: IpAddr) -> Listening;
}

/// A data connection that is being made. It may be dropped.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Connection, DataFailure>> + Send>>;

/// A port of a relay that is being opened. It may be dropped.
pub type Listening = Pin<Box<dyn Future<Output = Result<RelayPort, DataFailure>> + Send>>;
