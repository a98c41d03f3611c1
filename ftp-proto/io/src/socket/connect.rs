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
    connect_noting(local, to, drop).await.map(|(stream, ())| stream)
}

/// The same, where `note` learns the local address: if `local` is not unspecified, before the peer does.
///
/// # Errors
///
/// As for [`connect`].
pub async fn connect_noting<T>(
    local: IpAddr,
    to: SocketAddr,
    note: impl FnOnce(SocketAddr) -> T,
) -> io::Result<(TcpStream, T)> {
    let socket = into_tokio(bound(local, to)?);
    if kind(local) == Kind::Unspecified {
        let stream = not_itself(socket.connect(to).await?)?;
        let noted = note(stream.local_addr()?);
        return Ok((stream, noted));
    }
    let noted = note(socket.local_addr()?);
    Ok((not_itself(socket.connect(to).await?)?, noted))
}

/// A socket with any free port of `local`, if that is not unspecified.
fn bound(local: IpAddr, to: SocketAddr) -> io::Result<socket2::Socket> {
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
    Ok(socket)
}
