//! Work that may block, on a thread for it.

use std::future::Future;

use tokio::runtime::Handle;
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

/// Starts a task that blocks now and then, as one of `set`: on a thread of its own. On a host of a simulation it is a local task.
pub fn run_in<T: Send + 'static, Task: Future<Output = T> + 'static>(
    set: &mut JoinSet<T>,
    begin: impl FnOnce() -> Task + Send + 'static,
) -> AbortHandle {
    match simulated::host() {
        None => {
            let scheduler = Handle::current();
            set.spawn_blocking(move || scheduler.block_on(begin()))
        }
        Some(_) => set.spawn_local(begin()),
    }
}
