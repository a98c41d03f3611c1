//! Two connections joined both ways: a relay's work.
//!
//! ```text
//!  a --socket--> [ pipe ] --socket--> b        each direction on its own: an orderly close of one
//!  a <--socket-- [ pipe ] <--socket-- b        is passed on, and the other goes on
//! ```
//!
//! A close is passed on only after everything before it: a reset, an error or a limit resets both
//! connections, so that a cut file never looks whole (E10). Only an empty pipe is filled, and a direction
//! that waits for octets has none. All that happens on one of the threads of `carrier`.

#[cfg(test)]
mod tests;

use std::io;
use std::net::Shutdown;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(target_os = "linux")]
use rustix::io::Errno;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::burst::Conn;
use super::carrier::{Seat, carry};
use super::join::{Pace, Unable};
#[cfg(target_os = "linux")]
use super::pipes::Pipes;
#[cfg(target_os = "linux")]
use super::splice::Pipe;
use super::{Meter, Meters};

/// One of the two connections.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Which {
    /// The first.
    A,
    /// The second.
    B,
}

/// How an exchange ended. Except after [`Parted::Whole`] both connections have been reset.
#[derive(Debug)]
pub enum Parted {
    /// Both were closed in order, and everything has gone.
    Whole,
    /// That connection failed.
    Broken(Which, io::Error),
    /// There were more octets than allowed.
    Limit,
    /// [`Meters::stop`] was called.
    Stopped,
}

/// What an exchange works with.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// From a to b.
    pub forth: Meters,
    /// From b to a.
    pub back: Meters,
    /// The most octets, both ways together.
    pub limit: u64,
    /// Where the pipes come from.
    #[cfg(target_os = "linux")]
    pub pipes: Pipes,
}

impl Exchange {
    /// Carries octets both ways until both connections have been closed in order by their peers. Says to
    /// `half` which of them closed first, once everything that came from it has gone. Where it does not
    /// get there, or the future is dropped, both are reset.
    pub async fn run(&self, a: TcpStream, b: TcpStream, half: impl FnOnce(Which, u64) + Send) -> Parted {
        let (say, mut said) = oneshot::channel();
        let there = self.clone();
        let tell = move |which, octets| {
            // Whoever wanted to know may have gone.
            let _ = say.send((which, octets));
        };
        let work = move |a, b, seat| async move { there.joined(a, b, &seat, tell).await };
        let mut carried = pin!(carry(Conn::new(a), Conn::new(b), work));
        let early = tokio::select! {
            biased;
            Ok((which, octets)) = &mut said => {
                half(which, octets);
                None
            }
            parted = &mut carried => {
                if let Ok((which, octets)) = said.try_recv() {
                    half(which, octets);
                }
                Some(parted)
            }
        };
        let parted = match early {
            Some(parted) => parted,
            None => carried.await,
        };
        parted.unwrap_or_else(|error| Parted::Broken(Which::A, error))
    }

    async fn joined(self, a: Conn, b: Conn, seat: &Seat, half: impl FnOnce(Which, u64) + Send) -> Parted {
        let done = match (a.stream(), b.stream()) {
            (Some(at_a), Some(at_b)) => self.both(at_a, at_b, seat, half).await,
            (None, _) | (_, None) => Err(Parted::Stopped),
        };
        if let Err(parted) = done {
            return parted;
        }
        a.close();
        b.close();
        Parted::Whole
    }

    async fn both(
        &self,
        at_a: &TcpStream,
        at_b: &TcpStream,
        seat: &Seat,
        half: impl FnOnce(Which, u64) + Send,
    ) -> Result<(), Parted> {
        let left = AtomicU64::new(self.limit);
        let forth = self.one_way(at_a, at_b, &self.forth, (&left, seat));
        let back = self.one_way(at_b, at_a, &self.back, (&left, seat));
        tokio::pin!(forth, back);
        let first = tokio::select! {
            done = &mut forth => done.map(|()| Which::A).map_err(|broke| broke.seen(Which::A)),
            done = &mut back => done.map(|()| Which::B).map_err(|broke| broke.seen(Which::B)),
        };
        match first? {
            Which::A => {
                half(Which::A, self.forth.given.moved());
                back.await.map_err(|broke| broke.seen(Which::B))
            }
            Which::B => {
                half(Which::B, self.back.given.moved());
                forth.await.map_err(|broke| broke.seen(Which::A))
            }
        }
    }

    /// One direction, to its orderly end.
    async fn one_way(
        &self,
        from: &TcpStream,
        to: &TcpStream,
        meters: &Meters,
        (left, seat): (&AtomicU64, &Seat),
    ) -> Result<(), Broke> {
        let mut way = self.way();
        let (mut pace, mut rounds) = (Pace::at(seat), 0_u64);
        loop {
            let allowed = usize::try_from(left.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
            // With nothing left one octet is asked for: there must be none.
            let filled =
                pace.at_once(from, Interest::READABLE, &meters.taken, || way.fill(from, allowed.max(1)));
            let mut held = filled.await.map_err(|unable| Broke::of(unable, Broke::From))?;
            if held == 0 {
                let closed = SockRef::from(to).shutdown(Shutdown::Write);
                return closed.map_err(Broke::To);
            }
            let octets = u64::try_from(held).unwrap_or(u64::MAX);
            if left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(octets))
                .is_err()
            {
                return Err(Broke::Limit);
            }
            meters.taken.add(held);
            while held > 0 {
                let drained = pace.at_once(to, Interest::WRITABLE, &meters.given, || way.drain(to, held));
                let gone = drained.await.map_err(|unable| Broke::of(unable, Broke::To))?;
                held = held.saturating_sub(gone);
                meters.given.add(gone);
            }
            // A busy pair leaves the thread to others once in a while.
            rounds += 1;
            if rounds.is_multiple_of(ROUNDS) {
                yield_now().await;
            }
        }
    }

    const fn way(&self) -> Way<'_> {
        Way {
            #[cfg(target_os = "linux")]
            pipes: Some(&self.pipes),
            #[cfg(target_os = "linux")]
            pipe: None,
            room: Vec::new(),
            gone: 0,
            _of: std::marker::PhantomData,
        }
    }
}

/// Why a direction ended before its orderly end.
enum Broke {
    From(io::Error),
    To(io::Error),
    Limit,
    Stopped,
}

impl Broke {
    fn of(unable: Unable, whose: impl FnOnce(io::Error) -> Self) -> Self {
        match unable {
            Unable::Stopped => Self::Stopped,
            Unable::Failed(error) => whose(error),
        }
    }

    /// With `from` as the connection that octets came from.
    fn seen(self, from: Which) -> Parted {
        match (self, from) {
            (Self::From(error), from) => Parted::Broken(from, error),
            (Self::To(error), Which::A) => Parted::Broken(Which::B, error),
            (Self::To(error), Which::B) => Parted::Broken(Which::A, error),
            (Self::Limit, _) => Parted::Limit,
            (Self::Stopped, _) => Parted::Stopped,
        }
    }
}

/// Where the octets of one direction are between the two connections: nowhere, in a borrowed pipe, or
/// in memory where splice does not work or there is no pipe to be had.
struct Way<'a> {
    /// `None` once splice has been refused.
    #[cfg(target_os = "linux")]
    pipes: Option<&'a Pipes>,
    #[cfg(target_os = "linux")]
    pipe: Option<Pipe>,
    room: Vec<u8>,
    /// So many octets of `room` have gone.
    gone: usize,
    _of: std::marker::PhantomData<&'a ()>,
}

impl Way<'_> {
    /// Takes what the connection has, at most so much; 0 is its end. Everything before has gone.
    fn fill(&mut self, from: &TcpStream, most: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if let Some(pipes) = self.pipes
            && let Some(pipe) = self.pipe.take().or_else(|| pipes.take())
        {
            match pipe.take_from(from, most) {
                Ok(0) => {
                    pipes.give(pipe);
                    return Ok(0);
                }
                Ok(taken) => {
                    self.pipe = Some(pipe);
                    return Ok(taken);
                }
                Err(Errno::INVAL | Errno::NOSYS) => {
                    pipes.give(pipe);
                    self.pipes = None;
                }
                Err(error) => {
                    pipes.give(pipe);
                    return Err(error.into());
                }
            }
        }
        self.room.resize(ROOM.min(most), 0);
        self.gone = 0;
        let read = rustix::io::read(from, self.room.as_mut_slice());
        if read.is_err() {
            // A direction that waits keeps nothing.
            self.room = Vec::new();
        }
        let read = read?;
        self.room.truncate(read);
        Ok(read)
    }

    /// Gives the connection some of the `left` octets.
    fn drain(&mut self, to: &TcpStream, left: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if let Some(pipe) = &mut self.pipe {
            match pipe.give_to(to, left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(Errno::INVAL | Errno::NOSYS) => {
                    pipe.take(left, &mut self.room)?;
                    self.gone = 0;
                    if let (Some(pipes), Some(pipe)) = (self.pipes.take(), self.pipe.take()) {
                        pipes.give(pipe);
                    }
                }
                given => return Ok(given?),
            }
        }
        let piece = self.room.get(self.gone..self.gone.saturating_add(left)).unwrap_or_default();
        let sent = rustix::io::write(to, piece)?;
        self.gone += sent;
        Ok(sent)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Way<'_> {
    fn drop(&mut self) {
        if let (Some(pipes), Some(pipe)) = (self.pipes, self.pipe.take()) {
            pipes.lose(pipe);
        }
    }
}

impl Exchange {
    /// What has been taken and given, a's octets first.
    pub fn moved(&self) -> [u64; 4] {
        let of = Meter::moved;
        [of(&self.forth.taken), of(&self.forth.given), of(&self.back.taken), of(&self.back.given)]
    }

    /// Ends it at once, with a reset of both.
    pub fn stop(&self) {
        self.forth.stop();
        self.back.stop();
    }
}

/// How much is read at once where octets are not spliced.
const ROOM: usize = 64 * 1024;
/// After so many rounds others get the thread.
const ROUNDS: u64 = 16;
