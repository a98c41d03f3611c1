//! Sockets: how they are opened, named, tuned and torn down.

mod connect;
mod listen;
mod own;
mod ports;
#[cfg(test)]
mod tests;
mod tune;

pub use connect::connect;
pub use listen::{Listener, listen};
pub use own::everywhere;
pub use ports::{Ports, Reserved};
pub use tune::{control, end_by_reset, end_in_order, keepalive, nodelay, reset, route, urgent};
#[cfg(target_os = "linux")]
pub use tune::{vanishes_after, within_this_host};

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpSocket;

/// A TCP socket for the family of `at`, non-blocking, that never takes part in the other family's
/// traffic: `[::]` is IPv6 only, IPv4 has its own listener.
fn open(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The same, bound to `at`; several sockets may be bound to one port as long as none of them
/// listens, and connections of an earlier listener do not keep the port.
fn bound(at: SocketAddr) -> io::Result<Socket> {
    let socket = open(at)?;
    socket.set_reuse_address(true)?;
    // Elsewhere than on Linux the address alone may not be shared. Linux must not have it: there it
    // would let two processes listen on one port.
    #[cfg(not(target_os = "linux"))]
    socket.set_reuse_port(true)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

fn into_tokio(socket: Socket) -> TcpSocket {
    TcpSocket::from_std_stream(socket.into())
}
