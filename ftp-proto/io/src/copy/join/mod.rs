//! A connection to a connection: the octets of a file that passes this host and is never stored here.
//!
//! ```text
//!  source --socket--> [ pipe 1 MiB ] --socket--> destination
//! ```
//!
//! Only an empty pipe is filled: then nothing but the source can make filling wait, the destination's
//! pace is the source's, and the end of the file is not seen before everything has gone. It happens on
//! one of the threads of `carrier`, which while it is the only one there waits for just the connection
//! that it needs.

#[cfg(test)]
mod tests;

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(target_os = "linux")]
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::yield_now;

use super::burst::Conn;
use super::carrier::{Seat, carry};
use super::data::open;
use super::send::finish;
#[cfg(target_os = "linux")]
use super::splice::Pipe;
use super::{Ended, Meter};
use crate::connection::Layer;
use crate::tls::Data;

/// How much has come and how much has gone. Clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    /// What the source has brought.
    pub taken: Meter,
    /// What the destination has accepted.
    pub given: Meter,
}

impl Meters {
    /// Ends the copy at once, whomever it waits for.
    pub fn stop(&self) {
        self.taken.stop();
        self.given.stop();
    }
}

/// Whether the octets are looked at on their way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Look {
    /// Nobody sees them: the kernel moves them (splice).
    #[default]
    Away,
    /// Their SHA-256 is computed (I14).
    Sha256,
}

/// How it went.
#[derive(Debug)]
pub struct Joined {
    /// Octets that the destination's connection has accepted.
    pub octets: u64,
    /// Their SHA-256, 64 lower-case hexadecimal digits, where it was asked for and they are all.
    pub sha256: Option<String>,
    /// Why there were no more.
    pub end: Joint,
}

/// How it ended. Except after [`Joint::Whole`] both connections have been reset.
#[derive(Debug)]
pub enum Joint {
    /// The source closed its connection in order, and the destination's has accepted everything.
    Whole(Tail),
    /// The source's connection failed.
    Source(io::Error),
    /// The destination's connection failed.
    Destination(io::Error),
    /// [`Meters::stop`] was called.
    Stopped,
}

/// The destination's connection after the last octet. It is reset when it is dropped: nobody but the
/// caller knows whether the file was whole (I03).
#[derive(Debug)]
pub struct Tail(Conn, Option<Layer>);

impl Tail {
    /// Closes it in order: the file is whole.
    pub async fn close(self, meter: &Meter) -> Ended {
        finish(self.0, self.1, meter).await
    }
}

/// Carries what `from` brings to `to` until `from` closes in order, never more ahead than one pipe
/// (or 256 KiB where octets are looked at, or splice does not work). Where that does not succeed, or
/// the future is dropped, both connections are reset. Where one is inside TLS octets pass a buffer.
pub async fn join(from: impl Into<Data>, to: impl Into<Data>, look: Look, meters: &Meters) -> Joined {
    join_by(Hold::first(look), from.into(), to.into(), meters).await
}

pub(super) async fn join_by(hold: Hold, from: Data, to: Data, meters: &Meters) -> Joined {
    let none = |end| Joined { octets: 0, sha256: None, end };
    // An end whose handshake fails is not kept waiting for the other's.
    let opened = tokio::try_join!(
        async { open(from, &meters.taken).await.map_err(|end| (end, Joint::Source as fn(_) -> _)) },
        async { open(to, &meters.given).await.map_err(|end| (end, Joint::Destination as fn(_) -> _)) },
    );
    let ((from, out_of), (to, into)) = match opened {
        Ok(opened) => opened,
        Err((Ended::Broken(error), whose)) => return none(whose(error)),
        Err((Ended::Whole | Ended::Stopped | Ended::File(_), _)) => return none(Joint::Stopped),
    };
    let hold = if out_of.is_some() || into.is_some() { hold.seen() } else { hold };
    let there = meters.clone();
    let work =
        move |from, to, seat| async move { joined(hold, (from, out_of), (to, into), (&there, &seat)).await };
    match carry(from, to, work).await {
        Ok(joined) => joined,
        Err(error) => none(Joint::Source(error)),
    }
}

async fn joined(
    mut hold: Hold,
    (from, mut out_of): (Conn, Option<Layer>),
    (to, mut into): (Conn, Option<Layer>),
    (meters, seat): (&Meters, &Seat),
) -> Joined {
    let end = match (from.stream(), to.stream()) {
        (Some(source), Some(destination)) => {
            let ends = ((source, &mut out_of), (destination, &mut into));
            move_all(&mut hold, ends, (meters, seat)).await
        }
        (None, _) | (_, None) => Err(Broke::Stopped),
    };
    let (sha256, end) = match end {
        Ok(()) => {
            if let (Some(inside), Some(stream)) = (&mut out_of, from.stream()) {
                // The source may have gone; it has said all that it had to say.
                let _ = inside.close(stream);
            }
            from.close();
            (hold.digest(), Joint::Whole(Tail(to, into)))
        }
        Err(Broke::Source(error)) => (None, Joint::Source(error)),
        Err(Broke::Destination(error)) => (None, Joint::Destination(error)),
        Err(Broke::Stopped) => (None, Joint::Stopped),
    };
    Joined { octets: meters.given.moved(), sha256, end }
}

enum Broke {
    Source(io::Error),
    Destination(io::Error),
    Stopped,
}

/// A connection, and what TLS has between it and us.
type End<'a> = (&'a TcpStream, &'a mut Option<Layer>);

async fn move_all(
    hold: &mut Hold,
    ((from, out_of), (to, into)): (End<'_>, End<'_>),
    (meters, seat): (&Meters, &Seat),
) -> Result<(), Broke> {
    let (mut pace, mut rounds) = (Pace::at(seat), 0_u64);
    loop {
        let filled = pace.at_once(from, Interest::READABLE, &meters.taken, || hold.fill(from, out_of));
        let mut left = filled.await.map_err(|broke| broke.of(Broke::Source))?;
        if left == 0 {
            return Ok(());
        }
        meters.taken.add(left);
        while left > 0 {
            let drained = pace.at_once(to, Interest::WRITABLE, &meters.given, || hold.drain(to, into, left));
            let gone = drained.await.map_err(|broke| broke.of(Broke::Destination))?;
            left = left.saturating_sub(gone);
            meters.given.add(gone);
        }
        // A busy pair leaves the thread to others once in a while.
        rounds += 1;
        if rounds.is_multiple_of(ROUNDS) {
            yield_now().await;
        }
    }
}

/// Why one step could not be done.
pub(super) enum Unable {
    Stopped,
    Failed(io::Error),
}

impl Unable {
    fn of(self, whose: impl FnOnce(io::Error) -> Broke) -> Broke {
        match self {
            Self::Stopped => Broke::Stopped,
            Self::Failed(error) => whose(error),
        }
    }
}

/// How one direction waits.
pub(super) struct Pace<'a> {
    seat: &'a Seat,
    /// Octets since the last wait.
    moved: usize,
}

impl<'a> Pace<'a> {
    pub(super) const fn at(seat: &'a Seat) -> Self {
        Self { seat, moved: 0 }
    }

    /// Does `work` as soon as the connection lets it.
    pub(super) async fn at_once(
        &mut self,
        conn: &TcpStream,
        interest: Interest,
        meter: &Meter,
        mut work: impl FnMut() -> io::Result<usize>,
    ) -> Result<usize, Unable> {
        loop {
            if meter.is_stopped() {
                return Err(Unable::Stopped);
            }
            // First without the reactor (TLS may hold something when the socket has nothing), then in its
            // sight, so that it wakes us.
            let mut done = work();
            if would_block(&done) {
                if self.is_busy() && soon(conn, interest) {
                    continue;
                }
                done = conn.try_io(interest, &mut work);
            }
            match done {
                Ok(octets) => {
                    self.moved += octets;
                    return Ok(octets);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Unable::Failed(error)),
            }
            tokio::select! {
                () = meter.stopped() => return Err(Unable::Stopped),
                ready = conn.ready(interest) => drop(ready.map_err(Unable::Failed)?),
            }
        }
    }

    /// Whether so much has moved since the last wait that the next one will be short, and nobody else
    /// needs this thread meanwhile.
    fn is_busy(&mut self) -> bool {
        std::mem::take(&mut self.moved) >= WORTH && self.seat.is_alone()
    }
}

fn would_block(done: &io::Result<usize>) -> bool {
    done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Whether the connection is ready within [`PATIENCE`]; nothing else wakes this thread.
fn soon(conn: &TcpStream, interest: Interest) -> bool {
    let flags = if interest.is_readable() { PollFlags::IN } else { PollFlags::OUT };
    poll(&mut [PollFd::new(conn, flags)], Some(&PATIENCE)).is_ok_and(|ready| ready > 0)
}

/// Where the octets are between the two connections.
#[derive(Debug)]
pub(super) enum Hold {
    #[cfg(target_os = "linux")]
    Pipe(Pipe),
    Room(Room),
}

#[derive(Debug, Default)]
pub(super) struct Room {
    octets: Vec<u8>,
    /// So many of them have been drained.
    gone: usize,
    seen: Option<Sha256>,
}

impl Hold {
    fn first(look: Look) -> Self {
        let seen = match look {
            Look::Sha256 => Some(Sha256::new()),
            Look::Away => None,
        };
        #[cfg(target_os = "linux")]
        if seen.is_none()
            && let Some(pipe) = Pipe::new()
        {
            return Self::Pipe(pipe);
        }
        Self::Room(Room { seen, ..Room::default() })
    }

    /// The same where the kernel does not see the octets.
    fn seen(self) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(_) => Self::Room(Room::default()),
            Self::Room(room) => Self::Room(room),
        }
    }

    /// Takes what the connection has; 0 is its end. Everything before has been drained.
    fn fill(&mut self, from: &TcpStream, inside: &mut Option<Layer>) -> io::Result<usize> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => match pipe.take_from(from, usize::MAX) {
                Err(Errno::INVAL | Errno::NOSYS) => {
                    *self = Self::Room(Room::default());
                    self.fill(from, inside)
                }
                taken => Ok(taken?),
            },
            Self::Room(room) => {
                room.octets.resize(ROOM, 0);
                let read = match inside {
                    Some(inside) => inside.read(from, &mut room.octets)?,
                    None => rustix::io::read(from, room.octets.as_mut_slice())?,
                };
                room.octets.truncate(read);
                room.gone = 0;
                if let Some(seen) = &mut room.seen {
                    seen.update(&room.octets);
                }
                Ok(read)
            }
        }
    }

    /// Gives the connection some of the `left` octets.
    fn drain(&mut self, to: &TcpStream, inside: &mut Option<Layer>, left: usize) -> io::Result<usize> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => match pipe.give_to(to, left) {
                Err(Errno::INVAL | Errno::NOSYS) => {
                    let mut room = Room::default();
                    pipe.take(left, &mut room.octets)?;
                    *self = Self::Room(room);
                    self.drain(to, inside, left)
                }
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                given => Ok(given?),
            },
            Self::Room(room) => {
                let piece = room.octets.get(room.gone..).unwrap_or_default();
                let sent = match inside {
                    Some(inside) => inside.write(to, piece)?,
                    None => rustix::io::write(to, piece)?,
                };
                room.gone += sent;
                Ok(sent)
            }
        }
    }

    fn digest(self) -> Option<String> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(_) => None,
            Self::Room(room) => room.seen.map(crate::hash::hex),
        }
    }
}

/// How much is read at once where octets are not spliced.
const ROOM: usize = 256 * 1024;
/// What moves between two waits of a busy pair at least, and how long it waits at most without the
/// reactor: meanwhile the other direction and a stop wait too.
const WORTH: usize = 64 * 1024;
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// After so many rounds others get the thread.
const ROUNDS: u64 = 16;
