//! Where a copy runs: in bursts on a thread that may block, between them parked in the reactor.
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
//! A file may block (disk), therefore the thread; a peer may be slow or silent, and ten thousand of
//! those must not hold a thread each, therefore the reactor. During a burst the reactor does not know
//! the connection: it would be woken by every segment that comes, for nothing.

use std::future::pending;
use std::io;
use std::net;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use super::{Ended, Meter};
#[cfg(target_os = "linux")]
use crate::socket::within_this_host;
use crate::socket::{end_by_reset, end_in_order};

/// What one step of a copy says.
#[derive(Debug)]
pub(super) enum Step {
    /// So many octets crossed the connection; go on.
    Moved(usize),
    /// The connection takes or gives nothing at present.
    Wait,
    /// That was all.
    Ended(Ended),
}

impl Step {
    /// What an error of the connection means.
    pub(super) fn failed(error: io::Error) -> Self {
        let kind = error.kind();
        if kind == io::ErrorKind::WouldBlock {
            Self::Wait
        } else if kind == io::ErrorKind::Interrupted {
            Self::Moved(0)
        } else {
            Self::Ended(Ended::Broken(error))
        }
    }
}

/// A copy as a sequence of steps; each may block on the file, none on the connection.
pub(super) trait Work: Send + 'static {
    /// Which way the octets go.
    const WAY: Way;

    /// Moves at most a few MiB.
    fn step(&mut self, conn: &net::TcpStream, room: &mut Vec<u8>) -> Step;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Out,
    In,
}

/// A connection that is reset when it is dropped, unless [`Conn::close`] says that all is well.
#[derive(Debug)]
pub(super) struct Conn(Option<TcpStream>);

impl Conn {
    /// A connection whose end is a reset until [`Conn::close`]: also when this process is killed.
    pub(super) fn new(stream: TcpStream) -> Self {
        end_by_reset(&stream);
        #[cfg(target_os = "linux")]
        within_this_host(&stream);
        Self(Some(stream))
    }

    pub(super) fn stream(&self) -> Option<&TcpStream> {
        self.0.as_ref()
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut TcpStream> {
        self.0.as_mut()
    }

    /// The connection without the reactor, for a burst or another reactor. It is still reset when it is dropped.
    pub(super) fn unwatched(self) -> io::Result<net::TcpStream> {
        self.0.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?.into_std()
    }

    /// The connection in the reactor's sight, which learns at once whether it is ready.
    pub(super) fn watched(stream: net::TcpStream) -> io::Result<Self> {
        TcpStream::from_std(stream).map(|stream| Self(Some(stream)))
    }

    /// Closes the connection in order.
    pub(super) fn close(self) {
        if let Some(stream) = self.0 {
            end_in_order(&stream);
        }
    }
}

/// Runs `work` to its end. Dropping the future stops the burst that is under way, and the
/// connection is reset.
pub(super) async fn run<W: Work>(conn: Conn, work: W, meter: &Meter) -> (Ended, Conn, W) {
    let (mut conn, mut work) = (conn, work);
    let abandoned = Abandoned::default();
    loop {
        let stream = match conn.unwatched() {
            Ok(stream) => stream,
            Err(error) => return (Ended::Broken(error), Conn(None), work),
        };
        let (meter_there, flag) = (meter.clone(), Arc::clone(&abandoned.0));
        let burst = spawn_blocking(move || {
            let pause = burst(&stream, &mut work, &meter_there, &flag);
            (pause, stream, work)
        });
        let (pause, stream);
        (pause, stream, work) = match burst.await {
            Ok(back) => back,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is being shut down: nobody waits for an answer.
                Err(_) => pending().await,
            },
        };
        conn = match Conn::watched(stream) {
            Ok(conn) => conn,
            Err(error) => return (Ended::Broken(error), Conn(None), work),
        };
        match pause {
            Pause::Ended(ended) => return (ended, conn, work),
            Pause::Quota => {}
            Pause::Park => {
                #[cfg(test)]
                meter.count_parked();
                let Some(stream) = conn.stream() else { continue };
                tokio::select! {
                    () = meter.stopped() => return (Ended::Stopped, conn, work),
                    ready = stream.ready(W::WAY.interest()) => if let Err(error) = ready {
                        return (Ended::Broken(error), conn, work);
                    },
                }
            }
        }
    }
}

/// Why a burst ends.
enum Pause {
    Ended(Ended),
    /// The connection was idle for a moment.
    Park,
    /// It has had the thread long enough.
    Quota,
}

fn burst<W: Work>(conn: &net::TcpStream, work: &mut W, meter: &Meter, abandoned: &AtomicBool) -> Pause {
    let mut room = Vec::new();
    let (mut quota, mut pace) = (QUOTA, Pace::default());
    while quota > 0 {
        if meter.is_stopped() || abandoned.load(Ordering::Relaxed) {
            return Pause::Ended(Ended::Stopped);
        }
        match work.step(conn, &mut room) {
            Step::Moved(octets) => {
                meter.add(octets);
                pace.moved += octets;
                quota = quota.saturating_sub(octets);
            }
            Step::Wait if pace.is_worth_waiting() && soon(conn, W::WAY) => {}
            Step::Wait => return Pause::Park,
            Step::Ended(ended) => return Pause::Ended(ended),
        }
    }
    Pause::Quota
}

/// Whether the peer is busy enough to hold a thread for it: some who trickle would otherwise have
/// all threads for ever.
#[derive(Default)]
struct Pace {
    /// Octets since the last wait.
    moved: usize,
    /// So many waits in a row brought next to nothing.
    poor: u32,
}

impl Pace {
    fn is_worth_waiting(&mut self) -> bool {
        self.poor = if std::mem::take(&mut self.moved) < WORTH { self.poor + 1 } else { 0 };
        self.poor <= POOR
    }
}

/// Whether the connection takes or gives something within [`PATIENCE`].
fn soon(conn: &net::TcpStream, way: Way) -> bool {
    let mut polled = [PollFd::new(conn, way.flags())];
    poll(&mut polled, Some(&PATIENCE)).is_ok_and(|ready| ready > 0)
}

impl Way {
    fn interest(self) -> Interest {
        match self {
            Self::Out => Interest::WRITABLE,
            Self::In => Interest::READABLE,
        }
    }

    fn flags(self) -> PollFlags {
        match self {
            Self::Out => PollFlags::OUT,
            Self::In => PollFlags::IN,
        }
    }
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
/// takes to be seen: longer than a busy peer on a good network pauses.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// How much a burst moves before it lets another one have the thread.
const QUOTA: usize = 256 * 1024 * 1024;

/// What a wait must bring, and how often it may bring less in a row.
const WORTH: usize = 16 * 1024;
const POOR: u32 = 3;
