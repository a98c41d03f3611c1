//! Connections that this end begins.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use super::{into_tokio, open};

/// Connects to `to` from any free port of `local`; an unspecified `local` leaves the choice to the
/// operating system.
pub async fn connect(local: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = open(to)?;
    if !local.is_unspecified() {
        if local.is_ipv4() != to.is_ipv4() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the two addresses are of different families",
            ));
        }
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    into_tokio(socket).connect(to).await
}
