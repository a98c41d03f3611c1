//! What the servers, a relay and this host have told of the transfer of a file. It is for receipts, and decides nothing.

use std::net::SocketAddr;
use std::sync::Arc;

/// What is known of the transfer of one file. Of two values, the first one is that of the source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TransferFacts {
    /// The digest of both ends in hexadecimal digits, if digests have verified the copy.
    pub digest: Option<String>,
    /// The address of each server at its data connection.
    pub addresses: [Option<SocketAddr>; 2],
    /// How many strangers were refused where each server, or the relay for it, has waited for its data connection.
    pub strangers: [Option<u32>; 2],
    /// What it shares with other files of the same path.
    pub path: Option<Arc<PathFacts>>,
}

impl TransferFacts {
    /// Nothing is known.
    pub const NONE: Self = Self { digest: None, addresses: [None; 2], strangers: [None; 2], path: None };

    /// The same, and why the path was taken.
    #[must_use]
    pub fn because(mut self, why: String) -> Self {
        let mut path = self.path.take().map_or_else(PathFacts::default, Arc::unwrap_or_clone);
        path.why = Some(why);
        Self { path: Some(Arc::new(path)), ..self }
    }
}

/// What files that take the same path have in common. Of two values, the first one is that of the source.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct PathFacts {
    /// What protects the control connection with each server: `clear`, or the version and the suite of TLS.
    pub control: [Option<String>; 2],
    /// What protects the data connection of each server. Between two servers this is what was agreed with PROT.
    pub data: [Option<String>; 2],
    /// Why this path was taken.
    pub why: Option<String>,
}
