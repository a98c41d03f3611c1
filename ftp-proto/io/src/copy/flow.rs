//! One direction between two connections, from the first byte to the orderly end.
//!
//! ```text
//!  from --socket--> [ pipe or buffer ] --socket--> to
//! ```
//!
//! TLS on either side needs the buffer; the kernel must not see those bytes as they are.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::task::yield_now;

use super::threads::Slot;
use super::transit::Transit;
use crate::connection::Connection;
use crate::limiter::Volume;
use crate::meter::{Meter, Meters};
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
                if self.is_busy() && soon(socket, interest) {
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

/// Whether the connection is ready within [`PATIENCE`]; nothing else wakes this thread.
fn soon(socket: &Stream, interest: Interest) -> bool {
    let flags = if interest.is_readable() { PollFlags::IN } else { PollFlags::OUT };
    poll(&mut [PollFd::new(socket, flags)], Some(&PATIENCE)).is_ok_and(|ready| ready > 0)
}

/// How many bytes a busy pair moves at least between two waits.
const WORTH: usize = 64 * 1024;
/// How long a busy pair waits without the reactor. Meanwhile the other direction and a stop wait, too.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// After so many rounds other tasks get the thread.
const ROUNDS: u64 = 16;
