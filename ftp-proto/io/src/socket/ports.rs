//! The data ports of this process: reserved in an order that cannot be guessed, none of them twice.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use ftp_proto::address::Parity;

use super::listen::Listener;
use super::{Port, Stream, bound, into_tokio, not_itself, open};
use crate::lock::Lock;
use crate::{random, simulated};

/// The pool of data ports. There is one for the whole process, because it keeps two sessions from
/// getting the same port (C27).
#[derive(Debug)]
pub struct Ports {
    range: Option<RangeInclusive<u16>>,
    /// Without a range: the ports of the system, if it tells them.
    ephemeral: Option<Ephemeral>,
    leases: Arc<Leases>,
}

impl Ports {
    /// Makes a pool of the ports in `range`, or of whatever port the operating system has free.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Arc<Self> {
        let is_of_system = range.is_none() && simulated::host().is_none();
        let ephemeral = if is_of_system { Ephemeral::of_system() } else { None };
        Arc::new(Self { range, ephemeral, leases: Arc::default() })
    }

    /// Reserves a port at the address `at` whose number `parity` allows. It is bound, so that no other
    /// program gets it, but no socket listens there yet.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] if the range has no port left.
    pub fn reserve(&self, at: IpAddr, parity: Parity) -> io::Result<Reserved> {
        match &self.range {
            None => self.any(at, parity),
            Some(range) => within(range, |port| match parity.allows(port) {
                true => self.take(SocketAddr::new(at, port)),
                false => Ok(None),
            }),
        }
    }

    /// Reserves an even port and the odd one that follows it, in the same way.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] if the range has no such pair left.
    pub fn reserve_pair(&self, at: IpAddr) -> io::Result<(Reserved, Reserved)> {
        let Some(range) = &self.range else {
            for _ in 0..ATTEMPTS {
                let even = self.any(at, Parity::Even)?;
                if let Some(odd) = self.take(SocketAddr::new(at, even.port() + 1))? {
                    return Ok((even, odd));
                }
            }
            return Err(io::ErrorKind::AddrInUse.into());
        };
        within(range, |port| {
            if !Parity::Even.allows(port) || port >= *range.end() {
                return Ok(None);
            }
            let Some(even) = self.take(SocketAddr::new(at, port))? else { return Ok(None) };
            Ok(self.take(SocketAddr::new(at, port + 1))?.map(|odd| (even, odd)))
        })
    }

    /// A random port of those of the system; if a few of them are taken, the system chooses. It may choose a port that this process has reserved
    /// already, because those sockets allow sharing; so this tries several times. Systems prefer numbers of
    /// one parity: for the other one, the neighbour of the chosen port is taken.
    fn any(&self, at: IpAddr, parity: Parity) -> io::Result<Reserved> {
        if let Some(ephemeral) = &self.ephemeral {
            for port in
                picks()?.filter_map(|random| ephemeral.choose(random)).filter(|port| parity.allows(*port))
            {
                if let Some(reserved) = self.take(SocketAddr::new(at, port))? {
                    return Ok(reserved);
                }
            }
        }
        for _ in 0..ATTEMPTS {
            let socket = bound(SocketAddr::new(at, 0))?;
            let local = socket.local()?;
            if !parity.allows(local.port()) {
                if let Some(reserved) = self.take(SocketAddr::new(at, local.port() ^ 1))? {
                    return Ok(reserved);
                }
            } else if let Some(lease) = self.leases.take(local) {
                return Ok(Reserved { port: socket, local, lease });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Takes exactly this port; `None` if somebody has it.
    fn take(&self, wanted: SocketAddr) -> io::Result<Option<Reserved>> {
        let Some(lease) = self.leases.take(wanted) else { return Ok(None) };
        match bound(wanted) {
            Ok(port) => Ok(Some(Reserved { local: port.local()?, port, lease })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Tries a few random ports, then every port of the range once, from a random one on (C26), until `take`
/// has got what it wants.
fn within<T>(range: &RangeInclusive<u16>, take: impl Fn(u16) -> io::Result<Option<T>>) -> io::Result<T> {
    let (low, high) = (u32::from(*range.start()).max(1), u32::from(*range.end()));
    let count = (high + 1).saturating_sub(low);
    if count == 0 {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let scan = u32::from_le_bytes(random::bytes()?) % count;
    for offset in picks()?.chain((0..count).map(|step| scan + step)) {
        let Ok(port) = u16::try_from(low + offset % count) else { continue };
        if let Some(taken) = take(port)? {
            return Ok(taken);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// A few random numbers.
fn picks() -> io::Result<impl Iterator<Item = u32>> {
    let picks = random::bytes::<{ 4 * PICKS }>()?;
    let numbers: [u32; PICKS] = std::array::from_fn(|at| {
        let four = picks.get(4 * at..).and_then(|rest| rest.first_chunk::<4>());
        four.map_or(0, |four| u32::from_le_bytes(*four))
    });
    Ok(numbers.into_iter())
}

/// A data port of this process. It is not given out again in this process before this value and every
/// [`Listener`] made of it are dropped.
#[derive(Debug)]
pub struct Reserved {
    /// Bound and never used: it keeps the port.
    port: Port,
    local: SocketAddr,
    lease: Arc<Lease>,
}

impl Reserved {
    /// The number of the port.
    pub fn port(&self) -> u16 {
        self.local.port()
    }

    /// The address with the port.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The descriptor that keeps the port, if the system knows it.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.port {
            Port::System(socket) => Some(socket.as_fd()),
            Port::Simulated(_) => None,
        }
    }

    /// Starts to listen: from now on a peer that connects gets a connection. Dropping the listener closes
    /// it and leaves the port reserved.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] if another program listens there after all: reserve another port.
    pub fn listen(&self) -> io::Result<Listener> {
        Listener::new(self.port.again()?, DATA_BACKLOG, Some(Arc::clone(&self.lease)))
    }

    /// Starts to listen in the same way, and [`Self::connect`] works at the same time (RSYM). Other programs
    /// still cannot listen there.
    ///
    /// # Errors
    ///
    /// As for [`Self::listen`].
    pub fn listen_and_connect(&self) -> io::Result<Listener> {
        let listener = self.listen()?;
        listener.share()?;
        Ok(listener)
    }

    /// Connects to `to` from exactly this port (B03), never from another one, and never to itself (G05).
    ///
    /// # Errors
    ///
    /// As for [`connect`](super::connect); [`io::ErrorKind::AddrNotAvailable`] if there is already such a
    /// connection.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<Stream> {
        self.connecting(to).await
    }

    /// The same as work that does not borrow this value.
    pub fn connecting(&self, to: SocketAddr) -> impl Future<Output = io::Result<Stream>> + Send + use<> {
        let (local, lease) = (self.local, Arc::clone(&self.lease));
        async move {
            if let Some(host) = simulated::host() {
                let connected = host.connect(local, to).await;
                drop(lease);
                return connected.map(Stream::from);
            }
            let socket = open(local)?;
            socket.set_reuse_address(true)?;
            // The port may be listened on at the same time, by a socket of this process that allows it.
            socket.set_reuse_port(true)?;
            socket.bind(&local.into())?;
            let stream = not_itself(into_tokio(socket).connect(to).await?);
            drop(lease);
            stream.map(Stream::from)
        }
    }
}

/// How often the operating system is asked for a port.
const ATTEMPTS: usize = 64;
/// How many random ports are tried before the range is gone through, or the system chooses.
const PICKS: usize = 8;
/// Connections that the system keeps until they are accepted.
const DATA_BACKLOG: i32 = 128;

/// The ports that are in use.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashSet<(IpAddr, u16)>>);

/// One port that is in use. Dropping it gives the port back.
#[derive(Debug)]
pub(super) struct Lease {
    leases: Arc<Leases>,
    key: (IpAddr, u16),
}

impl Leases {
    /// Takes the port of `local`, unless it is in use.
    pub(super) fn take(self: &Arc<Self>, local: SocketAddr) -> Option<Arc<Lease>> {
        let mut leased = self.0.locked();
        let key = (local.ip(), local.port());
        leased.insert(key).then(|| Arc::new(Lease { leases: Arc::clone(self), key }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.0.locked().remove(&self.key);
    }
}

/// The ports that the system gives to a program that asks for any, as it tells them.
///
/// To look for a free one, the system goes through them all, and it takes no port of an earlier connection that
/// still has to time out. After some ten thousand transfers in a minute a single search takes milliseconds.
/// A program that names a port gets it at once, even in that state, where only listening is exclusive.
#[derive(Debug)]
pub(super) struct Ephemeral {
    range: RangeInclusive<u16>,
    /// Ports that the system gives only to a program that names them.
    reserved: Vec<RangeInclusive<u16>>,
}

impl Ephemeral {
    /// Asks the system; `None` if it does not tell.
    pub(super) fn of_system() -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
        let range = read("ip_local_port_range").ok()?;
        // Kernels without it reserve nothing.
        let reserved = read("ip_local_reserved_ports").unwrap_or_default();
        Self::parse(&range, &reserved)
    }

    fn parse(range: &str, reserved: &str) -> Option<Self> {
        let mut ends = range.split_whitespace().map(str::parse);
        let (Some(Ok(low)), Some(Ok(high)), None) = (ends.next(), ends.next(), ends.next()) else {
            return None;
        };
        let reserved = reserved.trim().split(',').filter(|part| !part.is_empty()).map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            Some(low.parse().ok()?..=high.parse().ok()?)
        });
        let reserved = reserved.collect::<Option<_>>()?;
        (1..=high).contains(&low).then_some(Self { range: low..=high, reserved })
    }

    /// The port of the range that a random number chooses, unless it is reserved.
    pub(super) fn choose(&self, random: u32) -> Option<u16> {
        let (low, high) = (u32::from(*self.range.start()), u32::from(*self.range.end()));
        let port = u16::try_from(low + random % (high - low + 1)).ok()?;
        let is_reserved = self.reserved.iter().any(|range| range.contains(&port));
        (!is_reserved).then_some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_the_range_is_chosen_and_no_reserved_one() {
        let ports = Ephemeral::parse("40000\t40009\n", "5000,40002-40004,40009\n").unwrap();
        let chosen: Vec<u16> = (0..10).filter_map(|random| ports.choose(random)).collect();
        assert_eq!(chosen, [40_000, 40_001, 40_005, 40_006, 40_007, 40_008]);
        assert_eq!(ports.choose(u32::MAX), ports.choose(u32::MAX % 10));
        let one = Ephemeral::parse("65535 65535", "\n").unwrap();
        assert_eq!(one.choose(7), Some(65_535));
    }

    #[test]
    fn what_the_system_does_not_say_is_not_guessed() {
        for (range, reserved) in [
            ("", ""),
            ("1", ""),
            ("9 8", ""),
            ("0 8", ""),
            ("1 2 3", ""),
            ("1 70000", ""),
            ("1 9", "x"),
            ("1 9", "3-"),
        ] {
            assert!(Ephemeral::parse(range, reserved).is_none(), "{range:?} {reserved:?}");
        }
    }
}
