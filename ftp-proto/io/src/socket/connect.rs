//! Connections that this end begins.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ftp_proto::address::{Kind, kind};
use tokio::net::TcpStream;

use super::{into_tokio, open};

/// Connects to `to` from any free port of `local`; an unspecified `local` leaves the choice to the
/// operating system.
pub async fn connect(local: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = open(to)?;
    if kind(local) != Kind::Unspecified {
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
