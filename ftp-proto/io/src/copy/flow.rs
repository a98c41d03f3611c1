//! One direction between two connections, from the first byte to the orderly end.
//!
//! ```text
//!  from --socket--> [ pipe or buffer ] --socket--> to
//! ```
//!
//! TLS on either side needs the buffer; the kernel must not see those bytes as they are.

use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use rustix::event::Timespec;
use sha2::{Digest, Sha256};
use tokio::io::Interest;
use tokio::runtime::{Builder, Handle};
use tokio::task::{JoinSet, yield_now};

use super::burst::soon;
use super::data::DataConnection;
#[cfg(target_os = "linux")]
use super::pipe::{Pipe, PipeFill, Pipes, is_refused};
use super::room;
use crate::connection::Connection;
use crate::limiter::Volume;
use crate::lock::Lock;
use crate::meter::{Meter, Meters};
use crate::simulated;
use crate::socket::Stream;

/// One direction between two connections. It is as fast as the meter of what is taken allows.
pub(super) struct Flow<'a> {
    pub(super) from: &'a Connection,
    pub(super) to: &'a Connection,
    pub(super) meters: &'a Meters,
    /// What may still pass.
    pub(super) allowance: &'a Allowance,
    pub(super) slot: &'a Slot,
}

/// How many bytes may still pass; directions may share it.
#[derive(Debug)]
pub struct Allowance {
    left: AtomicU64,
    /// What it shares with others.
    volumes: Vec<Volume>,
}

/// Why a direction ended before its orderly end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection that bytes come from failed.
    From(io::Error),
    /// The connection that bytes go to failed.
    To(io::Error),
    /// There were more bytes than allowed.
    Limit,
    /// [`Meters::stop`] was called.
    Stopped,
}

impl Flow<'_> {
    /// Moves everything until `from` ends in order; then `to` has accepted all of it, and nothing is left
    /// in TLS.
    pub(super) async fn run(&self, transit: &mut Transit) -> Result<(), Broken> {
        let Self { from, to, meters, allowance, slot } = *self;
        let (mut pace, mut rounds) = (Pace { slot, moved: 0 }, 0_u64);
        loop {
            // With nothing left one byte is asked for: there must be none.
            let most = meters.taken.turn().await.ok_or(Broken::Stopped)?;
            let limit = allowance.left().max(1).min(most);
            let filled =
                pace.at_once(from.socket(), Interest::READABLE, &meters.taken, || transit.fill(from, limit));
            let mut held = filled.await.map_err(|unable| unable.because(Broken::From))?;
            if held == 0 {
                return Ok(());
            }
            if !allowance.take(held) {
                return Err(Broken::Limit);
            }
            meters.taken.add(held);
            while held > 0 {
                let drained =
                    pace.at_once(to.socket(), Interest::WRITABLE, &meters.given, || transit.drain(to, held));
                let gone = drained.await.map_err(|unable| unable.because(Broken::To))?;
                held = held.saturating_sub(gone);
                meters.given.add(gone);
            }
            if to.wants_flush() {
                let flushed = pace
                    .at_once(to.socket(), Interest::WRITABLE, &meters.given, || to.flush_now().map(|()| 0));
                flushed.await.map_err(|unable| unable.because(Broken::To))?;
            }
            // A busy pair leaves the thread to others once in a while.
            rounds += 1;
            if rounds.is_multiple_of(ROUNDS) {
                yield_now().await;
            }
        }
    }
}

impl Allowance {
    /// `bytes` may pass, unless one of the volumes has fewer.
    pub const fn new(bytes: u64, volumes: Vec<Volume>) -> Self {
        Self { left: AtomicU64::new(bytes), volumes }
    }

    fn left(&self) -> usize {
        let own = self.left.load(Ordering::Relaxed);
        let left = self.volumes.iter().map(Volume::left).fold(own, u64::min);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Takes bytes. Returns whether they may pass.
    #[must_use]
    pub fn take(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = |left: u64| left.checked_sub(bytes);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        taken.is_ok() && self.volumes.iter().all(|volume| volume.take(bytes))
    }
}

/// Why one step could not be done.
enum Unable {
    Stopped,
    Failed(io::Error),
}

impl Unable {
    fn because(self, whose: impl FnOnce(io::Error) -> Broken) -> Broken {
        match self {
            Self::Stopped => Broken::Stopped,
            Self::Failed(error) => whose(error),
        }
    }
}

/// How one direction waits.
struct Pace<'a> {
    slot: &'a Slot,
    /// Bytes since the last wait.
    moved: usize,
}

impl Pace<'_> {
    /// Does `work` as soon as the connection lets it.
    async fn at_once(
        &mut self,
        socket: &Stream,
        interest: Interest,
        meter: &Meter,
        mut work: impl FnMut() -> io::Result<usize>,
    ) -> Result<usize, Unable> {
        loop {
            if meter.is_stopped() {
                return Err(Unable::Stopped);
            }
            // First without the reactor, because TLS may hold something when the socket has nothing; then
            // in the reactor's sight, so that it wakes this task.
            let mut done = work();
            if would_block(&done) {
                if self.is_busy() && soon(socket.descriptor(), interest, &PATIENCE) {
                    continue;
                }
                done = socket.try_io(interest, &mut work);
            }
            match done {
                Ok(bytes) => {
                    self.moved += bytes;
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Unable::Failed(error)),
            }
            tokio::select! {
                biased;
                () = meter.stopped() => return Err(Unable::Stopped),
                ready = socket.ready(interest) => drop(ready.map_err(Unable::Failed)?),
            }
        }
    }

    /// Whether to wait without the reactor: the pair is busy and the thread has no other work.
    fn is_busy(&mut self) -> bool {
        std::mem::take(&mut self.moved) >= WORTH && self.slot.is_alone()
    }
}

fn would_block(done: &io::Result<usize>) -> bool {
    done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// How many bytes a busy pair moves at least between two waits.
const WORTH: usize = 64 * 1024;
/// How long a busy pair waits without the reactor. Meanwhile the other direction and a stop wait, too.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// After so many rounds other tasks get the thread.
const ROUNDS: u64 = 16;

/// One thread. It lives as long as the process.
///
/// A thread that moves bytes between connections, with a reactor of its own. In a scheduler of several threads one of them
/// waits in the reactor, and each piece that a connection brings or takes wakes it, while another thread is moving just that
/// piece. Here the thread that moves the bytes is the one that waits.
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
        if simulated::host().is_some() {
            return Self(None);
        }
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

/// The bytes of one direction between two connections.
///
/// It is filled only when it is empty. So only the first connection can make filling wait, the pace of
/// the second is that of the first, and the end is not seen before everything has gone.
#[derive(Debug)]
pub(super) struct Transit {
    /// Where pipes come from; `None` if bytes are copied.
    #[cfg(target_os = "linux")]
    pipes: Option<Pipes>,
    #[cfg(target_os = "linux")]
    pipe: Option<Pipe>,
    /// How many bytes are copied at once while the pool has no pipe.
    #[cfg(target_os = "linux")]
    without_pipe: usize,
    buffer: Buffer,
}

/// Bytes in memory.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many of `bytes` were filled, and how many of these have gone.
    filled: usize,
    gone: usize,
    size: usize,
    /// Keeps its memory while it waits.
    kept: bool,
    digest: Option<Sha256>,
}

impl Transit {
    /// Bytes are copied through a buffer of `size` bytes that goes back to the system while nothing
    /// comes.
    pub(super) const fn copied(size: usize) -> Self {
        let buffer = Buffer { bytes: Vec::new(), filled: 0, gone: 0, size, kept: false, digest: None };
        Self {
            #[cfg(target_os = "linux")]
            pipes: None,
            #[cfg(target_os = "linux")]
            pipe: None,
            #[cfg(target_os = "linux")]
            without_pipe: size,
            buffer,
        }
    }

    /// Bytes pass a pipe of the pool while there is one. While there is none, at most `without_pipe` bytes are copied
    /// at once.
    #[cfg(target_os = "linux")]
    pub(super) fn spliced(mut self, pipes: Pipes, without_pipe: usize) -> Self {
        (self.pipes, self.without_pipe) = (Some(pipes), without_pipe);
        self
    }

    /// Bytes are copied: the kernel must not see them as they are.
    pub(super) fn without_pipes(mut self) -> Self {
        #[cfg(target_os = "linux")]
        {
            self.pipes = None;
        }
        self
    }

    /// Computes the SHA-256 of everything that passes.
    pub(super) fn digested(mut self) -> Self {
        self.buffer.digest = Some(Sha256::new());
        self
    }

    /// The buffer keeps its memory while nothing comes.
    pub(super) fn kept(mut self) -> Self {
        self.buffer.kept = true;
        self
    }

    /// The SHA-256 of everything that has passed, 64 lower-case hexadecimal digits, if it was computed.
    pub(super) fn sha256(&mut self) -> Option<String> {
        self.buffer.digest.take().map(crate::hash::hex)
    }

    /// Takes what the connection has, at most `limit` bytes; 0 is its end. Everything before has gone.
    pub(super) fn fill(&mut self, from: &Connection, limit: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if let Some(pipes) = &self.pipes
            && let Some(socket) = from.socket().descriptor()
            && let Some(pipe) = self.pipe.take().or_else(|| pipes.take())
        {
            match pipe.take_from(socket, limit) {
                PipeFill::Bytes(taken) => {
                    self.pipe = Some(pipe);
                    return Ok(taken);
                }
                PipeFill::End => {
                    pipes.give(pipe);
                    return Ok(0);
                }
                PipeFill::Nothing(error) => {
                    pipes.give(pipe);
                    return Err(error.into());
                }
                PipeFill::Refused => {
                    pipes.give(pipe);
                    self.pipes = None;
                }
                PipeFill::Broken(error) => {
                    pipes.lose(pipe);
                    return Err(error.into());
                }
            }
        }
        #[cfg(target_os = "linux")]
        if self.pipes.is_some() {
            return self.buffer.fill(from, limit.min(self.without_pipe));
        }
        self.buffer.fill(from, limit)
    }

    /// Gives the connection some of the `left` bytes.
    pub(super) fn drain(&mut self, to: &Connection, left: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if let Some(pipe) = &mut self.pipe
            && let Some(socket) = to.socket().descriptor()
        {
            match pipe.give_to(socket, left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if is_refused(error) => {
                    pipe.take(left, &mut self.buffer.bytes)?;
                    (self.buffer.filled, self.buffer.gone) = (left, 0);
                    if let (Some(pipes), Some(pipe)) = (self.pipes.take(), self.pipe.take()) {
                        pipes.give(pipe);
                    }
                }
                given => return Ok(given?),
            }
        }
        self.buffer.drain(to)
    }
}

impl Buffer {
    fn fill(&mut self, from: &Connection, limit: usize) -> io::Result<usize> {
        (self.filled, self.gone) = (0, 0);
        let most = self.size.min(limit);
        match from.read_now(room(&mut self.bytes, most)) {
            Ok(count) => self.filled = count,
            Err(error) => {
                if !self.kept {
                    self.bytes = Vec::new();
                }
                return Err(error);
            }
        }
        if let Some(digest) = &mut self.digest {
            digest.update(self.bytes.get(..self.filled).unwrap_or_default());
        }
        Ok(self.filled)
    }

    fn drain(&mut self, to: &Connection) -> io::Result<usize> {
        let sent = to.write_now(self.bytes.get(self.gone..self.filled).unwrap_or_default())?;
        self.gone += sent;
        Ok(sent)
    }
}

#[cfg(test)]
impl Transit {
    pub(super) fn computes_digest(&self) -> bool {
        self.buffer.digest.is_some()
    }
}

/// What is in the pipe is lost with it.
#[cfg(target_os = "linux")]
impl Drop for Transit {
    fn drop(&mut self) {
        if let (Some(pipes), Some(pipe)) = (&self.pipes, self.pipe.take()) {
            pipes.lose(pipe);
        }
    }
}
