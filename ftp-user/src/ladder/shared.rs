//! The memory of one pair of ends, for all workers that copy between them.

use super::memory::Memory;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The memory of one ordered pair of ends. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SharedMemory(Arc<Mutex<Memory>>);

impl SharedMemory {
    /// The memory, for as long as nothing is awaited.
    pub fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
