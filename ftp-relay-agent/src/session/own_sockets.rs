//! The sockets that the relay has for its sessions. Its open listeners of data connections are its own, and no token dials
//! them. A connection that it has made itself is no peer of a leg: it comes from an address for which another join may wait.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ftp_io::lock::Lock;
use ftp_io::socket;
use ftp_proto::address::embedded;

/// All of them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct OwnSockets(Arc<Mutex<Sockets>>);

#[derive(Debug, Default)]
struct Sockets {
    /// How many listeners have this port, at any address of this host.
    listeners: HashMap<u16, usize>,
    /// The local addresses of connections that the relay has made.
    dialled: HashSet<SocketAddr>,
}

/// A listener that is open. Dropping it says that it is closed.
#[derive(Debug)]
#[must_use]
pub(super) struct OpenLeg {
    all: OwnSockets,
    port: u16,
}

/// A connection that the relay makes or has made. Dropping it says that it is closed.
#[derive(Debug)]
#[must_use]
pub(super) struct Dialled {
    all: OwnSockets,
    local: SocketAddr,
}

impl OwnSockets {
    /// Notes an open listener.
    pub(super) fn open(&self, at: SocketAddr) -> OpenLeg {
        *self.0.locked().listeners.entry(at.port()).or_default() += 1;
        OpenLeg { all: self.clone(), port: at.port() }
    }

    /// Whether a connection to this address may reach a listener.
    pub(super) fn has_leg(&self, to: SocketAddr) -> bool {
        self.0.locked().listeners.contains_key(&to.port()) && socket::is_own(embedded(to.ip()))
    }

    /// Notes a connection that is made from this address.
    pub(super) fn dial(&self, local: SocketAddr) -> Dialled {
        let local = plain(local);
        self.0.locked().dialled.insert(local);
        Dialled { all: self.clone(), local }
    }

    /// Whether the relay itself has connected from this address.
    pub(super) fn has_dialled(&self, from: SocketAddr) -> bool {
        self.0.locked().dialled.contains(&plain(from))
    }
}

/// The address in its shortest notation.
fn plain(at: SocketAddr) -> SocketAddr {
    SocketAddr::new(embedded(at.ip()), at.port())
}

impl Drop for OpenLeg {
    fn drop(&mut self) {
        let ports = &mut self.all.0.locked().listeners;
        if let Some(count) = ports.get_mut(&self.port) {
            *count -= 1;
            if *count == 0 {
                ports.remove(&self.port);
            }
        }
    }
}

impl Drop for Dialled {
    fn drop(&mut self) {
        self.all.0.locked().dialled.remove(&self.local);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r24_an_open_leg_is_known_in_each_notation_of_its_address_and_until_it_is_closed() {
        let legs = OwnSockets::default();
        let (first, second) =
            (legs.open("127.0.0.1:4711".parse().unwrap()), legs.open("[::1]:4711".parse().unwrap()));
        for (to, expect) in [
            ("127.0.0.1:4711", true),
            ("127.9.9.9:4711", true),
            ("[::ffff:127.0.0.1]:4711", true),
            ("[64:ff9b::7f00:1]:4711", true),
            ("127.0.0.1:4712", false),
            ("192.0.2.1:4711", false),
        ] {
            assert_eq!(legs.has_leg(to.parse().unwrap()), expect, "{to}");
        }
        drop(first);
        assert!(legs.has_leg("127.0.0.1:4711".parse().unwrap()));
        drop(second);
        assert!(!legs.has_leg("127.0.0.1:4711".parse().unwrap()) && legs.0.locked().listeners.is_empty());
    }

    #[test]
    fn r24_what_the_relay_has_connected_is_known_in_each_notation_and_until_it_is_closed() {
        let own = OwnSockets::default();
        let dialled = own.dial("192.0.2.1:4711".parse().unwrap());
        for (from, expect) in [
            ("192.0.2.1:4711", true),
            ("[::ffff:192.0.2.1]:4711", true),
            ("192.0.2.1:4712", false),
            ("192.0.2.2:4711", false),
        ] {
            assert_eq!(own.has_dialled(from.parse().unwrap()), expect, "{from}");
        }
        drop(dialled);
        assert!(!own.has_dialled("192.0.2.1:4711".parse().unwrap()));
    }
}
