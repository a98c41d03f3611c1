//! Threads that move bytes between connections, each with a reactor of its own.
//!
//! In a scheduler of several threads one of them waits in the reactor, and each piece that a connection
//! brings or takes wakes it, while another thread is moving just that piece. Here the thread that moves
//! the bytes is the one that waits.

use std::future::{Future, pending};
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::lock::Lock;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

use super::data::DataConnection;

/// One thread. It lives as long as the process.
#[derive(Debug)]
struct Worker {
    handle: Handle,
    /// How many pairs of connections it has.
    pairs: AtomicUsize,
}

static WORKERS: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());

/// Runs `work` with two connections on a thread that does nothing else. Dropping the future ends the
/// work, and both connections are reset.
///
/// # Errors
///
/// The work could not begin, because a connection could not change to the thread's reactor.
pub(super) async fn run<W, T>(
    a: DataConnection,
    b: DataConnection,
    work: impl FnOnce(DataConnection, DataConnection, Slot) -> W + Send + 'static,
) -> io::Result<T>
where
    W: Future<Output = T> + Send,
    T: Send + 'static,
{
    let slot = Slot::free();
    let Some(handle) = slot.0.as_ref().map(|worker| worker.handle.clone()) else {
        // Otherwise everybody has room for this case, which is rare.
        return Ok(Box::pin(work(a, b, slot)).await);
    };
    let (a, b) = (a.detach()?, b.detach()?);
    let mut task = JoinSet::new();
    task.spawn_on(async move { Ok(work(a.attach()?, b.attach()?, slot).await) }, &handle);
    match task.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => Err(io::Error::other(error)),
        },
        // There is one task.
        None => pending().await,
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name("ftp-copy".into()).spawn(move || runtime.block_on(pending::<()>()))?;
        Ok(Self { handle, pairs: AtomicUsize::new(0) })
    }

    fn busy(&self) -> usize {
        self.pairs.load(Ordering::Relaxed)
    }
}

/// The place of one pair of connections at its worker, if it has one.
#[derive(Debug)]
pub(super) struct Slot(Option<Arc<Worker>>);

impl Slot {
    /// Takes a place at a worker without any pair; at a new worker while there may be more; otherwise at
    /// the worker with the fewest pairs. There is no worker if the system refuses the thread.
    fn free() -> Self {
        let mut workers = WORKERS.locked();
        let least = workers.iter().min_by_key(|worker| worker.busy()).cloned();
        let limit = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MAX_WORKERS);
        let more = workers.len() < limit && least.as_ref().is_none_or(|least| least.busy() > 0);
        let new = if more { Worker::start().ok().map(Arc::new) } else { None };
        workers.extend(new.clone());
        let slot = Self(new.or(least));
        if let Some(worker) = &slot.0 {
            worker.pairs.fetch_add(1, Ordering::Relaxed);
        }
        slot
    }

    /// Whether no other join needs this thread. Then it may wait for one connection alone, and is not
    /// woken by what happens at the other one.
    pub(super) fn is_alone(&self) -> bool {
        self.0.as_ref().is_some_and(|worker| worker.busy() == 1)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(worker) = &self.0 {
            worker.pairs.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Maximum number of threads; bytes that are not looked at do not keep more processors busy.
const MAX_WORKERS: usize = 4;
