//! Runs a copy between a file and a connection: in bursts on a thread that may block, between them
//! parked in the reactor.
//!
//! ```text
//!        +---------------- burst: a thread of the blocking pool ----------------+
//!  start |  step, step, ... -> would block -> poll a moment -> step, step, ...  | end
//! ------>|                                         | nothing came               |----->
//!        +-----------------------------------------+----------------------------+
//!             ^                                    v
//!             |  ready                     parked: the reactor watches the connection
//!             +------------------------------------+
//! ```
//!
//! A file may block (disk), so a burst needs a thread. A peer may be slow or silent, and ten thousand of
//! those must not hold a thread each, so between bursts the reactor waits. During a burst the reactor
//! does not know the connection: every segment that comes would wake it for nothing.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;

use super::CopyEnd;
use super::data::{DataConnection, Detached};
use crate::blocking;
use crate::meter::Meter;

/// What one step of a copy has brought about.
#[derive(Debug)]
pub(super) enum Step {
    /// So many bytes crossed the connection; go on.
    Moved(usize),
    /// The connection takes or gives nothing at present.
    Wait,
    /// That was all.
    Ended(CopyEnd),
}

impl Step {
    /// What a write to the connection has come to. `note` learns how many bytes it has taken.
    pub(super) fn sent(written: io::Result<usize>, note: impl FnOnce(usize)) -> Self {
        match written {
            Ok(sent) => {
                note(sent);
                Self::Moved(sent)
            }
            Err(error) => Self::failed(error),
        }
    }

    /// What an error of the connection means.
    pub(super) fn failed(error: io::Error) -> Self {
        let kind = error.kind();
        if kind == io::ErrorKind::WouldBlock {
            Self::Wait
        } else if kind == io::ErrorKind::Interrupted {
            Self::Moved(0)
        } else {
            Self::Ended(CopyEnd::Broken(error))
        }
    }
}

/// A copy as a sequence of steps. Each may block on the file, none on the connection.
pub(super) trait Work: Send + 'static {
    /// What is awaited of the connection: that it takes bytes, or that it brings some.
    const INTEREST: Interest;
    /// How many bytes a burst moves before it lets another one have the thread. For a file, that is a
    /// fraction of a second.
    const QUOTA: usize = 256 * 1024 * 1024;

    /// Moves at most a few MiB, and at most `most` bytes. `buffer` belongs to the burst.
    fn step(&mut self, connection: &mut Detached, buffer: &mut Vec<u8>, most: usize) -> Step;

    /// Does on the same thread what is left to do after the last step. Returns the connection, unless it has
    /// ended it.
    fn ended(&mut self, _end: &CopyEnd, connection: Detached, _meter: &Meter) -> Option<Detached> {
        Some(connection)
    }
}

/// Work that has run to its end.
pub(super) struct Finished<W> {
    pub(super) end: CopyEnd,
    /// The connection, if it is still there.
    pub(super) connection: Option<DataConnection>,
    pub(super) work: W,
}

/// Runs `work` to its end. Dropping the future stops the burst that is under way, and the connection is reset.
pub(super) async fn run<W: Work>(mut connection: DataConnection, mut work: W, meter: &Meter) -> Finished<W> {
    let abandoned = Abandoned::default();
    loop {
        let Some(pass) = meter.unless_stopped(meter.pass()).await else {
            return Finished { end: CopyEnd::Stopped, connection: Some(connection), work };
        };
        let mut detached = match connection.detach() {
            Ok(detached) => detached,
            Err(error) => return Finished { end: CopyEnd::Broken(error), connection: None, work },
        };
        let (meter_there, flag) = (meter.clone(), Arc::clone(&abandoned.0));
        let burst = blocking::spawn(move || {
            let _pass = pass;
            let after = match burst(&mut detached, &mut work, &meter_there, &flag) {
                Ok(pause) => BurstEnd::Paused(pause, detached),
                Err(end) => BurstEnd::Ended(work.ended(&end, detached, &meter_there), end),
            };
            (after, work)
        });
        let after;
        (after, work) = blocking::result_of(burst).await;
        let (pause, back) = match after {
            BurstEnd::Ended(None, end) => return Finished { end, connection: None, work },
            BurstEnd::Ended(Some(back), end) => (Err(end), back),
            BurstEnd::Paused(pause, back) => (Ok(pause), back),
        };
        connection = match back.attach() {
            Ok(connection) => connection,
            Err(error) => return Finished { end: CopyEnd::Broken(error), connection: None, work },
        };
        let waited = match pause {
            Err(end) => return Finished { end, connection: Some(connection), work },
            Ok(Pause::Quota) => Some(Ok(())),
            Ok(Pause::Rest(rest)) => meter.unless_stopped(tokio::time::sleep(rest)).await.map(Ok),
            Ok(Pause::Park) => {
                #[cfg(test)]
                meter.count_parked();
                let ready = connection.connection().socket().ready(W::INTEREST);
                meter.unless_stopped(ready).await.map(|ready| ready.map(drop))
            }
        };
        let end = match waited {
            Some(Ok(())) => continue,
            Some(Err(error)) => CopyEnd::Broken(error),
            None => CopyEnd::Stopped,
        };
        return Finished { end, connection: Some(connection), work };
    }
}

/// What a burst leaves.
enum BurstEnd {
    /// The copy is over; the connection, unless it has ended as well.
    Ended(Option<Detached>, CopyEnd),
    /// The copy goes on.
    Paused(Pause, Detached),
}

/// Why a burst ends before the copy.
enum Pause {
    /// The connection was idle for a moment.
    Park,
    /// It has had the thread long enough.
    Quota,
    /// It has to rest because of its rate.
    Rest(Duration),
}

/// Moves what can be moved at once.
///
/// # Errors
/// How the copy has ended.
fn burst<W: Work>(
    connection: &mut Detached,
    work: &mut W,
    meter: &Meter,
    abandoned: &AtomicBool,
) -> Result<Pause, CopyEnd> {
    let mut buffer = Vec::new();
    let (mut quota, mut pace) = (W::QUOTA, Pace::default());
    while quota > 0 {
        if meter.is_stopped() || abandoned.load(Ordering::Relaxed) {
            return Err(CopyEnd::Stopped);
        }
        let most = match meter.allowance() {
            Ok(most) => most,
            Err(rest) => return Ok(Pause::Rest(rest)),
        };
        match work.step(connection, &mut buffer, most) {
            Step::Moved(bytes) => {
                meter.add(bytes);
                pace.moved += bytes;
                quota = quota.saturating_sub(bytes);
            }
            Step::Wait
                if pace.is_worth_waiting()
                    && soon(connection.socket().descriptor(), W::INTEREST, &PATIENCE) => {}
            Step::Wait => return Ok(Pause::Park),
            Step::Ended(ended) => return Err(ended),
        }
    }
    Ok(Pause::Quota)
}

/// Whether the peer is busy enough to hold a thread for it. Otherwise a few slow peers could hold all threads.
#[derive(Default)]
struct Pace {
    /// Bytes since the last wait.
    moved: usize,
    /// How many waits in a row brought next to nothing.
    poor: u32,
}

impl Pace {
    fn is_worth_waiting(&mut self) -> bool {
        self.poor = if std::mem::take(&mut self.moved) < WORTH { self.poor + 1 } else { 0 };
        self.poor <= POOR
    }
}

/// Whether a connection takes or gives something within `patience`; nothing else wakes this thread.
pub(super) fn soon(socket: Option<BorrowedFd<'_>>, interest: Interest, patience: &Timespec) -> bool {
    let flags = if interest.is_readable() { PollFlags::IN } else { PollFlags::OUT };
    let Some(socket) = socket else { return false };
    poll(&mut [PollFd::from_borrowed_fd(socket, flags)], Some(patience)).is_ok_and(|ready| ready > 0)
}

/// Tells the burst that its future was dropped.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How long a burst holds its thread for an idle connection, and so the longest time that a stop
/// takes to be seen. It is longer than a busy peer on a good network pauses.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// How many bytes a wait must bring, and how often in a row it may bring less.
const WORTH: usize = 16 * 1024;
const POOR: u32 = 3;
