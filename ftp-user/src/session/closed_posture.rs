//! What the sessions with one server have learnt in this run about data connections with this host.

use ftp_proto::transfer::Posture;
use std::sync::{Arc, Mutex, PoisonError};

/// The posture of a server in which no data connection with this host came about. Clones share it, so that the second
/// file does not try again what was in vain for the first one.
#[derive(Clone, Debug, Default)]
pub struct ClosedPosture(Arc<Mutex<Option<Posture>>>);

impl ClosedPosture {
    /// The posture, if one is known to be closed.
    pub(super) fn get(&self) -> Option<Posture> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what is known now.
    pub(super) fn set(&self, posture: Option<Posture>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = posture;
    }
}
