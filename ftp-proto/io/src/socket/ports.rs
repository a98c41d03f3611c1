//! The data ports of this process: reserved in an order nobody can guess, none of them twice.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use socket2::Socket;
use tokio::net::TcpStream;

use super::{Listener, bound, into_tokio};
use crate::random;

/// The pool of data ports. One for the whole process: it is what keeps two sessions from getting
/// the same port (C27).
#[derive(Debug)]
pub struct Ports {
    range: Option<RangeInclusive<u16>>,
    leased: Mutex<HashSet<(IpAddr, u16)>>,
}

impl Ports {
    /// A pool of the ports in `range`, or of whatever port the operating system has free.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Arc<Self> {
        Arc::new(Self { range, leased: Mutex::default() })
    }

    /// Reserves a port at the address `at`: bound, so that no other program gets it, but not yet
    /// listening. [`io::ErrorKind::AddrInUse`] when the range has none left.
    pub fn reserve(self: &Arc<Self>, at: IpAddr) -> io::Result<Reserved> {
        match &self.range {
            None => self.any(at),
            Some(range) => self.within(range, at),
        }
    }

    /// The operating system chooses, at random; it may choose a port that we hold for somebody
    /// whose socket allows sharing, therefore several attempts.
    fn any(self: &Arc<Self>, at: IpAddr) -> io::Result<Reserved> {
        for _ in 0..ATTEMPTS {
            let socket = bound(SocketAddr::new(at, 0))?;
            let local = local(&socket)?;
            if let Some(lease) = self.lease(local) {
                return Ok(Reserved { socket, local, lease });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// A few random picks, then every port of the range once, from a random one on (C26).
    fn within(self: &Arc<Self>, range: &RangeInclusive<u16>, at: IpAddr) -> io::Result<Reserved> {
        let (low, high) = (u32::from(*range.start()).max(1), u32::from(*range.end()));
        let count = (high + 1).saturating_sub(low);
        if count == 0 {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let picks = random::octets::<{ 4 * PICKS }>()?;
        let picks = picks.chunks_exact(4).filter_map(|four| four.try_into().ok()).map(u32::from_le_bytes);
        let scan = u32::from_le_bytes(random::octets()?) % count;
        for offset in picks.chain((0..count).map(|step| scan + step)) {
            let Ok(port) = u16::try_from(low + offset % count) else { continue };
            let wanted = SocketAddr::new(at, port);
            let Some(lease) = self.lease(wanted) else { continue };
            match bound(wanted) {
                Ok(socket) => return Ok(Reserved { local: local(&socket)?, socket, lease }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    fn lease(self: &Arc<Self>, local: SocketAddr) -> Option<Arc<Lease>> {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (local.ip(), local.port());
        leased.insert(key).then(|| Arc::new(Lease { pool: Arc::clone(self), key }))
    }
}

/// A data port of ours: nobody else in this process gets it before this value and every
/// [`Listener`] made of it are dropped.
#[derive(Debug)]
pub struct Reserved {
    /// Bound and never used: it keeps the port.
    #[allow(dead_code, reason = "held for its effect")]
    socket: Socket,
    local: SocketAddr,
    lease: Arc<Lease>,
}

impl Reserved {
    /// The port.
    pub fn port(&self) -> u16 {
        self.local.port()
    }

    /// The address and the port.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Starts to listen: from here on a peer that connects gets a connection. Dropping the listener
    /// closes it and leaves the port reserved. [`io::ErrorKind::AddrInUse`] when another program
    /// listens there after all: reserve another port.
    pub fn listen(&self) -> io::Result<Listener> {
        Listener::new(bound(self.local)?, DATA_BACKLOG, Some(Arc::clone(&self.lease)))
    }

    /// Connects to `to` from exactly this port (B03); never from another one.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        into_tokio(bound(self.local)?).connect(to).await
    }
}

/// An entry in the pool's list, taken out on drop.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Ports>,
    key: (IpAddr, u16),
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.leased.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

const ATTEMPTS: usize = 64;
const PICKS: usize = 8;
const DATA_BACKLOG: i32 = 128;
