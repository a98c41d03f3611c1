//! The two servers of a race.

use crate::context::Context;
use crate::endpoint::Server;
use crate::ladder::SharedMemory;
use crate::route::Circuit;

/// Two servers, what is known of the candidates between them, and what is kept with a relay.
pub(in crate::job) struct ServerPair<'a> {
    pub(in crate::job) context: &'a Context,
    pub(in crate::job) from: &'a mut Server,
    pub(in crate::job) to: &'a mut Server,
    pub(in crate::job) circuit: &'a mut Option<Circuit>,
    pub(in crate::job) memory: &'a SharedMemory,
}
