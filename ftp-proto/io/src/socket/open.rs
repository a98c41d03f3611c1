//! Makes sockets that are not connected and do not listen yet.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

/// Makes a TCP socket for the family of `at` that does not block. It never takes part in the other
/// family's traffic: `[::]` is IPv6 only, and IPv4 has its own listener.
pub(super) fn open(at: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(at);
    // Elsewhere than on Linux not every system can do both in one call.
    #[cfg(target_os = "linux")]
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    #[cfg(not(target_os = "linux"))]
    let socket = {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket
    };
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Makes the same, bound to `at`. Several sockets may be bound to one port as long as none of them
/// listens, and connections of an earlier listener do not keep the port.
pub(super) fn bound(at: SocketAddr) -> io::Result<Socket> {
    let socket = open(at)?;
    socket.set_reuse_address(true)?;
    // Other systems than Linux do not share the address without this. On Linux it would let two
    // processes listen on one port.
    #[cfg(not(target_os = "linux"))]
    socket.set_reuse_port(true)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

/// Refuses a connection whose two ends are one socket. TCP opens such a connection from a port to itself,
/// where no other socket is (RFC 9293 3.5).
pub(super) fn not_itself(stream: TcpStream) -> io::Result<TcpStream> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

pub(super) fn into_tokio(socket: Socket) -> TcpSocket {
    TcpSocket::from_std_stream(socket.into())
}
