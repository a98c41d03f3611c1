//! Listening sockets for control and data connections, and Unix sockets for programs of this host.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net as blocking;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{fs, io};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::ports::Lease;
use super::{BoundPort, Port, Stream, bound};
use crate::simulated::Backlog;

/// A listening socket. Dropping it closes the socket; connections that were not accepted are reset.
#[derive(Debug)]
pub struct Listener {
    inner: ListenSocket,
    /// Keeps a data port from being given to somebody else while this socket listens on it.
    _lease: Option<Arc<Lease>>,
}

#[derive(Debug)]
enum ListenSocket {
    System(TcpListener),
    Simulated(SimulatedListener),
}

/// The port of a listener in a simulation.
#[derive(Debug)]
struct SimulatedListener {
    at: SocketAddr,
    backlog: Backlog,
    /// Gives the port back when it closes, unless a lease does.
    _port: Option<BoundPort>,
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        self.backlog.close();
    }
}

impl Listener {
    /// Waits for the next connection, and returns it with the address of its peer. May be cancelled at
    /// any time without losing a connection.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory for it.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match &self.inner {
            ListenSocket::System(socket) => loop {
                match socket.accept().await {
                    // The peer had gone before.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                    accepted => return accepted.map(|(stream, from)| (stream.into(), from)),
                }
            },
            ListenSocket::Simulated(_) => poll_fn(|cx| self.poll_accept(cx)).await,
        }
    }

    /// Waits like [`Self::accept`]. Only the last task that has asked is woken.
    ///
    /// # Errors
    ///
    /// As for [`Self::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        match &self.inner {
            ListenSocket::System(socket) => loop {
                match ready!(socket.poll_accept(cx)) {
                    // The peer had gone before.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    accepted => return Poll::Ready(accepted.map(|(stream, from)| (stream.into(), from))),
                }
            },
            ListenSocket::Simulated(listener) => {
                let socket = ready!(listener.backlog.poll_accept(cx));
                let from = socket.peer();
                Poll::Ready(Ok((socket.into(), from)))
            }
        }
    }

    /// Resets one connection that has arrived already, and returns the address of its peer; `None` if none waits.
    pub fn reset_waiting(&self) -> Option<SocketAddr> {
        match &self.inner {
            ListenSocket::System(listener) => {
                let (socket, from) = SockRef::from(listener).accept().ok()?;
                // If the peer has gone meanwhile, nothing is left to reset.
                drop(socket.set_linger(Some(Duration::ZERO)));
                from.as_socket()
            }
            ListenSocket::Simulated(listener) => {
                let socket = listener.backlog.take()?;
                socket.set_resets(true);
                Some(socket.peer())
            }
        }
    }

    /// The address where it listens, with the real port.
    ///
    /// # Errors
    ///
    /// The system does not know the socket.
    pub fn local(&self) -> io::Result<SocketAddr> {
        match &self.inner {
            ListenSocket::System(socket) => socket.local_addr(),
            ListenSocket::Simulated(listener) => Ok(listener.at),
        }
    }

    /// Lets other sockets of this user be bound to the same port, to connect from it. Only now: a socket that
    /// allows this before it listens would share its connections with others that listen there.
    pub(super) fn share(&self) -> io::Result<()> {
        match &self.inner {
            ListenSocket::System(socket) => SockRef::from(socket).set_reuse_port(true),
            ListenSocket::Simulated(_) => Ok(()),
        }
    }

    pub(super) fn new(port: Port, backlog: i32, lease: Option<Arc<Lease>>) -> io::Result<Self> {
        let inner = match port {
            Port::System(socket) => {
                socket.listen(backlog)?;
                ListenSocket::System(TcpListener::from_std(socket.into())?)
            }
            Port::Simulated(port) => ListenSocket::Simulated(SimulatedListener {
                at: port.at(),
                backlog: port.listen()?,
                _port: lease.is_none().then_some(port),
            }),
        };
        Ok(Self { inner, _lease: lease })
    }
}

/// Listens at `at` for control connections; port 0 means any free port.
///
/// # Errors
///
/// The address is not one of this host, or the port is taken or forbidden.
pub fn listen(at: SocketAddr) -> io::Result<Listener> {
    Bound::open(at)?.start()
}

/// A listening socket that no scheduler knows yet: it can be opened before there is one, by a process that
/// gives its privileges up afterwards.
#[derive(Debug)]
pub struct Bound(Port);

impl Bound {
    /// Listens at `at` for control connections; port 0 means any free port. Connections wait until somebody
    /// accepts them.
    ///
    /// # Errors
    ///
    /// The address is not one of this host, or the port is taken or forbidden.
    pub fn open(at: SocketAddr) -> io::Result<Self> {
        let port = bound(at)?;
        if let Port::System(socket) = &port {
            socket.listen(CONTROL_BACKLOG)?;
        }
        Ok(Self(port))
    }

    /// Uses a socket that somebody else has opened.
    ///
    /// # Errors
    ///
    /// It does not listen, or the system refuses to change it.
    pub fn adopt(socket: std::net::TcpListener) -> io::Result<Self> {
        if !SockRef::from(&socket).is_listener()? {
            return Err(io::Error::other("the socket does not listen"));
        }
        socket.set_nonblocking(true)?;
        Ok(Self(Port::System(socket.into())))
    }

    /// The address where it listens, with the real port.
    ///
    /// # Errors
    ///
    /// The system does not know the socket.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.0.local()
    }

    /// Tells the scheduler that runs now.
    ///
    /// # Errors
    ///
    /// The system refuses to watch the socket.
    pub fn start(self) -> io::Result<Listener> {
        Listener::new(self.0, CONTROL_BACKLOG, None)
    }
}

/// How long to wait before `accept` is called again after it has failed, because no descriptor or no memory was
/// free.
pub const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);
/// Connections that the system keeps until they are accepted.
const CONTROL_BACKLOG: i32 = 1024;

/// A listening Unix socket. Dropping it removes its file.
#[derive(Debug)]
pub struct LocalListener {
    inner: UnixListener,
    path: PathBuf,
    /// The device and the inode of its file: somebody may have put another one there.
    file: (u64, u64),
}

impl LocalListener {
    /// Listens at `path`. Only the user of this process may connect (mode 0600), until the permissions of the file are
    /// changed. The socket of a program that has ended is replaced.
    ///
    /// # Errors
    ///
    /// Somebody listens there, something else than a socket is there, or the directory cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "something else than a socket is there",
                ));
            }
            Ok(_) if is_listened_at(path)? => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Nobody may connect before the permissions are those that are wanted: until then it is in a directory of its own.
        let room = path.with_file_name(format!(".{}", std::process::id()));
        let made = room.join("s");
        // A killed process of this number may have left them.
        let clear = || drop((fs::remove_file(&made), fs::remove_dir(&room)));
        clear();
        fs::DirBuilder::new().mode(0o700).create(&room)?;
        let opened = (|| {
            let socket = blocking::UnixListener::bind(&made)?;
            fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
            let found = fs::symlink_metadata(&made)?;
            socket.set_nonblocking(true)?;
            let inner = UnixListener::from_std(socket)?;
            fs::rename(&made, path)?;
            Ok(Self { inner, path: path.to_owned(), file: (found.dev(), found.ino()) })
        })();
        clear();
        opened
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the next connection, and returns it with the user who has connected.
    ///
    /// # Errors
    ///
    /// The system has no descriptor or no memory for it, or does not say who it is.
    pub async fn accept(&self) -> io::Result<(UnixStream, u32)> {
        let (stream, _) = self.inner.accept().await?;
        let user = stream.peer_cred()?.uid();
        Ok((stream, user))
    }
}

/// Whether a program listens at the socket `path`. Also where its queue is full, this does not wait.
fn is_listened_at(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?).map_err(io::Error::from) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) => Err(error),
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| (found.dev(), found.ino()) == self.file) {
            // If it stays, the next one replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn r59_a_unix_socket_is_for_its_user_and_replaces_only_a_dead_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.sock");
        let first = LocalListener::open(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(LocalListener::open(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let (accepted, connected) = tokio::join!(first.accept(), UnixStream::connect(&path));
        assert_eq!(accepted.unwrap().1, rustix::process::getuid().as_raw());
        drop(connected.unwrap());
        drop(first);
        assert!(!path.exists());

        drop(blocking::UnixListener::bind(&path).unwrap());
        let again = LocalListener::open(&path).expect("what a killed program has left is replaced");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "not a socket").unwrap();
        drop(again);
        assert_eq!(fs::read(&path).unwrap(), b"not a socket");
        assert_eq!(LocalListener::open(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing else is left");
    }

    #[tokio::test]
    async fn r59_a_full_queue_at_the_path_holds_nobody_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.sock");
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let open = || rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        let (stranger, at) = (open(), SocketAddrUnix::new(&path).unwrap());
        rustix::net::bind(&stranger, &at).unwrap();
        rustix::net::listen(&stranger, 0).unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = open();
            if rustix::net::connect(&socket, &at).is_err() {
                break;
            }
            waiting.push(socket);
        }
        assert_eq!(LocalListener::open(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
