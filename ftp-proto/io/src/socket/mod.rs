//! Sockets: how they are opened, named, tuned and closed.

mod congestion;
mod listen;
mod ports;
mod stream;
#[cfg(test)]
pub(crate) mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pub use congestion::{Congestion, CongestionError, TcpSettings};
use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use ftp_proto::address::{Kind, kind};
pub use listen::{ACCEPT_RETRY_DELAY, Bound, Listener, LocalListener, listen};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
pub use ports::{Ports, Reserved};
use socket2::{Domain, Protocol, Socket, Type};
pub(crate) use stream::{RawSocket, Unwatched};
pub use stream::{Stream, control, end_by_reset, end_in_order, keepalive, nodelay, reset, route, urgent};
#[cfg(target_os = "linux")]
pub use stream::{sent, vanishes_after, within_this_host};
use tokio::net::{TcpSocket, TcpStream};

use crate::{blocking, os_error, simulated};

/// Makes a TCP socket for the family of `at` that does not block. It never takes part in the other
/// family's traffic: `[::]` is IPv6 only, and IPv4 has its own listener.
fn open(at: SocketAddr) -> io::Result<Socket> {
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

/// A socket that is bound to a port and not connected.
#[derive(Debug)]
pub(crate) enum Port {
    System(Socket),
    Simulated(BoundPort),
}

/// A port of a simulated host. The last clone gives it back when it is dropped.
#[derive(Clone, Debug)]
pub(crate) struct BoundPort(Arc<TakenPort>);

#[derive(Debug)]
struct TakenPort {
    host: Arc<dyn simulated::Host>,
    at: SocketAddr,
}

impl Drop for TakenPort {
    fn drop(&mut self) {
        self.host.release(self.at);
    }
}

impl BoundPort {
    fn at(&self) -> SocketAddr {
        self.0.at
    }

    fn listen(&self) -> io::Result<simulated::Backlog> {
        self.0.host.listen(self.0.at)
    }
}

impl Port {
    fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::System(socket) => {
                socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
            }
            Self::Simulated(port) => Ok(port.at()),
        }
    }

    /// Another socket that is bound to the same port.
    fn again(&self) -> io::Result<Self> {
        match self {
            Self::System(_) => bound(self.local()?),
            Self::Simulated(port) => Ok(Self::Simulated(port.clone())),
        }
    }
}

/// Makes the same, bound to `at`. Several sockets may be bound to one port as long as none of them
/// listens, and connections of an earlier listener do not keep the port.
fn bound(at: SocketAddr) -> io::Result<Port> {
    if let Some(host) = simulated::host() {
        let at = host.bind(at)?;
        return Ok(Port::Simulated(BoundPort(Arc::new(TakenPort { host, at }))));
    }
    let socket = open(at)?;
    socket.set_reuse_address(true)?;
    // Other systems than Linux do not share the address without this. On Linux it would let two
    // processes listen on one port.
    #[cfg(not(target_os = "linux"))]
    socket.set_reuse_port(true)?;
    socket.bind(&at.into())?;
    Ok(Port::System(socket))
}

/// Refuses a connection whose two ends are one socket. TCP opens such a connection from a port to itself,
/// where no other socket is (RFC 9293 3.5).
fn not_itself(stream: TcpStream) -> io::Result<TcpStream> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

fn into_tokio(socket: Socket) -> TcpSocket {
    TcpSocket::from_std_stream(socket.into())
}

/// Connects to `to` from any free port of `local`. If `local` is unspecified, the operating system
/// chooses the address.
///
/// # Errors
///
/// The peer refused or did not answer, there is no route to it, or the two addresses are of different
/// families.
pub async fn connect(local: IpAddr, to: SocketAddr) -> io::Result<Stream> {
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
) -> io::Result<(Stream, T)> {
    if let Some(host) = simulated::host() {
        let socket = host.connect(SocketAddr::new(local, 0), to).await?;
        let noted = note(socket.local());
        return Ok((socket.into(), noted));
    }
    let socket = open(to)?;
    if kind(local) == Kind::Unspecified {
        let stream = not_itself(into_tokio(socket).connect(to).await?)?;
        let noted = note(stream.local_addr()?);
        return Ok((stream.into(), noted));
    }
    if local.is_ipv4() != to.is_ipv4() {
        let text = "the two addresses are of different families";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    socket.bind(&SocketAddr::new(local, 0).into())?;
    let socket = into_tokio(socket);
    let noted = note(socket.local_addr()?);
    Ok((not_itself(socket.connect(to).await?)?.into(), noted))
}

/// Repeats `work` whenever `poll_ready` says that the socket is ready, for as long as it would block.
/// `work` must ask the reactor ([`Stream::try_io`]), which otherwise would not learn that it must wait.
pub(crate) fn poll_io<T>(
    cx: &mut Context<'_>,
    poll_ready: impl Fn(&mut Context<'_>) -> Poll<io::Result<()>>,
    mut work: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(poll_ready(cx))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}

/// The addresses of a host with that port, as the system tells them (getaddrinfo).
fn look_up_name(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    // One socket type: otherwise each address comes once for each type.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    #[allow(clippy::wildcard_enum_match_arm, reason = "the others are faults of this host")]
    let found = getaddrinfo(Some(host), None, Some(hints)).map_err(|error| match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => {
            io::Error::new(io::ErrorKind::NotFound, "no such name is known")
        }
        LookupErrorKind::Again => {
            io::Error::new(io::ErrorKind::TimedOut, "the resolver of this host does not answer")
        }
        _ => io::Error::other(cause(error.into())),
    })?;
    // An address of a link keeps its scope.
    let at_port = |mut at: SocketAddr| {
        at.set_port(port);
        at
    };
    found.map(|found| Ok(at_port(found?.sockaddr))).collect()
}

/// What the C library says of a look-up, without the words that are the same for all.
fn cause(error: io::Error) -> String {
    let text = os_error::words(&error);
    text.strip_prefix("failed to lookup address information: ").map_or(text.clone(), str::to_owned)
}

/// The addresses of a host, with that port.
///
/// # Errors
///
/// `NotFound`: the name is not known. `TimedOut`: the resolver does not answer now (EAI_AGAIN). Others are faults of this host.
pub async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match simulated::host() {
        None => {
            let host = host.to_owned();
            blocking::spawn(move || look_up_name(&host, port)).await.map_err(io::Error::other)?
        }
        Some(simulated) => {
            let found = match host.parse() {
                Ok(address) => vec![address],
                Err(_) => simulated.look_up(host)?,
            };
            Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
        }
    }
}

/// Returns the addresses at which a listener bound to `at` accepts connections: `at` itself and, if it
/// is the wildcard, each address that this host has now in that family (`[::]` is IPv6 only here).
///
/// # Errors
///
/// The system does not list its interfaces.
pub fn everywhere(at: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    let mut places = vec![at];
    if kind(at.ip()) == Kind::Unspecified {
        let here: Vec<IpAddr> = match simulated::host() {
            None => getifaddrs()?.filter_map(|interface| address(&interface)).collect(),
            Some(host) => host.addresses(),
        };
        let of_family = here.into_iter().filter(|ip| ip.is_ipv4() == at.is_ipv4());
        places.extend(of_family.map(|ip| SocketAddr::new(ip, at.port())));
    }
    Ok(places)
}

/// Whether `ip` belongs to this host: a socket can have it. On a host that binds foreign addresses
/// (`ip_nonlocal_bind`) every address counts as its own.
pub fn is_own(ip: IpAddr) -> bool {
    match simulated::host() {
        None => UdpSocket::bind((ip, 0)).is_ok(),
        Some(host) => host.addresses().contains(&ip),
    }
}

fn address(interface: &InterfaceAddress) -> Option<IpAddr> {
    let address = interface.address.as_ref()?;
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}
