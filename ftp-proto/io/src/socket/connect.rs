//! Connections that this host begins.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ftp_proto::address::{Kind, kind};
use tokio::net::TcpStream;

use super::open::{into_tokio, not_itself, open};

/// Connects to `to` from any free port of `local`. If `local` is unspecified, the operating system
/// chooses the address.
///
/// # Errors
///
/// The peer refused or did not answer, there is no route to it, or the two addresses are of different
/// families.
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
    not_itself(into_tokio(socket).connect(to).await?)
}
