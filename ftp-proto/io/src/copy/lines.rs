//! A listing that arrives: its lines one by one, as the connection brings them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_stream::Stream;

use crate::connection::Connection;
use crate::meter::Meter;
use crate::tls::Data;

/// Returns the lines that `data` brings, without their line ends (CR LF or LF). A last line without a
/// line end counts. An end by reset is an error, inside TLS an end without close_notify too, and so is a
/// line longer than `limit` bytes; nothing follows an error. `meter` counts the bytes as they come.
pub fn lines<D: Into<Data>>(
    data: D,
    limit: usize,
    meter: &Meter,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + Unpin + use<D> {
    let conn = Source::Opening(Box::pin(data.into().open()));
    Lines { conn: Some(conn), limit, meter: meter.clone(), held: Vec::new(), start: 0, searched: 0 }
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

struct Lines {
    /// `None` after the end.
    conn: Option<Source>,
    limit: usize,
    meter: Meter,
    held: Vec<u8>,
    /// Where the next line starts in `held`.
    start: usize,
    /// There is no LF in `held` between `start` and here.
    searched: usize,
}

impl Lines {
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
            let mut piece = ReadBuf::new(&mut space);
            match ready!(conn.poll_read(context, &mut piece)) {
                Ok(()) if piece.filled().is_empty() => this.conn = None,
                Ok(()) => {
                    this.meter.add(piece.filled().len());
                    this.held.extend_from_slice(piece.filled());
                }
                Err(error) => return Poll::Ready(Some(Err(this.fail(error)))),
            }
        }
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a line of the listing is too long")
}

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;
