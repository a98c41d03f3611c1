//! Which data ports of this process are in use.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use crate::lock::Lock;

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
