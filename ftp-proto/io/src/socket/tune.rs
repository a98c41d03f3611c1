//! Options of connections that exist: latency, dead peers, urgent data, reset.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

#[cfg(target_os = "linux")]
use ftp_proto::address::{Kind, kind};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Closes the connection so that the peer sees a reset and never takes what it has got for the
/// whole (E10).
pub fn reset(stream: TcpStream) {
    end_by_reset(&stream);
    drop(stream);
}

/// Until somebody decides otherwise the end of this connection is a reset: whatever drops it, this
/// process being killed included, the other end never takes that for the end of a file (E10).
pub fn end_by_reset(stream: &TcpStream) {
    // Failing leaves an ordinary close, which is all that is left to do.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// The end of this connection is an orderly close.
pub fn end_in_order(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(None);
}

/// Finds out about a peer that vanished without a word.
pub fn keepalive(stream: &TcpStream) -> io::Result<()> {
    let often = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    SockRef::from(stream).set_tcp_keepalive(&often)
}

/// Gives a peer up that has acknowledged nothing for so long while something was sent to it.
#[cfg(target_os = "linux")]
pub fn vanishes_after(stream: &TcpStream, silent: Duration) -> io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(Some(silent))
}

/// Suits a data connection whose two ends are on this host: there is no network to fill or to spare, so
/// that little is under way at a time, which stays in the processor's cache, and nothing paces it (BBR, the
/// default of many hosts, spends a third of the sender's time on its timer there).
#[cfg(target_os = "linux")]
pub fn within_this_host(stream: &TcpStream) {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    if kind(peer.ip()) == Kind::Loopback || peer.ip() == local.ip() {
        // What cannot be had is only slower. Every Linux has Reno, and lets everybody use it.
        let _ = rustix::net::sockopt::set_tcp_congestion(stream, "reno");
        let _ = SockRef::from(stream).set_send_buffer_size(WITHIN_THIS_HOST);
    }
}

/// Octets under way between two ends on this host: the best of 64 KiB to 4 MiB (docs/performance.md).
#[cfg(target_os = "linux")]
const WITHIN_THIS_HOST: usize = 512 * 1024;

/// The local address that a connection to `to` would go out from; nothing is sent. `None`: no way there.
pub fn route(to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, DISCARD)).ok()?;
    socket.local_addr().ok().map(|at| at.ip())
}

/// Sends small pieces at once.
pub fn nodelay(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// What every control connection wants: [`nodelay`], [`keepalive`], and urgent data in line, since
/// Telnet's Synch (RFC 959 4.1.3, ABOR) sends its data mark that way.
pub fn control(stream: &TcpStream) -> io::Result<()> {
    nodelay(stream)?;
    keepalive(stream)?;
    SockRef::from(stream).set_out_of_band_inline(true)
}

/// Sends `octets`, the last of them urgent: Telnet's Synch before ABOR (RFC 959 4.1.3).
pub fn urgent(stream: &TcpStream, octets: &[u8]) -> io::Result<()> {
    let sent = SockRef::from(stream).send_out_of_band(octets)?;
    if sent == octets.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Any port but 0: no datagram is sent to it.
const DISCARD: u16 = 9;
