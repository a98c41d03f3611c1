//! Data sockets of the tests: chosen source addresses and ports, resets, and listeners that can be
//! asked whether anybody came.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

/// No wait of a test ends earlier than this: tests assert order and outcome, never durations.
pub const WATCHDOG: Duration = Duration::from_secs(60);

fn socket(ip: IpAddr) -> Socket {
    let domain = if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket
}

/// A listener at `ip`, on a port that the system chooses when `port` is 0.
pub fn listen(ip: &str, port: u16) -> TcpListener {
    let ip: IpAddr = ip.parse().unwrap();
    let socket = socket(ip);
    socket.bind(&SockAddr::from(SocketAddr::new(ip, port))).unwrap();
    socket.listen(64).unwrap();
    socket.into()
}

/// A port at `ip` that nobody listens on just now.
pub fn free_port(ip: &str) -> u16 {
    listen(ip, 0).local_addr().unwrap().port()
}

/// A port at `ip` that nobody listens on just now at any address of this host: some servers listen at all of them. No two
/// calls of this process return the same port, as long as there are others.
pub fn port_free_everywhere(ip: &str) -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let is_free = |port: u16| {
        // A listener at any address keeps this one away; a connection that is over does not (std sets SO_REUSEADDR).
        let all = [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        ];
        all.into_iter().all(|at| match TcpListener::bind(at) {
            Ok(_) => true,
            Err(error) => error.kind() != ErrorKind::AddrInUse,
        })
    };
    let mut given = GIVEN.lock().unwrap();
    let mut ports = std::iter::repeat_with(|| free_port(ip)).take(64);
    let port = ports.find(|port| is_free(*port) && !given.contains(port));
    let port = port.unwrap_or_else(|| panic!("no port of {ip} is free at all addresses"));
    given.insert(port);
    port
}

/// Connects to `to` from `from` (port 0: any); the error is the caller's to judge.
pub fn try_connect(from: SocketAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = socket(from.ip());
    // A bound port stays taken after the connection, whoever it went to. The system chooses this address, too.
    if from != SocketAddr::from(([127, 0, 0, 1], 0)) {
        socket.bind(&SockAddr::from(from))?;
    }
    socket.connect_timeout(&SockAddr::from(to), WATCHDOG)?;
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(WATCHDOG))?;
    stream.set_write_timeout(Some(WATCHDOG))?;
    Ok(stream)
}

/// Connects to `to` from `from`.
pub fn connect(from: SocketAddr, to: SocketAddr) -> TcpStream {
    try_connect(from, to).unwrap_or_else(|error| panic!("connect from {from} to {to}: {error}"))
}

/// Connects to `to` from `from`; `None` where the other end has reset the connection already.
pub fn connect_or_reset(from: SocketAddr, to: SocketAddr) -> Option<TcpStream> {
    match try_connect(from, to) {
        Ok(stream) => Some(stream),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
        Err(error) => panic!("connect from {from} to {to}: {error}"),
    }
}

/// Whether a stranger is accepted, closed, and not served.
pub fn is_turned_away(from: SocketAddr, to: SocketAddr) -> bool {
    connect_or_reset(from, to).is_none_or(|stream| is_closed_unused(&stream))
}

/// Whether nobody listens at `to`. Where somebody does, waits until that connection is closed.
pub fn is_refused(from: SocketAddr, to: SocketAddr) -> bool {
    match try_connect(from, to) {
        Ok(held) => {
            assert!(is_closed_unused(&held), "{to} carries data");
            false
        }
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
    }
}

/// The next connection.
pub fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let ready = rustix::event::poll(
        &mut [rustix::event::PollFd::new(listener, rustix::event::PollFlags::IN)],
        Some(&rustix::event::Timespec::try_from(WATCHDOG).unwrap()),
    );
    assert_eq!(ready, Ok(1), "nobody connects to {:?}", listener.local_addr());
    let (stream, from) = listener.accept().unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.set_write_timeout(Some(WATCHDOG)).unwrap();
    (stream, from)
}

/// Whether nobody has connected so far.
pub fn is_quiet(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).unwrap();
    let nobody = matches!(listener.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock);
    listener.set_nonblocking(false).unwrap();
    nobody
}

/// Reads to the end of the connection.
pub fn drain(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("data connection: {error}"));
    bytes
}

/// Whether the other end closes or resets the connection without sending a byte.
pub fn is_closed_unused(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(bytes) => bytes == 0,
        Err(error) => {
            assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "still open");
            true
        }
    }
}

/// Ends the connection with a reset instead of an end of file.
pub fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Says end of file and keeps reading possible.
pub fn end(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}

/// A socket that is bound to this address and does not listen: a server that is told to can still use the port. `None` if
/// somebody listens there.
fn bound(at: SocketAddr) -> Option<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&at.into()).is_ok().then_some(socket)
}

/// Whether nobody listens at this port.
pub fn is_free(at: SocketAddr) -> bool {
    bound(at).is_some()
}

/// Has the system give this port to no other program until [`release`].
pub fn hold(at: SocketAddr) {
    let socket = bound(at);
    HELD.lock().unwrap().extend(socket.map(|socket| (at, socket)));
}

/// Gives a port back that was held.
pub fn release(at: SocketAddr) {
    HELD.lock().unwrap().retain(|(held, _)| *held != at);
}

/// The ports of servers that have ended and will start again: another test would get them.
static HELD: Mutex<Vec<(SocketAddr, Socket)>> = Mutex::new(Vec::new());

/// Asks again and again until something holds that nobody announces (a port that is given back).
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    const PAUSE: Duration = Duration::from_millis(5);
    for _ in 0..WATCHDOG.as_millis() / PAUSE.as_millis() {
        if holds() {
            return;
        }
        std::thread::park_timeout(PAUSE);
    }
    panic!("never: {what}");
}

/// How many of these connections have got a reply with this code by now.
pub fn answered(streams: &[TcpStream], code: &str) -> usize {
    let has_code = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let mut said = vec![0; 4096];
        let count = stream.peek(&mut said).unwrap_or(0);
        String::from_utf8_lossy(&said[..count]).lines().any(|line| line.starts_with(code))
    };
    streams.iter().filter(has_code).count()
}
