//! A listing to a connection, as it is made, and the lines of one that arrives.

use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ftp_proto::coding::{BlockCodes, BlockReader, NotBlocks};
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio_stream::Stream;

use super::burst::{Finished, Step, Work, run};
use super::coding::ModeWriter;
use super::data::{DataConnection, Detached};
use super::{CopyEnd, CopyReport, Encoding};
use crate::connection::Connection;
use crate::meter::Meter;
use crate::tls::Data;

/// What makes a listing, a piece at a time, while it is sent.
pub trait Pieces: Send + 'static {
    /// Appends the next piece to `room`, line ends included, and says whether another one may follow.
    /// A piece may be empty. This may block on the disk, but not for long: a transfer that is to stop
    /// waits for it.
    ///
    /// # Errors
    /// The listing cannot be read further. What is in `room` is not sent.
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>>;

    /// Whether the bytes mark their own end.
    fn mark_end(&self) -> bool {
        false
    }
}

/// A listing that does not cross the connection as it is (MODE B, MODE Z).
#[derive(Debug)]
pub struct Encoded<P> {
    pieces: P,
    writer: Option<ModeWriter>,
    plain: Vec<u8>,
}

impl<P> Encoded<P> {
    /// Encodes what `pieces` makes.
    pub fn new(pieces: P, encoding: Encoding) -> Self {
        Self { pieces, writer: ModeWriter::new(encoding), plain: Vec::new() }
    }

    /// What makes the listing.
    pub fn into_inner(self) -> P {
        self.pieces
    }
}

impl<P: Pieces> Pieces for Encoded<P> {
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
        let Some(writer) = &mut self.writer else { return self.pieces.next(room) };
        self.plain.clear();
        let more = self.pieces.next(&mut self.plain)?;
        writer.encode(&self.plain, more.is_break(), room)?;
        Ok(more)
    }

    fn mark_end(&self) -> bool {
        self.writer.is_some()
    }
}

/// Sends all `pieces`, then closes the connection in order, or keeps it if `keep` ([`CopyReport::kept`]). A piece is made and sent on one thread that
/// may block, and the next one is not made before the connection has taken it. So a peer that does not
/// read costs one piece and no thread. An error in `pieces` ends the copy as [`CopyEnd::File`]. Unless all
/// of it was sent, or if the future is dropped, the connection is reset.
///
/// Returns `pieces`, unless the connection was not there to begin with.
pub async fn send_pieces<P: Pieces>(
    pieces: P,
    data: impl Into<Data>,
    keep: bool,
    meter: &Meter,
) -> (CopyReport, P) {
    let connection = match DataConnection::open_to_send(data.into(), meter).await {
        Ok(connection) => connection,
        Err(end) => return (CopyReport::plain(0, end), pieces),
    };
    let work = Outgoing { pieces, piece: Vec::new(), sent: 0, last: false };
    let Finished { end, connection, work } = run(connection, work, meter).await;
    let (end, kept) = DataConnection::conclude(connection, end, (keep, work.pieces.mark_end()), meter).await;
    (CopyReport { kept, ..CopyReport::plain(meter.moved(), end) }, work.pieces)
}

/// A listing on its way to a connection.
struct Outgoing<P> {
    pieces: P,
    /// The piece that is being sent.
    piece: Vec<u8>,
    /// How much of it the connection has taken.
    sent: usize,
    /// Whether no other piece follows it.
    last: bool,
}

impl<P: Pieces> Work for Outgoing<P> {
    const INTEREST: Interest = Interest::WRITABLE;
    /// A directory takes a hundred times as long as a file of the same length. Each burst costs two changes of the
    /// thread: four times as many take 2 to 3 % more of the processor.
    const QUOTA: usize = 1024 * 1024;

    fn step(&mut self, connection: &mut Detached, _: &mut Vec<u8>, most: usize) -> Step {
        if self.sent == self.piece.len() {
            if self.last {
                return Step::Ended(CopyEnd::Whole);
            }
            self.piece.clear();
            self.sent = 0;
            match self.pieces.next(&mut self.piece) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => self.last = true,
                Err(error) => return Step::Ended(CopyEnd::File(error)),
            }
        }
        let rest = self.piece.get(self.sent..).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or(rest);
        if rest.is_empty() {
            return Step::Moved(0);
        }
        Step::sent(connection.write(rest), |sent| self.sent += sent)
    }
}

/// Returns the lines that `data` brings, without their line ends (CR LF or LF). A last line without a
/// line end counts. An end by reset is an error, inside TLS an end without close_notify too, and so is a
/// line longer than `limit` bytes; nothing follows an error. `meter` counts the bytes as they come. With `blocks` the listing comes in
/// blocks (MODE B), and the last block must say that it is the last.
pub fn lines<D: Into<Data>>(data: D, blocks: Option<BlockCodes>, limit: usize, meter: &Meter) -> Lines {
    let conn = Source::Opening(Box::pin(data.into().open()));
    Lines {
        conn: Some(conn),
        blocks: blocks.map(BlockReader::new),
        kept: None,
        limit,
        meter: meter.clone(),
        held: Vec::new(),
        start: 0,
        searched: 0,
    }
}

/// Where the lines come from.
enum Source {
    /// The handshake, if there is one.
    Opening(Pin<Box<dyn Future<Output = io::Result<Connection>> + Send>>),
    Open(Connection),
}

impl Source {
    /// Reads what comes; nothing is the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            *self = match self {
                Self::Opening(opening) => Self::Open(ready!(opening.as_mut().poll(cx))?),
                Self::Open(connection) => {
                    ready!(Pin::new(&mut *connection).poll_read(cx, room))?;
                    if room.filled().is_empty() {
                        // Nothing waits until the peer has heard that its end was understood.
                        let _ = connection.close_notify();
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

/// The lines of a listing that arrives.
pub struct Lines {
    /// `None` after the end.
    conn: Option<Source>,
    /// What takes its blocks apart, if it comes in blocks.
    blocks: Option<BlockReader>,
    /// The connection, if the last block has come.
    kept: Option<Connection>,
    limit: usize,
    meter: Meter,
    held: Vec<u8>,
    /// Where the next line starts in `held`.
    start: usize,
    /// There is no LF in `held` between `start` and here.
    searched: usize,
}

impl Lines {
    /// The connection, if all lines have come and it is still open.
    pub fn into_kept(self) -> Option<Connection> {
        self.kept
    }

    /// Takes bytes that have come.
    fn take(&mut self, mut piece: &[u8]) -> io::Result<()> {
        let Some(blocks) = &mut self.blocks else {
            self.held.extend_from_slice(piece);
            return Ok(());
        };
        while !piece.is_empty() {
            let bytes = blocks.next(&mut piece).map_err(|NotBlocks| not_blocks())?;
            self.held.extend_from_slice(bytes);
        }
        if blocks.has_ended()
            && let Some(Source::Open(connection)) = self.conn.take()
        {
            self.kept = Some(connection);
        }
        Ok(())
    }

    /// The connection has ended.
    fn end(&mut self) -> io::Result<()> {
        self.conn = None;
        if self.blocks.is_some() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let fresh = self.held.get(self.searched..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.held.len();
            return None;
        };
        let end = self.searched + at;
        let line = self.held.get(self.start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        (self.start, self.searched) = (end + 1, end + 1);
        Some(line)
    }

    /// Drops the lines that were taken.
    fn compact(&mut self) {
        self.held.drain(..self.start.min(self.held.len()));
        (self.start, self.searched) = (0, self.held.len());
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        self.conn = None;
        self.held.clear();
        self.compact();
        error
    }
}

impl Stream for Lines {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(line) = this.take_line() {
                return Poll::Ready(Some(if line.len() > this.limit {
                    Err(this.fail(too_long()))
                } else {
                    Ok(line)
                }));
            }
            this.compact();
            let Some(conn) = &mut this.conn else {
                let mut last = std::mem::take(&mut this.held);
                this.searched = 0;
                if last.last() == Some(&b'\r') {
                    last.pop();
                }
                let line = if last.len() > this.limit { Err(too_long()) } else { Ok(last) };
                let more = line.as_ref().map_or(true, |last| !last.is_empty());
                return Poll::Ready(more.then_some(line));
            };
            // One more for a CR whose LF is still to come.
            if this.held.len() > this.limit.saturating_add(1) {
                return Poll::Ready(Some(Err(this.fail(too_long()))));
            }
            let mut space = [0; PIECE];
            // What stands behind the end of the listing is left where it is.
            let most = this.blocks.as_ref().map_or(PIECE, |blocks| blocks.wanted().min(PIECE));
            let mut piece = ReadBuf::new(space.get_mut(..most).unwrap_or_default());
            let read = ready!(conn.poll_read(context, &mut piece));
            this.meter.add(piece.filled().len());
            let taken = read.and_then(|()| match piece.filled() {
                [] => this.end(),
                bytes => this.take(bytes),
            });
            if let Err(error) = taken {
                return Poll::Ready(Some(Err(this.fail(error))));
            }
        }
    }
}

fn not_blocks() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the listing is not in blocks")
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a line of the listing is too long")
}

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;
