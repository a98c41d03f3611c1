//! Threads that carry octets between connections, each with a reactor of its own.
//!
//! In a scheduler of several threads one of them waits in the reactor, and is woken for every piece
//! that a connection brings or takes while another thread is carrying just that. Here who carries is who waits.

use std::future::{Future, pending};
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

use super::burst::Conn;

/// One thread, for as long as the process lives.
#[derive(Debug)]
struct Carrier {
    handle: Handle,
    /// How many works it has.
    busy: AtomicUsize,
}

static CARRIERS: Mutex<Vec<Arc<Carrier>>> = Mutex::new(Vec::new());

/// Does `work` with two connections on a thread that does nothing else. Dropping the future ends the
/// work, and both connections are reset. An error says that it could not begin.
pub(super) async fn carry<W, T>(
    a: Conn,
    b: Conn,
    work: impl FnOnce(Conn, Conn, Seat) -> W + Send + 'static,
) -> io::Result<T>
where
    W: Future<Output = T> + Send,
    T: Send + 'static,
{
    let seat = Seat::free();
    let Some(handle) = seat.0.as_ref().map(|carrier| carrier.handle.clone()) else {
        return Ok(work(a, b, seat).await);
    };
    let (a, b) = (a.unwatched()?, b.unwatched()?);
    let mut task = JoinSet::new();
    task.spawn_on(async move { Ok(work(Conn::watched(a)?, Conn::watched(b)?, seat).await) }, &handle);
    match task.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => Err(io::Error::other(error)),
        },
        // There is one.
        None => pending().await,
    }
}

impl Carrier {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name("ftp-carrier".into()).spawn(move || runtime.block_on(pending::<()>()))?;
        Ok(Self { handle, busy: AtomicUsize::new(0) })
    }

    fn load(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }
}

/// The place of one work at its carrier.
#[derive(Debug)]
pub(super) struct Seat(Option<Arc<Carrier>>);

impl Seat {
    /// At a carrier with nothing to do, a new one while there may be more, else the one with the least
    /// to do. At none where no thread is to be had.
    fn free() -> Self {
        let mut carriers = CARRIERS.lock().unwrap_or_else(PoisonError::into_inner);
        let least = carriers.iter().min_by_key(|carrier| carrier.load()).cloned();
        let most = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MOST);
        let more = carriers.len() < most && least.as_ref().is_none_or(|least| least.load() > 0);
        let new = if more { Carrier::start().ok().map(Arc::new) } else { None };
        carriers.extend(new.clone());
        let seat = Self(new.or(least));
        if let Some(carrier) = &seat.0 {
            carrier.busy.fetch_add(1, Ordering::Relaxed);
        }
        seat
    }

    /// Whether nobody else waits for this thread: then it may wait for one connection alone, and is not
    /// woken by what happens at the other one.
    pub(super) fn is_alone(&self) -> bool {
        self.0.as_ref().is_some_and(|carrier| carrier.load() == 1)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(carrier) = &self.0 {
            carrier.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// More processors than these are not kept busy by octets that nobody looks at.
const MOST: usize = 4;
