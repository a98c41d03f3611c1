//! Work that may block, on a thread for it.

use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::simulated;

/// Starts `work` on a thread that may block. On a host of a simulation it is a task like the others, which keeps its order.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    match simulated::host() {
        None => tokio::task::spawn_blocking(work),
        Some(_) => tokio::spawn(async { work() }),
    }
}

/// The same as one of the tasks of `set`.
pub fn spawn_in<T: Send + 'static>(
    set: &mut JoinSet<T>,
    work: impl FnOnce() -> T + Send + 'static,
) -> AbortHandle {
    match simulated::host() {
        None => set.spawn_blocking(work),
        Some(_) => set.spawn(async { work() }),
    }
}
