//! A connection to a file: splice where it can be, otherwise read and write.

use std::fs::File;
use std::future::pending;
use std::io::{self, Write};

use tokio::io::Interest;

#[cfg(test)]
use super::Coding;
use super::burst::{Step, Work, run};
use super::coding::Decoder;
use super::data::{DataConnection, Detached, KeptConnection};
#[cfg(target_os = "linux")]
use super::pipe::{Drained, Filled, LARGE, Pipe};
use super::{CopyEnd, CopyReport, Format, room};
use crate::blocking;
use crate::connection::Connection;
use crate::meter::Meter;
use crate::socket::end_by_reset;
use crate::tls::Data;

/// Writes what `data` brings to `file`, from the file's position on. Only a connection that was closed
/// in order is [`CopyEnd::Whole`] (E10), inside TLS by close_notify. Gives the file back in any case. If
/// the copy does not succeed, or the future is dropped, the connection is reset.
pub async fn receive(
    data: impl Into<Data>,
    sink: impl Into<Sink<File>>,
    format: impl Into<Format>,
    meter: &Meter,
) -> (CopyReport, File) {
    let ((moved, file), kept) =
        Receipt::new(data, sink, format).receive(meter, |moved, file| (moved, file)).await;
    (CopyReport { kept, ..moved }, file)
}

#[cfg(test)]
pub(super) async fn receive_by(
    how: ReceiveStrategy,
    data: Data,
    sink: impl Into<Sink<File>>,
    meter: &Meter,
) -> (CopyReport, File) {
    let receipt = Receipt { data, body: Body { sink: sink.into(), how }, keep: false };
    receipt.receive(meter, |moved, file| (moved, file)).await.0
}

/// What is to be received, as [`receive`] does it, in up to two steps: what has come already, and the rest.
#[derive(Debug)]
pub struct Receipt<S = File> {
    data: Data,
    body: Body<S>,
    keep: bool,
}

impl<S: Receiver> Receipt<S> {
    /// Nothing was received yet.
    pub fn new(data: impl Into<Data>, sink: impl Into<Sink<S>>, format: impl Into<Format>) -> Self {
        let (format, sink) = (format.into(), sink.into());
        let how = if format == Format::default() {
            if sink.to.file().is_some() { ReceiveStrategy::first() } else { ReceiveStrategy::Buffered }
        } else {
            ReceiveStrategy::Coded(Box::new(Decoder::new(&format)))
        };
        Self { data: data.into(), body: Body { sink, how }, keep: format.keep }
    }

    /// Takes what has come already. Call it on a thread that may block on the file; it never waits for the
    /// connection.
    pub fn take_ready(mut self, meter: &Meter) -> ReceiptProgress<S> {
        let Some(connection) = self.data.clear() else { return ReceiptProgress::More(self) };
        end_by_reset(connection.socket());
        let Some(end) = self.body.take_ready(connection, meter) else { return ReceiptProgress::More(self) };
        let kept = match self.data.into_open() {
            Some(connection) if matches!(end, CopyEnd::Whole) => {
                DataConnection::end_file(connection, self.keep)
            }
            Some(_) | None => None,
        };
        let (digest, file) = self.body.into_parts();
        ReceiptProgress::Ended(CopyReport { digest, kept, ..CopyReport::plain(meter.moved(), end) }, file)
    }

    /// Takes what is still to come, and passes the file to `finish` on the thread that has written its last bytes;
    /// the copy is over then, and its connection has ended. Returns the connection if it stays open instead.
    pub async fn receive<T: Send + 'static>(
        self,
        meter: &Meter,
        finish: impl FnOnce(CopyReport, S) -> T + Send + 'static,
    ) -> (T, Option<KeptConnection>) {
        let Self { data, body, keep } = self;
        let mut work = Incoming { rest: Some((body, Box::new(finish))), keep, finished: None };
        let (end, connection) = match DataConnection::open(data, meter).await {
            Ok(connection) => {
                work.under(connection.connection().has_tls());
                let finished = run(connection, work, meter).await;
                work = finished.work;
                (finished.end, finished.connection)
            }
            Err(end) => (end, None),
        };
        let (end, kept) = match (end, connection) {
            (CopyEnd::Whole, Some(connection)) if keep => connection.keep(meter).await,
            (CopyEnd::Whole, Some(connection)) => {
                connection.close();
                (CopyEnd::Whole, None)
            }
            (end, _) => (end, None),
        };
        (work.finished(end, meter).await, kept)
    }
}

/// What [`Receipt::take_ready`] has found.
#[derive(Debug)]
#[must_use]
pub enum ReceiptProgress<S = File> {
    /// The copy is over.
    Ended(CopyReport, S),
    /// There may be more to come: nothing of what was taken is lost.
    More(Receipt<S>),
}

/// A file, and how its bytes come.
#[derive(Debug)]
struct Body<S> {
    sink: Sink<S>,
    how: ReceiveStrategy,
}

impl<S: Receiver> Body<S> {
    /// Takes what has come already, if it is not much. Returns how the copy has ended, if it has.
    fn take_ready(&mut self, connection: &Connection, meter: &Meter) -> Option<CopyEnd> {
        let (mut left, mut buffer) = (READY, Vec::new());
        loop {
            if meter.is_stopped() {
                return Some(CopyEnd::Stopped);
            }
            let most = meter.allowance().ok()?.min(left);
            let step = match &mut self.how {
                ReceiveStrategy::Coded(decoder) => {
                    decoder.step(&mut self.sink, most, |most| ready(connection, &mut buffer, most))
                }
                #[cfg(target_os = "linux")]
                ReceiveStrategy::Splice(_) => self.sink.store(ready(connection, &mut buffer, most)),
                ReceiveStrategy::Buffered => self.sink.store(ready(connection, &mut buffer, most)),
            };
            match step {
                Step::Moved(bytes) => {
                    meter.add(bytes);
                    left = left.saturating_sub(bytes);
                }
                Step::Wait => return None,
                Step::Ended(end) => return Some(end),
            }
            if left == 0 {
                return None;
            }
        }
    }

    /// The digest, if one was wanted, and the file.
    fn into_parts(self) -> (Option<(String, u64)>, S) {
        (self.how.digest(), self.sink.to)
    }
}

/// What has come to a connection that the reactor knows, at most `most` bytes.
fn ready<'a>(connection: &Connection, buffer: &'a mut Vec<u8>, most: usize) -> io::Result<&'a [u8]> {
    let read = connection.read_now(room(buffer, most.min(READY_PIECE)))?;
    Ok(buffer.get(..read).unwrap_or_default())
}

/// What is done with a file after its last byte.
type Finish<S, T> = Box<dyn FnOnce(CopyReport, S) -> T + Send>;

/// A file that comes from a connection.
struct Incoming<S, T> {
    /// `None` once it is finished.
    rest: Option<(Body<S>, Finish<S, T>)>,
    /// Whether the connection stays open after a whole file.
    keep: bool,
    finished: Option<T>,
}

impl<S: Receiver, T: Send + 'static> Incoming<S, T> {
    /// What comes is inside TLS, or not.
    fn under(&mut self, tls: bool) {
        if let Some((body, _)) = &mut self.rest {
            body.how = std::mem::replace(&mut body.how, ReceiveStrategy::Buffered).under(tls);
        }
    }

    /// Finishes the file, unless that was done when its last byte came.
    async fn finished(mut self, end: CopyEnd, meter: &Meter) -> T {
        if let Some(finished) = self.finished.take() {
            return finished;
        }
        let (pass, moved) = (meter.pass().await, meter.moved());
        let finish = move || {
            let _pass = pass;
            self.finish(end, moved);
            self.finished
        };
        match blocking::result_of(blocking::spawn(finish)).await {
            Some(finished) => finished,
            None => pending().await,
        }
    }

    fn finish(&mut self, end: CopyEnd, bytes: u64) {
        if let Some((body, finish)) = self.rest.take() {
            let (digest, file) = body.into_parts();
            self.finished = Some(finish(CopyReport { digest, ..CopyReport::plain(bytes, end) }, file));
        }
    }
}

impl<S: Receiver, T: Send + 'static> Work for Incoming<S, T> {
    const INTEREST: Interest = Interest::READABLE;

    fn step(&mut self, connection: &mut Detached, buffer: &mut Vec<u8>, most: usize) -> Step {
        let Some((Body { sink, how }, _)) = &mut self.rest else { return Step::Ended(CopyEnd::Stopped) };
        match how {
            #[cfg(target_os = "linux")]
            ReceiveStrategy::Splice(pipe) => {
                let (step, works) = splice(pipe, connection, sink, (buffer, most));
                if !works {
                    *how = ReceiveStrategy::Buffered;
                }
                step
            }
            ReceiveStrategy::Buffered => sink.store(read(connection, buffer, most)),
            ReceiveStrategy::Coded(decoder) => {
                decoder.step(sink, PIECE.min(most), |most| read(connection, buffer, most))
            }
        }
    }

    /// The file is finished here. A file that has to be kept waits until the connection is ready for the next one.
    fn ended(&mut self, end: &CopyEnd, connection: Detached, meter: &Meter) -> Option<Detached> {
        match end {
            CopyEnd::Whole if self.keep && connection.has_tls() => return Some(connection),
            CopyEnd::Whole if self.keep => {
                self.finish(CopyEnd::Whole, meter.moved());
                return Some(connection);
            }
            CopyEnd::Whole => {
                connection.close();
                self.finish(CopyEnd::Whole, meter.moved());
            }
            CopyEnd::Broken(_) | CopyEnd::Stopped | CopyEnd::File(_) => drop(connection),
        }
        None
    }
}

/// How a file is received.
#[derive(Debug)]
pub(super) enum ReceiveStrategy {
    #[cfg(target_os = "linux")]
    Splice(Option<Pipe>),
    Buffered,
    /// The bytes on the connection are others than those of the file, or something is done with them.
    Coded(Box<Decoder>),
}

impl ReceiveStrategy {
    /// The fastest for files that travel as they are.
    fn first() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Splice(None);
        #[cfg(not(target_os = "linux"))]
        return Self::Buffered;
    }

    /// The same, or what comes closest to it inside TLS, where the kernel does not see the bytes.
    fn under(self, tls: bool) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Splice(_) if tls => Self::Buffered,
            other => other,
        }
    }

    /// The digest that was computed, if one was wanted.
    fn digest(self) -> Option<(String, u64)> {
        match self {
            Self::Coded(decoder) => decoder.digest(),
            #[cfg(target_os = "linux")]
            Self::Splice(_) => None,
            Self::Buffered => None,
        }
    }
}

/// One pipe full, and whether splice works here; if not, nothing is lost.
#[cfg(target_os = "linux")]
fn splice<S: Receiver>(
    pipe: &mut Option<Pipe>,
    connection: &Detached,
    sink: &mut Sink<S>,
    (buffer, most): (&mut Vec<u8>, usize),
) -> (Step, bool) {
    let Some(socket) = connection.socket().descriptor() else { return (Step::Moved(0), false) };
    let pipe = match pipe {
        Some(pipe) => pipe,
        None => match Pipe::of(LARGE) {
            Some(new) => pipe.insert(new),
            None => return (Step::Moved(0), false),
        },
    };
    let filled = match pipe.fill(socket, most) {
        Filled::End => return (Step::Ended(CopyEnd::Whole), true),
        Filled::Bytes(filled) => filled,
        Filled::Refused => return (Step::Moved(0), false),
        Filled::Failed(error) => return (Step::failed(error.into()), true),
    };
    if let Err(error) = sink.take(filled) {
        return (Step::Ended(CopyEnd::File(error)), true);
    }
    let drained = match sink.to.file() {
        Some(file) => pipe.drain(file, filled),
        None => Ok(Drained::Refused { left: filled }),
    };
    match drained {
        Ok(Drained::All) => (Step::Moved(filled), true),
        Ok(Drained::Refused { left }) => {
            let rest = pipe.take(left, buffer).and_then(|rest| sink.to.write(rest));
            let step = rest.map_or_else(|error| Step::Ended(CopyEnd::File(error)), |()| Step::Moved(filled));
            (step, false)
        }
        Err(error) => (Step::Ended(CopyEnd::File(error)), true),
    }
}

/// What has come, at most `most` bytes.
fn read<'a>(connection: &mut Detached, buffer: &'a mut Vec<u8>, most: usize) -> io::Result<&'a [u8]> {
    let read = connection.read(room(buffer, PIECE.min(most)))?;
    Ok(buffer.get(..read).unwrap_or_default())
}

/// Bytes that are read at once where splice is not used.
const PIECE: usize = 256 * 1024;
/// Bytes that [`Receipt::take_ready`] takes: a file that is larger is better spliced.
const READY: usize = 64 * 1024;
/// Bytes of them that are read at once.
const READY_PIECE: usize = 16 * 1024;

/// All strategies, for the tests that compare them.
#[cfg(test)]
pub(super) fn all_strategies() -> Vec<ReceiveStrategy> {
    vec![
        ReceiveStrategy::first(),
        ReceiveStrategy::Buffered,
        ReceiveStrategy::Coded(Box::new(Decoder::new(&Coding::Ascii.into()))),
    ]
}

#[cfg(test)]
impl ReceiveStrategy {
    pub(super) fn again(&self) -> Self {
        match self {
            #[cfg(target_os = "linux")]
            Self::Splice(_) => Self::Splice(None),
            Self::Buffered => Self::Buffered,
            Self::Coded(_) => Self::Coded(Box::new(Decoder::new(&Coding::Ascii.into()))),
        }
    }

    pub(super) fn is_ascii(&self) -> bool {
        matches!(self, Self::Coded(_))
    }
}

/// Where a received file goes.
#[derive(Debug)]
pub struct Sink<S = File> {
    pub(super) to: S,
    budget: Option<Box<dyn Budget>>,
}

/// What takes the bytes of a received file.
pub trait Receiver: std::fmt::Debug + Send + 'static {
    /// Takes the next bytes. This may block on a disk.
    ///
    /// # Errors
    ///
    /// They cannot be taken, and the copy ends with [`CopyEnd::File`](super::CopyEnd::File).
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The file that gets the bytes as they are, if there is one: then the kernel may move them.
    fn file(&self) -> Option<&File> {
        None
    }
}

/// It takes a file of which only the digest is wanted.
impl Receiver for io::Sink {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl Receiver for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn file(&self) -> Option<&File> {
        Some(self)
    }
}

/// What a file may take up. It is asked before each write.
pub trait Budget: std::fmt::Debug + Send {
    /// Takes `bytes` more, which are written next.
    ///
    /// # Errors
    ///
    /// There is no room. Nothing is written, and the copy ends with
    /// [`CopyEnd::File`](super::CopyEnd::File).
    fn take(&mut self, bytes: u64) -> io::Result<()>;
}

impl<S: Receiver> Sink<S> {
    /// A file that takes up no more than `budget` allows.
    pub fn with_budget(to: S, budget: Option<Box<dyn Budget>>) -> Self {
        Self { to, budget }
    }

    /// Asks whether so many bytes may be written.
    pub(super) fn take(&mut self, bytes: usize) -> io::Result<()> {
        self.budget.as_mut().map_or(Ok(()), |budget| budget.take(bytes as u64))
    }

    /// Writes bytes, if there is room for them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.take(bytes.len())?;
        self.to.write(bytes)
    }

    /// Writes what a connection has brought; nothing is its end.
    pub(super) fn store(&mut self, piece: io::Result<&[u8]>) -> Step {
        match piece {
            Ok([]) => Step::Ended(CopyEnd::Whole),
            Ok(piece) => match self.write(piece) {
                Ok(()) => Step::Moved(piece.len()),
                Err(error) => Step::Ended(CopyEnd::File(error)),
            },
            Err(error) => Step::failed(error),
        }
    }
}

impl<S: Receiver> From<S> for Sink<S> {
    fn from(to: S) -> Self {
        Self { to, budget: None }
    }
}
