//! The seam for a simulation: a host that exists only in this process takes the place of the real one.
//!
//! While a thread has entered a [`Host`], everything of this crate that touches the outside asks it instead of the system:
//! connections and ports ([`crate::socket`]), the calendar ([`crate::clock`]) and random bytes ([`crate::random`]); work that
//! may block ([`crate::blocking`]) is done at once. A simulation enters the host of a program whenever it lets the tasks of
//! that program go on. Files stay those of the system.
//!
//! Nothing of this happens in a program that enters no host.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ftp_proto::listing::When;

use crate::lock::Lock;

/// A host of a simulation.
pub trait Host: Debug + Send + Sync {
    /// Connects to `to` from `from`, whose address may be unspecified and whose port may be 0.
    fn connect(&self, from: SocketAddr, to: SocketAddr) -> Connecting;

    /// Takes a port. Port 0 stands for any free one. Returns the port.
    ///
    /// # Errors
    ///
    /// The address is none of this host, or the port is taken.
    fn bind(&self, at: SocketAddr) -> io::Result<SocketAddr>;

    /// Gives a port back.
    fn release(&self, at: SocketAddr);

    /// Listens at a port that this host has.
    ///
    /// # Errors
    ///
    /// Another socket listens there.
    fn listen(&self, at: SocketAddr) -> io::Result<Backlog>;

    /// The addresses of a name.
    ///
    /// # Errors
    ///
    /// The simulation has no host of that name.
    fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>>;

    /// The addresses of this host.
    fn addresses(&self) -> Vec<IpAddr>;

    /// The address of this host from which it reaches `to`.
    fn route(&self, to: IpAddr) -> Option<IpAddr>;

    /// Fills `room` with bytes that the seed of the simulation chooses.
    fn random(&self, room: &mut [u8]);

    /// A variable of the environment of the programs of this host.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// A program has written this to standard output or standard error.
    fn print(&self, bytes: &[u8]);

    /// What a program reads as standard input.
    ///
    /// # Errors
    ///
    /// The program has none.
    fn input(&self) -> io::Result<File>;

    /// Where a program writes a file that goes to standard output.
    ///
    /// # Errors
    ///
    /// The program has none.
    fn output(&self) -> io::Result<File>;

    /// What the date is.
    fn today(&self) -> When;

    /// The date of the stores, if the hosts of the simulation share them: then a store in a directory behaves like one in a database
    /// of another host. The inner failure: this host does not reach them now.
    fn shared_stores(&self) -> Option<io::Result<When>> {
        None
    }
}

/// A connection that begins.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Socket>> + Send>>;

thread_local! {
    static ENTERED: RefCell<Option<Arc<dyn Host>>> = const { RefCell::new(None) };
}

/// The host that this thread has entered.
pub fn host() -> Option<Arc<dyn Host>> {
    ENTERED.with_borrow(Clone::clone)
}

/// Whether this thread has entered a host that shares its stores with others.
pub fn shares_stores() -> bool {
    host().is_some_and(|host| host.shared_stores().is_some())
}

/// A variable of the environment of this program.
pub fn variable(name: &str) -> Option<OsString> {
    host().map_or_else(|| std::env::var_os(name), |host| host.variable(name))
}

/// Enters `host` until the value that is returned is dropped.
pub fn enter(host: Arc<dyn Host>) -> EnteredHost {
    let before = ENTERED.replace(Some(host));
    EnteredHost { before, not_send: PhantomData }
}

/// A thread has entered a host. Dropping it leaves the host.
#[derive(Debug)]
pub struct EnteredHost {
    before: Option<Arc<dyn Host>>,
    /// It belongs to its thread.
    not_send: PhantomData<*const ()>,
}

impl Drop for EnteredHost {
    fn drop(&mut self) {
        ENTERED.set(self.before.take());
    }
}

/// One direction of a connection: bytes leave one end, and come to the other one when the simulation delivers them.
#[derive(Clone, Debug, Default)]
pub struct Direction(Arc<Mutex<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    /// What was written and not delivered.
    sent: VecDeque<u8>,
    /// What was delivered and not read.
    come: VecDeque<u8>,
    /// How the writer has ended it.
    ended: Option<End>,
    /// The same, once it was delivered.
    seen: Option<End>,
    /// The reader has closed its end.
    is_unread: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
}

/// How one direction of a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Nothing more follows (FIN).
    InOrder,
    /// The connection is gone (RST).
    Reset,
}

impl Direction {
    /// How many bytes were written and not delivered.
    pub fn under_way(&self) -> usize {
        self.0.locked().sent.len()
    }

    /// Lets `change` look at what is under way behind the first `skipped` bytes, and change it.
    pub fn rewrite(&self, skipped: usize, change: impl FnOnce(&mut [u8])) {
        if let Some(rest) = self.0.locked().sent.make_contiguous().get_mut(skipped..) {
            change(rest);
        }
    }

    /// How the writer has ended it, if that was not delivered.
    pub fn end_under_way(&self) -> Option<End> {
        let bytes = self.0.locked();
        bytes.ended.filter(|end| bytes.seen != Some(*end))
    }

    /// Whether the reader has seen its end.
    pub fn is_over(&self) -> bool {
        self.0.locked().seen.is_some()
    }

    /// Whether the reader has closed its end.
    pub fn is_unread(&self) -> bool {
        self.0.locked().is_unread
    }

    /// Delivers `count` bytes, and the end if it follows them. A reset overtakes what is under way. What comes to a
    /// closed end is lost; returns whether that happened.
    pub fn deliver(&self, count: usize) -> bool {
        let bytes = &mut *self.0.locked();
        if bytes.ended == Some(End::Reset) {
            bytes.sent.clear();
            bytes.come.clear();
        }
        let count = count.min(bytes.sent.len());
        let lost = bytes.is_unread && (count > 0 || bytes.ended == Some(End::Reset));
        let come = bytes.sent.drain(..count);
        if bytes.is_unread {
            drop(come)
        } else {
            bytes.come.extend(come)
        }
        if bytes.sent.is_empty() {
            bytes.seen = bytes.ended;
        }
        bytes.wake();
        lost
    }

    /// Ends it from the network: the reader sees `end`, and the writer's next write fails.
    pub fn cut(&self, end: End) {
        let bytes = &mut *self.0.locked();
        bytes.sent.clear();
        (bytes.ended, bytes.seen) = (Some(end), Some(end));
        if end == End::Reset {
            bytes.come.clear();
        }
        bytes.wake();
    }

    fn read(&self, room: &mut [u8], keeps: bool) -> io::Result<usize> {
        let bytes = &mut *self.0.locked();
        if bytes.come.is_empty() {
            return match bytes.seen {
                Some(End::Reset) => Err(ErrorKind::ConnectionReset.into()),
                Some(End::InOrder) => Ok(0),
                None => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let count = room.len().min(bytes.come.len());
        for (to, from) in room.iter_mut().zip(bytes.come.iter()) {
            *to = *from;
        }
        if !keeps {
            bytes.come.drain(..count);
            bytes.wake();
        }
        Ok(count)
    }

    fn write(&self, pieces: &[&[u8]]) -> io::Result<usize> {
        let bytes = &mut *self.0.locked();
        match bytes.ended {
            Some(End::Reset) => return Err(ErrorKind::ConnectionReset.into()),
            Some(End::InOrder) => return Err(ErrorKind::BrokenPipe.into()),
            None => {}
        }
        let mut written = 0;
        for piece in pieces {
            let room = WINDOW.saturating_sub(bytes.sent.len() + bytes.come.len());
            let taken = piece.get(..room).unwrap_or(piece);
            bytes.sent.extend(taken);
            written += taken.len();
        }
        if written == 0 && pieces.iter().any(|piece| !piece.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(written)
    }

    fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let bytes = &mut *self.0.locked();
        if !bytes.come.is_empty() || bytes.seen.is_some() {
            return Poll::Ready(());
        }
        bytes.readers.push(cx.waker().clone());
        Poll::Pending
    }

    fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        let bytes = &mut *self.0.locked();
        if bytes.ended.is_some() || bytes.sent.len() + bytes.come.len() < WINDOW {
            return Poll::Ready(());
        }
        bytes.writers.push(cx.waker().clone());
        Poll::Pending
    }

    fn end(&self, end: End) {
        let bytes = &mut *self.0.locked();
        if bytes.ended != Some(End::Reset) {
            bytes.ended = Some(end);
        }
        bytes.wake();
    }
}

impl Bytes {
    fn wake(&mut self) {
        for waker in self.readers.drain(..).chain(self.writers.drain(..)) {
            waker.wake();
        }
    }
}

/// One end of a connection.
#[derive(Debug)]
pub struct Socket {
    local: SocketAddr,
    peer: SocketAddr,
    incoming: Direction,
    outgoing: Direction,
    /// Whether dropping it resets the connection.
    resets: Mutex<bool>,
}

impl Socket {
    /// The end that has the address `local`.
    pub fn new(local: SocketAddr, peer: SocketAddr, incoming: Direction, outgoing: Direction) -> Self {
        Self { local, peer, incoming, outgoing, resets: Mutex::new(false) }
    }

    /// The address of this end.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The address of the other end.
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Says whether dropping it resets the connection.
    pub(crate) fn set_resets(&self, resets: bool) {
        *self.resets.locked() = resets;
    }

    /// Nothing more follows.
    pub(crate) fn shut_down_writing(&self) {
        self.outgoing.end(End::InOrder);
    }

    pub(crate) fn read(&self, room: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(room, false)
    }

    pub(crate) fn peek(&self, room: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(room, true)
    }

    /// Sends bytes as far as there is room. Returns how many.
    ///
    /// # Errors
    ///
    /// This end is closed, or there is no room.
    pub fn write(&self, pieces: &[&[u8]]) -> io::Result<usize> {
        self.outgoing.write(pieces)
    }

    pub(crate) fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        self.incoming.poll_readable(cx)
    }

    pub(crate) fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        self.outgoing.poll_writable(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let unread = {
            let bytes = &mut *self.incoming.0.locked();
            bytes.is_unread = true;
            !std::mem::take(&mut bytes.come).is_empty()
        };
        // A system that closes a connection with something unread in it resets it (RFC 2525 2.17).
        let resets = unread || *self.resets.locked();
        self.outgoing.end(if resets { End::Reset } else { End::InOrder });
    }
}

/// Connections that have come to a port and wait to be accepted.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<Mutex<WaitingSockets>>);

#[derive(Debug, Default)]
struct WaitingSockets {
    sockets: VecDeque<Socket>,
    wakers: Vec<Waker>,
    is_closed: bool,
}

impl Backlog {
    /// A connection has come. Returns whether the port still listens.
    pub fn arrive(&self, socket: Socket) -> bool {
        let waiting = &mut *self.0.locked();
        if waiting.is_closed {
            return false;
        }
        waiting.sockets.push_back(socket);
        waiting.wakers.drain(..).for_each(Waker::wake);
        true
    }

    /// Whether its listener is closed.
    pub fn is_closed(&self) -> bool {
        self.0.locked().is_closed
    }

    pub(crate) fn poll_accept(&self, cx: &Context<'_>) -> Poll<Socket> {
        let waiting = &mut *self.0.locked();
        match waiting.sockets.pop_front() {
            Some(socket) => Poll::Ready(socket),
            None => {
                waiting.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn take(&self) -> Option<Socket> {
        self.0.locked().sockets.pop_front()
    }

    /// Closes it: what waits is reset.
    pub(crate) fn close(&self) {
        let sockets = {
            let waiting = &mut *self.0.locked();
            waiting.is_closed = true;
            std::mem::take(&mut waiting.sockets)
        };
        for socket in sockets {
            socket.set_resets(true);
        }
    }
}

/// How many bytes of one direction may be written and not read.
const WINDOW: usize = 64 * 1024;
