//! Work that may block, on a thread for it.

use std::future::{Future, pending};
use std::panic::resume_unwind;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};

use crate::simulated;

/// Starts `work` on a thread that may block. On a host of a simulation it is a task like the others, which keeps its order.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    match simulated::host() {
        None => tokio::task::spawn_blocking(work),
        Some(_) => tokio::spawn(async { work() }),
    }
}

/// Starts `work` as [`spawn`] does, as one of the tasks of `set`.
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

/// Waits for work that [`spawn`] has started, and returns its result. It panics if the work has panicked, and never returns while
/// the runtime is being shut down.
pub(crate) async fn result_of<T>(work: JoinHandle<T>) -> T {
    match unless_cancelled(work.await) {
        Some(result) => result,
        None => pending().await,
    }
}

/// The result of a task; `None` if it was cancelled, or the runtime is being shut down. It panics if the task has panicked.
pub fn unless_cancelled<T>(joined: Result<T, JoinError>) -> Option<T> {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(end) => Some(end),
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => None,
    }
}
