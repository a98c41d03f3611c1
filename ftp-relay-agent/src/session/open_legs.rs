//! The listeners of data connections that are open: they belong to the relay's own listeners, which no token dials.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ftp_io::socket;
use ftp_proto::address::embedded;

/// The ports of all listeners of data connections. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct OpenLegs(Arc<Mutex<HashMap<u16, usize>>>);

/// A listener that is open. Dropping it says that it is closed.
#[derive(Debug)]
#[must_use]
pub(super) struct OpenLeg {
    all: OpenLegs,
    port: u16,
}

impl OpenLegs {
    /// Notes an open listener.
    pub(super) fn open(&self, at: SocketAddr) -> OpenLeg {
        *self.lock().entry(at.port()).or_default() += 1;
        OpenLeg { all: self.clone(), port: at.port() }
    }

    /// Whether a connection to this address may reach one of them.
    pub(super) fn has(&self, to: SocketAddr) -> bool {
        self.lock().contains_key(&to.port()) && socket::is_own(embedded(to.ip()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u16, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenLeg {
    fn drop(&mut self) {
        let mut ports = self.all.lock();
        if let Some(count) = ports.get_mut(&self.port) {
            *count -= 1;
            if *count == 0 {
                ports.remove(&self.port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r24_an_open_leg_is_known_in_each_notation_of_its_address_and_until_it_is_closed() {
        let legs = OpenLegs::default();
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
            assert_eq!(legs.has(to.parse().unwrap()), expect, "{to}");
        }
        drop(first);
        assert!(legs.has("127.0.0.1:4711".parse().unwrap()));
        drop(second);
        assert!(!legs.has("127.0.0.1:4711".parse().unwrap()) && legs.lock().is_empty());
    }
}
